//! Data of many shapes, and packing it.

use std::sync::Arc;

use rvf_pack::source::MemorySource;
use rvf_pack::{Metric, Packer, VectorKind};

use super::random::Random;

pub(crate) const METRICS: [Metric; 3] = [Metric::L2, Metric::InnerProduct, Metric::Cosine];
pub(crate) const KINDS: [VectorKind; 3] = [VectorKind::I8, VectorKind::F16, VectorKind::F32];

/// How the vectors of a set are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Independent normal components: nothing for an index to hold on to.
    Gaussian,
    /// Around a few centres, as embeddings are.
    Clustered,
    /// One of so many vectors.
    Duplicates(usize),
    /// Whole numbers from 0 to 255.
    Bytes,
    /// Normal components times a power of ten, from 10⁻ⁿ to 10ⁿ, that is drawn for each vector.
    Norms(i32),
}

impl Shape {
    pub(crate) fn draw(self, rows: usize, dimension: usize, random: &mut Random) -> Vec<f32> {
        match self {
            Self::Gaussian => random.normals(rows * dimension),
            Self::Clustered => {
                let centres = random.normals(8 * dimension);
                let mut vectors = Vec::with_capacity(rows * dimension);
                for _ in 0..rows {
                    let centre = random.below(8) * dimension;
                    let noisy = |c: &f32| c + 0.5 * random.normal();
                    vectors.extend(centres[centre..centre + dimension].iter().map(noisy));
                }
                vectors
            }
            Self::Duplicates(distinct) => {
                let all = random.normals(distinct * dimension);
                let row = |_| random.below(distinct) * dimension;
                let rows = (0..rows).map(row);
                rows.flat_map(|at| &all[at..at + dimension])
                    .copied()
                    .collect()
            }
            Self::Bytes => (0..rows * dimension)
                .map(|_| random.below(256) as f32)
                .collect(),
            Self::Norms(power) => {
                let mut vectors = Vec::with_capacity(rows * dimension);
                for _ in 0..rows {
                    let exponent = random.below(2 * power as usize + 1) as i32 - power;
                    let factor = 10.0_f32.powi(exponent);
                    vectors.extend((0..dimension).map(|_| factor * random.normal()));
                }
                vectors
            }
        }
    }
}

/// A set of rows, and queries that are drawn as the rows are.
#[derive(Debug, Clone)]
pub(crate) struct Data {
    pub(crate) dimension: usize,
    pub(crate) rows: Vec<f32>,
    pub(crate) queries: Vec<f32>,
}

impl Data {
    pub(crate) fn draw(
        shape: Shape,
        rows: usize,
        queries: usize,
        dimension: usize,
        seed: u64,
    ) -> Self {
        let mut all = shape.draw(rows + queries, dimension, &mut Random(seed));
        let queries = all.split_off(rows * dimension);
        Self {
            dimension,
            rows: all,
            queries,
        }
    }

    pub(crate) fn queries(&self) -> impl Iterator<Item = &[f32]> {
        self.queries.chunks_exact(self.dimension)
    }

    pub(crate) fn row_count(&self) -> usize {
        self.rows.len() / self.dimension
    }

    pub(crate) fn pack(&self, metric: Metric, kind: VectorKind, measure: bool) -> Arc<[u8]> {
        pack(&self.rows, self.dimension, metric, kind, measure)
    }
}

pub(crate) fn pack(
    vectors: &[f32],
    dimension: usize,
    metric: Metric,
    kind: VectorKind,
    measure: bool,
) -> Arc<[u8]> {
    let mut source =
        MemorySource::new(dimension, vectors, None).expect("vectors that can be packed");
    let mut packer = Packer::new()
        .metric(metric)
        .vectors(kind)
        .measure(measure)
        .threads(1);
    let (file, _) = packer.pack_to_vec(&mut source).expect("a file");
    file.into()
}
