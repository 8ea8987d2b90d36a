//! What processors with wide registers share.

use crate::rotate::scale;

/// 2¹¹²: from the exponent of an f16's bits, read as those of an f32, to the true one.
pub(super) const F16_SCALE: f32 = f32::from_bits(0x7780_0000);

/// The Walsh–Hadamard transform, in loops that the compiler vectorises for the instruction set of its caller.
///
/// Each value goes through the same operations as in the plain loop, so the bits are the same.
#[inline(always)]
pub(super) fn transform(values: &mut [f32], log: u32) {
    let factor = scale(log);
    let mut h = 1;
    // The first three levels of eight neighbours at once, in registers.
    if let (chunks, []) = values.as_chunks_mut::<8>() {
        for v in chunks {
            let [a, b, c, d, e, f, g, i] = *v;
            let [a, b, c, d, e, f, g, i] = [a + b, a - b, c + d, c - d, e + f, e - f, g + i, g - i];
            let [a, b, c, d, e, f, g, i] = [a + c, b + d, a - c, b - d, e + g, f + i, e - g, f - i];
            *v = [a + e, b + f, c + g, d + i, a - e, b - f, c - g, d - i];
        }
        h = 8;
    }
    while h < values.len() {
        for pair in values.chunks_exact_mut(2 * h) {
            let (low, high) = pair.split_at_mut(h);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        h *= 2;
    }
    for value in values {
        *value *= factor;
    }
}
