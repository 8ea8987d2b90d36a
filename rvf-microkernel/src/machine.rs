//! The state machine: what a query does next, and what it needs for that (kernel.md, section 7).
#![allow(
    unsafe_code,
    reason = "what was fetched is read unchecked, see `memory`"
)]

use crate::Error;
use crate::data::{Data, Need, Region};
use crate::distance::{BAD, MISSING, canonical};
use crate::heap::{distance_of, key};
use crate::index::{GROUP, HEAD_LEN, LIST_LEN, Vectors};
use crate::memory::View;
use crate::query::{Hit, Query, Stats};

/// What a query does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Reads the mean.
    Mean,
    /// Reads the list directory.
    Directory,
    /// Scans codes.
    Scan,
    /// Computes the integer distances of the buffer's entries.
    Rank,
    /// Computes the float distances of the pool's entries.
    Rescore,
    /// Computes the distance of every live vector.
    Exact,
    /// Has its hits.
    Done,
}

/// How a phase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Outcome {
    /// Go on with the phase that is set now.
    Moved,
    /// Data are not at hand.
    Missing,
    /// The data contradict themselves.
    Bad,
    /// The hits are there.
    Done,
}

/// In place of a mask of 32 bits: a bitmap is not at hand.
pub(crate) const UNKNOWN: u64 = 1 << 32;

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
    /// them is enough to get on, save that a range of rows is of no use without the ranges of the filter and the
    /// deletes that follow it; what was not made available is asked for again.
    ///
    /// # Errors
    /// [`Error::BadData`] by K-ABI-6.
    #[inline]
    pub fn step<'a, D: Data<'a>>(&mut self, data: &mut D) -> Result<Step, Error> {
        loop {
            match self.advance(data) {
                Outcome::Moved => {}
                Outcome::Done => return Ok(Step::Done),
                Outcome::Bad => return Err(Error::BadData),
                Outcome::Missing => {
                    self.needs.truncate(0);
                    data.before_needs();
                    self.foresee(data);
                    return Ok(Step::Needs(self.needs.len() as u32));
                }
            }
        }
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
        if self.phase != Phase::Done {
            return Err(Error::State);
        }
        Ok(self.settings.k.min(self.pool.len() as u32))
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

    /// The `count` best hits, in order.
    #[inline(always)]
    pub(crate) fn for_each_hit(&mut self, count: usize, mut take: impl FnMut(Hit)) {
        self.pool.sort_descending();
        for entry in self.pool.entries().iter().rev().take(count) {
            take(Hit {
                row: entry.key as u32,
                distance: distance_of(entry.key),
            });
        }
    }

    /// Offers a hit of another place to this query's hits, for example one of another part of the data.
    ///
    /// # Errors
    /// [`Error::State`] if the query is not done.
    pub fn merge(&mut self, hit: Hit) -> Result<(), Error> {
        self.hit_count()?;
        self.pool.offer(key(canonical(hit.distance), hit.row), 0);
        Ok(())
    }

    /// The integer distance to one i8 record ([`Index::row_len`](crate::Index::row_len) bytes).
    ///
    /// # Errors
    /// [`Error::BadData`] if it is too short or its row is not below the number of rows.
    pub fn block_distance(&self, record: &[u8]) -> Result<Hit, Error> {
        if record.len() < self.index.row_len(Region::VecI8) as usize {
            return Err(Error::BadData);
        }
        // SAFETY: the length was just checked.
        let key = unsafe { self.key_of(View::new(record), false) };
        if key == BAD {
            return Err(Error::BadData);
        }
        Ok(Hit {
            row: key as u32,
            distance: distance_of(key),
        })
    }

    fn advance<'a, D: Data<'a>>(&mut self, data: &mut D) -> Outcome {
        match self.phase {
            Phase::Mean => {
                let len = 4 * self.index.dimension();
                let Some(mean) = fetch(data, Region::Index, HEAD_LEN as u64, len) else {
                    return Outcome::Missing;
                };
                // SAFETY: D × 4 bytes were fetched.
                if !unsafe { self.take_mean(mean) } {
                    return Outcome::Bad;
                }
                self.phase = Phase::Directory;
                Outcome::Moved
            }
            Phase::Directory => {
                let offset = u64::from(self.index.directory_offset());
                let Some(entry) = fetch(data, Region::Index, offset, LIST_LEN) else {
                    return Outcome::Missing;
                };
                // SAFETY: 32 bytes were fetched.
                if !unsafe { self.index.fits(entry) } {
                    return Outcome::Bad;
                }
                self.phase = Phase::Scan;
                Outcome::Moved
            }
            Phase::Scan => self.scan(data),
            Phase::Rank | Phase::Rescore => self.score(data),
            Phase::Exact => self.visit_all(data),
            Phase::Done => Outcome::Done,
        }
    }

    /// The vector number at a place of the buffer or the pool, whichever this phase is about: a number, [`BAD`] at
    /// the end, or [`MISSING`] for an entry of the buffer that is passed over (K-RANK-1).
    fn candidate(&mut self, position: usize) -> u64 {
        if self.phase == Phase::Rescore {
            return self
                .pool
                .entries()
                .get(position)
                .map_or(BAD, |entry| entry.number);
        }
        let Some(&candidate) = self.buffer.as_slice().get(position) else {
            return BAD;
        };
        if candidate.lower > self.estimates.bound()
            || (self.pool.is_full() && candidate.lower + self.prepared.base > self.pool.bound())
        {
            return MISSING;
        }
        u64::from(candidate.number)
    }

    /// Computes the distances of the buffer's or the pool's entries.
    fn score<'a, D: Data<'a>>(&mut self, data: &mut D) -> Outcome {
        let float = self.phase == Phase::Rescore;
        loop {
            let number = self.candidate(self.position);
            if number == BAD {
                break;
            }
            if number != MISSING {
                let key = self.key_at(data, float, number as u32);
                if key == MISSING {
                    return Outcome::Missing;
                }
                if key == BAD {
                    return Outcome::Bad;
                }
                if !float {
                    self.pool.offer(key, number);
                } else if let Some(entry) = self.pool.entries().get_mut(self.position) {
                    // The records of a vector name the same row.
                    if entry.key as u32 != key as u32 {
                        return Outcome::Bad;
                    }
                    entry.key = key;
                }
            }
            self.position += 1;
        }
        self.position = 0;
        self.buffer.truncate(0);
        self.phase = if self.row < self.index.rows() {
            Phase::Scan
        } else if float || self.index.vectors() == Vectors::I8 {
            // Float distances have changed the order.
            self.pool.restore();
            Phase::Done
        } else {
            Phase::Rescore
        };
        Outcome::Moved
    }

    fn visit_all<'a, D: Data<'a>>(&mut self, data: &mut D) -> Outcome {
        let float = self.index.vectors() != Vectors::I8;
        while self.row < self.index.rows() {
            let live = self.live(data, self.row, 1, false);
            if live == UNKNOWN {
                return Outcome::Missing;
            }
            if live & 1 != 0 {
                let key = self.key_at(data, float, self.row);
                if key == MISSING {
                    return Outcome::Missing;
                }
                if key == BAD {
                    return Outcome::Bad;
                }
                self.pool.offer(key, 0);
            }
            self.stats.scanned = self.stats.scanned.wrapping_add(1);
            self.row += 1;
        }
        self.phase = Phase::Done;
        Outcome::Moved
    }

    /// The key of a vector's record, or [`MISSING`], or [`BAD`].
    fn key_at<'a, D: Data<'a>>(&mut self, data: &mut D, float: bool, number: u32) -> u64 {
        let Some(record) = self.rows_at(data, record_region(float), number, 1) else {
            return MISSING;
        };
        let count = if float {
            &mut self.stats.float_distances
        } else {
            &mut self.stats.ranked
        };
        *count = count.wrapping_add(1);
        // SAFETY: the bytes of one record were fetched.
        unsafe { self.key_of(record, float) }
    }

    /// `count` rows of a region from `first` on.
    #[inline(always)]
    pub(crate) fn rows_at<'a, D: Data<'a>>(
        &self,
        data: &mut D,
        region: Region,
        first: u32,
        count: u32,
    ) -> Option<View<'a>> {
        let len = self.index.row_len(region);
        fetch(data, region, u64::from(first) * u64::from(len), count * len)
    }

    /// The live ones of `count` ≤ 32 vectors from `first` on, a bit for each, or [`UNKNOWN`]. Bits at and above
    /// `count` mean nothing. What is not at hand is written down if `asking`.
    pub(crate) fn live<'a, D: Data<'a>>(
        &mut self,
        data: &mut D,
        first: u32,
        count: u32,
        asking: bool,
    ) -> u64 {
        let mut live = u64::from(u32::MAX);
        let offset = u64::from(first / 8);
        let len = (first % 8 + count).div_ceil(8);
        for (region, flag) in [(Region::Filter, 1), (Region::Deletes, 2)] {
            if self.settings.flags & flag == 0 {
                continue;
            }
            if asking {
                self.ask(data, region, offset, len);
            } else if let Some(bytes) = data.get(region, offset, len) {
                let word = bytes
                    .iter()
                    .rev()
                    .fold(0_u64, |word, &byte| word << 8 | u64::from(byte));
                let word = word >> (first % 8);
                live &= if flag == 1 { word } else { !word };
            } else {
                return UNKNOWN;
            }
        }
        live
    }

    /// Writes down what is needed from here on, as far as it can be foreseen and there is room.
    fn foresee<'a, D: Data<'a>>(&mut self, data: &mut D) {
        match self.phase {
            Phase::Rank | Phase::Rescore => {
                let mut position = self.position;
                loop {
                    let number = self.candidate(position);
                    if number == BAD {
                        break;
                    }
                    if number != MISSING
                        && !self.ask_rows(
                            data,
                            record_region(self.phase == Phase::Rescore),
                            number as u32,
                            1,
                        )
                    {
                        break;
                    }
                    position += 1;
                }
            }
            Phase::Scan => self.foresee_rows(data, Region::Quant, GROUP),
            Phase::Exact => {
                self.foresee_rows(data, record_region(self.index.vectors() != Vectors::I8), 1);
            }
            phase => {
                if phase == Phase::Mean {
                    self.ask(
                        data,
                        Region::Index,
                        HEAD_LEN as u64,
                        4 * self.index.dimension(),
                    );
                }
                let offset = u64::from(self.index.directory_offset());
                self.ask(data, Region::Index, offset, LIST_LEN);
            }
        }
    }

    /// Asks for rows from the next one on, in units of `unit` rows, each with its part of the bitmaps.
    fn foresee_rows<'a, D: Data<'a>>(&mut self, data: &mut D, region: Region, unit: u32) {
        let rows = self.index.rows();
        let mut row = self.row;
        while row < rows {
            let count = unit.min(rows - row);
            // In exact mode a vector that is known to be dead is passed over.
            let live = self.live(data, row, count, false);
            if unit != 1 || live & (UNKNOWN | 1) != 0 {
                if !self.ask_rows(data, region, row, count) {
                    break;
                }
                self.live(data, row, count, true);
            }
            row += count;
        }
    }

    fn ask_rows<'a, D: Data<'a>>(
        &mut self,
        data: &mut D,
        region: Region,
        first: u32,
        count: u32,
    ) -> bool {
        let len = self.index.row_len(region);
        self.ask(data, region, u64::from(first) * u64::from(len), count * len)
    }

    /// Writes a range down unless it is at hand, joined to an earlier one of its region if they touch. Whether there
    /// was room.
    fn ask<'a, D: Data<'a>>(
        &mut self,
        data: &mut D,
        region: Region,
        offset: u64,
        len: u32,
    ) -> bool {
        if data.get(region, offset, len).is_some() {
            return true;
        }
        // A region's last range is never far back: a unit asks for three at most.
        for need in self.needs.as_mut_slice().iter_mut().rev().take(4) {
            let joined = offset
                .wrapping_sub(need.offset)
                .wrapping_add(u64::from(len));
            if need.region == region
                && offset >= need.offset
                && offset <= need.offset + u64::from(need.len)
                && joined <= u64::from(self.settings.window)
            {
                need.len = need.len.max(joined as u32);
                return true;
            }
        }
        self.needs.push(Need {
            region,
            len,
            offset,
        })
    }
}

/// The region of records of a kind.
const fn record_region(float: bool) -> Region {
    if float {
        Region::VecFloat
    } else {
        Region::VecI8
    }
}

/// The bytes of a range, if they are at hand.
#[inline(never)]
fn fetch<'a, D: Data<'a>>(data: &mut D, region: Region, offset: u64, len: u32) -> Option<View<'a>> {
    match data.get(region, offset, len) {
        Some(bytes) if bytes.len() >= len as usize => Some(View::new(bytes)),
        _ => None,
    }
}
