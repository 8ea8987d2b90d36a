//! 128-bit WebAssembly SIMD. Ones are counted word by word: by vectors they are counted half as fast in an interpreter, and
//! no faster in V8, whose `i8x16.popcnt` is several instructions.

use core::arch::wasm32::*;
use core::mem::MaybeUninit;

use super::{Group, Looked, Looks, STEP, Table, Term, scalar};
use crate::memory::View;
use crate::rotate::{Signs, scale};

pub(super) static TABLE: Table = Table {
    name: "simd128",
    dot,
    sum,
    residual,
    transform,
    planes,
    integers,
};

/// Both looks at the rows: the first at the four rows of a tile at once, the second when all tiles are done. (How many pass can't
/// be foretold: asked once for a group, and not for each tile, a processor guesses wrong less often.)
///
/// # Safety
/// See `Backend::look`.
#[inline(always)]
pub(super) unsafe fn look_at_tiles(
    group: &Group<'_>,
    signs: *const u64,
    lows: *const u64,
    looks: &Looks,
    take: impl FnMut(Looked) -> bool,
) -> Option<u32> {
    let (mut code, corrections) = group.pointers();
    let words = group.words;
    let plane_end = signs.wrapping_add(words);
    let mut counts = MaybeUninit::<[u32; 32]>::uninit();
    let counts = counts.as_mut_ptr().cast::<u32>();
    let mut mask = 0_u32;
    let mut first = 0;
    loop {
        let mut word = signs;
        let (mut a, mut b, mut c, mut d) = (0, 0, 0, 0);
        // SAFETY: a tile has four codes of `words` words, and as many correction words; the plane has as many words, at
        // least one; there are at most eight tiles.
        unsafe {
            loop {
                let plane = *word;
                let ones = |row| i64::from((scalar::word_of_tile(code, row) ^ plane).count_ones());
                a += ones(0);
                b += ones(1);
                c += ones(2);
                d += ones(3);
                code = code.wrapping_add(STEP);
                word = word.wrapping_add(1);
                if word == plane_end {
                    break;
                }
            }
            let ones = i64x2(a | b << 32, c | d << 32);
            v128_store(counts.add(first).cast(), ones);
            let correction = v128_load(corrections.add(first * 4).cast());
            let beta = v128_and(correction, u32x4_splat(!0x3FFF));
            let alpha = f32x4_abs(u32x4_shl(correction, 17));
            let bracket = f32x4_sub(
                f32x4_splat(looks.offset),
                f32x4_mul(f32x4_splat(looks.slope), f32x4_convert_i32x4(ones)),
            );
            let passed = i32x4_bitmask(f32x4_le(
                f32x4_sub(beta, f32x4_mul(alpha, bracket)),
                f32x4_splat(looks.threshold - looks.base),
            ));
            // A group has no more rows than that: the shift needs no mask.
            core::hint::assert_unchecked(first < 32);
            mask |= u32::from(passed) << first;
        }
        first += 4;
        if first >= group.rows {
            break;
        }
    }
    // Rows that fill up the last tile are none.
    mask &= u32::MAX >> (32 - group.rows);
    // SAFETY: the caller's promise; all rows were counted.
    unsafe { scalar::second_looks(group, mask, counts, lows, looks, take) }
}

/// # Safety
/// See `Backend::dot`.
unsafe fn dot(x: *const u8, q: *const i16, n: usize) -> i64 {
    let mut total = i64x2_splat(0);
    let (mut x, mut q) = (x, q);
    let last = x.wrapping_add(n);
    loop {
        // A lane of the products of 1,024 components is at most 2³⁰: 256 products of at most 2²².
        let end = last.min(x.wrapping_add(1024));
        let mut partial = i32x4_splat(0);
        loop {
            // SAFETY: there are components left. What is fed ends 16 bytes before the memory's end at least (K-ABI-7), so
            // bytes behind the record can be read; they meet the zeros that the query is filled up with to a multiple of
            // 64.
            unsafe {
                let low = i32x4_dot_i16x8(i16x8_load_extend_i8x8(x.cast()), v128_load(q.cast()));
                let high = i32x4_dot_i16x8(
                    i16x8_load_extend_i8x8(x.add(8).cast()),
                    v128_load(q.add(8).cast()),
                );
                partial = i32x4_add(partial, i32x4_add(low, high));
            }
            x = x.wrapping_add(16);
            q = q.wrapping_add(16);
            if x >= end {
                break;
            }
        }
        total = i64x2_add(
            total,
            i64x2_add(
                i64x2_extend_low_i32x4(partial),
                i64x2_extend_high_i32x4(partial),
            ),
        );
        if x >= last {
            break;
        }
    }
    i64x2_extract_lane::<0>(total) + i64x2_extract_lane::<1>(total)
}

