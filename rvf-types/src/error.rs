//! The one error type of the format.

use core::fmt;

/// What a field was asked to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// Exactly this number.
    Exactly(u64),
    /// This number or more.
    AtLeast(u64),
    /// This number or less.
    AtMost(u64),
    /// A number of this closed range.
    Between(u64, u64),
    /// A multiple of this number.
    MultipleOf(u64),
    /// What the words say.
    Words(&'static str),
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Exactly(n) => write!(f, "{n}"),
            Self::AtLeast(n) => write!(f, "at least {n}"),
            Self::AtMost(n) => write!(f, "at most {n}"),
            Self::Between(a, b) => write!(f, "{a} to {b}"),
            Self::MultipleOf(n) => write!(f, "a multiple of {n}"),
            Self::Words(words) => f.write_str(words),
        }
    }
}

/// A rule of `spec/format.md` that some bytes break.
///
/// [`FormatError::rule`] gives the name of the rule, [`FormatError::offset`] the place in the file.
/// `Display` is one sentence: where, what was expected, what was found, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatError {
    /// There are fewer bytes than the structure has.
    TooShort {
        /// The rule.
        rule: &'static str,
        /// The structure.
        what: &'static str,
        /// Bytes that it has.
        expected: u64,
        /// Bytes that are there.
        found: u64,
        /// Where it starts in the file.
        offset: u64,
    },
    /// A magic number is another one.
    Magic {
        /// The rule.
        rule: &'static str,
        /// The structure.
        what: &'static str,
        /// The bytes of the magic.
        expected: [u8; 4],
        /// The bytes that are there.
        found: [u8; 4],
        /// Where they are in the file.
        offset: u64,
    },
    /// The version byte is another one.
    Version {
        /// The rule.
        rule: &'static str,
        /// The structure.
        what: &'static str,
        /// The version that is there; 1 is the public RVF version 1.
        found: u8,
        /// Where it is in the file.
        offset: u64,
    },
    /// A CRC-32 does not match its bytes.
    Crc {
        /// The rule.
        rule: &'static str,
        /// The structure.
        what: &'static str,
        /// The CRC that is stored.
        expected: u32,
        /// The CRC of the bytes.
        found: u32,
        /// Where the structure starts in the file.
        offset: u64,
    },
    /// A byte that must be zero is not.
    NotZero {
        /// The rule.
        rule: &'static str,
        /// The structure.
        what: &'static str,
        /// The byte.
        found: u8,
        /// Where it is in the file.
        offset: u64,
    },
    /// A field holds a value that it must not hold.
    Field {
        /// The rule.
        rule: &'static str,
        /// The field.
        what: &'static str,
        /// What it may hold.
        expected: Expected,
        /// What it holds.
        found: u64,
        /// Where the field, or the structure that holds it, is in the file.
        offset: u64,
    },
    /// A floating-point field holds a value that it must not hold.
    Float {
        /// The rule.
        rule: &'static str,
        /// The field.
        what: &'static str,
        /// What it may hold.
        expected: Expected,
        /// The bits of the f32 that it holds.
        found: u32,
        /// Where the field, or the structure that holds it, is in the file.
        offset: u64,
    },
    /// A hash or digest is not that of the bytes. Only the first 16 bytes are shown.
    Hash {
        /// The rule.
        rule: &'static str,
        /// What was hashed.
        what: &'static str,
        /// The first 16 bytes of the hash that is stored.
        expected: [u8; 16],
        /// The first 16 bytes of the hash of the bytes.
        found: [u8; 16],
        /// Where the bytes start in the file.
        offset: u64,
    },
    /// Bytes that must be UTF-8 are not.
    Utf8 {
        /// The rule.
        rule: &'static str,
        /// The text.
        what: &'static str,
        /// The first byte that is no UTF-8, in the file.
        offset: u64,
    },
    /// No extent of the manifest covers a part of the file.
    Gap {
        /// The first byte that nothing covers.
        from: u64,
        /// The first byte behind it that something covers.
        to: u64,
    },
    /// Two extents of the manifest cover the same bytes, or one is out of order.
    Overlap {
        /// Where the extent starts.
        offset: u64,
        /// The end of what was covered before it.
        covered: u64,
    },
    /// Neither root record is valid.
    NoRoot {
        /// What the first one has or does not have.
        first: &'static str,
        /// What the second one has or does not have.
        second: &'static str,
    },
    /// A required feature that this reader does not know.
    UnknownFeature {
        /// The bit's number, 0 to 63.
        bit: u8,
    },
    /// A segment of a type that this reader does not know, and must know.
    UnknownSegment {
        /// The type.
        kind: u8,
        /// Where the segment's header, or its entry in the manifest, is in the file.
        offset: u64,
    },
    /// Two rows have the same id.
    DuplicateId {
        /// The lower row.
        first: u32,
        /// The higher row.
        second: u32,
    },
    /// Something that one number can't tell.
    Other {
        /// The rule.
        rule: &'static str,
        /// One sentence without its full stop.
        what: &'static str,
        /// Where it is in the file.
        offset: u64,
    },
}

