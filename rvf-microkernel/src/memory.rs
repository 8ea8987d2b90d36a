//! The arrays of a query, cut out of the memory that the caller gives, and bytes that were checked before.
//!
//! Access is not checked in a release: the wasm module must be small, and an interpreter pays for each instruction.
//! With debug assertions on, as in the tests, every access is held against the length.
#![allow(
    unsafe_code,
    reason = "words of the caller's memory are used as numbers of other types"
)]

use core::marker::PhantomData;

/// Types that any bytes are a value of or that are written before they are read, that need no drop, and that words
/// of 8 bytes are aligned for.
///
/// # Safety
/// All of that must hold.
pub(crate) unsafe trait Plain: Copy + 'static {}
// SAFETY: a number.
unsafe impl Plain for f32 {}
// SAFETY: a number.
unsafe impl Plain for u64 {}

/// An array of a query.
#[derive(Debug)]
pub(crate) struct Array<'s, T> {
    start: *mut T,
    #[cfg(debug_assertions)]
    len: usize,
    memory: PhantomData<&'s mut [T]>,
}

impl<T: Plain> Array<'_, T> {
    /// An array at an address. Who uses it makes sure that the memory holds `len` values, aligned.
    #[inline(always)]
    pub(crate) fn new(start: *mut T, _len: usize) -> Self {
        Self {
            start,
            #[cfg(debug_assertions)]
            len: _len,
            memory: PhantomData,
        }
    }

    #[inline(always)]
    fn check(&self, _len: usize) {
        #[cfg(debug_assertions)]
        assert!(_len <= self.len, "an access past the end of an array");
    }

    /// Where it starts. What lies behind it in memory may be accessed too, by who knows it.
    #[inline(always)]
    pub(crate) const fn as_ptr(&self) -> *const T {
        self.start
    }

    /// As [`as_ptr`](Self::as_ptr).
    #[inline(always)]
    pub(crate) const fn as_mut_ptr(&mut self) -> *mut T {
        self.start
    }

    /// # Safety
    /// i is below the array's length, and the value was written.
    #[inline(always)]
    pub(crate) unsafe fn at(&self, i: usize) -> T {
        self.check(i + 1);
        // SAFETY: the caller's promise.
        unsafe { *self.start.add(i) }
    }

    /// # Safety
    /// i is below the array's length.
    #[inline(always)]
    pub(crate) unsafe fn set(&mut self, i: usize, value: T) {
        self.check(i + 1);
        // SAFETY: the caller's promise.
        unsafe { *self.start.add(i) = value }
    }

    /// # Safety
    /// The array has `len` values, and they were written.
    #[inline(always)]
    pub(crate) unsafe fn slice(&self, len: usize) -> &[T] {
        self.check(len);
        // SAFETY: the caller's promise.
        unsafe { core::slice::from_raw_parts(self.start, len) }
    }

    /// # Safety
    /// The array has `len` values, and they were written.
    #[inline(always)]
    pub(crate) unsafe fn slice_mut(&mut self, len: usize) -> &mut [T] {
        self.check(len);
        // SAFETY: the caller's promise.
        unsafe { core::slice::from_raw_parts_mut(self.start, len) }
    }
}

/// Cuts lists out of memory, one after the other.
#[derive(Debug)]
pub(crate) struct Cutter {
    next: *mut u8,
}

impl Cutter {
    /// `memory` is aligned to 8 bytes.
    pub(crate) const fn new(memory: *mut u8) -> Self {
        Self { next: memory }
    }

    /// Where the last list ends.
    pub(crate) const fn end(&self) -> *mut u8 {
        self.next
    }

    /// Gives a list its places and its limit; its length is left as it is. Who uses it makes sure that the memory holds it.
    ///
    /// # Safety
    /// There is room for a list.
    #[inline(always)]
    pub(crate) unsafe fn cut<'s, T: Plain>(&mut self, list: *mut List<'s, T>, limit: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            (&raw mut (*list).limit).write(limit);
            self.cut_places(list, limit);
        }
    }

    /// As [`cut`](Self::cut), for a list whose limit only debug assertions ask for: one that is never pushed or offered to, but
    /// only appended to, or set.
    ///
    /// # Safety
    /// There is room for a list.
    #[inline(always)]
    pub(crate) unsafe fn cut_places<'s, T: Plain>(&mut self, list: *mut List<'s, T>, limit: usize) {
        // All that is kept in lists takes a multiple of 8 bytes.
        const { assert!(size_of::<T>().is_multiple_of(8)) }
        // SAFETY: the caller's promise.
        unsafe {
            (&raw mut (*list).places).write(Array::new(self.next.cast(), limit));
            if cfg!(debug_assertions) {
                (&raw mut (*list).limit).write(limit);
            }
        }
        self.next = self.next.wrapping_add(limit * size_of::<T>());
    }
}

/// A list that grows up to a limit.
#[derive(Debug)]
pub(crate) struct List<'s, T> {
    pub(crate) places: Array<'s, T>,
    pub(crate) len: usize,
    limit: usize,
}

