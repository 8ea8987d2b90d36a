//! 128-bit WebAssembly SIMD.
