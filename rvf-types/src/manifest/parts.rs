//! The parts of a manifest: head, segment entries, dead extents, effort entries.

use crate::bytes::{Grid, Sheet, ensure};
use crate::digest::{SegmentHash, table_length};
use crate::error::{Expected, FormatError};
use crate::header::{SegmentFlags, SegmentHeader, SegmentType, extent};
use crate::kinds::{IdKind, Metric, Operation, VectorKind};
use crate::limits::{
    MANIFEST_BLOCK_LOG, MAX_BLOCK_LOG, MAX_DIMENSION, MAX_ROWS, MIN_BLOCK_LOG, SEGMENT_ALIGN,
};
use crate::wasm::WasmKind;

/// The magic of a manifest.
pub(crate) const MAGIC: [u8; 4] = *b"RVFM";
const LAYOUT: u16 = 1;

/// The manifest before this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Predecessor {
    /// Offset of its segment's header.
    pub offset: u64,
    /// Its payload length in bytes.
    pub payload_length: u64,
    /// Its hash.
    pub hash: SegmentHash,
}

/// The head of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ManifestHead {
    /// The generation, the same as in the root record.
    pub generation: u64,
    /// Rows, at least 1.
    pub rows: u32,
    /// Dimension, 1 to 65,536.
    pub dimension: u32,
    /// The metric.
    pub metric: Metric,
    /// The most exact element type that is kept.
    pub vectors: VectorKind,
    /// What the ids are.
    pub id_kind: IdKind,
    /// The operation that made this generation.
    pub operation: Operation,
    /// The manifest before this one; none in generation 1.
    pub predecessor: Option<Predecessor>,
    /// The hash of the manifest of the file that this one was made from.
    pub lineage: Option<SegmentHash>,
    /// Number of live segments without the ROOT and the MANIFEST.
    pub segments: u32,
    /// Number of dead extents.
    pub dead: u32,
    /// Number of effort entries.
    pub efforts: u32,
    /// Number of properties.
    pub properties: u32,
    /// Bytes of the properties.
    pub property_bytes: u32,
}

impl ManifestHead {
    /// Bytes of a head.
    pub const LEN: usize = 256;

    /// Reads the head that a manifest's payload starts with. `offset` is the payload's place in the file.
    ///
    /// # Errors
    /// R-NUM-2, R-NUM-3, R-NUM-4, R-MAN-1 and R-MAN-7.
    pub fn parse(payload: &[u8], offset: u64) -> Result<Self, FormatError> {
        const RULE: &str = "R-MAN-1";
        let grid = Grid::<{ Self::LEN }>::new(payload, "manifest", offset)?;
        grid.magic::<0x00>("R-NUM-4", MAGIC)?;
        grid.exactly::<0x04>(
            "R-NUM-4",
            "layout of the manifest",
            grid.u16::<0x04>().into(),
            LAYOUT.into(),
        )?;
        grid.zero::<0x06, 2>("R-NUM-3")?;
        grid.zero::<0x84, 124>("R-NUM-3")?;
        let generation = grid.u64::<0x08>();
        ensure(
            generation > 0,
            RULE,
            "generation",
            Expected::AtLeast(1),
            generation,
            grid.at(0x08),
        )?;
        let rows = grid.u64::<0x10>();
        let in_range = u32::try_from(rows).ok().filter(|&rows| rows > 0);
        let Some(rows) = in_range else {
            return Err(FormatError::Field {
                rule: RULE,
                what: "rows",
                expected: Expected::Between(1, MAX_ROWS.into()),
                found: rows,
                offset: grid.at(0x10),
            });
        };
        let dimension = grid.u32::<0x18>();
        ensure(
            (1..=MAX_DIMENSION).contains(&dimension),
            RULE,
            "dimension",
            Expected::Between(1, MAX_DIMENSION.into()),
            dimension.into(),
            grid.at(0x18),
        )?;
        let hash = |bytes| Some(SegmentHash(bytes)).filter(|hash| !hash.is_zero());
        Ok(Self {
            generation,
            rows,
            dimension,
            metric: Metric::parse(grid.u8::<0x1C>().into(), RULE, grid.at(0x1C))?,
            vectors: VectorKind::parse(grid.u8::<0x1D>().into(), RULE, grid.at(0x1D))?,
            id_kind: IdKind::parse(grid.u8::<0x1E>().into(), RULE, grid.at(0x1E))?,
            operation: Operation::parse(grid.u8::<0x1F>().into(), "R-NUM-4", grid.at(0x1F))?,
            predecessor: Self::parse_predecessor(&grid, generation)?,
            lineage: hash(grid.array::<0x50, 32>()),
            segments: grid.u32::<0x70>(),
            dead: grid.u32::<0x74>(),
            efforts: grid.u32::<0x78>(),
            properties: grid.u32::<0x7C>(),
            property_bytes: grid.u32::<0x80>(),
        })
    }

