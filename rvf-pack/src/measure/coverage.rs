//! In which lists the true neighbours of queries are found: what a number of probes can reach, and what it visits. That
//! needs no search.

use rayon::prelude::*;
use rvf_microkernel::Backend;
use rvf_types::Metric;

use super::exact::Answer;
use super::sample::Sample;

/// For each query the place of each list among those that it visits, the nearest first.
#[derive(Debug)]
pub(crate) struct Ranks {
    lists: usize,
    /// Query after query. There are at most 65,536 lists.
    ranks: Vec<u16>,
}

impl Ranks {
    /// Of the first `queries` of the sample. `centroids`: one after the other, as they are in the file; `biases`: of their lists,
    /// as squared distances, or none.
    pub(crate) fn new(
        sample: &Sample,
        queries: usize,
        centroids: &[f32],
        biases: &[f64],
        metric: Metric,
        backend: Backend,
    ) -> Self {
        let dimension = sample.dimension;
        let lists = centroids.len() / dimension;
        let product = |a: &[f32], b: &[f32]| f64::from(backend.sum_of_products(a, b));
        // What a distance has beside a product with the query.
        let mut squares: Vec<f64> = match metric {
            Metric::InnerProduct => vec![0.0; lists],
            _ => centroids
                .par_chunks_exact(dimension)
                .map(|c| product(c, c))
                .collect(),
        };
        for (square, bias) in squares.iter_mut().zip(biases) {
            *square += bias;
        }
        let mut ranks = vec![0; queries.min(sample.len()) * lists];
        ranks
            .par_chunks_exact_mut(lists)
            .enumerate()
            .for_each(|(query, ranks)| {
                let vector = sample.vector(query);
                // Twice the product with the normalised query under cosine, as the mean of centroids has no unit length.
                let factor = match metric {
                    Metric::Cosine => 2.0 / product(vector, vector).sqrt(),
                    Metric::L2 => 2.0,
                    Metric::InnerProduct => 1.0,
                };
                let distance = |(square, centroid): (&f64, &[f32])| {
                    square - factor * product(vector, centroid)
                };
                let centroids = centroids.chunks_exact(dimension);
                let mut order: Vec<(f64, usize)> = squares
                    .iter()
                    .zip(centroids)
                    .map(distance)
                    .zip(0..)
                    .collect();
                order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                for (rank, (_, list)) in (0..=u16::MAX).zip(order) {
                    ranks[list] = rank;
                }
            });
        Self { lists, ranks }
    }

    fn queries(&self) -> usize {
        self.ranks.len() / self.lists
    }

    fn of_query(&self, query: usize) -> &[u16] {
        &self.ranks[query * self.lists..][..self.lists]
    }
}

/// What numbers of probes reach and visit.
#[derive(Debug)]
pub(crate) struct Coverage {
    /// For each query, for its nearest rows in order: the place of the first list that has the row.
    ranks: Vec<Vec<u16>>,
    /// Mean entries of the lists that are visited with so many probes; of none first.
    entries: Vec<f64>,
}

impl Coverage {
    /// `places` gives the list of a row, and that of its second entry or the same again; `entries` has the number of
    /// entries of each list.
    pub(crate) fn new(
        ranks: &Ranks,
        answers: &[Answer],
        k: usize,
        places: impl Fn(u32) -> [u32; 2],
        entries: &[f64],
    ) -> Self {
        let mut sums = vec![0.0; ranks.lists + 1];
        for query in 0..ranks.queries() {
            for (rank, entries) in ranks.of_query(query).iter().zip(entries) {
                sums[usize::from(*rank) + 1] += entries;
            }
        }
        let mut visited = 0.0;
        for sum in &mut sums {
            visited += *sum / ranks.queries().max(1) as f64;
            *sum = visited;
        }
        let of_query = |(query, answer): (usize, &Answer)| {
            let ranks = ranks.of_query(query);
            let first = |row| {
                places(row)
                    .map(|list| ranks[list as usize])
                    .into_iter()
                    .min()
            };
            answer
                .nearest(k)
                .map(|row| first(row).unwrap_or(u16::MAX))
                .collect()
        };
        Self {
            ranks: answers
                .iter()
                .enumerate()
                .take(ranks.queries())
                .map(of_query)
                .collect(),
            entries: sums,
        }
    }

