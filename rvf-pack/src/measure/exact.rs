//! Exact search over the input as given: how far the k-th neighbour of each query is.

use rayon::prelude::*;
use rvf_types::Metric;

use super::sample::Sample;

/// Queries whose sums run side by side: sixteen lanes each fill the registers of the common processors.
const QUERIES: usize = 4;

/// Rows of a task: with four queries they fit the first-level cache at common dimensions.
const ROWS: usize = 32;

/// Rows between two updates of the nearest.
const ROWS_AT_ONCE: usize = 64 * ROWS;

const LANES: usize = 16;

/// Rows that are kept beside the nearest because they are as far as the last of these. Of more, those behind count as no
/// hits: what is measured is then less than what is reached.
const MOST_TIES: usize = 4096;

/// The exact answers to a sample's queries: their nearest rows.
///
/// Distances are f32, summed in sixteen lanes, so that they are the same on every processor.
#[derive(Debug)]
pub(crate) struct Exact<'a> {
    metric: Metric,
    sample: &'a Sample,
    /// Groups of [`QUERIES`] queries, filled up with zeros; component by component in blocks of sixteen would gain
    /// nothing: they are read in order.
    queries: Vec<f32>,
    /// The reciprocals of the queries' lengths.
    factors: Vec<f64>,
    answers: Vec<Answer>,
    distances: Vec<f32>,
    rows: usize,
}

/// The nearest rows of one query, itself left out.
#[derive(Debug)]
pub(crate) struct Answer {
    own_row: u32,
    keep: usize,
    /// Distance and row of the nearest, in this order: at most `keep`, and those that are as far as the last of them.
    nearest: Vec<(f32, u32)>,
    /// Row and distance of the same, by row, once all rows have come by.
    by_row: Vec<(u32, f32)>,
}

impl<'a> Exact<'a> {
    /// `keep`: how many of the nearest are kept.
    pub(crate) fn new(metric: Metric, sample: &'a Sample, keep: usize) -> Self {
        let groups = sample.len().div_ceil(QUERIES);
        let mut queries: Vec<f32> = sample.vectors().flatten().copied().collect();
        queries.resize(groups * QUERIES * sample.dimension, 0.0);
        let answer = |own_row: &u32| Answer {
            own_row: *own_row,
            keep,
            nearest: Vec::with_capacity(keep + 1),
            by_row: Vec::new(),
        };
        Self {
            metric,
            sample,
            factors: sample.vectors().map(reciprocal_length).collect(),
            queries,
            answers: sample.rows.iter().map(answer).collect(),
            distances: Vec::new(),
            rows: 0,
        }
    }

    /// Takes the next rows of the input.
    pub(crate) fn add(&mut self, vectors: &[f32]) {
        for vectors in vectors.chunks(ROWS_AT_ONCE * self.sample.dimension) {
            self.add_piece(vectors);
        }
    }

    fn add_piece(&mut self, vectors: &[f32]) {
        let dimension = self.sample.dimension;
        let count = vectors.len() / dimension;
        let tile = self.sample.len() * ROWS;
        let mut distances = std::mem::take(&mut self.distances);
        distances.resize(count.div_ceil(ROWS) * tile, 0.0);
        distances
            .par_chunks_mut(tile)
            .zip(vectors.par_chunks(ROWS * dimension))
            .for_each(|(distances, vectors)| self.tile(vectors, distances));
        let first_row = self.rows as u32;
        self.answers
            .par_iter_mut()
            .enumerate()
            .for_each(|(query, answer)| {
                let of_query = distances
                    .chunks_exact(tile)
                    .map(|tile| &tile[query * ROWS..][..ROWS]);
                let mut left = count;
                let mut row = first_row;
                for tile in of_query {
                    let here = left.min(ROWS);
                    answer.take(row, &tile[..here]);
                    left -= here;
                    row += here as u32;
                }
            });
        self.distances = distances;
        self.rows += count;
    }

