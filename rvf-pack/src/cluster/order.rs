//! The order of lists in the file: near ones near each other, so that what a search visits is read in few pieces.

use rayon::prelude::*;

/// The numbers of `centroids`, in an order in which near ones follow each other: they are cut in two halves across the
/// line between two that are far apart, and so are the halves.
pub(crate) fn by_place(centroids: &[f32], dimension: usize) -> Vec<u32> {
    let centroids = Centroids {
        values: centroids,
        dimension,
    };
    let mut order: Vec<u32> = (0..(centroids.values.len() / dimension) as u32).collect();
    centroids.arrange(&mut order, None);
    order
}

#[derive(Clone, Copy)]
struct Centroids<'a> {
    values: &'a [f32],
    dimension: usize,
}

impl<'a> Centroids<'a> {
    fn of(self, number: u32) -> &'a [f32] {
        &self.values[number as usize * self.dimension..][..self.dimension]
    }

    fn distance(self, a: u32, b: u32) -> f64 {
        let differences = self
            .of(a)
            .iter()
            .zip(self.of(b))
            .map(|(a, b)| f64::from(a - b));
        differences.map(|difference| difference * difference).sum()
    }

    /// The one of `among` that is farthest from `from`; of equally far ones the first.
    fn farthest(self, from: u32, among: &[u32]) -> u32 {
        among
            .iter()
            .map(|number| (self.distance(from, *number), *number))
            .reduce(|best, next| if next.0 > best.0 { next } else { best })
            .map_or(from, |(_, number)| number)
    }

    /// Arranges some centroids so that the first is on the side of `before`.
    fn arrange(self, order: &mut [u32], before: Option<u32>) {
        let [first, _, _, ..] = order else {
            // Of two, the nearer to what came before goes first.
            if let ([a, b], Some(before)) = (order, before)
                && self.distance(before, *b) < self.distance(before, *a)
            {
                std::mem::swap(a, b);
            }
            return;
        };
        let one = self.farthest(*first, order);
        let other = self.farthest(one, order);
        let turned =
            before.is_some_and(|before| self.distance(before, other) < self.distance(before, one));
        let (from, to) = if turned { (other, one) } else { (one, other) };
        let mut places: Vec<(f64, u32)> = order
            .par_iter()
            .map(|number| (self.along(from, to, *number), *number))
            .collect();
        places.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (place, (_, number)) in order.iter_mut().zip(places) {
            *place = number;
        }
        let (head, tail) = order.split_at_mut(order.len() / 2);
        self.arrange(head, before);
        self.arrange(tail, head.last().copied());
    }

    /// How far a centroid is on the way from one to another.
    fn along(self, from: u32, to: u32, number: u32) -> f64 {
        let way = self
            .of(to)
            .iter()
            .zip(self.of(from))
            .map(|(to, from)| f64::from(to - from));
        way.zip(self.of(number))
            .map(|(way, value)| way * f64::from(*value))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ones_follow_each_other() {
        // Points on a circle in a random order.
        let count = 64_usize;
        let angle =
            |number: usize| (number * 27 % count) as f32 / count as f32 * std::f32::consts::TAU;
        let values: Vec<f32> = (0..count)
            .flat_map(|number| [angle(number).cos(), angle(number).sin()])
            .collect();
        let order = by_place(&values, 2);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..count as u32));
        let centroids = Centroids {
            values: &values,
            dimension: 2,
        };
        let way = |order: &[u32]| {
            order
                .windows(2)
                .map(|pair| centroids.distance(pair[0], pair[1]).sqrt())
                .sum::<f64>()
        };
        let unordered: Vec<u32> = (0..count as u32).collect();
        assert!(
            way(&order) * 4.0 < way(&unordered),
            "{} {}",
            way(&order),
            way(&unordered)
        );
    }

    #[test]
    fn few_and_equal_ones_keep_an_order() {
        assert!(by_place(&[], 3).is_empty());
        assert_eq!(by_place(&[1.0], 1), [0]);
        assert_eq!(by_place(&[1.0; 10], 2), [0, 1, 2, 3, 4]);
    }
}
