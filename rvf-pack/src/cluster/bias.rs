//! The bias of each list, by which it is visited later than its centroid alone would have it (kernel.md, K-CODE-6).
//!
//! A list is better than another as near if its vectors are nearer to its centroid: the expected squared distance of one
//! of them from a query is that of the centroid and their own from it.

use rvf_types::{Metric, VectorKind, vec};

use super::centroids::Centroids;

/// Of the mean squared distance of its vectors from its centroid, what a list has as its bias. The nearest of them are
/// nearer than the mean. On the eight sets of benches/peers/sets.py a quarter to three quarters served about as well; with a half
/// a recall of 0.95 took up to a third fewer codes than with none, and on no set more.
const SHARE: f64 = 0.5;

/// How far points lie from the centroids of their lists.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spread {
    /// Points of each list.
    pub(super) counts: Vec<u32>,
    /// The sums of their squared distances.
    pub(super) distances: Vec<f64>,
}

impl Spread {
    /// Of points whose lists and distances are given, summed in their order.
    pub(super) fn new(lists: usize, own: &[u32], distance: impl Iterator<Item = f64>) -> Self {
        let mut spread = Self {
            counts: vec![0; lists],
            distances: vec![0.0; lists],
        };
        for (list, distance) in own.iter().zip(distance) {
            spread.counts[*list as usize] += 1;
            spread.distances[*list as usize] += distance;
        }
        spread
    }

    /// The same around fewer centroids, each in the place of those whose parent it is.
    pub(super) fn merged(&self, from: &Centroids, to: &Centroids, parents: &[u32]) -> Self {
        let mut merged = Self {
            counts: vec![0; to.count()],
            distances: vec![0.0; to.count()],
        };
        for (list, parent) in (0..).zip(parents) {
            let (count, place) = (self.counts[list as usize], *parent as usize);
            let point = from.of(list);
            // The points lie around their mean, as far as k-means has come to its end.
            let moved = to.distance(point, *parent);
            merged.counts[place] += count;
            merged.distances[place] += self.distances[list as usize] + f64::from(count) * moved;
        }
        merged
    }

    /// What the lists had best have as their biases; as squared distances. A list without any points has that of all.
    pub(super) fn biases(&self) -> Vec<f64> {
        let mean = |distances: f64, count: f64| SHARE * distances / count.max(1.0);
        let all = mean(
            self.distances.iter().sum(),
            self.counts.iter().copied().map(f64::from).sum(),
        );
        let of_list = |(distances, count): (&f64, &u32)| match count {
            0 => all,
            count => mean(*distances, f64::from(*count)),
        };
        self.distances
            .iter()
            .zip(&self.counts)
            .map(of_list)
            .collect()
    }
}

/// Writes biases into centroid records (R-IDX-4), and returns what they are then: they are rounded, and there is none
/// under the inner product.
pub(super) fn store(
    biases: &[f64],
    metric: Metric,
    dimension: usize,
    records: &mut [u8],
) -> Vec<f64> {
    let stride = vec::stride(VectorKind::I8, dimension as u32) as usize;
    let store = |(wanted, record): (&f64, &mut [u8])| {
        let Some((head, _)) = record.split_first_chunk_mut::<12>() else {
            return 0.0;
        };
        let [_, scale, sum] = head.as_chunks_mut::<4>().0 else {
            return 0.0;
        };
        let scale = f64::from(f32::from_le_bytes(*scale));
        if metric == Metric::InnerProduct || scale == 0.0 {
            return 0.0;
        }
        let squares = u32::from_le_bytes(*sum);
        let unit = scale * scale;
        // A float that is too large for it becomes the greatest integer.
        let weight = ((wanted / unit).round_ties_even() as u32).min(u32::MAX - squares);
        *sum = (squares + weight).to_le_bytes();
        unit * f64::from(weight)
    };
    biases
        .iter()
        .zip(records.chunks_exact_mut(stride))
        .map(store)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::encode_i8;

    #[test]
    fn biases_are_half_of_the_mean_squared_distance_in_each_list() {
        let spread = Spread::new(4, &[0, 2, 0, 2, 3], [1.0, 2.0, 3.0, 6.0, 0.0].into_iter());
        assert_eq!(spread.counts, [2, 0, 2, 1]);
        assert_eq!(spread.biases(), [1.0, 0.5 * 12.0 / 5.0, 2.0, 0.0]);
    }

    #[test]
    fn records_hold_biases_as_far_as_they_have_room() {
        let vectors = [[1.0, -2.0, 0.5], [0.0; 3], [1e-9, 0.0, 0.0]];
        let mut records = vec![0; 3 * 16];
        for (record, vector) in records.chunks_exact_mut(16).zip(&vectors) {
            encode_i8(0, vector, record);
        }
        let before = records.clone();
        let sum = |records: &[u8], n: usize| {
            u32::from_le_bytes(*records[16 * n + 8..].first_chunk().unwrap())
        };
        let biases = store(&[0.25; 3], Metric::L2, 3, &mut records);
        assert!((biases[0] - 0.25).abs() < 0.0003, "{biases:?}");
        // A zero vector has no scale; beside a tiny one the bias is out of reach.
        assert_eq!(biases[1], 0.0);
        assert_eq!((sum(&records, 1), sum(&records, 2)), (0, u32::MAX));
        assert!(biases[2] > 0.0 && biases[2] < 0.25);
        let scale = f64::from(f32::from_le_bytes(*records[4..].first_chunk().unwrap()));
        let weight = sum(&records, 0) - sum(&before, 0);
        assert_eq!(biases[0], scale * scale * f64::from(weight));

        let mut records = before.clone();
        assert_eq!(
            store(&[0.25; 3], Metric::InnerProduct, 3, &mut records),
            [0.0; 3]
        );
        assert_eq!(records, before);
    }
}
