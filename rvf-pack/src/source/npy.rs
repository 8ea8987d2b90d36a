//! `.npy`: an array of numpy with two axes, rows of vectors.

use std::path::Path;

use super::SourceType;
use super::error::SourceError;
use super::fixed::{FixedRows, Layout};
use super::input::ByteFile;
use super::npy_header::{NpyHeader, NpyType};

const VECTOR_TYPES: &str = "f16, f32, f64, i8 or u8 (little-endian)";

pub(super) fn open(path: &Path) -> Result<FixedRows, SourceError> {
    let mut file = ByteFile::open(path)?;
    let header = NpyHeader::read(&mut file, VECTOR_TYPES)?;
    let dtype = match header.dtype {
        NpyType::F16 => SourceType::F16,
        NpyType::F32 => SourceType::F32,
        NpyType::F64 => SourceType::F64,
        NpyType::I8 => SourceType::I8,
        NpyType::U8 => SourceType::U8,
        _ => return Err(header.wrong_type(&file, VECTOR_TYPES)),
    };
    let (rows, dimension) = header.matrix_shape(&file)?;
    let layout = Layout {
        start: header.start,
        row_has_dimension: false,
        dtype,
        rows,
        dimension,
    };
    FixedRows::open(file, layout)
}
