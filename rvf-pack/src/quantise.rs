//! Quantising to signed bytes with a scale for each vector (R-VEC-3).

use rvf_types::limits;

/// The largest magnitude of a component.
const LARGEST: f32 = 127.0;

/// Below this (2⁻¹⁰⁰) a component counts as zero.
const LEAST: f32 = f32::from_bits((127 - 100) << 23);

/// 1.5 · 2²³. An f32 of magnitude up to 2²² plus this has no fraction bits left: the addition rounds it to the nearest
/// integer, ties to even, and the low bits of the sum are the integer. The same as `round_ties_even`, but it needs no
/// instruction that only newer processors have.
const ROUNDER: f32 = 12_582_912.0;

/// The low bits of the scale that are zero, so that scale × component is exact in f32.
const SCALE_STEP: u32 = 256;

/// What is wrong with a component.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct OutOfRange {
    /// Place in the vector.
    pub(crate) component: usize,
    /// The value.
    pub(crate) value: f32,
}

/// Checks that every component is finite and of a magnitude of at most `limit`.
pub(crate) fn check_range(vector: &[f32], limit: f32) -> Result<(), OutOfRange> {
    // Magnitudes of f32 order as their bits do, and NaN and the infinities lie above all numbers.
    if magnitude(vector).to_bits() <= limit.to_bits() {
        return Ok(());
    }
    let found = vector
        .iter()
        .copied()
        .enumerate()
        .find(|(_, value)| value.abs().to_bits() > limit.to_bits());
    let (component, value) = found.unwrap_or((0, f32::NAN));
    Err(OutOfRange { component, value })
}

/// The largest magnitude; NaN if there is one.
fn magnitude(vector: &[f32]) -> f32 {
    f32::from_bits(
        vector
            .iter()
            .fold(0, |largest, value| largest.max(value.abs().to_bits())),
    )
}

/// Writes the components of `vector` to `components`, and returns scale and sum of squares (R-VEC-3).
///
/// `vector` holds finite values of at most [`limits::MAX_COMPONENT`]; both slices have the same length.
pub(crate) fn quantise(vector: &[f32], components: &mut [u8]) -> (f32, u32) {
    debug_assert!(check_range(vector, limits::MAX_COMPONENT).is_ok());
    let largest = magnitude(vector);
    if largest < LEAST {
        components.fill(0);
        return (0.0, 0);
    }
    let scale = if largest <= LARGEST && all_integers(vector) {
        1.0
    } else {
        round_scale(largest / LARGEST)
    };
    let mut sum = 0_u32;
    for (component, value) in components.iter_mut().zip(vector) {
        let rounded = (value / scale).clamp(-LARGEST, LARGEST) + ROUNDER;
        let [low, ..] = rounded.to_le_bytes();
        *component = low;
        let wide = i32::from(low.cast_signed());
        // At most 65,536 × 127²: it fits.
        sum = sum.wrapping_add((wide * wide).unsigned_abs());
    }
    (scale, sum)
}

/// Whether all values, of magnitude 2²² at most, are integers.
fn all_integers(vector: &[f32]) -> bool {
    // Without a way out in the middle the loop runs on whole registers.
    vector.iter().fold(true, |all, value| {
        all & ((value + ROUNDER) - ROUNDER == *value)
    })
}

/// The bits rounded up to a multiple of 256.
fn round_scale(scale: f32) -> f32 {
    f32::from_bits(scale.to_bits().next_multiple_of(SCALE_STEP))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// R-VEC-3, word by word.
    fn naive(vector: &[f32]) -> (f32, Vec<i8>) {
        let m = vector.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        let scale = if m < 2.0_f32.powi(-100) {
            0.0
        } else if m <= 127.0 && vector.iter().all(|x| x.fract() == 0.0) {
            1.0
        } else {
            f32::from_bits((m / 127.0).to_bits().div_ceil(256) * 256)
        };
        let component = |x: &f32| {
            if scale == 0.0 {
                0
            } else {
                (x / scale).round_ties_even().clamp(-127.0, 127.0) as i8
            }
        };
        (scale, vector.iter().map(component).collect())
    }

    fn checked(vector: &[f32]) -> (f32, Vec<i8>) {
        let mut bytes = vec![0; vector.len()];
        let (scale, sum) = quantise(vector, &mut bytes);
        let components: Vec<i8> = bytes.iter().map(|b| *b as i8).collect();
        let squares: u32 = components
            .iter()
            .map(|c| u32::from(c.unsigned_abs()).pow(2))
            .sum();
        assert_eq!(sum, squares);
        assert_eq!((scale, components.clone()), naive(vector));
        (scale, components)
    }

    fn restored(scale: f32, components: &[i8]) -> Vec<f32> {
        components.iter().map(|c| scale * f32::from(*c)).collect()
    }

    #[test]
    fn constants_are_the_powers_they_stand_for() {
        assert_eq!(LEAST, 2.0_f32.powi(-100));
        assert_eq!(ROUNDER, 1.5 * 2.0_f32.powi(23));
    }

    #[test]
    fn integers_stay_as_they_are() {
        let vector: Vec<f32> = (-127_i8..=127).map(f32::from).collect();
        let (scale, components) = checked(&vector);
        assert_eq!(scale, 1.0);
        assert_eq!(restored(scale, &components), vector);
    }

    #[test]
    fn ties_go_to_even() {
        // Scale 1 / 64 exactly: 127 / 64 is the largest.
        let vector = [127.0 / 64.0, 0.5 / 64.0, 1.5 / 64.0, -2.5 / 64.0];
        let (scale, components) = checked(&vector);
        assert_eq!(scale, 1.0 / 64.0);
        assert_eq!(components, [127, 0, 2, -2]);
    }

    #[test]
    fn what_is_almost_zero_is_zero() {
        assert_eq!(checked(&[1e-31, -7e-31]).0, 0.0);
        assert_eq!(checked(&[-0.0, 0.0]).0, 0.0);
        assert!(checked(&[8e-31, 0.0]).0 > 0.0);
    }

    #[test]
    fn out_of_range_is_found_with_its_place() {
        for bad in [
            f32::NAN,
            -f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            1.000_001e15,
        ] {
            let found = check_range(&[0.0, 1e15, bad, 2e15], 1e15).unwrap_err();
            assert_eq!(found.component, 2);
            assert_eq!(found.value.to_bits(), bad.to_bits());
        }
        assert_eq!(check_range(&[-1e15, 1e15], 1e15), Ok(()));
    }

    fn component() -> impl Strategy<Value = f32> {
        prop_oneof![
            -1.0_f32..1.0,
            -1e15_f32..1e15,
            (-127_i8..=127).prop_map(f32::from),
            (-300_i16..300).prop_map(f32::from),
            (any::<i8>(), -130_i32..40).prop_map(|(m, e)| f32::from(m) * 2.0_f32.powi(e)),
            Just(-0.0),
        ]
    }

    proptest! {
        #[test]
        fn quantising_is_a_fixed_point(vector in prop::collection::vec(component(), 1..80)) {
            let (scale, components) = checked(&vector);
            let (again_scale, again) = checked(&restored(scale, &components));
            prop_assert_eq!(scale.to_bits(), again_scale.to_bits());
            prop_assert_eq!(components, again);
        }

        #[test]
        fn scale_times_component_is_exact(largest in 1e-30_f32..1e15, component in -127_i8..=127) {
            let scale = round_scale(largest / 127.0);
            prop_assert_eq!(f64::from(scale * f32::from(component)), f64::from(scale) * f64::from(component));
        }
    }
}
