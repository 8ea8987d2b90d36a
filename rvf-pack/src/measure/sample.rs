//! Rows held out as queries.

use std::collections::BinaryHeap;

use crate::hash::splitmix64;

/// Rows that are drawn, where there are that many: one of so many, but no fewer than the first number and no more than the
/// second. The more rows there are, the less their exact answers take beside all else.
const ROWS: [usize; 2] = [400, 1_000];
const ONE_OF: u64 = 400;

/// Vectors of high dimension are drawn in such a number that they take no more memory than this.
const BYTES: usize = 16 << 20;

/// The least number that is drawn all the same.
const LEAST_ROWS: usize = 32;

/// A sample of the rows that come by, without their number known before: those with the least hash of the row's number.
/// So it is spread evenly, does not beat with a period in the data, and is the same for the same rows every time.
#[derive(Debug)]
pub(crate) struct Sampler {
    dimension: usize,
    capacity: usize,
    /// Rows that came by.
    seen: u64,
    /// (hash, row, slot) of the rows drawn so far, the greatest hash first.
    drawn: BinaryHeap<(u64, u32, usize)>,
    /// The vectors by slot.
    vectors: Vec<f32>,
}

/// Rows of the input, as given, in a random order: the first of them are a sample too.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) dimension: usize,
    pub(crate) rows: Vec<u32>,
    vectors: Vec<f32>,
}

impl Sampler {
    pub(crate) fn new(dimension: usize) -> Self {
        let capacity = (BYTES / (4 * dimension)).clamp(LEAST_ROWS, ROWS[1]);
        Self {
            dimension,
            capacity,
            seen: 0,
            drawn: BinaryHeap::new(),
            vectors: Vec::new(),
        }
    }

    /// Offers a batch of rows, of which `first_row` is the first.
    pub(crate) fn offer(&mut self, first_row: u32, vectors: &[f32]) {
        for (vector, row) in vectors.chunks_exact(self.dimension).zip(first_row..) {
            let hash = splitmix64(u64::from(row));
            self.seen += 1;
            if self.drawn.len() < self.capacity {
                self.drawn.push((hash, row, self.drawn.len()));
                self.vectors.extend_from_slice(vector);
            } else if let Some(mut greatest) = self.drawn.peek_mut()
                && hash < greatest.0
            {
                let slot = greatest.2;
                *greatest = (hash, row, slot);
                let from = slot * self.dimension;
                self.vectors[from..from + self.dimension].copy_from_slice(vector);
            }
        }
    }

    pub(crate) fn finish(self) -> Sample {
        let mut drawn = self.drawn.into_sorted_vec();
        let share = usize::try_from(self.seen / ONE_OF).unwrap_or(usize::MAX);
        drawn.truncate(share.clamp(ROWS[0], ROWS[1]));
        let vector = |slot: usize| &self.vectors[slot * self.dimension..][..self.dimension];
        let vectors = drawn
            .iter()
            .flat_map(|(_, _, slot)| vector(*slot))
            .copied()
            .collect();
        let rows = drawn.into_iter().map(|(_, row, _)| row).collect();
        Sample {
            dimension: self.dimension,
            rows,
            vectors,
        }
    }
}

impl Sample {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Keeps the rows for which `keep` says so, in their order.
    pub(crate) fn retain(&mut self, keep: &[bool]) {
        let vectors = self.vectors.chunks_exact(self.dimension).zip(keep);
        let kept = vectors.filter(|(_, keep)| **keep).map(|(vector, _)| vector);
        self.vectors = kept.flatten().copied().collect();
        let mut keep = keep.iter();
        self.rows.retain(|_| keep.next() != Some(&false));
    }

    /// The vector of query `query`, counted from 0.
    pub(crate) fn vector(&self, query: usize) -> &[f32] {
        &self.vectors[query * self.dimension..][..self.dimension]
    }

    pub(crate) fn vectors(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.vectors.chunks_exact(self.dimension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(rows: usize, dimension: usize, batch: usize) -> Sample {
        let vectors: Vec<f32> = (0..rows * dimension).map(|i| i as f32).collect();
        let mut sampler = Sampler::new(dimension);
        let mut row = 0;
        for vectors in vectors.chunks(batch * dimension) {
            sampler.offer(row, vectors);
            row += batch as u32;
        }
        sampler.finish()
    }

    #[test]
    fn a_sample_is_spread_and_does_not_depend_on_the_batches() {
        let one = sample(10_000, 3, 10_000);
        assert_eq!(one.rows.len(), ROWS[0]);
        for (row, vector) in one.rows.iter().zip(one.vectors()) {
            assert_eq!(vector[0], (row * 3) as f32);
        }
        // Each tenth of the rows has about a tenth of the sample.
        let mut rows = one.rows.clone();
        rows.sort_unstable();
        for tenth in rows.chunk_by(|a, b| a / 1000 == b / 1000) {
            assert!((22..62).contains(&tenth.len()), "{tenth:?}");
        }
        for batch in [1, 7, 4096] {
            let other = sample(10_000, 3, batch);
            assert_eq!((&other.rows, &other.vectors), (&one.rows, &one.vectors));
        }
    }

    #[test]
    fn of_many_rows_more_are_drawn_up_to_a_limit() {
        assert_eq!(sample(200_000, 1, 4_096).rows.len(), 500);
        assert_eq!(sample(500_000, 1, 4_096).rows.len(), ROWS[1]);
    }

    #[test]
    fn of_few_rows_all_are_drawn() {
        let mut rows = sample(3, 5, 2).rows;
        rows.sort_unstable();
        assert_eq!(rows, [0, 1, 2]);
    }

    #[test]
    fn rows_that_are_kept_keep_their_vectors() {
        let mut few = sample(10, 3, 10);
        let (rows, vectors): (Vec<u32>, Vec<Vec<f32>>) = (
            few.rows.clone(),
            few.vectors().map(<[f32]>::to_vec).collect(),
        );
        let keep: Vec<bool> = (0..10).map(|place| place % 3 != 1).collect();
        few.retain(&keep);
        let places = [0, 2, 3, 5, 6, 8, 9];
        assert_eq!(few.rows, places.map(|place| rows[place]));
        assert!(
            few.vectors()
                .eq(places.iter().map(|place| &vectors[*place][..]))
        );
        assert_eq!(few.vector(1), vectors[2]);
    }

    #[test]
    fn large_vectors_take_no_more_memory() {
        assert_eq!(sample(70, 65_536, 10).len(), 64);
    }
}
