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
const SLACKS: [f32; 8] = [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5];

/// The most slack, with which next to nothing is lost where vectors are as far from their centroids as each other.
const MOST_SLACK: f32 = 6.0;

/// Shares of the true neighbours in the lists that are visited to see what the bounds lose: with the slacks above, and
/// with the most slack.
const SEEN: f64 = 0.99;
const MOST_SEEN: f64 = 0.9995;

/// Hits that are asked for to see what the bounds lose, all queries together; and the least and most queries.
const HITS_SEEN: usize = 1_000;
const LEAST_QUERIES_SEEN: usize = 40;
const MOST_QUERIES_SEEN: usize = 150;

/// Searches to reach one recall.
const TRIES: u32 = 5;

/// Where more than this share of what lies above a recall is reached, more searches try to reach less.
const TOO_MUCH: f64 = 0.2;

/// What a slack does, with many probes.
struct Seen {
    slack: f32,
    probes: usize,
    /// The share of the true neighbours that should be found in the first lists: in none, in one, …
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
    let few = (HITS_SEEN / k as usize).clamp(LEAST_QUERIES_SEEN, MOST_QUERIES_SEEN);
    let few = few.min(queries);
    let probes = coverage.probes(SEEN, k as usize) as u32;
    let mut setting = Setting {
        k,
        probes,
        slack: 0.0,
        extra: test.choose_extra(few, k, probes, reporter)?,
    };
    let shares = coverage.shares(k as usize);
    let mut seen = Vec::with_capacity(SLACKS.len());
    for slack in SLACKS {
        setting.slack = slack;
        let run = test.run(few, setting, reporter)?;
        seen.push(Seen::new(&run, test, coverage, &shares));
    }
    let most = Setting {
        probes: coverage.probes(MOST_SEEN, k as usize) as u32,
        slack: MOST_SLACK,
        ..setting
    };
    let most = test.run(few, most, reporter)?.effort(test.answers);
    let mut search = Search {
        test,
        coverage,
        shares,
        seen,
        setting,
        queries,
        tried: Vec::new(),
    };
    let mut steps: Vec<f64> = STEPS.into_iter().chain(test.recall).collect();
    steps.sort_by(f64::total_cmp);
    let mut table = Vec::new();
    for step in steps.into_iter().filter(|step| *step <= most.recall()) {
        if let Some(effort) = search.reach(step, reporter)? {
            // What reaches the step by chance, with too little more, must not be taken for it.
            table.retain(|before: &Effort| before.recall() < step);
            table.push(effort);
        }
    }
    table.push(most);
    Ok(rising(table))
}

/// The search for the cheapest effort that reaches a recall.
struct Search<'a> {
    test: &'a Test<'a>,
    coverage: &'a Coverage,
    /// What the lists hold (see [`Coverage::shares`]).
    shares: Vec<f64>,
    seen: Vec<Seen>,
    /// Hits, and pool.
    setting: Setting,
    queries: usize,
    tried: Vec<Tried>,
}

/// What was measured with all queries.
#[derive(Debug, Clone, Copy)]
struct Tried {
    effort: Effort,
    cost: f64,
    recall: f64,
    /// The standard error of the recall.
    error: f64,
}

