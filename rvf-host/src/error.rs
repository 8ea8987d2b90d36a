//! What can go wrong when a file is opened, searched or checked.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rvf_types::{FormatError, Metric, Role, SegmentHash, VectorKind};

use crate::engine::sandbox::Fault;

/// Why a file was not opened, or a question about it not answered.
///
/// `Display` is one or two sentences: what was expected, what was found, where, and what to do next.
#[derive(Debug)]
#[non_exhaustive]
pub enum HostError {
    /// A file could not be opened.
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Bytes could not be read.
    Read {
        /// What they hold.
        what: &'static str,
        /// Where they start in the file.
        offset: u64,
        /// What the system or the transport says.
        source: io::Error,
    },
    /// The bytes break a rule of the format.
    Format(FormatError),
    /// The file is larger than what this machine can address.
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes.
        bytes: u64,
    },
    /// There is not enough memory for a part of the file that is used whole.
    NoRoom {
        /// What it is for.
        what: &'static str,
        /// Bytes that were asked for.
        bytes: u64,
    },
    /// There is no such row.
    NoRow {
        /// The row that was asked for.
        row: u64,
        /// Rows of the file.
        rows: u64,
    },
    /// No row has this id.
    NoId {
        /// The id, as text.
        id: String,
    },
    /// The query vector has another dimension than the file.
    Dimension {
        /// The file's.
        expected: u32,
        /// The query's.
        found: usize,
    },
    /// A component of the query is not finite or above 10¹⁵ in absolute value (K-QRY-1).
    Component {
        /// Its place in the query, from 0.
        index: usize,
        /// What it is.
        value: f32,
    },
    /// The query is a zero vector and the metric is cosine (K-QRY-1).
    ZeroQuery,
    /// A parameter of the query is out of its range.
    Parameter {
        /// Which one.
        name: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: f64,
    },
    /// A filter was made for another number of rows.
    Filter {
        /// Rows of the file.
        expected: u64,
        /// Rows of the filter.
        found: u64,
    },
    /// The wished recall is above what the file was measured to reach (R-MAN-8).
    Ceiling {
        /// The wish.
        wanted: f64,
        /// The k that the file's entry was measured at.
        k: u32,
        /// The highest recall that was measured, if any was.
        ceiling: Option<f64>,
        /// What vectors the file keeps.
        vectors: VectorKind,
    },
    /// `native` was asked for, but this host has no twin of the file's kernel.
    UnknownKernel {
        /// The module's hash.
        hash: SegmentHash,
        /// Its role.
        role: Role,
    },
    /// A module of the file was asked for, but the file has none that this host can run.
    NoModule {
        /// What was looked for.
        wanted: &'static str,
        /// Modules of role Microkernel in the file.
        modules: usize,
    },
    /// This processor does not have what the wished backend needs.
    Backend {
        /// The backend's name.
        name: String,
        /// Those that it can run.
        available: Vec<&'static str>,
    },
    /// A module from the file broke the rules of the sandbox.
    Module {
        /// Its role.
        role: Role,
        /// Its hash.
        hash: SegmentHash,
        /// Where its segment starts in the file.
        offset: u64,
        /// What it did.
        fault: Box<Fault>,
    },
    /// The native kernel gave an error (kernel.md, section 7).
    Kernel {
        /// The error.
        error: rvf_microkernel::Error,
    },
    /// A query needs more memory than the limits allow.
    Memory {
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that it may have.
        limit: u64,
    },
    /// A returned distance is not that of the row's vector (only with `check_answers`).
    WrongDistance {
        /// The engine that gave it.
        engine: String,
        /// The row.
        row: u32,
        /// What it gave.
        found: f32,
        /// What the vector as stored gives.
        expected: f32,
        /// The file's metric.
        metric: Metric,
    },
}

