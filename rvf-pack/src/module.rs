//! Modules that travel in a file.
#![cfg_attr(
    not(feature = "modules"),
    allow(unreachable_pub, reason = "then there are no others than the kernels")
)]

use std::borrow::Cow;

use rvf_microkernel::prebuilt::KERNELS;
#[cfg(any(test, not(feature = "modules")))]
use rvf_microkernel::prebuilt::Kernel;
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
        let mut kernels = KERNELS.iter().zip(0..);
        let known = kernels.find(|(kernel, _)| kernel.bytecode == &*self.bytecode);
        // There are no others without the feature.
        let (kernel, priority) = known.ok_or(PackError::NoRows)?;
        Ok(header_of(kernel, priority))
    }
}

/// The header of a kernel of this version, as it would be derived. The kernels need what their builds are named for.
#[cfg(any(test, not(feature = "modules")))]
fn header_of(kernel: &Kernel, priority: u8) -> WasmHeader {
    use rvf_types::wasm::WasmKind;
    use rvf_types::{SegmentHash, WasmFeatures};
    /// The functions of the interface, `memory` and `__heap_base`.
    const EXPORTS: u16 = 14;
    let simd = if kernel.name == "simd" {
        WasmFeatures::SIMD
    } else {
        WasmFeatures::NONE
    };
    WasmHeader {
        kind: WasmKind {
            role: Role::Microkernel,
            target: Target::Wasm32,
            required: simd.with(WasmFeatures::BULK_MEMORY),
        },
        exports: EXPORTS,
        bytecode_size: kernel.bytecode.len() as u32,
        min_pages: 1,
        max_pages: 0,
        tables: 0,
        hash: SegmentHash(kernel.shake256),
        priority,
    }
}

#[cfg(all(test, feature = "modules"))]
mod tests {
    use super::*;

    #[test]
    fn the_headers_of_the_kernels_are_those_that_would_be_derived() {
        for ((kernel, priority), module) in KERNELS.iter().zip(0..).zip(Module::kernels()) {
            let derived = module.header(0).unwrap();
            assert_eq!(header_of(kernel, priority), derived, "{}", kernel.name);
        }
    }
}
