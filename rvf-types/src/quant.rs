//! The geometry of the QUANT payload: lists, groups, tiles, correction words, numbers (section 6 of the format).
//!
//! ```text
//! list    groups of 32 entries (own ones, then second ones), zeros up to a multiple of 64
//! group   tiles, correction words, and the vector numbers where an entry is a second one: as many of each as the tiles
//!         have places
//! tile    word 0 of four codes, word 1 of the four, … word W − 1 of the four
//! ```
//!
//! [`group`] says where the parts of a group stand; [`GroupView`] reads and checks them; [`write_group`] writes them.

mod correction;
mod view;
mod write;

pub use correction::Correction;
pub use view::{GroupView, check_list, check_padding, check_payload_length};
pub use write::write_group;
#[cfg(feature = "alloc")]
pub use write::write_list;

use crate::bytes::round_up;

/// Entries of a full group.
pub const GROUP_ENTRIES: u32 = 32;
/// Codes of a tile.
pub const TILE_CODES: u32 = 4;
/// Bytes of a word of a code.
pub const WORD_LEN: u64 = 8;
/// Bytes of a correction word.
pub const CORRECTION_LEN: u64 = 4;
/// Bytes of a vector number.
pub const NUMBER_LEN: u64 = 4;
/// A list starts on a multiple of this in the payload.
pub const LIST_ALIGN: u64 = 64;

/// Words of 64 bits in a code: ⌈dimension / 64⌉.
#[must_use]
pub const fn code_words(dimension: u32) -> u32 {
    dimension.div_ceil(64)
}

/// Bytes of a code.
#[must_use]
pub const fn code_length(dimension: u32) -> u64 {
    (code_words(dimension) as u64).saturating_mul(WORD_LEN)
}

/// Places of so many entries in tiles: entries, and the zeros that fill up the last tile.
const fn places(entries: u64) -> u64 {
    entries
        .div_ceil(TILE_CODES as u64)
        .saturating_mul(TILE_CODES as u64)
}

/// Bytes of a group of `entries` entries (at most 32), with or without their vector numbers.
#[must_use]
pub const fn group_length(entries: u32, numbers: bool, dimension: u32) -> u64 {
    let number = if numbers { NUMBER_LEN } else { 0 };
    let place = code_length(dimension)
        .saturating_add(CORRECTION_LEN)
        .saturating_add(number);
    places(entries as u64).saturating_mul(place)
}

/// Bytes of the first `entries` entries of a list: all of them, or a multiple of 32.
const fn leading_length(own: u32, second: u32, dimension: u32, entries: u64) -> u64 {
    let places = places(entries);
    // The groups from this place on have vector numbers: own entries stand first.
    let plain = if second == 0 {
        places
    } else {
        (own as u64).saturating_sub((own % GROUP_ENTRIES) as u64)
    };
    // At most 2³³ places of 2²⁹ + 8 bytes for any u32: nothing saturates.
    places
        .saturating_mul(code_length(dimension).saturating_add(CORRECTION_LEN))
        .saturating_add(places.saturating_sub(plain).saturating_mul(NUMBER_LEN))
}

/// Entries of a list.
#[must_use]
pub const fn entry_count(own: u32, second: u32) -> u64 {
    (own as u64).saturating_add(second as u64)
}

/// Bytes of a list of `own` own and `second` second entries, without the zeros behind (R-QNT-1).
#[must_use]
pub const fn list_length(own: u32, second: u32, dimension: u32) -> u64 {
    leading_length(own, second, dimension, entry_count(own, second))
}

/// Bytes of a list with the zeros behind: from its offset to that of the next list (R-QNT-1).
#[must_use]
pub const fn padded_length(own: u32, second: u32, dimension: u32) -> u64 {
    match round_up(list_length(own, second, dimension), LIST_ALIGN) {
        Some(length) => length,
        None => u64::MAX,
    }
}

