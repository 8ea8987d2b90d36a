//! Correctly rounded square roots, which `core` does not have.
#![allow(
    unsafe_code,
    reason = "the symbols of the C library are foreign functions"
)]

#[cfg(target_arch = "x86_64")]
mod arch {
    use core::arch::x86_64::{
        _mm_cvtsd_f64, _mm_cvtss_f32, _mm_set_sd, _mm_set_ss, _mm_sqrt_pd, _mm_sqrt_ss,
    };

    #[inline(always)]
    pub(crate) fn sqrt32(value: f32) -> f32 {
        // SAFETY: every x86-64 processor has SSE2.
        #[allow(unused_unsafe, reason = "safe from Rust 1.91 on")]
        unsafe {
            _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(value)))
        }
    }

    #[inline(always)]
    pub(crate) fn sqrt64(value: f64) -> f64 {
        // SAFETY: every x86-64 processor has SSE2.
        #[allow(unused_unsafe, reason = "safe from Rust 1.91 on")]
        unsafe {
            _mm_cvtsd_f64(_mm_sqrt_pd(_mm_set_sd(value)))
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod arch {
    // On wasm32 these are single instructions in the runtime library that comes with the compiler.
    unsafe extern "C" {
        fn sqrtf(value: f32) -> f32;
        fn sqrt(value: f64) -> f64;
    }

    #[inline(always)]
    pub(crate) fn sqrt32(value: f32) -> f32 {
        // SAFETY: a function of numbers that every C and compiler runtime library has.
        unsafe { sqrtf(value) }
    }

    #[inline(always)]
    pub(crate) fn sqrt64(value: f64) -> f64 {
        // SAFETY: a function of numbers that every C and compiler runtime library has.
        unsafe { sqrt(value) }
    }
}

pub(crate) use arch::{sqrt32, sqrt64};
