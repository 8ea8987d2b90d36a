//! The 1-bit codes and their correction words (spec/kernel.md, section 3).

use half::f16;
use rayon::prelude::*;
use rvf_microkernel::rotate;
use rvf_types::{Metric, quant};

use crate::error::PackError;
use crate::progress::{Phase, Reporter};
use crate::records::Records;
use crate::store::Stored;
use crate::writer::{SegmentWriter, Storage, Written};

/// Bytes of records that are read back at once, unless a single group has more.
const READ: usize = 4 << 20;

/// Rows of a full group.
const GROUP: usize = quant::GROUP_ROWS as usize;

/// Computes the codes of all stored vectors and writes QUANT.
pub(crate) fn write_codes(
    seed: u64,
    stored: &Stored,
    records: Records,
    storage: &mut dyn Storage,
    reporter: &mut Reporter<'_, '_>,
) -> Result<Written, PackError> {
    reporter.start(Phase::Code, Some(stored.rows.into()))?;
    let stride = records.exact_stride();
    let at_once = (READ / (stride * GROUP)).max(1) * GROUP;
    let coder = Coder::new(records, &stored.mean, seed);
    let mut writer = SegmentWriter::new(stored.segments.quant);
    let (mut buffer, mut groups) = (Vec::new(), Vec::new());
    let mut offset = stored.exact_vectors().payload_offset();
    let mut done = 0;
    let rows = stored.rows as usize;
    while done < rows {
        let count = at_once.min(rows - done);
        buffer.resize(count * stride, 0);
        storage
            .read_at(offset, &mut buffer)
            .map_err(PackError::output("read the vectors back"))?;
        coder.encode(&buffer, &mut groups);
        writer
            .write(storage, &groups)
            .map_err(PackError::output("write the codes"))?;
        offset += buffer.len() as u64;
        done += count;
        reporter.done(done as u64)?;
    }
    writer
        .finish(storage)
        .map_err(PackError::output("write the codes"))
}

/// Computes codes.
#[derive(Debug)]
struct Coder<'a> {
    records: Records,
    mean: &'a [f32],
    seed: u64,
}

/// What a task works in.
struct Scratch {
    halves: Vec<f16>,
    residual: Vec<f32>,
}

impl<'a> Coder<'a> {
    fn new(records: Records, mean: &'a [f32], seed: u64) -> Self {
        Self {
            records,
            mean,
            seed,
        }
    }

    /// Turns the most exact records of whole groups, or of the last rows, into the bytes of those groups (R-QNT-1).
    fn encode(&self, records: &[u8], groups: &mut Vec<u8>) {
        let stride = self.records.exact_stride();
        let count = records.len() / stride;
        let dimension = self.records.dimension;
        let list_length = |rows: usize| quant::list_length(rows as u32, dimension as u32) as usize;
        groups.clear();
        groups.resize(list_length(count), 0);
        let scratch = || Scratch {
            halves: vec![f16::ZERO; dimension],
            residual: vec![0.0; dimension],
        };
        groups
            .par_chunks_mut(list_length(GROUP))
            .zip(records.par_chunks(GROUP * stride))
            .for_each_init(scratch, |scratch, (group, records)| {
                self.encode_group(scratch, records, group)
            });
    }

    fn encode_group(&self, scratch: &mut Scratch, records: &[u8], group: &mut [u8]) {
        let records = records.chunks_exact(self.records.exact_stride());
        let code_length = quant::code_length(self.records.dimension as u32) as usize;
        let (codes, corrections) = group.split_at_mut(records.len() * code_length);
        let rows = codes
            .chunks_exact_mut(code_length)
            .zip(corrections.as_chunks_mut().0);
        for (record, (code, correction)) in records.zip(rows) {
            *correction = self.encode_row(scratch, record, code).to_le_bytes();
        }
    }

    /// Writes a row's code, whose bits must be zero, and returns its correction word.
    fn encode_row(&self, scratch: &mut Scratch, record: &[u8], code: &mut [u8]) -> u32 {
        let residual = &mut scratch.residual;
        self.records.decode(record, &mut scratch.halves, residual);
        for (value, mean) in residual.iter_mut().zip(self.mean) {
            *value -= mean;
        }
        let mut beta = 0.0;
        if self.records.metric == Metric::InnerProduct {
            for (value, mean) in residual.iter().zip(self.mean) {
                beta += f64::from(*value) * f64::from(*mean);
            }
            beta = -beta;
        }
        rotate(residual, self.seed, self.records.backend);
        // Bit i of a word is bit i mod 8 of its byte i / 8: words are little-endian.
        for (byte, values) in code.iter_mut().zip(residual.chunks(8)) {
            *byte = values
                .iter()
                .rev()
                .fold(0, |byte, value| byte << 1 | u8::from(*value >= 0.0));
        }
        let (mut squares, mut magnitudes) = (0.0_f64, 0.0_f64);
        for value in residual.iter().copied().map(f64::from) {
            squares += value * value;
            magnitudes += value.abs();
        }
        let (factor, beta) = match self.records.metric {
            Metric::L2 => (2.0, squares),
            Metric::InnerProduct => (1.0, beta),
            Metric::Cosine => (1.0, squares / 2.0),
        };
        let alpha = if magnitudes == 0.0 {
            0.0
        } else {
            factor * squares / magnitudes
        };
        correction_word(beta, alpha)
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
