//! Small arrays read whole: queries, and the true neighbours of queries.

use std::path::Path;

use super::error::{Place, SourceError, SourceProblem};
use super::fixed::{check_row_count, checked_dimension};
use super::input::ByteFile;
use super::npy_header::{NpyHeader, NpyType};
use super::{Batch, SourceOptions, extension, open, vecs};

const INDEX_TYPES: &str = "i32, u32, i64 or u64 (little-endian)";

/// An array with two axes, row after row.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix<T> {
    /// Number of rows, at least 1.
    pub rows: usize,
    /// Values of each row, at least 1.
    pub dimension: usize,
    /// rows × dimension values.
    pub values: Vec<T>,
}

impl<T> Matrix<T> {
    /// The row at `index`.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<&[T]> {
        let start = index.checked_mul(self.dimension)?;
        self.values.get(start..start.checked_add(self.dimension)?)
    }
}

/// Reads all vectors of a file of any supported format, for queries.
///
/// # Errors
///
/// Those of [`open`] and [`Source::next_batch`](super::Source::next_batch).
pub fn read_matrix_f32(path: &Path) -> Result<Matrix<f32>, SourceError> {
    const ROWS_AT_ONCE: usize = 1024;
    let options = SourceOptions {
        ignore_ids: true,
        ..SourceOptions::default()
    };
    let mut source = open(path, &options)?;
    let mut values = Vec::new();
    let mut rows = 0;
    let mut batch = Batch::default();
    loop {
        let count = source.next_batch(ROWS_AT_ONCE, &mut batch)?;
        if count == 0 {
            break;
        }
        rows += count;
        values.extend_from_slice(&batch.vectors);
    }
    Ok(Matrix {
        rows,
        dimension: source.info().dimension,
        values,
    })
}

/// Reads an array of whole numbers that fit `i32`, such as the rows of true neighbours: an `.npy` of i32, u32, i64
/// or u64, or an `.ivecs`.
///
/// # Errors
///
/// The file cannot be read, is of another format, type or shape, or has a value that does not fit.
pub fn read_matrix_i32(path: &Path) -> Result<Matrix<i32>, SourceError> {
    let mut file = ByteFile::open(path)?;
    if extension(path).as_deref() == Some("ivecs") {
        return read_ivecs(&mut file);
    }
    let header = NpyHeader::read(&mut file, INDEX_TYPES)?;
    let size = match header.dtype {
        NpyType::I32 | NpyType::U32 => 4,
        NpyType::I64 | NpyType::U64 => 8,
        _ => return Err(header.wrong_type(&file, INDEX_TYPES)),
    };
    let (rows, dimension) = header.matrix_shape(&file)?;
    let fail = |problem| file.error(Place::default(), problem);
    check_row_count(rows).map_err(fail)?;
    let dimension = checked_dimension(dimension).map_err(fail)?;
    let bytes = read_all(&mut file, header.start, rows, dimension * size)?;
    let mut values = Vec::with_capacity(bytes.len() / size);
    for (index, bytes) in bytes.chunks_exact(size).enumerate() {
        let wide = wide(header.dtype, bytes);
        let value = i32::try_from(wide).map_err(|_| {
            let place = Place {
                row: Some((index / dimension) as u64),
                component: Some((index % dimension) as u64),
                ..Place::byte(header.start + (index * size) as u64)
            };
            let problem = SourceProblem::OutOfRange {
                value: wide.to_string(),
                target: "i32",
            };
            file.error(place, problem)
        })?;
        values.push(value);
    }
    Ok(Matrix {
        rows: values.len() / dimension,
        dimension,
        values,
    })
}

/// A little-endian whole number of a type of 4 or 8 bytes.
pub(super) fn wide(dtype: NpyType, bytes: &[u8]) -> i128 {
    match (dtype, bytes) {
        (NpyType::I32, [a, b, c, d]) => i32::from_le_bytes([*a, *b, *c, *d]).into(),
        (NpyType::U32, [a, b, c, d]) => u32::from_le_bytes([*a, *b, *c, *d]).into(),
        (_, bytes) => match bytes.first_chunk::<8>() {
            Some(bytes) if dtype == NpyType::I64 => i64::from_le_bytes(*bytes).into(),
            Some(bytes) => u64::from_le_bytes(*bytes).into(),
            None => 0,
        },
    }
}

/// All `rows` × `row_bytes` bytes from `start`, which must be the rest of the file.
pub(super) fn read_all(
    file: &mut ByteFile,
    start: u64,
    rows: u64,
    row_bytes: usize,
) -> Result<Vec<u8>, SourceError> {
    let length = u128::from(rows) * row_bytes as u128;
    let expected = u128::from(start) + length;
    let found = file.len();
    match usize::try_from(length) {
        Ok(length) if expected == u128::from(found) => {
            let mut bytes = vec![0; length];
            file.seek(start)?;
            file.read_exact(&mut bytes)?;
            Ok(bytes)
        }
        _ => Err(file.error(
            Place::default(),
            SourceProblem::FileSize { expected, found },
        )),
    }
}

fn read_ivecs(file: &mut ByteFile) -> Result<Matrix<i32>, SourceError> {
    let (rows, dimension) = vecs::shape(file, 4)?;
    let row_bytes = 4 + dimension * 4;
    let bytes = read_all(file, 0, rows, row_bytes)?;
    let mut values = Vec::with_capacity(bytes.len() / 4);
    for (row, bytes) in bytes.chunks_exact(row_bytes).enumerate() {
        let mut words = bytes
            .as_chunks::<4>()
            .0
            .iter()
            .copied()
            .map(i32::from_le_bytes);
        let found = words.next().unwrap_or(0);
        if usize::try_from(found) != Ok(dimension) {
            let place = Place {
                row: Some(row as u64),
                ..Place::byte((row * row_bytes) as u64)
            };
            let problem = SourceProblem::RowDimension {
                expected: dimension as u64,
                found: found.into(),
            };
            return Err(file.error(place, problem));
        }
        values.extend(words);
    }
    Ok(Matrix {
        rows: values.len() / dimension,
        dimension,
        values,
    })
}
