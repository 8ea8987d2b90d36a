//! The few functions that are written for each instruction set, and the choice between them.
//!
//! All of them give the same bits.
#![allow(
    unsafe_code,
    reason = "functions of an instruction set are called through checked wrappers"
)]

use core::fmt;

use crate::memory::View;

#[cfg(all(target_arch = "x86_64", feature = "detect"))]
mod avx2;
#[cfg(all(target_arch = "x86_64", feature = "detect"))]
mod avx512;
#[cfg(all(target_arch = "aarch64", feature = "detect"))]
mod neon;
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

    /// The same of f16 components.
    pub(crate) const fn of_halves(self, halves: bool) -> Self {
        Self(if halves { self.0 | Self::HALF } else { self.0 })
    }

    /// The same of f32 components.
    #[cfg(all(feature = "detect", not(target_arch = "wasm32")))]
    const fn of_singles(self) -> Self {
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

/// The numbers of the first look (K-SCAN-2).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FirstLook {
    /// g₁·D + E₁
    pub(crate) offset: f32,
    /// 2·g₁
    pub(crate) slope: f32,
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

#[cfg(not(target_arch = "wasm32"))]
type FirstLookFn = unsafe fn(
    group: &Group<'_>,
    plane: *const u64,
    look: FirstLook,
    threshold: f32,
    ones: &mut Ones,
) -> u32;

/// Answers which rows of the mask may pass the second look, and the number of ones in code xor low plane of these.
#[cfg(not(target_arch = "wasm32"))]
type SecondLookFn = unsafe fn(
    group: &Group<'_>,
    mask: u32,
    ones: &Ones,
    plane: *const u64,
    look: &SecondLook,
    lows: &mut Ones,
) -> u32;

/// The number of ones of each row of a group that passes a look; the places of others may hold anything.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) type Ones = [u32; 32];

/// The numbers of the second look (K-SCAN-3).
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(feature = "detect"),
    expect(
        dead_code,
        reason = "not all are of use where rows are looked at one by one"
    )
)]
pub(crate) struct SecondLook {
    /// 3·D
    pub(crate) offset: i32,
    /// g₂
    pub(crate) gain: f32,
    /// E₂
    pub(crate) width: f32,
    pub(crate) base: f32,
    pub(crate) threshold: f32,
}

/// The rows of a group that pass the first look, in order: in a module found one by one, natively all at once.
#[cfg(target_arch = "wasm32")]
pub(crate) struct Passed(scalar::Rows);

/// The rows of a group that pass the first look, in order: in a module found one by one, natively all at once.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) struct Passed {
    mask: u32,
    ones: Ones,
    lows: Ones,
}

impl Passed {
    /// A row and its number of ones in code xor plane.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<(u32, u32)> {
        #[cfg(target_arch = "wasm32")]
        return self.0.next();
        #[cfg(not(target_arch = "wasm32"))]
        {
            let row = self.mask.trailing_zeros();
            self.mask &= self.mask.wrapping_sub(1);
            // No row is 32, which is the number of zeros of an empty mask.
            self.ones.get(row as usize).map(|&ones| (row, ones))
        }
    }
}

/// The functions of an instruction set. What each may be called with is said at the wrappers of [`Backend`].
pub(crate) struct Table {
    name: &'static str,
    #[cfg(not(target_arch = "wasm32"))]
    first_look: FirstLookFn,
    #[cfg(not(target_arch = "wasm32"))]
    second_look: SecondLookFn,
    dot: unsafe fn(x: *const u8, q: *const i16, n: usize) -> i64,
    sum: unsafe fn(term: Term, x: *const u8, y: *const f32, n: usize) -> f32,
    transform: unsafe fn(values: *mut f32, log: u32),
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

