//! The few functions that are written for each instruction set, and the choice between them.
//!
//! All of them give the same bits.
#![allow(
    unsafe_code,
    reason = "functions of an instruction set are called through checked wrappers"
)]

use core::fmt;

use crate::memory::View;
use crate::scan::corrections;

#[cfg(all(target_arch = "x86_64", feature = "detect"))]
mod avx2;
#[cfg(all(target_arch = "x86_64", feature = "detect"))]
mod avx512;
#[cfg(all(target_arch = "aarch64", feature = "detect"))]
mod neon;
#[cfg(any(test, all(target_arch = "wasm32", not(target_feature = "simd128"))))]
mod packed;
#[cfg_attr(
    all(target_arch = "wasm32", target_feature = "simd128"),
    allow(dead_code, unused_imports, reason = "a SIMD build takes a part of it")
)]
mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
#[cfg(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    feature = "detect"
))]
mod wide;

/// What a 16-lane sum (K-NUM-2) is taken of, x being the components of a record and y those of the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term(u32);

impl Term {
    /// x²
    pub(crate) const SQUARE: Self = Self(0);
    /// (x − y)²
    pub(crate) const SQUARED_DIFFERENCE: Self = Self(1);
    /// x·y
    pub(crate) const PRODUCT: Self = Self(2);
    /// x
    pub(crate) const PLAIN: Self = Self(4);
    /// The components are f16; else they are f32.
    const HALF: u32 = 8;

    /// The same of the components of the file's float vectors. It says f16, which `Query::sum_of_record` takes back where they
    /// are f32.
    pub(crate) const fn of_vectors(self) -> Self {
        Self(self.0 | Self::HALF)
    }

    /// The same of f16 components.
    #[cfg(all(feature = "detect", not(target_arch = "wasm32")))]
    const fn of_halves(self, halves: bool) -> Self {
        Self(if halves { self.0 | Self::HALF } else { self.0 })
    }

    /// The same of f32 components.
    pub(crate) const fn of_singles(self) -> Self {
        Self(self.0 & !Self::HALF)
    }

    #[inline(always)]
    const fn is_of_halves(self) -> bool {
        self.0 & Self::HALF != 0
    }

    #[inline(always)]
    const fn subtracts(self) -> bool {
        self.0 & Self::SQUARED_DIFFERENCE.0 != 0
    }

    #[inline(always)]
    const fn is_product(self) -> bool {
        self.0 & Self::PRODUCT.0 != 0
    }

    #[inline(always)]
    const fn is_plain(self) -> bool {
        self.0 & Self::PLAIN.0 != 0
    }

    /// The term of one component.
    #[inline(always)]
    fn of(self, x: f32, y: f32) -> f32 {
        let a = if self.subtracts() { x - y } else { x };
        let b = if self.is_product() { y } else { a };
        let b = if self.is_plain() { 1.0 } else { b };
        a * b
    }
}

/// The numbers of both looks at the entries of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looks {
    /// g₁·D + E₁ of the first look (K-SCAN-2).
    pub(crate) offset: f32,
    /// 2·g₁
    pub(crate) slope: f32,
    /// 3·D of the second look (K-SCAN-3).
    pub(crate) most: i32,
    /// g₂
    pub(crate) gain: f32,
    /// E₂
    pub(crate) width: f32,
    /// b
    pub(crate) base: f32,
    /// T
    pub(crate) threshold: f32,
}

impl Looks {
    /// Whether an entry passes the first look, by the number of ones in code xor sign plane.
    #[inline(always)]
    fn first(&self, ones: f32, correction: u32) -> bool {
        let (beta, alpha) = corrections(correction);
        beta - alpha * (self.offset - self.slope * ones) <= self.threshold - self.base
    }

    /// The entry, if it passes the second look, by the number of ones in code xor low plane as well.
    #[inline(always)]
    fn second(&self, row: u32, ones: u32, lows: u32, correction: u32) -> Option<Looked> {
        let (beta, alpha) = corrections(correction);
        let bracket = self.most - 4 * ones as i32 - 2 * lows as i32;
        let projection = self.gain * bracket as f32;
        let lower = beta - alpha * (projection + self.width) + self.base;
        let looked = Looked {
            row,
            lower,
            estimate: beta - alpha * projection + self.base,
        };
        // A NaN does not pass.
        (lower <= self.threshold).then_some(looked)
    }
}

/// An entry that passed both looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looked {
    /// Its place in the group.
    pub(crate) row: u32,
    pub(crate) lower: f32,
    pub(crate) estimate: f32,
}

/// A group of rows whose length was checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group<'a> {
    /// Tiles of four codes by word, then their correction words, then, where the group has them, their vector
    /// numbers (R-QNT-1).
    bytes: View<'a>,
    rows: usize,
    words: usize,
}

