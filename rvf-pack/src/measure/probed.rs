//! The table of efforts of a file with several lists.
//!
//! An effort has two sides: how many lists are visited, and how wide the bounds are (the slack). In which lists the true
//! neighbours are is known without a search (see [`Coverage`]). What the bounds lose is found by a search with many
//! probes for each of a few slacks. From both it follows which pair reaches a recall at the least cost; a search with
//! all queries then tells what it does reach.

use rvf_types::Effort;

use super::coverage::Coverage;
use super::efforts::{Test, rising};
use super::search::{Run, Setting};
use crate::cost;
use crate::error::PackError;
use crate::progress::Reporter;

/// The recalls that the table has an entry for, as far as they are reached.
const STEPS: [f64; 8] = [0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999];

/// The slacks that are tried.
const SLACKS: [f32; 5] = [1.0, 1.5, 2.0, 2.5, 3.0];

/// The most slack, with which next to nothing is lost.
const MOST_SLACK: f32 = 4.0;

/// Shares of the true neighbours in the lists that are visited to see what the bounds lose: with the slacks above, and
/// with the most slack.
const SEEN: f64 = 0.99;
const MOST_SEEN: f64 = 0.9995;

/// Queries that are asked to see what the bounds lose.
const QUERIES: usize = 150;

/// Searches to reach one recall.
const TRIES: usize = 4;

/// What a slack does, with many probes.
struct Seen {
    slack: f32,
    probes: usize,
    /// The true neighbours that were found, as a share of all, whose first list is among the first: of none, of one, …
    found: Vec<f64>,
    /// Mean second looks and ranked rows.
    second_looks: f64,
    ranked: f64,
}

/// The table for `k` hits.
pub(super) fn efforts(
    test: &Test<'_>,
    coverage: &Coverage,
    k: u32,
    reporter: &mut Reporter<'_, '_>,
) -> Result<Vec<Effort>, PackError> {
    let queries = test.queries(k);
    let few = queries.min(QUERIES);
    let probes = coverage.probes(SEEN, k as usize);
    let extra = test.choose_extra(few, k, probes as u32, reporter)?;
    let mut setting = Setting {
        k,
        probes: probes as u32,
        slack: 0.0,
        extra,
    };
    let mut seen = Vec::with_capacity(SLACKS.len());
    for slack in SLACKS {
        setting.slack = slack;
        let run = test.run(few, setting, reporter)?;
        seen.push(Seen::new(&run, test, coverage));
    }
    let most = Setting {
        probes: coverage.probes(MOST_SEEN, k as usize) as u32,
        slack: MOST_SLACK,
        ..setting
    };
    let most = test.run(queries, most, reporter)?.effort(test.answers);
    let mut table = Vec::new();
    for step in STEPS {
        if step > most.recall() {
            break;
        }
        table.extend(reach(
            test, coverage, &seen, setting, step, queries, reporter,
        )?);
    }
    table.push(most);
    Ok(rising(table))
}

/// The cheapest effort that is found to reach a recall.
fn reach(
    test: &Test<'_>,
    coverage: &Coverage,
    seen: &[Seen],
    mut setting: Setting,
    recall: f64,
    queries: usize,
    reporter: &mut Reporter<'_, '_>,
) -> Result<Option<Effort>, PackError> {
    let shares = coverage.shares(setting.k as usize);
    let mut wanted = recall;
    for _ in 0..TRIES {
        let choices = seen.iter().filter_map(|seen| {
            let probes = seen.probes_for(wanted, &shares)?;
            Some((seen.cost(probes, coverage), probes, seen.slack))
        });
        let Some((_, probes, slack)) = choices.min_by(|a, b| a.0.total_cmp(&b.0)) else {
            return Ok(None);
        };
        (setting.probes, setting.slack) = (probes as u32, slack);
        let run = test.run(queries, setting, reporter)?;
        let (reached, error) = run.recall(test.answers);
        let least = recall + margin(recall, error);
        if reached >= least {
            return Ok(Some(run.effort(test.answers)));
        }
        // A little more than what is missing: each step visits a list more at least.
        wanted += (least - reached).max(0.05 * (1.0 - recall));
    }
    Ok(None)
}

/// How much more than the recall must be measured, so that another sample of queries falls short of it by more than is
/// promised (0.01, or what lies above the recall) but once in forty.
fn margin(recall: f64, error: f64) -> f64 {
    let promised = (1.0 - recall).min(0.01);
    (2.0 * error - promised).clamp(0.0, (1.0 - recall) / 2.0)
}

impl Seen {
    fn new(run: &Run, test: &Test<'_>, coverage: &Coverage) -> Self {
        let k = run.setting.k as usize;
        let mut found = vec![0.0; run.setting.probes as usize + 1];
        for (query, hits) in run.hits.iter().enumerate() {
            for (neighbour, row) in test.answers[query].nearest(k).enumerate() {
                let rank = coverage
                    .rank(query, neighbour)
                    .map_or(usize::MAX, usize::from);
                if hits.iter().any(|hit| hit.row == row)
                    && let Some(found) = found.get_mut(rank.saturating_add(1))
                {
                    *found += 1.0;
                }
            }
        }
        let mut sum = 0.0;
        for found in &mut found {
            sum += *found / f64::from(run.total());
            *found = sum;
        }
        let queries = run.hits.len() as f64;
        Self {
            slack: run.setting.slack,
            probes: run.setting.probes as usize,
            found,
            second_looks: run.second_looks as f64 / queries,
            ranked: run.ranked as f64 / queries,
        }
    }

    /// The least number of probes that should reach a recall with this slack, if all lists do.
    fn probes_for(&self, recall: f64, shares: &[f64]) -> Option<usize> {
        let within = self.found.partition_point(|found| *found < recall);
        if within < self.found.len() {
            return Some(within.max(1));
        }
        // Of what further lists hold, as large a share is lost as of these.
        let (found, held) = (*self.found.last()?, *shares.get(self.probes)?);
        let wanted = held + (recall - found) * held / found;
        let probes = shares.partition_point(|held| *held < wanted);
        (probes < shares.len()).then_some(probes)
    }

    fn cost(&self, probes: usize, coverage: &Coverage) -> f64 {
        cost::of_lists(coverage.lists(), probes, coverage.entries(probes))
            + cost::of_looks(self.probes, self.second_looks, self.ranked)
    }
}
