//! What processors with wide registers share.

use crate::rotate::scale;

/// 2¹¹²: from the exponent of an f16's bits, read as those of an f32, to the true one.
pub(super) const F16_SCALE: f32 = f32::from_bits(0x7780_0000);

/// Calls the sum that is compiled for a term: a choice for each sum, and none for each component.
macro_rules! sum_by_term {
    ($sum_of:ident, $term:expr, $x:expr, $y:expr, $n:expr) => {{
        const SQUARE: u32 = Term::SQUARE.0;
        const PRODUCT: u32 = Term::PRODUCT.0;
        const PLAIN: u32 = Term::PLAIN.0;
        const SQUARED_DIFFERENCE: u32 = Term::SQUARED_DIFFERENCE.0;
        match ($term.is_of_halves(), $term.of_singles()) {
            (false, Term::SQUARE) => $sum_of::<false, SQUARE>($x, $y, $n),
            (false, Term::PRODUCT) => $sum_of::<false, PRODUCT>($x, $y, $n),
            (false, Term::PLAIN) => $sum_of::<false, PLAIN>($x, $y, $n),
            (false, _) => $sum_of::<false, SQUARED_DIFFERENCE>($x, $y, $n),
            (true, Term::SQUARE) => $sum_of::<true, SQUARE>($x, $y, $n),
            (true, Term::PRODUCT) => $sum_of::<true, PRODUCT>($x, $y, $n),
            (true, Term::PLAIN) => $sum_of::<true, PLAIN>($x, $y, $n),
            (true, _) => $sum_of::<true, SQUARED_DIFFERENCE>($x, $y, $n),
        }
    }};
}
pub(super) use sum_by_term;

/// The Walsh–Hadamard transform, in loops that the compiler vectorises for the instruction set of its caller.
///
/// Each value goes through the same operations as in the plain loop, so the bits are the same.
#[inline(always)]
pub(super) fn transform(values: &mut [f32], log: u32) {
    let factor = scale(log);
    for value in &mut *values {
        *value *= factor;
    }
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
}
