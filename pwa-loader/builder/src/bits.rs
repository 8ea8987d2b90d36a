//! Bitmaps: bit n mod 8 of byte ⌊n/8⌋, as a filter has them.

use std::ops::Range;

use crate::error::{Error, reserved};

/// A bitmap that knows how many of its bits are set.
#[derive(Debug, Default)]
pub(crate) struct Bits {
    bytes: Vec<u8>,
    length: u32,
    set: u32,
}

impl Bits {
    /// So many bits, all set or none.
    pub(crate) fn all(length: u32, set: bool) -> Result<Self, Error> {
        let mut bits = Self::default();
        bits.grow(length, set)?;
        Ok(bits)
    }

    /// Makes it longer.
    pub(crate) fn grow(&mut self, length: u32, set: bool) -> Result<(), Error> {
        let bytes = length.div_ceil(8) as usize;
        if bytes > self.bytes.len() {
            let more = bytes - self.bytes.len();
            self.bytes.try_reserve(more).map_err(|_| Error::Memory)?;
            self.bytes.resize(bytes, 0);
        }
        for bit in self.length..length {
            self.put(bit, set);
        }
        self.length = self.length.max(length);
        Ok(())
    }

    /// Makes it shorter.
    pub(crate) fn truncate(&mut self, length: u32) {
        for bit in length..self.length {
            self.clear(bit);
        }
        self.length = self.length.min(length);
        self.bytes.truncate(self.length.div_ceil(8) as usize);
    }

    fn put(&mut self, bit: u32, set: bool) {
        if let Some(byte) = self.bytes.get_mut(bit as usize / 8)
            && set
        {
            *byte |= 1 << (bit % 8);
            self.set += 1;
        }
    }

    /// Clears a bit. Says whether it was set.
    pub(crate) fn clear(&mut self, bit: u32) -> bool {
        let was = self.has(bit);
        if was && let Some(byte) = self.bytes.get_mut(bit as usize / 8) {
            *byte &= !(1 << (bit % 8));
            self.set -= 1;
        }
        was
    }

    pub(crate) fn has(&self, bit: u32) -> bool {
        has(&self.bytes, bit)
    }

    /// How many are set.
    pub(crate) const fn count(&self) -> u32 {
        self.set
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.set == self.length
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bits that are set from `first` on and below `end`, as runs.
    pub(crate) fn runs(&self, first: u32, end: u32) -> impl Iterator<Item = Range<u32>> {
        let end = end.min(self.length);
        let mut at = first;
        std::iter::from_fn(move || {
            // Whole bytes of zeros and of ones are passed at once.
            while at < end && !self.has(at) {
                at += if at.is_multiple_of(8) && self.byte(at) == 0 {
                    8
                } else {
                    1
                };
            }
            let start = at;
            while at < end && self.has(at) {
                at += if at.is_multiple_of(8) && self.byte(at) == 0xFF {
                    8
                } else {
                    1
                };
            }
            (start < end).then(|| start..at.min(end))
        })
    }

    fn byte(&self, bit: u32) -> u8 {
        self.bytes.get(bit as usize / 8).copied().unwrap_or(0)
    }

    /// The bits that are set in both; `other` by a number of its own for each bit.
    pub(crate) fn and(
        &self,
        other: &[u8],
        number_of: impl Fn(u32) -> Option<u32>,
    ) -> Result<Self, Error> {
        let mut out = Self {
            bytes: reserved(self.bytes.len())?,
            length: self.length,
            set: 0,
        };
        out.bytes.resize(self.bytes.len(), 0);
        for run in self.runs(0, self.length) {
            for bit in run {
                if number_of(bit).is_some_and(|number| has(other, number)) {
                    out.put(bit, true);
                }
            }
        }
        Ok(out)
    }
}

/// Whether a bit is set. One behind the end is not.
pub(crate) fn has(bytes: &[u8], bit: u32) -> bool {
    bytes
        .get(bit as usize / 8)
        .is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails has to say where")]

    use super::*;

    #[test]
    fn runs_are_the_bits_that_are_set() {
        let mut bits = Bits::all(100, true).unwrap();
        for bit in [0, 9, 10, 63, 64, 99] {
            assert!(bits.clear(bit));
            assert!(!bits.clear(bit));
        }
        bits.grow(129, false).unwrap();
        bits.grow(130, true).unwrap();
        let runs: Vec<_> = bits.runs(0, 200).collect();
        assert_eq!(runs, [1..9, 11..63, 65..99, 129..130]);
        assert_eq!(bits.runs(5, 12).collect::<Vec<_>>(), [5..9, 11..12]);
        assert_eq!((bits.count(), bits.length), (95, 130));
        bits.truncate(12);
        assert_eq!((bits.count(), bits.length), (9, 12));
        let odd = bits.and(&[0xAA, 0xAA], Some).unwrap();
        assert_eq!(odd.count(), 5);
    }
}
