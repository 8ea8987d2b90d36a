//! Searches of the file with a sample's queries, at one setting.

use std::io;
use std::ops::Range;

use rayon::prelude::*;
use rvf_microkernel::{
    Backend, Error, HEAD_LEN, Hit, Index, Params, Regions, Stats, search, state_len,
};
use rvf_types::{Effort, SegmentEntry};

use super::Parts;
use super::exact::Answer;
use super::sample::Sample;
use crate::cost;
use crate::error::PackError;
use crate::progress::Reporter;

/// The most queries between two looks at whether the work is cancelled.
const AT_ONCE: usize = 64;

/// Rows that are scanned between two such looks, all queries together: less than a second of work. But each thread has a
/// query at least.
const ROWS_AT_ONCE: usize = 16_000_000;

/// A file to be searched, with all of it at hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Searched<'a> {
    index: Index,
    regions: Regions<'a>,
    backend: Backend,
    /// The vector number of each row; empty with one list.
    order: &'a [u32],
    /// Whether floats are kept, so that a pool larger than k is of use.
    pub(super) rescores: bool,
}

/// What is asked of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Setting {
    /// Hits.
    pub(super) k: u32,
    /// Lists to visit; 0 for all.
    pub(super) probes: u32,
    /// Slack of the bounds.
    pub(super) slack: f32,
    /// Candidates beyond k that are re-scored; 0 where nothing is.
    pub(super) extra: u32,
}

/// The answers to a sample's first queries at one setting.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) setting: Setting,
    /// For each query its hits, without the query's own row.
    pub(super) hits: Vec<Vec<Hit>>,
    /// Rows scanned, those that passed the first look, and rows ranked, by all queries together.
    pub(super) scanned: u64,
    pub(super) second_looks: u64,
    pub(super) ranked: u64,
}

impl<'a> Searched<'a> {
    /// `file`: the bytes of the file, up to the end of the vectors.
    pub(super) fn new(parts: &Parts<'a>, file: &'a [u8]) -> Result<Self, PackError> {
        let payload = |entry: SegmentEntry| {
            let from = usize::try_from(entry.payload_offset()).ok();
            let length = usize::try_from(entry.payload_length).ok();
            let payload = from
                .zip(length)
                .and_then(|(from, length)| file.get(from..)?.get(..length));
            let missing =
                || PackError::output("read the file back")(io::ErrorKind::UnexpectedEof.into());
            payload.ok_or_else(missing)
        };
        let regions = Regions {
            index: payload(parts.index)?,
            quant: payload(parts.quant)?,
            vec_i8: payload(parts.vectors)?,
            vec_float: parts.floats.map_or(Ok(&[][..]), payload)?,
            ..Regions::default()
        };
        let index = Index::parse(regions.index).map_err(failed("opening the index"))?;
        Ok(Self {
            index,
            regions,
            backend: parts.records.backend,
            order: parts.order,
            rescores: parts.floats.is_some(),
        })
    }

    /// Searches with the first `queries` queries of the sample. Each leaves its own row out, by a filter: so it
    /// finds what it would find if the row were not there.
    pub(super) fn run(
        &self,
        sample: &Sample,
        queries: usize,
        setting: Setting,
        reporter: &mut Reporter<'_, '_>,
    ) -> Result<Run, PackError> {
        let mut params = Params::new(setting.k);
        params.probes = setting.probes;
        params.slack = setting.slack;
        params.pool = setting.k + setting.extra;
        params.filter = true;
        let mut run = Run {
            setting,
            hits: Vec::with_capacity(queries),
            scanned: 0,
            second_looks: 0,
            ranked: 0,
        };
        let threads = rayon::current_num_threads().clamp(1, AT_ONCE);
        let rows = self.index.rows().max(1) as usize;
        let at_once = (ROWS_AT_ONCE / rows).clamp(threads, AT_ONCE);
        let mut next = 0;
        while next < queries {
            let end = queries.min(next + at_once);
            let answers = self.answers(sample, next..end, params);
            for (hits, stats) in answers.map_err(failed("a search"))? {
                run.hits.push(hits);
                run.scanned += u64::from(stats.scanned);
                run.second_looks += u64::from(stats.second_looks);
                run.ranked += u64::from(stats.ranked);
            }
            reporter.advance((end - next) as u64)?;
            next = end;
        }
        Ok(run)
    }

