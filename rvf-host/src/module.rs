//! The WebAssembly modules in a file (format.md, section 9).

use rvf_microkernel::prebuilt;
use rvf_types::wasm::{ModuleError, ModuleFacts};
use rvf_types::{Role, SegmentType, WasmFeatures, WasmHeader, limits, wasm};

use crate::checked::Span;
use crate::engine::native;
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
                known: twin(&header).map(|kernel| kernel.name),
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
        let bytecode = self.payload(reader)?;
        self.check_hash(&bytecode)?;
        Ok(bytecode)
    }

    fn payload(&self, reader: &Reader) -> Result<Vec<u8>, HostError> {
        let bytes = u64::from(self.header.bytecode_size);
        let len = usize::try_from(bytes).map_err(|_| HostError::TooLarge {
            what: "a module",
            bytes,
        })?;
        reader.file().read_vec(Span {
            segment: self.segment,
            from: wasm::HEAD_LEN,
            len,
        })
    }

    fn check_hash(&self, bytecode: &[u8]) -> Result<(), HostError> {
        let payload_at = self.offset.saturating_add(limits::HEADER_LEN);
        Ok(self.header.check_bytecode(bytecode, payload_at)?)
    }

    /// Checks a known kernel as [`Module::bytecode`] and [`Module::check`] do, without hashing and parsing it again:
    /// this host has its bytes, and what a header must say of them.
    pub(crate) fn check_known(&self, reader: &Reader) -> Result<(), HostError> {
        let bytecode = self.payload(reader)?;
        let same = twin(&self.header).is_some_and(|kernel| {
            kernel.bytecode == bytecode && known_facts(kernel) == Some(said(&self.header))
        });
        if same {
            return Ok(());
        }
        self.check_hash(&bytecode)?;
        self.check(&bytecode)
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

/// The kernel that this host knows by this header's hash.
fn twin(header: &WasmHeader) -> Option<&'static prebuilt::Kernel> {
    (header.kind.role == Role::Microkernel)
        .then(|| native::twin_of(&header.hash))
        .flatten()
}

/// What a header says of its module.
const fn said(header: &WasmHeader) -> ModuleFacts {
    ModuleFacts {
        required: header.kind.required,
        exports: header.exports,
        min_pages: header.min_pages,
        max_pages: header.max_pages,
        tables: header.tables,
    }
}

/// What parsing a known kernel gives (R-WASM-2); a test parses them all. None: it is parsed when it is used.
fn known_facts(kernel: &prebuilt::Kernel) -> Option<ModuleFacts> {
    let required = match kernel.name {
        "simd" => WasmFeatures::SIMD.with(WasmFeatures::BULK_MEMORY),
        "scalar" => WasmFeatures::BULK_MEMORY,
        _ => return None,
    };
    Some(ModuleFacts {
        required,
        exports: 14,
        min_pages: 1,
        max_pages: 0,
        tables: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_known_kernel_is_what_parsing_it_gives() {
        for kernel in &prebuilt::KERNELS {
            let facts = wasm::facts(kernel.bytecode).unwrap();
            assert_eq!(known_facts(kernel), Some(facts), "{}", kernel.name);
        }
    }
}
