//! What a module can do wrong.

use std::fmt;

use rvf_types::wasm::ModuleError;

/// Why a module of a file was not run to the end.
///
/// `Display` goes on from "the module … ".
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Its bytecode is larger than the limit.
    TooLarge {
        /// Its size in bytes.
        size: u32,
        /// The limit.
        limit: u32,
    },
    /// It breaks a rule of the format: its header lies, it imports something, it has a start function (R-WASM-1 to
    /// R-WASM-3).
    Rule(ModuleError),
    /// It can't be compiled.
    Compile {
        /// What the engine says.
        message: String,
    },
    /// It can't be instantiated: most often its memory or tables start above the limit.
    Instantiate {
        /// What the engine says.
        message: String,
    },
    /// It lacks an export of the interface, or the export has another type.
    Export {
        /// The export.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// It speaks another version of the interface.
    Version {
        /// What it answered.
        found: i32,
    },
    /// It says that it can't do what the file or the query asks for.
    Lacks {
        /// What that is.
        what: &'static str,
    },
    /// It trapped.
    Trap {
        /// The export that was called.
        call: &'static str,
        /// The engine's name for the trap.
        message: String,
    },
    /// It spent all its fuel.
    Fuel {
        /// The export that was called.
        call: &'static str,
        /// Fuel that the query had.
        budget: u64,
    },
    /// It took more steps than a query may.
    Steps {
        /// The limit.
        limit: u32,
    },
    /// It asked for the file's data over and over.
    Data {
        /// Bytes of the blocks that this took.
        fed: u64,
        /// Bytes of blocks that a query may take.
        limit: u64,
    },
    /// It left too little of its memory, or too much of the memory is its own.
    Memory {
        /// Bytes that the host wants behind `__heap_base`.
        needed: u64,
        /// Bytes that the memory may have in all.
        limit: u64,
    },
    /// It gave an error code (kernel.md, section 7).
    Code {
        /// The export that was called.
        call: &'static str,
        /// The code.
        code: i32,
    },
    /// It gave a pointer, a length or a count that can't be.
    Lie {
        /// The export that gave it.
        call: &'static str,
        /// What it said.
        what: &'static str,
        /// The number that it gave.
        found: u64,
        /// The bound that the number breaks.
        bound: u64,
    },
}

impl Fault {
    /// The rule of `spec/` that it breaks, where there is one.
    #[must_use]
    pub const fn rule(&self) -> Option<&'static str> {
        match self {
            Self::Rule(error) => Some(error.rule()),
            Self::Code { code: -9, .. } => Some("K-ABI-6"),
            _ => None,
        }
    }
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size, limit } => {
                write!(
                    f,
                    "has {size} bytes of bytecode, the limit is {limit}; raise `module_bytes` if you trust it"
                )
            }
            Self::Rule(error) => write!(f, "breaks a rule: {error}"),
            Self::Compile { message } => write!(f, "can't be compiled: {message}"),
            Self::Instantiate { message } => write!(f, "can't be started: {message}"),
            Self::Export { name, expected } => {
                write!(
                    f,
                    "does not export {name} as {expected}; it is no kernel of this interface (kernel.md, section 7)"
                )
            }
            Self::Version { found } => {
                write!(
                    f,
                    "speaks version {found:#x} of the interface, this host speaks 0x20002; use a newer release"
                )
            }
            Self::Lacks { what } => write!(f, "says that it can't do this: {what}"),
            Self::Trap { call, message } => write!(f, "trapped in {call}: {message}"),
            Self::Fuel { call, budget } => write!(
                f,
                "spent the whole budget of {budget} units of fuel and was stopped in {call}; raise `fuel` if you trust it"
            ),
            Self::Steps { limit } => write!(f, "was stopped after {limit} steps of one query"),
            Self::Data { fed, limit } => write!(
                f,
                "made this host read {fed} bytes of blocks in one query, which may have {limit}; it reads the same data over and over"
            ),
            Self::Memory { needed, limit } => write!(
                f,
                "would need {needed} bytes of memory for this query, the limit is {limit}; raise the limit, or ask for a smaller k or pool"
            ),
            Self::Code { call, code } => match rvf_microkernel::Error::from_code(*code) {
                Some(error) => write!(f, "answered {call} with the error {code}: {error}"),
                None => write!(
                    f,
                    "answered {call} with {code}, which is no code of the interface"
                ),
            },
            Self::Lie {
                call,
                what,
                found,
                bound,
            } => {
                write!(f, "lied in {call}: {what} is {found}, the bound is {bound}")
            }
        }
    }
}