    fn answers(
        &self,
        sample: &Sample,
        queries: Range<usize>,
        params: Params,
    ) -> Result<Vec<(Vec<Hit>, Stats)>, Error> {
        let words = state_len(&self.index, &params)?;
        let scratch = || Scratch {
            memory: vec![0; words],
            live: vec![u8::MAX; self.index.filter_len() as usize],
        };
        let answer = |scratch: &mut Scratch, query| self.answer(sample, query, params, scratch);
        queries.into_par_iter().map_init(scratch, answer).collect()
    }

    fn answer(
        &self,
        sample: &Sample,
        query: usize,
        params: Params,
        Scratch { memory, live }: &mut Scratch,
    ) -> Result<(Vec<Hit>, Stats), Error> {
        let own_row = sample.rows[query];
        let number = self.order.get(own_row as usize).copied().unwrap_or(own_row);
        let (byte, bit) = (number as usize / 8, 1 << (number % 8));
        live[byte] ^= bit;
        let mut regions = Regions {
            filter: live,
            ..self.regions
        };
        let mut hits = vec![Hit::default(); params.k as usize];
        let vector = sample.vector(query);
        let found = search(
            &self.index,
            self.regions.index.get(HEAD_LEN..).unwrap_or_default(),
            &mut regions,
            &params,
            vector,
            self.backend,
            memory,
            &mut hits,
        );
        live[byte] ^= bit;
        let (count, stats) = match found {
            // The row is next to zero, and was stored a little larger: no query can be made of it.
            Err(Error::BadQuery) => (0, Stats::default()),
            found => found?,
        };
        hits.truncate(count);
        Ok((hits, stats))
    }
}

/// What a task works in.
struct Scratch {
    memory: Vec<u64>,
    /// The bitmap of live vectors: all of them between searches.
    live: Vec<u8>,
}

fn failed(what: &'static str) -> impl Fn(Error) -> PackError {
    move |error| PackError::Measure { what, error }
}

impl Run {
    /// How many hits were asked for.
    pub(super) fn total(&self) -> u32 {
        // At most some thousands of queries, for at most a hundred hits each.
        self.hits.len() as u32 * self.setting.k
    }

    /// How many of the hits are true ones.
    pub(super) fn true_hits(&self, answers: &[Answer]) -> u32 {
        self.hits_by_query(answers).sum()
    }

    /// The same of each query.
    fn hits_by_query(&self, answers: &[Answer]) -> impl Iterator<Item = u32> {
        let k = self.setting.k as usize;
        let of_query = move |(hits, answer): (&Vec<Hit>, &Answer)| {
            hits.iter().filter(|hit| answer.is_hit(hit.row, k)).count() as u32
        };
        self.hits.iter().zip(answers).map(of_query)
    }

    /// Recall, and the standard error with which it was measured.
    pub(super) fn recall(&self, answers: &[Answer]) -> (f64, f64) {
        let k = f64::from(self.setting.k);
        let count = (self.hits.len() as f64).max(1.0);
        let recalls = || self.hits_by_query(answers).map(|hits| f64::from(hits) / k);
        let mean = recalls().sum::<f64>() / count;
        let variance = recalls().map(|recall| (recall - mean).powi(2)).sum::<f64>() / count;
        (mean, (variance / count).sqrt())
    }

    /// What a query costs where all rows are scanned.
    pub(super) fn cost(&self) -> f64 {
        let mean = |sum: u64| sum as f64 / (self.hits.len() as f64).max(1.0);
        mean(self.scanned) + cost::of_looks(0, 0, mean(self.second_looks), mean(self.ranked))
    }

    /// The entry of the table.
    pub(super) fn effort(&self, answers: &[Answer]) -> Effort {
        let Setting {
            k,
            probes,
            slack,
            extra,
        } = self.setting;
        let queries = (self.hits.len() as u64).max(1);
        let mean = |sum: u64| u32::try_from((sum + queries / 2) / queries).unwrap_or(u32::MAX);
        Effort {
            k,
            probes,
            slack,
            pool: k + extra,
            hits: self.true_hits(answers),
            total: self.total(),
            scanned: mean(self.scanned),
            ranked: mean(self.ranked),
        }
    }
}
