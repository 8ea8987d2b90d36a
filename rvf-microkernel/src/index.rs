//! The head of the INDEX segment and the list directory (format.md, section 6).

use crate::Error;
use crate::bytes::{u32_at, u64_at};

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

/// What the head of an INDEX says, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    rows: u32,
    dimension: u32,
    metric: Metric,
    vectors: Vectors,
    seed: u64,
}

impl Index {
    /// Reads and checks the head: the first 128 bytes of the INDEX payload. More bytes may follow.
    ///
    /// # Errors
    /// [`Error::BadIndex`] if it is too short or contradicts itself, [`Error::Unsupported`] for a layout, metric
    /// or element type of a later version.
    pub fn parse(head: &[u8]) -> Result<Self, Error> {
        let head = head.get(..HEAD_LEN).ok_or(Error::BadIndex)?;
        if u32_at(head, 0) != MAGIC {
            return Err(Error::BadIndex);
        }
        if u32_at(head, 4) != u32::from(LAYOUT) {
            return Err(Error::Unsupported);
        }
        let kinds = u32_at(head, 0x10);
        let metric = match kinds & 0xFF {
            0 => Metric::L2,
            1 => Metric::InnerProduct,
            2 => Metric::Cosine,
            _ => return Err(Error::Unsupported),
        };
        let vectors = match kinds >> 8 {
            0 => Vectors::I8,
            1 => Vectors::F16,
            2 => Vectors::F32,
            _ => return Err(Error::Unsupported),
        };
        let index = Self {
            rows: u32_at(head, 8),
            dimension: u32_at(head, 12),
            metric,
            vectors,
            seed: u64_at(head, 0x20),
        };
        let mut reserved = 0;
        for at in (0x28..HEAD_LEN).step_by(8) {
            reserved |= u64_at(head, at);
        }
        // The dimension is checked first: what follows is computed from it.
        if index.rows == 0
            || index.dimension.wrapping_sub(1) >= MAX_DIMENSION
            || u32_at(head, 0x14) != 1
            || u32_at(head, 0x18) != index.words()
            || u32_at(head, 0x1C) != index.record_len()
            || reserved != 0
        {
            return Err(Error::BadIndex);
        }
        Ok(index)
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
        self.dimension.div_ceil(64)
    }

    /// Bytes of a row in the QUANT segment: its code and its correction word.
    #[must_use]
    pub const fn row_len(&self) -> u32 {
        8 * self.words() + 4
    }

    /// Bytes of an i8 record (R-VEC-1).
    #[must_use]
    pub const fn record_len(&self) -> u32 {
        12 + self.dimension.div_ceil(4) * 4
    }

    /// Bytes of an f16 or f32 record (R-VEC-5), as the file's vectors are; 0 if it keeps i8 only.
    #[must_use]
    pub const fn float_record_len(&self) -> u32 {
        match self.vectors {
            Vectors::I8 => 0,
            Vectors::F16 => 4 + self.dimension.div_ceil(2) * 4,
            Vectors::F32 => 4 + self.dimension * 4,
        }
    }

    /// Where the list directory starts in the INDEX payload.
    #[must_use]
    pub const fn directory_offset(&self) -> u32 {
        (HEAD_LEN as u32 + 4 * self.dimension).next_multiple_of(64)
    }

    /// Bytes of the INDEX payload (R-IDX-2).
    #[must_use]
    pub const fn index_len(&self) -> u64 {
        (self.directory_offset() + LIST_LEN) as u64
    }

    /// Bytes of the QUANT payload.
    #[must_use]
    pub const fn quant_len(&self) -> u64 {
        self.rows as u64 * self.row_len() as u64
    }

    /// The least window that a query may have: one group of 32 rows. It also holds any record, and the mean.
    #[must_use]
    pub const fn least_window(&self) -> u32 {
        GROUP * self.row_len()
    }

    /// Checks the list directory of layout 1: one list that holds every row (R-IDX-1).
    pub(crate) fn check_directory(&self, entry: &[u8]) -> Result<(), Error> {
        let expected = u64_at(entry, 0) | u64_at(entry, 16) | u64_at(entry, 24);
        if expected != 0 || u64_at(entry, 8) != u64::from(self.rows) {
            return Err(Error::BadData);
        }
        Ok(())
    }
}
