//! The scan of the codes (K-SCAN).

use crate::Error;
use crate::backend::Group;
use crate::bytes::corrections;
use crate::data::{Data, Region};
use crate::heap::{Entry, ordered};
use crate::index::GROUP;
use crate::machine::Phase;
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

impl Query<'_> {
    /// Visits groups until data is missing (`false`), the buffer has to be ranked, or all are visited.
    pub(crate) fn scan<'a, D: Data<'a>>(&mut self, data: &mut D) -> Result<bool, Error> {
        let rows = self.index.rows();
        let row_len = self.index.row_len();
        while self.row < rows {
            let count = GROUP.min(rows - self.row);
            let offset = u64::from(self.row) * u64::from(row_len);
            let Some(bytes) = data.get(Region::Quant, offset, count * row_len)? else {
                return Ok(false);
            };
            let Some(live) = self.live(data, self.row, count)? else {
                return Ok(false);
            };
            let words = self.index.words() as usize;
            let group = Group::new(bytes, count as usize, words).ok_or(Error::BadData)?;
            self.visit(&group, live);
            self.stats.scanned = self.stats.scanned.wrapping_add(count);
            self.row += count;
            if self.buffer.room() < GROUP as usize && self.thin_out() {
                break;
            }
        }
        self.phase = Phase::Rank;
        self.position = 0;
        Ok(true)
    }

    /// Both looks at the rows of a group. `live` has a bit for each.
    #[inline(always)]
    fn visit(&mut self, group: &Group<'_>, live: u32) {
        let threshold = self.estimates.bound();
        let prepared = &self.prepared;
        let words = self.index.words() as usize;
        let (signs, lows) = self.planes.split_at_checked(words).unwrap_or_default();
        let mut ones = [0; 32];
        let mut passed =
            self.backend
                .first_look(group, signs, prepared.first, threshold, &mut ones);
        self.stats.second_looks = self.stats.second_looks.wrapping_add(passed.count_ones());
        passed &= live;
        while passed != 0 {
            let i = passed.trailing_zeros();
            passed &= passed - 1;
            let (code, word) = group.row(i as usize);
            let first = ones.get(i as usize).copied().unwrap_or_default();
            let low = self.backend.ones(code, lows);
            let (beta, alpha) = corrections(word);
            let bracket = 3 * self.index.dimension() as i32 - 4 * first as i32 - 2 * low as i32;
            let projection = prepared.gain * bracket as f32;
            let lower = beta - alpha * (projection + prepared.width);
            if lower <= threshold {
                let estimate = beta - alpha * projection;
                if !estimate.is_nan() {
                    self.estimates.offer(Entry {
                        key: u64::from(ordered(estimate)) << 32,
                        number: 0,
                    });
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
            if let Some(&entry) = entries.get(i)
                && entry.lower <= threshold
                && let Some(place) = entries.get_mut(kept)
            {
                *place = entry;
                kept += 1;
            }
        }
        self.buffer.truncate(kept);
        kept > self.buffer.capacity() / 2
    }
}