/// A vector at any address.
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Unaligned(v128);

/// The four vectors of lanes take turns in four locals: an interpreter copies them faster than it computes where they lie.
/// (Their last sum is the same whichever comes first.)
///
/// # Safety
/// See `Backend::sum`.
unsafe fn sum(term: Term, x: *const u8, y: *const f32, n: usize) -> f32 {
    debug_assert!(!term.is_plain());
    let zero = i32x4_splat(0);
    let (mut a, mut b, mut c, mut d) = (zero, zero, zero, zero);
    // Masks for what a term has not: fewer instructions than a choice.
    let subtracts = mask(term.subtracts());
    let is_product = mask(term.is_product());
    let halves = term.is_of_halves();
    let step = if halves { 8 } else { 16 };
    let (mut x, mut y) = (x, y);
    let mut left = n as i32;
    loop {
        // SAFETY: there are components left. What is fed ends 16 bytes before the memory's end at least (K-ABI-7), and so
        // does the query, so bytes behind both can be read. Lanes behind the end add +0, which changes nothing.
        unsafe {
            // Volatile: else the compiler would widen in any case, and choose then, which costs an interpreter more.
            let mut value = if halves {
                widen(v128_load64_zero(x.cast()))
            } else {
                x.cast::<Unaligned>().read_volatile().0
            };
            let other = v128_load(y.cast());
            value = f32x4_sub(value, v128_and(other, subtracts));
            value = f32x4_mul(value, v128_bitselect(other, value, is_product));
            if left < 4 {
                // Read for nothing: else the compiler would mask in any case.
                x.read_volatile();
                value = v128_and(value, i32x4_gt(i32x4_splat(left), i32x4(0, 1, 2, 3)));
            }
            (a, b, c, d) = (b, c, d, f32x4_add(a, value));
        }
        left -= 4;
        x = x.wrapping_add(step);
        y = y.wrapping_add(4);
        if left <= 0 {
            return fold(a, b, c, d);
        }
    }
}

/// # Safety
/// See `Backend::sum_of_own`.
#[inline(never)]
pub(super) unsafe fn sum_of_own(squares: bool, x: *const f32, n: usize) -> f32 {
    let zero = i32x4_splat(0);
    let (mut a, mut b, mut c, mut d) = (zero, zero, zero, zero);
    let squares = mask(squares);
    let (mut x, end) = (x, x.wrapping_add(n));
    loop {
        // SAFETY: there are components left, and behind the last one zeros up to a multiple of 4.
        let value = unsafe { v128_load(x.cast()) };
        let factor = v128_bitselect(value, f32x4_splat(1.0), squares);
        (a, b, c, d) = (b, c, d, f32x4_add(a, f32x4_mul(value, factor)));
        x = x.wrapping_add(4);
        if x >= end {
            return fold(a, b, c, d);
        }
    }
}

/// All bits, or none.
#[inline(always)]
fn mask(is: bool) -> v128 {
    i32x4_splat(-i32::from(is))
}

