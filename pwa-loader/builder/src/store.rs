//! Vectors in memory, to be searched at every moment.
//!
//! A store has two parts. Its *base* is a packed file, if there is one: with lists and measured efforts where a
//! save has made it. Its *tail* is what came since: rows that grow ([`Growing`]), coded around one mean; the few that are
//! not coded are looked at one by one. The rows of the store are those of the base, then those of the tail, in the order
//! in which they came. A deleted row is left out of every search; its room is found again by a pack or by
//! [`Store::compact`].

use rvf_microkernel::{Hit, Stats};
use rvf_pack::growing::Growing;
use rvf_types::limits::MAX_K;
use rvf_types::{IdKind, Measured, Metric, Plan, VectorKind};

use crate::base::Base;
use crate::bits::Bits;
use crate::effort;
use crate::error::{Error, reserved};
use crate::scan::{Part, Scanner};

/// Bytes of vectors, as f32, that are looked at one by one before rows are coded: some tenths of a millisecond of work.
const UNCODED: usize = 2 << 20;

/// Bytes that an insert leaves for searches: most of what a query for 65,536 hits takes.
const SPARE: usize = 24 << 20;

/// What one search asks for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// As many components as the store has dimensions.
    pub vector: &'a [f32],
    /// 1 to 65,536.
    pub k: u32,
    /// Hits beyond `k` that are given too, such as a row's own where it is searched for what is like it. The effort is that
    /// for `k`.
    pub more: u32,
    /// The recall that a packed base was measured to reach; its usual one unless told.
    pub recall: Option<f64>,
    /// How many lists of the base are visited.
    pub probes: Option<u32>,
    /// The width of the bounds, 0 to 16.
    pub slack: Option<f32>,
    /// Candidates that are scored again.
    pub pool: Option<u32>,
    /// Every vector, as stored.
    pub exact: bool,
    /// A bitmap of the rows that count.
    pub filter: Option<&'a [u8]>,
}

/// What a search found.
#[derive(Debug)]
pub struct Found<'a> {
    /// Nearest first; equal distances by row.
    pub hits: &'a [Hit],
    /// What it cost.
    pub stats: Stats,
    /// The recall that it was measured to reach; 1 where it was exact.
    pub recall: Option<f64>,
}

/// Rows in memory.
#[derive(Debug)]
pub struct Store {
    dimension: usize,
    metric: Metric,
    vectors: VectorKind,
    base: Option<Base>,
    tail: Growing,
    tail_live: Bits,
    scanner: Scanner,
}

impl Store {
    /// An empty one.
    ///
    /// # Errors
    ///
    /// A dimension that is not 1 to 65,536; [`Error::Memory`].
    pub fn new(dimension: usize, metric: Metric, vectors: VectorKind) -> Result<Self, Error> {
        Ok(Self {
            dimension,
            metric,
            vectors,
            base: None,
            tail: Growing::new(dimension, metric, vectors)?,
            tail_live: Bits::default(),
            scanner: Scanner::default(),
        })
    }

    /// Components of a vector.
    #[must_use]
    pub const fn dimension(&self) -> usize {
        self.dimension
    }

    /// How many rows there are, those that are deleted among them.
    #[must_use]
    pub fn rows(&self) -> u32 {
        self.base_rows() + self.tail.rows()
    }

    /// How many rows of those are the base's.
    #[must_use]
    pub fn base_rows(&self) -> u32 {
        self.base.as_ref().map_or(0, |base| base.head().rows)
    }

    /// How many rows are not deleted.
    #[must_use]
    pub fn live(&self) -> u32 {
        self.base.as_ref().map_or(0, |base| base.live().count()) + self.tail_live.count()
    }

