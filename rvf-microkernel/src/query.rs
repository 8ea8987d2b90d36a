//! A query: its arrays, and what is computed from the vector before the search (K-QRY).

use core::fmt;

use crate::Error;
use crate::backend::{Backend, FirstLook, Term};
use crate::bytes::f32_at;
use crate::data::Need;
use crate::heap::{Entry, Heap};
use crate::index::{Index, Metric};
use crate::machine::Phase;
use crate::memory::{Carver, Cutter, List};
use crate::params::{Mode, Params, state_len};
use crate::roots::{sqrt32, sqrt64};
use crate::rotate::rotate;
use crate::scan::Candidate;

/// The largest absolute value of a component (R-LIM-1).
const LARGEST: f32 = 1e15;
/// 2⁻¹⁰⁰: what is below it counts as 0.
const TINY: f32 = f32::from_bits(27 << 23);

/// What a search did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Stats {
    /// Rows that were visited: looked at once, or in exact mode tested for being live.
    pub scanned: u32,
    /// Rows that came to the second look.
    pub second_looks: u32,
    /// Integer distances that were computed.
    pub ranked: u32,
    /// Float distances that were computed.
    pub float_distances: u32,
}

/// A vector that was found.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[repr(C)]
pub struct Hit {
    /// Its row.
    pub row: u32,
    /// Its distance: never NaN, never −0.
    pub distance: f32,
}

/// Numbers that are computed from the vector once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Prepared {
    /// N: the sum of squares of the query.
    pub(crate) norm: f32,
    /// The step of the integer query.
    pub(crate) step: f64,
    /// N16: the sum of squares of the integer query.
    pub(crate) integer_norm: f64,
    pub(crate) base: f32,
    pub(crate) first: FirstLook,
    /// g₂
    pub(crate) gain: f32,
    /// E₂
    pub(crate) width: f32,
}

/// A search under way: a small state machine that says which bytes it needs.
///
/// It lives in memory that the caller gives ([`state_len`] words) and takes its bytes from a [`Data`](crate::Data).
pub struct Query<'s> {
    pub(crate) index: Index,
    pub(crate) params: Params,
    pub(crate) backend: Backend,
    pub(crate) vector: &'s mut [f32],
    pub(crate) integers: &'s mut [i16],
    /// The sign plane, then the low plane.
    pub(crate) planes: &'s mut [u64],
    residual: &'s mut [f32],
    weights: &'s mut [f32],
    pub(crate) estimates: Heap<'s>,
    pub(crate) pool: Heap<'s>,
    pub(crate) buffer: List<'s, Candidate>,
    pub(crate) needs: List<'s, Need>,
    pub(crate) prepared: Prepared,
    pub(crate) phase: Phase,
    /// The next row to visit.
    pub(crate) row: u32,
    /// The next entry of the buffer or the pool.
    pub(crate) position: usize,
    pub(crate) stats: Stats,
}

impl fmt::Debug for Query<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("index", &self.index)
            .field("params", &self.params)
            .field("phase", &self.phase)
            .field("row", &self.row)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

type Array<C, T> = <C as Carver>::Array<T>;

/// The arrays of a query, in an order that keeps each aligned.
#[allow(clippy::type_complexity, reason = "named at its only use")]
pub(crate) fn carve<C: Carver>(
    carver: &mut C,
    index: &Index,
    params: &Params,
) -> (
    [Array<C, f32>; 3],
    Array<C, i16>,
    Array<C, u64>,
    [Array<C, Entry>; 2],
    Array<C, core::mem::MaybeUninit<Candidate>>,
    Array<C, core::mem::MaybeUninit<Need>>,
) {
    let dimension = index.dimension() as usize;
    (
        [
            carver.carve(dimension),
            carver.carve(dimension),
            carver.carve(dimension),
        ],
        carver.carve(dimension),
        carver.carve(2 * index.words() as usize),
        [
            carver.carve(params.estimate_places()),
            carver.carve(params.pool_places()),
        ],
        carver.carve(params.buffer_places()),
        carver.carve(params.max_needs as usize),
    )
}

impl<'s> Query<'s> {
    /// Starts a query. The vector is copied.
    ///
    /// # Errors
    /// Those of [`Params::check`]; [`Error::SmallBuffer`] if `memory` has fewer than [`state_len`] words;
    /// [`Error::BadQuery`] by K-QRY-1, and if the vector has another dimension than the file.
    pub fn begin(
        index: Index,
        params: Params,
        vector: &[f32],
        backend: Backend,
        memory: &'s mut [u64],
    ) -> Result<Self, Error> {
        if vector.len() != index.dimension() as usize {
            return Err(Error::BadQuery);
        }
        Self::begin_with(index, params, vector.iter().copied(), backend, memory)
    }

    /// As [`begin`](Self::begin), with as many components as the file's dimension asks for.
    #[inline(always)]
    pub(crate) fn begin_with(
        index: Index,
        params: Params,
        vector: impl Iterator<Item = f32>,
        backend: Backend,
        memory: &'s mut [u64],
    ) -> Result<Self, Error> {
        params.check(&index)?;
        if memory.len() < state_len(&index, &params) {
            return Err(Error::SmallBuffer);
        }
        let ([values, residual, weights], integers, planes, [estimates, pool], buffer, needs) =
            carve(&mut Cutter::new(memory), &index, &params);
        let mut query = Self {
            index,
            params,
            backend,
            vector: values,
            integers,
            planes,
            residual,
            weights,
            estimates: Heap::new(estimates),
            pool: Heap::new(pool),
            buffer: List::new(buffer),
            needs: List::new(needs),
            prepared: Prepared::default(),
            phase: match params.mode {
                Mode::Coded => Phase::Mean,
                Mode::Exact => Phase::Exact,
                Mode::Blocks => Phase::Done,
            },
            row: 0,
            position: 0,
            stats: Stats::default(),
        };
        query.take_vector(vector)?;
        Ok(query)
    }

