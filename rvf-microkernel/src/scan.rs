//! The scan of the codes (K-SCAN).
#![allow(
    unsafe_code,
    reason = "groups and arrays are read unchecked, see `memory`"
)]

use crate::backend::Group;
use crate::data::{Data, Region};
use crate::heap::key;
use crate::index::GROUP;
use crate::machine::{Outcome, Phase, UNKNOWN};
use crate::memory::Plain;
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
    /// Visits groups until data are missing, the buffer has to be ranked, or all are visited.
    pub(crate) fn scan<'a, D: Data<'a>>(&mut self, data: &mut D) -> Outcome {
        let rows = self.index.rows();
        while self.row < rows {
            let count = GROUP.min(rows - self.row);
            let Some(view) = self.rows_at(data, Region::Quant, self.row, count) else {
                return Outcome::Missing;
            };
            let live = self.live(data, self.row, count, false);
            if live == UNKNOWN {
                return Outcome::Missing;
            }
            // SAFETY: the view holds `count` rows of the region.
            self.visit(
                &unsafe { Group::new(view, count as usize, self.index.words() as usize) },
                live as u32,
            );
            self.stats.scanned = self.stats.scanned.wrapping_add(count);
            self.row += count;
            if self.buffer.room() < GROUP as usize && self.thin_out() {
                break;
            }
        }
        self.phase = Phase::Rank;
        Outcome::Moved
    }

    /// Both looks at the rows of a group. `live` has a bit for each.
    #[inline(always)]
    fn visit(&mut self, group: &Group<'_>, live: u32) {
        let threshold = self.estimates.bound();
        let words = self.index.words() as usize;
        let Self {
            prepared,
            arrays,
            backend,
            ..
        } = self;
        // SAFETY: the planes have W words each.
        let (signs, lows) = unsafe { arrays.planes.slice(2 * words).split_at_unchecked(words) };
        let mut ones = [0; 32];
        let mut passed = backend.first_look(group, signs, prepared.first, threshold, &mut ones);
        self.stats.second_looks = self.stats.second_looks.wrapping_add(passed.count_ones());
        passed &= live;
        while passed != 0 {
            let i = passed.trailing_zeros();
            passed &= passed - 1;
            // SAFETY: the mask has no bit at or above the number of rows, at most 32.
            let (code, word, first) = unsafe {
                let (code, word) = group.row(i as usize);
                (code, word, *ones.get_unchecked(i as usize))
            };
            let low = backend.ones(code, lows);
            let (beta, alpha) = corrections(word);
            let bracket = 3 * self.index.dimension() as i32 - 4 * first as i32 - 2 * low as i32;
            let projection = prepared.second.gain * bracket as f32;
            let lower = beta - alpha * (projection + prepared.second.width);
            if lower <= threshold {
                let estimate = beta - alpha * projection;
                if !estimate.is_nan() {
                    self.estimates.offer(key(estimate, 0), 0);
                }
                self.buffer.push(Candidate {
                    number: self.row + i,
                    lower,
                });
            }
        }
    }

    /// Removes what the threshold has fallen below (K-SCAN-5). Whether so many remain that they must be ranked.
    fn thin_out(&mut self) -> bool {
        let threshold = self.estimates.bound();
        let entries = self.buffer.as_mut_slice();
        let mut kept = 0;
        for i in 0..entries.len() {
            // SAFETY: kept ≤ i < len.
            unsafe {
                let entry = *entries.get_unchecked(i);
                if entry.lower <= threshold {
                    *entries.get_unchecked_mut(kept) = entry;
                    kept += 1;
                }
            }
        }
        self.buffer.truncate(kept);
        kept > self.buffer.limit() / 2
    }
}
