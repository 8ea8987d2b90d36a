//! What can go wrong when a file is packed, where, and how to mend it.

use std::fmt;
use std::io;
use std::path::PathBuf;

#[cfg(feature = "modules")]
use rvf_types::wasm::ModuleError;
use rvf_types::{FormatError, VectorKind};

use crate::source::{Id, Place, SourceError};

/// Why a file could not be packed. Its text says what was expected, what was found, where, and what to do next.
#[derive(Debug)]
#[non_exhaustive]
pub enum PackError {
    /// The input cannot be read.
    Source(SourceError),
    /// The input has no rows.
    NoRows,
    /// The input has more rows than a file can hold.
    TooManyRows,
    /// The input says that its vectors have no components, or too many.
    Dimension {
        /// Components.
        found: usize,
    },
    /// The input gave another number of rows than it had said, or than the first time.
    RowsChanged {
        /// Rows that were to come.
        expected: u64,
        /// Rows that came.
        found: u64,
    },
    /// A batch of the input does not have the shape that the input has said.
    BadBatch {
        /// The first row of the batch.
        row: u64,
    },
    /// A component is not finite, or of a magnitude above the limit.
    Component {
        /// Where.
        place: Box<Place>,
        /// Its value.
        value: f32,
        /// The limit of the vectors that are kept.
        limit: f32,
        /// What is kept.
        vectors: VectorKind,
    },
    /// A vector that is all zeros, which has no cosine with another.
    ZeroVector {
        /// Where.
        place: Box<Place>,
    },
    /// Two rows have the same id.
    DuplicateId {
        /// The id.
        id: Id,
        /// The first row that has it.
        first: Box<Place>,
        /// The next one.
        second: Box<Place>,
    },
    /// The list of ids does not have one for each row.
    IdCount {
        /// Rows.
        rows: u64,
        /// Ids.
        ids: u64,
    },
    /// The ids are not all numbers, or all texts of 1 to 512 bytes.
    BadId {
        /// The first row whose id is wrong.
        place: Box<Place>,
        /// What was expected.
        expected: &'static str,
    },
    /// More lists are asked for than there can be.
    TooManyLists {
        /// Lists.
        lists: u32,
        /// The most that there can be.
        most: u32,
    },
    /// The file does not reach the recall that is asked for.
    AboveCeiling {
        /// The recall.
        recall: f64,
        /// Hits for which it was measured.
        k: u32,
        /// The highest recall that was reached.
        ceiling: f64,
        /// What is kept of the vectors.
        vectors: VectorKind,
    },
    /// A module for the file is refused.
    #[cfg(feature = "modules")]
    Module {
        /// Which one, counted from 0 in the order in which they were given.
        index: usize,
        /// Why.
        error: ModuleError,
    },
    /// A property is refused.
    Property {
        /// Its key.
        key: String,
        /// Why.
        problem: &'static str,
    },
    /// `SOURCE_DATE_EPOCH` is set to something else than a number of seconds.
    SourceDateEpoch {
        /// What it is set to.
        found: String,
    },
    /// The target exists, and may not be replaced.
    TargetExists {
        /// The target.
        path: PathBuf,
    },
    /// The target exists and is no file.
    TargetNotAFile {
        /// The target.
        path: PathBuf,
    },
    /// The target is a link to a file that does not exist.
    TargetDangling {
        /// The target.
        path: PathBuf,
    },
    /// The target cannot be created, or not finished.
    Target {
        /// The target.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// The output, or a temporary file, cannot be written or read back.
    Output {
        /// The target, if the output goes to a file.
        path: Option<PathBuf>,
        /// What was tried.
        doing: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// The threads cannot be started.
    Threads {
        /// What the system says.
        problem: String,
    },
    /// What was built breaks a rule of the format.
    Format(FormatError),
    /// The search that measures the file failed.
    Measure {
        /// What failed.
        what: &'static str,
        /// What the kernel says.
        error: rvf_microkernel::Error,
    },
    /// The cancellation flag was set.
    Cancelled,
}

impl PackError {
    /// An error of the output, for `map_err`.
    pub(crate) fn output(doing: &'static str) -> impl Fn(io::Error) -> Self {
        move |error| Self::Output {
            path: None,
            doing,
            error,
        }
    }

    /// The same error with the path of the target, where that says more.
    pub(crate) fn for_target(self, target: &std::path::Path) -> Self {
        match self {
            Self::Output {
                path: None,
                doing,
                error,
            } => Self::Output {
                path: Some(target.to_path_buf()),
                doing,
                error,
            },
            other => other,
        }
    }
}

impl From<SourceError> for PackError {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl From<FormatError> for PackError {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

impl std::error::Error for PackError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // Their text stands in ours already: the cause is what lies behind them.
            Self::Source(error) => error.source(),
            Self::Target { error, .. } | Self::Output { error, .. } => error.source(),
            _ => None,
        }
    }
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(error) => write!(f, "{error}"),
            Self::NoRows => write!(
                f,
                "expected at least one vector, found none; give an input that has rows"
            ),
            Self::TooManyRows => {
                write!(
                    f,
                    "expected at most 4,294,967,295 rows, found more; split the input into several files"
                )
            }
            Self::Dimension { found } => write!(
                f,
                "expected vectors of 1 to 65,536 components, found {found}; use vectors of such a length"
            ),
            Self::RowsChanged { expected, found } => write!(
                f,
                "expected {expected} rows, found {found}; the input must not change while it is packed: pack again"
            ),
            Self::BadBatch { row } => write!(
                f,
                "expected whole rows with one id each from row {row} (from 0) on, found another number of values or ids; this is a fault of the source that reads the input"
            ),
            Self::Component {
                place,
                value,
                limit,
                vectors,
            } => {
                write!(
                    f,
                    "{place}: expected a finite number of magnitude at most {limit:e}, found {value:e}; "
                )?;
                if *vectors == VectorKind::F16 && value.abs() <= rvf_types::limits::MAX_COMPONENT {
                    write!(
                        f,
                        "f16 holds no larger one: keep the vectors as f32 (--vectors f32), or scale them down"
                    )
                } else {
                    write!(f, "correct the value or remove the row")
                }
            }
            Self::ZeroVector { place } => write!(
                f,
                "{place}: expected a vector that is not zero, found zeros (or next to zero), which have no cosine with any other; remove the row, or choose another metric (l2 or ip)"
            ),
            Self::DuplicateId { id, first, second } => write!(
                f,
                "expected every id once, found {} twice: at {first} and at {second}; remove or rename one",
                ShownId(id)
            ),
            Self::IdCount { rows, ids } => {
                write!(
                    f,
                    "expected one id for each of the {rows} rows, found {ids} ids; make the counts agree"
                )
            }
            Self::BadId { place, expected } => {
                write!(
                    f,
                    "{place}: expected {expected}, found another id; correct it, or leave the ids out (--no-ids)"
                )
            }
            Self::TooManyLists { lists, most } => write!(
                f,
                "expected 1 to {most} lists (65,536, or one for each row), found {lists}; ask for fewer (--lists), or leave the number to the packer"
            ),
            Self::AboveCeiling {
                recall,
                k,
                ceiling,
                vectors,
            } => {
                write!(
                    f,
                    "expected a recall of {recall} for {k} hits, found {ceiling:.4} at the highest effort; "
                )?;
                match vectors {
                    VectorKind::I8 => write!(
                        f,
                        "keep the vectors more exactly (--vectors f16), or ask for less (--recall)"
                    ),
                    VectorKind::F16 | VectorKind::F32 => {
                        write!(f, "ask for less (--recall); exact search finds all")
                    }
                }
            }
            #[cfg(feature = "modules")]
            Self::Module { index, error } => {
                write!(f, "module {index} (from 0) of those for the file: {error}")
            }
            Self::Property { key, problem } => {
                write!(f, "property \"{}\": {problem}", key.escape_debug())
            }
            Self::SourceDateEpoch { found } => write!(
                f,
                "SOURCE_DATE_EPOCH: expected a whole number of seconds since 1970, found \"{}\"; correct it or unset it",
                found.escape_debug()
            ),
            Self::TargetExists { path } => {
                write!(
                    f,
                    "{}: exists already; choose another name, or replace it by force (--force)",
                    shown(path)
                )
            }
            Self::TargetNotAFile { path } => {
                write!(
                    f,
                    "{}: expected a file or a new name, found something else; choose another name",
                    shown(path)
                )
            }
            Self::TargetDangling { path } => {
                write!(
                    f,
                    "{}: expected a file or a new name, found a link to a file that does not exist; remove the link, or name the file itself",
                    shown(path)
                )
            }
            Self::Target { path, doing, error } => write!(
                f,
                "{}: cannot {doing} the file: {error}; check that the folder exists, that you may write there and that there is space",
                shown(path)
            ),
            Self::Output { path, doing, error } => {
                if let Some(path) = path {
                    write!(f, "{}: ", shown(path))?;
                }
                let remedy = match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        "free some space and pack again"
                    }
                    io::ErrorKind::OutOfMemory => {
                        "pack to a file, or on a machine with more memory"
                    }
                    _ => "check the disk and pack again",
                };
                write!(f, "cannot {doing}: {error}; {remedy}")?;
                // An output of the caller's may have a part of the file.
                match path {
                    Some(_) => write!(f, "; nothing was left behind"),
                    None => Ok(()),
                }
            }
            Self::Threads { problem } => write!(
                f,
                "cannot start the threads: {problem}; ask for fewer (--threads 1)"
            ),
            Self::Format(error) => write!(
                f,
                "the file that was built is not valid: {error}; please report this as a fault of the packer"
            ),
            Self::Measure { what, error } => write!(
                f,
                "measuring the file: {what} failed: {error}; please report this as a fault of the packer"
            ),
            Self::Cancelled => write!(f, "cancelled before the file was finished"),
        }
    }
}

fn shown(path: &std::path::Path) -> impl fmt::Display {
    path.to_string_lossy().escape_debug().to_string()
}

struct ShownId<'a>(&'a Id);

impl fmt::Display for ShownId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Id::U64(number) => write!(f, "the id {number}"),
            Id::Text(text) => write!(f, "the id \"{}\"", text.escape_debug()),
        }
    }
}
