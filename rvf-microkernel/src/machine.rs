//! The state machine: what a query does next, and what it needs for that (kernel.md, section 7).

use crate::Error;
use crate::data::{Data, Need, Region};
use crate::distance::canonical;
use crate::heap::{Entry, distance_of, key};
use crate::index::{GROUP, HEAD_LEN, LIST_LEN, Vectors};
use crate::query::{Hit, Query, Stats};
use crate::scan::Candidate;

/// What a query does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// [`Error::BadData`] by K-ABI-6, and what `data` answers.
    pub fn step<'a, D: Data<'a>>(&mut self, data: &mut D) -> Result<Step, Error> {
        loop {
            let moved = match self.phase {
                Phase::Mean => self.read_mean(data)?,
                Phase::Directory => self.read_directory(data)?,
                Phase::Scan => self.scan(data)?,
                Phase::Rank => self.rank(data)?,
                Phase::Rescore => self.rescore(data)?,
                Phase::Exact => self.visit_all(data)?,
                Phase::Done => return Ok(Step::Done),
            };
            if !moved {
                self.needs.truncate(0);
                data.before_needs();
                self.foresee(data)?;
                return Ok(Step::Needs(self.needs.len() as u32));
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

    /// Writes the best hits, in order, as many as `out` and k allow; answers how many.
    ///
    /// # Errors
    /// [`Error::State`] if the query is not done.
    pub fn results(&mut self, out: &mut [Hit]) -> Result<usize, Error> {
        let max = out.len();
        let mut places = out.iter_mut();
        self.for_each_hit(max, |hit| {
            if let Some(place) = places.next() {
                *place = hit;
            }
        })
    }

    /// As [`results`](Self::results), one by one.
    #[inline(always)]
    pub(crate) fn for_each_hit(
        &mut self,
        max: usize,
        mut take: impl FnMut(Hit),
    ) -> Result<usize, Error> {
        if self.phase != Phase::Done {
            return Err(Error::State);
        }
        self.pool.sort_descending();
        let max = max.min(self.params.k as usize);
        let mut count = 0;
        for entry in self.pool.entries().iter().rev().take(max) {
            take(Hit {
                row: entry.key as u32,
                distance: distance_of(entry.key),
            });
            count += 1;
        }
        Ok(count)
    }

    /// Offers a hit of another place to this query's hits, for example one of another part of the data.
    ///
    /// # Errors
    /// [`Error::State`] if the query is not done.
    pub fn merge(&mut self, hit: Hit) -> Result<(), Error> {
        if self.phase != Phase::Done {
            return Err(Error::State);
        }
        self.pool.offer(Entry {
            key: key(canonical(hit.distance), hit.row),
            number: 0,
        });
        Ok(())
    }

    /// The integer distance to one i8 record ([`Index::record_len`](crate::Index::record_len) bytes).
    ///
    /// # Errors
    /// [`Error::BadData`] if it is too short or its row is not below the number of rows.
    pub fn block_distance(&self, record: &[u8]) -> Result<Hit, Error> {
        if record.len() < self.index.record_len() as usize {
            return Err(Error::BadData);
        }
        let (row, distance) = self.integer_distance(record)?;
        Ok(Hit { row, distance })
    }

    fn read_mean<'a, D: Data<'a>>(&mut self, data: &mut D) -> Result<bool, Error> {
        let len = 4 * self.index.dimension();
        let Some(mean) = data.get(Region::Index, HEAD_LEN as u64, len)? else {
            return Ok(false);
        };
        self.take_mean(mean)?;
        self.phase = Phase::Directory;
        Ok(true)
    }

    fn read_directory<'a, D: Data<'a>>(&mut self, data: &mut D) -> Result<bool, Error> {
        let offset = u64::from(self.index.directory_offset());
        let Some(entry) = data.get(Region::Index, offset, LIST_LEN)? else {
            return Ok(false);
        };
        self.index.check_directory(entry)?;
        self.phase = Phase::Scan;
        Ok(true)
    }

    /// Whether an entry of the buffer is to be ranked (K-RANK-1).
    fn is_wanted(&self, candidate: Candidate, threshold: f32) -> bool {
        candidate.lower <= threshold
            && !(self.pool.is_full() && candidate.lower + self.prepared.base > self.pool.bound())
    }

    fn rank<'a, D: Data<'a>>(&mut self, data: &mut D) -> Result<bool, Error> {
        let threshold = self.estimates.bound();
        while let Some(&candidate) = self.buffer.as_slice().get(self.position) {
            if self.is_wanted(candidate, threshold) {
                let Some(record) = self.record(data, Region::VecI8, candidate.number)? else {
                    return Ok(false);
                };
                let (row, distance) = self.integer_distance(record)?;
                self.stats.ranked = self.stats.ranked.wrapping_add(1);
                self.pool.offer(Entry {
                    key: key(distance, row),
                    number: u64::from(candidate.number),
                });
            }
            self.position += 1;
        }
        self.buffer.truncate(0);
        self.position = 0;
        self.phase = if self.row < self.index.rows() {
            Phase::Scan
        } else if self.index.vectors() == Vectors::I8 {
            Phase::Done
        } else {
            Phase::Rescore
        };
        Ok(true)
    }

    fn rescore<'a, D: Data<'a>>(&mut self, data: &mut D) -> Result<bool, Error> {
        while let Some(&entry) = self.pool.entries().get(self.position) {
            let Some(record) = self.record(data, Region::VecFloat, entry.number as u32)? else {
                return Ok(false);
            };
            let (row, distance) = self.float_distance(record)?;
            if row != entry.key as u32 {
                return Err(Error::BadData);
            }
            self.stats.float_distances = self.stats.float_distances.wrapping_add(1);
            if let Some(place) = self.pool.entries().get_mut(self.position) {
                place.key = key(distance, row);
            }
            self.position += 1;
        }
        self.pool.restore();
        self.phase = Phase::Done;
        Ok(true)
    }

    fn visit_all<'a, D: Data<'a>>(&mut self, data: &mut D) -> Result<bool, Error> {
        while self.row < self.index.rows() {
            let Some(live) = self.live(data, self.row, 1)? else {
                return Ok(false);
            };
            if live & 1 != 0 {
                let region = self.exact_region();
                let Some(record) = self.record(data, region, self.row)? else {
                    return Ok(false);
                };
                let (row, distance) = if region == Region::VecI8 {
                    self.stats.ranked = self.stats.ranked.wrapping_add(1);
                    self.integer_distance(record)?
                } else {
                    self.stats.float_distances = self.stats.float_distances.wrapping_add(1);
                    self.float_distance(record)?
                };
                self.pool.offer(Entry {
                    key: key(distance, row),
                    number: 0,
                });
            }
            self.stats.scanned = self.stats.scanned.wrapping_add(1);
            self.row += 1;
        }
        self.phase = Phase::Done;
        Ok(true)
    }

    /// The region of the most exact records.
    fn exact_region(&self) -> Region {
        match self.index.vectors() {
            Vectors::I8 => Region::VecI8,
            Vectors::F16 | Vectors::F32 => Region::VecFloat,
        }
    }

    fn record_len(&self, region: Region) -> u32 {
        if region == Region::VecI8 {
            self.index.record_len()
        } else {
            self.index.float_record_len()
        }
    }

    fn record<'a, D: Data<'a>>(
        &self,
        data: &mut D,
        region: Region,
        number: u32,
    ) -> Result<Option<&'a [u8]>, Error> {
        let len = self.record_len(region);
        data.get(region, u64::from(number) * u64::from(len), len)
    }

    /// The live ones of `count` ≤ 32 vectors from `first` on, a bit for each; `None` if a bitmap is not at hand.
    /// Bits at and above `count` mean nothing.
    pub(crate) fn live<'a, D: Data<'a>>(
        &self,
        data: &mut D,
        first: u32,
        count: u32,
    ) -> Result<Option<u32>, Error> {
        let mut live = u32::MAX;
        for (region, used, flip) in [
            (Region::Filter, self.params.filter, 0),
            (Region::Deletes, self.params.deletes, u32::MAX),
        ] {
            if used {
                let (offset, len) = bitmap_range(first, count);
                let Some(bytes) = data.get(region, offset, len)? else {
                    return Ok(None);
                };
                let word = bytes
                    .iter()
                    .rev()
                    .fold(0_u64, |word, &byte| word << 8 | u64::from(byte));
                live &= (word >> (first % 8)) as u32 ^ flip;
            }
        }
        Ok(Some(live))
    }

    /// Writes down what is needed from here on, as far as it can be foreseen and there is room.
    fn foresee<'a, D: Data<'a>>(&mut self, data: &mut D) -> Result<(), Error> {
        match self.phase {
            Phase::Mean | Phase::Directory => {
                if self.phase == Phase::Mean {
                    self.ask(
                        data,
                        Region::Index,
                        HEAD_LEN as u64,
                        4 * self.index.dimension(),
                    )?;
                }
                let offset = u64::from(self.index.directory_offset());
                self.ask(data, Region::Index, offset, LIST_LEN)?;
            }
            Phase::Scan => self.foresee_rows(data, Region::Quant, self.index.row_len(), GROUP)?,
            Phase::Exact => {
                let region = self.exact_region();
                self.foresee_rows(data, region, self.record_len(region), 1)?;
            }
            Phase::Rank => {
                let threshold = self.estimates.bound();
                let mut position = self.position;
                while let Some(&candidate) = self.buffer.as_slice().get(position) {
                    if self.is_wanted(candidate, threshold)
                        && !self.ask_record(data, Region::VecI8, candidate.number)?
                    {
                        break;
                    }
                    position += 1;
                }
            }
            Phase::Rescore => {
                let mut position = self.position;
                while let Some(&entry) = self.pool.entries().get(position) {
                    if !self.ask_record(data, Region::VecFloat, entry.number as u32)? {
                        break;
                    }
                    position += 1;
                }
            }
            Phase::Done => {}
        }
        Ok(())
    }

    /// Asks for rows from the next one on, in units of `unit` rows, each run with its part of the bitmaps.
    fn foresee_rows<'a, D: Data<'a>>(
        &mut self,
        data: &mut D,
        region: Region,
        row_len: u32,
        unit: u32,
    ) -> Result<(), Error> {
        let rows = self.index.rows();
        let longest = self.params.window / (unit * row_len) * unit;
        let mut row = self.row;
        while row < rows {
            let left = rows - row;
            let live = self.live(data, row, unit.min(left))?;
            // With the bitmaps at hand, dead vectors are passed over; else a run comes with its part of them.
            let count = left.min(if live.is_some() { unit } else { longest });
            if unit > 1 || live.is_none_or(|live| live & 1 != 0) {
                if live.is_none() && self.needs.room() < 3 {
                    break;
                }
                let offset = u64::from(row) * u64::from(row_len);
                if !self.ask(data, region, offset, count * row_len)? {
                    break;
                }
                let (offset, len) = bitmap_range(row, count);
                if live.is_none() && self.params.filter {
                    self.ask(data, Region::Filter, offset, len)?;
                }
                if live.is_none() && self.params.deletes {
                    self.ask(data, Region::Deletes, offset, len)?;
                }
            }
            row += count;
        }
        Ok(())
    }

    fn ask_record<'a, D: Data<'a>>(
        &mut self,
        data: &mut D,
        region: Region,
        number: u32,
    ) -> Result<bool, Error> {
        let len = self.record_len(region);
        self.ask(data, region, u64::from(number) * u64::from(len), len)
    }

    /// Writes a range down unless it is at hand, joined to the one before if they are neighbours. Whether there was room.
    fn ask<'a, D: Data<'a>>(
        &mut self,
        data: &mut D,
        region: Region,
        offset: u64,
        len: u32,
    ) -> Result<bool, Error> {
        if data.get(region, offset, len)?.is_some() {
            return Ok(true);
        }
        if let Some(last) = self.needs.as_mut_slice().last_mut()
            && last.region == region
            && last.offset + u64::from(last.len) == offset
            && self.params.window - last.len >= len
        {
            last.len += len;
            return Ok(true);
        }
        Ok(self.needs.push(Need {
            region,
            len,
            offset,
        }))
    }
}

/// Where the bits of `count` vectors from `first` on are in a bitmap: offset and length in bytes.
fn bitmap_range(first: u32, count: u32) -> (u64, u32) {
    let start = first / 8;
    let end = (u64::from(first) + u64::from(count)).div_ceil(8);
    (u64::from(start), (end - u64::from(start)) as u32)
}