    fn parse_predecessor(
        grid: &Grid<'_, { Self::LEN }>,
        generation: u64,
    ) -> Result<Option<Predecessor>, FormatError> {
        let found = Predecessor {
            offset: grid.u64::<0x20>(),
            payload_length: grid.u64::<0x28>(),
            hash: SegmentHash(grid.array::<0x30, 32>()),
        };
        let set = [
            found.offset != 0,
            found.payload_length != 0,
            !found.hash.is_zero(),
        ];
        match (generation, set) {
            (1, [false, false, false]) => Ok(None),
            (2.., [true, true, true]) => Ok(Some(found)),
            _ => Err(FormatError::Field {
                rule: "R-MAN-7",
                what: "predecessor of the manifest",
                expected: Expected::Words(
                    "offset, length and hash all zero in generation 1, all set in a later one",
                ),
                found: found.offset,
                offset: grid.at(0x20),
            }),
        }
    }

    /// The head's 256 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let none = Predecessor {
            offset: 0,
            payload_length: 0,
            hash: SegmentHash::ZERO,
        };
        let before = self.predecessor.unwrap_or(none);
        Sheet::<{ Self::LEN }>::new()
            .put::<0x00, 4>(MAGIC)
            .u16::<0x04>(LAYOUT)
            .u64::<0x08>(self.generation)
            .u64::<0x10>(self.rows.into())
            .u32::<0x18>(self.dimension)
            .u8::<0x1C>(self.metric.byte())
            .u8::<0x1D>(self.vectors.byte())
            .u8::<0x1E>(self.id_kind.byte())
            .u8::<0x1F>(self.operation.byte())
            .u64::<0x20>(before.offset)
            .u64::<0x28>(before.payload_length)
            .put::<0x30, 32>(before.hash.0)
            .put::<0x50, 32>(self.lineage.unwrap_or(SegmentHash::ZERO).0)
            .u32::<0x70>(self.segments)
            .u32::<0x74>(self.dead)
            .u32::<0x78>(self.efforts)
            .u32::<0x7C>(self.properties)
            .u32::<0x80>(self.property_bytes)
            .finish()
    }
}

/// A live segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SegmentEntry {
    /// The segment id: unique in the file, not 0.
    pub id: u64,
    /// The type.
    pub kind: SegmentType,
    /// The logarithm of the block size, 10 to 20.
    pub block_log: u8,
    /// The flags.
    pub flags: SegmentFlags,
    /// For VEC the byte of its [`VectorKind`], for WASM the word of its [`WasmKind`], else 0.
    pub sub_kind: u32,
    /// Offset of the segment's header.
    pub offset: u64,
    /// Payload length in bytes.
    pub payload_length: u64,
    /// The segment's hash.
    pub hash: SegmentHash,
    /// Offset of its digest table in the file; 0 where none is stored.
    pub table: u64,
}

impl SegmentEntry {
    /// Bytes of an entry.
    pub const LEN: usize = 96;

    /// The entry of a segment at `offset` with this header and hash, with no stored table.
    #[must_use]
    pub const fn new(
        header: &SegmentHeader,
        sub_kind: u32,
        block_log: u8,
        offset: u64,
        hash: SegmentHash,
    ) -> Self {
        Self {
            id: header.id,
            kind: header.kind,
            block_log,
            flags: header.flags,
            sub_kind,
            offset,
            payload_length: header.payload_length,
            hash,
            table: 0,
        }
    }

    /// The fields as they stand, unchecked.
    pub(super) fn decode(bytes: &[u8; Self::LEN]) -> Self {
        match Grid::<{ Self::LEN }>::new(bytes, "segment entry", 0) {
            Ok(grid) => Self::fields(&grid),
            // An array of 96 bytes has 96 bytes.
            Err(_) => Self::new(
                &SegmentHeader::new(SegmentType(0), 0, 0),
                0,
                0,
                0,
                SegmentHash::ZERO,
            ),
        }
    }

