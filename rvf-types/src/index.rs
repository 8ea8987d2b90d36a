//! The INDEX payload: parameters, mean, list directory, centroids (section 6 of the format).
//!
//! ```text
//! 0                                   head, 128 bytes
//! 128                                 mean, dimension × f32
//! directory_offset(d)                 list directory, 32 bytes a list
//! centroid_codes_offset(d, lists)     codes of the centroids: a list of `lists` own entries
//! centroid_records_offset(d, lists)   the centroids, an i8 record each
//! ```
//!
//! The last two are there where there is more than one list. A reader that takes what it uses alone reads
//! [`IndexHead`] and [`ListEntry`], and the directory with [`read_directory`]; [`Index`] reads a whole payload.

mod directory;
mod view;
#[cfg(feature = "alloc")]
mod write;

pub use directory::{ListEntry, read_directory};
pub use view::Index;
#[cfg(feature = "alloc")]
pub use write::write;

use crate::bytes::{Grid, Sheet};
use crate::error::FormatError;
use crate::kinds::{Metric, VectorKind};
use crate::manifest::ManifestHead;
use crate::quant;
use crate::vec;

/// The magic of an INDEX payload.
pub const MAGIC: [u8; 4] = *b"RVFI";
/// The layout of this version.
pub const LAYOUT: u16 = 2;
/// Bytes of the head: where the mean starts in the payload.
pub const HEAD_LEN: u64 = 128;
/// Bytes of an entry of the list directory.
pub const LIST_LEN: u64 = 32;
/// The directory and what follows it start on multiples of this.
const PART_ALIGN: u64 = 64;

/// Rounds up to where a part can start. At most 2⁶³ comes here: nothing saturates.
const fn part_start(behind: u64) -> u64 {
    behind.div_ceil(PART_ALIGN).saturating_mul(PART_ALIGN)
}

/// Bytes of the mean.
#[must_use]
pub const fn mean_length(dimension: u32) -> u64 {
    (dimension as u64).saturating_mul(4)
}

/// Where the list directory starts in the payload.
#[must_use]
pub const fn directory_offset(dimension: u32) -> u64 {
    part_start(mean_length(dimension).saturating_add(HEAD_LEN))
}

/// Where the entry of a list starts in the payload.
#[must_use]
pub const fn list_entry_offset(dimension: u32, list: u32) -> u64 {
    directory_offset(dimension).saturating_add((list as u64).saturating_mul(LIST_LEN))
}

/// Where the centroid codes start in the payload of a file with more than one list.
#[must_use]
pub const fn centroid_codes_offset(dimension: u32, lists: u32) -> u64 {
    part_start(list_entry_offset(dimension, lists))
}

/// Bytes of the centroid codes: those of a list whose own vectors are the centroids. None with one list.
#[must_use]
pub const fn centroid_codes_length(dimension: u32, lists: u32) -> u64 {
    if lists > 1 {
        quant::list_length(lists, 0, dimension)
    } else {
        0
    }
}

/// Where the centroid records start in the payload of a file with more than one list.
#[must_use]
pub const fn centroid_records_offset(dimension: u32, lists: u32) -> u64 {
    part_start(
        centroid_codes_offset(dimension, lists)
            .saturating_add(centroid_codes_length(dimension, lists)),
    )
}

/// Bytes of the centroid records. None with one list.
#[must_use]
pub const fn centroid_records_length(dimension: u32, lists: u32) -> u64 {
    if lists > 1 {
        vec::payload_length(VectorKind::I8, lists, dimension)
    } else {
        0
    }
}

/// The payload length (R-IDX-2).
#[must_use]
pub const fn payload_length(dimension: u32, lists: u32) -> u64 {
    if lists > 1 {
        centroid_records_offset(dimension, lists)
            .saturating_add(centroid_records_length(dimension, lists))
    } else {
        list_entry_offset(dimension, lists)
    }
}

/// The head of an INDEX payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct IndexHead {
    /// Rows.
    pub rows: u32,
    /// Dimension.
    pub dimension: u32,
    /// The metric.
    pub metric: Metric,
    /// The most exact element type that is kept.
    pub vectors: VectorKind,
    /// Lists, 1 to 65,536 and at most rows.
    pub lists: u32,
    /// Words of 64 bits in a code: ⌈dimension / 64⌉.
    pub code_words: u32,
    /// Bytes of a record of VEC i8.
    pub i8_stride: u32,
    /// The seed of the rotation.
    pub seed: u64,
    /// Where the centroid codes start in the payload; 0 with one list.
    pub centroid_codes: u64,
    /// Where the centroid records start in the payload; 0 with one list.
    pub centroid_records: u64,
}

