//! Files whose rows all have the same number of bytes: `.npy`, `.fvecs`, `.bvecs`.

use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};

use super::error::{Place, SourceError, SourceProblem};
use super::input::ByteFile;
use super::{Batch, MAX_DIMENSION, MAX_ROWS, Source, SourceInfo, SourceType};

/// Bytes read at once: large enough to keep the disk busy, small enough to stay in the processor's cache.
const READ_BYTES: usize = 512 << 10;

/// How the rows lie in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Offset of the first row.
    pub(super) start: u64,
    /// Each row starts with its dimension as an i32.
    pub(super) row_has_dimension: bool,
    pub(super) dtype: SourceType,
    pub(super) rows: u64,
    pub(super) dimension: u64,
}

const ROW_DIMENSION_BYTES: usize = 4;

/// Bytes of one value as stored.
pub(super) fn value_bytes(dtype: SourceType) -> usize {
    match dtype {
        SourceType::I8 | SourceType::U8 => 1,
        SourceType::F16 => 2,
        // Text has no fixed size and never comes here.
        SourceType::F32 | SourceType::Text => 4,
        SourceType::F64 => 8,
    }
}

/// A dimension that is in range, as a length in memory.
pub(super) fn checked_dimension(found: u64) -> Result<usize, SourceProblem> {
    match usize::try_from(found) {
        Ok(dimension @ 1..=MAX_DIMENSION) => Ok(dimension),
        _ => Err(SourceProblem::Dimension {
            found: found.into(),
        }),
    }
}

pub(super) fn check_row_count(found: u64) -> Result<(), SourceProblem> {
    match found {
        0 => Err(SourceProblem::NoRows),
        1..=MAX_ROWS => Ok(()),
        _ => Err(SourceProblem::TooManyRows { found }),
    }
}

#[derive(Debug)]
pub(super) struct FixedRows {
    file: ByteFile,
    info: SourceInfo,
    start: u64,
    row_has_dimension: bool,
    rows: u64,
    next_row: u64,
    buffer: Vec<u8>,
}

impl FixedRows {
    /// Checks that the file is as long as its rows.
    pub(super) fn open(mut file: ByteFile, layout: Layout) -> Result<Self, SourceError> {
        let fail = |file: &ByteFile, problem| file.error(Place::default(), problem);
        check_row_count(layout.rows).map_err(|problem| fail(&file, problem))?;
        let dimension =
            checked_dimension(layout.dimension).map_err(|problem| fail(&file, problem))?;
        let row_bytes = row_bytes(dimension, layout.dtype, layout.row_has_dimension);
        let expected = u128::from(layout.start) + u128::from(layout.rows) * row_bytes as u128;
        if expected != u128::from(file.len()) {
            let found = file.len();
            return Err(fail(&file, SourceProblem::FileSize { expected, found }));
        }
        file.seek(layout.start)?;
        let info = SourceInfo {
            dimension,
            rows: Some(layout.rows),
            has_ids: false,
            dtype: layout.dtype,
            ignored_columns: Vec::new(),
        };
        Ok(Self {
            file,
            info,
            start: layout.start,
            row_has_dimension: layout.row_has_dimension,
            rows: layout.rows,
            next_row: 0,
            buffer: Vec::new(),
        })
    }

    /// Reads `out.len()` bytes of values with nothing between them.
    fn read_values(&mut self, out: &mut [f32]) -> Result<(), SourceError> {
        let size = value_bytes(self.info.dtype);
        let mut done = 0;
        for piece in out.chunks_mut(READ_BYTES / size) {
            self.buffer.resize(piece.len() * size, 0);
            let at = self.file.at();
            self.file.read_exact(&mut self.buffer)?;
            convert(self.info.dtype, &self.buffer, piece);
            if let Some(index) = first_not_finite(self.info.dtype, piece) {
                let bytes = self.buffer.get(index * size..).unwrap_or_default();
                let byte = at + (index * size) as u64;
                return Err(self.not_finite(bytes, done + index, byte));
            }
            done += piece.len();
        }
        Ok(())
    }

    /// Reads rows that each start with their dimension.
    fn read_rows(&mut self, out: &mut [f32]) -> Result<(), SourceError> {
        let dimension = self.info.dimension;
        let size = value_bytes(self.info.dtype);
        let row_bytes = row_bytes(dimension, self.info.dtype, true);
        let rows_at_once = (READ_BYTES / row_bytes).max(1);
        let mut done = 0;
        for piece in out.chunks_mut(rows_at_once * dimension) {
            self.buffer.resize(piece.len() / dimension * row_bytes, 0);
            let at = self.file.at();
            self.file.read_exact(&mut self.buffer)?;
            let rows = self.buffer.chunks_exact(row_bytes);
            for (index, (row, values)) in rows.zip(piece.chunks_exact_mut(dimension)).enumerate() {
                let byte = at + (index * row_bytes) as u64;
                let Some((count, bytes)) = row.split_first_chunk::<ROW_DIMENSION_BYTES>() else {
                    break; // Not reached: a row is at least its dimension.
                };
                let found = i32::from_le_bytes(*count);
                if usize::try_from(found) != Ok(dimension) {
                    let mut place = Place::byte(byte);
                    place.row = Some(self.next_row + (done / dimension + index) as u64);
                    let problem = SourceProblem::RowDimension {
                        expected: dimension as u64,
                        found: found.into(),
                    };
                    return Err(self.file.error(place, problem));
                }
                convert(self.info.dtype, bytes, values);
                if let Some(component) = first_not_finite(self.info.dtype, values) {
                    let value = bytes.get(component * size..).unwrap_or_default();
                    let byte = byte + (ROW_DIMENSION_BYTES + component * size) as u64;
                    let index = done + index * dimension + component;
                    return Err(self.not_finite(value, index, byte));
                }
            }
            done += piece.len();
        }
        Ok(())
    }

