//! How a query gets the bytes that it reads.

#![allow(unsafe_code, reason = "a type is declared to be plain, see `memory`")]

use crate::memory::Plain;

/// The parts of a file that a query reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Region {
    /// The payload of the INDEX.
    Index = 0,
    /// The payload of the QUANT.
    Quant = 1,
    /// The payload of the VEC of kind i8.
    VecI8 = 2,
    /// The payload of the VEC of kind f16 or f32.
    VecFloat = 3,
    /// A bitmap by vector number: set means live.
    Filter = 4,
}

impl Region {
    /// How many regions there are.
    pub const COUNT: usize = 5;

    /// The region of a number of the interface.
    #[must_use]
    pub const fn from_u32(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Index,
            1 => Self::Quant,
            2 => Self::VecI8,
            3 => Self::VecFloat,
            4 => Self::Filter,
            _ => return None,
        })
    }
}

/// A range that a query can't go on without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Need {
    /// Where.
    pub region: Region,
    /// Length in bytes, at least 1 and at most the window.
    pub len: u32,
    /// Offset from the start of the region, in bytes.
    pub offset: u64,
}

// SAFETY: a struct without padding whose values are written before they are read.
unsafe impl Plain for Need {}

/// Where a query gets its bytes from.
pub trait Data<'a> {
    /// Exactly `len` bytes at `offset` of a region, or `None` if they are not at hand: then they become a need.
    /// It also answers `None` for a range that the region does not hold, or that can't be had; a source that fails
    /// keeps the reason and is asked for it when the step has ended.
    ///
    /// Who gives bytes has checked them, digests included. The range may lie anywhere inside an earlier need.
    fn get(&mut self, region: Region, offset: u64, len: u32) -> Option<&'a [u8]>;

    /// A range that will be asked for soon, if it is at hand: the source may bring it nearer to the processor.
    fn prefetch(&mut self, _region: Region, _offset: u64, _len: u32) {}

    /// A query calls this before it writes down what it needs: from now on, `get` answers only for what will
    /// still be at hand at the next step.
    fn before_needs(&mut self) {}
}

/// A file whose regions are all in memory. Regions that a query does not read may be empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct Regions<'a> {
    /// The payload of the INDEX.
    pub index: &'a [u8],
    /// The payload of the QUANT.
    pub quant: &'a [u8],
    /// The payload of the VEC of kind i8.
    pub vec_i8: &'a [u8],
    /// The payload of the VEC of kind f16 or f32.
    pub vec_float: &'a [u8],
    /// The filter's bitmap.
    pub filter: &'a [u8],
}

/// Asks the processor to bring bytes into its cache, where it has an instruction for that.
#[inline]
pub fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 processor has SSE; a prefetch reads nothing.
        #[allow(unused_unsafe, reason = "safe from a later Rust on")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

impl<'a> Data<'a> for Regions<'a> {
    #[inline]
    fn get(&mut self, region: Region, offset: u64, len: u32) -> Option<&'a [u8]> {
        let bytes = match region {
            Region::Index => self.index,
            Region::Quant => self.quant,
            Region::VecI8 => self.vec_i8,
            Region::VecFloat => self.vec_float,
            Region::Filter => self.filter,
        };
        bytes
            .get(usize::try_from(offset).ok()?..)?
            .get(..len as usize)
    }

    #[inline]
    fn prefetch(&mut self, region: Region, offset: u64, len: u32) {
        if let Some(bytes) = self.get(region, offset, len) {
            prefetch(bytes);
        }
    }
}
