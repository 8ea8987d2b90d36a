//! An input that cannot be read, and the place in it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use super::problem::SourceProblem;
use super::shown::{Shown, clean};

/// Where in an input something was found. Each part is there only where the format has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// Offset in the file, in bytes from its start.
    pub byte: Option<u64>,
    /// Line of a text file, counted from 1. Blank lines count.
    pub line: Option<u64>,
    /// Position in the line, counted from 1: the field of a CSV file, the byte of a JSON line.
    pub column: Option<u64>,
    /// Name of the column or the field.
    pub field: Option<String>,
    /// Row (vector), counted from 0.
    pub row: Option<u64>,
    /// Component of the vector, counted from 0.
    pub component: Option<u64>,
}

impl Place {
    pub(super) fn byte(byte: u64) -> Self {
        Self {
            byte: Some(byte),
            ..Self::default()
        }
    }

    pub(super) fn line(line: u64) -> Self {
        Self {
            line: Some(line),
            ..Self::default()
        }
    }

    /// Row `row`, on line `line` where there are lines.
    pub(super) fn row(row: u64, line: Option<u64>) -> Self {
        Self {
            row: Some(row),
            line,
            ..Self::default()
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = "";
        if let Some(line) = self.line {
            write!(f, "line {line}")?;
            before = ", ";
        }
        if let Some(column) = self.column {
            write!(f, "{before}column {column}")?;
            before = ", ";
        }
        if let Some(field) = &self.field {
            write!(f, "{before}field {}", Shown(field))?;
            before = ", ";
        }
        if let Some(row) = self.row {
            write!(f, "{before}row {row}")?;
            before = ", ";
        }
        if let Some(component) = self.component {
            write!(f, "{before}component {component}")?;
            before = ", ";
        }
        if self.row.is_some() || self.component.is_some() {
            write!(f, " (from 0)")?;
        }
        if let Some(byte) = self.byte {
            write!(f, "{before}byte {byte}")?;
        }
        Ok(())
    }
}

/// An input that cannot be read: which one, where in it, and what is wrong.
///
/// Its text names all three and ends with what to do next.
pub struct SourceError {
    // Boxed: it travels through `Result`s whose good value is a word or two.
    inner: Box<Inner>,
}

struct Inner {
    path: Option<PathBuf>,
    place: Place,
    problem: SourceProblem,
}

impl SourceError {
    pub(super) fn new(path: Option<&Path>, place: Place, problem: SourceProblem) -> Self {
        let path = path.map(Path::to_path_buf);
        Self {
            inner: Box::new(Inner {
                path,
                place,
                problem,
            }),
        }
    }

    pub(super) fn file(path: &Path, problem: SourceProblem) -> Self {
        Self::new(Some(path), Place::default(), problem)
    }

    pub(super) fn at(path: &Path, place: Place, problem: SourceProblem) -> Self {
        Self::new(Some(path), place, problem)
    }

    pub(super) fn io(path: &Path, place: Place, error: io::Error) -> Self {
        Self::new(Some(path), place, SourceProblem::Io(error))
    }

    /// The file, unless the vectors came from memory.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    /// Where in the input.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.inner.place
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> &SourceProblem {
        &self.inner.problem
    }
}

impl fmt::Debug for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceError")
            .field("path", &self.inner.path)
            .field("place", &self.inner.place)
            .field("problem", &self.inner.problem)
            .finish()
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner.path {
            Some(path) => path
                .to_string_lossy()
                .chars()
                .try_for_each(|c| clean(f, c))?,
            None => write!(f, "vectors in memory")?,
        }
        if self.inner.place != Place::default() {
            write!(f, ", {}", self.inner.place)?;
        }
        write!(f, ": {}", self.inner.problem)
    }
}

impl std::error::Error for SourceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.inner.problem {
            SourceProblem::Io(error) => Some(error),
            _ => None,
        }
    }
}
