//! Centroids by k-means (Lloyd's algorithm) on a sample.
//!
//! A search for the nearest centroids is what takes the time. So each point is searched for once, and as the centroids
//! move it goes to the nearest of those that it had found.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use rayon::prelude::*;
use rvf_microkernel::Backend;

use super::centroids::Centroids;
use super::nearest::Nearest;
use crate::error::PackError;
use crate::hash::splitmix64;
use crate::progress::Reporter;

/// The rounds: one point of how many takes part, and how often the centroids move. Half of the points bring them to where
/// few more steps of all are needed: so what the second half finds is good to the end. On real text embeddings (50,000 of
/// 384 dimensions, 1,024 lists) such lists are as good as those after nine searches of all points.
const ROUNDS: [(usize, usize); 2] = [(2, 3), (1, 3)];

/// How often centroids move that are made of others.
const MERGE_STEPS: usize = 4;

/// How many centroids a search finds.
const NEAR: usize = 8;

/// Points of a task.
const POINTS: usize = 256;

/// Points between two looks at whether the work is cancelled.
const AT_ONCE: usize = 16 * 1024;

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
    fn count(&self) -> usize {
        self.points.len() / self.dimension
    }

    /// Some of the points, all of which count once.
    fn part(self, points: Range<usize>) -> Self {
        Self {
            points: &self.points[points.start * self.dimension..points.end * self.dimension],
            ..self
        }
    }

    fn weight(&self, number: u32) -> f64 {
        self.weights
            .get(number as usize)
            .copied()
            .unwrap_or(1)
            .max(1)
            .into()
    }

    fn point(&self, number: u32) -> &'a [f32] {
        &self.points[number as usize * self.dimension..][..self.dimension]
    }
}

/// `count` centroids; where fewer points differ from each other, some are the same.
pub(crate) fn kmeans(
    sample: Sample<'_>,
    count: usize,
    seed: u64,
    reporter: &mut Reporter<'_, '_>,
) -> Result<(Centroids, Vec<u32>), PackError> {
    let first = first_points(sample.count(), count, seed);
    let values = first
        .into_iter()
        .flat_map(|point| sample.point(point))
        .copied();
    let mut centroids = Centroids::new(values.collect(), sample.dimension, sample.backend);
    let near = NEAR.min(count);
    // For each point the nearest centroids when it was last searched for.
    let mut candidates = vec![0; sample.count() * near];
    let mut lists = vec![0; sample.count()];
    let mut searched = 0;
    for (share, steps) in ROUNDS {
        let part = sample.part(0..sample.count().div_ceil(share));
        let new = sample.part(searched..part.count());
        let candidates = &mut candidates[..part.count() * near];
        search(
            new,
            &centroids,
            &mut candidates[searched * near..],
            near,
            reporter,
        )?;
        searched = part.count();
        let lists = &mut lists[..searched];
        for _ in 0..steps {
            choose(part, &centroids, near, candidates, lists);
            move_centroids(part, lists, &mut centroids);
        }
    }
    let mut counts = vec![0; count];
    for list in lists {
        counts[list as usize] += 1;
    }
    Ok((centroids, counts))
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
    let near = NEAR.min(count);
    let mut candidates = vec![0; sample.count() * near];
    let mut parents = vec![0; sample.count()];
    search(sample, &merged, &mut candidates, near, reporter)?;
    for _ in 0..MERGE_STEPS {
        choose(sample, &merged, near, &candidates, &mut parents);
        move_centroids(sample, &parents, &mut merged);
    }
    choose(sample, &merged, near, &candidates, &mut parents);
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

/// Finds the nearest centroids of each point.
fn search(
    sample: Sample<'_>,
    centroids: &Centroids,
    candidates: &mut [u32],
    near: usize,
    reporter: &mut Reporter<'_, '_>,
) -> Result<(), PackError> {
    let nearest = Nearest::new(centroids)?;
    let points = sample.points.chunks(AT_ONCE * sample.dimension);
    for (points, candidates) in points.zip(candidates.chunks_mut(AT_ONCE * near)) {
        points
            .par_chunks(POINTS * sample.dimension)
            .zip(candidates.par_chunks_mut(POINTS * near))
            .try_for_each(|(points, candidates)| {
                let mut searcher = nearest.searcher(near)?;
                let points = points.chunks_exact(sample.dimension);
                for (point, candidates) in points.zip(candidates.chunks_exact_mut(near)) {
                    for (candidate, found) in candidates.iter_mut().zip(searcher.nearest(point)?) {
                        *candidate = found.list;
                    }
                }
                Ok::<(), PackError>(())
            })?;
        reporter.advance((points.len() / sample.dimension) as u64)?;
    }
    Ok(())
}

/// Gives each point to the nearest of its candidates.
fn choose(
    sample: Sample<'_>,
    centroids: &Centroids,
    near: usize,
    candidates: &[u32],
    lists: &mut [u32],
) {
    sample
        .points
        .par_chunks_exact(sample.dimension)
        .zip(candidates.par_chunks_exact(near))
        .zip(lists)
        .with_min_len(POINTS)
        .for_each(|((point, candidates), list)| {
            let near = candidates
                .iter()
                .map(|list| (centroids.nearness(point, *list), *list));
            let least = near.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            *list = least.map_or(0, |(_, list)| list);
        });
}

/// Moves each centroid to the mean of its points, summed in their order, so that it is the same with any number of
/// threads.
fn move_centroids(sample: Sample<'_>, lists: &[u32], centroids: &mut Centroids) {
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); centroids.count()];
    for (point, list) in (0..).zip(lists) {
        members[*list as usize].push(point);
    }
    fill_empty(&mut members);
    let sums = || vec![0.0_f64; sample.dimension];
    centroids.change(|values| {
        members
            .par_iter()
            .zip(values.par_chunks_exact_mut(sample.dimension))
            .filter(|(members, _)| !members.is_empty())
            .for_each_init(sums, |sums, (members, centroid)| {
                sums.fill(0.0);
                let mut weights = 0.0;
                for point in members {
                    let weight = sample.weight(*point);
                    weights += weight;
                    for (sum, value) in sums.iter_mut().zip(sample.point(*point)) {
                        *sum += weight * f64::from(*value);
                    }
                }
                for (value, sum) in centroid.iter_mut().zip(sums) {
                    *value = (*sum / weights) as f32;
                }
            });
    });
}

