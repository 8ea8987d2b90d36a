//! What a slack finds and costs, with each number of probes.

use rvf_types::Effort;

use super::coverage::Coverage;
use super::efforts::Test;
use super::search::{Run, Setting};
use super::table::Measured;
use crate::cost;

/// What a slack does with each number of probes.
#[derive(Debug)]
pub(super) struct Curve {
    pub(super) setting: Setting,
    /// The share of the true neighbours that is found in the first lists: in none, in one, …
    pub(super) found: Vec<f64>,
    /// Hits that were asked for.
    pub(super) total: u32,
    /// The standard error of the last of these.
    error: f64,
    /// Mean rows that are scanned with all probes.
    scanned: f64,
    /// With few probes, and with all.
    looks: [Looks; 2],
}

/// What passes the first look, and what is ranked of it, in the mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looks {
    probes: u32,
    second: f64,
    /// Centroids too.
    ranked: f64,
}

/// A number of probes on a curve.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point<'a> {
    pub(super) curve: &'a Curve,
    pub(super) probes: usize,
    pub(super) cost: f64,
    pub(super) recall: f64,
}

/// The share of the true neighbours that the first queries of a run found, by the first list that holds them: in none, in
/// one, …
fn found_by_list(run: &Run, queries: usize, test: &Test<'_>, coverage: &Coverage) -> Vec<f64> {
    let k = run.setting.k as usize;
    let mut found = vec![0.0; run.setting.probes as usize + 1];
    let mut all = 0;
    let of_queries = run.hits.iter().zip(test.answers).enumerate();
    for (query, (hits, answer)) in of_queries.take(queries) {
        all += hits.iter().filter(|hit| answer.is_hit(hit.row, k)).count();
        for (neighbour, row) in answer.nearest(k).enumerate() {
            let rank = coverage.rank(query, neighbour).map(usize::from);
            let place = rank.and_then(|rank| found.get_mut(rank + 1));
            if let Some(count) = place
                && hits.iter().any(|hit| hit.row == row)
            {
                *count += 1.0;
            }
        }
    }
    let mut sum = 0.0;
    for found in &mut found {
        sum += *found;
        *found = sum;
    }
    // Where many are as far as the last neighbour, others of these are found than those that are counted here.
    let recall = all as f64 / (queries * k).max(1) as f64;
    let factor = if sum > 0.0 { recall / sum } else { 0.0 };
    found.iter_mut().for_each(|found| *found *= factor);
    found
}

impl Curve {
    /// `fewer` are runs with fewer probes in ascending order, which may have asked fewer queries.
    pub(super) fn new(run: &Run, fewer: &[Run], test: &Test<'_>, coverage: &Coverage) -> Self {
        let mut found = found_by_list(run, run.hits.len(), test, coverage);
        // With few probes less is found than by many in the same lists: where the bounds are narrow, lists that are near are
        // passed over for others, and a row that is passed over in one list has a second entry in another. How much less is
        // known where it was measured; between it falls as more is found.
        let mut less = Vec::with_capacity(fewer.len() + 1);
        for run_of_fewer in fewer {
            let probes = run_of_fewer.setting.probes as usize;
            let seeming = found_by_list(run, run_of_fewer.hits.len(), test, coverage);
            let seeming = seeming.get(probes).copied().unwrap_or_default();
            let too_much = (seeming - run_of_fewer.recall(test.answers).0).max(0.0);
            less.push((found.get(probes).copied().unwrap_or_default(), too_much));
        }
        less.push((found.last().copied().unwrap_or_default(), 0.0));
        let mut most = 0.0;
        for found in &mut found {
            most = f64::max(most, *found - between(&less, *found));
            *found = most;
        }
        Self {
            setting: run.setting,
            found,
            total: run.total(),
            error: run.recall(test.answers).1,
            scanned: run.scanned as f64 / (run.hits.len() as f64).max(1.0),
            looks: [Looks::new(fewer.first().unwrap_or(run)), Looks::new(run)],
        }
    }

    /// The same for any number of probes and all queries, where this was measured with few. `shares` is what the lists hold
    /// of the neighbours of all queries (see [`Coverage::shares`]), `of_few` of those of these. The bounds lose as large a
    /// share of all queries' neighbours as of these, and of what further lists hold as of what the first do.
    pub(super) fn carried_on(mut self, of_few: &[f64], shares: &[f64]) -> Self {
        let mut kept = 0.0;
        let mut most = 0.0;
        let mut found = self.found.iter();
        let carried = of_few.iter().zip(shares).map(|(held, share)| {
            if let Some(found) = found.next().filter(|_| *held > 0.0) {
                kept = (found / held).min(1.0);
            }
            most = f64::max(most, kept * share);
            most
        });
        self.found = carried.collect();
        self
    }

