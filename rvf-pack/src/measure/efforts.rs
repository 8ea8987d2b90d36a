//! Which efforts are tried, and the table of what they reached.

use rvf_types::Effort;

use super::exact::Answer;
use super::sample::Sample;
use super::search::{Run, Searched, Setting};
use crate::error::PackError;
use crate::progress::Reporter;

/// The least slack that is tried. Below it a search, which scans every row in any case, saves next to nothing, and finds
/// some two thirds of the neighbours or fewer.
const FIRST_SLACK: f32 = 1.5;

/// Up to this slack the steps are wide.
const WIDE_UNTIL: f32 = 2.5;
const WIDE_STEP: f32 = 0.5;
const STEP: f32 = 0.25;

/// The most slack that is tried.
const MOST_SLACK: f32 = 6.0;

/// More slack is of no more use where twice this many steps together, or a pool twice as large, bring fewer hits than
/// this share of all.
const NEGLIGIBLE: f64 = 0.0005;

/// The slack at which pools are compared: nearly all candidates that count get into the pool if there is room.
const POOL_SLACK: f32 = 4.0;

/// The largest number of candidates beyond k that is tried.
const MOST_EXTRA: u32 = 4096;

/// Hits that are asked for in a run, all queries together: a hundred for each of a hundred queries tell as much as need
/// be.
const TOTAL: usize = 10_000;

/// Rows that are scanned in the runs of one step of effort, all queries together: a few seconds of work for all steps.
/// So measuring does not outgrow the rest of the packing.
const SCANS: u64 = 60_000_000;

/// The least number of queries, however long each takes.
const LEAST_QUERIES: usize = 50;

/// How many queries are asked of a file with so many rows.
pub(super) fn most_queries(rows: u32) -> usize {
    let queries = SCANS / u64::from(rows).max(1);
    usize::try_from(queries)
        .unwrap_or(usize::MAX)
        .max(LEAST_QUERIES)
}

/// Searches at rising effort until more is of no use.
pub(super) fn runs(
    searched: &Searched<'_>,
    sample: &Sample,
    k: u32,
    reporter: &mut Reporter<'_, '_>,
) -> Result<Vec<Run>, PackError> {
    let queries = sample.len().min(TOTAL / k as usize);
    let extra = if searched.rescores {
        choose_extra(searched, sample, queries, k, reporter)?
    } else {
        0
    };
    let mut runs: Vec<Run> = Vec::new();
    let mut slack = FIRST_SLACK;
    loop {
        let run = searched.run(sample, queries, Setting { k, slack, extra }, reporter)?;
        let before = runs
            .iter()
            .rev()
            .find(|before| slack - before.setting.slack >= 2.0 * STEP);
        let settled = before.is_some_and(|before| is_negligible(before.misses(&run), run.total()));
        runs.push(run);
        if settled || slack >= MOST_SLACK {
            return Ok(runs);
        }
        slack += if slack < WIDE_UNTIL { WIDE_STEP } else { STEP };
    }
}

/// How many candidates beyond k are worth a float distance: k / 2 or sixteen, doubled until more bring nothing.
fn choose_extra(
    searched: &Searched<'_>,
    sample: &Sample,
    queries: usize,
    k: u32,
    reporter: &mut Reporter<'_, '_>,
) -> Result<u32, PackError> {
    let mut setting = Setting {
        k,
        slack: POOL_SLACK,
        extra: (k / 2).max(16),
    };
    let mut run = searched.run(sample, queries, setting, reporter)?;
    while setting.extra < MOST_EXTRA {
        let larger = Setting {
            extra: (setting.extra * 2).min(MOST_EXTRA),
            ..setting
        };
        let more = searched.run(sample, queries, larger, reporter)?;
        if is_negligible(run.misses(&more), run.total()) {
            break;
        }
        (setting, run) = (larger, more);
    }
    Ok(setting.extra)
}

fn is_negligible(misses: usize, total: usize) -> bool {
    misses as f64 <= NEGLIGIBLE * total as f64
}

/// For each query of the sample the rows that any run found, in ascending order.
pub(super) fn wanted_rows(sample: &Sample, runs: &[Run]) -> Vec<Vec<u32>> {
    let mut wanted = vec![Vec::new(); sample.len()];
    for run in runs {
        for (wanted, hits) in wanted.iter_mut().zip(&run.hits) {
            wanted.extend(hits.iter().map(|hit| hit.row));
        }
    }
    for rows in &mut wanted {
        rows.sort_unstable();
        rows.dedup();
    }
    wanted
}

/// The table: of the runs for each k, in their order, those that found more than all before.
pub(super) fn table(runs: &[Run], answers: &[Answer]) -> Vec<Effort> {
    let mut table: Vec<Effort> = Vec::new();
    for run in runs {
        let effort = effort(run, answers);
        let best = table.last().filter(|before| before.k == effort.k);
        if best.is_none_or(|best| best.hits < effort.hits) {
            table.push(effort);
        }
    }
    table
}

fn effort(run: &Run, answers: &[Answer]) -> Effort {
    let Setting { k, slack, extra } = run.setting;
    let hits: usize = run
        .hits
        .iter()
        .zip(answers)
        .map(|(hits, answer)| count(hits.iter(), answer, k))
        .sum();
    let queries = (run.hits.len() as u64).max(1);
    let mean = |sum: u64| u32::try_from((sum + queries / 2) / queries).unwrap_or(u32::MAX);
    Effort {
        k,
        probes: 0,
        slack,
        pool: k + extra,
        // At most 10,000.
        hits: hits as u32,
        total: run.total() as u32,
        scanned: mean(run.scanned),
        ranked: mean(run.ranked),
    }
}

fn count<'a>(
    hits: impl Iterator<Item = &'a rvf_microkernel::Hit>,
    answer: &Answer,
    k: u32,
) -> usize {
    hits.filter(|hit| answer.is_hit(hit.row, k as usize))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_searches_are_asked_for_less_often() {
        assert!(most_queries(1) >= 200);
        assert!(most_queries(300_000) >= 200);
        assert_eq!(most_queries(1_000_000), 60);
        assert_eq!(most_queries(u32::MAX), 50);
    }
}