/// Bytes from a word of a code to the next: those of the other codes of the tile lie between.
const STEP: usize = 32;

impl<'a> Group<'a> {
    /// # Safety
    /// The bytes are a group of 1 to 32 rows of codes of `words` words, numbers included if they are asked for.
    #[inline(always)]
    pub(crate) unsafe fn new(bytes: View<'a>, rows: usize, words: usize) -> Self {
        Self { bytes, rows, words }
    }

    /// Where the codes start, and where the correction words.
    #[inline(always)]
    fn pointers(&self) -> (*const u8, *const u8) {
        let corrections = self.tiles() * self.words * STEP;
        // SAFETY: a group has that many bytes.
        let codes = unsafe { self.bytes.bytes(0, corrections + self.tiles() * 16) }.as_ptr();
        (codes, codes.wrapping_add(corrections))
    }

    #[inline(always)]
    const fn tiles(&self) -> usize {
        self.rows.div_ceil(4)
    }

    /// The code of row i, from where a word stands every [`STEP`] bytes.
    #[cfg(any(
        all(
            any(target_arch = "x86_64", target_arch = "aarch64"),
            feature = "detect"
        ),
        all(target_arch = "wasm32", target_feature = "simd128")
    ))]
    ///
    /// # Safety
    /// i is below the number of rows.
    #[inline(always)]
    unsafe fn code(&self, i: usize) -> *const u8 {
        // SAFETY: the tile is one of the group.
        let tile = unsafe {
            self.bytes
                .bytes(i / 4 * self.words * STEP, self.words * STEP)
        };
        tile.as_ptr().wrapping_add(i % 4 * 8)
    }

    /// The correction word of row i.
    ///
    /// # Safety
    /// i is below the number of rows.
    #[inline(always)]
    pub(crate) unsafe fn correction(&self, i: usize) -> u32 {
        // SAFETY: the caller's promise.
        unsafe { self.bytes.u32(self.tiles() * self.words * STEP + i * 4) }
    }

    /// The vector number of row i.
    ///
    /// # Safety
    /// i is below the number of rows, and the group has numbers.
    #[inline(always)]
    pub(crate) unsafe fn number(&self, i: usize) -> u32 {
        // SAFETY: the caller's promise.
        unsafe { self.correction(self.tiles() * 4 + i) }
    }
}

/// Takes both looks at a group. Answers how many second looks there were.
#[cfg(not(target_arch = "wasm32"))]
type LookFn = unsafe fn(
    group: &Group<'_>,
    signs: *const u64,
    lows: *const u64,
    looks: &Looks,
    out: &mut Passed,
) -> u32;

/// The number of ones of each row of a group; the places of rows that were not counted may hold anything.
#[cfg(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    feature = "detect"
))]
type Ones = [u32; 32];

/// The entries of a group that pass both looks.
#[cfg(not(target_arch = "wasm32"))]
struct Passed {
    /// A bit for each row that passed.
    mask: u32,
    /// Of these rows; the places of others may hold anything.
    lowers: [f32; 32],
    estimates: [f32; 32],
}

#[cfg(not(target_arch = "wasm32"))]
impl Passed {
    /// Adds an entry, and asks for the next.
    #[inline(always)]
    fn put(&mut self, looked: Looked) -> bool {
        let row = looked.row as usize % 32;
        self.mask |= 1 << row;
        self.lowers[row] = looked.lower;
        self.estimates[row] = looked.estimate;
        true
    }
}

type ResidualFn = unsafe fn(
    vector: *const f32,
    factor: f32,
    mean: View<'_>,
    seed: u64,
    n: usize,
    out: *mut f32,
) -> u32;

/// The functions of an instruction set. What each may be called with is said at the wrappers of [`Backend`].
pub(crate) struct Table {
    name: &'static str,
    #[cfg(not(target_arch = "wasm32"))]
    look: LookFn,
    dot: unsafe fn(x: *const u8, q: *const i16, n: usize) -> i64,
    sum: unsafe fn(term: Term, x: *const u8, y: *const f32, n: usize) -> f32,
    residual: ResidualFn,
    transform: unsafe fn(values: *mut f32, log: u32),
    planes:
        unsafe fn(values: *mut f32, weighted: *mut f32, n: usize, t: f32, planes: *mut u64) -> u32,
    integers: unsafe fn(values: *const f32, reciprocal: f32, n: usize, out: *mut i16) -> i64,
}

/// An instruction set that this processor has.
#[derive(Clone, Copy)]
pub struct Backend {
    #[cfg(not(target_arch = "wasm32"))]
    table: &'static Table,
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(target_arch = "wasm32")]
impl Backend {
    /// The instruction set that the module was compiled for.
    #[must_use]
    pub const fn scalar() -> Self {
        Self {}
    }