    /// Bytes that the rows take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.base.as_ref().map_or(0, |base| base.bytes().len()) + self.tail.bytes()
    }

    /// Appends rows, dimension values each, and writes over the values. Returns the first one's number.
    ///
    /// # Errors
    ///
    /// A row that can't be stored, and [`Error::Memory`]. Then none is appended.
    pub fn insert(&mut self, vectors: &mut [f32]) -> Result<u32, Error> {
        let first = self.rows();
        let before = self.tail.rows();
        let count = u32::try_from(vectors.len() / self.dimension).map_err(|_| Error::Memory)?;
        if first.checked_add(count).is_none() {
            return Err(Error::Request(String::from(
                "expected at most 4,294,967,295 rows, found more; use several stores",
            )));
        }
        // What is taken in is to be searched, too: there must be room for that.
        drop(reserved::<u8>(SPARE)?);
        self.tail.push(vectors)?;
        if let Err(error) = self.tail_live.grow(before + count, true) {
            self.truncate(first);
            return Err(error);
        }
        Ok(first)
    }

    /// Forgets the newest rows: all from this one on. For an insert that failed half-way; those of the base stay.
    pub fn truncate(&mut self, rows: u32) {
        let rows = rows.saturating_sub(self.base_rows());
        self.tail.truncate(rows);
        self.tail_live.truncate(self.tail.rows());
    }

    /// Deletes a row. False if it is gone already.
    pub fn delete(&mut self, row: u32) -> bool {
        let base_rows = self.base_rows();
        match (&mut self.base, row.checked_sub(base_rows)) {
            (_, Some(row)) => self.tail_live.clear(row),
            (Some(base), None) => base.delete(row),
            (None, None) => false,
        }
    }

    fn is_live(&self, row: u32) -> bool {
        match (&self.base, row.checked_sub(self.base_rows())) {
            (_, Some(row)) => self.tail_live.has(row),
            (Some(base), None) => base.is_live(row),
            (None, None) => false,
        }
    }

    /// Puts the vector of a row, as stored, into `vector`. False if there is none.
    pub fn vector(&mut self, row: u32, vector: &mut [f32]) -> bool {
        let base_rows = self.base_rows();
        match (&self.base, row.checked_sub(base_rows)) {
            (_, Some(row)) => self.tail.vector(row, vector),
            (Some(base), None) => base
                .record(row)
                .is_some_and(|record| self.tail.vector_of(record, vector)),
            (None, None) => false,
        }
    }

    /// Puts the vectors of live rows, from this row on, into `vectors`, as many as it holds. Returns how many, and the row
    /// to go on with.
    pub fn export(&mut self, from: u32, vectors: &mut [f32]) -> (u32, u32) {
        let (mut row, mut count) = (from, 0);
        let mut places = vectors.chunks_exact_mut(self.dimension);
        while row < self.rows() {
            if self.is_live(row) {
                let Some(place) = places.next() else {
                    break;
                };
                self.vector(row, place);
                count += 1;
            }
            row += 1;
        }
        (count, row)
    }

    /// Takes a file as the base. The store's rows are then its rows, and no others.
    ///
    /// # Errors
    ///
    /// It is damaged, or its vectors are others than this store's. Then the store is as it was.
    pub fn adopt(&mut self, bytes: Vec<u8>, check: bool) -> Result<(), Error> {
        let base = Base::open(bytes, check)?;
        let head = base.head();
        let found = (head.dimension as usize, base.metric(), head.vectors);
        let expected = (self.dimension, self.metric, self.vectors);
        if found != expected {
            let shown = |(dimension, metric, vectors): (usize, Metric, VectorKind)| {
                format!("vectors of {dimension} dimensions, {metric}, kept as {vectors}")
            };
            return Err(Error::Format(format!(
                "expected {}, found {}; open the store as what it is",
                shown(expected),
                shown(found)
            )));
        }
        self.tail = Growing::new(self.dimension, self.metric, self.vectors)?;
        self.tail_live = Bits::default();
        self.base = Some(base);
        Ok(())
    }

    /// The bytes of the base.
    #[must_use]
    pub fn base(&self) -> &[u8] {
        self.base.as_ref().map_or(&[], Base::bytes)
    }

    /// The ids of the base's rows (see the exports).
    ///
    /// # Errors
    ///
    /// They are damaged.
    pub fn base_ids(&self) -> Result<(IdKind, Vec<u8>), Error> {
        match &self.base {
            Some(base) => base.ids(),
            None => Ok((IdKind::None, Vec::new())),
        }
    }

    /// Gives the room of deleted rows of the tail to new ones. The rows behind them move up, in order.
    pub fn compact(&mut self) {
        let live = &self.tail_live;
        self.tail.retain(|row| live.has(row));
        let count = live.count();
        self.tail_live.truncate(0);
        // It was longer: there is room.
        let _ = self.tail_live.grow(count, true);
    }

    /// Codes the rows that came since the last search, if they are many enough.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`].
    pub fn prepare(&mut self) -> Result<(), Error> {
        let most = (UNCODED / (4 * self.dimension)).clamp(32, 4_096) as u32;
        if self.tail.rows() - self.tail.coded() > most {
            self.tail.code()?;
        }
        Ok(())
    }

    /// Searches. The tail is coded before, if it has to be.
    ///
    /// # Errors
    ///
    /// A query that can't be asked, damage, and [`Error::Memory`].
    pub fn search(&mut self, request: &Request<'_>) -> Result<Found<'_>, Error> {
        if request.vector.len() != self.dimension {
            return Err(Error::Request(format!(
                "expected a vector of {} components, found {}; give one of the store's dimension",
                self.dimension,
                request.vector.len()
            )));
        }
        if !request.exact {
            self.prepare()?;
        }
        self.scanner.clear();
        let live = self.live().max(1);
        let k = request.k.saturating_add(request.more).min(MAX_K).min(live);
        let in_base = self.search_base(request, k)?;
        let in_tail = self.search_tail(request, k)?;
        let recall = match (in_base, in_tail) {
            (Some(base), Some(tail)) => Some(base.min(tail)),
            _ => None,
        };
        let (hits, stats) = self.scanner.finish(k as usize);
        Ok(Found {
            hits,
            stats,
            recall,
        })
    }

    /// Returns the recall, where it is known.
    fn search_base(&mut self, request: &Request<'_>, k: u32) -> Result<Option<f64>, Error> {
        let Some(base) = &self.base else {
            return Ok(Some(1.0));
        };
        let filtered = request
            .filter
            .map(|filter| base.live().and(filter, |number| base.row(number)))
            .transpose()?;
        let live = filtered.as_ref().unwrap_or_else(|| base.live());
        if live.count() == 0 {
            return Ok(Some(1.0));
        }
        let part = Part {
            index: base.index(),
            mean: base.mean(),
            vector: request.vector,
            first_row: 0,
        };
        let (rows, lists) = (base.head().rows, base.head().lists);
        let efforts = base.efforts().iter().copied();
        let measured = Measured::new(efforts, self.vectors, rows, lists);
        let recall = request.recall.unwrap_or_else(|| base.usual_recall());
        let plan = if request.exact {
            Plan::Exact
        } else {
            let few = (!live.is_full()).then_some(live.count());
            let wanted = request.k.min(k);
            let plan = effort::plan(&measured, self.vectors, wanted, recall, request.probes, few);
            effort::by_hand(plan, None, request.slack, request.pool)
        };
        let params = effort::params(plan, k, self.vectors, !live.is_full());
        match (plan, params) {
            (Plan::Coded { recall, .. }, Some(params)) => {
                let mut data = base.regions(live.as_bytes());
                self.scanner.coded(part, &params, &mut data)?;
                Ok(recall)
            }
            _ => {
                let runs = live.runs(0, base.head().rows);
                let records = runs.map(|numbers| base.records(numbers));
                self.scanner.exact(part, k, records)?;
                Ok(Some(1.0))
            }
        }
    }

    /// Returns the recall, where it is known.
    fn search_tail(&mut self, request: &Request<'_>, k: u32) -> Result<Option<f64>, Error> {
        let first_row = self.base_rows();
        let rows = self.tail.rows();
        let filtered = request
            .filter
            .map(|filter| self.tail_live.and(filter, |row| row.checked_add(first_row)))
            .transpose()?;
        let live = filtered.as_ref().unwrap_or(&self.tail_live);
        if live.count() == 0 {
            return Ok(Some(1.0));
        }
        // One distance costs what some thirty codes do.
        let is_few = live.count() <= self.tail.coded() / 32;
        let coded = if request.exact || is_few {
            0
        } else {
            self.tail.coded()
        };
        let vector = request.vector;
        let sure = effort::sure(k, self.vectors);
        let by_hand = effort::by_hand(sure, None, request.slack, request.pool);
        if coded > 0
            && let Some((index, mean)) = self.tail.index(coded)
            && let Some(params) = effort::params(by_hand, k, self.vectors, !live.is_full())
        {
            let part = Part {
                index: &index,
                mean,
                vector,
                first_row,
            };
            let mut data = self.tail.data(live.as_bytes());
            self.scanner.coded(part, &params, &mut data)?;
        }
        if coded < rows
            && let Some((index, mean)) = self.tail.index(rows)
        {
            let part = Part {
                index: &index,
                mean,
                vector,
                first_row,
            };
            let runs = live.runs(coded, rows);
            let records = runs.flat_map(|rows| self.tail.exact_records(rows));
            self.scanner.exact(part, k, records)?;
        }
        Ok((coded == 0).then_some(1.0))
    }
}
