//! Measures what recall a search of the file reaches at which effort (R-MAN-8).
//!
//! Rows are held out as queries and searched for at rising effort, with the kernel that hosts run natively. Then the
//! input is read once more and searched exactly, which tells which of the hits found were true ones.

mod efforts;
mod exact;
mod sample;
mod search;

use rvf_types::{Effort, SegmentEntry};

use self::efforts::{most_queries, runs, table, wanted_rows};
use self::exact::{Answer, Exact};
use self::search::Searched;
use crate::error::PackError;
use crate::progress::{Phase, Reporter};
use crate::records::Records;
use crate::source::{Batch, Source};
use crate::store::batch_rows;
use crate::writer::Storage;

pub(crate) use sample::{Sample, Sampler};

/// The numbers of hits that efforts are measured for, as far as there are more rows than that.
const HITS: [u32; 3] = [1, 10, 100];

/// What is searched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) records: Records,
    pub(crate) rows: u32,
    pub(crate) index: SegmentEntry,
    pub(crate) quant: SegmentEntry,
    pub(crate) vectors: SegmentEntry,
    pub(crate) floats: Option<SegmentEntry>,
}

/// The table of efforts of the file whose parts stand in `storage`, packed from `source`.
pub(crate) fn measure(
    mut sample: Sample,
    parts: &Parts,
    source: &mut dyn Source,
    storage: &mut dyn Storage,
    reporter: &mut Reporter<'_, '_>,
) -> Result<Vec<Effort>, PackError> {
    reporter.start(Phase::Search, None)?;
    sample.truncate(most_queries(parts.rows));
    let mut all = Vec::new();
    let hits = HITS.into_iter().filter(|k| *k < parts.rows);
    let Some(most) = hits.clone().next_back() else {
        // A single row: there is nothing to find but itself.
        return Ok(Vec::new());
    };
    {
        let last = parts.floats.unwrap_or(parts.vectors);
        let view = storage
            .view(last.end().unwrap_or(u64::MAX))
            .map_err(PackError::output("read the file back"))?;
        let searched = Searched::new(parts, &view)?;
        for k in hits {
            all.extend(runs(&searched, &sample, k, reporter)?);
        }
    }
    reporter.start(Phase::Exact, Some(parts.rows.into()))?;
    let exact = Exact::new(
        parts.records.metric,
        &sample,
        most as usize,
        wanted_rows(&sample, &all),
    );
    let answers = search_exactly(exact, parts, source, reporter)?;
    Ok(table(&all, &answers))
}

fn search_exactly(
    mut exact: Exact<'_>,
    parts: &Parts,
    source: &mut dyn Source,
    reporter: &mut Reporter<'_, '_>,
) -> Result<Vec<Answer>, PackError> {
    source.rewind()?;
    let at_once = batch_rows(parts.records.dimension);
    let (mut batch, mut next) = (Batch::default(), Batch::default());
    let mut found = 0_u64;
    let mut count = source.next_batch(at_once, &mut batch)?;
    while count > 0 {
        found += count as u64;
        let changed = batch.vectors.len() != count * parts.records.dimension;
        if changed || found > parts.rows.into() {
            return Err(PackError::RowsChanged {
                expected: parts.rows.into(),
                found,
            });
        }
        let (read, ()) = rayon::join(
            || source.next_batch(at_once, &mut next),
            || exact.add(&batch.vectors),
        );
        reporter.done(found)?;
        count = read?;
        std::mem::swap(&mut batch, &mut next);
    }
    if found != u64::from(parts.rows) {
        return Err(PackError::RowsChanged {
            expected: parts.rows.into(),
            found,
        });
    }
    Ok(exact.finish())
}
