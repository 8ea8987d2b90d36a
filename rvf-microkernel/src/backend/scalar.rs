//! Plain Rust: for every processor, and for the wasm build that needs no SIMD.

use super::{FirstLook, Group, Table, Term};
use crate::rotate::scale;
use crate::scan::corrections;

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
unsafe fn first_look(
    group: &Group<'_>,
    plane: *const u64,
    look: FirstLook,
    threshold: f32,
    out: &mut [u32; 32],
) -> u32 {
    let (mut code, corrections) = group.pointers();
    let Group { rows, words, .. } = *group;
    let mut mask = 0;
    if words == 6 {
        // 384 dimensions, written out: the plane stays in registers, and an interpreter runs a third less.
        // SAFETY: the plane has 6 words.
        let p: [u64; 6] = unsafe { plane.cast::<[u64; 6]>().read() };
        for (i, slot) in out.iter_mut().enumerate().take(rows) {
            // SAFETY: row i has a code of 6 words and a correction word.
            let (ones, correction) = unsafe {
                let ones = (word(code, 0) ^ p[0]).count_ones()
                    + (word(code, 1) ^ p[1]).count_ones()
                    + (word(code, 2) ^ p[2]).count_ones()
                    + (word(code, 3) ^ p[3]).count_ones()
                    + (word(code, 4) ^ p[4]).count_ones()
                    + (word(code, 5) ^ p[5]).count_ones();
                (ones, corrections.cast::<u32>().add(i).read_unaligned())
            };
            *slot = ones;
            mask |= u32::from(passes(ones, u32::from_le(correction), look, threshold)) << i;
            code = code.wrapping_add(48);
        }
        return mask;
    }
    for (i, slot) in out.iter_mut().enumerate().take(rows) {
        // SAFETY: row i has a code of `words` words and a correction word.
        let (ones, correction) = unsafe {
            (
                ones(code, plane, words),
                corrections.cast::<u32>().add(i).read_unaligned(),
            )
        };
        *slot = ones;
        mask |= u32::from(passes(ones, u32::from_le(correction), look, threshold)) << i;
        code = code.wrapping_add(words * 8);
    }
    mask
}

/// K-SCAN-2 for one row.
#[inline(always)]
fn passes(ones: u32, correction: u32, look: FirstLook, threshold: f32) -> bool {
    let (beta, alpha) = corrections(correction);
    beta - alpha * (look.offset - look.slope * ones as f32) <= threshold
}

/// # Safety
/// See `Backend::ones`.
unsafe fn ones(code: *const u8, plane: *const u64, words: usize) -> u32 {
    let mut total = 0;
    for i in 0..words {
        // SAFETY: both have `words` words.
        total += unsafe { word(code, i) ^ *plane.add(i) }.count_ones();
    }
    total
}

/// # Safety
/// See `Backend::dot`.
unsafe fn dot(x: *const u8, q: *const i16, n: usize) -> i64 {
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
pub(super) fn widen(bits: u16) -> f32 {
    let bits = u32::from(bits);
    let magnitude = f32::from_bits((bits & 0x7FFF) << 13) * f32::from_bits(0x7780_0000);
    f32::from_bits(magnitude.to_bits() | (bits & 0x8000) << 16)
}

/// # Safety
/// x has more than i components; so has y, unless the term is `Square`.
#[inline(always)]
unsafe fn term_at(term: Term, half: bool, x: *const u8, y: *const f32, i: usize) -> f32 {
    // SAFETY: the caller's promise.
    let a = unsafe {
        if half {
            widen(u16::from_le(x.cast::<u16>().add(i).read_unaligned()))
        } else {
            f32::from_bits(u32::from_le(x.cast::<u32>().add(i).read_unaligned()))
        }
    };
    if term == Term::Square {
        return a * a;
    }
    // SAFETY: the caller's promise.
    let b = unsafe { *y.add(i) };
    if term == Term::Product {
        a * b
    } else {
        (a - b) * (a - b)
    }
}

/// # Safety
/// See `Backend::sum`.
unsafe fn sum(term: Term, half: bool, x: *const u8, y: *const f32, n: usize) -> f32 {
    let mut lanes = [0.0_f32; 16];
    for i in 0..n {
        // SAFETY: i < n.
        lanes[i % 16] += unsafe { term_at(term, half, x, y, i) };
    }
    fold(&mut lanes)
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
unsafe fn transform(values: *mut f32, log: u32) {
    let p = 1_usize << log;
    let mut h = 1;
    while h < p {
        let mut start = 0;
        while start < p {
            for j in start..start + h {
                // SAFETY: j + h < start + 2·h ≤ p.
                unsafe {
                    let (a, b) = (*values.add(j), *values.add(j + h));
                    *values.add(j) = a + b;
                    *values.add(j + h) = a - b;
                }
            }
            start += 2 * h;
        }
        h *= 2;
    }
    let factor = scale(log);
    for j in 0..p {
        // SAFETY: j < p.
        unsafe { *values.add(j) *= factor };
    }
}
