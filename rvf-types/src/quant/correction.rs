//! The two numbers that stand beside a code.

use crate::error::{Expected, FormatError};

/// The bits of a correction word that hold α.
const ALPHA_BITS: u32 = 0x3FFF;

/// The two numbers of a correction word (R-QNT-3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correction {
    /// β: 18 bits of an f32.
    pub beta: f32,
    /// α: 14 bits of an f32, never negative.
    pub alpha: f32,
}

impl Correction {
    /// Takes a correction word apart.
    #[must_use]
    pub const fn from_word(word: u32) -> Self {
        Self {
            beta: f32::from_bits(word & !ALPHA_BITS),
            alpha: f32::from_bits((word & ALPHA_BITS).wrapping_shl(17)),
        }
    }

    /// The word that holds the upper 18 bits of β and the 14 bits of α below its sign.
    /// The rest of their bits is dropped: round before (kernel.md, K-CODE-4).
    #[must_use]
    pub const fn word(self) -> u32 {
        (self.beta.to_bits() & !ALPHA_BITS) | (self.alpha.to_bits().wrapping_shr(17) & ALPHA_BITS)
    }

    /// Reads a correction word and checks it. `offset` is its place in the file.
    ///
    /// # Errors
    /// R-QNT-3 if one of its numbers is not finite.
    pub const fn parse(word: u32, offset: u64) -> Result<Self, FormatError> {
        let found = Self::from_word(word);
        let (what, value) = if found.beta.is_finite() {
            ("α of a correction word", found.alpha)
        } else {
            ("β of a correction word", found.beta)
        };
        if value.is_finite() {
            return Ok(found);
        }
        Err(FormatError::Float {
            rule: "R-QNT-3",
            what,
            expected: Expected::Words("a finite number"),
            found: value.to_bits(),
            offset,
        })
    }
}
