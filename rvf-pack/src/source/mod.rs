//! Readers of vectors: `.npy`, `.fvecs`, `.bvecs`, `.jsonl`, `.csv`, and vectors in memory.
//!
//! A [`Source`] yields rows in order, a [`Batch`] at a time, and can start again. It keeps no more in memory
//! than the batch and a buffer, whatever the size of the file. Every value that leaves it is a finite `f32`.
//!
//! ```
//! use rvf_pack::source::{self, Batch, SourceOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("rows.jsonl");
//! std::fs::write(&path, "{\"id\":\"a\",\"vector\":[1,2]}\n{\"id\":\"b\",\"vector\":[3,4]}\n")?;
//! let mut rows = source::open(&path, &SourceOptions::default())?;
//! assert_eq!(rows.info().dimension, 2);
//! let mut batch = Batch::default();
//! while rows.next_batch(1024, &mut batch)? > 0 {
//!     println!("{:?} {:?}", batch.ids, batch.vectors);
//! }
//! # Ok(())
//! # }
//! ```

mod csv;
mod error;
mod fixed;
mod id;
mod input;
mod json_row;
mod jsonl;
mod matrix;
mod memory;
mod npy;
mod npy_header;
mod npy_write;
mod problem;
mod shown;
mod vecs;

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

pub use self::error::{Place, SourceError, SourceProblem};
pub use self::id::{Id, IdType, ids_stand_in_lines, read_ids};
pub use self::matrix::{Matrix, read_matrix_f32, read_matrix_i32};
pub use self::memory::MemorySource;
pub use self::npy_write::{NpyElement, NpyWriter, write_npy_f16, write_npy_f32, write_npy_i8};

/// The largest dimension of a vector. The smallest is 1.
pub const MAX_DIMENSION: usize = 65_536;

/// The most rows that a source may have: 2^32 - 1.
pub const MAX_ROWS: u64 = u32::MAX as u64;

/// The most bytes of a text id.
pub const MAX_ID_BYTES: usize = 512;

/// The most bytes of a line or record of a text format, unless [`SourceOptions::max_line_bytes`] says otherwise.
pub const MAX_LINE_BYTES: u64 = 64 << 20;

const SUPPORTED: &str = ".npy, .fvecs, .bvecs, .jsonl (.ndjson) and .csv";

/// Some rows of a source. One batch is filled again and again.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Number of the first row here, counted from 0 at the start of the source.
    pub first_row: u64,
    /// The vectors, row after row: rows × dimension values, all finite.
    pub vectors: Vec<f32>,
    /// One id for each row, or empty where the source has none.
    pub ids: Vec<Id>,
    /// The line each row starts on, counted from 1; empty where the source is no text.
    pub lines: Vec<u64>,
}

impl Batch {
    /// Where the row at `index` of this batch came from, for messages.
    #[must_use]
    pub fn place(&self, index: usize) -> Place {
        let row = self.first_row.saturating_add(index as u64);
        Place::row(row, self.lines.get(index).copied())
    }

    /// The index in this batch of the first vector that is all zeros, which the cosine metric cannot hold.
    #[must_use]
    pub fn first_zero_vector(&self, dimension: usize) -> Option<usize> {
        // `max(1)`: a dimension of 0 has no vectors, and must not panic.
        self.vectors
            .chunks_exact(dimension.max(1))
            .position(|vector| vector.iter().all(|value| *value == 0.0))
    }

    fn start(&mut self, first_row: u64) {
        self.first_row = first_row;
        self.vectors.clear();
        self.ids.clear();
        self.lines.clear();
    }
}

/// The type of the values as they are stored in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceType {
    /// 16-bit floating point.
    F16,
    /// 32-bit floating point.
    F32,
    /// 64-bit floating point, rounded to 32 bits.
    F64,
    /// Signed 8-bit integers.
    I8,
    /// Unsigned 8-bit integers.
    U8,
    /// Decimal text, parsed as 64-bit floating point, then rounded to 32 bits.
    Text,
}

impl fmt::Display for SourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F16 => "f16",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::I8 => "i8",
            Self::U8 => "u8",
            Self::Text => "text",
        })
    }
}

