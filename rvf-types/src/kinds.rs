//! The small enumerations and bit sets that several structures share.

use crate::error::{Expected, FormatError};

/// A byte (or a wider field) of the file as one of an enumeration's values.
macro_rules! byte_enum {
    (
        $(#[$meta:meta])* $name:ident, $what:literal, $words:literal {
            $( $(#[$vmeta:meta])* $variant:ident = $value:literal, $label:literal; )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        #[repr(u8)]
        pub enum $name {
            $( $(#[$vmeta])* #[cfg_attr(feature = "serde", serde(rename = $label))] $variant = $value, )+
        }

        impl $name {
            /// The value for a byte of the file, or none.
            #[must_use]
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte {
                    $( $value => Some(Self::$variant), )+
                    _ => None,
                }
            }

            /// The byte that stands for it in the file.
            #[must_use]
            pub const fn byte(self) -> u8 {
                match self {
                    $( Self::$variant => $value, )+
                }
            }

            /// Its short name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $( Self::$variant => $label, )+
                }
            }

            /// The value for a field of the file that holds `found`; an error of `rule` if there is none.
            pub(crate) fn parse(
                found: u64,
                rule: &'static str,
                offset: u64,
            ) -> Result<Self, FormatError> {
                u8::try_from(found).ok().and_then(Self::from_byte).ok_or(FormatError::Field {
                    rule,
                    what: $what,
                    expected: Expected::Words($words),
                    found,
                    offset,
                })
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use byte_enum;

byte_enum! {
    /// How the distance of two vectors is measured. Smaller is nearer.
    Metric, "metric", "0 (squared L2), 1 (inner product) or 2 (cosine)" {
        /// Squared Euclidean distance.
        L2 = 0, "l2";
        /// The negative of the dot product.
        InnerProduct = 1, "ip";
        /// 1 − the cosine of the angle.
        Cosine = 2, "cosine";
    }
}

byte_enum! {
    /// An element type of vectors. The order is that of exactness.
    VectorKind, "vector element type", "0 (i8), 1 (f16) or 2 (f32)" {
        /// Signed bytes with a scale for each vector.
        I8 = 0, "i8";
        /// IEEE 754 binary16.
        F16 = 1, "f16";
        /// IEEE 754 binary32.
        F32 = 2, "f32";
    }
}

byte_enum! {
    /// What the rows' ids are.
    IdKind, "id kind", "0 (none), 1 (u64) or 2 (UTF-8)" {
        /// None are kept: the id is the row.
        None = 0, "none";
        /// Unsigned 64-bit integers.
        U64 = 1, "u64";
        /// UTF-8 of 1 to 512 bytes.
        Utf8 = 2, "utf8";
    }
}

byte_enum! {
    /// The operation that made a generation of the file.
    Operation, "operation", "0 (pack); the others are reserved" {
        /// The file was packed anew.
        Pack = 0, "pack";
    }
}

/// A set of feature bits of the root (R-ROOT-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct Features(pub u64);

impl Features {
    /// No feature.
    pub const NONE: Self = Self(0);
    /// The features that this version defines: none.
    pub const KNOWN: Self = Self::NONE;

    /// The number of the lowest bit that is set here and not in `known`.
    #[must_use]
    pub const fn first_unknown(self, known: Self) -> Option<u8> {
        let unknown = self.0 & !known.0;
        // Counted rather than cast: a number of at most 64.
        let mut bit = 0_u8;
        while bit < 64 {
            if unknown.wrapping_shr(bit as u32) & 1 == 1 {
                return Some(bit);
            }
            bit = bit.saturating_add(1);
        }
        None
    }
}

/// The flags of a root record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct RootFlags(pub u16);

impl RootFlags {
    /// The file follows a draft of the format (R-ROOT-7).
    pub const DRAFT: Self = Self(1);

    /// Whether DRAFT is set.
    #[must_use]
    pub const fn is_draft(self) -> bool {
        self.0 & Self::DRAFT.0 != 0
    }
}