    /// The one that there is: a module finds nothing out at run time.
    #[cfg(feature = "detect")]
    pub fn available() -> impl Iterator<Item = Self> {
        core::iter::once(Self::scalar())
    }

    /// The one that there is.
    #[cfg(feature = "detect")]
    #[must_use]
    pub const fn best() -> Self {
        Self::scalar()
    }

    #[inline(always)]
    #[allow(clippy::unused_self, reason = "natively the table is in the value")]
    const fn table(self) -> &'static Table {
        #[cfg(target_feature = "simd128")]
        return &wasm::TABLE;
        #[cfg(not(target_feature = "simd128"))]
        return &scalar::TABLE;
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Backend {
    /// Plain Rust, which every processor runs.
    #[must_use]
    pub const fn scalar() -> Self {
        Self {
            table: &scalar::TABLE,
        }
    }

    /// Every instruction set that this processor has, the fastest first; `scalar` is always the last.
    #[cfg(feature = "detect")]
    pub fn available() -> impl Iterator<Item = Self> {
        [
            #[cfg(target_arch = "x86_64")]
            avx512::is_available().then_some(&avx512::TABLE),
            #[cfg(target_arch = "x86_64")]
            avx2::is_available().then_some(&avx2::TABLE),
            #[cfg(target_arch = "aarch64")]
            Some(&neon::TABLE),
            Some(&scalar::TABLE),
        ]
        .into_iter()
        .flatten()
        .map(|table| Self { table })
    }

    /// The fastest that this processor has.
    #[cfg(feature = "detect")]
    #[must_use]
    pub fn best() -> Self {
        Self::available().next().unwrap_or_else(Self::scalar)
    }

    /// The one of this name, if this processor has it.
    #[cfg(feature = "detect")]
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::available().find(|backend| backend.name() == name)
    }

    #[inline(always)]
    const fn table(self) -> &'static Table {
        self.table
    }
}

