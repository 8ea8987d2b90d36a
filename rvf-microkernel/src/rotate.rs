//! The rotation: random signs and fast Walsh–Hadamard transforms (K-ROT).
//!
//! A dimension that is no power of two gets two overlapping transforms of the largest power of two below it.

use crate::backend::Backend;

/// Rotates a vector in place: R of K-ROT-3.
///
/// `values` may have any length; a length of 0 is left as it is.
pub fn rotate(values: &mut [f32], seed: u64, backend: Backend) {
    let Some(log) = values.len().checked_ilog2() else {
        return;
    };
    let mut state = seed;
    let mut word = 0;
    for (i, value) in values.iter_mut().enumerate() {
        if i % 64 == 0 {
            word = splitmix64(&mut state);
        }
        // The lowest bit becomes the sign.
        *value = f32::from_bits(value.to_bits() ^ ((word as u32) << 31));
        word >>= 1;
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

/// The next word of splitmix64 (K-ROT-1).
///
/// Source: Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
pub fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = *state;
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
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
