//! What can go wrong, with the codes of the module's interface.

use core::fmt;

/// Why the kernel did not do what it was asked.
///
/// The codes are those of kernel.md, section 7.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum Error {
    /// A buffer outside the memory, or not aligned (−1). Only the wasm interface answers this.
    BadPointer = -1,
    /// Not a context or a state (−2). Only the wasm interface answers this.
    BadHandle = -2,
    /// The memory given for a context or a state is too small (−3).
    SmallBuffer = -3,
    /// The head of the INDEX is damaged (−4).
    BadIndex = -4,
    /// A layout, metric or element type that this kernel does not know (−5).
    Unsupported = -5,
    /// A parameter is out of range (−6).
    BadParam = -6,
    /// The query vector breaks K-QRY-1, or has another dimension than the file (−7).
    BadQuery = -7,
    /// The window holds no group of 32 rows (−8, K-ABI-3).
    Window = -8,
    /// The data that was fed contradicts itself (−9, K-ABI-6).
    BadData = -9,
    /// A call out of turn (−10).
    State = -10,
}

impl Error {
    /// The code of the module's interface, a negative number.
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i8 as i32
    }

    /// The error that a module means by a code; `None` if no error has it.
    #[must_use]
    pub const fn from_code(code: i32) -> Option<Self> {
        Some(match code {
            -1 => Self::BadPointer,
            -2 => Self::BadHandle,
            -3 => Self::SmallBuffer,
            -4 => Self::BadIndex,
            -5 => Self::Unsupported,
            -6 => Self::BadParam,
            -7 => Self::BadQuery,
            -8 => Self::Window,
            -9 => Self::BadData,
            -10 => Self::State,
            _ => return None,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadPointer => "a buffer lies outside the memory or is not aligned to 16 bytes",
            Self::BadHandle => "the handle names no open context or query",
            Self::SmallBuffer => "the memory given to the kernel is too small; ask for the size first",
            Self::BadIndex => "the head of the INDEX segment is damaged; verify the file",
            Self::Unsupported => {
                "the file's index layout, metric or element type is unknown to this kernel; use the file's own or a newer one"
            }
            Self::BadParam => {
                "a search parameter is out of range: 1 ≤ k ≤ pool ≤ 65536 (pool = k where vectors are i8), 0 ≤ slack ≤ 16, 4 ≤ max needs ≤ 4096"
            }
            Self::BadQuery => {
                "the query vector must have the file's dimension, finite components of at most 1e15, and under cosine a length above 0"
            }
            Self::Window => "the window is too small: it must hold 32 rows of codes",
            Self::BadData => "the index data contradict themselves; verify the file",
            Self::State => "the kernel was called out of turn",
        })
    }
}

impl core::error::Error for Error {}
