//! The arrays of a query, cut out of the memory that the caller gives.
#![allow(
    unsafe_code,
    reason = "words of the caller's memory are used as numbers of other types"
)]

use core::mem::MaybeUninit;

use crate::data::Need;
use crate::heap::Entry;
use crate::scan::Candidate;

/// Types that any bytes are a value of, that need no drop, and that words of 8 bytes are aligned for.
///
/// # Safety
/// All three must hold.
pub(crate) unsafe trait Plain: Copy + 'static {}
// SAFETY: a number, or a struct of numbers without padding; aligned to 8 bytes at most.
unsafe impl Plain for f32 {}
// SAFETY: as above.
unsafe impl Plain for i16 {}
// SAFETY: as above.
unsafe impl Plain for u64 {}
// SAFETY: as above.
unsafe impl Plain for Entry {}
// SAFETY: any bytes will do for values that are not there yet; aligned to 8 bytes at most.
unsafe impl Plain for MaybeUninit<Candidate> {}
// SAFETY: as above.
unsafe impl Plain for MaybeUninit<Need> {}

/// Gives arrays one after the other.
pub(crate) trait Carver {
    /// What an array is.
    type Array<T: Plain>;

    /// The next array of `count` values.
    fn carve<T: Plain>(&mut self, count: usize) -> Self::Array<T>;
}

const fn words_of<T>(count: usize) -> usize {
    (count * size_of::<T>()).div_ceil(8)
}

/// Adds up how much memory the arrays take.
#[derive(Debug, Default)]
pub(crate) struct Measure {
    words: usize,
}

impl Measure {
    pub(crate) const fn words(&self) -> usize {
        self.words
    }
}

impl Carver for Measure {
    type Array<T: Plain> = ();

    #[inline(always)]
    fn carve<T: Plain>(&mut self, count: usize) {
        self.words += words_of::<T>(count);
    }
}

/// Cuts the arrays out of memory. An array that the memory is too small for is empty.
#[derive(Debug)]
pub(crate) struct Cutter<'s> {
    rest: &'s mut [u64],
}

impl<'s> Cutter<'s> {
    pub(crate) fn new(memory: &'s mut [u64]) -> Self {
        Self { rest: memory }
    }
}

impl<'s> Carver for Cutter<'s> {
    type Array<T: Plain> = &'s mut [T];

    #[inline(always)]
    fn carve<T: Plain>(&mut self, count: usize) -> &'s mut [T] {
        let rest = core::mem::take(&mut self.rest);
        let Some((words, rest)) = rest.split_at_mut_checked(words_of::<T>(count)) else {
            return &mut [];
        };
        self.rest = rest;
        // SAFETY: the words hold `count` values, are borrowed mutably for 's, and are set, as any u64 is; any bytes
        // are a value of a `Plain` type, and words are aligned for it.
        unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), count) }
    }
}

/// A list that grows up to the length of the array below it.
#[derive(Debug)]
pub(crate) struct List<'s, T> {
    places: &'s mut [MaybeUninit<T>],
    len: usize,
}

impl<'s, T: Copy> List<'s, T> {
    pub(crate) fn new(places: &'s mut [MaybeUninit<T>]) -> Self {
        Self { places, len: 0 }
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        let taken = self.places.get(..self.len).unwrap_or_default();
        // SAFETY: the first `len` places were set by `push`; MaybeUninit<T> has the layout of T.
        unsafe { core::slice::from_raw_parts(taken.as_ptr().cast(), taken.len()) }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        let taken = self.places.get_mut(..self.len).unwrap_or_default();
        // SAFETY: as above, and borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(taken.as_mut_ptr().cast(), taken.len()) }
    }

    /// Whether there was room.
    #[inline(always)]
    pub(crate) fn push(&mut self, value: T) -> bool {
        match self.places.get_mut(self.len) {
            Some(place) => {
                place.write(value);
                self.len += 1;
                true
            }
            None => false,
        }
    }

    pub(crate) fn room(&self) -> usize {
        self.places.len().saturating_sub(self.len)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}
