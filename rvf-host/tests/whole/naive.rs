//! Search in f64, by the definition of the metrics, and how far a kernel's f32 may be from it.

use rvf_host::Hit;
use rvf_pack::{Metric, VectorKind};

/// Half of the distance between 1 and the next f32.
const ROUNDING: f64 = 1.0 / (1 << 24) as f64;
/// What is lost where an f32 becomes too small to be normal.
const UNDERFLOW: f64 = 2e-45;
/// Below it, a query's largest component counts as 0 (K-QRY-5).
const TINY: f64 = 1.0 / (1_u128 << 100) as f64;
/// Room for the terms of second order that the bounds below leave out.
const MARGIN: f64 = 1.05;

/// A distance as it should be, and by how much a conforming one may differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Distance {
    pub(crate) value: f64,
    pub(crate) tolerance: f64,
}

/// The distance by the metric's definition, in f64.
pub(crate) fn distance(metric: Metric, x: &[f32], query: &[f32]) -> f64 {
    let sums = Sums::new(x, query);
    match metric {
        Metric::L2 => sums.squares,
        // −0 is +0 (K-NUM-3).
        Metric::InnerProduct => 0.0 - sums.dot,
        Metric::Cosine => (1.0 - sums.dot / (sums.x * sums.query).sqrt()).max(0.0),
    }
}

struct Sums {
    dot: f64,
    /// Σ |x·q|
    products: f64,
    squares: f64,
    x: f64,
    /// Σ |x|
    x_absolute: f64,
    query: f64,
    largest: f64,
}

impl Sums {
    fn new(x: &[f32], query: &[f32]) -> Self {
        let mut sums = Self {
            dot: 0.0,
            products: 0.0,
            squares: 0.0,
            x: 0.0,
            x_absolute: 0.0,
            query: 0.0,
            largest: 0.0,
        };
        for (x, q) in x.iter().zip(query) {
            let (x, q) = (f64::from(*x), f64::from(*q));
            sums.dot += x * q;
            sums.products += (x * q).abs();
            sums.squares += (x - q) * (x - q);
            sums.x += x * x;
            sums.x_absolute += x.abs();
            sums.query += q * q;
            sums.largest = sums.largest.max(q.abs());
        }
        sums
    }
}

/// The distance to a vector as stored, with the error that kernel.md, section 5, leaves room for.
///
/// - i8: all is exact but for the query, each of whose components is rounded by at most 2⁻¹⁵ of the largest one
///   (K-QRY-5), and for the rounding of the result.
/// - f16 and f32: sums of n terms in sixteen lanes make each term pass n/16 + 4 additions (K-NUM-2), and each term is
///   rounded some times before.
pub(crate) fn bounded(metric: Metric, kind: VectorKind, x: &[f32], query: &[f32]) -> Distance {
    let sums = Sums::new(x, query);
    let n = x.len() as f64;
    let value = distance(metric, x, query);
    let norms = (sums.x * sums.query).sqrt();
    let tolerance = if kind == VectorKind::I8 {
        let shift = if sums.largest < TINY {
            sums.largest
        } else {
            sums.largest / 32_768.0
        };
        let moved = shift * n.sqrt();
        match metric {
            Metric::L2 => {
                2.0 * sums.squares.sqrt() * moved + moved * moved + 1e-14 * (sums.x + sums.query)
            }
            Metric::InnerProduct => shift * sums.x_absolute,
            Metric::Cosine => 2.0 * moved / sums.query.sqrt() + 1e-14,
        }
    } else {
        let relative = (n / 16.0 + 8.0) * ROUNDING;
        match metric {
            Metric::L2 => relative * sums.squares + n * UNDERFLOW,
            Metric::InnerProduct => relative * sums.products + n * UNDERFLOW,
            Metric::Cosine => {
                let cosine = (sums.dot / norms).abs();
                relative * (sums.products / norms + 2.0 * cosine) + n * UNDERFLOW / norms
            }
        }
    };
    Distance {
        value,
        tolerance: MARGIN * (tolerance + ROUNDING * value.abs() + UNDERFLOW),
    }
}

/// What exact search is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) metric: Metric,
    pub(crate) kind: VectorKind,
    /// The vectors as stored, row after row.
    pub(crate) stored: &'a [f32],
    pub(crate) query: &'a [f32],
    /// The rows that can be hits; none: all.
    pub(crate) live: Option<&'a [u32]>,
    pub(crate) k: usize,
}

