//! Distances (K-DIST).
#![allow(
    unsafe_code,
    reason = "records and arrays are read unchecked, see `memory`"
)]

use crate::backend::Term;
use crate::heap::key;
use crate::index::Metric;
use crate::memory::View;
use crate::query::Query;
use crate::roots::sqrt64;

/// Where the components of an i8 record start.
const I8_HEAD: usize = 12;
/// Where the components of a float record start.
const FLOAT_HEAD: usize = 4;

/// In place of a key: the record's row is not below the number of rows. No distance has such a key.
pub(crate) const BAD: u64 = u64::MAX;

impl Query<'_> {
    /// The key of a record: its distance and its row; or [`BAD`]. The distance is that of a centroid while lists are chosen
    /// (K-DIST-4), of a float record once float distances are computed (K-DIST-2), else of an i8 record (K-DIST-1).
    ///
    /// # Safety
    /// The record has the bytes that the index says, and the query's vector was taken.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(crate) unsafe fn key_of(&self, record: View<'_>) -> u64 {
        // SAFETY: the head of a record.
        let row = unsafe { record.u32(0) };
        let centroid = self.choosing;
        let rows = if centroid {
            self.index.lists()
        } else {
            self.index.rows()
        };
        if row >= rows {
            return BAD;
        }
        let metric = self.index.metric();
        let mut squares = 0.0;
        let mut norm = self.integer_norm;
        let mut root = self.integer_root;
        let dot;
        let mut distance;
        if self.float {
            let first = if metric == Metric::L2 {
                Term::SQUARED_DIFFERENCE
            } else {
                Term::PRODUCT
            };
            // SAFETY: D components stand behind the head of a record.
            unsafe {
                let components = record.from(FLOAT_HEAD);
                dot = f64::from(self.sum_of_record(first.of_vectors(), components));
                distance = if metric == Metric::L2 { dot } else { -dot };
                if metric == Metric::Cosine {
                    squares = f64::from(self.sum_of_record(Term::SQUARE.of_vectors(), components));
                }
            }
            norm = f64::from(self.norm);
            root = sqrt64(norm);
        } else {
            let dimension = self.index.dimension() as usize;
            let words = self.index.words() as usize;
            // SAFETY: as above; D components of the query were written.
            let scale = unsafe {
                squares = f64::from(record.u32(8));
                let components = record.bytes(I8_HEAD, dimension);
                dot = self.backend.dot(components, self.arrays.integers(words)) as f64;
                f64::from(record.f32(4))
            };
            let of_unit = centroid && metric == Metric::Cosine;
            let step = if of_unit { 1.0 / root } else { self.step };
            distance = -((scale * step) * dot);
            if of_unit || metric == Metric::L2 {
                // Doubling is exact, so 2·((a·b)·dot) is ((2·a)·b)·dot.
                distance = ((scale * scale) * squares + (step * step) * norm) + 2.0 * distance;
            }
            if of_unit {
                distance *= 0.5;
            }
        }
        if metric == Metric::Cosine && !centroid {
            distance = 1.0 - dot / (sqrt64(squares) * root);
            if (squares == 0.0) | (norm == 0.0) {
                distance = f64::INFINITY;
            }
        }
        if metric != Metric::InnerProduct && distance <= 0.0 {
            distance = 0.0;
        }
        key(distance as f32, row)
    }
}