impl Search<'_> {
    /// The cheapest effort that is measured to reach a recall, and some more (see [`margin`]). What reaches it, but with
    /// too little more, is taken where nothing else is found.
    fn reach(
        &mut self,
        recall: f64,
        reporter: &mut Reporter<'_, '_>,
    ) -> Result<Option<Effort>, PackError> {
        let error = self.tried.last().map_or(0.0, |tried| tried.error);
        let mut wanted = recall + margin(recall, error);
        let (mut nearly, mut found): (Option<Tried>, Option<Tried>) = (None, None);
        for attempt in 1..=TRIES {
            let Some((probes, slack)) = self.predict(wanted) else {
                break;
            };
            let tried = self.measure(probes as u32, slack, reporter)?;
            let missing = recall + margin(recall, tried.error) - tried.recall;
            if missing <= 0.0 {
                let known = found.is_some_and(|found| found.cost <= tried.cost);
                if !known {
                    found = Some(tried);
                }
                // What was predicted is corrected by what was measured: so another pair may be cheaper.
                if known || -missing <= TOO_MUCH * (1.0 - recall) {
                    break;
                }
            } else {
                if tried.recall >= nearly.map_or(recall, |nearly| nearly.recall) {
                    nearly = Some(tried);
                }
                if found.is_some() {
                    break;
                }
                // Each time more: some lists, or a wider bound.
                wanted += 0.05 * (1.0 - recall) * f64::from(attempt);
            }
        }
        Ok(found.or(nearly).map(|tried| tried.effort))
    }

    /// The cheapest pair of probes and slack that should reach a recall.
    fn predict(&self, recall: f64) -> Option<(usize, f32)> {
        let choices = self.seen.iter().filter_map(|seen| {
            let probes = seen.probes_for(recall, &self.shares)?;
            Some((seen.cost(probes, self.coverage), probes, seen.slack))
        });
        let (_, probes, slack) = choices.min_by(|a, b| a.0.total_cmp(&b.0))?;
        Some((probes, slack))
    }

    fn measure(
        &mut self,
        probes: u32,
        slack: f32,
        reporter: &mut Reporter<'_, '_>,
    ) -> Result<Tried, PackError> {
        let same = |tried: &&Tried| (tried.effort.probes, tried.effort.slack) == (probes, slack);
        if let Some(found) = self.tried.iter().find(same) {
            return Ok(*found);
        }
        let setting = Setting {
            probes,
            slack,
            ..self.setting
        };
        let run = self.test.run(self.queries, setting, reporter)?;
        let (recall, error) = run.recall(self.test.answers);
        for seen in self.seen.iter_mut().filter(|seen| seen.slack == slack) {
            seen.correct(probes as usize, recall, &self.shares);
        }
        let tried = Tried {
            effort: run.effort(self.test.answers),
            cost: run.cost() + cost::of_lists(0, probes as usize, 0.0),
            recall,
            error,
        };
        self.tried.push(tried);
        Ok(tried)
    }
}

/// How much more than the recall must be measured.
///
/// Another sample of queries may fall short of the recall by 0.01, or by what lies above it where that is less: so much is
/// promised. By the error of the measurement alone it does so by more once in fifteen times. And queries are seldom drawn
/// as rows are: they lie a little farther from the rows than those from each other (on real text embeddings a tenth or
/// two of what is missed is missed for that).
fn margin(recall: f64, error: f64) -> f64 {
    let promised = (1.0 - recall).min(0.01);
    let chance = (1.5 * error - promised).max(0.25 * error);
    (chance + 0.15 * (1.0 - recall)).min((1.0 - recall) / 2.0)
}

impl Seen {
    /// `shares` is what the lists hold of the neighbours of all queries (see [`Coverage::shares`]).
    fn new(run: &Run, test: &Test<'_>, coverage: &Coverage, shares: &[f64]) -> Self {
        let k = run.setting.k as usize;
        // By the first list that holds them: the neighbours of the queries of this run, and those that were found.
        let mut counts = vec![(0.0, 0.0); run.setting.probes as usize + 1];
        for (query, hits) in run.hits.iter().enumerate() {
            for (neighbour, row) in test.answers[query].nearest(k).enumerate() {
                let rank = coverage
                    .rank(query, neighbour)
                    .map_or(usize::MAX, usize::from);
                if let Some((held, found)) = counts.get_mut(rank.saturating_add(1)) {
                    *held += 1.0;
                    *found += f64::from(u8::from(hits.iter().any(|hit| hit.row == row)));
                }
            }
        }
        let (mut held, mut found, mut most) = (0.0, 0.0, 0.0);
        let expected = counts.iter().zip(shares).map(|(here, share)| {
            (held, found) = (held + here.0, found + here.1);
            // The bounds lose as large a share of all queries' neighbours as of these.
            most = f64::max(most, share * found / f64::max(held, 1.0));
            most
        });
        let found = expected.collect();
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

    /// Takes account of what all queries were measured to find with so many probes.
    fn correct(&mut self, probes: usize, recall: f64, shares: &[f64]) {
        let within = self.found.get(probes).copied();
        let expected = within.or_else(|| {
            let (found, held) = (*self.found.last()?, *shares.get(self.probes)?);
            Some(found * shares.get(probes)? / held)
        });
        if let Some(expected) = expected.filter(|expected| *expected > 0.0) {
            let factor = recall / expected;
            self.found.iter_mut().for_each(|found| *found *= factor);
        }
    }

    fn cost(&self, probes: usize, coverage: &Coverage) -> f64 {
        cost::of_lists(coverage.lists(), probes, coverage.entries(probes))
            + cost::of_looks(self.probes, self.second_looks, self.ranked)
    }
}
