//! A step of Lloyd's algorithm for points each of which has few centroids in question.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::iter;

use rayon::prelude::*;

use super::centroids::Centroids;
use super::nearest::Nearest;
use crate::error::PackError;
use crate::progress::Reporter;

/// Points of a task.
const POINTS: usize = 128;

/// Points that are searched for between two looks at whether the work is cancelled. (As centroids move it is looked at once
/// a step.)
const AT_ONCE: usize = 16 * 1024;

/// Points that are summed together: they may lie in a file that is larger than the memory.
const WINDOW: usize = 64 * 1024;

/// Points by their numbers, in memory or read one at a time.
pub(super) trait PointSet: Sync {
    /// What a task reads with.
    type Scratch: Send;

    fn count(&self) -> usize;

    fn scratch(&self) -> Self::Scratch;

    fn point<'a>(&'a self, number: u32, scratch: &'a mut Self::Scratch) -> &'a [f32];

    /// How often a point counts.
    fn weight(&self, _number: u32) -> f64 {
        1.0
    }
}

/// Searches for the centroids that are nearest to each point: `most` of each, or all if there are fewer. There are at most
/// 65,536 lists.
pub(super) fn nearest_of_each(
    points: &impl PointSet,
    nearest: &Nearest<'_>,
    most: usize,
    reporter: &mut Reporter<'_, '_>,
) -> Result<Vec<u16>, PackError> {
    let of_each = most.min(nearest.centroids().count());
    let mut candidates = vec![0; points.count() * of_each];
    for (first, candidates) in (0..)
        .step_by(AT_ONCE)
        .zip(candidates.chunks_mut(AT_ONCE * of_each))
    {
        candidates
            .par_chunks_mut(POINTS * of_each)
            .enumerate()
            .try_for_each(|(task, candidates)| -> Result<(), PackError> {
                let mut searcher = nearest.searcher(of_each)?;
                let mut scratch = points.scratch();
                let numbers = first + (task * POINTS) as u32..;
                for (number, candidates) in numbers.zip(candidates.chunks_exact_mut(of_each)) {
                    let found = searcher.nearest(points.point(number, &mut scratch))?;
                    let found = found.iter().map(|found| found.list as u16);
                    // Where fewer were found, one stands for the others.
                    let last = found.clone().next_back().unwrap_or_default();
                    for (candidate, found) in
                        candidates.iter_mut().zip(found.chain(iter::repeat(last)))
                    {
                        *candidate = found;
                    }
                }
                Ok(())
            })?;
        reporter.advance((candidates.len() / of_each) as u64)?;
    }
    Ok(candidates)
}

/// What becomes of a list that no point is nearest to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    /// It takes half of the longest one.
    Filled,
    /// Its centroid stays where it is.
    Left,
}

/// Gives each point to the nearest of its candidates, of which each has as many, and moves each centroid to the mean of
/// its points.
pub(super) fn step(
    points: &impl PointSet,
    centroids: &mut Centroids,
    candidates: &[u16],
    lists: &mut [u32],
    empty: Empty,
) {
    choose(points, centroids, candidates, lists);
    move_centroids(points, lists, centroids, empty);
}

/// Gives each point to the nearest of its candidates, of which each has as many.
pub(super) fn choose(
    points: &impl PointSet,
    centroids: &Centroids,
    candidates: &[u16],
    lists: &mut [u32],
) {
    let near = candidates.len() / lists.len().max(1);
    candidates
        .par_chunks_exact(near.max(1))
        .zip(lists)
        .enumerate()
        .with_min_len(POINTS)
        .for_each_init(
            || points.scratch(),
            |scratch, (number, (candidates, list))| {
                let point = points.point(number as u32, scratch);
                let near = candidates
                    .iter()
                    .map(|list| u32::from(*list))
                    .map(|list| (centroids.nearness(point, list), list));
                let least = near.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                *list = least.map_or(0, |(_, list)| list);
            },
        );
}

/// Moves each centroid to the mean of its points, summed in their order, so that it is the same with any number of
/// threads.
fn move_centroids(points: &impl PointSet, lists: &[u32], centroids: &mut Centroids, empty: Empty) {
    let (count, dimension) = (centroids.count(), centroids.dimension());
    let mut sums = vec![0.0_f64; count * dimension];
    let mut weights = vec![0.0_f64; count];
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); count];
    // Points that are filled up with are those of all lists; else those that lie together are read together.
    let window = match empty {
        Empty::Filled => lists.len(),
        Empty::Left => WINDOW,
    };
    let mut first = 0;
    for lists in lists.chunks(window.max(1)) {
        members.iter_mut().for_each(Vec::clear);
        for (point, list) in (first..).zip(lists) {
            members[*list as usize].push(point);
        }
        first += lists.len() as u32;
        if empty == Empty::Filled {
            fill_empty(&mut members);
        }
        members
            .par_iter()
            .zip(sums.par_chunks_exact_mut(dimension))
            .zip(&mut weights)
            .for_each_init(
                || points.scratch(),
                |scratch, ((members, sums), weights)| {
                    for number in members {
                        let weight = points.weight(*number);
                        *weights += weight;
                        let point = points.point(*number, scratch);
                        for (sum, value) in sums.iter_mut().zip(point) {
                            *sum += weight * f64::from(*value);
                        }
                    }
                },
            );
    }
    centroids.change(|values| {
        let sums = sums.chunks_exact(dimension).zip(weights);
        let lists = values.chunks_exact_mut(dimension).zip(sums);
        for (centroid, (sums, weight)) in lists.filter(|(_, (_, weight))| *weight > 0.0) {
            for (value, sum) in centroid.iter_mut().zip(sums) {
                *value = (sum / weight) as f32;
            }
        }
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
