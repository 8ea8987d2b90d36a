//! The table of efforts of a file with several lists.
//!
//! An effort has two sides: how many lists are visited, and how wide the bounds are (the slack). In which lists the true
//! neighbours are is known without a search (see [`Coverage`]), and lists are scanned one after the other, the nearest first.
//! So one search with many probes tells what fewer of them find with the same slack: what it found in the first lists.
//!
//! Searches with few queries tell which slacks find most at which costs, and with how many probes. With each of those slacks
//! and its most probes all queries are searched for, or as many as are affordable. So the table has an effort for every step
//! of the cost, and is measured by some ten searches.

use std::ops::RangeInclusive;

use rvf_types::Effort;

use super::coverage::Coverage;
use super::curve::{Curve, Point};
use super::efforts::{Test, affordable};
use super::search::Setting;
use super::table::table;
use crate::cost;
use crate::error::PackError;
use crate::progress::Reporter;

/// The recall from which on efforts are listed: fewer true neighbours are of little use.
const FIRST_RECALL: f64 = 0.6;

/// The cost of an effort beside that of the one before.
const STEP: f64 = 1.04;

/// What an effort finds at least of what the one before misses, and of all: less is not worth an entry.
const GAIN: f64 = 0.01;
const LEAST_GAIN: f64 = 0.0001;

/// The slacks that are tried. What slacks between these do is taken to be between what these do.
const SLACKS: [f32; 5] = [1.0, 2.0, 3.0, 4.0, 5.0];

/// How often the steps between those are halved.
const HALVINGS: usize = 1;

/// The most slack, where more of it still finds more.
const MOST_SLACK: f32 = 6.0;

/// The share of the true neighbours in the lists that are visited to see which slacks are of use.
const SEEN: f64 = 0.99;

/// Where less than this share of the true neighbours is still to be found, it is looked for with the most slack alone.
const LEFT: f64 = 0.001;

/// Hits that are asked for to see which slacks are of use, all queries together; and the least and most queries. Of a single hit
/// all that are held out of most files are asked: among 150 as many miss theirs with one slack as with the next.
const HITS_SEEN: usize = 1_000;
const LEAST_QUERIES_SEEN: usize = 40;
const MOST_QUERIES_SEEN: usize = 400;

/// The table for `k` hits.
pub(super) fn efforts(
    test: &Test<'_>,
    coverage: &Coverage,
    k: u32,
    reporter: &mut Reporter<'_, '_>,
) -> Result<Vec<Effort>, PackError> {
    let few = (HITS_SEEN / k as usize).clamp(LEAST_QUERIES_SEEN, MOST_QUERIES_SEEN);
    let few = few.min(test.queries(k));
    let probes = coverage.probes(SEEN, k as usize) as u32;
    let mut setting = Setting {
        k,
        probes,
        slack: 0.0,
        extra: 0,
    };
    setting.extra = test.choose_extra(few, k, probes, reporter)?;
    // The nearest row of a row is often next to a copy, and easier to find than that of a query; and there are few of them. So
    // a single hit is taken to be in the lists in which any of ten neighbours are.
    let shares = coverage.shares(k.max(10) as usize);
    let of_few = coverage.shares_of(few, k as usize);
    let mut seen = Vec::with_capacity(SLACKS.len());
    for slack in SLACKS {
        setting.slack = slack;
        let run = test.run(few, setting, reporter)?;
        let least = Setting {
            probes: (probes / 16).clamp(1, 4),
            ..setting
        };
        let least = test.run(few, least, reporter)?;
        seen.push(Curve::new(&run, &[least], test, coverage).carried_on(&of_few, &shares));
    }
    let top = top(&seen);
    for _ in 0..HALVINGS {
        seen = halved(seen, &shares);
    }
    let trial = Trial {
        test,
        coverage,
        most: test.queries(k),
        shares: &shares,
    };
    // No other lists have a neighbour of any query. (Where one neighbour of each is sought, those are too few to tell: so the
    // lists of ten of them are.)
    let probes = coverage.probes(1.0, k.max(10) as usize);
    let mut curves = Vec::new();
    for (slack, range, cost) in useful(&seen, coverage, probes) {
        // The top finds what it does, too.
        if slack >= top {
            break;
        }
        (setting.slack, setting.probes) = (slack, *range.end());
        curves.push(trial.curve(setting, *range.start(), cost, reporter)?);
    }
    // The most that lists and bounds can do.
    (setting.slack, setting.probes) = (top, probes as u32);
    let cost = seen.last().map_or(0.0, |seen| seen.cost(probes, coverage));
    curves.push(trial.curve(setting, setting.probes / 8, cost, reporter)?);
    let found = climb(&curves, coverage);
    Ok(table(
        found.iter().map(|point| point.measured(coverage)).collect(),
    ))
}

