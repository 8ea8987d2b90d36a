//! Distances (K-DIST).

use crate::Error;
use crate::backend::Term;
use crate::bytes::{f32_at, u32_at};
use crate::index::{Metric, Vectors};
use crate::query::Query;
use crate::roots::sqrt64;

/// Where the components of an i8 record start.
const I8_HEAD: usize = 12;
/// Where the components of a float record start.
const FLOAT_HEAD: usize = 4;

/// What K-NUM-3 makes of a result: NaN counts as +∞, −0 as +0.
#[inline(always)]
pub(crate) fn canonical(distance: f32) -> f32 {
    if distance.is_nan() {
        f32::INFINITY
    } else {
        distance + 0.0
    }
}

/// Rounds a distance; under L2 and cosine none is below 0.
fn finish(distance: f64, metric: Metric) -> f32 {
    if metric != Metric::InnerProduct && distance <= 0.0 {
        return 0.0;
    }
    canonical(distance as f32)
}

impl Query<'_> {
    /// The row of a record and its distance by the integer components (K-DIST-1).
    pub(crate) fn integer_distance(&self, record: &[u8]) -> Result<(u32, f32), Error> {
        let row = self.row_of(record)?;
        let metric = self.index.metric();
        let scale = f64::from(f32_at(record, 4));
        let squares = f64::from(u32_at(record, 8));
        let components = record.get(I8_HEAD..).unwrap_or_default();
        let dot = self.backend.dot(components, self.integers) as f64;
        let step = self.prepared.step;
        let norm = self.prepared.integer_norm;
        let distance = match metric {
            Metric::L2 => {
                ((scale * scale) * squares + (step * step) * norm) - ((2.0 * scale) * step) * dot
            }
            Metric::InnerProduct => -((scale * step) * dot),
            Metric::Cosine if squares == 0.0 || norm == 0.0 => f64::INFINITY,
            Metric::Cosine => 1.0 - dot / (sqrt64(squares) * self.integer_length()),
        };
        Ok((row, finish(distance, metric)))
    }

    /// The row of a record and its distance by the f16 or f32 components (K-DIST-2).
    pub(crate) fn float_distance(&self, record: &[u8]) -> Result<(u32, f32), Error> {
        let row = self.row_of(record)?;
        let half = self.index.vectors() == Vectors::F16;
        let components = record.get(FLOAT_HEAD..).unwrap_or_default();
        let sum = |term| self.backend.sum(term, half, components, self.vector);
        let distance = match self.index.metric() {
            Metric::L2 => canonical(sum(Term::SquaredDifference)),
            Metric::InnerProduct => canonical(-sum(Term::Product)),
            Metric::Cosine => {
                let dot = f64::from(sum(Term::Product));
                let squares = f64::from(sum(Term::Square));
                if squares == 0.0 {
                    f32::INFINITY
                } else {
                    let norm = f64::from(self.prepared.norm);
                    finish(1.0 - dot / (sqrt64(squares) * sqrt64(norm)), Metric::Cosine)
                }
            }
        };
        Ok((row, distance))
    }

    fn row_of(&self, record: &[u8]) -> Result<u32, Error> {
        let row = u32_at(record, 0);
        if row < self.index.rows() {
            Ok(row)
        } else {
            Err(Error::BadData)
        }
    }
}