impl Backend {
    /// Its name: `scalar`, `avx2`, `avx512`, `neon`, or `simd128` in a wasm module.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.table().name
    }

    /// Takes both looks at a group, and gives the entries that pass to `take`, in order, until that answers false.
    /// Answers how many second looks there were, or `None` if it was stopped. The planes have as many words as a code.
    ///
    /// A module takes its first looks at one row or tile after the other; natively all are looked at at once.
    #[inline(always)]
    pub(crate) fn look(
        self,
        group: &Group<'_>,
        signs: &[u64],
        lows: &[u64],
        looks: &Looks,
        #[cfg_attr(target_arch = "wasm32", allow(unused_mut, reason = "it is passed on"))]
        mut take: impl FnMut(Looked) -> bool,
    ) -> Option<u32> {
        debug_assert!(signs.len() == group.words && lows.len() == group.words);
        let (signs, lows) = (signs.as_ptr(), lows.as_ptr());
        // SAFETY: a `Group` holds its codes and correction words, at most 32 of each; the planes have as many words.
        // The processor has the instructions, else the `Backend` had not been made.
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        unsafe {
            wasm::look_at_tiles(group, signs, lows, looks, take)
        }
        #[cfg(all(target_arch = "wasm32", not(target_feature = "simd128")))]
        unsafe {
            scalar::look_at_each(group, signs, lows, looks, take)
        }
        #[cfg(not(target_arch = "wasm32"))]
        {
            let mut passed = Passed {
                mask: 0,
                lowers: [0.0; 32],
                estimates: [0.0; 32],
            };
            // SAFETY: as above.
            let second_looks =
                unsafe { (self.table().look)(group, signs, lows, looks, &mut passed) };
            let mut rest = passed.mask;
            while rest != 0 {
                let row = rest.trailing_zeros();
                rest &= rest - 1;
                let looked = Looked {
                    row,
                    lower: passed.lowers[row as usize % 32],
                    estimate: passed.estimates[row as usize % 32],
                };
                if !take(looked) {
                    return None;
                }
            }
            Some(second_looks)
        }
    }

    /// Σ xᵢ·qᵢ of the i8 components and the integer query, exact.
    ///
    /// # Safety
    /// The query is one that [`integers`](Self::integers) made, of as many components rounded up to a multiple of 64.
    #[inline(always)]
    pub(crate) unsafe fn dot(self, x: &[u8], q: *const i16) -> i64 {
        // SAFETY: the caller's promise; for the instructions see `look`.
        unsafe { (self.table().dot)(x.as_ptr(), q, x.len()) }
    }

    /// The 16-lane sum over the components of a record and `y`. Not of [`Term::PLAIN`], for which there is `sum_of_own`.
    ///
    /// # Safety
    /// There are as many components, of the kind that the term says, and at least one.
    #[inline(always)]
    pub(crate) unsafe fn sum(self, term: Term, x: View<'_>, y: &[f32]) -> f32 {
        let width = if term.is_of_halves() { 2 } else { 4 };
        // SAFETY: the caller's promise; for the instructions see `look`.
        unsafe {
            let x = x.bytes(0, y.len() * width).as_ptr();
            (self.table().sum)(term, x, y.as_ptr(), y.len())
        }
    }

    /// The 16-lane sum of one of the query's arrays, or of its squares.
    ///
    /// # Safety
    /// There are n components, at least one, and behind them zeros up to a multiple of 4.
    #[inline(always)]
    pub(crate) unsafe fn sum_of_own(self, squares: bool, x: *const f32, n: usize) -> f32 {
        // SAFETY: the caller's promise; for the instructions see `look`.
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        unsafe {
            wasm::sum_of_own(squares, x, n)
        }
        // SAFETY: as above.
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        unsafe {
            let term = if squares { Term::SQUARE } else { Term::PLAIN };
            (self.table().sum)(term, x.cast(), x, n)
        }
    }

    /// S16(x·y): the 16-lane sum of the products (K-NUM-2). At most as many as the shorter one has.
    #[must_use]
    #[inline]
    pub fn sum_of_products(self, x: &[f32], y: &[f32]) -> f32 {
        let n = x.len().min(y.len());
        if n == 0 {
            return 0.0;
        }
        // SAFETY: both have that many; for the instructions see `look`.
        unsafe { (self.table().sum)(Term::PRODUCT, x.as_ptr().cast(), y.as_ptr(), n) }
    }

    /// The query's residual u of K-QRY-2, with the signs of the rotation (K-ROT-1): each component times the factor, less
    /// that of the mean. Answers the bits of the largest magnitude of the components: they order as magnitudes do, with a
    /// NaN above all.
    ///
    /// # Safety
    /// There are n components, at least one, of the vector and of the mean, and room for as many. In a module the vector goes on
    /// to a multiple of 4 components, and is 0 there; 16 bytes behind the mean can be read (K-ABI-7); 16 bytes behind the
    /// room can be written to, and are 0 before and after.
    #[inline(always)]
    pub(crate) unsafe fn residual(
        self,
        vector: *const f32,
        factor: f32,
        mean: View<'_>,
        seed: u64,
        n: usize,
        out: *mut f32,
    ) -> u32 {
        // SAFETY: the caller's promise; for the instructions see `look`.
        unsafe { (self.table().residual)(vector, factor, mean, seed, n, out) }
    }

    /// The Walsh–Hadamard transform F of K-ROT-2 of as many values as the largest power of two allows.
    ///
    /// # Safety
    /// There are at least 2 values.
    #[inline(always)]
    pub(crate) unsafe fn transform(self, values: &mut [f32]) {
        debug_assert!(values.len() >= 2);
        if let Some(log) = values.len().checked_ilog2() {
            // SAFETY: there are 2^log values, and the caller's promise; for the instructions see `look`.
            unsafe { (self.table().transform)(values.as_mut_ptr(), log) }
        }
    }

    /// The planes of K-QRY-3, the sign plane first, of the rotated residual, with t. Writes |vᵢ| in place of vᵢ, and
    /// |vᵢ|·mᵢ, of which there are as many; answers how many mᵢ are 3.
    #[inline(always)]
    pub(crate) fn planes(
        self,
        values: &mut [f32],
        weighted: &mut [f32],
        t: f32,
        planes: &mut [u64],
    ) -> u32 {
        debug_assert!(values.len() == weighted.len());
        debug_assert!(planes.len() == 2 * values.len().div_ceil(64));
        let (values, n) = (values.as_mut_ptr(), values.len());
        // SAFETY: all have their lengths; for the instructions see `look`.
        unsafe { (self.table().planes)(values, weighted.as_mut_ptr(), n, t, planes.as_mut_ptr()) }
    }

    /// The integer query of K-QRY-5, in the form in which [`dot`](Self::dot) takes it: each value times the reciprocal,
    /// rounded to the nearest integer, ties to even, and clamped to ±32,767. Answers the sum of their squares. The
    /// products are below 2²².
    ///
    /// # Safety
    /// There are a multiple of 64 values, and at `out` there is room for 4 bytes for each and 8 more.
    #[inline(always)]
    pub(crate) unsafe fn integers(self, values: &[f32], reciprocal: f32, out: *mut i16) -> i64 {
        // SAFETY: the caller's promise; for the instructions see `look`.
        unsafe { (self.table().integers)(values.as_ptr(), reciprocal, values.len(), out) }
    }
}