/// The end of a 16-lane sum.
#[inline(always)]
fn fold(a: v128, b: v128, c: v128, d: v128) -> f32 {
    let sum = f32x4_add(f32x4_add(a, c), f32x4_add(b, d));
    (f32x4_extract_lane::<0>(sum) + f32x4_extract_lane::<2>(sum))
        + (f32x4_extract_lane::<1>(sum) + f32x4_extract_lane::<3>(sum))
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
/// See `Backend::residual`.
unsafe fn residual(
    vector: *const f32,
    factor: f32,
    mean: View<'_>,
    seed: u64,
    n: usize,
    out: *mut f32,
) -> u32 {
    let mut signs = Signs(seed);
    let mut largest = i32x4_splat(0);
    let mut i = 0;
    // SAFETY: i < n, and the caller's promise for the rest of four. What comes of the bytes behind the mean is overwritten in
    // the end.
    unsafe {
        loop {
            let value = v128_load(vector.add(i).cast());
            largest = i32x4_max(largest, f32x4_abs(value));
            let value = f32x4_mul(value, f32x4_splat(factor));
            let value = f32x4_sub(value, v128_load(mean.start().add(i * 4).cast()));
            let signs = i32x4_extend_low_i16x8(i64x2_splat(signs.next() as i64));
            let sign = v128_and(signs, i32x4_splat(i32::MIN));
            v128_store(out.add(i).cast(), v128_xor(value, sign));
            i += 4;
            if i >= n {
                break;
            }
        }
        v128_store(out.add(n).cast(), i32x4_splat(0));
    }
    largest = i32x4_max(largest, u64x2_shr(largest, 32));
    let (a, b) = (
        i32x4_extract_lane::<0>(largest),
        i32x4_extract_lane::<2>(largest),
    );
    a.max(b) as u32
}

/// # Safety
/// See `Backend::transform`.
unsafe fn transform(values: *mut f32, log: u32) {
    let end = values.wrapping_add(1 << log);
    let factor = scale(log);
    if log == 1 {
        // SAFETY: there are two values.
        unsafe {
            let (a, b) = (*values * factor, *values.add(1) * factor);
            *values = a + b;
            *values.add(1) = a - b;
        }
        return;
    }
    let mut place = values;
    // The first two levels, of four neighbours at once. They lie in one vector, and to turn them around in it costs more.
    loop {
        // SAFETY: there are four values: p is a power of two above 2.
        unsafe {
            let [a, b, c, d] = place.cast::<[f32; 4]>().read();
            let [a, b, c, d] = [a * factor, b * factor, c * factor, d * factor];
            let [a, b, c, d] = [a + b, a - b, c + d, c - d];
            place.cast::<[f32; 4]>().write([a + c, b + d, a - c, b - d]);
        }
        place = place.wrapping_add(4);
        if place == end {
            break;
        }
    }
    let mut h = 4;
    while h < 1 << log {
        let mut low = values;
        loop {
            let high = low.wrapping_add(h);
            // SAFETY: the place has bit h clear and is below p, so the one h behind it is too, and so are the next three of
            // both.
            unsafe {
                let (a, b) = (v128_load(low.cast()), v128_load(high.cast()));
                v128_store(low.cast(), f32x4_add(a, b));
                v128_store(high.cast(), f32x4_sub(a, b));
            }
            low = low.wrapping_add(4);
            // Over the places that have the bit set.
            low = low.wrapping_byte_add(low as usize - values as usize & h * 4);
            if low >= end {
                break;
            }
        }
        h *= 2;
    }
}

/// # Safety
/// See `Backend::planes`. The arrays go on to a multiple of 64 components, and the values are 0 there.
unsafe fn planes(values: *mut f32, weighted: *mut f32, n: usize, t: f32, planes: *mut u64) -> u32 {
    let words = n.div_ceil(64);
    let mut large_ones = 0;
    let (mut signs, mut lows) = (0_u64, 0_u64);
    let mut i = words * 64;
    loop {
        i -= 4;
        // SAFETY: the arrays and both planes have a place for it.
        unsafe {
            let place = values.add(i).cast();
            let signed = v128_load(place);
            let value = f32x4_abs(signed);
            // −0 equals +0. No constants: they take room in the module.
            let sign = u64::from(i32x4_bitmask(f32x4_eq(signed, value)));
            let large = f32x4_gt(value, f32x4_splat(t));
            let mask = i32x4_bitmask(large);
            large_ones += u32::from(mask).count_ones();
            signs = signs << 4 | sign;
            lows = lows << 4 | (sign ^ u64::from(mask) ^ 15);
            v128_store(place, value);
            v128_store(
                weighted.add(i).cast(),
                v128_bitselect(f32x4_add(f32x4_add(value, value), value), value, large),
            );
            if i % 64 == 0 {
                // Components behind the end have 0 in both planes.
                let ones = u64::MAX.wrapping_shr((i + 64).saturating_sub(n) as u32);
                *planes.add(i / 64) = signs & ones;
                *planes.add(words + i / 64) = lows;
            }
        }
        if i == 0 {
            return large_ones;
        }
    }
}

/// # Safety
/// See `Backend::integers`. Both arrays go on to a multiple of 64 components, and the values are 0 there.
unsafe fn integers(values: *const f32, reciprocal: f32, n: usize, out: *mut i16) -> i64 {
    let mut squares = i64x2_splat(0);
    let mut i = 0;
    loop {
        // SAFETY: i < n.
        unsafe {
            let scaled = f32x4_mul(v128_load(values.add(i).cast()), f32x4_splat(reciprocal));
            let rounded = i32x4_trunc_sat_f32x4(f32x4_nearest(scaled));
            let all = i16x8_max(i16x8_narrow_i32x4(rounded, rounded), i16x8_splat(-32_767));
            v128_store64_lane::<0>(all, out.add(i).cast());
            squares = i64x2_add(squares, i64x2_extend_low_i32x4(i32x4_dot_i16x8(all, all)));
        }
        i += 4;
        if i >= n {
            break;
        }
    }
    i64x2_extract_lane::<0>(squares) + i64x2_extract_lane::<1>(squares)
}
