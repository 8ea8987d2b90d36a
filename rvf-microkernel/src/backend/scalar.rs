//! Plain Rust: for every processor, and for the wasm build that needs no SIMD.

use super::{FirstLook, Group, Ones, Table, Term};
use crate::rotate::scale;
use crate::scan::corrections;

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub(super) static TABLE: Table = Table {
    name: "scalar",
    first_look,
    ones,
    dot,
    sum,
    transform,
};

/// The word at index i of a code.
///
/// # Safety
/// The code has more than i words.
#[inline(always)]
unsafe fn word(code: *const u8, i: usize) -> u64 {
    // SAFETY: the caller's promise.
    u64::from_le(unsafe { code.cast::<u64>().add(i).read_unaligned() })
}

/// # Safety
/// See `Backend::first_look`.
#[inline(always)]
pub(super) unsafe fn first_look(
    group: &Group<'_>,
    plane: *const u64,
    look: FirstLook,
    threshold: f32,
    out: &mut Ones,
) -> u32 {
    let (mut code, mut correction) = group.pointers();
    let Group { rows, words, .. } = *group;
    // 384 dimensions are written out: the plane stays in registers, and an interpreter runs a third less.
    let mut p = [0_u64; 6];
    if words == 6 {
        // SAFETY: the plane has 6 words.
        p = unsafe { plane.cast::<[u64; 6]>().read() };
    }
    let mut mask = 0;
    let end = correction.wrapping_add(rows * 4);
    while correction != end {
        // SAFETY: the row has a code of `words` words and a correction word, and there is a place for its count.
        unsafe {
            let ones = if words == 6 {
                let count = |i: usize| u64::from((word(code, i) ^ p[i]).count_ones());
                (count(0) + count(1) + count(2) + count(3) + count(4) + count(5)) as u32
            } else {
                ones(code, plane, words)
            };
            // Few rows pass, so all that only they need is done then.
            if passes(
                ones,
                u32::from_le(correction.cast::<u32>().read_unaligned()),
                look,
                threshold,
            ) {
                let i = rows - end.offset_from_unsigned(correction) / 4;
                *out.as_mut_ptr().cast::<u32>().add(i) = ones;
                mask |= 1 << i;
            }
        }
        correction = correction.wrapping_add(4);
        code = code.wrapping_add(words * 8);
    }
    mask
}

/// K-SCAN-2 for one row.
#[inline(always)]
pub(super) fn passes(ones: u32, correction: u32, look: FirstLook, threshold: f32) -> bool {
    let (beta, alpha) = corrections(correction);
    beta - alpha * (look.offset - look.slope * ones as f32) <= threshold
}

/// # Safety
/// See `Backend::ones`.
#[inline]
pub(super) unsafe fn ones(code: *const u8, plane: *const u64, words: usize) -> u32 {
    let mut total = 0;
    for i in 0..words {
        // SAFETY: both have `words` words.
        total += unsafe { word(code, i) ^ *plane.add(i) }.count_ones();
    }
    total
}

/// # Safety
/// See `Backend::dot`.
pub(super) unsafe fn dot(x: *const u8, q: *const i16, n: usize) -> i64 {
    let mut total = 0;
    let mut start = 0;
    while start < n {
        // 512 products of at most 2⁷·(2¹⁵ − 1) fit an i32.
        let end = n.min(start + 512);
        let mut partial = 0_i32;
        for i in start..end {
            // SAFETY: i < n.
            partial += unsafe { i32::from(x.add(i).cast::<i8>().read()) * i32::from(*q.add(i)) };
        }
        total += i64::from(partial);
        start = end;
    }
    total
}

/// The f32 of the same value as the f16 with these bits. An exponent of 31 counts like any other (K-DIST-2).
#[inline(always)]
fn widen(bits: u16) -> f32 {
    let bits = u32::from(bits);
    let magnitude = f32::from_bits((bits & 0x7FFF) << 13) * f32::from_bits(0x7780_0000);
    f32::from_bits(magnitude.to_bits() | (bits & 0x8000) << 16)
}

/// # Safety
/// See `Backend::sum`.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
unsafe fn sum(term: Term, x: *const u8, y: *const f32, n: usize) -> f32 {
    let mut lanes = [0.0_f32; 16];
    // SAFETY: the caller's promise.
    unsafe { add_terms(&mut lanes, term, x, y, 0, n) };
    fold(&mut lanes)
}

/// Adds the terms from `start`, a multiple of 16, to `end` to a 16-lane sum.
///
/// # Safety
/// Both have `end` components.
#[inline(always)]
pub(super) unsafe fn add_terms(
    lanes: &mut [f32; 16],
    term: Term,
    x: *const u8,
    y: *const f32,
    start: usize,
    end: usize,
) {
    for i in start..end {
        // SAFETY: i < end.
        let (a, b) = unsafe {
            let a = if term.is_of_halves() {
                widen(u16::from_le(x.cast::<u16>().add(i).read_unaligned()))
            } else {
                f32::from_bits(u32::from_le(x.cast::<u32>().add(i).read_unaligned()))
            };
            (a, *y.add(i))
        };
        lanes[i % 16] += term.of(a, b);
    }
}

/// The end of a 16-lane sum.
pub(super) fn fold(l: &mut [f32; 16]) -> f32 {
    let mut half = 8;
    while half > 0 {
        for j in 0..half {
            l[j % 16] += l[(j + half) % 16];
        }
        half /= 2;
    }
    l[0]
}

/// # Safety
/// See `Backend::transform`.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
unsafe fn transform(values: *mut f32, log: u32) {
    let p = 1_usize << log;
    let mut h = 1;
    while h < p {
        let factor = factor(h, log);
        let mut j = 0;
        while j < p {
            // SAFETY: j has bit h clear and is below p, so j + h is too.
            unsafe { butterfly(values.add(j), values.add(j + h), factor) };
            j += 1;
            // Over the places that have it set: j & h is h there, else 0.
            j += j & h;
        }
        h *= 2;
    }
}

/// What the sums and differences of a level are multiplied by: the last level takes the factor of the transform.
#[inline(always)]
pub(super) fn factor(h: usize, log: u32) -> f32 {
    if h * 2 == 1 << log { scale(log) } else { 1.0 }
}

/// # Safety
/// Both can be read and written.
#[inline(always)]
pub(super) unsafe fn butterfly(low: *mut f32, high: *mut f32, factor: f32) {
    // SAFETY: the caller's promise.
    unsafe {
        let (a, b) = (*low, *high);
        *low = (a + b) * factor;
        *high = (a - b) * factor;
    }
}