/// A group of a list. Offsets are counted from the start of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// The group's first entry in the list.
    pub first: u64,
    /// Entries of the group: 32, or fewer in the last one.
    pub entries: u32,
    /// How many of them are own entries; those behind are second ones.
    pub own: u32,
    /// Words of 64 bits in a code.
    pub code_words: u32,
    /// Where the tiles start: where the group starts.
    pub tiles: u64,
    /// Where the correction words start.
    pub corrections: u64,
    /// Where the vector numbers start; none in a group of own entries alone.
    pub numbers: Option<u64>,
    /// Where the group ends.
    pub end: u64,
}

impl Group {
    /// Bytes of the group.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.end.saturating_sub(self.tiles)
    }

    /// Places of the group: its entries, and the zeros that fill up the last tile.
    #[must_use]
    pub const fn places(&self) -> u32 {
        self.entries.div_ceil(TILE_CODES).saturating_mul(TILE_CODES)
    }

    /// Where word `word` of place `place` of the group stands: 8 bytes, counted from the start of the list.
    #[must_use]
    pub const fn word_offset(&self, place: u32, word: u32) -> Option<u64> {
        if place >= self.places() || word >= self.code_words {
            return None;
        }
        let tile = (place / TILE_CODES) as u64;
        let lane = (place % TILE_CODES) as u64;
        let words = tile
            .saturating_mul(self.code_words as u64)
            .saturating_add(word as u64)
            .saturating_mul(TILE_CODES as u64)
            .saturating_add(lane);
        self.tiles.checked_add(words.saturating_mul(WORD_LEN))
    }

    /// Where the correction word of a place of the group stands: 4 bytes, counted from the start of the list.
    #[must_use]
    pub const fn correction_offset(&self, place: u32) -> Option<u64> {
        if place >= self.places() {
            return None;
        }
        self.corrections
            .checked_add((place as u64).saturating_mul(CORRECTION_LEN))
    }

    /// Where the vector number of a place of the group stands: 4 bytes, counted from the start of the list.
    /// None in a group without numbers.
    #[must_use]
    pub const fn number_offset(&self, place: u32) -> Option<u64> {
        match self.numbers {
            Some(at) if place < self.places() => {
                at.checked_add((place as u64).saturating_mul(NUMBER_LEN))
            }
            _ => None,
        }
    }
}

/// Number of groups of a list.
#[must_use]
pub fn group_count(own: u32, second: u32) -> u32 {
    let groups = entry_count(own, second).div_ceil(GROUP_ENTRIES.into());
    // At most 2²⁸.
    u32::try_from(groups).unwrap_or(u32::MAX)
}

/// Group `number` of a list of `own` own and `second` second entries, if there is one.
#[must_use]
pub fn group(own: u32, second: u32, dimension: u32, number: u32) -> Option<Group> {
    let first = u64::from(number).checked_mul(GROUP_ENTRIES.into())?;
    let left = entry_count(own, second)
        .checked_sub(first)
        .filter(|&left| left > 0)?;
    let here = |count: u64| u32::try_from(count.min(GROUP_ENTRIES.into())).ok();
    let entries = here(left)?;
    let own_here = here(u64::from(own).saturating_sub(first))?;
    let tiles = leading_length(own, second, dimension, first);
    let places = places(entries.into());
    let corrections = tiles.checked_add(places.checked_mul(code_length(dimension))?)?;
    let behind = corrections.checked_add(places.checked_mul(CORRECTION_LEN)?)?;
    let numbers = (own_here < entries).then_some(behind);
    Some(Group {
        first,
        entries,
        own: own_here,
        code_words: code_words(dimension),
        tiles,
        corrections,
        numbers,
        end: tiles.checked_add(group_length(entries, numbers.is_some(), dimension))?,
    })
}

/// The groups of a list, in order.
pub fn groups(own: u32, second: u32, dimension: u32) -> impl Iterator<Item = Group> + Clone {
    (0..group_count(own, second)).filter_map(move |number| group(own, second, dimension, number))
}
