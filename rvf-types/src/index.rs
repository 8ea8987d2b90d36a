//! The INDEX payload: parameters, mean, list directory (section 6 of the format).
//!
//! ```text
//! 0                     head, 128 bytes
//! 128                   mean, dimension × f32
//! directory_offset(d)   list directory, 32 bytes a list
//! ```

use crate::bytes::{Grid, Sheet, check_zero, ensure, slice};
use crate::error::{Expected, FormatError};
use crate::kinds::{Metric, VectorKind};
use crate::manifest::ManifestHead;
use crate::quant;
use crate::vec;
#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use byteorder::{ByteOrder, LittleEndian};

/// The magic of an INDEX payload.
pub const MAGIC: [u8; 4] = *b"RVFI";
/// The layout of this version: one list.
pub const LAYOUT: u16 = 1;
/// The number of lists in layout 1.
pub const LISTS: u32 = 1;
/// Bytes of the head: where the mean starts in the payload.
pub const HEAD_LEN: u64 = 128;
/// Bytes of an entry of the list directory.
pub const LIST_LEN: u64 = 32;

/// Where the list directory starts in the payload.
#[must_use]
pub const fn directory_offset(dimension: u32) -> u64 {
    // At most 2³⁴ + 192: nothing saturates.
    let mean = (dimension as u64)
        .saturating_mul(4)
        .saturating_add(HEAD_LEN);
    mean.div_ceil(64).saturating_mul(64)
}

/// The payload length (R-IDX-2).
#[must_use]
pub const fn payload_length(dimension: u32, lists: u32) -> u64 {
    directory_offset(dimension).saturating_add((lists as u64).saturating_mul(LIST_LEN))
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
    /// Lists: 1 in layout 1.
    pub lists: u32,
    /// Words of 64 bits in a code: ⌈dimension / 64⌉.
    pub code_words: u32,
    /// Bytes of a record of VEC i8.
    pub i8_stride: u32,
    /// The seed of the rotation.
    pub seed: u64,
}

impl IndexHead {
    /// Bytes of a head.
    pub const LEN: usize = 128;

    /// The head of layout 1 for these parameters.
    #[must_use]
    pub const fn new(
        rows: u32,
        dimension: u32,
        metric: Metric,
        vectors: VectorKind,
        seed: u64,
    ) -> Self {
        Self {
            rows,
            dimension,
            metric,
            vectors,
            lists: LISTS,
            code_words: quant::code_words(dimension),
            i8_stride: vec::stride(VectorKind::I8, dimension),
            seed,
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
        grid.zero::<0x28, 88>("R-NUM-3")?;
        let want = Self::new(
            manifest.rows,
            manifest.dimension,
            manifest.metric,
            manifest.vectors,
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
            .finish()
    }
}

/// An entry of the list directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ListEntry {
    /// Offset of the list in the QUANT payload.
    pub offset: u64,
    /// Rows of the list.
    pub rows: u32,
    /// Number of the list's first vector.
    pub first: u32,
}

impl ListEntry {
    /// Bytes of an entry.
    pub const LEN: usize = 32;

    /// The one list of layout 1.
    #[must_use]
    pub const fn only(rows: u32) -> Self {
        Self {
            offset: 0,
            rows,
            first: 0,
        }
    }

    /// Reads one entry. `offset` is its place in the file.
    ///
    /// # Errors
    /// R-NUM-2 for too few bytes, R-NUM-3 for reserved bytes.
    pub fn parse(bytes: &[u8], offset: u64) -> Result<Self, FormatError> {
        let grid = Grid::<{ Self::LEN }>::new(bytes, "list entry", offset)?;
        grid.zero::<0x10, 16>("R-NUM-3")?;
        Ok(Self {
            offset: grid.u64::<0x00>(),
            rows: grid.u32::<0x08>(),
            first: grid.u32::<0x0C>(),
        })
    }

    /// The entry's 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        Sheet::<{ Self::LEN }>::new()
            .u64::<0x00>(self.offset)
            .u32::<0x08>(self.rows)
            .u32::<0x0C>(self.first)
            .finish()
    }
}

