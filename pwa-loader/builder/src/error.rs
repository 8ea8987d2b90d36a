//! What can go wrong.

use std::fmt;

use rvf_pack::PackError;

/// Why the module did not do what it was asked. Its text is for the caller of the library.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A row or a query that can't be taken as it is.
    Request(String),
    /// No memory is left.
    Memory,
    /// Bytes that are no file of this format, or not one for this store.
    Format(String),
    /// The pack was cancelled.
    Cancelled,
    /// A fault of this library.
    Fault(String),
}

impl Error {
    /// The code of the module's interface, a negative number.
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::Request(_) => -1,
            Self::Memory => -2,
            Self::Format(_) => -3,
            Self::Cancelled => -4,
            Self::Fault(_) => -5,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(text) | Self::Format(text) => f.write_str(text),
            Self::Memory => f.write_str(
                "the memory of WebAssembly (4 GiB at most, less where the browser allows less) has no room for more; \
                 keep fewer vectors, or keep them as i8 or f16",
            ),
            Self::Cancelled => f.write_str("cancelled before the file was finished"),
            Self::Fault(text) => write!(f, "{text}; please report this as a fault of the library"),
        }
    }
}

impl std::error::Error for Error {}

impl From<PackError> for Error {
    fn from(error: PackError) -> Self {
        match &error {
            PackError::Output { error, .. } if error.kind() == std::io::ErrorKind::OutOfMemory => {
                Self::Memory
            }
            PackError::Cancelled => Self::Cancelled,
            PackError::Format(_) | PackError::Measure { .. } | PackError::Output { .. } => {
                Self::Fault(error.to_string())
            }
            _ => Self::Request(error.to_string()),
        }
    }
}

impl From<rvf_types::FormatError> for Error {
    fn from(error: rvf_types::FormatError) -> Self {
        Self::Format(error.to_string())
    }
}

impl From<rvf_microkernel::Error> for Error {
    fn from(error: rvf_microkernel::Error) -> Self {
        match error {
            rvf_microkernel::Error::BadQuery => Self::Request(String::from(
                "expected a query of finite components of at most 1e15 in magnitude, which under cosine is not zero; \
                 found another; correct it",
            )),
            rvf_microkernel::Error::BadParam => Self::Request(String::from(
                "expected k from 1 to 65,536 and probes from 0 to 65,536; found another number",
            )),
            rvf_microkernel::Error::BadData | rvf_microkernel::Error::BadIndex => {
                Self::Format(format!("the index of the vectors is damaged: {error}"))
            }
            other => Self::Fault(format!("the search stopped: {other}")),
        }
    }
}

/// An empty vector with room for so many values.
pub(crate) fn reserved<T>(count: usize) -> Result<Vec<T>, Error> {
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| Error::Memory)?;
    Ok(values)
}
