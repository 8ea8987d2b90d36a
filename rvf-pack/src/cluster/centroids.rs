//! Points that lists stand around.

use std::cmp::Ordering;

use rvf_microkernel::Backend;

/// Centroids, less the mean of all vectors, one after the other.
#[derive(Debug)]
pub(crate) struct Centroids {
    values: Vec<f32>,
    dimension: usize,
    /// |c|² of each.
    squares: Vec<f64>,
    backend: Backend,
}

/// A centroid, and its squared distance from a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    pub(crate) list: u32,
    pub(crate) distance: f64,
}

impl Centroids {
    pub(crate) fn new(values: Vec<f32>, dimension: usize, backend: Backend) -> Self {
        let mut centroids = Self {
            values,
            dimension,
            squares: Vec::new(),
            backend,
        };
        centroids.changed();
        centroids
    }

    /// The same in another order.
    pub(crate) fn in_order(&self, order: &[u32]) -> Self {
        let values = order.iter().flat_map(|list| self.of(*list)).copied();
        Self::new(values.collect(), self.dimension, self.backend)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.squares.len()
    }

    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    pub(crate) fn backend(&self) -> Backend {
        self.backend
    }

    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Changes the centroids.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut [f32])) {
        change(&mut self.values);
        self.changed();
    }

    fn changed(&mut self) {
        let square = |c: &[f32]| self.backend.sum_of_products(c, c).into();
        self.squares = self
            .values
            .chunks_exact(self.dimension)
            .map(square)
            .collect();
    }

    pub(crate) fn of(&self, list: u32) -> &[f32] {
        &self.values[list as usize * self.dimension..][..self.dimension]
    }

    fn square(&self, list: u32) -> f64 {
        self.squares[list as usize]
    }

    /// The squared distance between a point and a centroid, less the square of the point: less means nearer. Summed in
    /// sixteen lanes, so that it is the same on every processor.
    pub(crate) fn nearness(&self, point: &[f32], list: u32) -> f64 {
        self.square(list) - 2.0 * f64::from(self.backend.sum_of_products(point, self.of(list)))
    }

    /// The squared distance between a point and a centroid.
    pub(crate) fn distance(&self, point: &[f32], list: u32) -> f64 {
        (self.square_of(point) + self.nearness(point, list)).max(0.0)
    }

    /// The squared distances between a point and some centroids, in the order of (distance, list).
    pub(crate) fn distances(
        &self,
        point: &[f32],
        lists: impl Iterator<Item = u32>,
        found: &mut Vec<Found>,
    ) {
        let square = self.square_of(point);
        found.clear();
        found.extend(lists.map(|list| Found {
            list,
            distance: (square + self.nearness(point, list)).max(0.0),
        }));
        found.sort_unstable_by(Found::compare);
    }

    /// The squared distance between two centroids.
    pub(crate) fn between(&self, one: u32, other: u32) -> f64 {
        self.square(one) + self.nearness(self.of(one), other)
    }

    /// What a point's distances have beside their [`nearness`](Self::nearness).
    pub(crate) fn square_of(&self, point: &[f32]) -> f64 {
        self.backend.sum_of_products(point, point).into()
    }
}

impl Found {
    /// By distance, then by list.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        self.distance
            .total_cmp(&other.distance)
            .then(self.list.cmp(&other.list))
    }
}
