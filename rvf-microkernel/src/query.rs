//! A query: its memory, and what is computed from the vector before the search (K-QRY).
#![allow(
    unsafe_code,
    reason = "the arrays are accessed unchecked, see `memory`"
)]

use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use crate::Error;
use crate::backend::{Backend, Term};
use crate::data::Need;
use crate::heap::distance_of;
use crate::index::{Index, Metric, Vectors};
use crate::machine::{Cursor, Phase, Visit};
use crate::memory::{Array, Cutter, List, Plain, View};
use crate::params::{BLOCKS, Params, Settings, state_len};
use crate::roots::{sqrt32, sqrt64};
use crate::rotate::transform;
use crate::scan::Candidate;

/// The largest absolute value of a component (R-LIM-1).
const LARGEST: f32 = 1e15;
/// 2⁻¹⁰⁰: what is below it counts as 0.
const TINY: f32 = f32::from_bits(27 << 23);

/// What a search did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Stats {
    /// Codes that were looked at, those of centroids among them.
    pub scanned: u32,
    /// Codes that came to the second look.
    pub second_looks: u32,
    /// Integer distances that were computed, those of centroids among them.
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

impl Hit {
    /// The hit of a key.
    #[inline(always)]
    pub(crate) const fn of(key: u64) -> Self {
        Self {
            row: key as u32,
            distance: distance_of(key),
        }
    }
}

/// A search under way: a small state machine that says which bytes it needs.
///
/// It lives in memory that the caller gives ([`state_len`](crate::state_len) words) and takes its bytes from a
/// [`Data`](crate::Data).
#[repr(C)]
pub struct Query<'s> {
    // What is used most often comes first: an offset below 128 takes a byte less in the module.
    pub(crate) index: Index,
    pub(crate) backend: Backend,
    pub(crate) cursor: Cursor,
    /// The lists to visit are not known yet: what is searched are their centroids.
    pub(crate) choosing: bool,
    /// Distances are float distances from now on.
    pub(crate) float: bool,
    pub(crate) buffer: List<'s, Candidate>,
    pub(crate) pool: List<'s, u64>,
    /// The arrays of components and the planes, see [`Arrays`].
    pub(crate) arrays: Arrays<'s>,
    /// T.
    pub(crate) threshold: f32,
    pub(crate) needs: List<'s, Need>,
    /// The lists to visit, in order.
    pub(crate) visits: List<'s, Visit>,
    /// Which vectors they own: number of the first, and above the last; in ascending order, once all are known.
    /// Then the length is set, that of `visits`.
    pub(crate) ranges: List<'s, u64>,
    pub(crate) estimates: List<'s, u64>,
    pub(crate) settings: Settings,
    /// g₂ and E₂.
    pub(crate) gain: f32,
    pub(crate) width: f32,
    /// E₁
    pub(crate) first_width: f32,
    /// N: the sum of squares of the query.
    pub(crate) norm: f32,
    /// 2·g₁
    pub(crate) slope: f32,
    /// g₁·D
    pub(crate) first_offset: f32,
    /// The step of the integer query.
    pub(crate) step: f64,
    /// N16: the sum of squares of the integer query.
    pub(crate) integer_norm: f64,
    /// √N16
    pub(crate) integer_root: f64,
    pub(crate) stats: Stats,
}

impl fmt::Debug for Query<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("index", &self.index)
            .field("settings", &self.settings)
            .field("cursor", &self.cursor)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

/// Memory of W runs, W being the words of a code: each array takes a part of it that grows with W.
#[derive(Debug)]
pub(crate) struct Arrays<'s> {
    start: *mut u8,
    memory: PhantomData<&'s mut [u8]>,
}

impl<'s> Arrays<'s> {
    /// Bytes of all arrays for each word.
    const LEN: usize = 3 * 256 + 16;

