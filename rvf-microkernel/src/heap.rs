//! A bounded max-heap: it keeps the smallest entries that were offered.
#![allow(
    unsafe_code,
    reason = "the places of the heap are accessed unchecked, see `memory`"
)]

use crate::memory::{List, Plain};

/// An entry: ordered by its key alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Entry {
    /// See [`key`].
    pub(crate) key: u64,
    /// The vector's number.
    pub(crate) number: u64,
}

// SAFETY: a struct of numbers without padding.
unsafe impl Plain for Entry {}

/// A float's bits as an integer of the same order (−0 just below +0). The float is no NaN.
#[inline(always)]
pub(crate) const fn ordered(value: f32) -> u32 {
    let bits = value.to_bits();
    bits ^ ((((bits as i32) >> 31) as u32) | 0x8000_0000)
}

/// The key that orders by (distance, row).
#[inline(always)]
pub(crate) const fn key(distance: f32, row: u32) -> u64 {
    (ordered(distance) as u64) << 32 | row as u64
}

/// The distance of a [`key`].
#[inline(always)]
pub(crate) const fn distance_of(key: u64) -> f32 {
    let bits = (key >> 32) as u32;
    f32::from_bits(bits ^ (((!bits as i32) >> 31) as u32 | 0x8000_0000))
}

/// As a heap, a list keeps the smallest entries that were offered, as many as there are places.
///
/// The order of a heap is made when the last place is taken; before that the entries lie as they came.
impl List<'_, Entry> {
    /// The distance of the largest entry once every place is taken, else +∞.
    #[inline(never)]
    pub(crate) fn bound(&self) -> f32 {
        if !self.is_full() {
            return f32::INFINITY;
        }
        // SAFETY: no heap has no place.
        distance_of(unsafe { self.at(0) }.key)
    }

    /// Takes the entry if a place is free or it is smaller than the largest one, which it then replaces.
    #[inline(never)]
    pub(crate) fn offer(&mut self, key: u64, number: u64) {
        let entry = Entry { key, number };
        if self.push(entry) {
            if self.is_full() {
                self.restore();
            }
            return;
        }
        // SAFETY: no heap has no place, and this one is full.
        unsafe {
            if key < self.at(0).key {
                self.set(0, entry);
                self.sift_down(0, self.len);
            }
        }
    }

    /// Makes the order of a heap, after keys were changed or the entries were sorted.
    #[inline(never)]
    pub(crate) fn restore(&mut self) {
        for root in (0..self.len / 2).rev() {
            // SAFETY: root < len.
            unsafe { self.sift_down(root, self.len) };
        }
    }

    /// Puts the entries into ascending order. Before more is offered, the order of a heap must be restored.
    #[inline(always)]
    pub(crate) fn sort(&mut self) {
        self.restore();
        for end in (1..self.len).rev() {
            // SAFETY: 0 < end < len.
            unsafe {
                let last = self.at(end);
                self.set(end, self.at(0));
                self.set(0, last);
                self.sift_down(0, end);
            }
        }
    }

    /// Lets the entry at `root` sink until none below it is larger, among the first `len` entries.
    ///
    /// # Safety
    /// root < len, and there are `len` entries.
    #[inline(never)]
    unsafe fn sift_down(&mut self, root: usize, len: usize) {
        // SAFETY: every index is below `len`.
        unsafe {
            let moving = self.at(root);
            let mut hole = root;
            loop {
                let mut child = 2 * hole + 1;
                if child >= len {
                    break;
                }
                if child + 1 < len && self.at(child + 1).key > self.at(child).key {
                    child += 1;
                }
                let larger = self.at(child);
                if larger.key <= moving.key {
                    break;
                }
                self.set(hole, larger);
                hole = child;
            }
            self.set(hole, moving);
        }
    }
}
