//! The head of a manifest.

use crate::bytes::{Grid, ensure};
use crate::digest::SegmentHash;
use crate::error::{Expected, FormatError};
use crate::kinds::{IdKind, Metric, Operation, VectorKind};
use crate::limits::{MAX_DIMENSION, MAX_LISTS, MAX_ROWS};

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

impl Predecessor {
    /// What stands in the file for none.
    const NONE: Self = Self {
        offset: 0,
        payload_length: 0,
        hash: SegmentHash::ZERO,
    };
}

/// What a manifest's head says of the file. The counts of the manifest's own parts are not among it: the parts tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ManifestHead {
    /// The generation, the same as in the root record.
    pub generation: u64,
    /// Rows, at least 1.
    pub rows: u32,
    /// Dimension, 1 to 65,536.
    pub dimension: u32,
    /// Lists, 1 to 65,536 and at most rows.
    pub lists: u32,
    /// The metric.
    pub metric: Metric,
    /// The most exact element type that is kept.
    pub vectors: VectorKind,
    /// What the ids are.
    pub id_kind: IdKind,
    /// The operation that made this generation.
    pub operation: Operation,
    /// The manifest before this one; none in generation 1 ([`Manifest::check_file`](super::Manifest::check_file) checks it).
    pub predecessor: Option<Predecessor>,
    /// The hash of the manifest of the file that this one was made from.
    pub lineage: Option<SegmentHash>,
}

/// How many parts of each kind follow the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// Live segments without the ROOT and the MANIFEST.
    pub(super) segments: u32,
    /// Dead extents.
    pub(super) dead: u32,
    /// Effort entries.
    pub(super) efforts: u32,
    /// Properties.
    pub(super) properties: u32,
    /// Bytes of the properties.
    pub(super) property_bytes: u32,
}

type HeadGrid<'a> = Grid<'a, { ManifestHead::LEN }>;

impl Counts {
    /// Those of a payload whose head [`ManifestHead::parse`] has taken.
    pub(super) fn parse(payload: &[u8], offset: u64) -> Result<Self, FormatError> {
        let grid = HeadGrid::of_rule("R-MAN-1", payload, "manifest", offset)?;
        Ok(Self {
            segments: grid.u32::<0x70>(),
            dead: grid.u32::<0x74>(),
            efforts: grid.u32::<0x78>(),
            properties: grid.u32::<0x7C>(),
            property_bytes: grid.u32::<0x80>(),
        })
    }
}

impl ManifestHead {
    /// Bytes of a head.
    pub const LEN: usize = 256;

    /// The head of the first generation of a packed file.
    #[must_use]
    pub const fn new(
        rows: u32,
        dimension: u32,
        lists: u32,
        metric: Metric,
        vectors: VectorKind,
        id_kind: IdKind,
    ) -> Self {
        Self {
            generation: 1,
            rows,
            dimension,
            lists,
            metric,
            vectors,
            id_kind,
            operation: Operation::Pack,
            predecessor: None,
            lineage: None,
        }
    }

    /// Reads the head that a manifest's payload starts with. `offset` is the payload's place in the file.
    ///
    /// # Errors
    /// R-MAN-1 for too few bytes, magic, layout and ranges, R-NUM-3 for reserved bytes and values.
    pub fn parse(payload: &[u8], offset: u64) -> Result<Self, FormatError> {
        const RULE: &str = "R-MAN-1";
        let grid = HeadGrid::of_rule(RULE, payload, "manifest", offset)?;
        grid.magic::<0x00>(RULE, MAGIC)?;
        grid.exactly::<0x04>(
            RULE,
            "layout of the manifest",
            grid.u16::<0x04>().into(),
            LAYOUT.into(),
        )?;
        grid.zero::<0x06, 2>("R-NUM-3")?;
        grid.zero::<0x88, 120>("R-NUM-3")?;
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
        let lists = grid.u32::<0x84>();
        let most = MAX_LISTS.min(rows);
        ensure(
            (1..=most).contains(&lists),
            RULE,
            "lists",
            Expected::Between(1, most.into()),
            lists.into(),
            grid.at(0x84),
        )?;
        let hash = |bytes| Some(SegmentHash(bytes)).filter(|hash| !hash.is_zero());
        Ok(Self {
            generation,
            rows,
            dimension,
            lists,
            metric: Metric::parse(grid.u8::<0x1C>().into(), RULE, grid.at(0x1C))?,
            vectors: VectorKind::parse(grid.u8::<0x1D>().into(), RULE, grid.at(0x1D))?,
            id_kind: IdKind::parse(grid.u8::<0x1E>().into(), RULE, grid.at(0x1E))?,
            operation: Operation::parse(grid.u8::<0x1F>().into(), "R-NUM-3", grid.at(0x1F))?,
            predecessor: Self::parse_predecessor(&grid),
            lineage: hash(grid.array::<0x50, 32>()),
        })
    }

    fn parse_predecessor(grid: &HeadGrid<'_>) -> Option<Predecessor> {
        let found = Predecessor {
            offset: grid.u64::<0x20>(),
            payload_length: grid.u64::<0x28>(),
            hash: SegmentHash(grid.array::<0x30, 32>()),
        };
        (found != Predecessor::NONE).then_some(found)
    }

    /// The head's 256 bytes, with these counts.
    #[cfg(feature = "alloc")]
    pub(super) fn to_bytes(self, counts: &Counts) -> [u8; Self::LEN] {
        let before = self.predecessor.unwrap_or(Predecessor::NONE);
        crate::bytes::Sheet::<{ Self::LEN }>::new()
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
            .u32::<0x70>(counts.segments)
            .u32::<0x74>(counts.dead)
            .u32::<0x78>(counts.efforts)
            .u32::<0x7C>(counts.properties)
            .u32::<0x80>(counts.property_bytes)
            .u32::<0x84>(self.lists)
            .finish()
    }
}
