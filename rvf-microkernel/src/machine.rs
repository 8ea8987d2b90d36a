//! The state machine: what a query does next, and what it needs for that (kernel.md, section 7).
#![allow(
    unsafe_code,
    reason = "what was fetched is read unchecked, see `memory`"
)]

use core::mem::MaybeUninit;

use crate::Error;
use crate::data::{Data, Need, Region};
use crate::distance::BAD;
use crate::heap::distance_of;
use crate::index::{GROUP, LIST_LEN, Vectors, codes_len};
use crate::memory::{Plain, View};
use crate::query::{Hit, Query, Stats};
use crate::scan::Candidate;

/// What a query does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Scans codes.
    Scan = 0,
    /// Has its hits.
    Done = 1,
    /// Computes the distances of the buffer's entries.
    Rank = 2,
    /// Reads the directory entries of the lists that were chosen.
    Lists = 3,
}

/// A list that is visited.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Visit {
    /// Where it starts in its region.
    pub(crate) offset: u64,
    /// How many vectors it owns: its first entries.
    pub(crate) own: u32,
    pub(crate) entries: u32,
    /// Number of its first own vector.
    pub(crate) first: u32,
    /// b of K-PROBE.
    pub(crate) base: f32,
}

// SAFETY: a struct of numbers without padding.
unsafe impl Plain for Visit {}

/// Where a query is.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Cursor {
    /// Where the next group stands in its list.
    pub(crate) offset: u64,
    /// The list that is visited.
    pub(crate) list: u32,
    /// The next entry to visit.
    pub(crate) row: u32,
    /// The next entry of the buffer.
    pub(crate) position: u32,
    pub(crate) phase: Phase,
}

/// The records of as many entries of the buffer are fetched side by side.
const BATCH: u32 = 64;
/// So many bytes of each, at most: the processor goes on by itself.
const MOST_AHEAD: u32 = 1024;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The hits are there.
    Done,
    /// Ranges are needed, at least one: see [`Query::needs`].
    Needs(u32),
}

