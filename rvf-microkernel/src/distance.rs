//! Distances (K-DIST).
#![allow(
    unsafe_code,
    reason = "records and arrays are read unchecked, see `memory`"
)]

use crate::backend::Term;
use crate::heap::key;
use crate::index::{Metric, Vectors};
use crate::memory::View;
use crate::query::Query;
use crate::roots::sqrt64;

/// Where the components of an i8 record start.
const I8_HEAD: usize = 12;
/// Where the components of a float record start.
const FLOAT_HEAD: usize = 4;

/// In place of a key: the record is not at hand. No distance has such a key.
pub(crate) const MISSING: u64 = u64::MAX;
/// In place of a key: the record's row is not below the number of rows.
pub(crate) const BAD: u64 = u64::MAX - 1;

/// What K-NUM-3 makes of a result: NaN counts as +∞, −0 as +0.
#[inline(always)]
pub(crate) fn canonical(distance: f32) -> f32 {
    if distance.is_nan() {
        f32::INFINITY
    } else {
        distance + 0.0
    }
}

impl Query<'_> {
    /// The key of a record: its distance by the f16 or f32 components (`float`, K-DIST-2) or by the integer ones
    /// (K-DIST-1), and its row; or [`BAD`].
    ///
    /// # Safety
    /// The record has the bytes that the index says.
    pub(crate) unsafe fn key_of(&self, record: View<'_>, float: bool) -> u64 {
        // SAFETY: the head of a record.
        let row = unsafe { record.u32(0) };
        if row >= self.index.rows() {
            return BAD;
        }
        let metric = self.index.metric();
        let prepared = &self.prepared;
        let dimension = self.index.dimension() as usize;
        let (dot, mut squares, norm, distance);
        if float {
            let half = self.index.vectors() == Vectors::F16;
            // SAFETY: D components stand behind the head; the query has D.
            let (components, vector) = unsafe {
                let len = if half { dimension * 2 } else { dimension * 4 };
                (
                    record.bytes(FLOAT_HEAD, len),
                    self.arrays.vector.slice(dimension),
                )
            };
            let term = if metric == Metric::L2 {
                Term::SquaredDifference
            } else {
                Term::Product
            };
            dot = f64::from(self.backend.sum(term, half, components, vector));
            squares = 1.0;
            if metric == Metric::Cosine {
                squares = f64::from(self.backend.sum(Term::Square, half, components, vector));
            }
            norm = f64::from(prepared.norm);
            distance = if metric == Metric::L2 { dot } else { -dot };
        } else {
            // SAFETY: as above.
            let (components, integers) = unsafe {
                squares = f64::from(record.u32(8));
                (
                    record.bytes(I8_HEAD, dimension),
                    self.arrays.integers.slice(dimension),
                )
            };
            // SAFETY: the head of a record.
            let scale = f64::from(unsafe { record.f32(4) });
            let step = prepared.step;
            norm = prepared.integer_norm;
            dot = self.backend.dot(components, integers) as f64;
            distance = if metric == Metric::L2 {
                ((scale * scale) * squares + (step * step) * norm) - ((2.0 * scale) * step) * dot
            } else {
                -((scale * step) * dot)
            };
        }
        let mut distance = distance;
        if metric == Metric::Cosine {
            distance = 1.0 - dot / (sqrt64(squares) * sqrt64(norm));
            if squares == 0.0 || norm == 0.0 {
                distance = f64::INFINITY;
            }
        }
        if metric != Metric::InnerProduct && distance <= 0.0 {
            distance = 0.0;
        }
        key(canonical(distance as f32), row)
    }
}