    #[inline(always)]
    fn part<T: Plain>(&self, words: usize, bytes_before: usize, count: usize) -> Array<'s, T> {
        Array::new(
            self.start.wrapping_add(words * bytes_before).cast(),
            words * count,
        )
    }

    /// The components of the query.
    #[inline(always)]
    pub(crate) fn vector(&self, words: usize) -> Array<'s, f32> {
        self.part(words, 0, 64)
    }

    /// u, then v, then |v|.
    #[inline(always)]
    fn residual(&self, words: usize) -> Array<'s, f32> {
        self.part(words, 256, 64)
    }

    /// |v|·m
    #[inline(always)]
    fn weighted(&self, words: usize) -> Array<'s, f32> {
        self.part(words, 512, 64)
    }

    /// The integer query, in the place of the last two, which are not needed any more when it is made.
    #[inline(always)]
    pub(crate) fn integers(&self, words: usize) -> *mut i16 {
        self.start.wrapping_add(words * 256).cast()
    }

    /// The sign plane, then the low plane.
    #[inline(always)]
    pub(crate) fn planes(&self, words: usize) -> Array<'s, u64> {
        self.part(words, 768, 2)
    }
}

impl<'s> Query<'s> {
    /// Starts a query. The mean is the [`Index::mean_len`] bytes behind the head in the INDEX payload. It and the vector
    /// are not needed any more when this returns.
    ///
    /// # Errors
    /// Those of [`Params::check`]; [`Error::SmallBuffer`] if `memory` has fewer than
    /// [`state_len`](crate::state_len) words; [`Error::BadQuery`] by K-QRY-1, and if the vector has another dimension
    /// than the file; [`Error::BadData`] if the mean is too short, or δ₂ is not finite.
    pub fn begin(
        index: &Index,
        mean: &[u8],
        params: &Params,
        vector: &[f32],
        backend: Backend,
        memory: &'s mut [u64],
    ) -> Result<Self, Error> {
        if memory.len() < state_len(index, params)? {
            return Err(Error::SmallBuffer);
        }
        if vector.len() != index.dimension() as usize {
            return Err(Error::BadQuery);
        }
        if mean.len() < index.mean_len() {
            return Err(Error::BadData);
        }
        let mut place = MaybeUninit::uninit();
        let settings = Settings::from(*params);
        // SAFETY: `state_len` checked the parameters, and the memory is as long as it says.
        unsafe {
            Self::set_up(
                &mut place,
                index,
                &settings,
                backend,
                memory.as_mut_ptr().cast(),
            );
            let mut query: Self = place.assume_init();
            query.take_vector(vector.as_ptr().cast(), View::new(mean))?;
            Ok(query)
        }
    }

    /// Writes a query that has no vector yet, cuts its memory, and answers where that ends. The memory is only
    /// pointed at, not used.
    ///
    /// # Safety
    /// The settings are checked.
    #[inline(always)]
    pub(crate) unsafe fn set_up(
        place: &mut MaybeUninit<Self>,
        index: &Index,
        settings: &Settings,
        backend: Backend,
        memory: *mut u8,
    ) -> *mut u8 {
        let place = place.as_mut_ptr();
        let lists = settings.lists(index) as usize;
        let k = settings.k as usize;
        let pool = settings.pool as usize;
        let mut cutter = Cutter::new(memory.wrapping_add(index.words() as usize * Arrays::LEN));
        // SAFETY: all fields but the three that are set at once, and the lists, are plain numbers and of enums and
        // booleans for which 0 is a value.
        unsafe {
            place.write_bytes(0, 1);
            (&raw mut (*place).index).write(*index);
            (&raw mut (*place).backend).write(backend);
            // As bytes: else each field is copied by itself, which takes more room in the module.
            (&raw const *settings)
                .cast::<u8>()
                .copy_to_nonoverlapping((&raw mut (*place).settings).cast(), size_of::<Settings>());
            if settings.mode == BLOCKS {
                (*place).cursor.phase = Phase::Done;
            }
            (*place).arrays.start = memory;
            let choosing = (index.lists() > 1) & (settings.mode != BLOCKS);
            (*place).choosing = choosing;
            cutter.cut(&raw mut (*place).needs, settings.max_needs as usize);
            cutter.cut_places(&raw mut (*place).visits, lists);
            cutter.cut_places(&raw mut (*place).ranges, lists);
            // C of K-SCAN-1.
            cutter.cut(&raw mut (*place).buffer, 1024 + 32 * pool.max(lists));
            cutter.cut(&raw mut (*place).estimates, k.max(lists));
            cutter.cut(&raw mut (*place).pool, pool.max(lists));
            // At first the heaps keep as many as lists are chosen.
            if choosing {
                (*place).estimates.set_limit(lists);
                (*place).pool.set_limit(lists);
            } else {
                (*place).start_search();
            }
            (*place).threshold = f32::INFINITY;
        }
        cutter.end()
    }

