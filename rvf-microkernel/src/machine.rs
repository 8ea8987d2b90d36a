//! The state machine: what a query does next, and what it needs for that (kernel.md, section 7).
#![allow(
    unsafe_code,
    reason = "what was fetched is read unchecked, see `memory`"
)]

use crate::Error;
use crate::data::{Data, Need, Region};
use crate::distance::BAD;
use crate::heap::key;
use crate::index::{HEAD_LEN, LIST_LEN, Vectors};
use crate::memory::View;
use crate::query::{Hit, Query, Stats};
use crate::scan::Candidate;

/// What a query does next. The first three are also where a query of [`Mode`](crate::Mode) 0, 1 or 2 begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Reads the mean and the list directory.
    #[expect(dead_code, reason = "made of the number of the mode")]
    Head = 0,
    /// Scans codes; in exact mode it only tests what is live.
    Scan = 1,
    /// Has its hits.
    Done = 2,
    /// Computes the distances of the buffer's entries.
    Rank = 3,
}

/// Where a query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Cursor {
    /// The next row to visit.
    pub(crate) row: u32,
    /// The next entry of the buffer.
    pub(crate) position: u32,
    pub(crate) phase: Phase,
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
    /// [`Error::BadData`] by K-ABI-6.
    #[inline]
    pub fn step<'a, D: Data<'a>>(&mut self, data: &mut D) -> Result<Step, Error> {
        while self.cursor.phase != Phase::Done {
            let asking = self.asking;
            let mut sound = true;
            match self.cursor.phase {
                Phase::Head => sound = self.read_head(data),
                Phase::Scan => self.scan(data),
                Phase::Rank | Phase::Done => sound = self.rank(data),
            }
            if !sound {
                return Err(Error::BadData);
            }
            if self.asking {
                self.overfull = false;
                if !asking {
                    // What the phase came across after the first missing range is not in order yet.
                    self.needs.len = 0;
                    data.before_needs();
                    continue;
                }
                self.asking = false;
                self.cursor = self.asked_at;
                // None, if another query of the same file has brought in the meantime what was missing.
                if self.needs.len > 0 {
                    return Ok(Step::Needs(self.needs.len as u32));
                }
            }
        }
        Ok(Step::Done)
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
    }

    /// Offers a hit of another place to this query's hits, for example one of another part of the data.
    ///
    /// # Errors
    /// [`Error::State`] if the query is not done.
    pub fn merge(&mut self, hit: Hit) -> Result<(), Error> {
        self.hit_count()?;
        self.merge_hit(hit);
        Ok(())
    }

    #[inline(always)]
    pub(crate) fn merge_hit(&mut self, hit: Hit) {
        // The results may have been read, which sorts.
        self.pool.restore();
        self.pool.offer(key(hit.distance, hit.row));
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
        Ok(Hit::of(key))
    }

    /// The mean and the list directory stand side by side, and are asked for as one. False if they contradict the head.
    #[inline(always)]
    fn read_head<'a, D: Data<'a>>(&mut self, data: &mut D) -> bool {
        let directory = self.index.directory_offset() - HEAD_LEN as u32;
        let head = self.fetch(data, Region::Index, HEAD_LEN as u32, directory + LIST_LEN);
        let Some(head) = head else {
            return true;
        };
        self.cursor.phase = Phase::Scan;
        // SAFETY: that many bytes were fetched; the vector was taken when the query began.
        unsafe { self.index.fits(head, directory as usize) && self.take_mean(head) }
    }

    /// Computes the distances of the buffer's entries (K-RANK-1). False if a record is bad.
    #[inline(always)]
    fn rank<'a, D: Data<'a>>(&mut self, data: &mut D) -> bool {
        let asking = self.asking;
        while (self.cursor.position as usize) < self.buffer.len {
            // SAFETY: the position is below the length.
            let Candidate { number, lower } =
                unsafe { self.buffer.at(self.cursor.position as usize) };
            let is_passed_over = lower > self.threshold || lower + self.base > self.pool.bound();
            if !is_passed_over {
                let region = if self.float {
                    Region::VecFloat
                } else {
                    Region::VecI8
                };
                let record = self.fetch(data, region, number, 1);
                if self.asking != asking || self.overfull {
                    return true;
                }
                if let Some(record) = record
                    && !asking
                {
                    // SAFETY: the bytes of one record were fetched; the vector was taken when the query began.
                    let key = unsafe { self.key_of(record, self.float) };
                    // In layout 1 a record's row is its number, so this finds a bad key too.
                    if key as u32 != number {
                        return false;
                    }
                    let stats = &mut self.stats;
                    let count = if self.float {
                        &mut stats.float_distances
                    } else {
                        &mut stats.ranked
                    };
                    *count = count.wrapping_add(1);
                    self.pool.offer(key);
                }
            }
            self.cursor.position += 1;
        }
        if !asking {
            self.end_ranking();
        }
        true
    }

    #[inline(always)]
    fn end_ranking(&mut self) {
        self.cursor.position = 0;
        self.buffer.len = 0;
        if self.cursor.row < self.index.rows() {
            self.cursor.phase = Phase::Scan;
        } else if self.float || self.index.vectors() == Vectors::I8 {
            self.cursor.phase = Phase::Done;
        } else {
            // The pool is ranked again, by its float distances (K-RANK-3).
            self.float = true;
            self.buffer.len = self.pool.len;
            for i in 0..self.pool.len {
                // SAFETY: i is below the lengths; the buffer has more places than the pool.
                unsafe {
                    let number = self.pool.at(i) as u32;
                    self.buffer.set(
                        i,
                        Candidate {
                            number,
                            lower: f32::NEG_INFINITY,
                        },
                    );
                }
            }
            self.pool.len = 0;
        }
    }

    /// `count` rows of a region from `first` on; of INDEX and the bitmaps, bytes.
    ///
    /// The first range that is not at hand turns the step into asking: it goes through what is ahead once more, reads
    /// nothing, and writes down what it will need, until there is no room. Neighbours become one range.
    #[inline(never)]
    pub(crate) fn fetch<'a, D: Data<'a>>(
        &mut self,
        data: &mut D,
        region: Region,
        first: u32,
        count: u32,
    ) -> Option<View<'a>> {
        let row_len = self.index.stride(region);
        let offset = u64::from(first) * u64::from(row_len);
        let len = count * row_len;
        if let Some(bytes) = data.get(region, offset, len)
            && bytes.len() >= len as usize
        {
            return Some(View::new(bytes));
        }
        if !self.asking {
            self.asking = true;
            self.asked_at = self.cursor;
        }
        if let Some(last) = self.needs.as_mut_slice().last_mut()
            && last.region == region
            && last.offset + u64::from(last.len) == offset
            && last.len <= self.settings.window - len
        {
            last.len += len;
        } else {
            self.overfull = !self.needs.push(Need {
                region,
                len,
                offset,
            });
        }
        None
    }
}
