//! The scan of the codes (K-SCAN).
#![allow(
    unsafe_code,
    reason = "groups and arrays are read unchecked, see `memory`"
)]

use crate::backend::Group;
#[cfg(not(target_arch = "wasm32"))]
use crate::backend::SecondLook;
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
    pub(crate) number: u32,
    /// Its distance is not below this plus the query's base, as far as the slack reaches.
    pub(crate) lower: f32,
}

// SAFETY: a struct of numbers without padding.
unsafe impl Plain for Candidate {}

/// β and α of a correction word (R-QNT-3).
#[inline(always)]
pub(crate) fn corrections(word: u32) -> (f32, f32) {
    (
        f32::from_bits(word & !0x3FFF),
        f32::from_bits((word << 18) >> 1),
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
        let mut look = self.first_look;
        look.offset += self.first_width * share;
        let threshold = self.threshold - base;
        let mut passed = self.backend.first_look(&group, signs, look, threshold);
        #[cfg(not(target_arch = "wasm32"))]
        {
            let look = SecondLook {
                offset: 3 * self.index.dimension() as i32,
                gain: self.gain,
                width: self.width * share,
                base,
                threshold: self.threshold,
            };
            let count = self.backend.second_look(&group, &mut passed, lows, &look);
            self.stats.second_looks = self.stats.second_looks.wrapping_add(count);
        }
        while let Some((i, ones)) = passed.next() {
            if cfg!(target_arch = "wasm32") {
                self.stats.second_looks = self.stats.second_looks.wrapping_add(1);
            }
            let entry = self.cursor.row + i;
            let mut number = first.wrapping_add(entry);
            // SAFETY: i is below the number of entries; a group with second entries has numbers.
            let (low, word) = unsafe {
                if entry >= own {
                    number = group.number(i as usize);
                }
                (
                    self.backend.low_ones(&group, &passed, i as usize, lows),
                    group.correction(i as usize),
                )
            };
            let (beta, alpha) = corrections(word);
            let bracket = 3 * self.index.dimension() as i32 - 4 * ones as i32 - 2 * low as i32;
            let projection = self.gain * bracket as f32;
            let lower = beta - alpha * (projection + self.width * share) + base;
            #[allow(clippy::neg_cmp_op_on_partial_ord, reason = "a NaN is dropped")]
            if !(lower <= self.threshold) {
                continue;
            }
            let estimate = beta - alpha * projection + base;
            if entry >= own {
                if number >= self.index.rows() {
                    return false;
                }
                if self.is_owned(number) {
                    continue;
                }
            }
            if let Some(bits) = filter {
                // SAFETY: the caller's promise: there is a bit for each vector.
                let byte = unsafe { bits.u8(number as usize / 8) };
                if byte >> (number % 8) & 1 == 0 {
                    continue;
                }
            }
            // An estimate that is a NaN counts as +∞, which leaves the threshold as if it had not been offered.
            self.estimates.offer(key(estimate, 0));
            // SAFETY: a group is visited only if there is room for all its entries.
            unsafe { self.buffer.append(Candidate { number, lower }) };
        }
        self.threshold = self.estimates.bound();
        true
    }

    /// Whether a visited list owns the vector.
    fn is_owned(&self, number: u32) -> bool {
        let (mut low, mut high) = (0, self.ranges.len);
        while low < high {
            let middle = (low + high) / 2;
            // SAFETY: below the length.
            let range = unsafe { self.ranges.at(middle) };
            if number < (range >> 32) as u32 {
                high = middle;
            } else if number >= range as u32 {
                low = middle + 1;
            } else {
                return true;
            }
        }
        false
    }
}