impl IndexHead {
    /// Bytes of a head.
    pub const LEN: usize = 128;

    /// The head for these parameters.
    #[must_use]
    pub const fn new(
        rows: u32,
        dimension: u32,
        metric: Metric,
        vectors: VectorKind,
        lists: u32,
        seed: u64,
    ) -> Self {
        let (centroid_codes, centroid_records) = if lists > 1 {
            (
                centroid_codes_offset(dimension, lists),
                centroid_records_offset(dimension, lists),
            )
        } else {
            (0, 0)
        };
        Self {
            rows,
            dimension,
            metric,
            vectors,
            lists,
            code_words: quant::code_words(dimension),
            i8_stride: vec::stride(VectorKind::I8, dimension),
            seed,
            centroid_codes,
            centroid_records,
        }
    }

    /// Reads the head that an INDEX payload starts with and checks it against the manifest.
    /// `offset` is the payload's place in the file.
    ///
    /// # Errors
    /// R-NUM-2 for too few bytes, R-NUM-3 for reserved bytes, R-IDX-1 for a magic, layout or field
    /// that does not agree with the manifest or the layout.
    pub fn parse(
        payload: &[u8],
        offset: u64,
        manifest: &ManifestHead,
    ) -> Result<Self, FormatError> {
        const RULE: &str = "R-IDX-1";
        let grid = Grid::<{ Self::LEN }>::new(payload, "INDEX", offset)?;
        grid.magic::<0x00>("R-IDX-1", MAGIC)?;
        grid.exactly::<0x04>(
            "R-IDX-1",
            "layout of INDEX",
            grid.u16::<0x04>().into(),
            LAYOUT.into(),
        )?;
        grid.zero::<0x06, 2>("R-NUM-3")?;
        grid.zero::<0x12, 2>("R-NUM-3")?;
        grid.zero::<0x38, 72>("R-NUM-3")?;
        let want = Self::new(
            manifest.rows,
            manifest.dimension,
            manifest.metric,
            manifest.vectors,
            manifest.lists,
            grid.u64::<0x20>(),
        );
        let number = u64::from;
        grid.exactly::<0x08>(
            RULE,
            "rows of INDEX",
            number(grid.u32::<0x08>()),
            number(want.rows),
        )?;
        grid.exactly::<0x0C>(
            RULE,
            "dimension of INDEX",
            number(grid.u32::<0x0C>()),
            number(want.dimension),
        )?;
        grid.exactly::<0x10>(
            RULE,
            "metric of INDEX",
            grid.u8::<0x10>().into(),
            want.metric.byte().into(),
        )?;
        grid.exactly::<0x11>(
            RULE,
            "vectors of INDEX",
            grid.u8::<0x11>().into(),
            want.vectors.byte().into(),
        )?;
        grid.exactly::<0x14>(
            RULE,
            "lists of INDEX",
            number(grid.u32::<0x14>()),
            number(want.lists),
        )?;
        grid.exactly::<0x18>(
            RULE,
            "code words of INDEX",
            number(grid.u32::<0x18>()),
            number(want.code_words),
        )?;
        grid.exactly::<0x1C>(
            RULE,
            "record stride of INDEX",
            number(grid.u32::<0x1C>()),
            number(want.i8_stride),
        )?;
        grid.exactly::<0x28>(
            RULE,
            "offset of the centroid codes of INDEX",
            grid.u64::<0x28>(),
            want.centroid_codes,
        )?;
        grid.exactly::<0x30>(
            RULE,
            "offset of the centroid records of INDEX",
            grid.u64::<0x30>(),
            want.centroid_records,
        )?;
        Ok(want)
    }

    /// The head's 128 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        Sheet::<{ Self::LEN }>::new()
            .put::<0x00, 4>(MAGIC)
            .u16::<0x04>(LAYOUT)
            .u32::<0x08>(self.rows)
            .u32::<0x0C>(self.dimension)
            .u8::<0x10>(self.metric.byte())
            .u8::<0x11>(self.vectors.byte())
            .u32::<0x14>(self.lists)
            .u32::<0x18>(self.code_words)
            .u32::<0x1C>(self.i8_stride)
            .u64::<0x20>(self.seed)
            .u64::<0x28>(self.centroid_codes)
            .u64::<0x30>(self.centroid_records)
            .finish()
    }
}