/// What is known of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceInfo {
    /// Components of each vector, 1 to [`MAX_DIMENSION`].
    pub dimension: usize,
    /// Number of rows: from the start for binary formats and memory; for text, after the first full pass.
    pub rows: Option<u64>,
    /// Every row has an id.
    pub has_ids: bool,
    /// How values are stored.
    pub dtype: SourceType,
    /// Columns (CSV) or fields of the first object (JSONL) that are neither vector nor id, and are not read.
    pub ignored_columns: Vec<String>,
}

impl SourceInfo {
    /// A source of f32 vectors of `dimension` components, without ids, whose number of rows is not known yet.
    #[must_use]
    pub const fn new(dimension: usize) -> Self {
        Self {
            dimension,
            rows: None,
            has_ids: false,
            dtype: SourceType::F32,
            ignored_columns: Vec::new(),
        }
    }

    /// Says how many rows there are. A source that gives another number is refused.
    #[must_use]
    pub const fn rows(mut self, rows: u64) -> Self {
        self.rows = Some(rows);
        self
    }

    /// Says that every row has an id: each batch then holds as many ids as rows.
    #[must_use]
    pub const fn with_ids(mut self) -> Self {
        self.has_ids = true;
        self
    }

    /// Says how the source stores its values.
    #[must_use]
    pub const fn dtype(mut self, dtype: SourceType) -> Self {
        self.dtype = dtype;
        self
    }
}

/// A format of files with vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceFormat {
    /// An array of numpy, as `numpy.save` writes it.
    Npy,
    /// For each row its dimension (i32), then that many f32, little-endian.
    Fvecs,
    /// For each row its dimension (i32, little-endian), then that many bytes.
    Bvecs,
    /// One JSON object, or array of numbers, a line.
    Jsonl,
    /// Comma-separated values.
    Csv,
}

/// How to read a source. The default finds everything out from the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceOptions {
    /// The format; by default what the extension says, or else the first bytes.
    pub format: Option<SourceFormat>,
    /// JSONL and CSV: the field or column with the vector. By default `vector`, `embedding` or `values`; else
    /// the only field that is an array of numbers (JSONL), or every column but the id as a component (CSV).
    pub vector_field: Option<String>,
    /// JSONL and CSV: the field or column with the id, which must then be there. By default `id`, if present.
    pub id_field: Option<String>,
    /// JSONL and CSV: read no ids. The default id field is then one that is not read.
    pub ignore_ids: bool,
    /// Read every id as this type. By default JSON says which; a CSV column has the type of its first id.
    pub id_type: Option<IdType>,
    /// CSV: whether the first record names the columns. By default it does unless all its fields are numbers.
    pub csv_header: Option<bool>,
    /// Most bytes of a line or record of a text format.
    pub max_line_bytes: u64,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self {
            format: None,
            vector_field: None,
            id_field: None,
            ignore_ids: false,
            id_type: None,
            csv_header: None,
            max_line_bytes: MAX_LINE_BYTES,
        }
    }
}

const DEFAULT_VECTOR_FIELDS: [&str; 3] = ["vector", "embedding", "values"];
const DEFAULT_ID_FIELD: &str = "id";

/// Rows of vectors, in order, that can be read more than once.
///
/// Whatever can do that can be packed. Here is a source that computes its vectors, and holds one batch of them at a time:
///
/// ```
/// use rvf_pack::source::{Batch, Source, SourceError, SourceInfo};
/// use rvf_pack::{Metric, Packer};
///
/// /// Points on a circle.
/// struct Circle {
///     info: SourceInfo,
///     next: u64,
/// }
///
/// impl Source for Circle {
///     fn info(&self) -> &SourceInfo {
///         &self.info
///     }
///
///     fn next_batch(&mut self, max_rows: usize, batch: &mut Batch) -> Result<usize, SourceError> {
///         let rows = self.info.rows.unwrap_or(0);
///         let end = rows.min(self.next + max_rows as u64);
///         let count = (end - self.next) as usize;
///         batch.first_row = self.next;
///         batch.vectors.clear();
///         for row in self.next..end {
///             let (y, x) = (row as f32 / rows as f32 * 6.283).sin_cos();
///             batch.vectors.extend([x, y]);
///         }
///         self.next = end;
///         Ok(count)
///     }
///
///     fn rewind(&mut self) -> Result<(), SourceError> {
///         self.next = 0;
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut circle = Circle { info: SourceInfo::new(2).rows(100), next: 0 };
/// let (file, report) = Packer::new().metric(Metric::L2).pack_to_vec(&mut circle)?;
/// assert_eq!(report.rows, 100);
/// # let _ = file;
/// # Ok(())
/// # }
/// ```
pub trait Source: Send {
    /// What is known of the source.
    fn info(&self) -> &SourceInfo;

