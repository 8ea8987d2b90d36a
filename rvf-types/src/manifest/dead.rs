//! The entry of a dead segment.

use crate::bytes::{Grid, Sheet, ensure};
use crate::digest::SegmentHash;
use crate::error::{Expected, FormatError};
use crate::header::SegmentHeader;
use crate::limits::{MAX_BLOCK_LOG, MIN_BLOCK_LOG, SEGMENT_ALIGN};

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
    /// The logarithm of its block size, 10 to 20.
    pub block_log: u8,
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
                block_log: 0,
            },
        }
    }

    fn fields(grid: &Grid<'_, { Self::LEN }>) -> Self {
        Self {
            offset: grid.u64::<0x00>(),
            length: grid.u64::<0x08>(),
            hash: SegmentHash(grid.array::<0x10, 32>()),
            block_log: grid.u8::<0x30>(),
        }
    }

    /// Reads one dead extent and checks what it says by itself. `at` is its place in the file.
    ///
    /// # Errors
    /// R-MAN-2 for an offset or a length that can't be, R-MAN-1 for the block size, R-NUM-3 for reserved bytes.
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
        ensure(
            (MIN_BLOCK_LOG..=MAX_BLOCK_LOG).contains(&dead.block_log),
            "R-MAN-1",
            "logarithm of the block size",
            Expected::Between(MIN_BLOCK_LOG.into(), MAX_BLOCK_LOG.into()),
            dead.block_log.into(),
            grid.at(0x30),
        )?;
        grid.zero::<0x31, 15>("R-NUM-3")?;
        Ok(dead)
    }

    /// The 64 bytes of the entry.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        Sheet::<{ Self::LEN }>::new()
            .u64::<0x00>(self.offset)
            .u64::<0x08>(self.length)
            .put::<0x10, 32>(self.hash.0)
            .u8::<0x30>(self.block_log)
            .finish()
    }

    /// Checks the header of the segment there against this entry.
    ///
    /// # Errors
    /// R-MAN-2 for a segment of another length, R-MAN-6 for another content hash.
    pub fn check_header(&self, header: &SegmentHeader) -> Result<(), FormatError> {
        let found = header.extent().unwrap_or(u64::MAX);
        let what = "length of the segment in a dead extent";
        ensure(
            found == self.length,
            "R-MAN-2",
            what,
            Expected::Exactly(self.length),
            found,
            self.offset,
        )?;
        if header.content_hash == self.hash.content() {
            return Ok(());
        }
        Err(FormatError::Hash {
            rule: "R-MAN-6",
            what: "content hash in a dead segment's header",
            expected: self.hash.content(),
            found: header.content_hash,
            offset: self.offset,
        })
    }

    /// Where it ends. None above 2⁶⁴.
    #[must_use]
    pub const fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.length)
    }
}
