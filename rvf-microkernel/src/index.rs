//! The head of the INDEX segment and the list directory (format.md, section 6).
#![allow(
    unsafe_code,
    reason = "fields are read unchecked from a head whose length was checked"
)]

use core::mem::MaybeUninit;

use crate::Error;
use crate::data::Region;
use crate::memory::View;

/// Bytes of the INDEX payload's head.
pub const HEAD_LEN: usize = 128;
/// Bytes of an entry of the list directory.
pub const LIST_LEN: u32 = 32;
/// Entries in a group of codes (R-QNT-1).
pub const GROUP: u32 = 32;
/// Entries in a tile of codes (R-QNT-1).
pub(crate) const TILE: u32 = 4;
/// The most lists.
pub const MAX_LISTS: u32 = 65_536;
/// The largest dimension (R-LIM-1).
pub const MAX_DIMENSION: u32 = 65_536;
/// The highest INDEX layout that this kernel knows.
pub const LAYOUT: u16 = 2;

#[cfg(target_endian = "big")]
compile_error!("the head of an INDEX is used as it lies in the file");

const MAGIC: u32 = u32::from_le_bytes(*b"RVFI");

/// How vectors are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Metric {
    /// The squared Euclidean distance.
    L2 = 0,
    /// The negated inner product.
    InnerProduct = 1,
    /// 1 − cosine.
    Cosine = 2,
}

/// The most exact element type that a file keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Vectors {
    /// Components of 8 bits and a scale for each vector.
    I8 = 0,
    /// IEEE 754 binary16, beside i8.
    F16 = 1,
    /// IEEE 754 binary32, beside i8.
    F32 = 2,
}

/// The next multiple of 4.
const fn round_up(len: u32) -> u32 {
    len.wrapping_add(3) & !3
}

/// What the head of an INDEX says, checked: its bytes from 8 to 56, on a processor that has the lowest byte first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Index {
    rows: u32,
    dimension: u32,
    metric: Metric,
    vectors: Vectors,
    reserved: u16,
    lists: u32,
    words: u32,
    /// Bytes of an i8 record.
    i8_len: u32,
    seed: u64,
    /// Where the centroid codes and records start in the payload: only ever asked for, so not checked.
    pub(crate) centroid_codes: u64,
    pub(crate) centroid_records: u64,
}

impl Index {
    /// Reads and checks the head: the first 128 bytes of the INDEX payload. More bytes may follow.
    ///
    /// # Errors
    /// [`Error::BadIndex`] if it is too short or contradicts itself, [`Error::Unsupported`] for a layout, metric
    /// or element type of a later version.
    pub fn parse(head: &[u8]) -> Result<Self, Error> {
        let mut place = MaybeUninit::uninit();
        Self::parse_into(head, &mut place)?;
        // SAFETY: it was written.
        Ok(unsafe { place.assume_init() })
    }

    /// As [`parse`](Self::parse): the place holds an index if there is no error.
    #[inline(always)]
    pub(crate) fn parse_into(head: &[u8], place: &mut MaybeUninit<Self>) -> Result<(), Error> {
        if head.len() < HEAD_LEN {
            return Err(Error::BadIndex);
        }
        let head = View::new(head);
        // SAFETY: all offsets are below 128.
        let u32_at = |at| unsafe { head.u32(at) };
        let (layout, kinds) = (u32_at(4), u32_at(0x10));
        let (rows, dimension, lists) = (u32_at(8), u32_at(12), u32_at(0x14));
        // The upper halves of both offsets, which have 48 bits.
        let offset_ends = u32_at(0x2C) | u32_at(0x34);
        // `|` and not `||`: jumps would take more room in the module.
        if (u32_at(0) != MAGIC)
            | (rows == 0)
            | (dimension.wrapping_sub(1) >= MAX_DIMENSION)
            | (lists.wrapping_sub(1) >= MAX_LISTS.min(rows))
            | (u32_at(0x18) != dimension.wrapping_add(63) / 64)
            | (u32_at(0x1C) != round_up(dimension.wrapping_add(12)))
            | (offset_ends >> 16 != 0)
        {
            return Err(Error::BadIndex);
        }
        if (layout != u32::from(LAYOUT)) | (kinds & 0xFF > 2) | (kinds >> 8 > 2) {
            return Err(Error::Unsupported);
        }
        // SAFETY: there are as many bytes; any are an index but for metric and vectors, which were checked.
        unsafe {
            head.start()
                .add(8)
                .copy_to_nonoverlapping(place.as_mut_ptr().cast(), size_of::<Self>());
        }
        Ok(())
    }