    /// Replaces what is in `batch` by the next rows, at most `max_rows` (at least one is tried), and returns how many.
    /// 0 means that all rows have been read.
    ///
    /// # Errors
    ///
    /// What is wrong with the input, and where. The batch then holds nothing of use; the source may be rewound.
    fn next_batch(&mut self, max_rows: usize, batch: &mut Batch) -> Result<usize, SourceError>;

    /// Starts again at the first row.
    ///
    /// # Errors
    ///
    /// The file cannot be read again, or has changed.
    fn rewind(&mut self) -> Result<(), SourceError>;
}

/// Opens a file of vectors.
///
/// The format is the one that `options` names, else that of the extension, else that of the first bytes.
///
/// # Errors
///
/// The file cannot be read, is of no known format, or its header or first row is wrong.
pub fn open(path: &Path, options: &SourceOptions) -> Result<Box<dyn Source>, SourceError> {
    let format = match options.format.or_else(|| format_of_extension(path)) {
        Some(format) => format,
        None => sniff(path)?,
    };
    Ok(match format {
        SourceFormat::Npy => Box::new(npy::open(path)?),
        SourceFormat::Fvecs => Box::new(vecs::open(path, SourceType::F32)?),
        SourceFormat::Bvecs => Box::new(vecs::open(path, SourceType::U8)?),
        SourceFormat::Jsonl => Box::new(jsonl::JsonlSource::open(path, options)?),
        SourceFormat::Csv => Box::new(self::csv::CsvSource::open(path, options)?),
    })
}

fn extension(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

fn format_of_extension(path: &Path) -> Option<SourceFormat> {
    match extension(path)?.as_str() {
        "npy" => Some(SourceFormat::Npy),
        "fvecs" => Some(SourceFormat::Fvecs),
        "bvecs" => Some(SourceFormat::Bvecs),
        "jsonl" | "ndjson" => Some(SourceFormat::Jsonl),
        "csv" => Some(SourceFormat::Csv),
        _ => None,
    }
}

fn sniff(path: &Path) -> Result<SourceFormat, SourceError> {
    let start = first_bytes(path)?;
    if start.starts_with(npy_header::MAGIC) {
        return Ok(SourceFormat::Npy);
    }
    let text = start.strip_prefix(input::BOM).unwrap_or(&start);
    if matches!(text.trim_ascii_start().first(), Some(b'{' | b'[')) {
        return Ok(SourceFormat::Jsonl);
    }
    let compressed = start.starts_with(b"\x1f\x8b")
        || start.starts_with(b"PK\x03\x04")
        || start.starts_with(b"\x28\xb5\x2f\xfd")
        || start.starts_with(b"BZh")
        || start.starts_with(b"\xfd7zXZ");
    Err(SourceError::file(
        path,
        SourceProblem::UnknownFormat { compressed },
    ))
}

/// The first bytes of a file, for telling its format.
fn first_bytes(path: &Path) -> Result<Vec<u8>, SourceError> {
    const ENOUGH: u64 = 256;
    let file = input::open_file(path)?;
    let mut start = Vec::new();
    <File as Read>::take(file, ENOUGH)
        .read_to_end(&mut start)
        .map_err(|error| SourceError::io(path, Place::byte(0), error))?;
    Ok(start)
}

/// Counts one row more of a text.
fn count_row(rows: &mut u64) -> Result<(), SourceProblem> {
    if *rows >= MAX_ROWS {
        return Err(SourceProblem::TooManyRows { found: *rows + 1 });
    }
    *rows += 1;
    Ok(())
}

/// At the end of a text the number of rows is known. It must be the same at the end of each pass.
fn end_of_text(info: &mut SourceInfo, rows: u64) -> Result<(), SourceProblem> {
    match info.rows {
        Some(expected) if expected != rows => Err(SourceProblem::Changed {
            what: "its number of rows",
            expected,
            found: rows,
        }),
        _ => {
            info.rows = Some(rows);
            Ok(())
        }
    }
}