    fn fields(grid: &Grid<'_, { Self::LEN }>) -> Self {
        Self {
            id: grid.u64::<0x00>(),
            kind: SegmentType(grid.u8::<0x08>()),
            block_log: grid.u8::<0x09>(),
            flags: SegmentFlags(grid.u16::<0x0A>()),
            sub_kind: grid.u32::<0x0C>(),
            offset: grid.u64::<0x10>(),
            payload_length: grid.u64::<0x18>(),
            hash: SegmentHash(grid.array::<0x20, 32>()),
            table: grid.u64::<0x40>(),
        }
    }

    /// Reads one entry and checks what it says by itself. `at` is the entry's place in the file.
    ///
    /// # Errors
    /// R-SEG-3 and R-SEG-4 for type and flags, R-MAN-2 for an id of 0 or an extent that can't be,
    /// R-MAN-3 for a ROOT, a MANIFEST or a kind that is none, R-HASH-2, R-HASH-4 and R-HASH-5 for
    /// blocks and table, R-NUM-4 for the kind of a module, R-NUM-3 for reserved bytes.
    pub fn parse(bytes: &[u8], at: u64) -> Result<Self, FormatError> {
        let grid = Grid::<{ Self::LEN }>::new(bytes, "segment entry", at)?;
        let entry = Self::fields(&grid);
        let field = |holds, rule, what, expected, found: u64, place| {
            ensure(holds, rule, what, expected, found, grid.at(place))
        };
        entry.kind.check_flags(entry.flags, at)?;
        field(
            entry.id > 0,
            "R-MAN-2",
            "segment id",
            Expected::AtLeast(1),
            entry.id,
            0x00,
        )?;
        field(
            entry.kind != SegmentType::ROOT && entry.kind != SegmentType::MANIFEST,
            "R-MAN-3",
            "type of a live segment",
            Expected::Words("neither ROOT nor MANIFEST"),
            entry.kind.0.into(),
            0x08,
        )?;
        entry.check_blocks(&grid)?;
        entry.check_sub_kind(&grid)?;
        field(
            entry.offset.is_multiple_of(SEGMENT_ALIGN),
            "R-SEG-1",
            "offset of a segment",
            Expected::MultipleOf(SEGMENT_ALIGN),
            entry.offset,
            0x10,
        )?;
        field(
            entry.end().is_some(),
            "R-MAN-2",
            "payload length of a segment",
            Expected::Words("a segment that ends before 2^64"),
            entry.payload_length,
            0x18,
        )?;
        grid.zero::<0x48, 24>("R-NUM-3")?;
        Ok(entry)
    }

    fn check_blocks(&self, grid: &Grid<'_, { Self::LEN }>) -> Result<(), FormatError> {
        let digest = self.kind == SegmentType::DIGEST;
        let (rule, least, most) = if digest {
            ("R-HASH-4", MANIFEST_BLOCK_LOG, MANIFEST_BLOCK_LOG)
        } else {
            ("R-HASH-2", MIN_BLOCK_LOG, MAX_BLOCK_LOG)
        };
        ensure(
            (least..=most).contains(&self.block_log),
            rule,
            "logarithm of the block size",
            Expected::Between(least.into(), most.into()),
            self.block_log.into(),
            grid.at(0x09),
        )?;
        ensure(
            !digest || self.table == 0,
            "R-HASH-5",
            "offset of the digest table of a DIGEST segment",
            Expected::Exactly(0),
            self.table,
            grid.at(0x40),
        )
    }

    fn check_sub_kind(&self, grid: &Grid<'_, { Self::LEN }>) -> Result<(), FormatError> {
        let at = grid.at(0x0C);
        match self.kind {
            SegmentType::VEC => VectorKind::parse(self.sub_kind.into(), "R-NUM-4", at).map(drop),
            SegmentType::WASM => WasmKind::parse(self.sub_kind, at).map(drop),
            _ => grid.exactly::<0x0C>(
                "R-NUM-4",
                "kind of a segment entry",
                self.sub_kind.into(),
                0,
            ),
        }
    }