    /// The distances of up to [`ROWS`] rows to all queries: query by query, [`ROWS`] values each.
    fn tile(&self, vectors: &[f32], distances: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx512f") {
            #[expect(
                unsafe_code,
                reason = "calls code for AVX-512, which is twice as fast again"
            )]
            // SAFETY: the processor has AVX-512F, and the function needs nothing else.
            unsafe {
                return self.tile_avx512(vectors, distances);
            }
        }
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            #[expect(unsafe_code, reason = "calls code for AVX2, which is twice as fast")]
            // SAFETY: the processor has AVX2, and the function needs nothing else.
            unsafe {
                return self.tile_avx2(vectors, distances);
            }
        }
        self.tile_body(vectors, distances);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f")]
    fn tile_avx512(&self, vectors: &[f32], distances: &mut [f32]) {
        self.tile_body(vectors, distances);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn tile_avx2(&self, vectors: &[f32], distances: &mut [f32]) {
        self.tile_body(vectors, distances);
    }

    #[inline(always)]
    fn tile_body(&self, vectors: &[f32], distances: &mut [f32]) {
        let dimension = self.sample.dimension;
        let mut factors = [0.0; ROWS];
        if self.metric == Metric::Cosine {
            for (factor, vector) in factors.iter_mut().zip(vectors.chunks_exact(dimension)) {
                *factor = reciprocal_length(vector);
            }
        }
        let groups = self.queries.chunks_exact(QUERIES * dimension);
        for (group, of_group) in groups.zip(distances.chunks_mut(QUERIES * ROWS)) {
            let mut queries = [group; QUERIES];
            for (query, vector) in queries.iter_mut().zip(group.chunks_exact(dimension)) {
                *query = vector;
            }
            for (row, vector) in vectors.chunks_exact(dimension).enumerate() {
                let sums = match self.metric {
                    Metric::L2 => squares(vector, queries),
                    Metric::InnerProduct | Metric::Cosine => dots(vector, queries),
                };
                // The last group may be shorter.
                for (distance, sum) in of_group.iter_mut().skip(row).step_by(ROWS).zip(sums) {
                    *distance = sum;
                }
            }
        }
        self.finish_tile(&factors, distances);
    }

    /// Turns dot products into distances. `factors` are the reciprocals of the rows' lengths.
    #[inline(always)]
    fn finish_tile(&self, factors: &[f64; ROWS], distances: &mut [f32]) {
        match self.metric {
            Metric::L2 => {}
            Metric::InnerProduct => distances
                .iter_mut()
                .for_each(|distance| *distance = -*distance),
            Metric::Cosine => {
                for (of_query, of_this) in distances.chunks_exact_mut(ROWS).zip(&self.factors) {
                    for (distance, factor) in of_query.iter_mut().zip(factors) {
                        *distance = (1.0 - f64::from(*distance) * (of_this * factor)) as f32;
                    }
                }
            }
        }
    }

    pub(crate) fn finish(mut self) -> Vec<Answer> {
        for answer in &mut self.answers {
            let turned = answer
                .nearest
                .iter()
                .map(|(distance, row)| (*row, *distance));
            answer.by_row = turned.collect();
            answer.by_row.sort_unstable_by_key(|(row, _)| *row);
        }
        self.answers
    }
}

impl Answer {
    /// Whether the nearest row is as near as a row is to itself. (Products tell nothing of that.)
    pub(crate) fn is_of_copy(&self, metric: Metric) -> bool {
        let most = match metric {
            Metric::L2 => 0.0,
            // As far as a sum of f32 may be wrong.
            Metric::Cosine => 1e-6,
            Metric::InnerProduct => return false,
        };
        self.nearest
            .first()
            .is_some_and(|(distance, _)| *distance <= most)
    }

    /// Takes the distances of the rows from `first_row` on.
    fn take(&mut self, first_row: u32, distances: &[f32]) {
        // Most rows are far: they are passed over together.
        let limit = self.limit();
        if !distances
            .iter()
            .fold(false, |any, distance| any | (*distance <= limit))
        {
            return;
        }
        for (distance, row) in distances.iter().zip(first_row..) {
            if row != self.own_row && *distance <= self.limit() {
                let place = self.nearest.partition_point(|nearer| nearer.0 <= *distance);
                self.nearest.insert(place, (*distance, row));
                self.nearest.truncate(self.keep + MOST_TIES);
                let limit = self.limit();
                while self.nearest.pop_if(|last| last.0 > limit).is_some() {}
            }
        }
    }