/// Gives each empty list every other point of the longest one, as long as that has two.
fn fill_empty(members: &mut [Vec<u32>]) {
    let empty: Vec<usize> = (0..members.len())
        .filter(|list| members[*list].is_empty())
        .collect();
    if empty.is_empty() {
        return;
    }
    // The longest, and of those the first.
    let lengths = members.iter().enumerate();
    let mut longest: BinaryHeap<(usize, Reverse<usize>)> = lengths
        .map(|(list, points)| (points.len(), Reverse(list)))
        .collect();
    for list in empty {
        let Some((2.., Reverse(from))) = longest.pop() else {
            return;
        };
        let points = std::mem::take(&mut members[from]);
        let half = |odd: usize| points.iter().skip(odd).step_by(2).copied().collect();
        (members[from], members[list]) = (half(0), half(1));
        for list in [from, list] {
            longest.push((members[list].len(), Reverse(list)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::{blobs, nearest_of, quiet};

    fn distance(sample: Sample<'_>, centroids: &[f32], lists: &[u32]) -> f64 {
        let of_point = |(point, list): (u32, &u32)| {
            let centroid = &centroids[*list as usize * sample.dimension..][..sample.dimension];
            let pairs = sample.point(point).iter().zip(centroid);
            pairs.map(|(x, c)| f64::from(x - c).powi(2)).sum::<f64>()
        };
        (0..).zip(lists).map(of_point).sum()
    }

    /// Lloyd's algorithm, all points against all centroids.
    fn naive(sample: Sample<'_>, count: usize, seed: u64, steps: usize) -> Vec<f32> {
        let first = first_points(sample.count(), count, seed);
        let mut centroids: Vec<f32> = first
            .into_iter()
            .flat_map(|p| sample.point(p))
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
                    let sum: f64 = members.iter().map(|p| f64::from(sample.point(*p)[i])).sum();
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
            let (centroids, counts) = kmeans(sample, count, 3, &mut quiet()).unwrap();
            assert_eq!(counts.iter().sum::<u32>() as usize, sample.count());
            let found = nearest_of(&points, centroids.values(), dimension);
            let naive = naive(sample, count, 3, 6);
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
            let (centroids, counts) = pool.install(|| kmeans(sample, 70, 1, &mut quiet()).unwrap());
            (centroids.values().to_vec(), counts)
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
        let (centroids, counts) = kmeans(sample, 64, 1, &mut quiet()).unwrap();
        let (merged, parents) = merge(&centroids, &counts, 16, &mut quiet()).unwrap();
        assert_eq!((merged.count(), parents.len()), (16, 64));
        let expected = nearest_of(centroids.values(), merged.values(), 12);
        let same = parents
            .iter()
            .zip(&expected)
            .filter(|(a, b)| a == b)
            .count();
        assert!(same >= 58, "{same} of 64 went to the nearest");
        let (same, parents) = merge(&centroids, &counts, 64, &mut quiet()).unwrap();
        assert!(same.values() == centroids.values() && parents.into_iter().eq(0..64));
    }

    #[test]
    fn an_empty_list_takes_half_of_the_longest() {
        let mut members = vec![vec![], vec![4, 5, 6, 7, 8], vec![1, 2, 3], vec![]];
        fill_empty(&mut members);
        assert_eq!(members, [vec![5, 7], vec![4, 8], vec![1, 2, 3], vec![6]]);
        let mut members = vec![vec![], vec![1], vec![]];
        fill_empty(&mut members);
        assert_eq!(members, [vec![], vec![1], vec![]]);
    }
}