    /// The entry's 96 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        Sheet::<{ Self::LEN }>::new()
            .u64::<0x00>(self.id)
            .u8::<0x08>(self.kind.0)
            .u8::<0x09>(self.block_log)
            .u16::<0x0A>(self.flags.0)
            .u32::<0x0C>(self.sub_kind)
            .u64::<0x10>(self.offset)
            .u64::<0x18>(self.payload_length)
            .put::<0x20, 32>(self.hash.0)
            .u64::<0x40>(self.table)
            .finish()
    }

    /// Where the segment ends, padding included. None above 2⁶⁴.
    #[must_use]
    pub const fn end(&self) -> Option<u64> {
        match extent(self.payload_length) {
            Some(len) => self.offset.checked_add(len),
            None => None,
        }
    }

    /// Where the payload starts in the file.
    #[must_use]
    pub const fn payload_offset(&self) -> u64 {
        self.offset.saturating_add(crate::limits::HEADER_LEN)
    }

    /// Bytes of the segment's digest table, stored or not.
    #[must_use]
    pub const fn table_length(&self) -> u64 {
        table_length(self.payload_length, self.block_log)
    }

    /// The element type of a VEC segment.
    #[must_use]
    pub fn vector_kind(&self) -> Option<VectorKind> {
        let byte = u8::try_from(self.sub_kind).ok()?;
        VectorKind::from_byte(byte).filter(|_| self.kind == SegmentType::VEC)
    }

    /// What a WASM segment's entry says of its module.
    #[must_use]
    pub fn wasm_kind(&self) -> Option<WasmKind> {
        WasmKind::from_word(self.sub_kind).filter(|_| self.kind == SegmentType::WASM)
    }

    /// Checks the segment's header against this entry.
    ///
    /// # Errors
    /// R-MAN-6 with the first field that differs.
    pub fn check_header(&self, header: &SegmentHeader) -> Result<(), FormatError> {
        const RULE: &str = "R-MAN-6";
        let at = self.offset;
        let same = |what, entry: u64, found: u64| {
            ensure(
                entry == found,
                RULE,
                what,
                Expected::Exactly(entry),
                found,
                at,
            )
        };
        same("segment id in the header", self.id, header.id)?;
        same(
            "type in the header",
            self.kind.0.into(),
            header.kind.0.into(),
        )?;
        same(
            "flags in the header",
            self.flags.0.into(),
            header.flags.0.into(),
        )?;
        same(
            "payload length in the header",
            self.payload_length,
            header.payload_length,
        )?;
        if header.content_hash == self.hash.content() {
            return Ok(());
        }
        Err(FormatError::Hash {
            rule: RULE,
            what: "content hash in a segment's header",
            expected: self.hash.content(),
            found: header.content_hash,
            offset: at,
        })
    }
}

/// A segment that no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct DeadExtent {
    /// Offset of its header.
    pub offset: u64,
    /// Its length in bytes: header, payload and padding.
    pub length: u64,
    /// Its hash.
    pub hash: SegmentHash,
}

impl DeadExtent {
    /// Bytes of a dead extent's entry.
    pub const LEN: usize = 64;

    pub(super) fn decode(bytes: &[u8; Self::LEN]) -> Self {
        match Grid::<{ Self::LEN }>::new(bytes, "dead extent", 0) {
            Ok(grid) => Self::fields(&grid),
            // An array of 64 bytes has 64 bytes.
            Err(_) => Self {
                offset: 0,
                length: 0,
                hash: SegmentHash::ZERO,
            },
        }
    }

    fn fields(grid: &Grid<'_, { Self::LEN }>) -> Self {
        Self {
            offset: grid.u64::<0x00>(),
            length: grid.u64::<0x08>(),
            hash: SegmentHash(grid.array::<0x10, 32>()),
        }
    }

    /// Reads one dead extent and checks what it says by itself. `at` is its place in the file.
    ///
    /// # Errors
    /// R-MAN-2 for an offset or a length that can't be, R-NUM-3 for reserved bytes.
    pub fn parse(bytes: &[u8], at: u64) -> Result<Self, FormatError> {
        const RULE: &str = "R-MAN-2";
        let grid = Grid::<{ Self::LEN }>::new(bytes, "dead extent", at)?;
        let dead = Self::fields(&grid);
        let aligned = Expected::MultipleOf(SEGMENT_ALIGN);
        ensure(
            dead.offset.is_multiple_of(SEGMENT_ALIGN),
            RULE,
            "offset of a dead extent",
            aligned,
            dead.offset,
            at,
        )?;
        ensure(
            dead.length.is_multiple_of(SEGMENT_ALIGN),
            RULE,
            "length of a dead extent",
            aligned,
            dead.length,
            grid.at(0x08),
        )?;
        ensure(
            dead.length > 0,
            RULE,
            "length of a dead extent",
            Expected::AtLeast(SEGMENT_ALIGN),
            0,
            grid.at(0x08),
        )?;
        ensure(
            dead.end().is_some(),
            RULE,
            "length of a dead extent",
            Expected::Words("an extent that ends before 2^64"),
            dead.length,
            grid.at(0x08),
        )?;
        grid.zero::<0x30, 16>("R-NUM-3")?;
        Ok(dead)
    }