    /// How far a row may be to be one of those that are kept.
    fn limit(&self) -> f32 {
        let last = self.nearest.get(self.keep.wrapping_sub(1));
        last.map_or(f32::INFINITY, |(distance, _)| *distance)
    }

    /// The `k` nearest rows, or all others if there are fewer.
    pub(crate) fn nearest(&self, k: usize) -> impl ExactSizeIterator<Item = u32> {
        self.nearest.iter().take(k).map(|(_, row)| *row)
    }

    /// Whether a row is as near as the k-th nearest.
    pub(crate) fn is_hit(&self, row: u32, k: usize) -> bool {
        let found = self.by_row.binary_search_by_key(&row, |(row, _)| *row);
        let distance = found.ok().and_then(|place| self.by_row.get(place));
        match (distance, self.nearest.get(k.wrapping_sub(1))) {
            (Some((_, distance)), Some((kth, _))) => distance <= kth,
            _ => false,
        }
    }
}

#[inline(always)]
fn reciprocal_length(vector: &[f32]) -> f64 {
    let [square, ..] = dots(vector, [vector; QUERIES]);
    1.0 / f64::from(square).sqrt()
}

/// Sums of products of `vector` with each query, in sixteen lanes.
#[inline(always)]
fn dots(vector: &[f32], queries: [&[f32]; QUERIES]) -> [f32; QUERIES] {
    sums(vector, queries, |a, b| a * b)
}

/// Sums of squared differences of `vector` to each query, in sixteen lanes.
#[inline(always)]
fn squares(vector: &[f32], queries: [&[f32]; QUERIES]) -> [f32; QUERIES] {
    sums(vector, queries, |a, b| (a - b) * (a - b))
}

#[inline(always)]
fn sums(
    vector: &[f32],
    queries: [&[f32]; QUERIES],
    term: impl Fn(f32, f32) -> f32 + Copy,
) -> [f32; QUERIES] {
    let (blocks, rest) = vector.as_chunks::<LANES>();
    let [q0, q1, q2, q3] = queries.map(|query| query.as_chunks::<LANES>());
    // Four variables rather than an array of them: so they stay in registers.
    let (mut s0, mut s1, mut s2, mut s3) = ([0.0; LANES], [0.0; LANES], [0.0; LANES], [0.0; LANES]);
    let of_queries = q0.0.iter().zip(q1.0).zip(q2.0).zip(q3.0);
    for (block, (((a, b), c), d)) in blocks.iter().zip(of_queries) {
        s0 = add(s0, block, a, term);
        s1 = add(s1, block, b, term);
        s2 = add(s2, block, c, term);
        s3 = add(s3, block, d, term);
    }
    let mut lanes = [s0, s1, s2, s3];
    for (lanes, query) in lanes.iter_mut().zip([q0.1, q1.1, q2.1, q3.1]) {
        for ((lane, x), y) in lanes.iter_mut().zip(rest).zip(query) {
            *lane += term(*x, *y);
        }
    }
    totals(lanes)
}

#[inline(always)]
fn add(
    mut lanes: [f32; LANES],
    x: &[f32; LANES],
    y: &[f32; LANES],
    term: impl Fn(f32, f32) -> f32,
) -> [f32; LANES] {
    for ((lane, x), y) in lanes.iter_mut().zip(x).zip(y) {
        *lane += term(*x, *y);
    }
    lanes
}

