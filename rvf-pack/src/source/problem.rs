//! What can be wrong with an input, and how to mend it.

use std::fmt;
use std::io;

use super::error::Place;
use super::shown::{Clipped, Shown, ShownList};
use super::{MAX_DIMENSION, MAX_ID_BYTES, MAX_ROWS, SUPPORTED};

/// What is wrong with an input.
#[derive(Debug)]
#[non_exhaustive]
pub enum SourceProblem {
    /// The operating system refused.
    Io(io::Error),
    /// A directory, a pipe or a device: what cannot be read twice.
    NotAFile,
    /// Neither the extension nor the first bytes name a format.
    UnknownFormat {
        /// The first bytes are those of a compressed file.
        compressed: bool,
    },
    /// No rows.
    NoRows,
    /// More rows than a file can hold.
    TooManyRows {
        /// Rows found so far.
        found: u64,
    },
    /// A dimension out of range.
    Dimension {
        /// The dimension found.
        found: i128,
    },
    /// Fewer or more bytes than the header promises.
    FileSize {
        /// Bytes expected.
        expected: u128,
        /// Bytes found.
        found: u64,
    },
    /// The size of the file is no whole number of rows.
    PartRow {
        /// Bytes of a row.
        row_bytes: u64,
        /// Bytes of the file.
        found: u64,
    },
    /// The file is not what it was when it was opened.
    Changed {
        /// What changed.
        what: &'static str,
        /// What it was.
        expected: u64,
        /// What it is now.
        found: u64,
    },
    /// The first bytes are not those of the format that the extension names.
    Magic {
        /// What the file should start with.
        expected: &'static str,
    },
    /// An `.npy` version that is not known.
    NpyVersion {
        /// Major and minor version.
        found: (u8, u8),
    },
    /// An `.npy` header that does not follow the format.
    NpyHeader {
        /// What was expected.
        expected: &'static str,
    },
    /// Elements of a type that is not read.
    NpyType {
        /// The type as the file writes it.
        found: String,
        /// The types that are read.
        expected: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// Column-major (Fortran) order.
    FortranOrder,
    /// Another number of axes than expected.
    NpyShape {
        /// Axes found, the first few.
        found: Vec<u64>,
        /// Axes expected.
        expected: usize,
    },
    /// A vector of another length than the first one.
    RowDimension {
        /// The dimension of the first row.
        expected: u64,
        /// The dimension of this one.
        found: i64,
    },
    /// A CSV record with another number of fields than the first one.
    RaggedRow {
        /// Fields of the first record.
        expected: u64,
        /// Fields of this one.
        found: u64,
    },
    /// NaN, an infinity, or a value too large for 32-bit floating point.
    NotFinite {
        /// The value as found.
        value: String,
    },
    /// Something else where a number should be.
    NotANumber {
        /// What was found.
        found: String,
    },
    /// A line that is no JSON.
    Json {
        /// What the parser says.
        message: String,
    },
    /// A JSON line that is neither an object nor an array.
    NotARow {
        /// What was found.
        found: &'static str,
    },
    /// A CSV file that cannot be read as one.
    Csv {
        /// What the parser says.
        message: String,
    },
    /// A field or column that is asked for is missing.
    MissingField {
        /// The name asked for.
        name: String,
        /// The names that are there.
        found: Vec<String>,
    },
    /// A field or column name that is there twice.
    RepeatedField {
        /// The name.
        name: String,
    },
    /// None, or more than one, of the fields could be the vector.
    WhichVector {
        /// The fields that could be.
        candidates: Vec<String>,
        /// All fields.
        found: Vec<String>,
    },
    /// A column of single numbers called as a vector column, beside other columns.
    OneNumberVector {
        /// The name of the column.
        name: String,
    },
    /// A CSV column without a name, which is no component and no id.
    UnnamedColumn,
    /// A first CSV record with numbers, which may be a header or a row.
    HeaderOrRow,
    /// A line or record longer than the limit.
    LineTooLong {
        /// The limit in bytes.
        limit: u64,
    },
    /// A text that is not UTF-8.
    NotUtf8,
    /// An id that cannot be one.
    BadId {
        /// What was found.
        found: String,
    },
    /// An empty id.
    EmptyId,
    /// An id with too many bytes.
    LongId {
        /// Its length, in bytes.
        found: u64,
    },
    /// Numbers and texts as ids in one source.
    MixedIds {
        /// The first id that is a number.
        number: Box<Place>,
        /// The first id that is a text.
        text: Box<Place>,
    },
    /// Some rows have an id, this one has none.
    MissingId {
        /// The name of the field.
        name: String,
    },
    /// The first rows had no id, this one has.
    UnexpectedId {
        /// The name of the field.
        name: String,
    },
    /// Not as many values or ids as the caller's counts say.
    Length {
        /// What is counted.
        what: &'static str,
        /// The count expected.
        expected: u64,
        /// The count found.
        found: u64,
    },
    /// A value that does not fit the type asked for.
    OutOfRange {
        /// The value.
        value: String,
        /// The type.
        target: &'static str,
    },
}

impl fmt::Display for SourceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use SourceProblem as P;
        match self {
            P::Io(error) => write!(f, "{error}; check that the file is there and readable"),
            P::NotAFile => write!(
                f,
                "expected a regular file, found a directory, pipe or device; the input is read more than once, so save it to a file first"
            ),
            P::UnknownFormat { compressed: true } => write!(
                f,
                "the file is compressed; decompress it first (supported: {SUPPORTED})"
            ),
            P::UnknownFormat { compressed: false } => write!(
                f,
                "neither the extension nor the first bytes name a known format; supported are {SUPPORTED}: convert the file or give it the right extension"
            ),
            P::NoRows => write!(
                f,
                "expected at least one row, found none; give it at least one vector"
            ),
            P::TooManyRows { found } => write!(
                f,
                "expected at most {MAX_ROWS} rows, found {found} or more; split the input into several files"
            ),
            P::Dimension { found } => write!(
                f,
                "expected a dimension of 1 to {MAX_DIMENSION}, found {found}; check that each row is one vector"
            ),
            P::FileSize { expected, found } => {
                let (state, remedy) = if u128::from(*found) < *expected {
                    ("truncated", "copy or write it again")
                } else {
                    ("followed by other data", "keep one array to a file")
                };
                write!(
                    f,
                    "the array is {state}: expected {expected} bytes from its header, found {found}; {remedy}"
                )
            }
            P::PartRow { row_bytes, found } => write!(
                f,
                "expected a whole number of rows of {row_bytes} bytes, found {found} bytes; the file is truncated or of another format: copy or write it again"
            ),
            P::Changed {
                what,
                expected,
                found,
            } => write!(
                f,
                "the file changed while it was read: {what} was {expected}, now {found}; try again when nothing writes to it"
            ),
            P::Magic { expected } => write!(
                f,
                "expected the file to start with {expected}; it is of another format or damaged: give it the right extension or write it again"
            ),
            P::NpyVersion {
                found: (major, minor),
            } => write!(
                f,
                "expected npy version 1.0, 2.0 or 3.0, found {major}.{minor}; write the array again with numpy.save"
            ),
            P::NpyHeader { expected } => write!(
                f,
                "the npy header is not valid: expected {expected}; write the array again with numpy.save"
            ),
            P::NpyType {
                found,
                expected,
                remedy,
            } => write!(
                f,
                "expected elements of type {expected}, found {}; {remedy}",
                Shown(found)
            ),
            P::FortranOrder => write!(
                f,
                "expected rows one after the other (C order), found Fortran order; save numpy.ascontiguousarray(array)"
            ),
            P::NpyShape { found, expected } => {
                write!(f, "expected an array with {expected} axes, found (")?;
                for (index, axis) in found.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{axis}")?;
                }
                let remedy = match (*expected, found.len()) {
                    (2, 1) => {
                        "save array[None, :] for one vector, array[:, None] for many of dimension 1"
                    }
                    (2, _) => "save array.reshape(len(array), -1)",
                    _ => "save array.ravel()",
                };
                write!(f, "); {remedy}")
            }
            P::RowDimension { expected, found } => write!(
                f,
                "expected a vector of dimension {expected} as in the first row, found {found}; all vectors must have the same dimension"
            ),
            P::RaggedRow { expected, found } => write!(
                f,
                "expected {expected} fields as in the first record, found {found}; give every record the same fields, and quote fields that hold a comma"
            ),
            P::NotFinite { value } => write!(
                f,
                "expected a finite 32-bit floating point value, found {}; replace it or drop the row",
                Clipped(value)
            ),
            P::NotANumber { found } => write!(
                f,
                "expected a number, found {}; a vector holds numbers only: name another vector field, or mend the row",
                Clipped(found)
            ),
            P::Json { message } => write!(
                f,
                "expected one JSON value on the line ({message}); write each row as JSON on one line of its own"
            ),
            P::NotARow { found } => write!(
                f,
                "expected a JSON object with a vector, or an array of numbers, found {found}; write each row as one of these"
            ),
            P::Csv { message } => {
                write!(
                    f,
                    "expected CSV ({message}); write the file again as CSV in UTF-8"
                )
            }
            P::MissingField { name, found } => write!(
                f,
                "expected a field {}, found {}; add it or name another",
                Shown(name),
                ShownList(found)
            ),
            P::RepeatedField { name } => write!(
                f,
                "expected the field {} once, found it twice; rename or drop one",
                Shown(name)
            ),
            P::WhichVector { candidates, found } if candidates.is_empty() => write!(
                f,
                "expected a field that is an array of numbers, found none among: {}; call it \"vector\", or name it",
                ShownList(found)
            ),
            P::WhichVector { candidates, .. } => write!(
                f,
                "expected one field that is an array of numbers, found {}; call one \"vector\", or name it",
                ShownList(candidates)
            ),
            P::OneNumberVector { name } => write!(
                f,
                "expected a whole vector in the column {}, found a single number beside other columns; name the vector column, or rename this one if every column is a component",
                Shown(name)
            ),
            P::UnnamedColumn => write!(
                f,
                "expected a name for the column, found none; call it \"id\" if it holds ids, drop it if it holds row numbers"
            ),
            P::HeaderOrRow => write!(
                f,
                "expected names of columns, or a row of numbers alone, found numbers that may be either; add a header with names that are no numbers, or say whether there is a header (--header yes or no)"
            ),
            P::LineTooLong { limit } => write!(
                f,
                "expected a line of at most {limit} bytes, found a longer one; put each row on a line of its own, and check for a quote that is not closed"
            ),
            P::NotUtf8 => write!(
                f,
                "expected text in UTF-8, found other bytes; save the file in UTF-8"
            ),
            P::BadId { found } => write!(
                f,
                "expected an id that is a text or a whole number of 0 to {}, found {}; mend it or name another id field",
                u64::MAX,
                Clipped(found)
            ),
            P::EmptyId => write!(
                f,
                "expected an id, found an empty one; give every row an id, or leave the ids out (--no-ids)"
            ),
            P::LongId { found } => write!(
                f,
                "expected an id of at most {MAX_ID_BYTES} bytes, found {found}; use a shorter id"
            ),
            P::MixedIds { number, text } => write!(
                f,
                "expected ids of one kind, found a number at {number} and a text at {text}; write all as texts or all as whole numbers, or ask for ids as text (--ids-as-text)"
            ),
            P::MissingId { name } => write!(
                f,
                "expected an id in the field {} as in the first row, found none; give every row an id, or leave the ids out (--no-ids)",
                Shown(name)
            ),
            P::UnexpectedId { name } => write!(
                f,
                "expected no field {} as the first row has none, found one; give every row an id, or leave the ids out (--no-ids)",
                Shown(name)
            ),
            P::Length {
                what,
                expected,
                found,
            } => write!(
                f,
                "expected {expected} {what}, found {found}; make the counts agree"
            ),
            P::OutOfRange { value, target } => write!(
                f,
                "expected a value that fits {target}, found {}; use values in that range",
                Clipped(value)
            ),
        }
    }
}
