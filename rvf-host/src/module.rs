//! The WebAssembly modules in a file (format.md, section 9).

use rvf_types::wasm::ModuleError;
use rvf_types::{Role, SegmentType, WasmFeatures, WasmHeader, wasm};

use crate::checked::Span;
use crate::engine::sandbox::{self, Fault};
use crate::error::HostError;
use crate::reader::Reader;

/// A module and its header, which was checked against the manifest.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Module {
    /// Number of its segment in the manifest.
    pub segment: usize,
    /// Offset of its segment's header in the file.
    pub offset: u64,
    /// Its header.
    pub header: WasmHeader,
    /// The name of the kernel, if this host knows it by its hash.
    pub known: Option<&'static str>,
}

impl Module {
    /// All modules of a file, in the order of their offsets.
    pub(crate) fn all(reader: &Reader) -> Result<Vec<Self>, HostError> {
        let mut modules = Vec::new();
        for (segment, entry) in reader.manifest().entries.iter().enumerate() {
            if entry.kind != SegmentType::WASM {
                continue;
            }
            let mut bytes = [0; WasmHeader::LEN];
            reader.file().read(
                Span {
                    segment,
                    from: 0,
                    len: bytes.len(),
                },
                &mut bytes,
            )?;
            let at = entry.payload_offset();
            let header = WasmHeader::parse(&bytes, entry.payload_length, at)?;
            if let Some(kind) = entry.wasm_kind() {
                header.check_entry(kind, at)?;
            }
            modules.push(Self {
                segment,
                offset: entry.offset,
                header,
                known: known_kernel(&header),
            });
        }
        Ok(modules)
    }

    /// What it is for.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.header.kind.role
    }

    /// Whether this host knows it by its hash.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// Whether it needs an engine with SIMD.
    #[must_use]
    pub const fn requires_simd(&self) -> bool {
        self.header.kind.required.contains(WasmFeatures::SIMD)
    }

    /// Whether the sandbox has every feature that it requires.
    #[must_use]
    pub const fn is_runnable(&self) -> bool {
        sandbox::FEATURES.contains(self.header.kind.required)
    }

    /// Its bytecode, its hash compared (R-WASM-1).
    ///
    /// # Errors
    /// [`HostError::Format`] for damage or a header that lies; [`HostError::Module`] for one that is too large.
    pub fn bytecode(&self, reader: &Reader) -> Result<Vec<u8>, HostError> {
        let limit = reader.options().limits.module_bytes;
        if self.header.bytecode_size > limit {
            let size = self.header.bytecode_size;
            return Err(self.fault(Fault::TooLarge { size, limit }));
        }
        self.read(reader)
    }

    /// As [`Module::bytecode`], whatever its size: for taking it out of the file.
    ///
    /// # Errors
    /// [`HostError::Format`] for damage or a header that lies.
    pub fn read(&self, reader: &Reader) -> Result<Vec<u8>, HostError> {
        let bytes = u64::from(self.header.bytecode_size);
        let len = usize::try_from(bytes).map_err(|_| HostError::TooLarge {
            what: "a module",
            bytes,
        })?;
        let bytecode = reader.file().read_vec(Span {
            segment: self.segment,
            from: wasm::HEAD_LEN,
            len,
        })?;
        self.header
            .check_bytecode(&bytecode, self.offset.saturating_add(64))?;
        Ok(bytecode)
    }

    /// Checks the header against the bytecode (R-WASM-2, R-WASM-3).
    pub(crate) fn check(&self, bytecode: &[u8]) -> Result<(), HostError> {
        wasm::check_module(&self.header, bytecode)
            .map_err(|error: ModuleError| self.fault(Fault::Rule(error)))
    }

    pub(crate) fn fault(&self, fault: Fault) -> HostError {
        HostError::Module {
            role: self.role(),
            hash: self.header.hash,
            offset: self.offset,
            fault: Box::new(fault),
        }
    }
}

/// The name of the kernel that this host knows by this header's hash.
fn known_kernel(header: &WasmHeader) -> Option<&'static str> {
    (header.kind.role == Role::Microkernel)
        .then(|| crate::engine::native::twin_of(&header.hash))
        .flatten()
}
