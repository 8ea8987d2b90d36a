//! How many lists, and how many second entries: what is best is found by measurement on rows held out as queries.
//!
//! Their true neighbours are known. So it is known without any search how many lists must be visited to find so many of
//! them, and how many codes those have.

use rayon::prelude::*;
use rvf_types::{Metric, limits};

use super::assign::Assignment;
use super::bias::Spread;
use super::centroids::Centroids;
use super::kmeans::merge;
use super::lists::NONE;
use super::nearest::Nearest;
use super::points::Points;
use crate::cost;
use crate::error::PackError;
use crate::measure::{Coverage, HeldOut, Ranks};
use crate::progress::Reporter;

/// With fewer rows a search of all is as fast as choosing lists is: that is not tried.
const LEAST_ROWS: usize = 4096;

/// The most lists, as a multiple of the square root of the rows. Half and a quarter of that are tried too.
///
/// A search of 50,000 real rows took 2 % less with an eighth more; but who reads a file from afar fetches all centroids
/// first, and these are 40 % of what the first answer costs.
const MOST: f64 = 4.0;

/// Shares of the rows that may have a second entry. With more the file would grow by more than a search gains.
const SHARES: [f64; 3] = [0.0, 0.5, 0.75];

/// The share without any measurement.
pub(super) const USUAL_SHARE: f64 = 0.75;

/// The recalls for which costs are compared unless one is asked for, and the number of hits.
const RECALLS: [f64; 2] = [0.95, 0.99];
const HITS: usize = 10;

/// Queries that are looked at to choose the number of lists.
const QUERIES: usize = 400;

/// Of what is missed, the share that is in no list that is visited; the rest is lost by the codes' bounds.
const IN_NO_LIST: f64 = 0.75;

/// Lists are worth their bytes and the time to build them if a search costs no more than this share of a look at all
/// codes.
const WORTH: f64 = 0.8;

/// One more choice must cost no more than this share of the one before to be taken.
const BETTER: f64 = 0.97;

/// The most lists that are tried for so many rows; 1 if no more need be tried.
pub(super) fn most_lists(rows: usize) -> usize {
    if rows < LEAST_ROWS {
        return 1;
    }
    let most = MOST * (rows as f64).sqrt();
    (most as usize).min(limits::MAX_LISTS as usize)
}

/// The number of lists that is best, 1 among them, as far as it can be told from `most` lists: fewer are made by
/// clustering their centroids. `spread` is that of the sample around them.
pub(super) fn lists(
    points: Points<'_>,
    mean: &[f32],
    held_out: &HeldOut,
    most: &Centroids,
    spread: &Spread,
    reporter: &mut Reporter<'_, '_>,
) -> Result<usize, PackError> {
    let owners = owners(points, mean, held_out, most)?;
    let rows = points.rows() as f64;
    let counts = &spread.counts;
    let sampled: f64 = counts.iter().copied().map(f64::from).sum();
    let mut best = (WORTH * rows, 1);
    for part in [1, 2, 4] {
        let count = most.count() / part;
        if count < 2 {
            break;
        }
        let (centroids, parents) = merge(most, counts, count, reporter)?;
        let mut entries = vec![0.0; count];
        for (parent, count) in parents.iter().zip(counts) {
            entries[*parent as usize] += f64::from(*count) * rows / sampled;
        }
        let metric = points.records().metric;
        let biases = match metric {
            Metric::InnerProduct => Vec::new(),
            _ => spread.merged(most, &centroids, &parents).biases(),
        };
        let ranks = ranks(held_out, QUERIES, &centroids, &biases, mean, metric);
        let place = |row| {
            let owner = owners.binary_search_by_key(&row, |(row, _)| *row);
            let list = owner.map_or(0, |place| parents[owners[place].1 as usize]);
            [list; 2]
        };
        let coverage = Coverage::new(&ranks, &held_out.answers, HITS, place, &entries);
        let cost = cost(held_out, &coverage);
        if cost < best.0 * if best.1 == 1 { 1.0 } else { BETTER } {
            best = (cost, count);
        }
    }
    Ok(best.1)
}