    /// The 64 bytes of the entry.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        Sheet::<{ Self::LEN }>::new()
            .u64::<0x00>(self.offset)
            .u64::<0x08>(self.length)
            .put::<0x10, 32>(self.hash.0)
            .finish()
    }

    /// Where it ends. None above 2⁶⁴.
    #[must_use]
    pub const fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.length)
    }
}

/// What the file was measured to do at one setting (R-MAN-8).
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Effort {
    /// Hits asked for, at least 1.
    pub k: u32,
    /// Lists visited; 0 means all.
    pub probes: u32,
    /// Slack of the bounds, 0 to 16.
    pub slack: f32,
    /// Candidates that are re-scored, at least k.
    pub pool: u32,
    /// Hits that exact search has too.
    pub hits: u32,
    /// Hits asked for in all, at least 1.
    pub total: u32,
    /// Mean number of rows scanned a query.
    pub scanned: u32,
    /// Mean number of rows ranked a query.
    pub ranked: u32,
}

impl Effort {
    /// Bytes of an effort entry.
    pub const LEN: usize = 32;

    pub(super) fn decode(bytes: &[u8; Self::LEN]) -> Self {
        match Grid::<{ Self::LEN }>::new(bytes, "effort entry", 0) {
            Ok(grid) => Self::fields(&grid),
            // An array of 32 bytes has 32 bytes.
            Err(_) => Self {
                k: 0,
                probes: 0,
                slack: 0.0,
                pool: 0,
                hits: 0,
                total: 0,
                scanned: 0,
                ranked: 0,
            },
        }
    }

    fn fields(grid: &Grid<'_, { Self::LEN }>) -> Self {
        Self {
            k: grid.u32::<0x00>(),
            probes: grid.u32::<0x04>(),
            slack: f32::from_bits(grid.u32::<0x08>()),
            pool: grid.u32::<0x0C>(),
            hits: grid.u32::<0x10>(),
            total: grid.u32::<0x14>(),
            scanned: grid.u32::<0x18>(),
            ranked: grid.u32::<0x1C>(),
        }
    }

    /// Reads one effort entry and checks what it says by itself. `at` is its place in the file;
    /// `vectors` is the most exact element type that the file keeps.
    ///
    /// # Errors
    /// R-MAN-8.
    pub fn parse(bytes: &[u8], at: u64, vectors: VectorKind) -> Result<Self, FormatError> {
        const RULE: &str = "R-MAN-8";
        let grid = Grid::<{ Self::LEN }>::new(bytes, "effort entry", at)?;
        let effort = Self::fields(&grid);
        let field = |holds, what, expected, found: u32, place| {
            ensure(holds, RULE, what, expected, found.into(), grid.at(place))
        };
        field(
            effort.k > 0,
            "k of an effort entry",
            Expected::AtLeast(1),
            effort.k,
            0x00,
        )?;
        if !(0.0..=16.0).contains(&effort.slack) {
            return Err(FormatError::Float {
                rule: RULE,
                what: "slack of an effort entry",
                expected: Expected::Between(0, 16),
                found: effort.slack.to_bits(),
                offset: grid.at(0x08),
            });
        }
        let k = u64::from(effort.k);
        let (pool_holds, expected) = match vectors {
            VectorKind::I8 => (effort.pool == effort.k, Expected::Exactly(k)),
            VectorKind::F16 | VectorKind::F32 => (effort.pool >= effort.k, Expected::AtLeast(k)),
        };
        field(
            pool_holds,
            "pool of an effort entry",
            expected,
            effort.pool,
            0x0C,
        )?;
        field(
            effort.total > 0,
            "total of an effort entry",
            Expected::AtLeast(1),
            effort.total,
            0x14,
        )?;
        let most = Expected::AtMost(effort.total.into());
        field(
            effort.hits <= effort.total,
            "hits of an effort entry",
            most,
            effort.hits,
            0x10,
        )?;
        Ok(effort)
    }

    /// The 32 bytes of the entry.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        Sheet::<{ Self::LEN }>::new()
            .u32::<0x00>(self.k)
            .u32::<0x04>(self.probes)
            .u32::<0x08>(self.slack.to_bits())
            .u32::<0x0C>(self.pool)
            .u32::<0x10>(self.hits)
            .u32::<0x14>(self.total)
            .u32::<0x18>(self.scanned)
            .u32::<0x1C>(self.ranked)
            .finish()
    }

    /// Recall: hits / total, 0 to 1.
    #[must_use]
    pub fn recall(&self) -> f64 {
        f64::from(self.hits) / f64::from(self.total)
    }
}
