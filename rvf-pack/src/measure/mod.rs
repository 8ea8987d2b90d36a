//! Measures what recall a search of the file reaches at which effort (R-MAN-8).
//!
//! Rows are held out as queries. The input is read once more and searched exactly, which tells what there is to find, and
//! helps to divide the vectors into lists. When the file stands, the queries are searched for at rising effort, with the
//! kernel that hosts run natively.

mod coverage;
mod curve;
mod efforts;
mod exact;
mod probed;
mod sample;
mod search;
mod table;

use rvf_types::{Effort, Metric, SegmentEntry, VectorKind};

use self::efforts::Test;
use self::exact::Exact;
use self::search::Searched;
use crate::error::PackError;
use crate::progress::{Phase, Reporter};
use crate::records::Records;
use crate::source::{Batch, Source};
use crate::store::batch_rows;
use crate::writer::Storage;

pub(crate) use coverage::{Coverage, Ranks};
pub(crate) use exact::Answer;
pub(crate) use sample::{Sample, Sampler};

/// The numbers of hits that efforts are measured for, as far as there are more rows than that.
const HITS: [u32; 3] = [1, 10, 100];

/// The number of hits that a wish for recall is meant for, where none is named.
const USUAL_HITS: u32 = 10;

/// The most hits that are measured.
pub(crate) const MOST_HITS: usize = 100;

/// The least rows without a copy that do as queries alone.
const LEAST_SINGLE: usize = 100;

/// What is searched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) records: Records,
    pub(crate) rows: u32,
    pub(crate) index: SegmentEntry,
    pub(crate) quant: SegmentEntry,
    pub(crate) vectors: SegmentEntry,
    pub(crate) floats: Option<SegmentEntry>,
    /// The vector number of each row; empty with one list.
    pub(crate) order: &'a [u32],
}

/// Rows held out as queries, and their true neighbours.
#[derive(Debug)]
pub(crate) struct HeldOut {
    pub(crate) sample: Sample,
    pub(crate) answers: Vec<Answer>,
    /// A recall that is asked for.
    pub(crate) recall: Option<f64>,
}

impl HeldOut {
    /// Reads `source` once more, from its start, to search it exactly.
    pub(crate) fn new(
        sample: Sample,
        metric: Metric,
        rows: u32,
        recall: Option<f64>,
        source: &mut dyn Source,
        reporter: &mut Reporter<'_, '_>,
    ) -> Result<Self, PackError> {
        reporter.start(Phase::Exact, Some(rows.into()))?;
        let exact = Exact::new(metric, &sample, MOST_HITS);
        let answers = search_exactly(exact, sample.dimension, rows, source, reporter)?;
        let mut held_out = Self {
            sample,
            answers,
            recall,
        };
        held_out.leave_out_copies(metric);
        Ok(held_out)
    }

    /// Leaves out rows of which there is a copy, unless hardly any others are left: what is nearest to a copy is found by
    /// any search, and seldom is a query a copy of a row.
    fn leave_out_copies(&mut self, metric: Metric) {
        let is_single: Vec<bool> = self
            .answers
            .iter()
            .map(|answer| !answer.is_of_copy(metric))
            .collect();
        if is_single.iter().filter(|single| **single).count() >= LEAST_SINGLE {
            self.sample.retain(&is_single);
            let mut single = is_single.iter();
            self.answers.retain(|_| single.next() != Some(&false));
        }
    }
}

/// The number of hits, of those that efforts are listed for, that a recall is meant for: ten, or else the most.
fn usual_hits(table: &[Effort]) -> Option<u32> {
    let listed = || table.iter().map(|effort| effort.k);
    listed().find(|k| *k == USUAL_HITS).or(listed().max())
}

/// Refuses a file that does not reach the recall that is asked for.
pub(crate) fn check_ceiling(
    held_out: &HeldOut,
    table: &[Effort],
    vectors: VectorKind,
) -> Result<(), PackError> {
    let (Some(recall), Some(k)) = (held_out.recall, usual_hits(table)) else {
        return Ok(());
    };
    let reached = table
        .iter()
        .filter(|effort| effort.k == k)
        .map(Effort::recall);
    match reached.max_by(f64::total_cmp) {
        Some(ceiling) if ceiling < recall => Err(PackError::AboveCeiling {
            recall,
            k,
            ceiling,
            vectors,
        }),
        _ => Ok(()),
    }
}

/// The table of efforts of the file whose parts stand in `storage`. `coverage` is there if it has several lists.
pub(crate) fn measure(
    held_out: &HeldOut,
    coverage: Option<&Coverage>,
    parts: &Parts<'_>,
    storage: &mut dyn Storage,
    reporter: &mut Reporter<'_, '_>,
) -> Result<Vec<Effort>, PackError> {
    reporter.start(Phase::Search, None)?;
    let last = parts.floats.unwrap_or(parts.vectors);
    let view = storage
        .view(last.end().unwrap_or(u64::MAX))
        .map_err(PackError::output("read the file back"))?;
    let test = Test {
        searched: Searched::new(parts, &view)?,
        sample: &held_out.sample,
        answers: &held_out.answers,
        coverage,
        rows: parts.rows,
    };
    let mut table = Vec::new();
    // Of a single row there is nothing to find but itself.
    for k in HITS.into_iter().filter(|k| *k < parts.rows) {
        table.extend(test.efforts(k, reporter)?);
    }
    Ok(table)
}

fn search_exactly(
    mut exact: Exact<'_>,
    dimension: usize,
    rows: u32,
    source: &mut dyn Source,
    reporter: &mut Reporter<'_, '_>,
) -> Result<Vec<Answer>, PackError> {
    source.rewind()?;
    let at_once = batch_rows(dimension);
    let changed = |found| PackError::RowsChanged {
        expected: rows.into(),
        found,
    };
    let (mut batch, mut next) = (Batch::default(), Batch::default());
    let mut found = 0_u64;
    let mut count = source.next_batch(at_once, &mut batch)?;
    while count > 0 {
        found += count as u64;
        if batch.vectors.len() != count * dimension || found > rows.into() {
            return Err(changed(found));
        }
        let (read, ()) = rayon::join(
            || source.next_batch(at_once, &mut next),
            || exact.add(&batch.vectors),
        );
        reporter.done(found)?;
        count = read?;
        std::mem::swap(&mut batch, &mut next);
    }
    if found != u64::from(rows) {
        return Err(changed(found));
    }
    Ok(exact.finish())
}
