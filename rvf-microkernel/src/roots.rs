//! Correctly rounded square roots, which `core` does not have.
#![allow(
    unsafe_code,
    reason = "the symbols of the C library are foreign functions"
)]

/// √ of an f64.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn sqrt64(value: f64) -> f64 {
    use core::arch::x86_64::{_mm_cvtsd_f64, _mm_set_sd, _mm_sqrt_pd};
    // SAFETY: every x86-64 processor has SSE2.
    #[allow(unused_unsafe, reason = "safe from Rust 1.91 on")]
    unsafe {
        _mm_cvtsd_f64(_mm_sqrt_pd(_mm_set_sd(value)))
    }
}

/// √ of an f64.
// Not inlined: where the compiler knows the instruction, it adds a call for negative values each time, unless it is told not to, as
// for the kernels (`xtask/src/kernel.rs`), where the optimizer inlines it.
#[cfg(not(target_arch = "x86_64"))]
#[inline(never)]
pub(crate) fn sqrt64(value: f64) -> f64 {
    unsafe extern "C" {
        fn sqrt(value: f64) -> f64;
    }
    // SAFETY: a function of numbers that every C and compiler runtime library has; on wasm32 it is one instruction.
    unsafe { sqrt(value) }
}

/// √ of an f32. By way of f64 it is correctly rounded too: f64 has more than twice the digits.
///
/// Source: Figueroa, When is double rounding innocuous?, SIGNUM Newsletter 30 (1995).
#[inline(always)]
pub(crate) fn sqrt32(value: f32) -> f32 {
    sqrt64(f64::from(value)) as f32
}