    /// Copies the vector, checks it (K-QRY-1), and makes what is computed of it before the search.
    ///
    /// # Safety
    /// The arrays are laid out in memory that holds them; the vector and the mean have D × 4 bytes each.
    pub(crate) unsafe fn take_vector(
        &mut self,
        from: *const u8,
        mean: View<'_>,
    ) -> Result<(), Error> {
        let dimension = self.index.dimension() as usize;
        let words = self.index.words() as usize;
        let mut vector = self.arrays.vector(words);
        let mut residual = self.arrays.residual(words);
        let metric = self.index.metric();
        let mut factor = 1.0;
        let mut half = 1.0;
        let largest;
        // Some instruction sets read the components in runs, of up to 64; those behind the last one are 0.
        // SAFETY: the memory holds the arrays; the vector and the mean have D components, and there is a place for each.
        unsafe {
            self.arrays.start.write_bytes(0, words * Arrays::LEN);
            vector
                .slice_mut(dimension)
                .as_mut_ptr()
                .cast::<u8>()
                .copy_from_nonoverlapping(from, dimension * 4);
            self.norm = self.sum(true, &vector);
            if metric == Metric::Cosine {
                factor = 1.0 / sqrt32(self.norm);
                half = 0.5;
            }
            // The signs of the rotation, which change no square, are turned on the way.
            // (The arrays lie one behind the other, and what is behind the residual is not used yet.)
            largest = f32::from_bits(self.backend.residual(
                vector.as_ptr(),
                factor,
                mean,
                self.index.seed(),
                dimension,
                residual.as_mut_ptr(),
            ));
        }
        // Magnitudes order as their bits do, and a NaN lies above all: one comparison will do.
        #[allow(clippy::neg_cmp_op_on_partial_ord, reason = "a NaN must fail")]
        if !(largest <= LARGEST) | (metric == Metric::Cosine) & (self.norm < TINY) {
            return Err(Error::BadQuery);
        }
        // SAFETY: D components were written, and zeros behind them.
        let square = unsafe { self.sum(true, &residual) };
        // Else the mean is not finite, or is absurdly far away.
        if !square.is_finite() {
            return Err(Error::BadData);
        }

        // All that there is, or the centroids.
        let mut all = Visit {
            offset: 0,
            own: self.index.rows(),
            entries: self.index.rows(),
            first: 0,
            base: square * half,
        };
        if self.choosing {
            all.offset = self.index.centroid_codes;
            all.own = self.index.lists();
            all.entries = all.own;
        }
        // SAFETY: the mean has its bytes; the vector was taken, and δ₂ of the residual; there is a place.
        unsafe {
            if metric == Metric::InnerProduct {
                all.base = -self.sum_of_record(Term::PRODUCT, mean);
            }
            self.take_residual(square);
            self.visits.len = 1;
            self.visits.set(0, all);
        }

        // With a step of 0 the reciprocal is 0 as well, and so are all components.
        let (mut step, mut reciprocal) = (0, 0);
        if largest >= TINY {
            // The bits of 2^E.
            let power = largest.to_bits() >> 23 << 23;
            step = power - (14 << 23);
            reciprocal = ((254 + 14_u32) << 23) - power;
        }
        self.step = f64::from(f32::from_bits(step));
        // SAFETY: those behind the D components are 0; there is room for the integers, see `Arrays::integers`.
        let squares = unsafe {
            let integers = self.arrays.integers(words);
            self.backend.integers(
                vector.slice(words * 64),
                f32::from_bits(reciprocal),
                integers,
            )
        };
        self.integer_norm = squares as f64;
        self.integer_root = sqrt64(self.integer_norm);
        Ok(())
    }

