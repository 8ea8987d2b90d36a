//! A query: its arrays, and what is computed from the vector before the search (K-QRY).
#![allow(
    unsafe_code,
    reason = "the arrays are accessed unchecked, see `memory`"
)]

use core::fmt;
use core::mem::MaybeUninit;

use crate::Error;
use crate::backend::{Backend, FirstLook, Term};
use crate::data::Need;
use crate::heap::{Entry, Heap};
use crate::index::{Index, Metric};
use crate::machine::Phase;
use crate::memory::{Array, Cutter, List, View};
use crate::params::{CODED, EXACT, Params, Settings};
use crate::roots::sqrt32;
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

/// The estimator of a plane.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gain {
    /// g of K-QRY-4.
    pub(crate) gain: f32,
    /// E of K-QRY-4.
    pub(crate) width: f32,
}

/// Numbers that are computed from the vector once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Prepared {
    /// N: the sum of squares of the query.
    pub(crate) norm: f32,
    pub(crate) base: f32,
    /// The step of the integer query.
    pub(crate) step: f64,
    /// N16: the sum of squares of the integer query.
    pub(crate) integer_norm: f64,
    pub(crate) first: FirstLook,
    pub(crate) second: Gain,
}

/// The arrays of a query.
#[derive(Debug)]
pub(crate) struct Arrays<'s> {
    /// D components of the query.
    pub(crate) vector: Array<'s, f32>,
    /// |v|, once it is known: D.
    residual: Array<'s, f32>,
    /// m, once it is known: D.
    weights: Array<'s, f32>,
    /// D components of the integer query.
    pub(crate) integers: Array<'s, i16>,
    /// W words of the sign plane, then W of the low plane.
    pub(crate) planes: Array<'s, u64>,
}

type Lists<'s> = (
    Array<'s, Entry>,
    Array<'s, Entry>,
    Array<'s, Candidate>,
    Array<'s, Need>,
);

/// Places of the heap of estimates, of the pool, and of the buffer (C of K-SCAN-1).
fn places(settings: &Settings) -> (usize, usize, usize) {
    let k = settings.k as usize;
    if settings.mode == CODED {
        let pool = settings.pool as usize;
        (k, pool, 512 + 16 * pool)
    } else {
        (0, k, 0)
    }
}

impl<'s> Arrays<'s> {
    #[inline(always)]
    fn cut(cutter: &mut Cutter, index: &Index, settings: &Settings) -> (Self, Lists<'s>) {
        let dimension = index.dimension() as usize;
        let (estimates, pool, buffer) = places(settings);
        (
            Self {
                vector: cutter.cut(dimension),
                residual: cutter.cut(dimension),
                weights: cutter.cut(dimension),
                integers: cutter.cut(dimension),
                planes: cutter.cut(2 * index.words() as usize),
            },
            (
                cutter.cut(estimates),
                cutter.cut(pool),
                cutter.cut(buffer),
                cutter.cut(settings.max_needs as usize),
            ),
        )
    }

    /// How many words the arrays take. The settings are checked.
    pub(crate) fn words(index: &Index, settings: &Settings) -> usize {
        let mut cutter = Cutter::new(core::ptr::null_mut());
        Self::cut(&mut cutter, index, settings);
        cutter.words()
    }
}

/// A search under way: a small state machine that says which bytes it needs.
///
/// It lives in memory that the caller gives ([`state_len`](crate::state_len) words) and takes its bytes from a
/// [`Data`](crate::Data).
pub struct Query<'s> {
    pub(crate) index: &'s Index,
    pub(crate) settings: Settings,
    pub(crate) backend: Backend,
    pub(crate) phase: Phase,
    pub(crate) arrays: Arrays<'s>,
    pub(crate) estimates: Heap<'s>,
    pub(crate) pool: Heap<'s>,
    pub(crate) buffer: List<'s, Candidate>,
    pub(crate) needs: List<'s, Need>,
    pub(crate) prepared: Prepared,
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
            .field("settings", &self.settings)
            .field("phase", &self.phase)
            .field("row", &self.row)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

