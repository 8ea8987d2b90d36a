//! Lists of near vectors around centroids, so that a search need not look at all of them.

mod assign;
mod bias;
mod centroids;
mod choose;
mod kmeans;
mod lists;
mod lloyd;
mod nearest;
mod order;
mod points;

use rayon::prelude::*;
use rvf_types::{VectorKind, vec};

use self::assign::Candidates;
use self::bias::Spread;
use self::centroids::Centroids;
use self::kmeans::{Sample, kmeans};
use self::nearest::Nearest;
use crate::codes::Coder;
use crate::error::PackError;
use crate::hash::splitmix64;
use crate::measure::{Coverage, HeldOut, MOST_HITS};
use crate::progress::{Phase, Reporter};
use crate::records::{encode_i8, restore};

pub(crate) use self::lists::Lists;
use self::points::Centred;
pub(crate) use self::points::{Points, Reader};

/// Points that k-means looks at: at least so many, and so many for each list.
const SAMPLE: usize = 20_000;
const SAMPLE_PER_LIST: usize = 28;

/// Bytes of points that k-means looks at, at most, unless there are more lists than points then.
const SAMPLE_BYTES: usize = 256 << 20;

/// The lists of a file, and their centroids.
#[derive(Debug)]
pub(crate) struct Clusters {
    pub(crate) lists: Lists,
    /// What searches of so many lists can reach; none with one list, and where nothing is measured.
    pub(crate) coverage: Option<Coverage>,
    /// The centroids that the records stand for; none with one list.
    pub(crate) centroids: Vec<f32>,
    /// The biases of the lists, as squared distances; none with one list.
    pub(crate) biases: Vec<f64>,
    /// The records of the centroids (R-IDX-4).
    pub(crate) records: Vec<u8>,
    /// Their codes.
    pub(crate) codes: Vec<u8>,
}

/// What the lists are made for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task<'a> {
    pub(crate) points: Points<'a>,
    pub(crate) mean: &'a [f32],
    pub(crate) coder: Coder,
    /// Rows held out as queries; without them nothing is measured.
    pub(crate) held_out: Option<&'a HeldOut>,
}

impl Clusters {
    /// The lists that are best, or as many as are wanted.
    pub(crate) fn new(
        task: &Task<'_>,
        wanted: Option<usize>,
        reporter: &mut Reporter<'_, '_>,
    ) -> Result<Self, PackError> {
        let rows = task.points.rows();
        let most = wanted.unwrap_or_else(|| choose::most_lists(rows));
        if most == 1 {
            return Ok(Self::one(rows as u32));
        }
        let (mut centroids, spread) = task.centroids(most, reporter)?;
        if let (None, Some(held_out)) = (wanted, task.held_out) {
            let best = choose::lists(
                task.points,
                task.mean,
                held_out,
                &centroids,
                &spread,
                reporter,
            )?;
            if best == 1 {
                return Ok(Self::one(rows as u32));
            }
            if best != most {
                (centroids, _) = task.centroids(best, reporter)?;
            }
        }
        task.divide(centroids, reporter)
    }

    /// One list of all rows.
    fn one(rows: u32) -> Self {
        Self {
            lists: Lists::one(rows),
            coverage: None,
            centroids: Vec::new(),
            biases: Vec::new(),
            records: Vec::new(),
            codes: Vec::new(),
        }
    }
}

impl Task<'_> {
    /// Centroids, less the mean, and how points of a sample lie around them.
    fn centroids(
        &self,
        count: usize,
        reporter: &mut Reporter<'_, '_>,
    ) -> Result<(Centroids, Spread), PackError> {
        reporter.start(Phase::Cluster, None)?;
        let sampled = sample(self.points, self.mean, count, self.coder.seed);
        let sample = Sample {
            points: &sampled,
            weights: &[],
            dimension: self.points.dimension(),
            backend: self.points.backend(),
        };
        kmeans(sample, count, self.coder.seed, reporter)
    }

    /// Divides the rows among centroids.
    fn divide(
        &self,
        centroids: Centroids,
        reporter: &mut Reporter<'_, '_>,
    ) -> Result<Clusters, PackError> {
        let (points, mean) = (self.points, self.mean);
        let (count, dimension) = (centroids.count(), points.dimension());
        let order = order::by_place(centroids.values(), dimension);
        let mut centroids = centroids.in_order(&order);
        reporter.start(Phase::Assign, Some(points.rows() as u64))?;
        let rows = Centred { points, mean };
        let candidates = Candidates::search(&rows, &Nearest::new(&centroids)?, reporter)?;
        candidates.refine(&rows, &mut centroids, reporter)?;
        let (mut records, whole) = stored(centroids.values(), mean, dimension);
        let centroids = Centroids::new(centred(&whole, mean), dimension, points.backend());
        let assignment = candidates.assign(&rows, &centroids);
        drop(candidates);
        let distances = assignment.distance.iter().copied().map(f64::from);
        let biases = Spread::new(count, &assignment.own, distances).biases();
        let biases = bias::store(&biases, self.coder.metric, dimension, &mut records);
        let (seconds, coverage) = match self.held_out {
            Some(held_out) => {
                let metric = self.coder.metric;
                let ranks = choose::ranks(held_out, usize::MAX, &centroids, &biases, mean, metric);
                let share = choose::share(held_out, &ranks, &assignment, count);
                let seconds = assignment.seconds(share);
                let own = &assignment.own;
                let coverage = choose::coverage(held_out, &ranks, own, &seconds, count, MOST_HITS);
                (seconds, Some(coverage))
            }
            None => (assignment.seconds(choose::USUAL_SHARE), None),
        };
        Ok(Clusters {
            lists: Lists::new(count, &assignment.own, &seconds),
            coverage,
            codes: self.coder.one_list(&whole, mean, &biases)?,
            centroids: whole,
            biases,
            records,
        })
    }
}

