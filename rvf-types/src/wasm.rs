//! The 64-byte header before a module's bytecode (section 9 of the format).

#[cfg(feature = "wasm")]
mod module;

#[cfg(feature = "wasm")]
pub use module::{ModuleError, ModuleFacts, check_module, derive, facts};

use crate::bytes::{Grid, Sheet, ensure};
use crate::digest::{SegmentHash, plain_hash};
use crate::error::{Expected, FormatError};
use crate::kinds::byte_enum;

/// The magic of a WASM payload, as it stands in the file: u32 0x5256574D.
pub const MAGIC: [u8; 4] = 0x5256_574D_u32.to_le_bytes();
const VERSION: u16 = 1;
/// Bytes of the header: where the bytecode starts in the payload.
pub const HEAD_LEN: u64 = 64;

byte_enum! {
    /// What a module is for.
    Role, "role of a module", "0 (Microkernel), 1 (Interpreter), 2 (Combined), 3 (Extension) or 4 (ControlPlane)" {
        /// The search engine.
        Microkernel = 0, "microkernel";
        /// A WebAssembly interpreter.
        Interpreter = 1, "interpreter";
        /// Both.
        Combined = 2, "combined";
        /// An extension.
        Extension = 3, "extension";
        /// The control plane.
        ControlPlane = 4, "control-plane";
    }
}

byte_enum! {
    /// What a module is compiled for.
    Target, "target of a module", "0 (Wasm32), 3 (Browser) or 4 (BareTile); 1 and 2 are reserved" {
        /// Any WebAssembly engine.
        Wasm32 = 0, "wasm32";
        /// A browser.
        Browser = 3, "browser";
        /// A tile without an operating system.
        BareTile = 4, "bare-tile";
    }
}

/// WebAssembly features that a module requires (R-WASM-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct WasmFeatures(pub u16);

impl WasmFeatures {
    /// None.
    pub const NONE: Self = Self(0);
    /// SIMD of 128 bits.
    pub const SIMD: Self = Self(1);
    /// Bulk memory operations.
    pub const BULK_MEMORY: Self = Self(1 << 1);
    /// Blocks and functions with several results.
    pub const MULTI_VALUE: Self = Self(1 << 2);
    /// Reference types.
    pub const REFERENCE_TYPES: Self = Self(1 << 3);
    /// Threads.
    pub const THREADS: Self = Self(1 << 4);
    /// Tail calls.
    pub const TAIL_CALL: Self = Self(1 << 5);
    /// Garbage collection, with typed function references.
    pub const GC: Self = Self(1 << 6);
    /// Exceptions.
    pub const EXCEPTIONS: Self = Self(1 << 7);
    /// All of them.
    pub const ALL: Self = Self(0xFF);
    /// Each of them with its name, in the order of the bits.
    pub const NAMES: [(Self, &'static str); 8] = [
        (Self::SIMD, "simd"),
        (Self::BULK_MEMORY, "bulk-memory"),
        (Self::MULTI_VALUE, "multi-value"),
        (Self::REFERENCE_TYPES, "reference-types"),
        (Self::THREADS, "threads"),
        (Self::TAIL_CALL, "tail-call"),
        (Self::GC, "gc"),
        (Self::EXCEPTIONS, "exceptions"),
    ];

    /// Whether all of `other` are here.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The names of those that are here.
    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        Self::NAMES
            .into_iter()
            .filter(move |&(feature, _)| self.contains(feature))
            .map(|(_, name)| name)
    }
}

/// What the manifest's entry says of a module: role, target and required features, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct WasmKind {
    /// The role.
    pub role: Role,
    /// The target.
    pub target: Target,
    /// The required features.
    pub required: WasmFeatures,
}

impl WasmKind {
    /// The word: role + 256 · target + 65,536 · required features.
    #[must_use]
    pub const fn word(self) -> u32 {
        let [a, b] = self.required.0.to_le_bytes();
        u32::from_le_bytes([self.role.byte(), self.target.byte(), a, b])
    }

    /// The parts of a word; none if one of them is reserved.
    #[must_use]
    pub fn from_word(word: u32) -> Option<Self> {
        Self::parse(word, 0).ok()
    }

    /// Reads a word. `offset` is its place in the file.
    ///
    /// # Errors
    /// R-WASM-1 for a role or a target that is none or reserved, R-NUM-3 for reserved feature bits.
    pub fn parse(word: u32, offset: u64) -> Result<Self, FormatError> {
        const RULE: &str = "R-WASM-1";
        let [role, target, a, b] = word.to_le_bytes();
        let required = u16::from_le_bytes([a, b]);
        let at = |by| offset.saturating_add(by);
        let kind = Self {
            role: Role::parse(role.into(), RULE, offset)?,
            target: Target::parse(target.into(), RULE, at(1))?,
            required: WasmFeatures(required),
        };
        let all = u64::from(WasmFeatures::ALL.0);
        ensure(
            b == 0,
            "R-NUM-3",
            "required features of a module",
            Expected::AtMost(all),
            required.into(),
            at(2),
        )?;
        Ok(kind)
    }
}