impl HostError {
    /// The name of the rule of `spec/` that is broken, where one is.
    #[must_use]
    pub fn rule(&self) -> Option<&'static str> {
        match self {
            Self::Format(error) => Some(error.rule()),
            Self::Component { .. } | Self::ZeroQuery => Some("K-QRY-1"),
            Self::Ceiling { .. } => Some("R-MAN-8"),
            Self::Module { fault, .. } => fault.rule(),
            Self::WrongDistance { .. } => Some("K-DIST-3"),
            Self::NoRow { .. } | Self::Dimension { .. } => Some("R-LIM-1"),
            Self::Kernel {
                error: rvf_microkernel::Error::BadData,
            } => Some("K-ABI-6"),
            _ => None,
        }
    }

    /// Where in the file, in bytes from its start, if that is known.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::Read { offset, .. } | Self::Module { offset, .. } => Some(*offset),
            Self::Format(error) => error.offset(),
            _ => None,
        }
    }

    pub(crate) fn read(what: &'static str, offset: u64) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read {
            what,
            offset,
            source,
        }
    }
}

impl From<FormatError> for HostError {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

impl std::error::Error for HostError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open { source, .. } | Self::Read { source, .. } => Some(source),
            Self::Format(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, source } => write!(f, "cannot open {}: {source}", path.display()),
            Self::Read { what, offset, source } => {
                write!(f, "cannot read {what} at offset {offset}: {source}")
            }
            Self::Format(error) => error.fmt(f),
            Self::TooLarge { what, bytes } => write!(
                f,
                "{what} has {bytes} bytes, more than this machine can address; read it on a 64-bit machine"
            ),
            Self::NoRoom { what, bytes } => write!(
                f,
                "there is no memory for {what}, which has {bytes} bytes; read the file on a machine that has more"
            ),
            Self::NoRow { row, rows } => write!(
                f,
                "there is no row {row}: expected a row below {rows}, which is how many the file has"
            ),
            Self::NoId { id } => write!(
                f,
                "no row has the id \"{}\"; ids are compared byte for byte, `rvf info` says of what kind they are",
                id.escape_debug()
            ),
            Self::Dimension { expected, found } => write!(
                f,
                "the query has {found} components, but the vectors of this file have {expected}; make the query with the model that made the file's vectors"
            ),
            Self::Component { index, value } => write!(
                f,
                "component {index} of the query is {value}: expected a finite number of at most 1e15 in absolute value (K-QRY-1)"
            ),
            Self::ZeroQuery => f.write_str(
                "the query is a zero vector, which has no direction and so no cosine to any other; give a query that is not zero (K-QRY-1)",
            ),
            Self::Parameter { name, expected, found } => {
                write!(f, "{name}: expected {expected}, found {found}")
            }
            Self::Filter { expected, found } => write!(
                f,
                "the filter was made for {found} rows, but the file has {expected}; make it with the number of rows of this file"
            ),
            Self::Ceiling { wanted, k, ceiling, vectors } => {
                match ceiling {
                    Some(ceiling) => write!(
                        f,
                        "recall {wanted} is above this file's ceiling: the highest that was measured at k = {k} is {ceiling:.4}; "
                    )?,
                    None => write!(f, "recall {wanted} can't be promised: this file has no measured efforts; ")?,
                }
                match vectors {
                    VectorKind::I8 => f.write_str("pack it with `--vectors f16`, or search with `--exact` (R-MAN-8)"),
                    _ => f.write_str("search with `--exact` (R-MAN-8)"),
                }
            }
            Self::UnknownKernel { hash, role } => write!(
                f,
                "the file's kernel (role {role}, SHAKE-256 {hash}) is not one that this host has a native twin of; use the engine `wasmi`, which runs the file's own code, or `auto`"
            ),
            Self::NoModule { wanted, modules } => write!(
                f,
                "the file has no {wanted} that this host can run (modules of role Microkernel: {modules}); use the engine `auto`"
            ),
            Self::Backend { name, available } => write!(
                f,
                "this processor can't run the native backend {}; it has: {}",
                name.escape_debug(),
                available.join(", ")
            ),
            Self::Module { role, hash, offset, fault } => write!(
                f,
                "the module of role {role} at offset {offset} (SHAKE-256 {hash}) {fault}"
            ),
            Self::Kernel { error } => write!(f, "the kernel gave the error {}: {error}", error.code()),
            Self::Memory { needed, limit } => write!(
                f,
                "the query needs {needed} bytes of kernel memory, the limit is {limit}; ask for a smaller k or pool, or raise the limit"
            ),
            Self::WrongDistance { engine, row, found, expected, metric } => write!(
                f,
                "{engine} gave row {row} the {metric} distance {found}, but the vector as stored has {expected}; don't trust this file's kernel (K-DIST-3)"
            ),
        }
    }
}