    /// Copies the vector, checks it (K-QRY-1) and makes the integer query (K-QRY-5).
    fn take_vector(&mut self, vector: impl Iterator<Item = f32>) -> Result<(), Error> {
        let mut largest = 0.0_f32;
        for (place, value) in self.vector.iter_mut().zip(vector) {
            let magnitude = f32::from_bits(value.to_bits() & 0x7FFF_FFFF);
            // Not `>`: a NaN is refused too.
            #[allow(clippy::neg_cmp_op_on_partial_ord, reason = "a NaN must fail")]
            if !(magnitude <= LARGEST) {
                return Err(Error::BadQuery);
            }
            if magnitude > largest {
                largest = magnitude;
            }
            *place = value;
        }
        let norm = self.backend.sum_of_products(self.vector, self.vector);
        if self.index.metric() == Metric::Cosine && norm < TINY {
            return Err(Error::BadQuery);
        }
        self.prepared.norm = norm;

        // With a step of 0 the reciprocal is 0 as well, and so are all components.
        let (mut step, mut reciprocal) = (0.0, 0.0);
        if largest >= TINY {
            let exponent = largest.to_bits() >> 23;
            step = f32::from_bits((exponent - 14) << 23);
            reciprocal = f32::from_bits((254 + 14 - exponent) << 23);
        }
        let mut square_sum = 0_i64;
        for (integer, value) in self.integers.iter_mut().zip(self.vector.iter()) {
            // Adding 1.5·2²³ rounds to an integer, ties to even, and leaves it in the low bits.
            let rounded = (value * reciprocal + 12_582_912.0).to_bits() as i32 - 0x4B40_0000;
            let clamped = rounded.clamp(-32_767, 32_767);
            square_sum += i64::from(clamped * clamped);
            *integer = clamped as i16;
        }
        self.prepared.step = f64::from(step);
        self.prepared.integer_norm = square_sum as f64;
        Ok(())
    }

    /// The planes and bounds of a query around a centroid: K-QRY-2 to K-QRY-4.
    pub(crate) fn take_mean(&mut self, mean: &[u8]) -> Result<(), Error> {
        let backend = self.backend;
        let cosine = self.index.metric() == Metric::Cosine;
        let factor = 1.0 / sqrt32(self.prepared.norm);
        for (i, ((residual, weight), value)) in self
            .residual
            .iter_mut()
            .zip(self.weights.iter_mut())
            .zip(self.vector.iter())
            .enumerate()
        {
            let center = f32_at(mean, i * 4);
            if center.to_bits() & 0x7F80_0000 == 0x7F80_0000 {
                return Err(Error::BadData);
            }
            let unit = if cosine { value * factor } else { *value };
            *weight = unit;
            *residual = unit - center;
        }
        let square = backend.sum_of_products(self.residual, self.residual);
        self.prepared.base = match self.index.metric() {
            Metric::L2 => square,
            Metric::Cosine => square * 0.5,
            Metric::InnerProduct => -backend.sum(Term::Product, false, mean, self.weights),
        };
        rotate(self.residual, self.index.seed(), backend);

        let dimension = self.index.dimension() as f32;
        let threshold = 0.9957 * (sqrt32(square) / sqrt32(dimension));
        let words = self.index.words() as usize;
        for word in self.planes.iter_mut() {
            *word = 0;
        }
        let (signs, lows) = self.planes.split_at_mut_checked(words).unwrap_or_default();
        // From here on the residual holds |v|.
        for weight in self.weights.iter_mut() {
            *weight = 1.0;
        }
        let first = {
            let mut weight_squares = 0_u32;
            for (i, residual) in self.residual.iter_mut().enumerate() {
                let sign = u64::from(*residual >= 0.0);
                let magnitude = f32::from_bits(residual.to_bits() & 0x7FFF_FFFF);
                *residual = magnitude;
                let large = magnitude > threshold;
                weight_squares += if large { 9 } else { 1 };
                if let (Some(signs), Some(lows)) = (signs.get_mut(i / 64), lows.get_mut(i / 64)) {
                    *signs |= sign << (i % 64);
                    *lows |= (sign ^ u64::from(!large)) << (i % 64);
                }
            }
            let first = self.gain_and_width(square, dimension);
            for (weight, magnitude) in self.weights.iter_mut().zip(self.residual.iter()) {
                if *magnitude > threshold {
                    *weight = 3.0;
                }
            }
            let second = self.gain_and_width(square, weight_squares as f32);
            self.prepared.gain = second.0;
            self.prepared.width = second.1;
            first
        };
        self.prepared.first = FirstLook {
            offset: first.0 * dimension + first.1,
            slope: 2.0 * first.0,
        };
        Ok(())
    }

    /// g and E of K-QRY-4 for the weights mᵢ, with `squares` = Σ mᵢ².
    fn gain_and_width(&self, residual_square: f32, squares: f32) -> (f32, f32) {
        let gain = self.backend.sum_of_products(self.residual, self.weights) / squares;
        let variance = 1.364 * residual_square - gain * gain * squares;
        // Not `max`: a NaN counts as 0.
        let variance = if variance > 0.0 { variance } else { 0.0 };
        (gain, self.params.slack * sqrt32(variance))
    }

    /// √N16, for the cosine of integer vectors.
    pub(crate) fn integer_length(&self) -> f64 {
        sqrt64(self.prepared.integer_norm)
    }
}