    /// Number of vectors, at least 1.
    #[must_use]
    pub const fn rows(&self) -> u32 {
        self.rows
    }

    /// Components of a vector, 1 to 65,536.
    #[must_use]
    pub const fn dimension(&self) -> u32 {
        self.dimension
    }

    /// How vectors are compared.
    #[must_use]
    pub const fn metric(&self) -> Metric {
        self.metric
    }

    /// The most exact element type that is kept.
    #[must_use]
    pub const fn vectors(&self) -> Vectors {
        self.vectors
    }

    /// The seed of the rotation's signs.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Words of a code: ⌈dimension / 64⌉.
    #[must_use]
    pub const fn words(&self) -> u32 {
        self.words
    }

    /// Number of lists, 1 to 65,536.
    #[must_use]
    pub const fn lists(&self) -> u32 {
        self.lists
    }

    /// Bytes of an i8 record, of a vector or a centroid.
    #[must_use]
    pub const fn i8_len(&self) -> u32 {
        self.i8_len
    }

    /// Bytes of an f16 or f32 record, or 0 if the file keeps i8 only.
    #[must_use]
    pub const fn float_len(&self) -> u32 {
        match self.vectors {
            Vectors::I8 => 0,
            _ => self.float_stride(),
        }
    }

    /// Bytes of a record of the most exact kind.
    #[must_use]
    pub const fn record_len(&self) -> u32 {
        match self.vectors {
            Vectors::I8 => self.i8_len,
            _ => self.float_stride(),
        }
    }

    /// [`float_len`](Self::float_len) of a file that keeps more than i8.
    #[inline(always)]
    pub(crate) const fn float_stride(&self) -> u32 {
        // A component takes 2 or 4 bytes.
        round_up(4 + self.dimension * 2 * self.vectors as u32)
    }

    /// Bytes of the mean, which stands in the INDEX payload right behind the head.
    #[must_use]
    pub const fn mean_len(&self) -> usize {
        self.dimension as usize * 4
    }

    /// Where the list directory starts in the INDEX payload.
    #[must_use]
    pub const fn directory_offset(&self) -> u32 {
        (HEAD_LEN as u32 + 4 * self.dimension).next_multiple_of(64)
    }

    /// Bytes of a region, as the head asks for it (R-IDX-2, R-MAN-4); of QUANT the least that they can be.
    #[must_use]
    pub const fn region_len(&self, region: Region) -> u64 {
        match region {
            Region::Index if self.lists > 1 => {
                self.centroid_records + self.lists as u64 * self.i8_len as u64
            }
            Region::Index => (self.directory_offset() + LIST_LEN) as u64,
            Region::Quant => codes_len(self.rows, self.words, false),
            Region::VecI8 => self.rows as u64 * self.i8_len as u64,
            Region::VecFloat => self.rows as u64 * self.float_len() as u64,
            Region::Filter => self.filter_len() as u64,
        }
    }

    /// Bytes of a filter: a bit for each vector.
    #[must_use]
    pub const fn filter_len(&self) -> u32 {
        // There is a row.
        ((self.rows - 1) >> 3) + 1
    }

    /// Bytes of a full group of codes with vector numbers: no group is longer, nor is a record, or the mean.
    pub(crate) const fn group_len(&self) -> u32 {
        GROUP * (8 * self.words + 8)
    }

    /// The least window that a query may have (K-ABI-3). `filter`: with a filter.
    #[must_use]
    pub const fn least_window(&self, filter: bool) -> u32 {
        let group = self.group_len();
        if filter && self.filter_len() > group {
            return self.filter_len();
        }
        group
    }
}

/// Bytes of a group, or of several full ones with as many tiles in all (R-QNT-1).
#[inline(always)]
pub(crate) const fn codes_len(entries: u32, words: u32, numbers: bool) -> u64 {
    let tile = TILE * (8 * words + 4 + if numbers { 4 } else { 0 });
    entries.div_ceil(TILE) as u64 * tile as u64
}