impl Query<'_> {
    /// Runs as far as the data at hand allow.
    ///
    /// After [`Step::Needs`], the caller makes ranges available through `data` and calls again. A leading part of
    /// them is enough to get on, save that the filter is of no use without the range that follows it; what was not
    /// made available is asked for again.
    ///
    /// # Errors
    /// [`Error::BadData`] by K-ABI-6. The query is of no more use then.
    #[inline]
    pub fn step<'a, D: Data<'a>>(&mut self, data: &mut D) -> Result<Step, Error> {
        // The first range that is not at hand turns the step into asking: it goes through what is ahead, reads
        // nothing, and writes down what it will need, until there is no room. Neighbours become one range.
        let mut asking = false;
        let mut asked_at = MaybeUninit::uninit();
        let mut filter = None;
        let mut filter_due = true;
        'ranges: loop {
            // Left where a phase is over, or, while asking, where there is no room for what is needed.
            'over: {
                let Some(mut need) = self.next_need(data) else {
                    break 'over;
                };
                let is_filter = filter_due
                    & (self.settings.flags & 1 != 0)
                    & (self.cursor.phase == Phase::Scan)
                    & !self.choosing;
                if is_filter {
                    need = Need {
                        region: Region::Filter,
                        len: self.index.filter_len(),
                        offset: 0,
                    };
                }
                if let Some(bytes) = data.get(need.region, need.offset, need.len)
                    && bytes.len() >= need.len as usize
                {
                    let view = View::new(bytes);
                    if is_filter {
                        filter = Some(view);
                    } else if !asking && !self.take(view, filter) {
                        // A group may be half taken: stepped again, it must find room.
                        self.buffer.len = 0;
                        return Err(Error::BadData);
                    }
                } else if !asking {
                    asking = true;
                    asked_at.write(self.cursor);
                    self.needs.len = 0;
                    // From now on nothing is at hand that was only brought for this step.
                    filter_due = true;
                    data.before_needs();
                    continue 'ranges;
                } else if !self.note(need) {
                    break 'over;
                }
                if is_filter {
                    filter_due = false;
                } else {
                    self.advance(&need, asking);
                }
                continue 'ranges;
            }
            if !asking {
                if self.cursor.phase == Phase::Done {
                    return Ok(Step::Done);
                }
                self.end_phase();
                continue;
            }
            // SAFETY: written when the asking began.
            self.cursor = unsafe { asked_at.assume_init() };
            // None, if another query of the same file has brought in the meantime what was missing.
            if self.needs.len > 0 {
                break;
            }
            asking = false;
            filter_due = true;
        }
        Ok(Step::Needs(self.needs.len as u32))
    }

    /// The ranges that the last step asked for, in the order in which they are wanted.
    #[must_use]
    pub fn needs(&self) -> &[Need] {
        self.needs.as_slice()
    }

    /// What the search did so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// How many hits there are, at most k.
    ///
    /// # Errors
    /// [`Error::State`] if the query is not done.
    pub fn hit_count(&self) -> Result<u32, Error> {
        if self.cursor.phase != Phase::Done {
            return Err(Error::State);
        }
        Ok(self.settings.k.min(self.pool.len as u32))
    }

    /// Writes the best hits, in order, as many as `out` and k allow; answers how many.
    ///
    /// # Errors
    /// [`Error::State`] if the query is not done.
    pub fn results(&mut self, out: &mut [Hit]) -> Result<usize, Error> {
        let count = out.len().min(self.hit_count()? as usize);
        let mut places = out.iter_mut();
        self.for_each_hit(count, |hit| {
            if let Some(place) = places.next() {
                *place = hit;
            }
        });
        Ok(count)
    }

    /// The `count` best hits, in order; there are as many.
    #[inline(always)]
    pub(crate) fn for_each_hit(&mut self, count: usize, mut take: impl FnMut(Hit)) {
        self.pool.sort();
        for i in 0..count {
            // SAFETY: there are as many hits.
            take(Hit::of(unsafe { self.pool.at(i) }));
        }
        // More may be offered.
        self.pool.restore();
    }

    /// Offers the vectors of records of the most exact kind that the file has
    /// ([`Index::record_len`](crate::Index::record_len) bytes each) to the hits.
    ///
    /// # Errors
    /// [`Error::State`] if the query is not done, [`Error::BadData`] if a row is not below the number of rows.
    pub fn offer_block(&mut self, records: &[u8]) -> Result<(), Error> {
        self.hit_count()?;
        // SAFETY: records that have their bytes are taken, and no others.
        if unsafe { self.offer_records(records) } {
            Ok(())
        } else {
            Err(Error::BadData)
        }
    }

    /// Offers the vectors of records. False if a row is bad.
    ///
    /// # Safety
    /// The query is done, and its vector was taken.
    #[inline(always)]
    pub(crate) unsafe fn offer_records(&mut self, records: &[u8]) -> bool {
        self.float = self.index.vectors() != Vectors::I8;
        let len = self.index.record_len() as usize;
        let mut rest = records;
        while rest.len() >= len {
            // SAFETY: a record has its bytes. (Its length is not 0, which the compiler does not know.)
            let key = unsafe {
                let (record, behind) = rest.split_at_unchecked(len);
                rest = behind;
                self.key_of(View::new(record))
            };
            if key == BAD {
                return false;
            }
            self.pool.offer(key);
        }
        true
    }

    /// The range that the phase needs next, of no bytes if it needs none; `None` if the phase is over.
    #[inline(always)]
    fn next_need<'a, D: Data<'a>>(&mut self, data: &mut D) -> Option<Need> {
        let position = self.cursor.position;
        let mut need = Need {
            region: Region::Index,
            len: LIST_LEN,
            offset: 0,
        };
        match self.cursor.phase {
            Phase::Scan => {
                let visit = loop {
                    if self.cursor.list as usize >= self.visits.len {
                        return None;
                    }
                    // SAFETY: just compared.
                    let visit = unsafe { self.visits.at(self.cursor.list as usize) };
                    if self.cursor.row < visit.entries {
                        break visit;
                    }
                    self.cursor.list += 1;
                    self.cursor.row = 0;
                    self.cursor.offset = 0;
                };
                // The list after this one lies elsewhere.
                if cfg!(not(target_arch = "wasm32"))
                    && self.cursor.row == 0
                    && let Some(next) = self.visits.as_slice().get(self.cursor.list as usize + 1)
                    && next.entries >= GROUP
                {
                    data.prefetch(Region::Quant, next.offset, self.index.group_len());
                }
                if !self.choosing {
                    need.region = Region::Quant;
                }
                need.offset = visit.offset + self.cursor.offset;
                let count = GROUP.min(visit.entries - self.cursor.row);
                let numbers = self.cursor.row + count > visit.own;
                need.len = codes_len(count, self.index.words(), numbers) as u32;
                Some(need)
            }
            Phase::Lists => {
                if position as usize >= self.pool.len {
                    return None;
                }
                // SAFETY: just compared.
                let list = unsafe { self.pool.at(position as usize) } as u32;
                need.offset = u64::from(self.index.directory_offset() + LIST_LEN * list);
                Some(need)
            }
            Phase::Rank => self.next_record(data),
            Phase::Done => None,
        }
    }

    /// The record of the next entry of the buffer that is not passed over (K-RANK-1).
    #[inline(always)]
    fn next_record<'a, D: Data<'a>>(&mut self, data: &mut D) -> Option<Need> {
        let mut need = Need {
            region: Region::VecI8,
            len: self.index.i8_len(),
            offset: 0,
        };
        if self.choosing {
            need.region = Region::Index;
            need.offset = self.index.centroid_records;
        } else if self.float {
            need.region = Region::VecFloat;
            need.len = self.index.float_stride();
        }
        let start = need.offset;
        let offset_of = |entry: Candidate| start + u64::from(entry.number) * u64::from(need.len);
        while (self.cursor.position as usize) < self.buffer.len {
            // A record lies anywhere: brought one by one, most of the time goes by waiting for memory. Centroids are near
            // already.
            if self.cursor.position.is_multiple_of(BATCH) && !self.choosing {
                let mut i = self.cursor.position as usize;
                let end = self.buffer.len.min(i + BATCH as usize);
                while i < end {
                    // SAFETY: i is below the length.
                    let ahead = unsafe { self.buffer.at(i) };
                    if ahead.lower <= self.threshold {
                        data.prefetch(need.region, offset_of(ahead), need.len.min(MOST_AHEAD));
                    }
                    i += 1;
                }
            }
            // SAFETY: just compared.
            let entry = unsafe { self.buffer.at(self.cursor.position as usize) };
            if !(entry.lower > self.threshold || entry.lower > self.pool.bound()) {
                need.offset = offset_of(entry);
                return Some(need);
            }
            self.cursor.position += 1;
        }
        None
    }

    /// Takes what the phase needed. False if it is bad.
    #[inline(always)]
    fn take(&mut self, view: View<'_>, filter: Option<View<'_>>) -> bool {
        // SAFETY: as many bytes were brought as the phase needed; the vector was taken when the query began.
        unsafe {
            match self.cursor.phase {
                Phase::Scan => self.visit(view, filter),
                Phase::Lists => self.take_list(view),
                Phase::Rank | Phase::Done => self.take_record(view),
            }
        }
    }

    /// Puts the cursor behind what was taken or asked for.
    #[inline(always)]
    fn advance(&mut self, need: &Need, asking: bool) {
        if self.cursor.phase != Phase::Scan {
            self.cursor.position += 1;
            return;
        }
        // The last group may be shorter: then the list is over all the same.
        self.cursor.row = self.cursor.row.saturating_add(GROUP);
        self.cursor.offset += u64::from(need.len);
        if !asking && self.buffer.room() < GROUP as usize {
            self.cursor.phase = Phase::Rank;
        }
    }

    /// Goes to the next phase.
    // In a module each branch would set by itself what the step goes on with.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    fn end_phase(&mut self) {
        self.cursor.position = 0;
        match self.cursor.phase {
            Phase::Scan => self.cursor.phase = Phase::Rank,
            Phase::Lists => {
                self.ranges.len = self.visits.len;
                self.ranges.sort();
                self.choosing = false;
                self.estimates.len = 0;
                self.pool.len = 0;
                self.threshold = f32::INFINITY;
                self.start_search();
                self.cursor.phase = Phase::Scan;
            }
            Phase::Rank | Phase::Done => self.end_ranking(),
        }
    }

    /// From now on the heaps keep as many as hits and candidates are wanted.
    #[inline(always)]
    pub(crate) fn start_search(&mut self) {
        self.estimates.set_limit(self.settings.k as usize);
        self.pool.set_limit(self.settings.pool as usize);
    }

    #[inline(always)]
    fn end_ranking(&mut self) {
        self.buffer.len = 0;
        if (self.cursor.list as usize) < self.visits.len {
            self.cursor.phase = Phase::Scan;
        } else if self.choosing {
            self.pool.sort();
            self.visits.len = 0;
            self.cursor.list = 0;
            self.cursor.phase = Phase::Lists;
        } else if self.is_last() {
            self.cursor.phase = Phase::Done;
        } else {
            // The pool is ranked again, by its float distances (K-RANK-3).
            self.float = true;
            self.threshold = f32::INFINITY;
            // A key is laid out as an entry, whose bound is above no threshold any more.
            // SAFETY: the buffer has more places than the pool.
            unsafe { self.buffer.copy_from(&self.pool) };
            self.pool.len = 0;
        }
    }

    /// Whether the distances that are computed now are those of the hits.
    #[inline(always)]
    fn is_last(&self) -> bool {
        self.float || self.index.vectors() == Vectors::I8
    }

    /// Takes the directory entry of a list in the pool (K-PROBE-3). False if it is bad.
    ///
    /// # Safety
    /// There are 32 bytes, and the position is below the pool's length.
    #[inline(always)]
    unsafe fn take_list(&mut self, entry: View<'_>) -> bool {
        // SAFETY: the caller's promise.
        let (key, offset, own, second, first) = unsafe {
            (
                self.pool.at(self.cursor.position as usize),
                entry.u64(0),
                entry.u32(8),
                entry.u32(12),
                entry.u32(16),
            )
        };
        let entries = u64::from(own) + u64::from(second);
        let end = u64::from(first) + u64::from(own);
        let rows = u64::from(self.index.rows());
        if (end > rows) | (entries > rows) | (offset >> 48 != 0) {
            return false;
        }
        // SAFETY: there are as many places as the pool has keys.
        unsafe {
            // There are as many ranges as visits: they are counted once.
            self.ranges
                .places
                .set(self.visits.len, u64::from(first) << 32 | end);
            self.visits.append(Visit {
                offset,
                own,
                entries: entries as u32,
                first,
                base: distance_of(key),
            });
        }
        true
    }

    /// Takes the record of the entry of the buffer at the position. False if it is bad.
    ///
    /// # Safety
    /// The record has all its bytes, the vector was taken, and the position is below the buffer's length.
    #[inline(always)]
    unsafe fn take_record(&mut self, record: View<'_>) -> bool {
        // SAFETY: the caller's promise.
        let (mut key, number) = unsafe {
            (
                self.key_of(record),
                self.buffer.at(self.cursor.position as usize).number,
            )
        };
        let is_in_order = self.choosing | (self.index.lists() == 1);
        if (key == BAD) | is_in_order & (key as u32 != number) {
            return false;
        }
        let stats = &mut self.stats;
        let count = if self.float {
            &mut stats.float_distances
        } else {
            &mut stats.ranked
        };
        *count = count.wrapping_add(1);
        if !self.is_last() {
            // The float record will be found by the vector's number.
            key ^= u64::from(key as u32 ^ number);
        }
        self.pool.offer(key);
        true
    }

    /// Writes down a range that is needed, as part of the last one if it follows that. False if there is no room.
    #[inline(always)]
    fn note(&mut self, need: Need) -> bool {
        if let Some(last) = self.needs.as_mut_slice().last_mut()
            && last.region == need.region
            && last.offset + u64::from(last.len) == need.offset
            && last.len <= self.settings.window - need.len
        {
            last.len += need.len;
            return true;
        }
        self.needs.push(need)
    }
}
