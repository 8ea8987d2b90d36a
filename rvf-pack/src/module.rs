//! Modules that travel in a file.

use std::borrow::Cow;

use rvf_microkernel::prebuilt::KERNELS;
use rvf_types::wasm::{self, ModuleError};
use rvf_types::{Role, Target};

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

    /// What the manifest's entry says of the module, and the payload of its segment.
    pub(crate) fn payload(&self) -> Result<(u32, Vec<u8>), ModuleError> {
        let header = wasm::derive(&self.bytecode, self.role, self.target, self.priority)?;
        let mut payload = header.to_bytes().to_vec();
        payload.extend_from_slice(&self.bytecode);
        Ok((header.kind.word(), payload))
    }
}
