//! The nearest centroids of a point, found by the search engine itself: the centroids are a small file in memory.

use rvf_microkernel::{Error, HEAD_LEN, Hit, Index, Params, Regions, search, state_len};
use rvf_types::{IndexHead, ListEntry, Metric, VectorKind, index, limits, vec};

use super::centroids::{Centroids, Found};
use crate::codes::Coder;
use crate::error::PackError;
use crate::mean::Mean;
use crate::records::encode_i8;

/// The seed of the rotation of centroids. Any will do.
const SEED: u64 = 1;

/// Width of the bounds. With it 998 of 1,000 points find their nearest centroid (real text embeddings, 1,024 lists), and a
/// wider one makes no better lists.
const SLACK: f32 = 1.25;

/// Centroids that can be searched for.
#[derive(Debug)]
pub(crate) struct Nearest<'a> {
    centroids: &'a Centroids,
    index: Index,
    head: Vec<u8>,
    codes: Vec<u8>,
    records: Vec<u8>,
}

/// A search for the nearest of centroids, to be used for many points.
#[derive(Debug)]
pub(crate) struct Searcher<'a> {
    nearest: &'a Nearest<'a>,
    params: Params,
    memory: Vec<u64>,
    hits: Vec<Hit>,
    lists: Vec<u32>,
    found: Vec<Found>,
}

impl<'a> Nearest<'a> {
    pub(crate) fn new(centroids: &'a Centroids) -> Result<Self, PackError> {
        let (dimension, backend) = (centroids.dimension(), centroids.backend());
        let rows = centroids.count() as u32;
        let mut mean = Mean::new(dimension);
        mean.add(centroids.values());
        let mean = mean.finish();
        let coder = Coder {
            dimension,
            metric: Metric::L2,
            seed: SEED,
            backend,
        };
        let head = IndexHead::new(rows, dimension as u32, Metric::L2, VectorKind::I8, 1, SEED);
        let head = index::write(&head, &mean, &[ListEntry::only(rows)], &[], &[])?;
        let stride = vec::stride(VectorKind::I8, dimension as u32) as usize;
        let mut records = vec![0; rows as usize * stride];
        let vectors = centroids.values().chunks_exact(dimension);
        for ((row, vector), record) in (0..).zip(vectors).zip(records.chunks_exact_mut(stride)) {
            // Less the mean they may be longer than any vector: then they are found less well.
            let limit = limits::MAX_COMPONENT;
            let vector: Vec<f32> = vector
                .iter()
                .map(|value| value.clamp(-limit, limit))
                .collect();
            encode_i8(row, &vector, record);
        }
        Ok(Self {
            centroids,
            index: Index::parse(&head).map_err(failed)?,
            head,
            codes: coder.one_list(centroids.values(), &mean, &[])?,
            records,
        })
    }

    pub(crate) fn centroids(&self) -> &Centroids {
        self.centroids
    }

    /// Searches for the `most` nearest, or all if there are fewer.
    pub(crate) fn searcher(&'a self, most: usize) -> Result<Searcher<'a>, PackError> {
        let most = most.clamp(1, self.centroids.count());
        let mut params = Params::new(most as u32);
        params.slack = SLACK;
        let words = state_len(&self.index, &params).map_err(failed)?;
        Ok(Searcher {
            nearest: self,
            params,
            memory: vec![0; words],
            hits: vec![Hit::default(); most],
            lists: Vec::with_capacity(most),
            found: Vec::with_capacity(most),
        })
    }
}

impl Searcher<'_> {
    /// The nearest centroids, in the order of (distance, list). The distances are exact; rarely one of the nearest is not
    /// found.
    pub(crate) fn nearest(&mut self, point: &[f32]) -> Result<&[Found], PackError> {
        let nearest = self.nearest;
        let mut regions = Regions {
            index: &nearest.head,
            quant: &nearest.codes,
            vec_i8: &nearest.records,
            ..Regions::default()
        };
        let answer = search(
            &nearest.index,
            nearest.head.get(HEAD_LEN..).unwrap_or_default(),
            &mut regions,
            &self.params,
            point,
            nearest.centroids.backend(),
            &mut self.memory,
            &mut self.hits,
        );
        let centroids = nearest.centroids;
        self.lists.clear();
        match answer {
            Ok((count, _)) => self
                .lists
                .extend(self.hits.iter().take(count).map(|hit| hit.row)),
            // Less the mean it is too long for a query: a point at the end of the range of numbers.
            Err(Error::BadQuery) => self.lists.extend(0..centroids.count() as u32),
            Err(error) => return Err(failed(error)),
        }
        centroids.distances(point, self.lists.iter().copied(), &mut self.found);
        self.found.truncate(self.hits.len());
        Ok(&self.found)
    }
}

fn failed(error: Error) -> PackError {
    PackError::Measure {
        what: "a search for centroids",
        error,
    }
}

#[cfg(test)]
mod tests {
    use rvf_microkernel::Backend;

    use super::*;
    use crate::cluster::testing::{blobs, nearest_of};

    #[test]
    fn nearly_all_points_find_their_nearest_centroid() {
        let dimension = 96;
        let (points, centres) = (blobs(1_000, dimension, 300), blobs(300, dimension, 300));
        let centroids = Centroids::new(centres.clone(), dimension, Backend::best());
        let nearest = Nearest::new(&centroids).unwrap();
        let mut searcher = nearest.searcher(6).unwrap();
        let expected = nearest_of(&points, &centres, dimension);
        let mut same = 0;
        for (point, expected) in points.chunks(dimension).zip(expected) {
            let found = searcher.nearest(point).unwrap();
            assert!(found.len() <= 6 && found.is_sorted_by(|a, b| a.compare(b).is_le()));
            for found in found {
                let pairs = point.iter().zip(centroids.of(found.list));
                let exact: f64 = pairs.map(|(x, c)| f64::from(x - c).powi(2)).sum();
                assert!((found.distance - exact).abs() < 1e-4 * exact + 1e-4);
            }
            same += usize::from(found[0].list == expected);
        }
        assert!(same >= 980, "{same} of 1,000");
    }

    #[test]
    fn points_at_the_end_of_the_range_are_searched_for_too() {
        let centroids = Centroids::new(vec![2e15, 0.0, -2e15, 0.0, 0.0, 0.0], 2, Backend::best());
        let nearest = Nearest::new(&centroids).unwrap();
        let mut searcher = nearest.searcher(2).unwrap();
        for (point, list) in [([1.9e15, 0.0], 0), ([-1.5e15, 1.0], 1), ([1.0, 1.0], 2)] {
            assert_eq!(searcher.nearest(&point).unwrap()[0].list, list);
        }
    }
}