/// The sum of the lanes of each: first the halves, then the quarters and so on, side by side.
#[inline(always)]
fn totals(lanes: [[f32; LANES]; QUERIES]) -> [f32; QUERIES] {
    let mut sums = [0.0; QUERIES];
    let mut quarters = [[0.0; LANES / 4]; QUERIES];
    for (quarter, lanes) in quarters.iter_mut().zip(lanes) {
        for (place, sum) in quarter.iter_mut().enumerate() {
            let [a, b, c, d] = [0, 4, 8, 12].map(|from| lanes[from + place]);
            *sum = (a + c) + (b + d);
        }
    }
    for (sum, [a, b, c, d]) in sums.iter_mut().zip(quarters) {
        *sum = (a + c) + (b + d);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sampler;
    use super::*;

    fn vectors(rows: usize, dimension: usize) -> Vec<f32> {
        let value = |i: usize| {
            ((i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f32 / 8_388_608.0 - 1.0
        };
        (0..rows * dimension).map(value).collect()
    }

    fn naive(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
        let sum = |term: fn(f64, f64) -> f64, a: &[f32], b: &[f32]| -> f64 {
            a.iter()
                .zip(b)
                .map(|(a, b)| term(f64::from(*a), f64::from(*b)))
                .sum()
        };
        let dot = |a, b| sum(|a, b| a * b, a, b);
        match metric {
            Metric::L2 => sum(|a, b| (a - b) * (a - b), a, b),
            Metric::InnerProduct => -dot(a, b),
            Metric::Cosine => 1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt(),
        }
    }

    #[test]
    fn answers_are_those_of_the_naive_search() {
        for (rows, dimension) in [(333, 35), (70, 1), (2_100, 3), (40, 128)] {
            let data = vectors(rows, dimension);
            let row = |i: usize| &data[i * dimension..][..dimension];
            let mut sampler = Sampler::new(dimension);
            sampler.offer(0, &data);
            let sample = sampler.finish();
            for metric in [Metric::L2, Metric::InnerProduct, Metric::Cosine] {
                let mut exact = Exact::new(metric, &sample, 10);
                data.chunks(97 * dimension)
                    .for_each(|batch| exact.add(batch));
                for (query, answer) in exact.finish().iter().enumerate() {
                    let own = sample.rows[query];
                    let all: Vec<f64> = (0..rows)
                        .map(|i| naive(metric, sample.vector(query), row(i)))
                        .collect();
                    let mut others: Vec<f64> = all
                        .iter()
                        .enumerate()
                        .filter(|(i, _)| *i != own as usize)
                        .map(|(_, d)| *d)
                        .collect();
                    others.sort_by(f64::total_cmp);
                    assert!(answer.nearest.len() >= 10);
                    for ((found, row), expected) in answer.nearest.iter().zip(&others) {
                        assert!(
                            (f64::from(*found) - expected).abs() < 1e-4,
                            "{found} {expected}"
                        );
                        assert!((all[*row as usize] - expected).abs() < 1e-4);
                        assert!(answer.is_hit(*row, 10));
                    }
                    assert!(!answer.is_hit(own, 10));
                }
            }
        }
    }

    #[test]
    fn a_row_that_ties_with_the_kth_is_a_hit() {
        // Distances 0 (itself), 1, 1, 1, 4.
        let data = [0.0, 1.0, -1.0, 1.0, 2.0];
        let mut sampler = Sampler::new(1);
        sampler.offer(0, &[0.0]);
        let sample = sampler.finish();
        let mut exact = Exact::new(Metric::L2, &sample, 2);
        exact.add(&data);
        let answer = &exact.finish()[0];
        assert!((1..=3).all(|row| answer.is_hit(row, 1)));
        assert!(!answer.is_hit(4, 2));
        assert!(!answer.is_hit(0, 1), "itself");
        assert_eq!(answer.nearest(2).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn of_many_ties_some_are_kept() {
        let mut sampler = Sampler::new(1);
        sampler.offer(0, &[0.0]);
        let sample = sampler.finish();
        let mut exact = Exact::new(Metric::L2, &sample, 3);
        exact.add(&vec![1.0; 10_000]);
        exact.add(&[0.5, 1.0, 2.0]);
        let answer = &exact.finish()[0];
        assert_eq!(answer.nearest(3).collect::<Vec<_>>(), [10_000, 1, 2]);
        assert!(answer.is_hit(3_000, 2) && !answer.is_hit(3_000, 1) && !answer.is_hit(10_002, 3));
        assert_eq!(answer.nearest.len(), 3 + MOST_TIES);
    }
}
