//! The entry of a live segment.

use crate::bytes::{Grid, Sheet, ensure};
use crate::digest::{SegmentHash, table_length};
use crate::error::{Expected, FormatError};
use crate::header::{SegmentFlags, SegmentHeader, SegmentType, extent};
use crate::kinds::VectorKind;
use crate::limits::{MANIFEST_BLOCK_LOG, MAX_BLOCK_LOG, MIN_BLOCK_LOG};
use crate::wasm::WasmKind;

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
    /// For VEC the byte of its [`VectorKind`], for WASM the word of its [`WasmKind`], else 0 (for
    /// types that this version does not know, any number).
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
    /// R-SEG-4 for an unknown type, R-MAN-1 for flags, block size and kind, R-MAN-2 for an id of 0,
    /// R-MAN-3 for a ROOT, a MANIFEST or an element type that is none, R-HASH-5 for a DIGEST with a
    /// table, R-WASM-1 for the kind of a module, R-NUM-3 for reserved bytes.
    pub fn parse(bytes: &[u8], at: u64) -> Result<Self, FormatError> {
        let grid = Grid::<{ Self::LEN }>::new(bytes, "segment entry", at)?;
        let entry = Self::fields(&grid);
        let field = |holds, rule, what, expected, found: u64, place| {
            ensure(holds, rule, what, expected, found, grid.at(place))
        };
        entry.kind.check_flags(entry.flags, "R-MAN-1", at)?;
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
        grid.zero::<0x48, 24>("R-NUM-3")?;
        Ok(entry)
    }

    fn check_blocks(&self, grid: &Grid<'_, { Self::LEN }>) -> Result<(), FormatError> {
        let digest = self.kind == SegmentType::DIGEST;
        let (least, most) = if digest {
            (MANIFEST_BLOCK_LOG, MANIFEST_BLOCK_LOG)
        } else {
            (MIN_BLOCK_LOG, MAX_BLOCK_LOG)
        };
        ensure(
            (least..=most).contains(&self.block_log),
            "R-MAN-1",
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
            SegmentType::VEC => VectorKind::parse(self.sub_kind.into(), "R-MAN-3", at).map(drop),
            SegmentType::WASM => WasmKind::parse(self.sub_kind, at).map(drop),
            kind if kind.is_known() => {
                let found = self.sub_kind.into();
                grid.exactly::<0x0C>("R-MAN-1", "kind of a segment entry", found, 0)
            }
            // What it means there is for those who know the type.
            _ => Ok(()),
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
