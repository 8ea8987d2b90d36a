//! Writes IDS payloads: piece by piece, or whole ones.

use super::{IdsHead, IndexEntry, Strings, hash, hash_u64};
use crate::bytes::ensure;
use crate::error::{Expected, FormatError};
use crate::kinds::IdKind;
use crate::limits::MAX_ROWS;
use alloc::vec::Vec;

/// Numbers or index entries that are handed on as one piece.
const PIECE: usize = 1 << 13;

/// The ids of the rows, in order, as a writer has them.
#[derive(Debug, Clone, Copy)]
pub enum Column<'a> {
    /// Numbers.
    U64(&'a [u64]),
    /// UTF-8.
    Utf8(&'a Strings),
}

impl Column<'_> {
    /// What the ids are.
    #[must_use]
    pub const fn kind(&self) -> IdKind {
        match self {
            Self::U64(_) => IdKind::U64,
            Self::Utf8(_) => IdKind::Utf8,
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::U64(ids) => ids.len(),
            Self::Utf8(ids) => ids.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The head of their payload, which tells its length ([`IdsHead::payload_length`]).
    ///
    /// # Errors
    /// R-LIM-1 for no ids or more than rows can be.
    pub fn head(&self) -> Result<IdsHead, FormatError> {
        let strings = match self {
            Self::U64(_) => 0,
            Self::Utf8(ids) => ids.bytes().len() as u64,
        };
        IdsHead::new(self.kind(), count(self.len())?, strings)
    }

    /// Hands the payload to `sink`, piece by piece. `index` gives the hash index in its order (R-IDS-2).
    ///
    /// # Errors
    /// The first error of `sink`, after which it is not called again.
    pub fn write<E>(
        &self,
        head: &IdsHead,
        index: impl IntoIterator<Item = IndexEntry>,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        sink(&head.to_bytes())?;
        match self {
            Self::U64(ids) => write_words(ids.iter().copied(), &mut sink)?,
            Self::Utf8(ids) => {
                let end = ids.bytes().len() as u64;
                let offsets = ids.runs().iter().copied().chain([end]);
                write_words(offsets, &mut sink)?;
                sink(ids.bytes())?;
                let behind = ids.bytes().len().next_multiple_of(8);
                let padding = behind.saturating_sub(ids.bytes().len());
                sink([0; 8].get(..padding).unwrap_or_default())?;
            }
        }
        let entries = index.into_iter();
        write_words(entries.map(|e| u64::from_le_bytes(e.to_bytes())), &mut sink)
    }
}

fn write_words<E>(
    mut words: impl Iterator<Item = u64>,
    sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut piece: Vec<[u8; 8]> = Vec::new();
    loop {
        piece.clear();
        piece.extend(words.by_ref().take(PIECE).map(u64::to_le_bytes));
        if piece.is_empty() {
            return Ok(());
        }
        sink(piece.as_flattened())?;
    }
}

/// The IDS payload of these numbers, one a row.
///
/// # Errors
/// R-LIM-1 for no rows or too many, R-IDS-4 ([`FormatError::DuplicateId`]) with the two lowest rows that have one id.
pub fn write_u64(ids: &[u64]) -> Result<Vec<u8>, FormatError> {
    let column = Column::U64(ids);
    let head = column.head()?;
    let mut index: Vec<_> = ids
        .iter()
        .zip(0..head.rows)
        .map(|(&id, row)| IndexEntry {
            hash: hash_u64(id),
            row,
        })
        .collect();
    sort_unique(&mut index, |row| ids.get(row))?;
    Ok(whole(&column, &head, index))
}

/// The IDS payload of these strings, one a row.
///
/// # Errors
/// R-LIM-1 for no rows or too many, or an id that is empty or longer than 512 bytes (its row stands
/// as the error's offset); R-IDS-4 ([`FormatError::DuplicateId`]) with the two lowest rows that have one id.
pub fn write_utf8<S: AsRef<str>>(ids: &[S]) -> Result<Vec<u8>, FormatError> {
    let rows = count(ids.len())?;
    let mut strings = Strings::new();
    let mut index = Vec::with_capacity(ids.len());
    for (id, row) in ids.iter().zip(0..rows) {
        let id = id.as_ref();
        strings.push(id)?;
        index.push(IndexEntry {
            hash: hash(id.as_bytes()),
            row,
        });
    }
    sort_unique(&mut index, |row| ids.get(row).map(AsRef::as_ref))?;
    let column = Column::Utf8(&strings);
    Ok(whole(&column, &column.head()?, index))
}

fn whole(column: &Column<'_>, head: &IdsHead, index: Vec<IndexEntry>) -> Vec<u8> {
    let mut out = Vec::with_capacity(usize::try_from(head.payload_length()).unwrap_or_default());
    let Ok(()) = column.write(head, index, |bytes| {
        out.extend_from_slice(bytes);
        Ok::<(), core::convert::Infallible>(())
    });
    out
}

fn count(ids: usize) -> Result<u32, FormatError> {
    let found = ids as u64;
    let rows = u32::try_from(ids).unwrap_or_default();
    ensure(
        rows > 0,
        "R-LIM-1",
        "number of ids",
        Expected::Between(1, MAX_ROWS.into()),
        found,
        0,
    )?;
    Ok(rows)
}

/// Sorts the index and finds the first row whose id an earlier row has.
fn sort_unique<T: Ord>(
    index: &mut [IndexEntry],
    id: impl Fn(usize) -> Option<T>,
) -> Result<(), FormatError> {
    let id = |row: u32| usize::try_from(row).ok().and_then(&id);
    index.sort_unstable();
    let mut found: Option<(u32, u32)> = None;
    for equal in index
        .chunk_by(|a, b| a.hash == b.hash)
        .filter(|equal| equal.len() > 1)
    {
        let mut rows: Vec<u32> = equal.iter().map(|entry| entry.row).collect();
        rows.sort_by_key(|&row| (id(row), row));
        for pair in rows.windows(2) {
            if let &[first, second] = pair
                && id(first) == id(second)
                && found.is_none_or(|(_, before)| second < before)
            {
                found = Some((first, second));
            }
        }
    }
    match found {
        Some((first, second)) => Err(FormatError::DuplicateId { first, second }),
        None => Ok(()),
    }
}