impl<'s> Query<'s> {
    /// Starts a query. The vector is copied.
    ///
    /// # Errors
    /// Those of [`Params::check`]; [`Error::SmallBuffer`] if `memory` has fewer than
    /// [`state_len`](crate::state_len) words; [`Error::BadQuery`] by K-QRY-1, and if the vector has another dimension
    /// than the file.
    pub fn begin(
        index: &'s Index,
        params: &Params,
        vector: &[f32],
        backend: Backend,
        memory: &'s mut [u64],
    ) -> Result<Self, Error> {
        let settings = Settings::from(*params);
        settings.check(index)?;
        if vector.len() != index.dimension() as usize {
            return Err(Error::BadQuery);
        }
        if memory.len() < Arrays::words(index, &settings) {
            return Err(Error::SmallBuffer);
        }
        let mut query = MaybeUninit::uninit();
        let component = |i: usize| vector.get(i).copied().unwrap_or_default();
        // SAFETY: the settings and the length of the memory are checked; `begin_in` writes the query.
        unsafe {
            Self::begin_in(
                &mut query,
                index,
                &settings,
                component,
                backend,
                memory.as_mut_ptr(),
            )?;
            Ok(query.assume_init())
        }
    }

    /// Starts a query at `place`, which holds it if the answer is Ok.
    ///
    /// # Safety
    /// The settings are checked, and `memory` is as many words as [`Arrays::words`] says, borrowed for 's.
    #[inline(always)]
    pub(crate) unsafe fn begin_in(
        place: &mut MaybeUninit<Self>,
        index: &'s Index,
        settings: &Settings,
        component: impl Fn(usize) -> f32,
        backend: Backend,
        memory: *mut u64,
    ) -> Result<(), Error> {
        let (arrays, (estimates, pool, buffer, needs)) =
            Arrays::cut(&mut Cutter::new(memory), index, settings);
        let (estimate_places, pool_places, buffer_places) = places(settings);
        // SAFETY: the limits are the lengths by which the arrays were cut.
        let query = unsafe {
            place.write(Self {
                index,
                settings: *settings,
                backend,
                phase: match settings.mode {
                    CODED => Phase::Mean,
                    EXACT => Phase::Exact,
                    _ => Phase::Done,
                },
                arrays,
                estimates: Heap::new(estimates, estimate_places),
                pool: Heap::new(pool, pool_places),
                buffer: List::new(buffer, buffer_places),
                needs: List::new(needs, settings.max_needs as usize),
                prepared: Prepared::default(),
                row: 0,
                position: 0,
                stats: Stats::default(),
            })
        };
        query.take_vector(component)
    }

    /// Copies the vector, checks it (K-QRY-1) and makes the integer query (K-QRY-5).
    #[inline(always)]
    fn take_vector(&mut self, component: impl Fn(usize) -> f32) -> Result<(), Error> {
        let dimension = self.index.dimension() as usize;
        let arrays = &mut self.arrays;
        let mut largest = 0.0_f32;
        for i in 0..dimension {
            let value = component(i);
            let magnitude = magnitude(value);
            #[allow(clippy::neg_cmp_op_on_partial_ord, reason = "a NaN must fail")]
            if !(magnitude <= LARGEST) {
                return Err(Error::BadQuery);
            }
            if magnitude > largest {
                largest = magnitude;
            }
            // SAFETY: i < D.
            unsafe { arrays.vector.set(i, value) };
        }
        // SAFETY: D components were written.
        let vector = unsafe { arrays.vector.slice(dimension) };
        let norm = self.backend.sum_of_products(vector, vector);
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
        let mut squares = 0_i64;
        for i in 0..dimension {
            // SAFETY: i < D.
            let scaled = unsafe { arrays.vector.at(i) } * reciprocal;
            // Adding 1.5·2²³ rounds to an integer, ties to even, and leaves it in the low bits.
            let mut integer = (scaled + 12_582_912.0).to_bits() as i32 - 0x4B40_0000;
            // |qᵢ| / step < 2¹⁵, so only 2¹⁵ itself is too large.
            if integer == 32_768 {
                integer = 32_767;
            }
            if integer == -32_768 {
                integer = -32_767;
            }
            squares += i64::from(integer * integer);
            // SAFETY: i < D.
            unsafe { arrays.integers.set(i, integer as i16) };
        }
        self.prepared.step = f64::from(step);
        self.prepared.integer_norm = squares as f64;
        Ok(())
    }