/// The share of the rows that is best to have a second entry.
pub(super) fn share(
    held_out: &HeldOut,
    ranks: &Ranks,
    assignment: &Assignment,
    count: usize,
) -> f64 {
    let mut best = (f64::INFINITY, 0.0);
    for share in SHARES {
        let seconds = assignment.seconds(share);
        let coverage = coverage(held_out, ranks, &assignment.own, &seconds, count, HITS);
        let cost = cost(held_out, &coverage);
        if cost < best.0 * BETTER || best.0.is_infinite() {
            best = (cost, share);
        }
    }
    best.1
}

/// What lists cover, for the nearest `k` rows of each query.
pub(super) fn coverage(
    held_out: &HeldOut,
    ranks: &Ranks,
    own: &[u32],
    seconds: &[u32],
    count: usize,
    k: usize,
) -> Coverage {
    let mut entries = vec![0.0; count];
    for list in own.iter().chain(seconds).filter(|list| **list != NONE) {
        entries[*list as usize] += 1.0;
    }
    let places = |row: u32| {
        let (own, second) = (own[row as usize], seconds[row as usize]);
        [own, if second == NONE { own } else { second }]
    };
    Coverage::new(ranks, &held_out.answers, k, places, &entries)
}

/// The order in which queries visit lists. `centroids` are less the mean; `biases` may be none.
pub(super) fn ranks(
    held_out: &HeldOut,
    queries: usize,
    centroids: &Centroids,
    biases: &[f64],
    mean: &[f32],
    metric: Metric,
) -> Ranks {
    let whole = |centroid: &[f32]| {
        centroid
            .iter()
            .zip(mean)
            .map(|(c, m)| c + m)
            .collect::<Vec<_>>()
    };
    let values: Vec<f32> = centroids
        .values()
        .chunks_exact(mean.len())
        .flat_map(whole)
        .collect();
    Ranks::new(
        &held_out.sample,
        queries,
        &values,
        biases,
        metric,
        centroids.backend(),
    )
}

/// What a search costs, the geometric mean of the recalls that are compared.
fn cost(held_out: &HeldOut, coverage: &Coverage) -> f64 {
    let at = |recall: f64| {
        let probes = coverage.probes(1.0 - IN_NO_LIST * (1.0 - recall), HITS);
        cost::of_lists(coverage.lists(), probes, coverage.entries(probes))
    };
    let recalls = held_out.recall.map_or(RECALLS, |recall| [recall; 2]);
    // A square root is the same on every machine, which a logarithm is not.
    let [a, b] = recalls.map(at);
    (a * b).sqrt()
}

/// The nearest centroid of each row that is a neighbour of a query, by row.
fn owners(
    points: Points<'_>,
    mean: &[f32],
    held_out: &HeldOut,
    centroids: &Centroids,
) -> Result<Vec<(u32, u32)>, PackError> {
    let mut rows: Vec<u32> = held_out
        .answers
        .iter()
        .take(QUERIES)
        .flat_map(|answer| answer.nearest(HITS))
        .collect();
    rows.sort_unstable();
    rows.dedup();
    let nearest = Nearest::new(centroids)?;
    rows.par_chunks(64)
        .map(|rows| {
            let mut searcher = nearest.searcher(2)?;
            let mut reader = points.reader();
            let mut point = vec![0.0; points.dimension()];
            let mut found = Vec::with_capacity(rows.len());
            for row in rows {
                reader.read_centred(*row as usize, mean, &mut point);
                let first = searcher.nearest(&point)?.first();
                found.push((*row, first.map_or(0, |found| found.list)));
            }
            Ok(found)
        })
        .collect::<Result<Vec<_>, PackError>>()
        .map(|found| found.concat())
}
