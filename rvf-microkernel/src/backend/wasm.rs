//! 128-bit WebAssembly SIMD. The codes are scanned as by every module: four at once are half as fast in an
//! interpreter, and no faster in V8, whose `i8x16.popcnt` is several instructions.

use core::arch::wasm32::*;

use super::{Table, Term, scalar};

pub(super) static TABLE: Table = Table {
    name: "simd128",
    dot,
    sum,
    transform,
    planes: scalar::planes,
};

/// # Safety
/// See `Backend::dot`.
unsafe fn dot(x: *const u8, q: *const i16, n: usize) -> i64 {
    let mut total = i64x2_splat(0);
    let mut at = 0;
    while at < n {
        // SAFETY: at < n. What is fed ends 16 bytes before the memory's end at least (K-ABI-7), so bytes behind the
        // record can be read; they meet the zeros that the query is filled up with to a multiple of 64.
        unsafe {
            let a = v128_load(x.add(at).cast());
            let low = i32x4_dot_i16x8(i16x8_extend_low_i8x16(a), v128_load(q.add(at).cast()));
            let high = i32x4_dot_i16x8(i16x8_extend_high_i8x16(a), v128_load(q.add(at + 8).cast()));
            // A lane is the sum of four products of at most 2²².
            let sum = i32x4_add(low, high);
            total = i64x2_add(
                total,
                i64x2_add(i64x2_extend_low_i32x4(sum), i64x2_extend_high_i32x4(sum)),
            );
        }
        at += 16;
    }
    i64x2_extract_lane::<0>(total) + i64x2_extract_lane::<1>(total)
}

/// Sixteen bytes: those at `bytes`, or if fewer than that are left, those and zeros.
///
/// # Safety
/// `left` bytes can be read.
#[inline(always)]
unsafe fn load(mut bytes: *const u8, left: usize) -> v128 {
    // Not a vector: a constant one takes 18 bytes in the module.
    let mut pad = [0_u64; 2];
    // SAFETY: as many bytes as are copied are there, and the pad has 16.
    unsafe {
        if left < 16 {
            core::ptr::copy_nonoverlapping(bytes, pad.as_mut_ptr().cast(), left);
            bytes = pad.as_ptr().cast();
        }
        v128_load(bytes.cast())
    }
}

/// # Safety
/// See `Backend::sum`.
unsafe fn sum(term: Term, x: *const u8, y: *const f32, n: usize) -> f32 {
    let mut lanes = [0.0_f32; 16];
    let halves = term.is_of_halves();
    let shift = if halves { 1 } else { 2 };
    let mut at = 0;
    while at < n {
        // SAFETY: at < n, and there are 16 lanes. The query is padded with zeros to a multiple of 64, so lanes behind
        // its end add +0, which changes nothing.
        unsafe {
            let mut a = load(x.add(at << shift), (n - at) << shift);
            if halves {
                a = widen(a);
            }
            let y = v128_load(y.add(at).cast());
            let a = if term.subtracts() { f32x4_sub(a, y) } else { a };
            let b = if term.is_product() { y } else { a };
            let value = if term.is_plain() { a } else { f32x4_mul(a, b) };
            let lane = lanes.as_mut_ptr().add(at % 16).cast::<v128>();
            v128_store(lane, f32x4_add(v128_load(lane), value));
        }
        at += 4;
    }
    scalar::fold(&mut lanes)
}

/// The f32 of four f16, as `scalar::widen`.
#[inline(always)]
fn widen(halves: v128) -> v128 {
    // The sign is extended over the bits between it and the exponent.
    let bits = i32x4_shl(i32x4_extend_low_i16x8(halves), 13);
    f32x4_mul(
        v128_and(bits, u32x4_splat(0x8FFF_E000)),
        u32x4_splat(0x7780_0000),
    )
}

/// # Safety
/// See `Backend::transform`.
unsafe fn transform(values: *mut f32, log: u32) {
    let p = 1_usize << log;
    let mut h = 1;
    while h < p {
        let factor = scalar::factor(h, log);
        let mut j = 0;
        while j < p {
            // SAFETY: j has bit h clear and is below p, so j + h is too; so are the next three of both if h ≥ 4.
            unsafe {
                let (low, high) = (values.add(j), values.add(j + h));
                if h < 4 {
                    scalar::butterfly(low, high, factor);
                    j += 1;
                } else {
                    let (low, high) = (low.cast::<v128>(), high.cast::<v128>());
                    let (a, b) = (v128_load(low), v128_load(high));
                    let factor = f32x4_splat(factor);
                    v128_store(low, f32x4_mul(f32x4_add(a, b), factor));
                    v128_store(high, f32x4_mul(f32x4_sub(a, b), factor));
                    j += 4;
                }
            }
            j += j & h;
        }
        h *= 2;
    }
}