    /// The planes and bounds of a query around a centroid: K-QRY-2 to K-QRY-4. False if the mean is not finite.
    ///
    /// # Safety
    /// The mean has D × 4 bytes.
    pub(crate) unsafe fn take_mean(&mut self, mean: View<'_>) -> bool {
        let backend = self.backend;
        let dimension = self.index.dimension() as usize;
        let metric = self.index.metric();
        let arrays = &mut self.arrays;
        let factor = if metric == Metric::Cosine {
            1.0 / sqrt32(self.prepared.norm)
        } else {
            1.0
        };
        for i in 0..dimension {
            // SAFETY: i < D.
            unsafe {
                let center = mean.f32(i * 4);
                if !center.is_finite() {
                    return false;
                }
                let unit = arrays.vector.at(i) * factor;
                arrays.weights.set(i, unit);
                arrays.residual.set(i, unit - center);
            }
        }
        // SAFETY: D components were written to both; the mean has D × 4 bytes.
        let (residual, unit, mean) = unsafe {
            (
                arrays.residual.slice_mut(dimension),
                arrays.weights.slice(dimension),
                mean.bytes(0, dimension * 4),
            )
        };
        let square = backend.sum_of_products(residual, residual);
        self.prepared.base = match metric {
            Metric::L2 => square,
            Metric::Cosine => square * 0.5,
            Metric::InnerProduct => -backend.sum(Term::Product, false, mean, unit),
        };
        rotate(residual, self.index.seed(), backend);

        let count = dimension as f32;
        let threshold = 0.9957 * (sqrt32(square) / sqrt32(count));
        let words = self.index.words() as usize;
        let mut squares = dimension;
        for word in 0..words {
            let (mut signs, mut lows) = (0, 0);
            let end = dimension.min(word * 64 + 64);
            for i in (word * 64..end).rev() {
                // SAFETY: i < D.
                unsafe {
                    let value = arrays.residual.at(i);
                    let sign = u64::from(value >= 0.0);
                    let magnitude = magnitude(value);
                    let large = u64::from(magnitude > threshold);
                    signs = signs << 1 | sign;
                    lows = lows << 1 | (sign ^ large ^ 1);
                    squares += 8 * large as usize;
                    arrays.residual.set(i, magnitude);
                    arrays.weights.set(i, 1.0);
                }
            }
            // SAFETY: there are two planes of W words.
            unsafe {
                arrays.planes.set(word, signs);
                arrays.planes.set(words + word, lows);
            }
        }
        let Gain { gain, width } = self.gain(square, count);
        self.prepared.first = FirstLook {
            offset: gain * count + width,
            slope: 2.0 * gain,
        };
        for i in 0..dimension {
            // SAFETY: i < D.
            unsafe {
                if self.arrays.residual.at(i) > threshold {
                    self.arrays.weights.set(i, 3.0);
                }
            }
        }
        self.prepared.second = self.gain(square, squares as f32);
        true
    }

    /// g and E of K-QRY-4 for the weights mᵢ, with `squares` = Σ mᵢ².
    fn gain(&self, residual_square: f32, squares: f32) -> Gain {
        let dimension = self.index.dimension() as usize;
        // SAFETY: D components of both were written.
        let (residual, weights) = unsafe {
            (
                self.arrays.residual.slice(dimension),
                self.arrays.weights.slice(dimension),
            )
        };
        let gain = self.backend.sum_of_products(residual, weights) / squares;
        let variance = 1.364 * residual_square - gain * gain * squares;
        // Not `max`: a NaN counts as 0.
        let variance = if variance > 0.0 { variance } else { 0.0 };
        Gain {
            gain,
            width: self.settings.slack * sqrt32(variance),
        }
    }
}

#[inline(always)]
fn magnitude(value: f32) -> f32 {
    f32::from_bits(value.to_bits() & 0x7FFF_FFFF)
}