/// A whole INDEX payload, checked.
#[derive(Debug, Clone, Copy)]
pub struct Index<'a> {
    head: IndexHead,
    mean: &'a [u8],
}

impl<'a> Index<'a> {
    /// Reads and checks a whole INDEX payload. `offset` is its place in the file.
    ///
    /// # Errors
    /// As [`IndexHead::parse`]; R-IDX-2 for another length, R-IDX-1 for a list that is not the one
    /// of layout 1, R-IDX-3 for a mean that is not finite.
    pub fn parse(
        payload: &'a [u8],
        offset: u64,
        manifest: &ManifestHead,
    ) -> Result<Self, FormatError> {
        let head = IndexHead::parse(payload, offset, manifest)?;
        let len = payload_length(head.dimension, head.lists);
        let found = payload.len() as u64;
        ensure(
            found == len,
            "R-IDX-2",
            "payload length of INDEX",
            Expected::Exactly(len),
            found,
            offset,
        )?;
        let mean_length = u64::from(head.dimension).saturating_mul(4);
        let mean = slice(payload, HEAD_LEN, mean_length).unwrap_or_default();
        let behind = HEAD_LEN.saturating_add(mean_length);
        let directory = directory_offset(head.dimension);
        let gap = slice(payload, behind, directory.saturating_sub(behind)).unwrap_or_default();
        let place = |at: u64| offset.saturating_add(at);
        check_zero(gap, "R-NUM-3", "INDEX", place(behind))?;
        let index = Self { head, mean };
        for (number, value) in index.mean().enumerate() {
            if !value.is_finite() {
                return Err(FormatError::Float {
                    rule: "R-IDX-3",
                    what: "component of the mean",
                    expected: Expected::Words("a finite number"),
                    found: value.to_bits(),
                    offset: place(HEAD_LEN).saturating_add((number as u64).saturating_mul(4)),
                });
            }
        }
        let list = ListEntry::parse(
            slice(payload, directory, LIST_LEN).unwrap_or_default(),
            place(directory),
        )?;
        let same = |what, found: u64, wanted: u64| {
            ensure(
                found == wanted,
                "R-IDX-1",
                what,
                Expected::Exactly(wanted),
                found,
                place(directory),
            )
        };
        same("offset of the list", list.offset, 0)?;
        same("rows of the list", list.rows.into(), head.rows.into())?;
        same("first vector of the list", list.first.into(), 0)?;
        Ok(index)
    }

    /// The head.
    #[must_use]
    pub const fn head(&self) -> &IndexHead {
        &self.head
    }

    /// The mean: the centroid of the one list, in the space of the input (before the rotation).
    pub fn mean(&self) -> impl ExactSizeIterator<Item = f32> + Clone + use<'a> {
        self.mean
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| LittleEndian::read_f32(bytes))
    }
}

/// The INDEX payload of layout 1.
///
/// # Errors
/// R-IDX-2 if the mean has another length than the dimension, R-IDX-3 if it is not finite.
#[cfg(feature = "alloc")]
pub fn write(head: &IndexHead, mean: &[f32]) -> Result<Vec<u8>, FormatError> {
    let found = mean.len() as u64;
    let dimension = u64::from(head.dimension);
    ensure(
        found == dimension,
        "R-IDX-2",
        "components of the mean",
        Expected::Exactly(dimension),
        found,
        HEAD_LEN,
    )?;
    if let Some(value) = mean.iter().find(|value| !value.is_finite()) {
        return Err(FormatError::Float {
            rule: "R-IDX-3",
            what: "component of the mean",
            expected: Expected::Words("a finite number"),
            found: value.to_bits(),
            offset: HEAD_LEN,
        });
    }
    let mut out = Vec::from(head.to_bytes());
    mean.iter()
        .for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
    out.resize(out.len().next_multiple_of(64), 0);
    out.extend_from_slice(&ListEntry::only(head.rows).to_bytes());
    Ok(out)
}
