//! Computing returned distances again, from the vectors as stored (kernel.md, section 5).
//!
//! This is a plain second implementation of the formulas, with no code of the kernel.

use rvf_types::{Metric, VectorKind};

use crate::answer::Hit;
use crate::error::HostError;
use crate::reader::Reader;
use crate::vectors::{Record, widened};

/// 2⁻¹⁰⁰.
const TINY: f32 = f32::from_bits(27 << 23);

/// The 16-lane sum of K-NUM-2, of what `term` makes of the components of two vectors of one length.
pub(crate) fn sum16(x: &[f32], q: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; 16];
    for (x, q) in x.chunks(16).zip(q.chunks(16)) {
        for ((lane, x), q) in lanes.iter_mut().zip(x).zip(q) {
            *lane += term(*x, *q);
        }
    }
    let mut width = 8;
    while width > 0 {
        for at in 0..width {
            let other = lanes.get(at + width).copied().unwrap_or_default();
            if let Some(lane) = lanes.get_mut(at) {
                *lane += other;
            }
        }
        width /= 2;
    }
    let [sum, ..] = lanes;
    sum
}

/// K-QRY-5: the integer query and its step.
fn integer_query(vector: &[f32], out: &mut Vec<i32>) -> f64 {
    out.clear();
    let largest = vector.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    if largest < TINY {
        out.resize(vector.len(), 0);
        return 0.0;
    }
    // 2^(E − 14) with 2^E ≤ largest < 2^(E + 1): the exponent's bits less 14. Dividing by it is exact.
    let step = f32::from_bits((largest.to_bits() & 0x7F80_0000) - (14 << 23));
    out.extend(
        vector
            .iter()
            .map(|x| (x / step).round_ties_even().clamp(-32_767.0, 32_767.0) as i32),
    );
    step.into()
}

/// Checks answers; keeps its memory between them.
#[derive(Debug, Default)]
pub(crate) struct AnswerCheck {
    integers: Vec<i32>,
    record: Vec<u8>,
    floats: Vec<f32>,
}

impl AnswerCheck {
    /// Compares the distance of each hit with that of its vector, bit for bit.
    pub(crate) fn run(
        &mut self,
        reader: &Reader,
        vector: &[f32],
        hits: &[Hit],
    ) -> Result<(), HostError> {
        let step = integer_query(vector, &mut self.integers);
        for hit in hits {
            let expected = self.distance(reader, vector, step, hit.row)?;
            if expected.to_bits() != hit.distance.to_bits() {
                return Err(HostError::WrongDistance {
                    engine: reader.engine()?.info().to_string(),
                    row: hit.row,
                    found: hit.distance,
                    expected,
                    metric: reader.head().metric,
                });
            }
        }
        Ok(())
    }

    /// K-DIST-3.
    fn distance(
        &mut self,
        reader: &Reader,
        query: &[f32],
        step: f64,
        row: u32,
    ) -> Result<f32, HostError> {
        let metric = reader.head().metric;
        let record = reader.vec_record(row, reader.head().vectors, &mut self.record)?;
        let distance = match record {
            Record::I8(record) => {
                let dot: i64 = record
                    .components()
                    .zip(&self.integers)
                    .map(|(x, q)| i64::from(x) * i64::from(*q))
                    .sum();
                let norm: i64 = self
                    .integers
                    .iter()
                    .map(|q| i64::from(*q) * i64::from(*q))
                    .sum();
                integer_distance(
                    metric,
                    record.scale.into(),
                    record.sum_of_squares,
                    step,
                    norm,
                    dot,
                )
            }
            Record::Float(record) => {
                self.floats.clear();
                match reader.head().vectors {
                    VectorKind::F16 => self.floats.extend(record.f16_bits().map(widened)),
                    _ => self.floats.extend(record.f32s()),
                }
                float_distance(metric, &self.floats, query)
            }
        };
        // K-NUM-3, and no −0.
        Ok(if distance.is_nan() {
            f32::INFINITY
        } else {
            distance + 0.0
        })
    }
}

/// K-DIST-1.
fn integer_distance(metric: Metric, a: f64, squares: u32, b: f64, norm: i64, dot: i64) -> f32 {
    let (s, n, dot) = (f64::from(squares), norm as f64, dot as f64);
    let not_below_zero = |d: f64| if d <= 0.0 { 0.0 } else { d };
    let distance = match metric {
        Metric::L2 => not_below_zero(((a * a) * s + (b * b) * n) - ((2.0 * a) * b) * dot),
        Metric::InnerProduct => -((a * b) * dot),
        Metric::Cosine if squares == 0 || norm == 0 => f64::INFINITY,
        Metric::Cosine => not_below_zero(1.0 - dot / (s.sqrt() * n.sqrt())),
    };
    distance as f32
}

/// K-DIST-2.
fn float_distance(metric: Metric, x: &[f32], q: &[f32]) -> f32 {
    let dot = || sum16(x, q, |x, q| x * q);
    match metric {
        Metric::L2 => sum16(x, q, |x, q| (x - q) * (x - q)),
        Metric::InnerProduct => -dot(),
        Metric::Cosine => {
            let n = f64::from(sum16(x, x, |x, _| x * x));
            if n == 0.0 {
                return f32::INFINITY;
            }
            let norm = f64::from(sum16(q, q, |q, _| q * q));
            let d = 1.0 - f64::from(dot()) / (n.sqrt() * norm.sqrt());
            (if d <= 0.0 { 0.0 } else { d }) as f32
        }
    }
}