    /// The first look at a group: the rows whose lower bound is at most the threshold. The plane has as many words as
    /// a code.
    #[inline(always)]
    pub(crate) fn first_look(
        self,
        group: &Group<'_>,
        plane: &[u64],
        look: FirstLook,
        threshold: f32,
    ) -> Passed {
        debug_assert!(plane.len() == group.words);
        // SAFETY: a `Group` holds its codes and correction words, at most 32 of each; the plane has as many words.
        // The processor has the instructions, else the `Backend` had not been made.
        #[cfg(target_arch = "wasm32")]
        unsafe {
            Passed(scalar::Rows::new(group, plane.as_ptr(), look, threshold))
        }
        #[cfg(not(target_arch = "wasm32"))]
        {
            let mut ones = [0; 32];
            // SAFETY: as above.
            let mask = unsafe {
                (self.table().first_look)(group, plane.as_ptr(), look, threshold, &mut ones)
            };
            // What instruction sets say of rows that fill up a tile means nothing.
            let mask = mask & u32::MAX >> (32 - group.rows);
            let lows = [0; 32];
            Passed { mask, ones, lows }
        }
    }

    /// Takes the second look at all rows at once, as far as the instruction set does that better than one by one: rows
    /// that do not pass may be gone then. Answers how many there were. A module looks at one row after the other.
    #[cfg(not(target_arch = "wasm32"))]
    #[inline(always)]
    pub(crate) fn second_look(
        self,
        group: &Group<'_>,
        passed: &mut Passed,
        plane: &[u64],
        look: &SecondLook,
    ) -> u32 {
        debug_assert!(plane.len() == group.words);
        let count = passed.mask.count_ones();
        if count != 0 {
            // SAFETY: as for `first_look`; the mask has no bit at or above the number of rows.
            passed.mask = unsafe {
                (self.table().second_look)(
                    group,
                    passed.mask,
                    &passed.ones,
                    plane.as_ptr(),
                    look,
                    &mut passed.lows,
                )
            };
        }
        count
    }

    /// The number of ones in code xor low plane, for row i of a group. The plane has as many words as a code.
    ///
    /// # Safety
    /// Row i is one that passed.
    #[inline(always)]
    #[allow(
        unused_variables,
        reason = "natively they are counted already, in a module they are counted now"
    )]
    pub(crate) unsafe fn low_ones(
        self,
        group: &Group<'_>,
        passed: &Passed,
        i: usize,
        plane: &[u64],
    ) -> u32 {
        #[cfg(target_arch = "wasm32")]
        // SAFETY: the lengths fit; for the instructions see `first_look`.
        unsafe {
            scalar::ones(group.code(i), plane.as_ptr(), plane.len())
        }
        #[cfg(not(target_arch = "wasm32"))]
        passed.lows[i % 32]
    }

    /// Σ xᵢ·qᵢ of the i8 components and the integer query, exact. Both have the same length.
    #[inline(always)]
    pub(crate) fn dot(self, x: &[u8], q: &[i16]) -> i64 {
        debug_assert!(x.len() == q.len());
        // SAFETY: both have that many; for the instructions see `first_look`.
        unsafe { (self.table().dot)(x.as_ptr(), q.as_ptr(), q.len()) }
    }

    /// The 16-lane sum over the components of a record and `y`.
    ///
    /// # Safety
    /// There are as many components, of the kind that the term says.
    #[inline(always)]
    pub(crate) unsafe fn sum(self, term: Term, x: View<'_>, y: &[f32]) -> f32 {
        let width = if term.is_of_halves() { 2 } else { 4 };
        // SAFETY: the caller's promise; for the instructions see `first_look`.
        unsafe {
            let x = x.bytes(0, y.len() * width).as_ptr();
            (self.table().sum)(term, x, y.as_ptr(), y.len())
        }
    }

    /// S16(x·y): the 16-lane sum of the products (K-NUM-2). At most as many as the shorter one has.
    #[must_use]
    #[inline]
    pub fn sum_of_products(self, x: &[f32], y: &[f32]) -> f32 {
        // SAFETY: both have that many; for the instructions see `first_look`.
        unsafe {
            (self.table().sum)(
                Term::PRODUCT,
                x.as_ptr().cast(),
                y.as_ptr(),
                x.len().min(y.len()),
            )
        }
    }

    /// The Walsh–Hadamard transform F of K-ROT-2 of as many values as the largest power of two allows.
    #[inline(always)]
    pub(crate) fn transform(self, values: &mut [f32]) {
        if let Some(log) = values.len().checked_ilog2() {
            // SAFETY: there are at least 2^log values; for the instructions see `first_look`.
            unsafe { (self.table().transform)(values.as_mut_ptr(), log) }
        }
    }
}
