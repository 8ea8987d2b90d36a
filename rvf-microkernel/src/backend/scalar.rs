//! Plain Rust: for every processor, and for the wasm build that needs no SIMD.

#[cfg(not(target_arch = "wasm32"))]
use super::Passed;
#[cfg(all(target_arch = "wasm32", not(target_feature = "simd128")))]
use super::packed;
use super::{Group, Looked, Looks, STEP, Table, Term};
use crate::memory::View;
use crate::query::magnitude;
use crate::rotate::{Signs, scale, turned};

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub(super) static TABLE: Table = Table {
    name: "scalar",
    #[cfg(not(target_arch = "wasm32"))]
    look,
    #[cfg(not(target_arch = "wasm32"))]
    dot,
    #[cfg(not(target_arch = "wasm32"))]
    integers,
    #[cfg(target_arch = "wasm32")]
    dot: packed::dot,
    #[cfg(target_arch = "wasm32")]
    integers: packed::integers,
    sum,
    residual,
    transform,
    planes,
};

/// The word at index i of a code.
///
/// # Safety
/// The code has more than i words.
#[inline(always)]
unsafe fn word(code: *const u8, i: usize) -> u64 {
    // SAFETY: the caller's promise.
    u64::from_le(unsafe { code.add(i * STEP).cast::<u64>().read_unaligned() })
}

/// The word of row j of a tile, from where the words of its first row are.
///
/// # Safety
/// j is below 4, and there is a tile.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline(always)]
pub(super) unsafe fn word_of_tile(tile: *const u8, j: usize) -> u64 {
    // SAFETY: the caller's promise.
    u64::from_le(unsafe { tile.add(j * 8).cast::<u64>().read_unaligned() })
}

/// Both looks at one row after the other.
///
/// # Safety
/// See `Backend::look`.
#[inline(always)]
pub(super) unsafe fn look_at_each(
    group: &Group<'_>,
    signs: *const u64,
    lows: *const u64,
    looks: &Looks,
    mut take: impl FnMut(Looked) -> bool,
) -> Option<u32> {
    let (mut code, corrections) = group.pointers();
    let words = group.words;
    // 384 dimensions are written out: the plane stays in registers, and an interpreter runs a third less.
    let mut registers = [0; 6];
    // A module asks nothing: zeros would take room, and behind a plane there is more of the query's memory.
    if cfg!(target_arch = "wasm32") || words == 6 {
        // SAFETY: there are 6 words.
        registers = unsafe { signs.cast::<[u64; 6]>().read() };
    }
    let mut second_looks = 0;
    let mut correction = corrections;
    let end = corrections.wrapping_add(group.rows * 4);
    while correction < end {
        let tile_end = code.wrapping_add(STEP);
        loop {
            // SAFETY: a tile has four codes of `words` words, and as many correction words.
            let (ones, word) = unsafe {
                let ones = if words == 6 {
                    ones_of_six(code, &registers)
                } else {
                    ones(code, signs, words)
                };
                (
                    ones,
                    u32::from_le(correction.cast::<u32>().read_unaligned()),
                )
            };
            if looks.first(ones as i32 as f32, word) {
                // The rows that fill up the last tile are told here, where few come by.
                if correction >= end {
                    return Some(second_looks);
                }
                second_looks += 1;
                // SAFETY: the code and the plane have `words` words.
                let low = unsafe { self::ones(code, lows, words) };
                let row = (correction as usize - corrections as usize) / 4;
                if let Some(looked) = looks.second(row as u32, ones, low, word)
                    && !take(looked)
                {
                    return None;
                }
            }
            correction = correction.wrapping_add(4);
            code = code.wrapping_add(8);
            if code == tile_end {
                break;
            }
        }
        code = code.wrapping_add((words - 1) * STEP);
    }
    Some(second_looks)
}

/// # Safety
/// See `Backend::look`.
#[cfg(not(target_arch = "wasm32"))]
unsafe fn look(
    group: &Group<'_>,
    signs: *const u64,
    lows: *const u64,
    looks: &Looks,
    out: &mut Passed,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { look_at_each(group, signs, lows, looks, |looked| out.put(looked)) }.unwrap_or_default()
}

/// The second look at the rows of the mask, one after the other, for instruction sets that do no better. Answers as
/// `Backend::look` does.
///
/// # Safety
/// See `Backend::look`; the mask has no bit at or above the number of rows, and those rows' ones were counted.
#[cfg(any(
    all(
        any(target_arch = "x86_64", target_arch = "aarch64"),
        feature = "detect"
    ),
    all(target_arch = "wasm32", target_feature = "simd128")
))]
#[inline(always)]
pub(super) unsafe fn second_looks(
    group: &Group<'_>,
    mask: u32,
    counts: *const u32,
    lows: *const u64,
    looks: &Looks,
    mut take: impl FnMut(Looked) -> bool,
) -> Option<u32> {
    let mut rest = mask;
    while rest != 0 {
        let row = rest.trailing_zeros();
        rest &= rest - 1;
        let place = row as usize;
        // SAFETY: the caller's promise.
        let looked = unsafe {
            let low = ones(group.code(place), lows, group.words);
            looks.second(row, *counts.add(place), low, group.correction(place))
        };
        if let Some(looked) = looked
            && !take(looked)
        {
            return None;
        }
    }
    Some(mask.count_ones())
}

