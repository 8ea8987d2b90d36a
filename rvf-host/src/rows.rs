//! Which rows count.

use std::fmt;

/// A set of rows, as a bitmap.
#[derive(Clone, PartialEq, Eq)]
pub struct RowSet {
    rows: u32,
    bits: Vec<u8>,
}

impl RowSet {
    /// The empty set for a file of `rows` rows.
    #[must_use]
    pub fn new(rows: u32) -> Self {
        Self {
            rows,
            bits: vec![0; (rows as usize).div_ceil(8)],
        }
    }

    /// The set of the rows of an iterator that the file has; others are left out.
    #[must_use]
    pub fn from_rows(rows: u32, members: impl IntoIterator<Item = u32>) -> Self {
        let mut set = Self::new(rows);
        for row in members {
            set.insert(row);
        }
        set
    }

    /// Puts a row in. False if the file has no such row.
    pub fn insert(&mut self, row: u32) -> bool {
        if row >= self.rows {
            return false;
        }
        match self.bits.get_mut(row as usize / 8) {
            Some(byte) => {
                *byte |= 1 << (row % 8);
                true
            }
            None => false,
        }
    }

    /// Whether a row is in it.
    #[must_use]
    pub fn contains(&self, row: u32) -> bool {
        self.bits
            .get(row as usize / 8)
            .is_some_and(|byte| byte & (1 << (row % 8)) != 0)
    }

    /// How many rows are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bits
            .iter()
            .map(|byte| byte.count_ones() as usize)
            .sum()
    }

    /// Whether no row is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|byte| *byte == 0)
    }

    /// Rows of the file that it was made for.
    #[must_use]
    pub const fn rows(&self) -> u32 {
        self.rows
    }

    /// The rows that are in it, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..).step_by(8).zip(&self.bits).flat_map(|(first, &byte)| {
            (0..8)
                .filter(move |bit| byte & (1 << bit) != 0)
                .map(move |bit| first + bit)
        })
    }

    /// The bitmap: bit n mod 8 of byte ⌊n / 8⌋.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bits
    }
}

impl fmt::Debug for RowSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowSet({} of {} rows)", self.len(), self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_set_holds_what_was_put_in_and_nothing_behind_the_last_row() {
        let set = RowSet::from_rows(11, [0, 3, 10, 11, 4_000_000_000]);
        assert_eq!(set.len(), 3);
        assert!(set.contains(10) && !set.contains(11) && !set.contains(1));
        assert_eq!(set.as_bytes(), [0b1001, 0b100]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 3, 10]);
    }
}