    /// How many lists there are.
    pub(crate) fn lists(&self) -> usize {
        self.entries.len() - 1
    }

    /// Mean entries of the lists that are visited with so many probes.
    pub(crate) fn entries(&self, probes: usize) -> f64 {
        self.entries[probes.min(self.lists())]
    }

    /// The place of the first list that has a query's neighbour, the nearest being number 0.
    pub(crate) fn rank(&self, query: usize, neighbour: usize) -> Option<u16> {
        self.ranks.get(query)?.get(neighbour).copied()
    }

    /// The share of the `k` nearest rows of all queries that the first lists hold: of none, of one, …
    pub(crate) fn shares(&self, k: usize) -> Vec<f64> {
        self.shares_of(usize::MAX, k)
    }

    /// The same of the first queries.
    pub(crate) fn shares_of(&self, queries: usize, k: usize) -> Vec<f64> {
        let mut shares = vec![0.0; self.entries.len()];
        let mut total = 0.0;
        let ranks = self.ranks.iter().take(queries);
        for rank in ranks.flat_map(|ranks| ranks.iter().take(k)) {
            shares[usize::from(*rank) + 1] += 1.0;
            total += 1.0;
        }
        let mut sum = 0.0;
        for share in &mut shares {
            sum += *share;
            *share = sum / total;
        }
        shares
    }

    /// The least number of probes whose lists hold at least such a share of the `k` nearest rows of all queries.
    pub(crate) fn probes(&self, share: f64, k: usize) -> usize {
        let shares = self.shares(k);
        shares
            .partition_point(|held| *held < share)
            .clamp(1, self.lists())
    }
}

#[cfg(test)]
mod tests {
    use super::super::exact::Exact;
    use super::super::sample::Sampler;
    use super::*;

    #[test]
    fn shares_and_entries_are_those_of_a_count() {
        // Rows on a line: ten lists of ten rows each, around the middle of theirs.
        let rows: Vec<f32> = (0..100).map(|row| row as f32).collect();
        let centroids: Vec<f32> = (0..10).map(|list| list as f32 * 10.0 + 4.5).collect();
        let mut sampler = Sampler::new(1);
        sampler.offer(0, &rows);
        let sample = sampler.finish();
        let mut exact = Exact::new(Metric::L2, &sample, 4);
        exact.add(&rows);
        let answers = exact.finish();
        let ranks = Ranks::new(&sample, 100, &centroids, &[], Metric::L2, Backend::scalar());
        // The rows next to the upper list are in it too.
        let own = |row: u32| row / 10;
        let second = |row: u32| {
            if row % 10 == 9 && row < 99 {
                own(row) + 1
            } else {
                own(row)
            }
        };
        let mut entries = vec![10.0; 10];
        entries[1..].fill(11.0);
        let coverage = Coverage::new(&ranks, &answers, 4, |row| [own(row), second(row)], &entries);
        let (mut held, mut visited) = (vec![0; 11], vec![0.0; 11]);
        for (query, answer) in answers.iter().enumerate() {
            let from = sample.vector(query)[0];
            let mut order: Vec<u32> = (0..10).collect();
            order.sort_by(|a, b| {
                let distance = |list: &u32| (centroids[*list as usize] - from).abs();
                distance(a).total_cmp(&distance(b)).then(a.cmp(b))
            });
            for probes in 0..=10 {
                let lists = &order[..probes];
                visited[probes] += lists
                    .iter()
                    .map(|list| entries[*list as usize])
                    .sum::<f64>();
                let is_held =
                    |row: &u32| lists.contains(&own(*row)) || lists.contains(&second(*row));
                held[probes] += answer.nearest(2).filter(is_held).count();
            }
        }
        for (probes, share) in coverage.shares(2).into_iter().enumerate() {
            assert!((share - held[probes] as f64 / 200.0).abs() < 1e-9);
            assert!((coverage.entries(probes) - visited[probes] / 100.0).abs() < 1e-9);
        }
        assert_eq!(coverage.probes(1.0, 4), 2);
        assert_eq!((coverage.probes(0.0, 4), coverage.lists()), (1, 10));
    }
}
