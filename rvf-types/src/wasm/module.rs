//! What a module says of itself, and the header that follows from it (R-WASM-2, R-WASM-3).

use super::{Role, Target, WasmFeatures, WasmHeader, WasmKind};
use crate::bytes::ensure;
use crate::digest::plain_hash;
use crate::error::{Expected, FormatError};
use alloc::string::{String, ToString};
use core::fmt;
use wasmparser::{Parser, Payload, Validator, WasmFeatures as Flags};

/// Why a module can't travel in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModuleError {
    /// It is no valid module, with every feature of the format allowed (R-WASM-2).
    Invalid {
        /// What the validator says.
        message: String,
        /// Where in the bytecode.
        offset: u64,
    },
    /// It is valid, and breaks a rule of the format; offsets in it are those of the bytecode.
    Format(FormatError),
}

impl ModuleError {
    /// The name of the rule that is broken.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "R-WASM-2",
            Self::Format(error) => error.rule(),
        }
    }
}

impl fmt::Display for ModuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { message, offset } => write!(
                f,
                "not a valid module: {message}, at offset {offset} of the bytecode; compile it with features of the format only ({})",
                self.rule()
            ),
            Self::Format(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ModuleError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Invalid { .. } => None,
            Self::Format(error) => Some(error),
        }
    }
}

impl From<FormatError> for ModuleError {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

impl From<wasmparser::Error> for ModuleError {
    fn from(error: wasmparser::Error) -> Self {
        Self::Invalid {
            message: error.message().to_string(),
            offset: error.offset(),
        }
    }
}

/// What a module says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModuleFacts {
    /// The features without which it does not validate.
    pub required: WasmFeatures,
    /// Number of exports.
    pub exports: u16,
    /// Initial size of its first memory in pages of 64 KiB; 0 without a memory.
    pub min_pages: u8,
    /// Maximum of that memory; 0: no limit, or no memory.
    pub max_pages: u8,
    /// Number of tables.
    pub tables: u8,
}

/// The validator's flags for each bit of the format.
const BITS: [(WasmFeatures, Flags); 8] = [
    (WasmFeatures::SIMD, Flags::SIMD),
    (WasmFeatures::BULK_MEMORY, Flags::BULK_MEMORY),
    (WasmFeatures::MULTI_VALUE, Flags::MULTI_VALUE),
    (WasmFeatures::REFERENCE_TYPES, Flags::REFERENCE_TYPES),
    (WasmFeatures::THREADS, Flags::THREADS),
    (WasmFeatures::TAIL_CALL, Flags::TAIL_CALL),
    // The proposal stands on typed function references, which have no bit of their own.
    (
        WasmFeatures::GC,
        Flags::GC.union(Flags::FUNCTION_REFERENCES),
    ),
    (WasmFeatures::EXCEPTIONS, Flags::EXCEPTIONS),
];

/// What is allowed without a bit. `GC_TYPES` only says that `externref` is a type at all where
/// reference types are allowed.
const FREE: Flags = Flags::MUTABLE_GLOBAL
    .union(Flags::SIGN_EXTENSION)
    .union(Flags::SATURATING_FLOAT_TO_INT)
    .union(Flags::FLOATS)
    .union(Flags::GC_TYPES);

/// Parses and validates a module and tells what it says of itself.
///
/// # Errors
/// [`ModuleError::Invalid`] for bytes that are no valid module. R-WASM-2 for exports, tables or
/// pages that a header can't describe, R-WASM-3 for an import or a start function.
pub fn facts(bytecode: &[u8]) -> Result<ModuleFacts, ModuleError> {
    let all = BITS.iter().fold(FREE, |all, &(_, flag)| all | flag);
    Validator::new_with_features(all).validate_all(bytecode)?;
    let mut counts = Counts::default();
    for payload in Parser::new(0).parse_all(bytecode) {
        counts.take(&payload?)?;
    }
    let mut required = WasmFeatures::NONE;
    for (bit, flag) in BITS {
        let without = Validator::new_with_features(all.difference(flag)).validate_all(bytecode);
        if without.is_err() {
            required = required.with(bit);
        }
    }
    counts.facts(required)
}

#[derive(Default)]
struct Counts {
    exports: u64,
    tables: u64,
    memory: Option<(u64, Option<u64>)>,
}