impl FormatError {
    /// The name of the rule that is broken, such as `R-ROOT-2`.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match *self {
            Self::TooShort { rule, .. }
            | Self::Magic { rule, .. }
            | Self::Version { rule, .. }
            | Self::Crc { rule, .. }
            | Self::NotZero { rule, .. }
            | Self::Field { rule, .. }
            | Self::Float { rule, .. }
            | Self::Hash { rule, .. }
            | Self::Utf8 { rule, .. }
            | Self::Other { rule, .. } => rule,
            Self::Gap { .. } | Self::Overlap { .. } => "R-MAN-2",
            Self::NoRoot { .. } => "R-ROOT-2",
            Self::UnknownFeature { .. } => "R-ROOT-6",
            Self::UnknownSegment { .. } => "R-SEG-4",
            Self::DuplicateId { .. } => "R-IDS-4",
        }
    }

    /// The place in the file, in bytes from its start, where one is known.
    #[must_use]
    pub const fn offset(&self) -> Option<u64> {
        match *self {
            Self::TooShort { offset, .. }
            | Self::Magic { offset, .. }
            | Self::Version { offset, .. }
            | Self::Crc { offset, .. }
            | Self::NotZero { offset, .. }
            | Self::Field { offset, .. }
            | Self::Float { offset, .. }
            | Self::Hash { offset, .. }
            | Self::Utf8 { offset, .. }
            | Self::Overlap { offset, .. }
            | Self::UnknownSegment { offset, .. }
            | Self::Other { offset, .. } => Some(offset),
            Self::Gap { from, .. } => Some(from),
            Self::NoRoot { .. } => Some(0x200),
            Self::UnknownFeature { .. } | Self::DuplicateId { .. } => None,
        }
    }
}

/// Bytes as hexadecimal digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooShort {
                what,
                expected,
                found,
                offset,
                ..
            } => write!(
                f,
                "{what} at offset {offset}: expected {expected} bytes, found {found}; the file is cut short, get it again from its source"
            ),
            Self::Magic {
                what,
                ref expected,
                ref found,
                offset,
                ..
            } => write!(
                f,
                "{what} at offset {offset}: expected the magic {}, found {}; this is no RVF file, or it is damaged here",
                Hex(expected),
                Hex(found)
            ),
            Self::Version {
                what,
                found: 1,
                offset,
                ..
            } => write!(
                f,
                "{what} at offset {offset}: expected version 2, found 1; this is a file of the public RVF version 1, which has another layout; convert it first"
            ),
            Self::Version {
                what,
                found,
                offset,
                ..
            } => write!(
                f,
                "{what} at offset {offset}: expected version 2, found {found}; a newer reader may know it"
            ),
            Self::Crc {
                what,
                expected,
                found,
                offset,
                ..
            } => write!(
                f,
                "{what} at offset {offset}: expected CRC-32 {expected:08x}, found {found:08x}; the bytes are damaged, get the file again from its source"
            ),
            Self::NotZero {
                what,
                found,
                offset,
                ..
            } => {
                write!(
                    f,
                    "{what}: expected a zero byte at offset {offset}, found {found:#04x}"
                )
            }
            Self::Field {
                what,
                expected,
                found,
                offset,
                ..
            } => {
                write!(
                    f,
                    "{what}: expected {expected}, found {found}, at offset {offset}"
                )
            }
            Self::Float {
                what,
                expected,
                found,
                offset,
                ..
            } => write!(
                f,
                "{what}: expected {expected}, found {}, at offset {offset}",
                f32::from_bits(found)
            ),
            Self::Hash {
                what,
                ref expected,
                ref found,
                offset,
                ..
            } => write!(
                f,
                "{what} at offset {offset}: expected the hash {}…, found {}…; the bytes are damaged or were changed, get the file again from its source",
                Hex(expected),
                Hex(found)
            ),
            Self::Utf8 { what, offset, .. } => {
                write!(
                    f,
                    "{what}: expected UTF-8, found another byte at offset {offset}"
                )
            }
            Self::Gap { from, to } => write!(
                f,
                "the manifest covers no segment from offset {from} to {to}: expected every byte up to the committed length to belong to one"
            ),
            Self::Overlap { offset, covered } => write!(
                f,
                "the manifest has an extent at offset {offset}, found the file covered up to {covered} already: expected extents in order that do not overlap"
            ),
            Self::NoRoot { first, second } => write!(
                f,
                "no valid root record: expected one at offset 512 or 1024, found that the first {first} and the second {second}; get the file again from its source"
            ),
            Self::UnknownFeature { bit } => write!(
                f,
                "the file requires feature bit {bit}, which this reader does not know; read it with a newer release"
            ),
            Self::UnknownSegment { kind, offset } => write!(
                f,
                "segment type {kind:#04x} at offset {offset} is not known to this reader and must not be ignored; read the file with a newer release"
            ),
            Self::DuplicateId { first, second } => {
                write!(
                    f,
                    "rows {first} and {second} have the same id: expected ids that are unique; give one of them another id"
                )
            }
            Self::Other { what, offset, .. } => write!(f, "{what}, at offset {offset}"),
        }?;
        write!(f, " ({})", self.rule())
    }
}

impl core::error::Error for FormatError {}