/// The header of a WASM payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct WasmHeader {
    /// Role, target and required features.
    pub kind: WasmKind,
    /// Number of exports.
    pub exports: u16,
    /// Bytes of the bytecode.
    pub bytecode_size: u32,
    /// Initial size of the module's first memory in pages of 64 KiB; 0 without a memory.
    pub min_pages: u8,
    /// Maximum of that memory in pages; 0: no limit, or no memory.
    pub max_pages: u8,
    /// Number of tables.
    pub tables: u8,
    /// SHAKE-256-256 of the bytecode.
    pub hash: SegmentHash,
    /// Of two modules that a host can run, it takes the one with the lower.
    pub priority: u8,
}

impl WasmHeader {
    /// Bytes of a header.
    pub const LEN: usize = 64;

    /// Reads the header that a WASM payload of `length` bytes starts with. `offset` is the payload's place in the file.
    ///
    /// # Errors
    /// R-NUM-2 for too few bytes, R-NUM-3 for reserved fields, R-WASM-1 for a magic, version, role or
    /// target that is none and for a bytecode size that is not `length` − 64.
    pub fn parse(bytes: &[u8], length: u64, offset: u64) -> Result<Self, FormatError> {
        const RULE: &str = "R-WASM-1";
        let grid = Grid::<{ Self::LEN }>::new(bytes, "WASM header", offset)?;
        grid.magic::<0x00>(RULE, MAGIC)?;
        grid.exactly::<0x04>(
            RULE,
            "version of a WASM header",
            grid.u16::<0x04>().into(),
            VERSION.into(),
        )?;
        let kind = WasmKind::parse(grid.u32::<0x06>(), grid.at(0x06))?;
        grid.exactly::<0x10>(
            "R-NUM-3",
            "compressed size of a module",
            grid.u32::<0x10>().into(),
            0,
        )?;
        grid.exactly::<0x14>(
            "R-NUM-3",
            "compression of a module",
            grid.u8::<0x14>().into(),
            0,
        )?;
        grid.exactly::<0x39>(
            "R-NUM-3",
            "interpreter type of a module",
            grid.u8::<0x39>().into(),
            0,
        )?;
        grid.zero::<0x3A, 6>("R-NUM-3")?;
        let bytecode_size = grid.u32::<0x0C>();
        let want = check_payload_length(length, offset)?;
        grid.exactly::<0x0C>(
            "R-WASM-1",
            "bytecode size of a module",
            bytecode_size.into(),
            want.into(),
        )?;
        Ok(Self {
            kind,
            exports: grid.u16::<0x0A>(),
            bytecode_size,
            min_pages: grid.u8::<0x15>(),
            max_pages: grid.u8::<0x16>(),
            tables: grid.u8::<0x17>(),
            hash: SegmentHash(grid.array::<0x18, 32>()),
            priority: grid.u8::<0x38>(),
        })
    }

    /// The header's 64 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        Sheet::<{ Self::LEN }>::new()
            .put::<0x00, 4>(MAGIC)
            .u16::<0x04>(VERSION)
            .u32::<0x06>(self.kind.word())
            .u16::<0x0A>(self.exports)
            .u32::<0x0C>(self.bytecode_size)
            .u8::<0x15>(self.min_pages)
            .u8::<0x16>(self.max_pages)
            .u8::<0x17>(self.tables)
            .put::<0x18, 32>(self.hash.0)
            .u8::<0x38>(self.priority)
            .finish()
    }

    /// Checks the bytecode's length and hash. `offset` is the payload's place in the file.
    ///
    /// # Errors
    /// R-WASM-1.
    pub fn check_bytecode(&self, bytecode: &[u8], offset: u64) -> Result<(), FormatError> {
        const RULE: &str = "R-WASM-1";
        let at = offset.saturating_add(HEAD_LEN);
        let want = u64::from(self.bytecode_size);
        let found = bytecode.len() as u64;
        ensure(
            found == want,
            RULE,
            "bytecode size of a module",
            Expected::Exactly(want),
            found,
            at,
        )?;
        let hash = plain_hash(bytecode);
        if hash == self.hash {
            return Ok(());
        }
        Err(FormatError::Hash {
            rule: RULE,
            what: "bytecode of a module",
            expected: self.hash.content(),
            found: hash.content(),
            offset: at,
        })
    }

    /// Checks the header against what the manifest's entry says of it. `offset` is the payload's place in the file.
    ///
    /// # Errors
    /// R-WASM-1 if they differ.
    pub const fn check_entry(&self, entry: WasmKind, offset: u64) -> Result<(), FormatError> {
        let (wanted, found) = (entry.word() as u64, self.kind.word() as u64);
        let what = "role, target and features in a WASM header";
        ensure(
            wanted == found,
            "R-WASM-1",
            what,
            Expected::Exactly(wanted),
            found,
            offset,
        )
    }
}

/// Checks the payload length of a WASM segment and gives its bytecode size. `offset` is its place in the file.
///
/// # Errors
/// R-WASM-1 for a payload that is shorter than its header or longer than a u32 counts.
pub fn check_payload_length(length: u64, offset: u64) -> Result<u32, FormatError> {
    let size = length
        .checked_sub(HEAD_LEN)
        .and_then(|size| u32::try_from(size).ok());
    size.ok_or(FormatError::Field {
        rule: "R-WASM-1",
        what: "payload length of WASM",
        expected: Expected::Between(HEAD_LEN, HEAD_LEN.saturating_add(u32::MAX.into())),
        found: length,
        offset,
    })
}
