//! The geometry of the QUANT payload: lists, groups, codes, correction words (section 6 of the format).

use crate::bytes::ensure;
use crate::error::{Expected, FormatError};

/// Rows of a full group.
pub const GROUP_ROWS: u32 = 32;
/// Bytes of a correction word.
pub const CORRECTION_LEN: u64 = 4;
/// The bits of a correction word that hold α.
const ALPHA_BITS: u32 = 0x3FFF;

/// Words of 64 bits in a code: ⌈dimension / 64⌉.
#[must_use]
pub const fn code_words(dimension: u32) -> u32 {
    dimension.div_ceil(64)
}

/// Bytes of a code.
#[must_use]
pub const fn code_length(dimension: u32) -> u64 {
    (code_words(dimension) as u64).saturating_mul(8)
}

/// Bytes of `rows` rows of a list: a code and a correction word each (R-QNT-1).
#[must_use]
pub const fn list_length(rows: u32, dimension: u32) -> u64 {
    // At most 2³² · (2²⁹ + 4) for any u32: nothing saturates.
    (rows as u64).saturating_mul(code_length(dimension).saturating_add(CORRECTION_LEN))
}

/// A group of a list. Offsets are counted from the start of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// The group's first row in the list.
    pub first: u32,
    /// Rows of the group: 32, or fewer in the last one.
    pub rows: u32,
    /// Where the codes start.
    pub codes: u64,
    /// Where the correction words start.
    pub corrections: u64,
    /// Where the group ends.
    pub end: u64,
}

/// Number of groups of a list.
#[must_use]
pub const fn group_count(rows: u32) -> u32 {
    rows.div_ceil(GROUP_ROWS)
}

/// Group `number` of a list of `rows` rows, if there is one.
#[must_use]
pub fn group(rows: u32, dimension: u32, number: u32) -> Option<Group> {
    let first = number
        .checked_mul(GROUP_ROWS)
        .filter(|&first| first < rows)?;
    let here = rows.saturating_sub(first).min(GROUP_ROWS);
    let codes = list_length(first, dimension);
    let corrections = codes.checked_add(u64::from(here).checked_mul(code_length(dimension))?)?;
    let end = corrections.checked_add(u64::from(here).checked_mul(CORRECTION_LEN)?)?;
    Some(Group {
        first,
        rows: here,
        codes,
        corrections,
        end,
    })
}

/// Where a row's code and its correction word stand, counted from the start of the list.
#[must_use]
pub fn row_offsets(rows: u32, dimension: u32, row: u32) -> Option<(u64, u64)> {
    let group = group(rows, dimension, row.checked_div(GROUP_ROWS)?)?;
    let within = row
        .checked_sub(group.first)
        .filter(|&within| within < group.rows)?;
    let code = group
        .codes
        .checked_add(u64::from(within).checked_mul(code_length(dimension))?)?;
    let correction = group
        .corrections
        .checked_add(u64::from(within).checked_mul(CORRECTION_LEN)?)?;
    Some((code, correction))
}

/// The two numbers of a correction word (R-QNT-3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correction {
    /// β: 18 bits of an f32.
    pub beta: f32,
    /// α: 14 bits of an f32, never negative.
    pub alpha: f32,
}

impl Correction {
    /// Takes a correction word apart.
    #[must_use]
    pub const fn from_word(word: u32) -> Self {
        Self {
            beta: f32::from_bits(word & !ALPHA_BITS),
            alpha: f32::from_bits((word & ALPHA_BITS).wrapping_shl(17)),
        }
    }

    /// The word that holds the upper 18 bits of β and the 14 bits of α below its sign.
    /// The rest of their bits is dropped: round before (kernel.md, K-CODE-4).
    #[must_use]
    pub const fn word(self) -> u32 {
        (self.beta.to_bits() & !ALPHA_BITS) | (self.alpha.to_bits().wrapping_shr(17) & ALPHA_BITS)
    }

    /// Reads a correction word and checks it. `offset` is its place in the file.
    ///
    /// # Errors
    /// R-QNT-3 if one of its numbers is not finite.
    pub const fn parse(word: u32, offset: u64) -> Result<Self, FormatError> {
        let found = Self::from_word(word);
        let (what, value) = if found.beta.is_finite() {
            ("α of a correction word", found.alpha)
        } else {
            ("β of a correction word", found.beta)
        };
        if value.is_finite() {
            return Ok(found);
        }
        Err(FormatError::Float {
            rule: "R-QNT-3",
            what,
            expected: Expected::Words("a finite number"),
            found: value.to_bits(),
            offset,
        })
    }
}

/// Checks that the bits of a code at and above the dimension are zero. `offset` is its place in the file.
///
/// # Errors
/// R-QNT-2 for a bit that is set, or a code of another length.
pub fn check_code(code: &[u8], dimension: u32, offset: u64) -> Result<(), FormatError> {
    const RULE: &str = "R-QNT-2";
    let len = code_length(dimension);
    let found = code.len() as u64;
    ensure(
        found == len,
        RULE,
        "length of a code",
        Expected::Exactly(len),
        found,
        offset,
    )?;
    // A word is little-endian: bit i of the code is bit i mod 8 of byte ⌊i / 8⌋.
    let over = dimension % 8;
    let whole = usize::try_from(dimension / 8).unwrap_or(usize::MAX);
    let mask = if over == 0 {
        0xFF
    } else {
        u8::MAX.wrapping_shl(over)
    };
    let mut masks = core::iter::once(mask).chain(core::iter::repeat(0xFF));
    for &byte in code.get(whole..).unwrap_or_default() {
        let set = byte & masks.next().unwrap_or(0xFF);
        ensure(
            set == 0,
            RULE,
            "bits of a code at and above the dimension",
            Expected::Exactly(0),
            set.into(),
            offset,
        )?;
    }
    Ok(())
}

/// Checks every code and correction word of a whole list. `offset` is its place in the file.
///
/// # Errors
/// R-QNT-1 for another length, R-QNT-2 and R-QNT-3.
pub fn check_list(list: &[u8], rows: u32, dimension: u32, offset: u64) -> Result<(), FormatError> {
    let len = list_length(rows, dimension);
    let found = list.len() as u64;
    ensure(
        found == len,
        "R-QNT-1",
        "length of a list",
        Expected::Exactly(len),
        found,
        offset,
    )?;
    for number in 0..group_count(rows) {
        let Some(group) = group(rows, dimension, number) else {
            break;
        };
        check_group(list, &group, dimension, offset)?;
    }
    Ok(())
}

fn check_group(list: &[u8], group: &Group, dimension: u32, offset: u64) -> Result<(), FormatError> {
    let cut = |from, to: u64| {
        crate::bytes::slice(list, from, to.saturating_sub(from)).unwrap_or_default()
    };
    let place = |from: u64, number: usize, size: u64| {
        offset
            .saturating_add(from)
            .saturating_add((number as u64).saturating_mul(size))
    };
    let size = code_length(dimension);
    let step = usize::try_from(size).unwrap_or(usize::MAX).max(1);
    for (number, code) in cut(group.codes, group.corrections).chunks(step).enumerate() {
        check_code(code, dimension, place(group.codes, number, size))?;
    }
    for (number, word) in cut(group.corrections, group.end)
        .as_chunks()
        .0
        .iter()
        .enumerate()
    {
        Correction::parse(
            u32::from_le_bytes(*word),
            place(group.corrections, number, CORRECTION_LEN),
        )?;
    }
    Ok(())
}
