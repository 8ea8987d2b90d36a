//! The list of each row, and where else it had best be found.
//!
//! A row has an entry in the list of its nearest centroid. A second entry helps where that list is passed over: so its
//! list is one whose centroid lies in another direction from the row (SOAR; Sun et al.: NeurIPS 2023).

use rayon::prelude::*;

use super::centroids::{Centroids, Found};
use super::lists::NONE;
use super::lloyd::{Empty, PointSet, nearest_of_each, step};
use super::nearest::Nearest;
use super::points::Centred;
use crate::error::PackError;
use crate::progress::Reporter;

/// Of so many nearest centroids one is chosen for the second entry.
const CANDIDATES: usize = 16;

/// How much a residual in the direction of the first counts, beside its square: λ of SOAR.
const WEIGHT: f64 = 3.0;

/// How often the centroids move when all rows have been searched for. On real text embeddings (50,000 of 384 dimensions, in
/// the mean of three seeds) searches look at 6 % fewer codes than around centroids of a larger sample alone.
const STEPS: usize = 5;

/// Rows of a task.
const ROWS: usize = 128;

/// The lists of all rows.
#[derive(Debug, Default)]
pub(crate) struct Assignment {
    /// The list that owns each row.
    pub(crate) own: Vec<u32>,
    /// The squared distance of its centroid.
    pub(crate) distance: Vec<f32>,
    /// The best list for a second entry; [`NONE`] where there is but one list.
    pub(crate) second: Vec<u32>,
    /// How far that one's centroid is, as a share of the distance of the own one: both squared. Less is better.
    pub(crate) ratio: Vec<f32>,
}

/// Lists in question for each row: those whose centroids are nearest to it.
#[derive(Debug)]
pub(crate) struct Candidates {
    /// As many for each row.
    lists: Vec<u16>,
    of_each: usize,
}

impl Candidates {
    /// Searches for those of all rows.
    pub(crate) fn search(
        points: &Centred<'_>,
        nearest: &Nearest<'_>,
        reporter: &mut Reporter<'_, '_>,
    ) -> Result<Self, PackError> {
        let lists = nearest_of_each(points, nearest, CANDIDATES, reporter)?;
        let of_each = CANDIDATES.min(nearest.centroids().count());
        Ok(Self { lists, of_each })
    }

    /// Moves the centroids to where the rows are: Lloyd's algorithm, in which a row goes to the nearest of its candidates.
    pub(crate) fn refine(
        &self,
        points: &Centred<'_>,
        centroids: &mut Centroids,
        reporter: &mut Reporter<'_, '_>,
    ) -> Result<(), PackError> {
        let rows = points.points.rows();
        let mut lists = vec![0; rows];
        for _ in 0..STEPS {
            step(points, centroids, &self.lists, &mut lists, Empty::Left);
            reporter.done(rows as u64)?;
        }
        Ok(())
    }

    /// The lists of all rows, around the centroids as they are now.
    pub(crate) fn assign(&self, points: &Centred<'_>, centroids: &Centroids) -> Assignment {
        let rows = points.points.rows();
        let mut assignment = Assignment {
            own: vec![0; rows],
            distance: vec![0.0; rows],
            second: vec![NONE; rows],
            ratio: vec![f32::INFINITY; rows],
        };
        self.lists
            .par_chunks_exact(self.of_each)
            .zip(&mut assignment.own)
            .zip(&mut assignment.distance)
            .zip(&mut assignment.second)
            .zip(&mut assignment.ratio)
            .enumerate()
            .with_min_len(ROWS)
            .for_each_init(
                || (points.scratch(), Vec::with_capacity(self.of_each)),
                |(scratch, found), (row, ((((lists, own), distance), second), ratio))| {
                    let point = points.point(row as u32, scratch);
                    centroids.distances(point, lists.iter().map(|list| u32::from(*list)), found);
                    // Where fewer were found, one stands for the others.
                    found.dedup();
                    let Some((first, others)) = found.split_first() else {
                        return;
                    };
                    *own = first.list;
                    *distance = first.distance as f32;
                    if let Some(best) = second_of(centroids, *first, others) {
                        *second = best.list;
                        // A row on its centroid is found there.
                        if first.distance > 0.0 {
                            *ratio = (best.distance / first.distance) as f32;
                        }
                    }
                },
            );
        assignment
    }
}

