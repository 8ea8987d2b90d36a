//! The 1-bit codes and their correction words (spec/kernel.md, section 3).

use std::iter;

use rvf_microkernel::{Backend, rotate};
use rvf_types::{FormatError, Metric, quant};

/// Computes codes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coder {
    pub(crate) dimension: usize,
    pub(crate) metric: Metric,
    pub(crate) seed: u64,
    pub(crate) backend: Backend,
}

/// What the entries of a list are coded around.
#[derive(Debug, Clone)]
pub(crate) struct Around {
    centroid: Vec<f32>,
    /// R(c − m): zeros where the centroid is the mean.
    turned: Vec<f32>,
    /// What is taken from β (K-CODE-6).
    bias: f64,
}

impl Coder {
    /// Words of a code.
    pub(crate) fn words(&self) -> usize {
        self.dimension.div_ceil(64)
    }

    /// The one list: its centroid is the mean.
    pub(crate) fn around_mean(&self, mean: &[f32]) -> Around {
        Around {
            centroid: mean.to_vec(),
            turned: vec![0.0; mean.len()],
            bias: 0.0,
        }
    }

    /// A list of several, whose bias is given as a squared distance.
    pub(crate) fn around(&self, centroid: &[f32], mean: &[f32], bias: f64) -> Around {
        let mut turned: Vec<f32> = centroid.iter().zip(mean).map(|(c, m)| c - m).collect();
        rotate(&mut turned, self.seed, self.backend);
        Around {
            centroid: centroid.to_vec(),
            turned,
            bias: self.bias(bias),
        }
    }

    /// A squared distance as a distance of the metric.
    fn bias(&self, squared: f64) -> f64 {
        match self.metric {
            Metric::L2 => squared,
            Metric::Cosine => squared * 0.5,
            Metric::InnerProduct => 0.0,
        }
    }

    /// The bytes of a list that owns all of these vectors, around the mean. Where they are centroids, `biases` has those of
    /// their lists, as squared distances (K-CODE-5); else it is empty.
    pub(crate) fn one_list(
        &self,
        vectors: &[f32],
        mean: &[f32],
        biases: &[f64],
    ) -> Result<Vec<u8>, FormatError> {
        let mut around = self.around_mean(mean);
        let words = self.words();
        let mut codes = vec![0; vectors.len() / self.dimension * words];
        let mut corrections = Vec::with_capacity(vectors.len() / self.dimension);
        let mut residual = vec![0.0; self.dimension];
        let vectors = vectors.chunks_exact(self.dimension);
        let biases = biases.iter().copied().chain(iter::repeat(0.0));
        for ((vector, code), bias) in vectors.zip(codes.chunks_exact_mut(words)).zip(biases) {
            residual.copy_from_slice(vector);
            around.bias = -self.bias(bias);
            corrections.push(self.encode(&around, &mut residual, code));
        }
        quant::write_list(self.dimension as u32, &codes, &corrections, 0, &[])
    }

    /// Codes the x̂ in `residual`, which it overwrites: fills the code, which has W words, and returns the correction
    /// word.
    pub(crate) fn encode(&self, around: &Around, residual: &mut [f32], code: &mut [u64]) -> u32 {
        for (value, centre) in residual.iter_mut().zip(&around.centroid) {
            *value -= centre;
        }
        let mut product = 0.0;
        if self.metric == Metric::InnerProduct {
            for (value, centre) in residual.iter().zip(&around.centroid) {
                product += f64::from(*value) * f64::from(*centre);
            }
        }
        rotate(residual, self.seed, self.backend);
        for (word, values) in code.iter_mut().zip(residual.chunks(64)) {
            *word = values
                .iter()
                .rev()
                .fold(0, |word, value| word << 1 | u64::from(*value >= 0.0));
        }
        // Σ rᵢ², Σ |rᵢ| and Σ ±tᵢ. Each is summed in order, so all three in one loop take the time of one.
        let (mut squares, mut magnitudes, mut shift) = (0.0_f64, 0.0_f64, 0.0_f64);
        for (value, turned) in residual.iter().zip(&around.turned) {
            let (value, turned) = (f64::from(*value), f64::from(*turned));
            squares += value * value;
            magnitudes += value.abs();
            // Not a branch: that would be taken as often as not.
            let negative = u64::from(value < 0.0) << 63;
            shift += f64::from_bits(turned.to_bits() ^ negative);
        }
        let (factor, gamma) = match self.metric {
            Metric::L2 => (2.0, squares),
            Metric::InnerProduct => (1.0, -product),
            Metric::Cosine => (1.0, squares / 2.0),
        };
        let alpha = if magnitudes == 0.0 {
            0.0
        } else {
            factor * squares / magnitudes
        };
        correction_word(gamma + alpha * shift - around.bias, alpha)
    }
}

/// K-CODE-4: 18 bits of β, 14 of α without its sign.
fn correction_word(beta: f64, alpha: f64) -> u32 {
    round_bits(beta as f32, 14) | round_bits(alpha as f32, 17) >> 17
}

/// The bits of a number, rounded to a multiple of 2^`count`, ties to even.
fn round_bits(number: f32, count: u32) -> u32 {
    let bits = number.to_bits();
    let odd = bits >> count & 1;
    (bits + (1 << (count - 1)) - 1 + odd) >> count << count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_rounded_to_the_nearest_and_ties_to_even() {
        for (bits, expected) in [
            (0x3F80_1FFF, 0x3F80_0000),
            (0x3F80_2000, 0x3F80_0000),
            (0x3F80_2001, 0x3F80_4000),
            (0x3F80_6000, 0x3F80_8000),
            (0xBF80_6000, 0xBF80_8000),
            (0, 0),
        ] {
            assert_eq!(round_bits(f32::from_bits(bits), 14), expected, "{bits:x}");
        }
    }

    #[test]
    fn alpha_fits_below_beta() {
        let word = correction_word(-1.5, 2.5);
        let read = quant::Correction::from_word(word);
        assert_eq!((read.beta, read.alpha), (-1.5, 2.5));
    }
}
