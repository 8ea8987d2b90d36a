//! A bounded max-heap: it keeps the smallest entries that were offered.

/// An entry: ordered by its key alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Entry {
    pub(crate) key: u64,
    /// The vector's number.
    pub(crate) number: u64,
}

/// A float's bits as an integer of the same order (−0 just below +0). The float is no NaN.
#[inline(always)]
pub(crate) const fn ordered(value: f32) -> u32 {
    let bits = value.to_bits();
    bits ^ ((((bits as i32) >> 31) as u32) | 0x8000_0000)
}

/// The float of [`ordered`].
#[inline(always)]
pub(crate) const fn unordered(bits: u32) -> f32 {
    f32::from_bits(bits ^ (((!bits as i32) >> 31) as u32 | 0x8000_0000))
}

/// The key that orders by (distance, row).
#[inline(always)]
pub(crate) const fn key(distance: f32, row: u32) -> u64 {
    (ordered(distance) as u64) << 32 | row as u64
}

/// The distance of a [`key`].
#[inline(always)]
pub(crate) const fn distance_of(key: u64) -> f32 {
    unordered((key >> 32) as u32)
}

/// The smallest entries that were offered, as many as there are places.
///
/// The order of a heap is made when the last place is taken; before that the entries lie as they came.
#[derive(Debug)]
pub(crate) struct Heap<'s> {
    places: &'s mut [Entry],
    len: usize,
}

impl<'s> Heap<'s> {
    pub(crate) fn new(places: &'s mut [Entry]) -> Self {
        Self { places, len: 0 }
    }

    pub(crate) fn entries(&mut self) -> &mut [Entry] {
        self.places.get_mut(..self.len).unwrap_or_default()
    }

    /// The distance of the largest entry once every place is taken, else +∞.
    #[inline(always)]
    pub(crate) fn bound(&self) -> f32 {
        match self.places.first() {
            Some(top) if self.len == self.places.len() => distance_of(top.key),
            _ => f32::INFINITY,
        }
    }

    /// Whether every place is taken.
    pub(crate) fn is_full(&self) -> bool {
        self.len == self.places.len()
    }

    /// Takes the entry if a place is free or it is smaller than the largest one, which it then replaces.
    pub(crate) fn offer(&mut self, entry: Entry) {
        if let Some(place) = self.places.get_mut(self.len) {
            *place = entry;
            self.len += 1;
            if self.is_full() {
                self.restore();
            }
        } else if let Some(top) = self.places.first_mut()
            && entry.key < top.key
        {
            *top = entry;
            sift_down(self.places, 0);
        }
    }

    /// Makes the order of a heap again after keys were changed.
    pub(crate) fn restore(&mut self) {
        let entries = self.entries();
        for root in (0..entries.len() / 2).rev() {
            sift_down(entries, root);
        }
    }

    /// Puts the entries into descending order, which is also the order of a heap.
    pub(crate) fn sort_descending(&mut self) {
        self.restore();
        let entries = self.entries();
        for end in (1..entries.len()).rev() {
            entries.swap(0, end);
            sift_down(entries.get_mut(..end).unwrap_or_default(), 0);
        }
        entries.reverse();
    }
}

/// Lets the entry at `root` sink until none below it is larger.
fn sift_down(entries: &mut [Entry], root: usize) {
    let Some(&moving) = entries.get(root) else {
        return;
    };
    let mut hole = root;
    loop {
        let mut child = 2 * hole + 1;
        let Some(&(mut larger)) = entries.get(child) else {
            break;
        };
        if let Some(&right) = entries.get(child + 1)
            && right.key > larger.key
        {
            larger = right;
            child += 1;
        }
        if larger.key <= moving.key {
            break;
        }
        if let Some(place) = entries.get_mut(hole) {
            *place = larger;
        }
        hole = child;
    }
    if let Some(place) = entries.get_mut(hole) {
        *place = moving;
    }
}
