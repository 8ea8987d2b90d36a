//! The records of the VEC payloads: from the input, and back to the vectors that they stand for.

use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;
use rvf_microkernel::Backend;
use rvf_types::{Metric, VectorKind, limits, vec};

use crate::error::PackError;
use crate::quantise::{check_range, quantise};
use crate::source::Place;

/// Rows that one task encodes.
const ROWS: usize = 64;

/// What the records of a file look like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Records {
    pub(crate) dimension: usize,
    pub(crate) metric: Metric,
    pub(crate) vectors: VectorKind,
    /// What the sums run on; all give the same.
    pub(crate) backend: Backend,
}

/// Why a row can't be stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// A component is out of range.
    Component { component: usize, value: f32 },
    /// A zero vector under cosine.
    Zero,
}

impl Records {
    /// Bytes of a record of VEC i8.
    pub(crate) fn stride(&self) -> usize {
        vec::stride(VectorKind::I8, self.dimension as u32) as usize
    }

    /// Bytes of a record of the float segment; 0 where there is none.
    pub(crate) fn float_stride(&self) -> usize {
        match self.vectors {
            VectorKind::I8 => 0,
            kind => vec::stride(kind, self.dimension as u32) as usize,
        }
    }

    /// The largest magnitude of a component.
    pub(crate) fn limit(&self) -> f32 {
        match self.vectors {
            VectorKind::F16 => limits::MAX_COMPONENT_F16,
            VectorKind::I8 | VectorKind::F32 => limits::MAX_COMPONENT,
        }
    }

    /// The error of a row that can't be stored.
    pub(crate) fn fault(&self, mut place: Box<Place>, fault: Fault) -> PackError {
        match fault {
            Fault::Zero => PackError::ZeroVector { place },
            Fault::Component { component, value } => {
                place.component = Some(component as u64);
                PackError::Component {
                    place,
                    value,
                    limit: self.limit(),
                    vectors: self.vectors,
                }
            }
        }
    }

    /// Encodes rows, of which `first_row` is the first, into records, and puts in the place of each vector the x̂ of its
    /// record (K-CODE-1). An error names the first row that can't be stored, counted from 0 in `vectors`.
    pub(crate) fn encode(
        &self,
        first_row: u32,
        vectors: &mut [f32],
        records: &mut Vec<u8>,
        floats: &mut Vec<u8>,
    ) -> Result<(), (usize, Fault)> {
        let count = vectors.len() / self.dimension;
        records.clear();
        records.resize(count * self.stride(), 0);
        floats.clear();
        floats.resize(count * self.float_stride(), 0);
        // `chunks` needs a size of at least 1; without a float segment it gives nothing, so none are zipped.
        let float_size = (ROWS * self.float_stride()).max(1);
        let mut float_chunks: Vec<&mut [u8]> = floats.chunks_mut(float_size).collect();
        float_chunks.resize_with(count.div_ceil(ROWS), || &mut []);
        let fault = vectors
            .par_chunks_mut(ROWS * self.dimension)
            .zip(records.par_chunks_mut(ROWS * self.stride()))
            .zip(float_chunks)
            .enumerate()
            .find_map_first(|(chunk, ((vectors, records), floats))| {
                self.encode_chunk(first_row, chunk * ROWS, vectors, records, floats)
                    .err()
            });
        fault.map_or(Ok(()), Err)
    }

    fn encode_chunk(
        &self,
        first_row: u32,
        first: usize,
        vectors: &mut [f32],
        records: &mut [u8],
        floats: &mut [u8],
    ) -> Result<(), (usize, Fault)> {
        let mut halves = vec![
            f16::ZERO;
            if self.vectors == VectorKind::F16 {
                self.dimension
            } else {
                0
            }
        ];
        let mut floats = floats.chunks_exact_mut(self.float_stride().max(1));
        let rows = vectors
            .chunks_exact_mut(self.dimension)
            .zip(records.chunks_exact_mut(self.stride()));
        for (index, (vector, record)) in (first..).zip(rows) {
            let row = first_row + index as u32;
            check_range(vector, self.limit()).map_err(|found| {
                (
                    index,
                    Fault::Component {
                        component: found.component,
                        value: found.value,
                    },
                )
            })?;
            if self.vectors == VectorKind::I8 {
                // By less than the scale's own rounding: so what is extracted can be packed again (R-LIM-1).
                for value in &mut *vector {
                    *value = value.clamp(-vec::MAX_I8_VALUE, vec::MAX_I8_VALUE);
                }
            }
            if let Some(float) = floats.next() {
                self.encode_float(row, vector, &mut halves, float);
            }
            let scale = encode_i8(row, vector, record);
            if self.vectors == VectorKind::I8 {
                restore(scale, record, vector);
            }
            if self.metric == Metric::Cosine && !normalise(vector, self.backend) {
                return Err((index, Fault::Zero));
            }
        }
        Ok(())
    }