impl Counts {
    fn take(&mut self, payload: &Payload<'_>) -> Result<(), ModuleError> {
        const RULE: &str = "R-WASM-3";
        match payload {
            Payload::ImportSection(section) if section.count() > 0 => Err(FormatError::Field {
                rule: RULE,
                what: "imports of a module",
                expected: Expected::Exactly(0),
                found: section.count().into(),
                offset: section.range().start,
            }
            .into()),
            Payload::StartSection { range, .. } => {
                let what = "a module has a start function, and none is allowed; export it under a name instead";
                Err(FormatError::Other {
                    rule: RULE,
                    what,
                    offset: range.start,
                }
                .into())
            }
            Payload::ExportSection(section) => {
                self.exports = section.count().into();
                Ok(())
            }
            Payload::TableSection(section) => {
                self.tables = section.count().into();
                Ok(())
            }
            Payload::MemorySection(section) => {
                if let Some(memory) = section.clone().into_iter().next() {
                    let memory = memory?;
                    self.memory = Some((memory.initial, memory.maximum));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn facts(&self, required: WasmFeatures) -> Result<ModuleFacts, ModuleError> {
        let (min, max) = self.memory.unwrap_or((0, None));
        // A maximum of 0 pages would read as no limit.
        let max = max.map_or(Ok(0), |max| {
            byte("maximum pages of a module's memory", max, 1)
        })?;
        let most = u64::from(u16::MAX);
        let exports = u16::try_from(self.exports).map_err(|_| FormatError::Field {
            rule: "R-WASM-2",
            what: "exports of a module",
            expected: Expected::AtMost(most),
            found: self.exports,
            offset: 0,
        })?;
        Ok(ModuleFacts {
            required,
            exports,
            min_pages: byte("initial pages of a module's memory", min, 0)?,
            max_pages: max,
            tables: byte("tables of a module", self.tables, 0)?,
        })
    }
}

fn byte(what: &'static str, found: u64, least: u8) -> Result<u8, FormatError> {
    u8::try_from(found)
        .ok()
        .filter(|&byte| byte >= least)
        .ok_or(FormatError::Field {
            rule: "R-WASM-2",
            what,
            expected: Expected::Between(least.into(), u8::MAX.into()),
            found,
            offset: 0,
        })
}

/// The header of a module: all of it but role, target and priority comes from the bytecode.
///
/// # Errors
/// As [`facts`]; R-WASM-1 for bytecode that is longer than a u32 counts.
pub fn derive(
    bytecode: &[u8],
    role: Role,
    target: Target,
    priority: u8,
) -> Result<WasmHeader, ModuleError> {
    let facts = facts(bytecode)?;
    let bytecode_size = u32::try_from(bytecode.len()).map_err(|_| FormatError::Field {
        rule: "R-WASM-1",
        what: "bytecode size of a module",
        expected: Expected::AtMost(u32::MAX.into()),
        found: bytecode.len() as u64,
        offset: 0,
    })?;
    Ok(WasmHeader {
        kind: WasmKind {
            role,
            target,
            required: facts.required,
        },
        exports: facts.exports,
        bytecode_size,
        min_pages: facts.min_pages,
        max_pages: facts.max_pages,
        tables: facts.tables,
        hash: plain_hash(bytecode),
        priority,
    })
}

/// Checks a header against its module: length, hash, and everything that [`derive()`] takes from it.
///
/// # Errors
/// As [`derive()`]; R-WASM-1 for another length or hash, R-WASM-2 for a field that the module contradicts.
pub fn check_module(header: &WasmHeader, bytecode: &[u8]) -> Result<(), ModuleError> {
    header.check_bytecode(bytecode, 0)?;
    let facts = facts(bytecode)?;
    let same = |what, wanted: u64, found: u64, at| {
        ensure(
            wanted == found,
            "R-WASM-2",
            what,
            Expected::Exactly(wanted),
            found,
            at,
        )
    };
    same(
        "required features in a WASM header",
        facts.required.0.into(),
        header.kind.required.0.into(),
        0x08,
    )?;
    same(
        "exports in a WASM header",
        facts.exports.into(),
        header.exports.into(),
        0x0A,
    )?;
    same(
        "min pages in a WASM header",
        facts.min_pages.into(),
        header.min_pages.into(),
        0x15,
    )?;
    same(
        "max pages in a WASM header",
        facts.max_pages.into(),
        header.max_pages.into(),
        0x16,
    )?;
    same(
        "tables in a WASM header",
        facts.tables.into(),
        header.tables.into(),
        0x17,
    )?;
    Ok(())
}
