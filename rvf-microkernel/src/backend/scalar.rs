//! Plain Rust: for every processor, and for the wasm build that needs no SIMD.

use super::{FirstLook, Group, STEP, Table, Term};
#[cfg(not(target_arch = "wasm32"))]
use super::{Ones, SecondLook};
use crate::rotate::scale;
use crate::scan::corrections;

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub(super) static TABLE: Table = Table {
    name: "scalar",
    #[cfg(not(target_arch = "wasm32"))]
    first_look,
    #[cfg(not(target_arch = "wasm32"))]
    second_look,
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
    u64::from_le(unsafe { code.add(i * STEP).cast::<u64>().read_unaligned() })
}

/// The rows of a group that pass the first look, one after the other, with their number of ones.
pub(super) struct Rows {
    code: *const u8,
    /// Where the words of the next tile's first code stand, but for those of this tile.
    tile_end: *const u8,
    correction: *const u8,
    row: usize,
    rows: usize,
    words: usize,
    plane: *const u64,
    /// 384 dimensions are written out: the plane stays in registers, and an interpreter runs a third less.
    registers: [u64; 6],
    look: FirstLook,
    threshold: f32,
}

impl Rows {
    /// # Safety
    /// See `Backend::first_look`; the group and the plane outlive the rows.
    #[inline(always)]
    pub(super) unsafe fn new(
        group: &Group<'_>,
        plane: *const u64,
        look: FirstLook,
        threshold: f32,
    ) -> Self {
        let (code, correction) = group.pointers();
        let mut registers = [0; 6];
        if group.words == 6 {
            // SAFETY: the plane has 6 words.
            registers = unsafe { plane.cast::<[u64; 6]>().read() };
        }
        Self {
            code,
            tile_end: code.wrapping_add(STEP),
            correction,
            row: 0,
            rows: group.rows,
            words: group.words,
            plane,
            registers,
            look,
            threshold,
        }
    }

    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<(u32, u32)> {
        while self.row < self.rows {
            let row = self.row as u32;
            // SAFETY: the row has a code of `words` words and a correction word.
            let (ones, passes) = unsafe {
                let ones = if self.words == 6 {
                    let count =
                        |i: usize| u64::from((word(self.code, i) ^ self.registers[i]).count_ones());
                    (count(0) + count(1) + count(2) + count(3) + count(4) + count(5)) as u32
                } else {
                    ones(self.code, self.plane, self.words)
                };
                let correction = u32::from_le(self.correction.cast::<u32>().read_unaligned());
                (ones, passes(ones, correction, self.look, self.threshold))
            };
            self.row += 1;
            self.correction = self.correction.wrapping_add(4);
            self.code = self.code.wrapping_add(8);
            if self.code == self.tile_end {
                self.code = self.code.wrapping_add((self.words - 1) * STEP);
                self.tile_end = self.code.wrapping_add(STEP);
            }
            if passes {
                return Some((row, ones));
            }
        }
        None
    }
}

/// # Safety
/// See `Backend::first_look`.
#[cfg(not(target_arch = "wasm32"))]
unsafe fn first_look(
    group: &Group<'_>,
    plane: *const u64,
    look: FirstLook,
    threshold: f32,
    out: &mut Ones,
) -> u32 {
    // SAFETY: the caller's promise.
    let mut rows = unsafe { Rows::new(group, plane, look, threshold) };
    let mut mask = 0;
    while let Some((row, ones)) = rows.next() {
        out[row as usize % 32] = ones;
        mask |= 1 << row;
    }
    mask
}

/// # Safety
/// See `Backend::second_look`.
#[cfg(not(target_arch = "wasm32"))]
#[inline(always)]
pub(super) unsafe fn second_look(
    group: &Group<'_>,
    mask: u32,
    _ones: &Ones,
    plane: *const u64,
    _look: &SecondLook,
    lows: &mut Ones,
) -> u32 {
    let mut rest = mask;
    while rest != 0 {
        let row = rest.trailing_zeros() as usize;
        rest &= rest - 1;
        // SAFETY: the mask has no bit at or above the number of rows.
        lows[row % 32] = unsafe { ones(group.code(row), plane, group.words) };
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
