//! Groups as they lie in a payload, and their check.

use super::{
    CORRECTION_LEN, Correction, Group, NUMBER_LEN, WORD_LEN, code_words, groups, padded_length,
};
use crate::bytes::{check_zero, ensure, slice};
use crate::error::{Expected, FormatError};
use crate::index::ListEntry;

/// The bytes of a group.
#[derive(Debug, Clone, Copy)]
pub struct GroupView<'a> {
    group: Group,
    bytes: &'a [u8],
    /// Where the group starts in the file.
    offset: u64,
}

impl<'a> GroupView<'a> {
    /// Takes the group that `bytes` start with. `offset` is its place in the file.
    ///
    /// # Errors
    /// R-QNT-1 for too few bytes.
    pub fn new(group: Group, bytes: &'a [u8], offset: u64) -> Result<Self, FormatError> {
        let expected = group.length();
        let found = bytes.len() as u64;
        let bytes = slice(bytes, 0, expected).ok_or(FormatError::TooShort {
            rule: "R-QNT-1",
            what: "group of a list",
            expected,
            found,
            offset,
        })?;
        Ok(Self {
            group,
            bytes,
            offset,
        })
    }

    /// Where its parts stand.
    #[must_use]
    pub const fn group(&self) -> &Group {
        &self.group
    }

    /// The words of the code of an entry; of a place that the last tile has beyond the entries, too.
    pub fn words(&self, place: u32) -> impl Iterator<Item = u64> + use<'a> {
        let view = *self;
        (0..view.group.code_words).map_while(move |word| view.word(place, word))
    }

    fn word(&self, place: u32, word: u32) -> Option<u64> {
        let bytes = self.cut(self.group.word_offset(place, word)?, WORD_LEN)?;
        bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// The correction words of the entries.
    pub fn corrections(&self) -> impl ExactSizeIterator<Item = u32> + Clone + use<'a> {
        self.u32s(Some(self.group.corrections), CORRECTION_LEN)
    }

    /// The vector numbers of the entries; none in a group without numbers.
    pub fn numbers(&self) -> impl ExactSizeIterator<Item = u32> + Clone + use<'a> {
        self.u32s(self.group.numbers, NUMBER_LEN)
    }

    /// Where the vector number of an entry stands in the file; where the group starts, in one without numbers.
    #[must_use]
    pub fn number_place(&self, entry: u32) -> u64 {
        self.place(self.group.number_offset(entry))
    }

    fn u32s(
        &self,
        at: Option<u64>,
        size: u64,
    ) -> impl ExactSizeIterator<Item = u32> + Clone + use<'a> {
        let len = u64::from(self.group.entries).saturating_mul(size);
        let bytes = at.and_then(|at| self.cut(at, len)).unwrap_or_default();
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// Bytes at an offset that is counted from the start of the list.
    fn cut(&self, at: u64, len: u64) -> Option<&'a [u8]> {
        slice(self.bytes, at.checked_sub(self.group.tiles)?, len)
    }

    /// The place in the file of an offset that is counted from the start of the list.
    fn place(&self, at: Option<u64>) -> u64 {
        let within = at.map_or(0, |at| at.saturating_sub(self.group.tiles));
        self.offset.saturating_add(within)
    }

    /// Checks the codes, the correction words, and the zeros where the last tile has no entry.
    ///
    /// # Errors
    /// R-QNT-1 for a place without an entry that is not zero, R-QNT-2 for bits at and above the dimension, R-QNT-3.
    pub fn check(&self, dimension: u32) -> Result<(), FormatError> {
        let group = &self.group;
        ensure(
            group.code_words == code_words(dimension),
            "R-QNT-1",
            "words of a code",
            Expected::Exactly(code_words(dimension).into()),
            group.code_words.into(),
            self.offset,
        )?;
        // Bits of the last word at and above the dimension; none where it ends with a word.
        let over = match dimension % 64 {
            0 => 0,
            used => u64::MAX.wrapping_shl(used),
        };
        let last = group.code_words.saturating_sub(1);
        for entry in 0..group.entries {
            let set = self.word(entry, last).unwrap_or_default() & over;
            ensure(
                set == 0,
                "R-QNT-2",
                "bits of a code at and above the dimension",
                Expected::Exactly(0),
                set,
                self.place(group.word_offset(entry, last)),
            )?;
        }
        let zero = |at: Option<u64>, len| {
            let bytes = at.and_then(|at| self.cut(at, len)).unwrap_or_default();
            let what = "place of a group without an entry";
            check_zero(bytes, "R-QNT-1", what, self.place(at))
        };
        for place in group.entries..group.places() {
            for word in 0..group.code_words {
                zero(group.word_offset(place, word), WORD_LEN)?;
            }
            zero(group.correction_offset(place), CORRECTION_LEN)?;
            zero(group.number_offset(place), NUMBER_LEN)?;
        }
        for (word, entry) in self.corrections().zip(0..) {
            Correction::parse(word, self.place(group.correction_offset(entry)))?;
        }
        Ok(())
    }

    /// Checks the vector numbers against the list's entry of the directory and the number of rows: own entries have
    /// those that follow from it, second ones those of vectors that another list owns. That no vector is there twice
    /// is for who sees all groups.
    ///
    /// # Errors
    /// R-QNT-4.
    pub fn check_numbers(&self, list: &ListEntry, rows: u32) -> Result<(), FormatError> {
        for (number, entry) in self.numbers().zip(0_u32..) {
            let at = self.number_place(entry);
            let found = u64::from(number);
            if entry < self.group.own {
                let expected = u64::from(list.first)
                    .saturating_add(self.group.first)
                    .saturating_add(entry.into());
                ensure(
                    found == expected,
                    "R-QNT-4",
                    "vector number of an own entry",
                    Expected::Exactly(expected),
                    found,
                    at,
                )?;
            } else {
                ensure(
                    number < rows && !list.owns(number),
                    "R-QNT-4",
                    "vector number of a second entry",
                    Expected::Words("that of a vector which another list owns"),
                    found,
                    at,
                )?;
            }
        }
        Ok(())
    }
}

