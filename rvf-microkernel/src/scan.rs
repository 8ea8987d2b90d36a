//! The scan of the codes (K-SCAN).
#![allow(
    unsafe_code,
    reason = "groups and arrays are read unchecked, see `memory`"
)]

use crate::backend::{Group, Looks};
use crate::heap::key;
use crate::index::GROUP;
use crate::machine::Visit;
use crate::memory::{Plain, View};
use crate::query::Query;

/// A vector that passed both looks.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Candidate {
    /// Its number.
    #[cfg(target_endian = "little")]
    pub(crate) number: u32,
    /// Its distance is not below this plus the query's base, as far as the slack reaches.
    pub(crate) lower: f32,
    /// Its number: as in a key of a heap, it is the lower half of a word.
    #[cfg(target_endian = "big")]
    pub(crate) number: u32,
}

// SAFETY: a struct of numbers without padding.
unsafe impl Plain for Candidate {}

/// β and α of a correction word (R-QNT-3).
#[inline(always)]
pub(crate) fn corrections(word: u32) -> (f32, f32) {
    (
        f32::from_bits(word & !0x3FFF),
        // The lowest bit of β becomes a sign, which goes.
        f32::from_bits(word << 17).abs(),
    )
}

impl Query<'_> {
    /// Both looks at the entries of the group at the cursor. False if a vector
    /// number is bad.
    ///
    /// # Safety
    /// The codes are those of the group, and the filter has a bit for each vector.
    #[inline(always)]
    pub(crate) unsafe fn visit(&mut self, codes: View<'_>, filter: Option<View<'_>>) -> bool {
        // SAFETY: the caller's promise: there is a group.
        let Visit {
            own,
            entries,
            first,
            base,
            ..
        } = unsafe { self.visits.at(self.cursor.list as usize) };
        let count = GROUP.min(entries - self.cursor.row);
        self.stats.scanned = self.stats.scanned.wrapping_add(count);
        let words = self.index.words() as usize;
        let planes = self.arrays.planes(words);
        // SAFETY: the codes are a group of `count` entries, and the planes have W words each.
        let (group, signs, lows) = unsafe {
            let (signs, lows) = planes.slice(2 * words).split_at_unchecked(words);
            (Group::new(codes, count as usize, words), signs, lows)
        };
        // Half of the widths will do for centroids (K-PROBE-2).
        let share = if self.choosing { 0.5 } else { 1.0 };
        let looks = Looks {
            offset: self.first_offset + self.first_width * share,
            slope: self.slope,
            most: 3 * self.index.dimension() as i32,
            gain: self.gain,
            width: self.width * share,
            base,
            threshold: self.threshold,
        };
        let second_looks = self.backend.look(&group, signs, lows, &looks, |looked| {
            let entry = self.cursor.row + looked.row;
            let mut number = first.wrapping_add(entry);
            if entry >= own {
                // SAFETY: the row is below the number of entries; a group with second entries has numbers.
                number = unsafe { group.number(looked.row as usize) };
                if number >= self.index.rows() {
                    return false;
                }
                if self.is_owned(number) {
                    return true;
                }
            }
            if let Some(bits) = filter {
                // SAFETY: the caller's promise: there is a bit for each vector.
                let byte = unsafe { bits.u8(number as usize / 8) };
                if byte >> (number % 8) & 1 == 0 {
                    return true;
                }
            }
            // Any other leaves T as it is, as does a NaN, which counts as +∞.
            if looked.estimate < self.threshold {
                self.estimates.offer(key(looked.estimate, 0));
            }
            let lower = looked.lower;
            // SAFETY: a group is visited only if there is room for all its entries.
            unsafe { self.buffer.append(Candidate { number, lower }) };
            true
        });
        let Some(second_looks) = second_looks else {
            return false;
        };
        self.stats.second_looks = self.stats.second_looks.wrapping_add(second_looks);
        self.threshold = self.estimates.bound();
        true
    }

    /// Whether a visited list owns the vector.
    fn is_owned(&self, number: u32) -> bool {
        // The last range that starts at or before the number, found without a branch that can't be foretold.
        let (mut at, mut count) = (0, self.ranges.len);
        while count > 1 {
            let half = count / 2;
            // SAFETY: at + half < at + count ≤ len.
            let start = (unsafe { self.ranges.at(at + half) } >> 32) as u32;
            if start <= number {
                at += half;
            }
            count -= half;
        }
        // SAFETY: some list is visited.
        let range = unsafe { self.ranges.at(at) };
        let start = (range >> 32) as u32;
        number.wrapping_sub(start) < (range as u32).wrapping_sub(start)
    }
}