impl<'s, T: Plain> List<'s, T> {
    /// # Safety
    /// i is below the length.
    #[inline(always)]
    pub(crate) unsafe fn at(&self, i: usize) -> T {
        debug_assert!(i < self.len);
        // SAFETY: the caller's promise.
        unsafe { self.places.at(i) }
    }

    /// # Safety
    /// i is below the length.
    #[inline(always)]
    pub(crate) unsafe fn set(&mut self, i: usize, value: T) {
        debug_assert!(i < self.len);
        // SAFETY: the caller's promise.
        unsafe { self.places.set(i, value) };
    }

    /// Whether every place is taken.
    #[inline(always)]
    pub(crate) const fn is_full(&self) -> bool {
        self.len == self.limit
    }

    #[inline(always)]
    pub(crate) fn as_slice(&self) -> &[T] {
        // SAFETY: the first `len` places were written.
        unsafe { self.places.slice(self.len) }
    }

    #[inline(always)]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: the first `len` places were written.
        unsafe { self.places.slice_mut(self.len) }
    }

    /// Whether there was room.
    #[inline(always)]
    pub(crate) fn push(&mut self, value: T) -> bool {
        let free = !self.is_full();
        if free {
            // SAFETY: just checked.
            unsafe { self.append(value) };
        }
        free
    }

    /// Puts a value behind the last one.
    ///
    /// # Safety
    /// There is room.
    #[inline(always)]
    pub(crate) unsafe fn append(&mut self, value: T) {
        debug_assert!(!self.is_full());
        // SAFETY: the caller's promise.
        unsafe { self.places.set(self.len, value) };
        self.len += 1;
    }

    /// Takes over the values of another list, in place of its own.
    ///
    /// # Safety
    /// They are of the same size, any value of that one is one of this, and there is room.
    #[inline(always)]
    pub(crate) unsafe fn copy_from<U: Plain>(&mut self, other: &List<'_, U>) {
        const { assert!(size_of::<T>() == size_of::<U>()) }
        debug_assert!(other.len <= self.limit);
        self.len = other.len;
        // SAFETY: the caller's promise; lists do not overlap.
        unsafe {
            self.places
                .start
                .copy_from_nonoverlapping(other.places.start.cast(), self.len)
        };
    }

    /// Gives the list another limit, not above that of its memory and not below its length.
    #[inline(always)]
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    pub(crate) const fn room(&self) -> usize {
        self.limit - self.len
    }
}

/// Bytes from outside whose number was checked when they came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    start: core::ptr::NonNull<u8>,
    #[cfg(debug_assertions)]
    len: usize,
    bytes: PhantomData<&'a [u8]>,
}

impl<'a> View<'a> {
    #[inline(always)]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            // The pointer of a slice is never null.
            start: core::ptr::NonNull::from(bytes).cast(),
            #[cfg(debug_assertions)]
            len: bytes.len(),
            bytes: PhantomData,
        }
    }

    #[inline(always)]
    fn check(&self, _end: usize) {
        #[cfg(debug_assertions)]
        assert!(_end <= self.len, "a read past the end of what was checked");
    }

    /// # Safety
    /// There are four bytes at `at`.
    #[inline(always)]
    pub(crate) unsafe fn u32(&self, at: usize) -> u32 {
        self.check(at + 4);
        // SAFETY: the caller's promise.
        u32::from_le(unsafe { self.start.add(at).cast::<u32>().read_unaligned() })
    }

    /// # Safety
    /// There are four bytes at `at`.
    #[inline(always)]
    pub(crate) unsafe fn f32(&self, at: usize) -> f32 {
        // SAFETY: the caller's promise.
        f32::from_bits(unsafe { self.u32(at) })
    }

    /// Where the bytes start.
    pub(crate) const fn start(&self) -> *const u8 {
        self.start.as_ptr()
    }

    /// # Safety
    /// There is a byte at `at`.
    #[inline(always)]
    pub(crate) unsafe fn u8(&self, at: usize) -> u8 {
        self.check(at + 1);
        // SAFETY: the caller's promise.
        unsafe { self.start.add(at).read() }
    }

    /// # Safety
    /// There are eight bytes at `at`.
    #[inline(always)]
    pub(crate) unsafe fn u64(&self, at: usize) -> u64 {
        self.check(at + 8);
        // SAFETY: the caller's promise.
        u64::from_le(unsafe { self.start.add(at).cast::<u64>().read_unaligned() })
    }

    /// What follows the first `at` bytes.
    ///
    /// # Safety
    /// There are that many.
    #[inline(always)]
    pub(crate) unsafe fn from(&self, at: usize) -> Self {
        self.check(at);
        Self {
            // SAFETY: the caller's promise.
            start: unsafe { self.start.add(at) },
            #[cfg(debug_assertions)]
            len: self.len - at,
            bytes: PhantomData,
        }
    }

    /// # Safety
    /// There are `len` bytes at `at`.
    #[inline(always)]
    pub(crate) unsafe fn bytes(&self, at: usize, len: usize) -> &'a [u8] {
        self.check(at + len);
        // SAFETY: the caller's promise.
        unsafe { core::slice::from_raw_parts(self.start.add(at).as_ptr(), len) }
    }
}
