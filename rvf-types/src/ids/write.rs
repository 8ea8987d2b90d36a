//! Builds whole IDS payloads.

use super::{IdsHead, IndexEntry, RUN_IDS, hash, hash_u64};
use crate::bytes::ensure;
use crate::error::{Expected, FormatError};
use crate::kinds::IdKind;
use crate::limits::{MAX_ID_LEN, MAX_ROWS};
use alloc::vec::Vec;

/// The IDS payload of these numbers, one a row.
///
/// # Errors
/// R-LIM-1 for no rows or too many, R-IDS-4 ([`FormatError::DuplicateId`]) with the two lowest rows that have one id.
pub fn write_u64(ids: &[u64]) -> Result<Vec<u8>, FormatError> {
    let rows = count(ids.len())?;
    let mut index: Vec<_> = ids
        .iter()
        .zip(0..rows)
        .map(|(&id, row)| IndexEntry {
            hash: hash_u64(id),
            row,
        })
        .collect();
    sort_unique(&mut index, |row| {
        usize::try_from(row).ok().and_then(|row| ids.get(row))
    })?;
    let head = IdsHead::new(IdKind::U64, rows, 0)?;
    let mut out = Vec::with_capacity(usize::try_from(head.payload_length()).unwrap_or_default());
    out.extend_from_slice(&head.to_bytes());
    ids.iter()
        .for_each(|id| out.extend_from_slice(&id.to_le_bytes()));
    index
        .iter()
        .for_each(|entry| out.extend_from_slice(&entry.to_bytes()));
    Ok(out)
}

/// The IDS payload of these strings, one a row.
///
/// # Errors
/// R-LIM-1 for no rows or too many, or an id that is empty or longer than 512 bytes (its row stands
/// as the error's offset); R-IDS-4 ([`FormatError::DuplicateId`]) with the two lowest rows that have one id.
pub fn write_utf8<S: AsRef<str>>(ids: &[S]) -> Result<Vec<u8>, FormatError> {
    let rows = count(ids.len())?;
    let mut index = Vec::with_capacity(ids.len());
    let mut runs: Vec<u64> = Vec::new();
    let mut strings = Vec::new();
    for (id, row) in ids.iter().zip(0..rows) {
        let id = id.as_ref().as_bytes();
        let length = u16::try_from(id.len())
            .ok()
            .filter(|&n| n > 0 && usize::from(n) <= MAX_ID_LEN);
        let Some(length) = length else {
            return Err(FormatError::Field {
                rule: "R-LIM-1",
                what: "bytes of the id of a row, the row's number standing as the offset",
                expected: Expected::Between(1, MAX_ID_LEN as u64),
                found: id.len() as u64,
                offset: row.into(),
            });
        };
        if row % RUN_IDS == 0 {
            runs.push(strings.len() as u64);
        }
        strings.extend_from_slice(&length.to_le_bytes());
        strings.extend_from_slice(id);
        index.push(IndexEntry {
            hash: hash(id),
            row,
        });
    }
    runs.push(strings.len() as u64);
    sort_unique(&mut index, |row| {
        usize::try_from(row)
            .ok()
            .and_then(|row| ids.get(row))
            .map(AsRef::as_ref)
    })?;
    let head = IdsHead::new(IdKind::Utf8, rows, strings.len() as u64)?;
    let mut out = Vec::with_capacity(usize::try_from(head.payload_length()).unwrap_or_default());
    out.extend_from_slice(&head.to_bytes());
    runs.iter()
        .for_each(|from| out.extend_from_slice(&from.to_le_bytes()));
    out.extend_from_slice(&strings);
    out.resize(out.len().next_multiple_of(8), 0);
    index
        .iter()
        .for_each(|entry| out.extend_from_slice(&entry.to_bytes()));
    Ok(out)
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
fn sort_unique<T: Ord>(index: &mut [IndexEntry], id: impl Fn(u32) -> T) -> Result<(), FormatError> {
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
