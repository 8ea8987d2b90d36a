//! The head of the INDEX segment and the list directory (format.md, section 6).
#![allow(
    unsafe_code,
    reason = "fields are read unchecked from a head whose length was checked"
)]

use crate::Error;
use crate::data::Region;
use crate::memory::View;

/// Bytes of the INDEX payload's head.
pub const HEAD_LEN: usize = 128;
/// Bytes of an entry of the list directory.
pub const LIST_LEN: u32 = 32;
/// Rows in a group of codes (R-QNT-1).
pub const GROUP: u32 = 32;
/// The largest dimension (R-LIM-1).
pub const MAX_DIMENSION: u32 = 65_536;
/// The highest INDEX layout that this kernel knows.
pub const LAYOUT: u16 = 1;

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
    (len + 3) & !3
}

/// What the head of an INDEX says, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    rows: u32,
    dimension: u32,
    words: u32,
    metric: Metric,
    vectors: Vectors,
    /// Bytes of a row in each region.
    strides: [u32; Region::COUNT],
    seed: u64,
}

impl Index {
    /// Reads and checks the head: the first 128 bytes of the INDEX payload. More bytes may follow.
    ///
    /// # Errors
    /// [`Error::BadIndex`] if it is too short or contradicts itself, [`Error::Unsupported`] for a layout, metric
    /// or element type of a later version.
    pub fn parse(head: &[u8]) -> Result<Self, Error> {
        if head.len() < HEAD_LEN {
            return Err(Error::BadIndex);
        }
        let head = View::new(head);
        // SAFETY: all offsets are below 128, on multiples of what is read.
        let u32_at = |at| unsafe { head.u32(at) };
        let (layout, kinds) = (u32_at(4), u32_at(0x10));
        let (metric, vectors) = (kinds & 0xFF, kinds >> 8);
        let (rows, dimension) = (u32_at(8), u32_at(12));
        // `|` and not `||`: jumps would take more room in the module.
        if (u32_at(0) != MAGIC) | (rows == 0) | (dimension.wrapping_sub(1) >= MAX_DIMENSION) {
            return Err(Error::BadIndex);
        }
        if (layout != u32::from(LAYOUT)) | (metric > 2) | (vectors > 2) {
            return Err(Error::Unsupported);
        }
        let words = dimension.div_ceil(64);
        let record_len = 12 + round_up(dimension);
        if (u32_at(0x14) != 1) | (u32_at(0x18) != words) | (u32_at(0x1C) != record_len) {
            return Err(Error::BadIndex);
        }
        // SAFETY: both are at most 2, and the numbers of the variants.
        let (metric, vectors) = unsafe {
            (
                core::mem::transmute::<u8, Metric>(metric as u8),
                core::mem::transmute::<u8, Vectors>(vectors as u8),
            )
        };
        Ok(Self {
            rows,
            dimension,
            words,
            metric,
            vectors,
            // A component takes 2 or 4 bytes; with none there is no record, and its length is not used.
            strides: [
                1,
                8 * words + 4,
                record_len,
                4 + round_up(dimension * 2 * vectors as u32),
                1,
                1,
            ],
            // SAFETY: as above.
            seed: unsafe { head.u64(0x20) },
        })
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

    /// Bytes of a row in a region of rows: a code with its correction word in QUANT, a record in VEC (0 in
    /// [`Region::VecFloat`] if the file keeps i8 only); 1 in the other regions.
    #[must_use]
    pub const fn row_len(&self, region: Region) -> u32 {
        match (region, self.vectors) {
            (Region::VecFloat, Vectors::I8) => 0,
            _ => self.stride(region),
        }
    }

    /// [`row_len`](Self::row_len) of a region that the file has.
    #[inline(always)]
    pub(crate) const fn stride(&self, region: Region) -> u32 {
        self.strides[region as usize]
    }

    /// Where the list directory starts in the INDEX payload.
    #[must_use]
    pub const fn directory_offset(&self) -> u32 {
        (HEAD_LEN as u32 + 4 * self.dimension).next_multiple_of(64)
    }

    /// Bytes of a region, as the head asks for it (R-IDX-2, R-MAN-4).
    #[must_use]
    pub const fn region_len(&self, region: Region) -> u64 {
        match region {
            Region::Index => (self.directory_offset() + LIST_LEN) as u64,
            Region::Quant | Region::VecI8 | Region::VecFloat => {
                self.rows as u64 * self.row_len(region) as u64
            }
            Region::Filter | Region::Deletes => self.rows.div_ceil(8) as u64,
        }
    }

    /// The least window that a query may have: one group of 32 rows. It also holds any record, and the mean.
    #[must_use]
    pub const fn least_window(&self) -> u32 {
        GROUP * self.stride(Region::Quant)
    }

    /// Whether a list directory is that of layout 1: one list that holds every row (R-IDX-1).
    ///
    /// # Safety
    /// There are 32 bytes at `at`.
    pub(crate) unsafe fn fits(&self, directory: View<'_>, at: usize) -> bool {
        // SAFETY: the caller's promise.
        unsafe {
            let entry = directory.from(at);
            entry.u64(0) == 0 && entry.u64(8) == u64::from(self.rows)
        }
    }
}
