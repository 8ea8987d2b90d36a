//! Modules that travel in a file.
#![cfg_attr(
    not(feature = "modules"),
    allow(unreachable_pub, reason = "then there are no others than the kernels")
)]

use std::borrow::Cow;

use rvf_microkernel::prebuilt::KERNELS;
use rvf_types::{Role, Target, WasmHeader};

use crate::error::PackError;

/// A WebAssembly module for the file. Its header is derived from the bytecode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// What it is for.
    pub role: Role,
    /// What it is compiled for.
    pub target: Target,
    /// Of two modules of a role that a host can run, it takes that with the lower priority.
    pub priority: u8,
    /// The module in binary form. It must import nothing and have no start function.
    pub bytecode: Cow<'static, [u8]>,
}

impl Module {
    /// A module for any WebAssembly engine.
    #[must_use]
    pub fn new(role: Role, priority: u8, bytecode: impl Into<Cow<'static, [u8]>>) -> Self {
        Self {
            role,
            target: Target::Wasm32,
            priority,
            bytecode: bytecode.into(),
        }
    }

    /// The kernels of this version of the packer: one with SIMD (priority 0) and one without (priority 1) (R-WASM-4).
    #[must_use]
    pub fn kernels() -> Vec<Self> {
        KERNELS
            .iter()
            .zip(0..)
            .map(|(kernel, priority)| Self::new(Role::Microkernel, priority, kernel.bytecode))
            .collect()
    }

    /// What the manifest's entry says of the module, and the payload of its segment. `index` is its place among the modules.
    pub(crate) fn payload(&self, index: usize) -> Result<(u32, Vec<u8>), PackError> {
        let header = self.header(index)?;
        let mut payload = header.to_bytes().to_vec();
        payload.extend_from_slice(&self.bytecode);
        Ok((header.kind.word(), payload))
    }

    #[cfg(feature = "modules")]
    fn header(&self, index: usize) -> Result<WasmHeader, PackError> {
        rvf_types::wasm::derive(&self.bytecode, self.role, self.target, self.priority)
            .map_err(|error| PackError::Module { index, error })
    }

    #[cfg(not(feature = "modules"))]
    fn header(&self, _index: usize) -> Result<WasmHeader, PackError> {
        // Without the feature there are no others.
        Ok(header_of_kernel(self))
    }
}

/// The header of a kernel of this version, as it would be derived. The kernels need what their builds are named for.
#[cfg(any(test, not(feature = "modules")))]
fn header_of_kernel(module: &Module) -> WasmHeader {
    use rvf_types::wasm::WasmKind;
    use rvf_types::{WasmFeatures, digest};
    /// The functions of the interface, `memory` and `__heap_base`.
    const EXPORTS: u16 = 14;
    let is_simd = KERNELS
        .iter()
        .any(|kernel| kernel.name == "simd" && kernel.bytecode == &*module.bytecode);
    let required = if is_simd {
        WasmFeatures::SIMD.with(WasmFeatures::BULK_MEMORY)
    } else {
        WasmFeatures::BULK_MEMORY
    };
    WasmHeader {
        kind: WasmKind {
            role: module.role,
            target: module.target,
            required,
        },
        exports: EXPORTS,
        bytecode_size: module.bytecode.len() as u32,
        min_pages: 1,
        max_pages: 0,
        tables: 0,
        hash: digest::plain_hash(&module.bytecode),
        priority: module.priority,
    }
}

#[cfg(all(test, feature = "modules"))]
mod tests {
    use super::*;

    #[test]
    fn the_headers_of_the_kernels_are_those_that_would_be_derived() {
        for module in Module::kernels() {
            assert_eq!(header_of_kernel(&module), module.header(0).unwrap());
        }
    }
}
