//! A bounded max-heap: it keeps the smallest entries that were offered.
#![allow(
    unsafe_code,
    reason = "the places of the heap are accessed unchecked, see `memory`"
)]

use crate::memory::List;

/// The key that orders by (distance, row): above the row the distance's bits, turned so that they order as integers do.
///
/// By K-NUM-3 a NaN counts as +∞ and −0 as +0.
#[inline(always)]
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

/// A heap of at most so many keys has them in descending order.
#[cfg(not(target_arch = "wasm32"))]
const FEW: usize = 32;

/// As a heap, a list keeps the smallest keys that were offered, as many as there are places.
///
/// The order of a heap is made when the last place is taken; before that the keys lie as they came. No heap is without
/// a place.
impl List<'_, u64> {
    /// The distance of the largest key once every place is taken, else +∞.
    #[inline(always)]
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
                #[cfg(not(target_arch = "wasm32"))]
                if self.len <= FEW {
                    return self.insert(key);
                }
                self.sift_down(key, 0, self.len);
            }
        }
    }

    /// Puts a key in place of the first one of few keys in descending order, which is an order of a heap too, and moves it to
    /// where it belongs: how far can't be foretold, so all others are moved or not without a branch.
    #[cfg(not(target_arch = "wasm32"))]
    fn insert(&mut self, key: u64) {
        let keys = self.as_mut_slice();
        let mut before = 0;
        for place in keys.iter_mut().rev() {
            let here = *place;
            // Below the key what stood here stays; else the key, or what stood to the right.
            *place = before.max(here.min(key));
            before = here;
        }
    }

    /// Makes the order of a heap, after keys were changed or sorted.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(crate) fn restore(&mut self) {
        #[cfg(not(target_arch = "wasm32"))]
        if self.len <= FEW {
            return self.as_mut_slice().sort_unstable_by(|a, b| b.cmp(a));
        }
        // Those behind the middle have none below them.
        for root in (0..self.len / 2).rev() {
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

#[cfg(test)]
mod tests {
    use core::mem::MaybeUninit;

    use super::*;
    use crate::memory::Cutter;

    #[test]
    fn a_heap_keeps_the_smallest_keys_of_all_that_were_offered() {
        for limit in [1, 2, 3, 10, 31, 32, 33, 100] {
            let mut memory = [0_u64; 100];
            let mut place = MaybeUninit::<List<'_, u64>>::uninit();
            // SAFETY: the memory has room for the list, whose length is the one field that cutting leaves.
            let mut heap = unsafe {
                Cutter::new(memory.as_mut_ptr().cast()).cut(place.as_mut_ptr(), limit);
                (&raw mut (*place.as_mut_ptr()).len).write(0);
                place.assume_init()
            };
            let (mut kept, mut state) = (std::vec::Vec::new(), 88_172_645_463_325_252_u64);
            for n in 0..500 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                // Some are equal.
                let offered = key((state % 200) as f32 - 100.0, state as u32 % 3);
                heap.offer(offered);
                kept.push(offered);
                kept.sort_unstable();
                kept.truncate(limit);
                let bound = kept
                    .get(limit - 1)
                    .map_or(f32::INFINITY, |key| distance_of(*key));
                assert_eq!(heap.bound(), bound);
                if n % 100 == 99 {
                    heap.sort();
                    assert_eq!(heap.as_slice(), kept);
                    heap.restore();
                }
            }
        }
    }
}