    /// Writes a float record, and rounds `vector` to what it holds (R-VEC-5, R-VEC-6).
    fn encode_float(&self, row: u32, vector: &mut [f32], halves: &mut [f16], record: &mut [u8]) {
        let (head, components) = record.split_at_mut(vec::FLOAT_HEAD_LEN as usize);
        head.copy_from_slice(&row.to_le_bytes());
        if self.vectors == VectorKind::F16 {
            halves.convert_from_f32_slice(vector);
            halves.convert_to_f32_slice(vector);
            for (bytes, half) in components.as_chunks_mut().0.iter_mut().zip(halves) {
                *bytes = half.to_le_bytes();
            }
        } else {
            for (bytes, value) in components.as_chunks_mut().0.iter_mut().zip(vector) {
                *bytes = value.to_le_bytes();
            }
        }
    }

    /// Bytes of the most exact record of a row: that which [`decode`](Self::decode) takes.
    pub(crate) fn exact_stride(&self) -> usize {
        match self.vectors {
            VectorKind::I8 => self.stride(),
            VectorKind::F16 | VectorKind::F32 => self.float_stride(),
        }
    }

    /// The x̂ (K-CODE-1) of a row's most exact record. `halves` is as long as a vector.
    pub(crate) fn decode(&self, record: &[u8], halves: &mut [f16], vector: &mut [f32]) {
        self.stored(record, halves, vector);
        if self.metric == Metric::Cosine {
            normalise(vector, self.backend);
        }
    }

    /// The vector of a row's most exact record, as stored. `halves` is as long as a vector.
    pub(crate) fn stored(&self, record: &[u8], halves: &mut [f16], vector: &mut [f32]) {
        match self.vectors {
            VectorKind::I8 => {
                let scale = record
                    .get(4..8)
                    .and_then(|bytes| bytes.first_chunk())
                    .copied()
                    .unwrap_or_default();
                restore(f32::from_le_bytes(scale), record, vector);
            }
            VectorKind::F16 => {
                let components = record[vec::FLOAT_HEAD_LEN as usize..].as_chunks().0;
                for (half, bytes) in halves.iter_mut().zip(components) {
                    *half = f16::from_le_bytes(*bytes);
                }
                halves.convert_to_f32_slice(vector);
            }
            VectorKind::F32 => {
                let components = record[vec::FLOAT_HEAD_LEN as usize..].as_chunks().0;
                for (value, bytes) in vector.iter_mut().zip(components) {
                    *value = f32::from_le_bytes(*bytes);
                }
            }
        }
    }
}

/// Writes a record of VEC i8 (R-VEC-1); its padding must be zero already. Returns the scale.
pub(crate) fn encode_i8(row: u32, vector: &[f32], record: &mut [u8]) -> f32 {
    let (head, components) = record.split_at_mut(vec::I8_HEAD_LEN as usize);
    let (scale, sum) = quantise(vector, &mut components[..vector.len()]);
    let words = [row.to_le_bytes(), scale.to_le_bytes(), sum.to_le_bytes()];
    head.copy_from_slice(words.as_flattened());
    scale
}

/// The vector that a record of VEC i8 stands for. The products are exact.
pub(crate) fn restore(scale: f32, record: &[u8], vector: &mut [f32]) {
    for (value, byte) in vector.iter_mut().zip(&record[vec::I8_HEAD_LEN as usize..]) {
        *value = scale * f32::from(byte.cast_signed());
    }
}

/// Makes the vector one of length 1 (K-CODE-1), or says that it is a zero vector (R-LIM-2).
fn normalise(vector: &mut [f32], backend: Backend) -> bool {
    let sum = backend.sum_of_products(vector, vector);
    if f64::from(sum) < limits::ZERO_VECTOR_SUM {
        return false;
    }
    let factor = 1.0 / sum.sqrt();
    vector.iter_mut().for_each(|value| *value *= factor);
    true
}
