//! `.fvecs` and `.bvecs`: each row is its dimension as a little-endian i32, then its values (f32 or u8).
//!
//! The format of the TEXMEX corpora, <http://corpus-texmex.irisa.fr>.

use std::path::Path;

use super::SourceType;
use super::error::{Place, SourceError, SourceProblem};
use super::fixed::{FixedRows, Layout, checked_dimension, value_bytes};
use super::input::ByteFile;

/// The shape of a file of rows with values of `size` bytes: rows and dimension.
pub(super) fn shape(file: &mut ByteFile, size: usize) -> Result<(u64, usize), SourceError> {
    if file.len() == 0 {
        return Err(file.error(Place::default(), SourceProblem::NoRows));
    }
    let mut count = [0; 4];
    file.read_exact(&mut count)?;
    let found = i32::from_le_bytes(count);
    let place = Place {
        row: Some(0),
        ..Place::byte(0)
    };
    let dimension = u64::try_from(found)
        .map_err(|_| SourceProblem::Dimension {
            found: found.into(),
        })
        .and_then(checked_dimension)
        .map_err(|problem| file.error(place, problem))?;
    let row_bytes = (4 + dimension * size) as u64;
    if !file.len().is_multiple_of(row_bytes) {
        let found = file.len();
        let problem = SourceProblem::PartRow { row_bytes, found };
        return Err(file.error(Place::default(), problem));
    }
    Ok((file.len() / row_bytes, dimension))
}

/// Opens a file with values of type `dtype`.
pub(super) fn open(path: &Path, dtype: SourceType) -> Result<FixedRows, SourceError> {
    let mut file = ByteFile::open(path)?;
    let (rows, dimension) = shape(&mut file, value_bytes(dtype))?;
    let layout = Layout {
        start: 0,
        row_has_dimension: true,
        dtype,
        rows,
        dimension: dimension as u64,
    };
    FixedRows::open(file, layout)
}
