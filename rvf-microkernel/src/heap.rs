//! A bounded max-heap: it keeps the smallest entries that were offered.
#![allow(
    unsafe_code,
    reason = "the places of the heap are accessed unchecked, see `memory`"
)]

use crate::memory::List;

/// The key that orders by (distance, row): above the row the distance's bits, turned so that they order as integers do.
///
/// By K-NUM-3 a NaN counts as +∞ and −0 as +0.
#[cfg_attr(target_arch = "wasm32", inline(never))]
pub(crate) fn key(distance: f32, row: u32) -> u64 {
    let distance = if distance.is_nan() {
        f32::INFINITY
    } else {
        distance + 0.0
    };
    let bits = distance.to_bits();
    let ordered = bits ^ ((((bits as i32) >> 31) as u32) | 0x8000_0000);
    u64::from(ordered) << 32 | u64::from(row)
}

/// The distance of a [`key`].
#[inline(always)]
pub(crate) const fn distance_of(key: u64) -> f32 {
    let bits = (key >> 32) as u32;
    f32::from_bits(bits ^ (((!bits as i32) >> 31) as u32 | 0x8000_0000))
}

/// As a heap, a list keeps the smallest keys that were offered, as many as there are places.
///
/// The order of a heap is made when the last place is taken; before that the keys lie as they came. No heap is without
/// a place.
impl List<'_, u64> {
    /// The distance of the largest key once every place is taken, else +∞.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(crate) fn bound(&self) -> f32 {
        let mut bound = f32::INFINITY;
        if self.is_full() {
            // SAFETY: there is a key.
            bound = distance_of(unsafe { self.at(0) });
        }
        bound
    }

    /// Takes the key if a place is free or it is smaller than the largest one, which it then replaces.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(crate) fn offer(&mut self, key: u64) {
        // SAFETY: a full heap has a key.
        unsafe {
            if self.push(key) {
                if self.is_full() {
                    self.restore();
                }
            } else if key < self.at(0) {
                self.sift_down(key, 0, self.len);
            }
        }
    }

    /// Makes the order of a heap, after keys were changed or sorted.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(crate) fn restore(&mut self) {
        for root in (0..self.len).rev() {
            // SAFETY: root < len.
            unsafe { self.sift_down(self.at(root), root, self.len) };
        }
    }

    /// Puts the keys into ascending order. Before more is offered, [`restore`](Self::restore) must be called.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn sort(&mut self) {
        self.as_mut_slice().sort_unstable();
    }

    /// Puts the keys into ascending order. Before more is offered, [`restore`](Self::restore) must be called.
    // A module has no room for the sort of the library.
    #[cfg(target_arch = "wasm32")]
    #[inline(never)]
    pub(crate) fn sort(&mut self) {
        self.restore();
        for end in (1..self.len).rev() {
            // SAFETY: 0 < end < len.
            unsafe {
                let key = self.at(end);
                self.set(end, self.at(0));
                self.sift_down(key, 0, end);
            }
        }
    }

    /// Puts a key in place of the one at `hole`, and lets it sink until none below it is larger, among the first
    /// `len` keys.
    ///
    /// # Safety
    /// hole < len, and there are `len` keys.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    unsafe fn sift_down(&mut self, key: u64, mut hole: usize, len: usize) {
        // SAFETY: every index is below `len`.
        unsafe {
            loop {
                let mut child = 2 * hole + 1;
                if child >= len {
                    break;
                }
                // Which of the two is larger can't be foretold: no branch.
                let other = child + usize::from(child + 1 < len);
                child = if self.at(other) > self.at(child) {
                    other
                } else {
                    child
                };
                let larger = self.at(child);
                if larger <= key {
                    break;
                }
                self.set(hole, larger);
                hole = child;
            }
            self.set(hole, key);
        }
    }
}