/// The same for codes of six words, with the plane in registers.
///
/// # Safety
/// The code has six words.
#[inline(always)]
pub(super) unsafe fn ones_of_six(code: *const u8, plane: &[u64; 6]) -> u32 {
    // SAFETY: the caller's promise.
    let count = |i: usize| unsafe { i64::from((word(code, i) ^ plane[i]).count_ones()) };
    // The last word first, since the compiler turns sums around: so memory is read in ascending order.
    (count(5) + count(4) + count(3) + count(2) + count(1) + count(0)) as u32
}

/// The ones of code xor plane.
///
/// # Safety
/// Both have that many words, at least one.
#[inline]
pub(super) unsafe fn ones(mut code: *const u8, mut plane: *const u64, words: usize) -> u32 {
    // Multiples of 384 dimensions are common, and six words written out take an interpreter half the time.
    let step = if words.is_multiple_of(6) { 6 } else { 1 };
    let mut total = 0;
    let end = plane.wrapping_add(words);
    loop {
        // SAFETY: both have `words` words, of which there is at least one step.
        total += unsafe {
            if step == 6 {
                ones_of_six(code, &*plane.cast())
            } else {
                (word(code, 0) ^ *plane).count_ones()
            }
        };
        code = code.wrapping_add(step * STEP);
        plane = plane.wrapping_add(step);
        if plane == end {
            return total;
        }
    }
}

/// # Safety
/// See `Backend::dot`.
#[cfg(not(target_arch = "wasm32"))]
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
    // The sign is extended over the bits between it and the exponent.
    let bits = (i32::from(bits as i16) << 13) as u32;
    f32::from_bits(bits & 0x8FFF_E000) * f32::from_bits(0x7780_0000)
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
    let mut factor = scale(log);
    let mut h = 1;
    while h < p {
        let mut j = 0;
        while j < p {
            // SAFETY: j has bit h clear and is below p, so j + h is too.
            unsafe {
                let (low, high) = (values.add(j), values.add(j + h));
                let (a, b) = (*low * factor, *high * factor);
                *low = a + b;
                *high = a - b;
            }
            j += 1;
            // Over the places that have it set: j & h is h there, else 0.
            j += j & h;
        }
        h *= 2;
        factor = 1.0;
    }
}

/// # Safety
/// See `Backend::residual`.
pub(super) unsafe fn residual(
    vector: *const f32,
    factor: f32,
    mean: View<'_>,
    seed: u64,
    n: usize,
    out: *mut f32,
) -> u32 {
    let (mut signs, mut bits) = (Signs(seed), 0);
    let mut largest = 0;
    for i in 0..n {
        if i % 4 == 0 {
            bits = signs.next();
        }
        // SAFETY: i < n, and all three have n components.
        unsafe {
            let value = *vector.add(i);
            largest = largest.max(magnitude(value).to_bits() as i32);
            *out.add(i) = turned(value * factor - mean.f32(i * 4), &mut bits);
        }
    }
    largest as u32
}

/// # Safety
/// See `Backend::planes`.
pub(super) unsafe fn planes(
    values: *mut f32,
    weighted: *mut f32,
    n: usize,
    t: f32,
    planes: *mut u64,
) -> u32 {
    let words = (n + 63) >> 6;
    let (mut signs, mut lows, mut large_ones) = (0_u64, 0_u64, 0);
    // From the highest component down: each word is stored when its lowest bit has been shifted in.
    for i in (0..n).rev() {
        // SAFETY: i < n, and both planes have a word for it.
        unsafe {
            let value = *values.add(i);
            let sign = u64::from(value >= 0.0);
            let value = magnitude(value);
            let large = u32::from(value > t);
            large_ones += large;
            signs = signs << 1 | sign;
            lows = lows << 1 | (sign ^ u64::from(large ^ 1));
            *values.add(i) = value;
            *weighted.add(i) = if large != 0 { value * 3.0 } else { value };
            if i % 64 == 0 {
                *planes.add(i / 64) = signs;
                *planes.add(words + i / 64) = lows;
            }
        }
    }
    large_ones
}

/// A product of K-QRY-5, rounded to the nearest integer, ties to even, and clamped.
#[inline(always)]
pub(super) fn integer(scaled: f32) -> i32 {
    // Adding 1.5·2²³ rounds, and leaves the integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let integer = (scaled + ROUND).to_bits() as i32 - ROUND.to_bits() as i32;
    integer.clamp(-32_767, 32_767)
}

/// # Safety
/// See `Backend::integers`.
#[cfg(not(target_arch = "wasm32"))]
pub(super) unsafe fn integers(values: *const f32, reciprocal: f32, n: usize, out: *mut i16) -> i64 {
    let mut squares = 0;
    for i in 0..n {
        // SAFETY: i < n.
        unsafe {
            let integer = integer(*values.add(i) * reciprocal);
            squares += i64::from(integer * integer);
            *out.add(i) = integer as i16;
        }
    }
    squares
}