    /// The planes and bounds of a query: the rest of the rotation (K-QRY-2), K-QRY-3 and K-QRY-4.
    ///
    /// # Safety
    /// The residual has its D components, with the signs of the rotation, and 0 behind them up to a multiple of 64; δ₂ is the
    /// sum of their squares.
    #[inline(always)]
    unsafe fn take_residual(&mut self, square: f32) {
        let dimension = self.index.dimension() as usize;
        let words = self.index.words() as usize;
        let mut residual = self.arrays.residual(words);
        let mut weighted = self.arrays.weighted(words);
        let mut planes = self.arrays.planes(words);
        // SAFETY: all arrays have D components, and there are two planes of W words.
        unsafe {
            transform(residual.slice_mut(dimension), self.backend);

            let count = dimension as f32;
            let threshold = 0.9957 * (sqrt32(square) / sqrt32(count));
            let large_ones = self.backend.planes(
                residual.slice_mut(dimension),
                weighted.slice_mut(dimension),
                threshold,
                planes.slice_mut(2 * words),
            );
            self.take_gain(&residual, count, square);
            self.first_offset = self.gain * count;
            self.slope = 2.0 * self.gain;
            self.first_width = self.width;
            // Each mᵢ² is 1 or 9.
            let squares = self.index.dimension() + 8 * large_ones;
            self.take_gain(&weighted, squares as f32, square);
        }
    }

    /// g and E of K-QRY-4, from the array of |vᵢ|·mᵢ, Σ mᵢ² and δ₂.
    ///
    /// # Safety
    /// The array has D components, which were written, and behind them zeros up to a multiple of 64.
    #[inline(never)]
    unsafe fn take_gain(&mut self, weighted: &Array<'s, f32>, squares: f32, residual_square: f32) {
        // SAFETY: the caller's promise.
        let gain = unsafe { self.sum(false, weighted) } / squares;
        let variance = 1.364 * residual_square - gain * gain * squares;
        let mut width = 0.0;
        // A variance that is no number counts as 0.
        if variance > 0.0 {
            width = self.settings.slack * sqrt32(variance);
        }
        (self.gain, self.width) = (gain, width);
    }

    /// The 16-lane sum of one of the query's own arrays, or of its squares.
    ///
    /// # Safety
    /// The array has D components, which were written, and behind them zeros up to a multiple of 64.
    unsafe fn sum(&self, squares: bool, values: &Array<'s, f32>) -> f32 {
        let dimension = self.index.dimension() as usize;
        // SAFETY: the caller's promise.
        unsafe { self.backend.sum_of_own(squares, values.as_ptr(), dimension) }
    }

    /// The 16-lane sum of the components of a record and the query.
    ///
    /// # Safety
    /// There are D components: of the file's float vectors if the term is `of_vectors`, else f32; and the vector was taken.
    pub(crate) unsafe fn sum_of_record(&self, term: Term, components: View<'_>) -> f32 {
        let dimension = self.index.dimension() as usize;
        let is_f16 = self.index.vectors() == Vectors::F16;
        // SAFETY: the caller's promise.
        unsafe {
            self.backend.sum(
                if is_f16 { term } else { term.of_singles() },
                components,
                self.arrays
                    .vector(self.index.words() as usize)
                    .slice(dimension),
            )
        }
    }
}

#[inline(always)]
pub(crate) fn magnitude(value: f32) -> f32 {
    f32::from_bits(value.to_bits() & 0x7FFF_FFFF)
}