impl Question<'_> {
    /// Holds the hits of an exact search against the distances of all live rows: as many as there should be, in order,
    /// each with its own distance, and none left out that is nearer than the last one by more than rounding explains.
    #[track_caller]
    pub(crate) fn check(&self, hits: &[Hit], context: &str) {
        let dimension = self.query.len();
        let every: Vec<u32> = (0..(self.stored.len() / dimension) as u32).collect();
        let live = self.live.unwrap_or(&every);
        assert_eq!(hits.len(), self.k.min(live.len()), "{context}: hits");
        let distance_of = |row: u32| {
            let x = &self.stored[row as usize * dimension..][..dimension];
            bounded(self.metric, self.kind, x, self.query)
        };
        for pair in hits.windows(2) {
            let (before, after) = (pair[0], pair[1]);
            assert!(
                (before.distance, before.row) < (after.distance, after.row),
                "{context}: {before:?} does not stand before {after:?}"
            );
        }
        for hit in hits {
            assert!(live.contains(&hit.row), "{context}: {hit:?} is not live");
            let expected = distance_of(hit.row);
            let error = (f64::from(hit.distance) - expected.value).abs();
            assert!(
                error <= expected.tolerance,
                "{context}: {hit:?} should be {expected:?}, and is off by {error}"
            );
        }
        let Some(last) = hits.last() else { return };
        let found: std::collections::HashSet<u32> = hits.iter().map(|hit| hit.row).collect();
        for row in live.iter().filter(|row| !found.contains(row)) {
            let expected = distance_of(*row);
            assert!(
                expected.value + expected.tolerance >= f64::from(last.distance),
                "{context}: row {row} ({expected:?}) is nearer than the last hit, {last:?}"
            );
        }
    }
}

/// The exact answers of one query over some vectors: how recall is counted.
#[derive(Debug)]
pub(crate) struct Truth {
    distances: Vec<Distance>,
    sorted: Vec<f64>,
}

impl Truth {
    pub(crate) fn new(metric: Metric, vectors: &[f32], query: &[f32]) -> Self {
        let rows = vectors.chunks_exact(query.len());
        let distances: Vec<Distance> = rows
            .map(|x| bounded(metric, VectorKind::F32, x, query))
            .collect();
        let mut sorted: Vec<f64> = distances.iter().map(|distance| distance.value).collect();
        sorted.sort_by(f64::total_cmp);
        Self { distances, sorted }
    }

    /// The distance of a row.
    pub(crate) fn distance(&self, row: u32) -> f64 {
        self.distances[row as usize].value
    }

    /// The share of the `k` nearest that was found. It is counted by distance: a tie with the k-th is a hit, and what
    /// sums in f32 may not tell apart is a tie. (A vector of length 1 is as far from one of 10⁻⁹ as from one of 10⁻¹².)
    pub(crate) fn recall(&self, k: usize, hits: &[Hit]) -> f64 {
        let k = k.min(self.sorted.len());
        let kth = self.sorted[k - 1];
        let is_found = |hit: &&Hit| {
            let distance = self.distances[hit.row as usize];
            distance.value - distance.tolerance <= kth
        };
        hits.iter().filter(is_found).count() as f64 / k as f64
    }
}

/// Holds recall on fresh queries against what a file says of itself.
///
/// Both are means over queries that were drawn alike: `promised` over `measured_queries` rows that were held out at pack
/// time, `recalls` one for each fresh query. If both have the same expectation, their difference has the standard error
/// s·√(1/m + 1/n), with s the spread between queries. `sigmas` of it is room for chance. One miss is always allowed for,
/// since a spread of 0 may be chance too.
#[derive(Debug)]
pub(crate) struct Recall {
    pub(crate) mean: f64,
    pub(crate) chance: f64,
}

/// Of how many queries an effort was measured: it may tell a multiple of their hits, but no more than 400 rows are held out of
/// so few.
pub(crate) fn queries_of(effort: &rvf_types::Effort, rows: usize) -> usize {
    ((effort.total / effort.k) as usize).min(400).min(rows)
}

impl Recall {
    pub(crate) fn new(recalls: &[f64], measured_queries: usize, sigmas: f64) -> Self {
        let (m, n) = (measured_queries.max(1) as f64, recalls.len() as f64);
        let mean = recalls.iter().sum::<f64>() / n;
        let squares: f64 = recalls.iter().map(|r| (r - mean) * (r - mean)).sum();
        let spread = (squares / (n - 1.0).max(1.0)).sqrt();
        Self {
            mean,
            chance: sigmas * spread * (1.0 / m + 1.0 / n).sqrt() + 1.0 / n.min(m),
        }
    }
}