/// The records of centroids, and the points that they stand for.
fn stored(centred: &[f32], mean: &[f32], dimension: usize) -> (Vec<u8>, Vec<f32>) {
    let stride = vec::stride(VectorKind::I8, dimension as u32) as usize;
    let mut records = vec![0; centred.len() / dimension * stride];
    let mut centroids = centred.to_vec();
    let places = records
        .chunks_exact_mut(stride)
        .zip(centroids.chunks_exact_mut(dimension));
    for (list, (record, centroid)) in (0..).zip(places) {
        for (value, mean) in centroid.iter_mut().zip(mean) {
            *value = (*value + mean).clamp(-vec::MAX_I8_VALUE, vec::MAX_I8_VALUE);
        }
        let scale = encode_i8(list, centroid, record);
        restore(scale, record, centroid);
    }
    (records, centroids)
}

fn centred(centroids: &[f32], mean: &[f32]) -> Vec<f32> {
    let of_one = |centroid: &[f32]| {
        centroid
            .iter()
            .zip(mean)
            .map(|(c, m)| c - m)
            .collect::<Vec<_>>()
    };
    centroids
        .chunks_exact(mean.len())
        .flat_map(of_one)
        .collect()
}

/// Rows for k-means, spread evenly over all, less the mean.
fn sample(points: Points<'_>, mean: &[f32], lists: usize, seed: u64) -> Vec<f32> {
    let dimension = points.dimension();
    let most = (SAMPLE_BYTES / (4 * dimension)).max(lists);
    let rows = points.rows();
    let count = (SAMPLE_PER_LIST * lists).max(SAMPLE).min(most).min(rows);
    let mut sampled = vec![0.0; count * dimension];
    sampled
        .par_chunks_exact_mut(dimension)
        .enumerate()
        .for_each_init(
            || points.reader(),
            |reader, (number, point)| {
                // One row of each run of rows, the runs being as long as each other by a row.
                let start =
                    |number: usize| (number as u128 * rows as u128 / count as u128) as usize;
                let (from, to) = (start(number), start(number + 1));
                let row = from
                    + (splitmix64(seed.wrapping_add(number as u64)) % (to - from).max(1) as u64)
                        as usize;
                reader.read_centred(row, mean, point);
            },
        );
    sampled
}

/// What the tests of this folder share.
#[cfg(test)]
mod testing {
    use rvf_microkernel::Backend;
    use rvf_types::{Metric, VectorKind};

    use crate::hash::splitmix64;
    use crate::progress::Reporter;
    use crate::records::Records;

    pub(super) fn quiet() -> Reporter<'static, 'static> {
        Reporter::new(None, None)
    }

    /// −1 to 1.
    fn uniform(number: usize) -> f32 {
        (splitmix64(number as u64) >> 40) as f32 / 8_388_608.0 - 1.0
    }

    /// Points around `centres` centres.
    pub(super) fn blobs(points: usize, dimension: usize, centres: usize) -> Vec<f32> {
        let value = |i: usize| {
            let (point, component) = (i / dimension, i % dimension);
            uniform(point % centres * dimension + component)
                + 0.4 * uniform(i + 1_000_000_007 * (points % 13 + 1))
        };
        (0..points * dimension).map(value).collect()
    }

    /// The nearest centroid of each point, all against all.
    pub(super) fn nearest_of(points: &[f32], centroids: &[f32], dimension: usize) -> Vec<u32> {
        let distance = |x: &[f32], c: &[f32]| {
            x.iter()
                .zip(c)
                .map(|(x, c)| f64::from(x - c).powi(2))
                .sum::<f64>()
        };
        let nearest = |point: &[f32]| {
            let all = centroids
                .chunks_exact(dimension)
                .map(|c| distance(point, c))
                .zip(0..);
            all.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap().1
        };
        points.chunks_exact(dimension).map(nearest).collect()
    }

    /// The records of vectors that are kept as they are.
    pub(super) fn stored(vectors: &[f32], dimension: usize) -> (Records, Vec<u8>) {
        let records = Records {
            dimension,
            metric: Metric::L2,
            vectors: VectorKind::F32,
            backend: Backend::best(),
        };
        let (mut i8s, mut floats) = (Vec::new(), Vec::new());
        records
            .encode(0, &mut vectors.to_vec(), &mut i8s, &mut floats)
            .unwrap();
        (records, floats)
    }
}
