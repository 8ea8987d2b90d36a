//! The modules that this source was compiled to, and the table of kernels that a host knows by their hash.
//!
//! A kernel that was released stays in the table for ever. While the format is a draft, it holds this version's two.

/// The version of what this source computes: the semantics of which it is the native twin.
pub const SEMANTICS: u32 = 1;

/// A kernel module that this source is the native twin of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    /// The name of the build: `simd` or `scalar`.
    pub name: &'static str,
    /// The module in binary form.
    pub bytecode: &'static [u8],
    /// SHAKE-256-256 of the module, as in its header in a file.
    pub shake256: [u8; 32],
    /// The version of its semantics.
    pub semantics: u32,
}

/// The modules that a packer puts into a file: first the one with SIMD, then the one without.
pub const KERNELS: [Kernel; 2] = include!("../prebuilt/kernels.rs");

/// The kernel with this hash, if this source is its native twin.
#[must_use]
pub fn known(shake256: &[u8; 32]) -> Option<&'static Kernel> {
    const { &KERNELS }
        .iter()
        .find(|kernel| kernel.shake256 == *shake256 && kernel.semantics == SEMANTICS)
}
