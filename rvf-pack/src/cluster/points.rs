//! The stored vectors, as clusters and codes see them.

use half::f16;
use rvf_microkernel::Backend;

use super::lloyd::PointSet;
use crate::records::Records;

/// The most exact records of all rows, in the order of the rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Points<'a> {
    records: Records,
    bytes: &'a [u8],
}

/// Reads points one at a time.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    points: Points<'a>,
    halves: Vec<f16>,
}

impl<'a> Points<'a> {
    pub(crate) fn new(records: Records, bytes: &'a [u8]) -> Self {
        Self { records, bytes }
    }

    pub(crate) fn rows(&self) -> usize {
        self.bytes.len() / self.records.exact_stride()
    }

    pub(crate) fn dimension(&self) -> usize {
        self.records.dimension
    }

    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    pub(crate) fn backend(&self) -> Backend {
        self.records.backend
    }

    pub(crate) fn reader(&self) -> Reader<'a> {
        Reader {
            points: *self,
            halves: vec![f16::ZERO; self.records.dimension],
        }
    }
}

impl Reader<'_> {
    /// The x̂ of a row (K-CODE-1).
    pub(crate) fn read(&mut self, row: usize, vector: &mut [f32]) {
        let stride = self.points.records.exact_stride();
        let record = &self.points.bytes[row * stride..][..stride];
        self.points.records.decode(record, &mut self.halves, vector);
    }

    /// x̂ less the mean: the space in which vectors are clustered. So what all have in common takes no digits of sums.
    pub(crate) fn read_centred(&mut self, row: usize, mean: &[f32], vector: &mut [f32]) {
        self.read(row, vector);
        for (value, mean) in vector.iter_mut().zip(mean) {
            *value -= mean;
        }
    }
}

/// All points, less the mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct Centred<'a> {
    pub(super) points: Points<'a>,
    pub(super) mean: &'a [f32],
}

impl<'p> PointSet for Centred<'p> {
    type Scratch = (Reader<'p>, Vec<f32>);

    fn count(&self) -> usize {
        self.points.rows()
    }

    fn scratch(&self) -> Self::Scratch {
        (self.points.reader(), vec![0.0; self.points.dimension()])
    }

    fn point<'a>(&'a self, number: u32, scratch: &'a mut Self::Scratch) -> &'a [f32] {
        let (reader, vector) = scratch;
        reader.read_centred(number as usize, self.mean, vector);
        vector
    }
}
