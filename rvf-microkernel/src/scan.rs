//! The scan of the codes (K-SCAN).
#![allow(
    unsafe_code,
    reason = "groups and arrays are read unchecked, see `memory`"
)]

use core::mem::MaybeUninit;

use crate::backend::Group;
use crate::data::{Data, Region};
use crate::heap::key;
use crate::index::GROUP;
use crate::machine::Phase;
use crate::memory::{Plain, View};
use crate::params::CODED;
use crate::query::Query;

/// A vector that passed both looks, or in exact mode is live.
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
    /// Visits groups until data are missing, the buffer has to be ranked, or all are visited. When asking, goes on in
    /// runs of groups that fill the window.
    #[inline(always)]
    pub(crate) fn scan<'a, D: Data<'a>>(&mut self, data: &mut D) {
        let asking = self.asking;
        let mut run = GROUP;
        if asking {
            // A run of the bitmaps is shorter.
            run = self
                .settings
                .window
                .checked_div(self.index.least_window())
                .unwrap_or(1)
                * GROUP;
        }
        while self.cursor.row < self.index.rows() {
            let count = run.min(self.index.rows() - self.cursor.row);
            let mut codes = None;
            if self.settings.mode == CODED {
                codes = self.fetch(data, Region::Quant, self.cursor.row, count);
            }
            let live = self.live(data, count);
            if self.asking != asking || self.overfull {
                return;
            }
            if !asking {
                self.visit(codes, count, live);
            }
            self.cursor.row += count;
            if self.buffer.room() < GROUP as usize && self.thin_out() {
                break;
            }
        }
        self.cursor.phase = Phase::Rank;
    }

    /// Both looks at the rows of a group; without codes, every live row is taken. `live` has a bit for each row.
    #[inline(always)]
    fn visit(&mut self, codes: Option<View<'_>>, count: u32, live: u32) {
        self.stats.scanned = self.stats.scanned.wrapping_add(count);
        let words = self.index.words() as usize;
        let mut passed = u32::MAX >> (32 - count);
        let planes = self.arrays.planes(words);
        let mut ones = MaybeUninit::<[u32; 32]>::uninit();
        // SAFETY: the codes are `count` rows of the region, and the planes have W words each.
        let (group, signs, lows) = unsafe {
            let (signs, lows) = planes.slice(2 * words).split_at_unchecked(words);
            (
                codes.map(|codes| Group::new(codes, count as usize, words)),
                signs,
                lows,
            )
        };
        if let Some(group) = &group {
            passed =
                self.backend
                    .first_look(group, signs, self.first_look, self.threshold, &mut ones);
            self.stats.second_looks = self.stats.second_looks.wrapping_add(passed.count_ones());
        }
        passed &= live;
        while passed != 0 {
            let i = passed.trailing_zeros();
            passed &= passed - 1;
            let mut lower = f32::NEG_INFINITY;
            if let Some(group) = &group {
                // SAFETY: the mask has no bit at or above the number of rows; the first look set their `ones`.
                let (code, word, first) = unsafe {
                    let (code, word) = group.row(i as usize);
                    (code, word, *ones.as_ptr().cast::<u32>().add(i as usize))
                };
                let low = self.backend.ones(code, lows);
                let (beta, alpha) = corrections(word);
                let bracket = 3 * self.index.dimension() as i32 - 4 * first as i32 - 2 * low as i32;
                let projection = self.gain * bracket as f32;
                lower = beta - alpha * (projection + self.width);
                #[allow(clippy::neg_cmp_op_on_partial_ord, reason = "a NaN is dropped")]
                if !(lower <= self.threshold) {
                    continue;
                }
                // An estimate that is a NaN counts as +∞, which leaves the threshold as if it had not been offered.
                self.estimates.offer(key(beta - alpha * projection, 0));
            }
            self.buffer.push(Candidate {
                number: self.cursor.row + i,
                lower,
            });
        }
        self.threshold = self.estimates.bound();
    }

    /// The live ones of the next `count` vectors, a bit for each of the first 32. Bits at and above `count` mean
    /// nothing.
    #[inline(never)]
    fn live<'a, D: Data<'a>>(&mut self, data: &mut D, count: u32) -> u32 {
        let mut live = u32::MAX;
        if self.settings.flags & 1 != 0 {
            live = self.bits(data, Region::Filter, count);
        }
        if self.settings.flags & 2 != 0 {
            live &= !self.bits(data, Region::Deletes, count);
        }
        live
    }

    /// A bitmap's bits of the next `count` vectors; 0 if they are not at hand.
    #[inline(never)]
    fn bits<'a, D: Data<'a>>(&mut self, data: &mut D, region: Region, count: u32) -> u32 {
        let row = self.cursor.row;
        let len = (row % 8 + count).div_ceil(8);
        let mut bits = 0_u64;
        if let Some(bytes) = self.fetch(data, region, row / 8, len) {
            // At most five bytes are of use.
            for i in (0..len.min(5) as usize).rev() {
                // SAFETY: that many bytes were fetched.
                bits = bits << 8 | u64::from(unsafe { bytes.u8(i) });
            }
        }
        (bits >> (row % 8)) as u32
    }

    /// Removes what the threshold has fallen below (K-SCAN-5). Whether so many remain that they must be ranked.
    fn thin_out(&mut self) -> bool {
        let mut kept = 0;
        for i in 0..self.buffer.len {
            // SAFETY: kept ≤ i < len.
            unsafe {
                let entry = self.buffer.at(i);
                if entry.lower <= self.threshold {
                    self.buffer.set(kept, entry);
                    kept += 1;
                }
            }
        }
        self.buffer.len = kept;
        self.buffer.room() < kept
    }
}
