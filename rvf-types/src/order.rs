//! The ORDER payload: the vector number of each row, in a file with more than one list (R-VEC-7).
//!
//! With one list a row's vector number is the row, and there is no ORDER segment.

use crate::bytes::{ensure, slice};
use crate::error::{Expected, FormatError};
use crate::vec::check_row_below;
#[cfg(feature = "alloc")]
use alloc::vec::Vec;

const RULE: &str = "R-VEC-7";
/// Bytes of a vector number.
pub const NUMBER_LEN: u64 = 4;

/// The payload length.
#[must_use]
pub const fn payload_length(rows: u32) -> u64 {
    number_offset(rows)
}

/// Where the vector number of a row stands in the payload: 4 bytes.
#[must_use]
pub const fn number_offset(row: u32) -> u64 {
    (row as u64).saturating_mul(NUMBER_LEN)
}

/// An ORDER payload.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    numbers: &'a [[u8; 4]],
    rows: u32,
    /// The payload's place in the file.
    offset: u64,
}

impl<'a> Order<'a> {
    /// Takes the payload of a file of so many rows. `offset` is its place in the file. What it holds is for
    /// [`Order::check`].
    ///
    /// # Errors
    /// R-VEC-7 for another length.
    pub fn parse(payload: &'a [u8], offset: u64, rows: u32) -> Result<Self, FormatError> {
        let expected = payload_length(rows);
        let found = payload.len() as u64;
        ensure(
            found == expected,
            RULE,
            "payload length of ORDER",
            Expected::Exactly(expected),
            found,
            offset,
        )?;
        let (numbers, _) = slice(payload, 0, expected).unwrap_or_default().as_chunks();
        Ok(Self {
            numbers,
            rows,
            offset,
        })
    }

    /// The vector number of a row, which [`check_number`] can check. None behind the rows.
    #[must_use]
    pub fn get(&self, row: u32) -> Option<u32> {
        let bytes = self.numbers.get(usize::try_from(row).ok()?)?;
        Some(u32::from_le_bytes(*bytes))
    }

    /// The vector numbers in the order of the rows.
    pub fn numbers(&self) -> impl ExactSizeIterator<Item = u32> + Clone + use<'a> {
        self.numbers.iter().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// Checks that the record of this number, which has this row, is the one that stands here for the row.
    /// A file in which each record passes has each row once, and ORDER is what the rule asks for.
    /// `offset` is the record's place in the file.
    ///
    /// # Errors
    /// R-VEC-7.
    pub fn check_record(&self, row: u32, number: u32, offset: u64) -> Result<(), FormatError> {
        check_row_below(row, self.rows, offset)?;
        let found = self.get(row).unwrap_or_default();
        ensure(
            found == number,
            RULE,
            "vector number of a record's row in ORDER",
            Expected::Exactly(number.into()),
            found.into(),
            self.offset.saturating_add(number_offset(row)),
        )
    }

    /// Checks that each vector number below rows is there once. `marks` is memory to work in, whose contents do not
    /// matter: a bit a number, so that ⌈rows / 8⌉ bytes take one pass over the payload, and fewer take more passes.
    ///
    /// # Errors
    /// R-VEC-7 for a number that is not below rows or is there twice; for no memory to work in, too.
    pub fn check(&self, marks: &mut [u8]) -> Result<(), FormatError> {
        let window = u32::try_from(marks.len())
            .unwrap_or(u32::MAX)
            .saturating_mul(8);
        ensure(
            window > 0,
            RULE,
            "bytes to check ORDER in",
            Expected::AtLeast(1),
            0,
            self.offset,
        )?;
        let mut from = 0_u32;
        while from < self.rows {
            marks.fill(0);
            for (number, row) in self.numbers().zip(0..) {
                check_number(number, self.rows, self.place(row))?;
                let within = number.checked_sub(from).filter(|&bit| bit < window);
                let twice = within.is_some_and(|bit| mark(marks, bit));
                ensure(
                    !twice,
                    RULE,
                    "vector number in ORDER",
                    Expected::Words("each number once"),
                    number.into(),
                    self.place(row),
                )?;
            }
            from = from.saturating_add(window);
        }
        Ok(())
    }

    fn place(&self, row: u32) -> u64 {
        self.offset.saturating_add(number_offset(row))
    }
}

/// Checks a vector number that was read alone. `offset` is its place in the file.
///
/// # Errors
/// R-VEC-7 for one that is not below rows.
pub const fn check_number(number: u32, rows: u32, offset: u64) -> Result<(), FormatError> {
    ensure(
        number < rows,
        RULE,
        "vector number in ORDER",
        Expected::AtMost((rows as u64).saturating_sub(1)),
        number as u64,
        offset,
    )
}

/// Sets a bit, and says whether it was set before.
fn mark(marks: &mut [u8], bit: u32) -> bool {
    let at = usize::try_from(bit / 8).unwrap_or(usize::MAX);
    let mask = 1_u8.wrapping_shl(bit % 8);
    let Some(byte) = marks.get_mut(at) else {
        return false;
    };
    let before = *byte & mask != 0;
    *byte |= mask;
    before
}

/// The ORDER payload of a file whose record number n has row `rows_of_records[n]`.
///
/// # Errors
/// R-LIM-1 for more than 2³² − 1 records; R-VEC-7 for a row that is not below their count or is there twice, its place in
/// the list standing as the error's offset.
#[cfg(feature = "alloc")]
pub fn write(rows_of_records: &[u32]) -> Result<Vec<u8>, FormatError> {
    const VACANT: [u8; 4] = u32::MAX.to_le_bytes();
    let count = rows_of_records.len();
    let rows = u32::try_from(count).map_err(|_| FormatError::Field {
        rule: "R-LIM-1",
        what: "number of records",
        expected: Expected::AtMost(u32::MAX.into()),
        found: count as u64,
        offset: 0,
    })?;
    // No number is as large as this: there are at most 2³² − 1.
    let mut out = alloc::vec![VACANT; count];
    for (&row, number) in rows_of_records.iter().zip(0..rows) {
        let place = usize::try_from(row).ok().and_then(|row| out.get_mut(row));
        match place {
            Some(place) if *place == VACANT => *place = number.to_le_bytes(),
            _ => {
                return Err(FormatError::Field {
                    rule: RULE,
                    what: "row of a record, the record's number standing as the offset",
                    expected: Expected::Words("each row once, below the number of records"),
                    found: row.into(),
                    offset: number.into(),
                });
            }
        }
    }
    Ok(out.into_flattened())
}
