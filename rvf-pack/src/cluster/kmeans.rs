//! Centroids by k-means (Lloyd's algorithm) on a sample.
//!
//! A search for the nearest centroids is what takes the time. So each point is searched for once, and as the centroids
//! move it goes to the nearest of those that it had found.

use rayon::prelude::*;
use rvf_microkernel::Backend;

use super::bias::Spread;
use super::centroids::Centroids;
use super::lloyd::{Empty, PointSet, choose, nearest_of_each, step};
use super::nearest::Nearest;
use crate::error::PackError;
use crate::hash::splitmix64;
use crate::progress::Reporter;

/// How often the centroids move. All rows move them again when they have been searched for (see [`super::assign`]): what
/// they need here is a good start.
const STEPS: usize = 4;

/// How often centroids move that are made of others.
const MERGE_STEPS: usize = 4;

/// How many centroids a search finds.
const NEAR: usize = 8;

/// Points of a task.
const POINTS: usize = 256;

/// Points to be clustered, one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample<'a> {
    pub(crate) points: &'a [f32],
    /// How often each counts; empty where each counts once.
    pub(crate) weights: &'a [u32],
    pub(crate) dimension: usize,
    pub(crate) backend: Backend,
}

impl<'a> Sample<'a> {
    fn of(&self, number: u32) -> &'a [f32] {
        &self.points[number as usize * self.dimension..][..self.dimension]
    }
}

impl PointSet for Sample<'_> {
    type Scratch = ();

    fn count(&self) -> usize {
        self.points.len() / self.dimension
    }

    fn scratch(&self) {}

    fn point(&self, number: u32, (): &mut ()) -> &[f32] {
        self.of(number)
    }

    fn weight(&self, number: u32) -> f64 {
        let weight = self.weights.get(number as usize).copied();
        weight.unwrap_or(1).max(1).into()
    }
}

/// `count` centroids, and how the points lie around them; where fewer points differ from each other, some are the same.
pub(crate) fn kmeans(
    sample: Sample<'_>,
    count: usize,
    seed: u64,
    reporter: &mut Reporter<'_, '_>,
) -> Result<(Centroids, Spread), PackError> {
    let first = first_points(sample.count(), count, seed);
    let values = first
        .into_iter()
        .flat_map(|point| sample.of(point))
        .copied();
    let mut centroids = Centroids::new(values.collect(), sample.dimension, sample.backend);
    let candidates = nearest_of_each(&sample, &Nearest::new(&centroids)?, NEAR, reporter)?;
    let mut lists = vec![0; sample.count()];
    for _ in 0..STEPS {
        step(
            &sample,
            &mut centroids,
            &candidates,
            &mut lists,
            Empty::Filled,
        );
    }
    choose(&sample, &centroids, &candidates, &mut lists);
    let spread = spread(sample, &centroids, &lists);
    Ok((centroids, spread))
}

/// How points lie around the centroids of their lists.
fn spread(sample: Sample<'_>, centroids: &Centroids, lists: &[u32]) -> Spread {
    let distances: Vec<f64> = sample
        .points
        .par_chunks_exact(sample.dimension)
        .zip(lists)
        .with_min_len(POINTS)
        .map(|(point, list)| centroids.distance(point, *list))
        .collect();
    Spread::new(centroids.count(), lists, distances.into_iter())
}

/// Makes fewer centroids of those that are given, each of which stands for so many points. Returns them, and for each of
/// those given which one it became a part of.
pub(crate) fn merge(
    centroids: &Centroids,
    counts: &[u32],
    count: usize,
    reporter: &mut Reporter<'_, '_>,
) -> Result<(Centroids, Vec<u32>), PackError> {
    let (dimension, backend) = (centroids.dimension(), centroids.backend());
    if count >= centroids.count() {
        let same = Centroids::new(centroids.values().to_vec(), dimension, backend);
        return Ok((same, (0..centroids.count() as u32).collect()));
    }
    let sample = Sample {
        points: centroids.values(),
        weights: counts,
        dimension,
        backend,
    };
    // They stand in no order, so any of them are as good as others to begin with.
    let first = centroids
        .values()
        .chunks_exact(dimension)
        .take(count)
        .flatten();
    let mut merged = Centroids::new(first.copied().collect(), dimension, backend);
    let candidates = nearest_of_each(&sample, &Nearest::new(&merged)?, NEAR, reporter)?;
    let mut parents = vec![0; sample.count()];
    for _ in 0..MERGE_STEPS {
        step(
            &sample,
            &mut merged,
            &candidates,
            &mut parents,
            Empty::Filled,
        );
    }
    choose(&sample, &merged, &candidates, &mut parents);
    Ok((merged, parents))
}

