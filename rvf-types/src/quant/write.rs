//! Writes groups and lists: the one place that puts codes into tiles.

use super::{TILE_CODES, code_words, group_length};
use crate::bytes::ensure;
use crate::error::{Expected, FormatError};
#[cfg(feature = "alloc")]
use alloc::vec::Vec;

/// Writes a group into `out`.
///
/// `codes` are the entries' codes one after the other, W = [`code_words`] words each; `corrections` a word an entry
/// ([`Correction::word`](super::Correction::word)); `numbers` the entries' vector numbers, in a group that has a
/// second entry, else none. `out` has [`group_length`] bytes.
///
/// # Errors
/// R-QNT-1 for parts that do not have one size, more than 32 entries or none, or another length of `out`.
pub fn write_group(
    out: &mut [u8],
    dimension: u32,
    codes: &[u64],
    corrections: &[u32],
    numbers: Option<&[u32]>,
) -> Result<(), FormatError> {
    let size = |what, expected: u64, found: usize| {
        let found = found as u64;
        let expected_size = Expected::Exactly(expected);
        ensure(found == expected, "R-QNT-1", what, expected_size, found, 0)
    };
    let entries = corrections.len() as u64;
    let most = super::GROUP_ENTRIES;
    let Some(count) = u32::try_from(entries)
        .ok()
        .filter(|count| (1..=most).contains(count))
    else {
        return Err(FormatError::Field {
            rule: "R-QNT-1",
            what: "entries of a group",
            expected: Expected::Between(1, most.into()),
            found: entries,
            offset: 0,
        });
    };
    let words = usize::try_from(code_words(dimension)).unwrap_or(usize::MAX);
    let all_words = entries.saturating_mul(code_words(dimension).into());
    size("words of the codes of a group", all_words, codes.len())?;
    if let Some(numbers) = numbers {
        size("vector numbers of a group", entries, numbers.len())?;
    }
    let len = group_length(count, numbers.is_some(), dimension);
    size("length of a group", len, out.len())?;

    let lanes = usize::try_from(TILE_CODES).unwrap_or(4);
    let tile_words = words.saturating_mul(lanes);
    let tiles = codes.len().div_ceil(tile_words.max(1));
    let tiles_end = tiles.saturating_mul(tile_words).saturating_mul(8);
    let (tiles, behind) = out.split_at_mut_checked(tiles_end).unwrap_or_default();
    let tile_bytes = tile_words.saturating_mul(8).max(1);
    for (tile, four) in tiles
        .chunks_exact_mut(tile_bytes)
        .zip(codes.chunks(tile_words.max(1)))
    {
        // A place a word: first by word, then by code. What the last tile lacks is zero.
        let places = tile.as_chunks_mut::<8>().0.chunks_exact_mut(lanes);
        for (word, places) in places.enumerate() {
            let mut column = four.iter().skip(word).step_by(words.max(1));
            for place in places {
                *place = column.next().copied().unwrap_or_default().to_le_bytes();
            }
        }
    }
    let places = tiles_end
        .checked_div(words.saturating_mul(8))
        .unwrap_or_default();
    let parts = behind.chunks_mut(places.saturating_mul(4).max(1));
    for (part, values) in parts.zip([corrections].into_iter().chain(numbers)) {
        part.fill(0);
        for (place, value) in part.as_chunks_mut::<4>().0.iter_mut().zip(values) {
            *place = value.to_le_bytes();
        }
    }
    Ok(())
}

/// The bytes of a list, with the zeros behind.
///
/// Codes and correction words are those of the own entries, then of the second ones, as for [`write_group`]. `first` is
/// the number of the list's first own vector, `second` the vector numbers of its second entries.
///
/// # Errors
/// R-QNT-1 for parts that do not have one size, or more than 2³² − 1 entries.
#[cfg(feature = "alloc")]
pub fn write_list(
    dimension: u32,
    codes: &[u64],
    corrections: &[u32],
    first: u32,
    second: &[u32],
) -> Result<Vec<u8>, FormatError> {
    let wrong = |what, expected, found: usize| FormatError::Field {
        rule: "R-QNT-1",
        what,
        expected,
        found: found as u64,
        offset: 0,
    };
    let count = |what, found: usize| {
        let most = Expected::AtMost(u32::MAX.into());
        u32::try_from(found).map_err(|_| wrong(what, most, found))
    };
    let entries = count("entries of a list", corrections.len())?;
    let seconds = count("second entries of a list", second.len())?;
    let own = entries.checked_sub(seconds).ok_or_else(|| {
        let most = Expected::AtMost(entries.into());
        wrong("second entries of a list", most, second.len())
    })?;
    let words = usize::try_from(code_words(dimension)).unwrap_or(usize::MAX);
    let all_words = corrections.len().saturating_mul(words);
    if codes.len() != all_words {
        let expected = Expected::Exactly(all_words as u64);
        return Err(wrong("words of the codes of a list", expected, codes.len()));
    }
    let length = super::padded_length(own, seconds, dimension);
    let mut out = alloc::vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    let own_numbers = (first..).take(usize::try_from(own).unwrap_or(usize::MAX));
    let mut numbers = own_numbers.chain(second.iter().copied());
    let full = usize::try_from(super::GROUP_ENTRIES).unwrap_or(32);
    let mut rest = out.as_mut_slice();
    for ((group, codes), corrections) in super::groups(own, seconds, dimension)
        .zip(codes.chunks(words.saturating_mul(full).max(1)))
        .zip(corrections.chunks(full))
    {
        let len = usize::try_from(group.length()).unwrap_or(usize::MAX);
        let (here, behind) = rest.split_at_mut_checked(len).unwrap_or_default();
        let numbers: Vec<u32> = numbers.by_ref().take(corrections.len()).collect();
        let numbers = group.numbers.map(|_| numbers.as_slice());
        write_group(here, dimension, codes, corrections, numbers)?;
        rest = behind;
    }
    Ok(out)
}
