//! A segment's digest table, checked, and which blocks were.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use rvf_types::{BlockDigest, DigestTable, FormatError};

use crate::error::HostError;
use crate::memory::with_room;

/// A checked table with one bit for each block.
pub(crate) struct Table {
    digests: DigestTable<Vec<u8>>,
    checked: Vec<AtomicU64>,
    /// Blocks that are left to check.
    left: AtomicU64,
}

impl Table {
    /// `all_checked`: the table was built from the payload in place, so its blocks are what it says.
    pub(crate) fn new(digests: DigestTable<Vec<u8>>, all_checked: bool) -> Result<Self, HostError> {
        let blocks = digests.blocks();
        let words = usize::try_from(blocks.div_ceil(64)).unwrap_or(usize::MAX);
        let fill = if all_checked { u64::MAX } else { 0 };
        let mut checked = with_room("the marks of checked blocks", words)?;
        checked.extend((0..words).map(|_| AtomicU64::new(fill)));
        let left = AtomicU64::new(if all_checked { 0 } else { blocks });
        Ok(Self {
            digests,
            checked,
            left,
        })
    }

    #[inline]
    fn place(&self, number: u64) -> Option<(&AtomicU64, u64)> {
        let word = self.checked.get(usize::try_from(number / 64).ok()?)?;
        Some((word, 1 << (number % 64)))
    }

    #[inline]
    pub(crate) fn is_checked(&self, number: u64) -> bool {
        self.place(number)
            .is_some_and(|(word, bit)| word.load(Ordering::Acquire) & bit != 0)
    }

    /// Whether every block was checked that holds a part of a range of the payload.
    #[inline]
    pub(crate) fn are_checked(&self, from: u64, len: u64) -> bool {
        if len == 0 {
            return true;
        }
        let log = self.digests.block_log();
        // A log is at most 20.
        let (first, last) = (from >> log, from.saturating_add(len - 1) >> log);
        (first..=last).all(|number| self.is_checked(number))
    }

    #[inline]
    pub(crate) fn set_checked(&self, number: u64) {
        if let Some((word, bit)) = self.place(number)
            && word.fetch_or(bit, Ordering::AcqRel) & bit == 0
        {
            self.left.fetch_sub(1, Ordering::AcqRel);
        }
    }

    pub(crate) fn is_all_checked(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }

    /// Offset in the payload, length and digest of a block.
    pub(crate) fn block(&self, number: u64) -> Option<(u64, usize, BlockDigest)> {
        let (from, len) = self.digests.block_extent(number)?;
        Some((
            from,
            usize::try_from(len).ok()?,
            self.digests.digest(number)?,
        ))
    }

    /// The error for a block whose digest is another one. `offset` is that of the segment's header.
    pub(crate) fn check_block(
        &self,
        number: u64,
        bytes: &[u8],
        offset: u64,
    ) -> Result<(), FormatError> {
        self.digests.check_block(number, bytes, offset)
    }

    /// The blocks that hold a range of the payload; none if the payload ends before.
    pub(crate) fn blocks_of(&self, from: u64, len: u64) -> Option<Range<u64>> {
        self.digests.blocks_of(from, len)
    }
}
