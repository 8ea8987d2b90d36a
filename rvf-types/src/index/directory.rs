//! The list directory.

use super::LIST_LEN;
use crate::bytes::{Grid, Sheet, ensure};
use crate::error::{Expected, FormatError};
use crate::quant;

/// An entry of the list directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ListEntry {
    /// Offset of the list in the QUANT payload, a multiple of 64.
    pub offset: u64,
    /// How many vectors the list holds.
    pub own: u32,
    /// How many second entries it has.
    pub second: u32,
    /// Number of its first own vector.
    pub first: u32,
}

impl ListEntry {
    /// Bytes of an entry.
    pub const LEN: usize = 32;

    /// The list of a file that has one.
    #[must_use]
    pub const fn only(rows: u32) -> Self {
        Self {
            offset: 0,
            own: rows,
            second: 0,
            first: 0,
        }
    }

    /// The entry that follows this one in the directory, for a list of so many entries. None where its offset or first
    /// vector would be out of range.
    #[must_use]
    pub fn next(&self, dimension: u32, own: u32, second: u32) -> Option<Self> {
        let length = quant::padded_length(self.own, self.second, dimension);
        Some(Self {
            offset: self.offset.checked_add(length)?,
            own,
            second,
            first: self.first.checked_add(self.own)?,
        })
    }

    /// Whether a vector number is that of one of its own vectors.
    #[must_use]
    pub const fn owns(&self, number: u32) -> bool {
        match number.checked_sub(self.first) {
            Some(within) => within < self.own,
            None => false,
        }
    }

    /// Reads one entry. `offset` is its place in the file.
    ///
    /// # Errors
    /// R-NUM-2 for too few bytes, R-NUM-3 for reserved bytes.
    pub fn parse(bytes: &[u8], offset: u64) -> Result<Self, FormatError> {
        let grid = Grid::<{ Self::LEN }>::new(bytes, "list entry", offset)?;
        grid.zero::<0x14, 12>("R-NUM-3")?;
        Ok(Self {
            offset: grid.u64::<0x00>(),
            own: grid.u32::<0x08>(),
            second: grid.u32::<0x0C>(),
            first: grid.u32::<0x10>(),
        })
    }

    /// The entry's 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        Sheet::<{ Self::LEN }>::new()
            .u64::<0x00>(self.offset)
            .u32::<0x08>(self.own)
            .u32::<0x0C>(self.second)
            .u32::<0x10>(self.first)
            .finish()
    }
}

/// Reads the list directory of a file of so many rows and lists, checks that each list stands where the one before it ends
/// (R-IDX-1), and gives the entries to `take` in order. `bytes` is the directory, and `offset` its place in the file.
///
/// Returns the payload length that the lists ask of QUANT (R-QNT-1).
///
/// # Errors
/// R-NUM-3 for reserved bytes, R-IDX-1 for an entry that does not follow from those before, for entries that are missing or
/// too many, and for lists that do not own every vector.
pub fn read_directory(
    rows: u32,
    dimension: u32,
    lists: u32,
    bytes: &[u8],
    offset: u64,
    mut take: impl FnMut(ListEntry),
) -> Result<u64, FormatError> {
    let mut check = DirectoryCheck::new(rows, dimension, lists);
    let mut at = offset;
    for bytes in bytes.as_chunks::<{ ListEntry::LEN }>().0 {
        let entry = ListEntry::parse(bytes, at)?;
        check.take(&entry, at)?;
        take(entry);
        at = at.saturating_add(LIST_LEN);
    }
    check.finish(offset)
}

/// Follows the list directory entry by entry.
#[derive(Debug, Clone)]
struct DirectoryCheck {
    rows: u32,
    dimension: u32,
    lists: u32,
    /// Entries that were taken.
    taken: u32,
    /// The offset and the first vector that the next entry must have.
    offset: u64,
    first: u32,
}

impl DirectoryCheck {
    /// Before the first entry.
    const fn new(rows: u32, dimension: u32, lists: u32) -> Self {
        Self {
            rows,
            dimension,
            lists,
            taken: 0,
            offset: 0,
            first: 0,
        }
    }

    /// Takes the next entry. `at` is its place in the file.
    fn take(&mut self, entry: &ListEntry, at: u64) -> Result<(), FormatError> {
        let field = |holds, what, expected, found, place: u64| {
            ensure(
                holds,
                "R-IDX-1",
                what,
                expected,
                found,
                at.saturating_add(place),
            )
        };
        let same = |what, found: u64, wanted: u64, place| {
            field(
                found == wanted,
                what,
                Expected::Exactly(wanted),
                found,
                place,
            )
        };
        let most = |what, found: u32, most: u32, place| {
            let expected = Expected::AtMost(most.into());
            field(found <= most, what, expected, found.into(), place)
        };
        self.taken = self.taken.saturating_add(1);
        most("entries of the list directory", self.taken, self.lists, 0)?;
        same("offset of a list", entry.offset, self.offset, 0x00)?;
        let first = u64::from(entry.first);
        same("first vector of a list", first, self.first.into(), 0x10)?;
        let left = self.rows.saturating_sub(self.first);
        most("own vectors of a list", entry.own, left, 0x08)?;
        // A list has no vector twice, and a file with one list has no second entries.
        let rest = if self.lists > 1 { self.rows } else { entry.own };
        let second = rest.saturating_sub(entry.own);
        most("second entries of a list", entry.second, second, 0x0C)?;
        let length = quant::padded_length(entry.own, entry.second, self.dimension);
        // An end above 2⁶⁴ is the offset of no list, nor the length of a payload, which is a multiple of 64.
        self.offset = self.offset.saturating_add(length);
        self.first = self.first.saturating_add(entry.own);
        Ok(())
    }

    /// Behind the last entry: gives the payload length of QUANT. `at` is the directory's place in the file.
    fn finish(self, at: u64) -> Result<u64, FormatError> {
        let same = |what, found: u32, wanted: u32| {
            let expected = Expected::Exactly(wanted.into());
            ensure(found == wanted, "R-IDX-1", what, expected, found.into(), at)
        };
        same("entries of the list directory", self.taken, self.lists)?;
        same("own vectors of all lists", self.first, self.rows)?;
        Ok(self.offset)
    }
}