    /// The error for the value that starts `bytes`, the one at `index` of the batch.
    fn not_finite(&self, bytes: &[u8], index: usize, byte: u64) -> SourceError {
        let dimension = self.info.dimension;
        let mut place = Place::byte(byte);
        place.row = Some(self.next_row + (index / dimension) as u64);
        place.component = Some((index % dimension) as u64);
        let value = match (self.info.dtype, bytes) {
            (SourceType::F16, [a, b, ..]) => f16::from_le_bytes([*a, *b]).to_string(),
            (SourceType::F32, [a, b, c, d, ..]) => f32::from_le_bytes([*a, *b, *c, *d]).to_string(),
            (_, bytes) => match bytes.first_chunk::<8>() {
                // `{:?}` writes 1e300 where `{}` would write 301 digits.
                Some(bytes) => format!("{:?}", f64::from_le_bytes(*bytes)),
                None => String::new(),
            },
        };
        self.file.error(place, SourceProblem::NotFinite { value })
    }
}

fn row_bytes(dimension: usize, dtype: SourceType, row_has_dimension: bool) -> usize {
    let before = if row_has_dimension {
        ROW_DIMENSION_BYTES
    } else {
        0
    };
    before + dimension * value_bytes(dtype)
}

impl Source for FixedRows {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_batch(&mut self, max_rows: usize, batch: &mut Batch) -> Result<usize, SourceError> {
        let left = self.rows - self.next_row;
        let rows = left.min(max_rows.max(1) as u64);
        let count = usize::try_from(rows).unwrap_or(usize::MAX);
        let values = count.saturating_mul(self.info.dimension);
        // Not `start`, which would clear the vectors, and so have them filled with zeros first.
        batch.first_row = self.next_row;
        batch.ids.clear();
        batch.lines.clear();
        batch.vectors.resize(values, 0.0);
        if self.row_has_dimension {
            self.read_rows(&mut batch.vectors)?;
        } else {
            self.read_values(&mut batch.vectors)?;
        }
        self.next_row += rows;
        Ok(count)
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.file.seek(self.start)?;
        self.next_row = 0;
        Ok(())
    }
}

/// Converts little-endian values. `bytes` holds as many values as `out`.
pub(super) fn convert(dtype: SourceType, bytes: &[u8], out: &mut [f32]) {
    match dtype {
        SourceType::F16 => convert_f16(bytes, out),
        SourceType::F32 | SourceType::Text => {
            for (to, from) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *to = f32::from_le_bytes(*from);
            }
        }
        SourceType::F64 => {
            for (to, from) in out.iter_mut().zip(bytes.as_chunks::<8>().0) {
                #[allow(clippy::cast_possible_truncation, reason = "rounding is meant")]
                let value = f64::from_le_bytes(*from) as f32;
                *to = value;
            }
        }
        SourceType::I8 => {
            for (to, from) in out.iter_mut().zip(bytes) {
                *to = f32::from(from.cast_signed());
            }
        }
        SourceType::U8 => {
            for (to, from) in out.iter_mut().zip(bytes) {
                *to = f32::from(*from);
            }
        }
    }
}

fn convert_f16(bytes: &[u8], out: &mut [f32]) {
    const AT_ONCE: usize = 1024;
    let mut bits = [0_u16; AT_ONCE];
    for (to, from) in out
        .chunks_mut(AT_ONCE)
        .zip(bytes.as_chunks::<2>().0.chunks(AT_ONCE))
    {
        for (to, from) in bits.iter_mut().zip(from) {
            *to = u16::from_le_bytes(*from);
        }
        if let (Some(bits), Some(to)) = (bits.get(..from.len()), to.get_mut(..from.len())) {
            bits.reinterpret_cast::<f16>().convert_to_f32_slice(to);
        }
    }
}

fn first_not_finite(dtype: SourceType, values: &[f32]) -> Option<usize> {
    if matches!(dtype, SourceType::I8 | SourceType::U8) {
        return None;
    }
    // First a loop without a branch, which becomes vector instructions.
    let any = values.iter().fold(false, |any, v| any | !v.is_finite());
    if !any {
        return None;
    }
    values.iter().position(|value| !value.is_finite())
}
