//! The rotation: random signs and fast Walsh–Hadamard transforms (K-ROT).
//!
//! A dimension that is no power of two gets two overlapping transforms of the largest power of two below it.
#![allow(
    unsafe_code,
    reason = "a transform needs at least two values, which is checked once"
)]

use crate::backend::Backend;

/// Rotates a vector in place: R of K-ROT-3.
///
/// `values` may have any length; a single one gets its sign only. The seed must not be 0.
pub fn rotate(values: &mut [f32], seed: u64, backend: Backend) {
    let mut signs = Signs(seed);
    for run in values.chunks_mut(4) {
        let mut bits = signs.next();
        for value in run {
            *value = turned(*value, &mut bits);
        }
    }
    transform(values, backend);
}

/// The random signs of a rotation, for four components at a time: states of xorshift64 (Marsaglia: Xorshift RNGs, 2003),
/// which starts from a seed that is not 0.
pub(crate) struct Signs(pub(crate) u64);

impl Signs {
    /// The next state: the highest bit of each of its four parts of 16 bits is a sign, the lowest part's the first.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// The value with the first sign of those that are left, which is taken away.
#[inline(always)]
pub(crate) fn turned(value: f32, signs: &mut u64) -> f32 {
    let sign = (*signs << 16) as u32 & 0x8000_0000;
    *signs >>= 16;
    f32::from_bits(value.to_bits() ^ sign)
}

/// What a rotation does to values that have their signs.
#[inline(always)]
pub(crate) fn transform(values: &mut [f32], backend: Backend) {
    if values.len() < 2 {
        return;
    }
    let p = 1_usize << values.len().ilog2();
    if let Some(head) = values.get_mut(..p) {
        // SAFETY: p is at least 2.
        unsafe { backend.transform(head) };
    }
    let rest = values.len() - p;
    if rest != 0
        && let Some(tail) = values.get_mut(rest..)
    {
        // SAFETY: as above.
        unsafe { backend.transform(tail) };
    }
}

/// What the values of a transform of 2^log are multiplied by: s of K-ROT-2.
#[inline(always)]
pub(crate) fn scale(log: u32) -> f32 {
    let power = f32::from_bits((127 - (log >> 1)) << 23);
    if log & 1 == 0 {
        power
    } else {
        power * f32::from_bits(0x3F35_04F3)
    }
}