/// Of `others` the one with the least |r₂|² + λ·⟨r₂, r₁/|r₁|⟩², with r₁ and r₂ what lies between the point and the first
/// centroid, and that one.
fn second_of(centroids: &Centroids, first: Found, others: &[Found]) -> Option<Found> {
    // With r₁ = x − c₁ and r₂ = x − c₂: ⟨r₁, r₂⟩ = (|r₁|² + |r₂|² − |c₁ − c₂|²)/2.
    let loss = |other: &Found| {
        let between = centroids.between(first.list, other.list);
        let product = (first.distance + other.distance - between) / 2.0;
        // A point on its centroid has no direction.
        let along = if first.distance > 0.0 {
            product * product / first.distance
        } else {
            0.0
        };
        other.distance + WEIGHT * along
    };
    others
        .iter()
        .copied()
        .map(|other| (loss(&other), other))
        // In the order of distance: of equal ones the nearest is taken.
        .reduce(|best, other| if other.0 < best.0 { other } else { best })
        .map(|(_, other)| other)
}

impl Assignment {
    /// The second lists of a share (0 to 1) of the rows: of those for which it is nearest, beside the own one.
    pub(crate) fn seconds(&self, share: f64) -> Vec<u32> {
        let wanted = (share * self.own.len() as f64) as usize;
        let limit = match wanted.checked_sub(1) {
            None => return vec![NONE; self.own.len()],
            Some(last) => {
                let mut ratios = self.ratio.clone();
                *ratios.select_nth_unstable_by(last, f32::total_cmp).1
            }
        };
        let kept = |(second, ratio): (&u32, &f32)| {
            if *ratio <= limit && ratio.is_finite() {
                *second
            } else {
                NONE
            }
        };
        self.second.iter().zip(&self.ratio).map(kept).collect()
    }
}

#[cfg(test)]
mod tests {
    use rvf_microkernel::Backend;

    use super::*;
    use crate::cluster::points::Points;
    use crate::cluster::testing::{blobs, nearest_of, quiet, stored};

    /// |r₂|² + λ·⟨r₂, r₁/|r₁|⟩², as the text says it.
    fn naive_loss(point: &[f32], first: &[f32], other: &[f32]) -> f64 {
        let less = |c: &[f32]| {
            point
                .iter()
                .zip(c)
                .map(|(x, c)| f64::from(x - c))
                .collect::<Vec<_>>()
        };
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (r1, r2) = (less(first), less(other));
        dot(&r2, &r2) + WEIGHT * dot(&r2, &r1).powi(2) / dot(&r1, &r1)
    }

    #[test]
    fn rows_go_to_the_nearest_list_and_to_one_in_another_direction() {
        let dimension = 24;
        let (vectors, centres) = (blobs(800, dimension, 40), blobs(40, dimension, 40));
        let mean = vec![0.25; dimension];
        let (records, bytes) = stored(&vectors, dimension);
        let points = Points::new(records, &bytes);
        let centred: Vec<f32> = centres.iter().map(|value| value - 0.25).collect();
        let centroids = Centroids::new(centred, dimension, Backend::best());
        let nearest = Nearest::new(&centroids).unwrap();
        let points = Centred {
            points,
            mean: &mean,
        };
        let candidates = Candidates::search(&points, &nearest, &mut quiet()).unwrap();
        let found = candidates.assign(&points, &centroids);
        let own = nearest_of(&vectors, &centres, dimension);
        let centre = |list: u32| &centres[list as usize * dimension..][..dimension];
        let (mut same, mut best) = (0, 0);
        for (row, point) in vectors.chunks(dimension).enumerate() {
            same += usize::from(found.own[row] == own[row]);
            assert_ne!(found.own[row], found.second[row]);
            let loss = |list| naive_loss(point, centre(found.own[row]), centre(list));
            let least = (0..40)
                .filter(|list| *list != found.own[row])
                .map(loss)
                .fold(f64::MAX, f64::min);
            best += usize::from(loss(found.second[row]) <= least * 1.0001);
        }
        assert!(same >= 790, "{same} of 800 rows are in the nearest list");
        // The least of all lists is seldom far down the row of the nearest.
        assert!(best >= 600, "{best} of 800 rows have the best second list");
        for share in [0.0, 0.5, 0.75, 1.0] {
            let seconds = found.seconds(share);
            let count = seconds.iter().filter(|list| **list != NONE).count();
            assert_eq!(count, (800.0 * share) as usize);
            // Those for whom it is nearest.
            let ratio = |with: bool| {
                let rows = found
                    .ratio
                    .iter()
                    .zip(&seconds)
                    .filter(move |(_, list)| (**list != NONE) == with);
                rows.map(|(ratio, _)| *ratio)
            };
            assert!(ratio(true).fold(0.0, f32::max) <= ratio(false).fold(f32::INFINITY, f32::min));
        }
    }
}