/// Checks every code and correction word of a whole list, and the zeros behind it where `list` has them.
/// `offset` is its place in the file. The vector numbers are for [`GroupView::check_numbers`].
///
/// # Errors
/// R-QNT-1 for another length than that of the list with or without the zeros behind it, or other bytes than zeros
/// there; else as [`GroupView::check`].
pub fn check_list(
    list: &[u8],
    own: u32,
    second: u32,
    dimension: u32,
    offset: u64,
) -> Result<(), FormatError> {
    let len = super::list_length(own, second, dimension);
    let padded = padded_length(own, second, dimension);
    let found = list.len() as u64;
    ensure(
        found == len || found == padded,
        "R-QNT-1",
        "length of a list",
        Expected::Exactly(padded),
        found,
        offset,
    )?;
    for group in groups(own, second, dimension) {
        let bytes = slice(list, group.tiles, group.length()).unwrap_or_default();
        GroupView::new(group, bytes, offset.saturating_add(group.tiles))?.check(dimension)?;
    }
    let behind = slice(list, len, found.saturating_sub(len)).unwrap_or_default();
    check_padding(behind, offset.saturating_add(len))
}

/// Checks the zeros behind a list. `offset` is their place in the file.
///
/// # Errors
/// R-QNT-1.
pub fn check_padding(padding: &[u8], offset: u64) -> Result<(), FormatError> {
    check_zero(padding, "R-QNT-1", "padding of a list", offset)
}

/// Checks the payload length of a QUANT segment against the one that the list directory asks for
/// ([`read_directory`](crate::index::read_directory)). `offset` is the segment's place in the file.
///
/// # Errors
/// R-QNT-1.
pub const fn check_payload_length(
    length: u64,
    expected: u64,
    offset: u64,
) -> Result<(), FormatError> {
    ensure(
        length == expected,
        "R-QNT-1",
        "payload length of QUANT",
        Expected::Exactly(expected),
        length,
        offset,
    )
}