/// Points drawn by the seed, each once as long as there are enough.
fn first_points(points: usize, count: usize, seed: u64) -> Vec<u32> {
    let hash = |point: u32| splitmix64(seed ^ u64::from(point) << 20);
    let mut drawn: Vec<(u64, u32)> = (0..points as u32)
        .map(|point| (hash(point), point))
        .collect();
    drawn.sort_unstable();
    let points = drawn.into_iter().map(|(_, point)| point);
    points.cycle().take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::{blobs, nearest_of, quiet};

    fn distance(sample: Sample<'_>, centroids: &[f32], lists: &[u32]) -> f64 {
        let of_point = |(point, list): (u32, &u32)| {
            let centroid = &centroids[*list as usize * sample.dimension..][..sample.dimension];
            let pairs = sample.of(point).iter().zip(centroid);
            pairs.map(|(x, c)| f64::from(x - c).powi(2)).sum::<f64>()
        };
        (0..).zip(lists).map(of_point).sum()
    }

    /// Lloyd's algorithm, all points against all centroids.
    fn naive(sample: Sample<'_>, count: usize, seed: u64, steps: usize) -> Vec<f32> {
        let first = first_points(sample.count(), count, seed);
        let mut centroids: Vec<f32> = first
            .into_iter()
            .flat_map(|p| sample.of(p))
            .copied()
            .collect();
        for _ in 0..steps {
            let lists = nearest_of(sample.points, &centroids, sample.dimension);
            for (list, centroid) in (0..).zip(centroids.chunks_exact_mut(sample.dimension)) {
                let members: Vec<u32> = (0..)
                    .zip(&lists)
                    .filter(|(_, of)| **of == list)
                    .map(|(p, _)| p)
                    .collect();
                for (i, value) in centroid
                    .iter_mut()
                    .enumerate()
                    .filter(|_| !members.is_empty())
                {
                    let sum: f64 = members.iter().map(|p| f64::from(sample.of(*p)[i])).sum();
                    *value = (sum / members.len() as f64) as f32;
                }
            }
        }
        centroids
    }

    #[test]
    fn centroids_are_about_as_good_as_those_of_the_naive_algorithm() {
        for (points, dimension, count) in [(3_000, 40, 60), (2_000, 7, 200)] {
            let points = blobs(points, dimension, 50);
            let sample = Sample {
                points: &points,
                weights: &[],
                dimension,
                backend: Backend::best(),
            };
            let (centroids, spread) = kmeans(sample, count, 3, &mut quiet()).unwrap();
            assert_eq!(spread.counts.iter().sum::<u32>() as usize, sample.count());
            let found = nearest_of(&points, centroids.values(), dimension);
            let naive = naive(sample, count, 3, 4);
            let expected = nearest_of(&points, &naive, dimension);
            let (found, expected) = (
                distance(sample, centroids.values(), &found),
                distance(sample, &naive, &expected),
            );
            assert!(found < 1.05 * expected, "{found} {expected}");
        }
    }

    #[test]
    fn centroids_are_the_same_on_every_processor_and_with_any_number_of_threads() {
        let points = blobs(2_000, 33, 20);
        let found = |backend, threads| {
            let sample = Sample {
                points: &points,
                weights: &[],
                dimension: 33,
                backend,
            };
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let (centroids, spread) = pool.install(|| kmeans(sample, 70, 1, &mut quiet()).unwrap());
            (centroids.values().to_vec(), spread)
        };
        let one = found(Backend::scalar(), 1);
        for backend in Backend::available() {
            for threads in [1, 3] {
                assert!(found(backend, threads) == one, "{backend:?} {threads}");
            }
        }
    }

    #[test]
    fn merged_centroids_are_the_weighted_means_of_their_parts() {
        let points = blobs(600, 12, 9);
        let sample = Sample {
            points: &points,
            weights: &[],
            dimension: 12,
            backend: Backend::best(),
        };
        let (centroids, spread) = kmeans(sample, 64, 1, &mut quiet()).unwrap();
        let (merged, parents) = merge(&centroids, &spread.counts, 16, &mut quiet()).unwrap();
        assert_eq!((merged.count(), parents.len()), (16, 64));
        let expected = nearest_of(centroids.values(), merged.values(), 12);
        let same = parents
            .iter()
            .zip(&expected)
            .filter(|(a, b)| a == b)
            .count();
        assert!(same >= 58, "{same} of 64 went to the nearest");
        let (same, parents) = merge(&centroids, &spread.counts, 64, &mut quiet()).unwrap();
        assert!(same.values() == centroids.values() && parents.into_iter().eq(0..64));
    }
}