/// The slack with which next to nothing is lost: the last that is tried, or more where that finds more than the one before.
fn top(seen: &[Curve]) -> f32 {
    let found = |curve: &Curve| curve.found.last().copied().unwrap_or_default();
    match seen {
        [.., before, last] if found(last) <= found(before) + 2.0 * LEFT => last.setting.slack,
        _ => MOST_SLACK,
    }
}

/// The points that find most at each step of the cost, as far as they find more than those before.
fn climb<'a>(curves: &'a [Curve], coverage: &Coverage) -> Vec<Point<'a>> {
    let point = |curve: &'a Curve| curve.point(curve.found.len() - 1, coverage);
    let better = |a: &Point<'_>, b: &Point<'_>| {
        a.recall
            .total_cmp(&b.recall)
            .then(b.cost.total_cmp(&a.cost))
    };
    // Of a single hit too few are asked for to tell what misses none: so the dearest of those that missed none is the last.
    let surer = |a: &Point<'_>, b: &Point<'_>| match a.curve.setting.k {
        1 => a
            .recall
            .total_cmp(&b.recall)
            .then(a.cost.total_cmp(&b.cost)),
        _ => better(a, b),
    };
    let Some(last) = curves.iter().map(point).max_by(surer) else {
        return Vec::new();
    };
    let mut points: Vec<Point<'a>> = Vec::new();
    let mut cost = cost::of_lists(coverage.lists(), 1, coverage.entries(1));
    while cost < last.cost {
        let within = curves
            .iter()
            .filter_map(|curve| curve.within(cost, coverage));
        if let Some(best) = within.max_by(better) {
            let least = points.last().map_or(FIRST_RECALL, |before| {
                before.recall + (GAIN * (1.0 - before.recall)).max(LEAST_GAIN)
            });
            if best.recall >= least.min(last.recall) {
                points.push(best);
            }
        }
        cost *= STEP;
    }
    points.push(last);
    points
}

/// The slacks that find most at some cost, each with the least and the most probes with which it does so, and some more;
/// and what the most cost.
fn useful(
    seen: &[Curve],
    coverage: &Coverage,
    most: usize,
) -> Vec<(f32, RangeInclusive<u32>, f64)> {
    let mut points = climb(seen, coverage);
    // What little is still to be found is left to the most slack.
    let enough = points.last().map_or(0.0, |last| last.recall - LEFT);
    points.retain(|point| point.recall < enough);
    let range = |curve: &Curve| {
        let of_curve = points
            .iter()
            .filter(|point| point.curve.setting.slack == curve.setting.slack)
            .map(|point| point.probes);
        let (first, last) = (of_curve.clone().min()?, of_curve.max()?);
        // Of a single hit little is known from few queries: so it is tried with fewer, too.
        let part = if curve.setting.k == 1 { 2 } else { 4 };
        let least = (first - first / part).clamp(1, most);
        let most = (last + last / 4 + 1).min(most);
        let cost = curve.cost(most, coverage);
        Some((curve.setting.slack, least as u32..=most as u32, cost))
    };
    seen.iter().filter_map(range).collect()
}

/// Searches with as many queries as are affordable.
struct Trial<'a> {
    test: &'a Test<'a>,
    coverage: &'a Coverage,
    /// The most queries.
    most: usize,
    /// What the lists hold of the neighbours of all queries.
    shares: &'a [f64],
}

impl Trial<'_> {
    /// What `setting` does with the `least` to all of its probes, of which all cost about `cost`.
    fn curve(
        &self,
        setting: Setting,
        least: u32,
        cost: f64,
        reporter: &mut Reporter<'_, '_>,
    ) -> Result<Curve, PackError> {
        let queries = affordable(cost, self.most);
        let run = self.test.run(queries, setting, reporter)?;
        let part = if setting.k == 1 { 2 } else { 4 };
        let mut fewer = Vec::new();
        let mut probes = setting.probes;
        while probes > least && probes > 1 {
            // A quarter, or of few half as many.
            probes = (probes / if probes > 8 { 4 } else { 2 }).max(least);
            let setting = Setting { probes, ..setting };
            fewer.push(self.test.run(queries.div_ceil(part), setting, reporter)?);
        }
        fewer.reverse();
        // Where few were asked, that none of their neighbours is missed tells little; in which lists those of all are, much.
        let k = setting.k as usize;
        let of_these = self.coverage.shares_of(queries, k);
        let mut curve =
            Curve::new(&run, &fewer, self.test, self.coverage).carried_on(&of_these, self.shares);
        // Only what was searched counts.
        curve.found.truncate(setting.probes as usize + 1);
        // Hits are counted as if all queries had been asked.
        curve.total = self.most as u32 * setting.k;
        Ok(curve)
    }
}

/// The same, with a curve between each two neighbours.
fn halved(curves: Vec<Curve>, shares: &[f64]) -> Vec<Curve> {
    let mut all: Vec<Curve> = Vec::with_capacity(2 * curves.len());
    for curve in curves {
        let between = all.last().map(|last| last.between(&curve, shares));
        all.extend(between.into_iter().chain([curve]));
    }
    all
}
