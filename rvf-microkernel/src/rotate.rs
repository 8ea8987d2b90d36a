//! The rotation: random signs and fast Walsh–Hadamard transforms (K-ROT).
//!
//! A dimension that is no power of two gets two overlapping transforms of the largest power of two below it.

use crate::backend::Backend;

/// Rotates a vector in place: R of K-ROT-3.
///
/// `values` may have any length; a length of 0 is left as it is. The signs are those of xorshift64 (Marsaglia: Xorshift
/// RNGs, 2003), whose state must not be 0 at first.
pub fn rotate(values: &mut [f32], seed: u64, backend: Backend) {
    let Some(log) = values.len().checked_ilog2() else {
        return;
    };
    let mut state = seed;
    for value in values.iter_mut() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // The highest bit becomes the sign.
        *value = f32::from_bits(value.to_bits() ^ ((state >> 32) as u32 & 0x8000_0000));
    }
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
