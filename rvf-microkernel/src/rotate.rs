//! The rotation: random signs and fast Walsh–Hadamard transforms (K-ROT).
//!
//! A dimension that is no power of two gets two overlapping transforms of the largest power of two below it.

use crate::backend::Backend;

/// Rotates a vector in place: R of K-ROT-3.
///
/// `values` may have any length; a length of 0 is left as it is. The seed must not be 0.
pub fn rotate(values: &mut [f32], seed: u64, backend: Backend) {
    let mut signs = Signs(seed);
    for value in values.iter_mut() {
        *value = signs.turn(*value);
    }
    transform(values, backend);
}

/// The random signs of a rotation, one after the other: those of xorshift64 (Marsaglia: Xorshift RNGs, 2003), which starts
/// from a seed that is not 0.
pub(crate) struct Signs(pub(crate) u64);

impl Signs {
    /// The value with the next sign.
    #[inline(always)]
    pub(crate) fn turn(&mut self, value: f32) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The highest bit becomes the sign.
        f32::from_bits(value.to_bits() ^ ((self.0 >> 32) as u32 & 0x8000_0000))
    }
}

/// What a rotation does to values that have their signs.
#[inline(always)]
pub(crate) fn transform(values: &mut [f32], backend: Backend) {
    let Some(log) = values.len().checked_ilog2() else {
        return;
    };
    let p = 1_usize << log;
    if let Some(head) = values.get_mut(..p) {
        backend.transform(head);
    }
    let rest = values.len() - p;
    if rest != 0
        && let Some(tail) = values.get_mut(rest..)
    {
        backend.transform(tail);
    }
}

/// The factor of the transform of 2^log values: s of K-ROT-2.
#[inline(always)]
pub(crate) fn scale(log: u32) -> f32 {
    let power = f32::from_bits((127 - (log >> 1)) << 23);
    if log & 1 == 0 {
        power
    } else {
        power * f32::from_bits(0x3F35_04F3)
    }
}