    /// What a slack between two does, of which `self` is the less.
    pub(super) fn between(&self, more: &Self, shares: &[f64]) -> Self {
        // What is lost falls by about the same factor with each step.
        let found = shares.iter().zip(self.found.iter().zip(&more.found));
        let found = found.map(|(share, (a, b))| {
            let (a, b) = ((share - a).max(0.0), (share - b).max(0.0));
            share - (a * b).sqrt().max(0.1 * a)
        });
        let [least, most] = [0, 1].map(|end| self.looks[end].between(more.looks[end]));
        Self {
            setting: Setting {
                slack: f32::midpoint(self.setting.slack, more.setting.slack),
                ..self.setting
            },
            found: found.collect(),
            looks: [least, most],
            ..*more
        }
    }

    pub(super) fn point(&self, probes: usize, coverage: &Coverage) -> Point<'_> {
        Point {
            curve: self,
            probes,
            cost: self.cost(probes, coverage),
            recall: self.found.get(probes).copied().unwrap_or_default(),
        }
    }

    /// The most probes at such a cost.
    pub(super) fn within(&self, cost: f64, coverage: &Coverage) -> Option<Point<'_>> {
        let (mut probes, mut dearer) = (0, self.found.len());
        while dearer - probes > 1 {
            let middle = usize::midpoint(probes, dearer);
            if self.cost(middle, coverage) <= cost {
                probes = middle;
            } else {
                dearer = middle;
            }
        }
        let least = self.looks[0].probes as usize;
        (probes >= least).then(|| self.point(probes, coverage))
    }

    pub(super) fn cost(&self, probes: usize, coverage: &Coverage) -> f64 {
        let looks = self.looks(probes);
        let lists = coverage.lists();
        cost::of_lists(lists, probes, coverage.entries(probes))
            + cost::of_looks(lists, probes, looks.second, looks.ranked)
    }

    /// Looks grow about as the square root of the probes: the first lists have most of what passes the bounds.
    fn looks(&self, probes: usize) -> Looks {
        let [least, most] = self.looks;
        let root = |probes: u32| f64::from(probes).sqrt();
        let probes = probes as u32;
        let part = (root(probes) - root(least.probes)) / (root(most.probes) - root(least.probes));
        let at = |least: f64, most: f64| (least + part * (most - least)).max(0.0);
        if least.probes == most.probes {
            return most;
        }
        Looks {
            probes,
            second: at(least.second, most.second),
            ranked: at(least.ranked, most.ranked),
        }
    }
}

/// The second number at a place among points in ascending order of the first.
fn between(points: &[(f64, f64)], place: f64) -> f64 {
    let after = points.partition_point(|point| point.0 < place);
    let before = after.checked_sub(1).and_then(|before| points.get(before));
    match (before, points.get(after)) {
        (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (place - a.0) / (b.0 - a.0),
        (None, Some(only)) | (Some(only), None) => only.1,
        (None, None) => 0.0,
    }
}

impl Looks {
    fn new(run: &Run) -> Self {
        let mean = |sum: u64| sum as f64 / (run.hits.len() as f64).max(1.0);
        Self {
            probes: run.setting.probes,
            second: mean(run.second_looks),
            ranked: mean(run.ranked),
        }
    }

    fn between(self, more: Self) -> Self {
        Self {
            probes: more.probes,
            second: (self.second * more.second).sqrt(),
            ranked: (self.ranked * more.ranked).sqrt(),
        }
    }
}

impl Point<'_> {
    pub(super) fn measured(&self, coverage: &Coverage) -> Measured {
        let Curve {
            setting,
            total,
            error,
            scanned,
            ..
        } = *self.curve;
        let all = setting.probes as usize;
        let left_out = coverage.entries(all) - coverage.entries(self.probes);
        let ranked = self.curve.looks(self.probes).ranked;
        let effort = Effort {
            k: setting.k,
            probes: self.probes as u32,
            slack: setting.slack,
            pool: setting.k + setting.extra,
            hits: ((self.recall * f64::from(total)).round() as u32).min(total),
            total,
            scanned: (scanned - left_out).round() as u32,
            ranked: ranked.round() as u32,
        };
        Measured {
            effort,
            recall: self.recall,
            cost: self.cost,
            error,
        }
    }
}
