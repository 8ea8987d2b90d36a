//! The 64-byte header of a segment, segment types and flags (section 2 of the format).

use crate::bytes::{Grid, Sheet, check_zero, ensure, round_up};
use crate::digest::{SegmentHash, segment_hash};
use crate::error::{Expected, FormatError};
use crate::limits::{HEADER_LEN, ROOT_PAYLOAD_LEN, SEGMENT_ALIGN, VERSION};
use core::fmt;

/// The magic of a segment header, as it stands in the file: u32 0x52564653.
pub const MAGIC: [u8; 4] = 0x5256_4653_u32.to_le_bytes();
/// Checksum algorithm: SHAKE-256.
const SHAKE_256: u8 = 2;
const WHAT: &str = "segment header";

/// The type of a segment. Any byte can be one; [`SegmentType::is_known`] tells those of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentType(pub u8);

impl SegmentType {
    /// Vectors, one element type each segment.
    pub const VEC: Self = Self(0x01);
    /// Parameters, mean, list directory, centroids.
    pub const INDEX: Self = Self(0x02);
    /// The manifest.
    pub const MANIFEST: Self = Self(0x05);
    /// 1-bit codes, list by list.
    pub const QUANT: Self = Self(0x06);
    /// A WebAssembly module.
    pub const WASM: Self = Self(0x10);
    /// The root.
    pub const ROOT: Self = Self(0x80);
    /// Digest tables.
    pub const DIGEST: Self = Self(0x81);
    /// Ids.
    pub const IDS: Self = Self(0x82);
    /// Where each row is stored.
    pub const ORDER: Self = Self(0x83);

    /// Its name, or none for a type that this version does not know.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::VEC => "VEC",
            Self::INDEX => "INDEX",
            Self::MANIFEST => "MANIFEST",
            Self::QUANT => "QUANT",
            Self::WASM => "WASM",
            Self::ROOT => "ROOT",
            Self::DIGEST => "DIGEST",
            Self::IDS => "IDS",
            Self::ORDER => "ORDER",
            _ => return None,
        })
    }

    /// Whether this version knows the type.
    #[must_use]
    pub const fn is_known(self) -> bool {
        self.name().is_some()
    }

    /// Checks a type and its flags as they stand in a header or an entry: unknown types must be
    /// ancillary (R-SEG-4), known ones have the flags of the table (`rule`).
    pub(crate) fn check_flags(
        self,
        flags: SegmentFlags,
        rule: &'static str,
        offset: u64,
    ) -> Result<(), FormatError> {
        ensure(
            flags.0 & !SegmentFlags::ANCILLARY.0 == 0,
            rule,
            "segment flags",
            Expected::Words("no flag but ANCILLARY (0x8000)"),
            u64::from(flags.0),
            offset,
        )?;
        match (self.is_known(), flags.is_ancillary()) {
            (false, false) => Err(FormatError::UnknownSegment {
                kind: self.0,
                offset,
            }),
            (true, true) => Err(FormatError::Field {
                rule,
                what: "segment flags",
                expected: Expected::Words(
                    "0, since this version defines the segment's type without a flag",
                ),
                found: u64::from(flags.0),
                offset,
            }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for SegmentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#04x}", self.0),
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for SegmentType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The flags of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct SegmentFlags(pub u16);

impl SegmentFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// A reader that does not know the type may ignore the segment (R-SEG-4).
    pub const ANCILLARY: Self = Self(0x8000);

    /// Whether ANCILLARY is set.
    #[must_use]
    pub const fn is_ancillary(self) -> bool {
        self.0 & Self::ANCILLARY.0 != 0
    }
}

/// The header of a segment. What is not a field here is the same in every segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct SegmentHeader {
    /// The type.
    pub kind: SegmentType,
    /// The flags.
    pub flags: SegmentFlags,
    /// The segment id: unique in the file, 0 for the ROOT alone.
    pub id: u64,
    /// Payload length in bytes.
    pub payload_length: u64,
    /// Nanoseconds since 1970-01-01 UTC; 0 where none is given.
    pub timestamp: u64,
    /// The first 16 bytes of the segment's hash; zero in the ROOT.
    pub content_hash: [u8; 16],
}

impl SegmentHeader {
    /// A header without flags, time and content hash.
    #[must_use]
    pub const fn new(kind: SegmentType, id: u64, payload_length: u64) -> Self {
        Self {
            kind,
            flags: SegmentFlags::NONE,
            id,
            payload_length,
            timestamp: 0,
            content_hash: [0; 16],
        }
    }

    /// The header of the ROOT segment.
    #[must_use]
    pub const fn root() -> Self {
        Self::new(SegmentType::ROOT, 0, ROOT_PAYLOAD_LEN)
    }

    /// Reads the header that `bytes` start with. `offset` is its place in the file.
    ///
    /// # Errors
    /// R-NUM-2 for fewer than 64 bytes, R-SEG-3 for a magic, version, CRC or fixed field that is
    /// wrong (R-ROOT-1 for the fields that are fixed in the ROOT alone), R-SEG-4 for a type that is neither known nor ancillary, R-SEG-1 for an offset that
    /// is not a multiple of 64 or a payload that would end behind 2⁶⁴.
    pub fn parse(bytes: &[u8], offset: u64) -> Result<Self, FormatError> {
        let grid = Grid::<64>::new(bytes, WHAT, offset)?;
        grid.magic::<0x00>("R-SEG-3", MAGIC)?;
        let version = grid.u8::<0x04>();
        if version != VERSION {
            return Err(FormatError::Version {
                rule: "R-SEG-3",
                what: WHAT,
                found: version,
                offset,
            });
        }
        grid.crc::<0x3C>("R-SEG-3")?;
        let header = Self {
            kind: SegmentType(grid.u8::<0x05>()),
            flags: SegmentFlags(grid.u16::<0x06>()),
            id: grid.u64::<0x08>(),
            payload_length: grid.u64::<0x10>(),
            timestamp: grid.u64::<0x18>(),
            content_hash: grid.array::<0x28, 16>(),
        };
        header.kind.check_flags(header.flags, "R-SEG-3", offset)?;
        let root = header.kind == SegmentType::ROOT;
        let algorithm = if root { 0 } else { SHAKE_256 };
        grid.exactly::<0x20>(
            "R-SEG-3",
            "checksum algorithm",
            grid.u8::<0x20>().into(),
            algorithm.into(),
        )?;
        grid.exactly::<0x21>("R-SEG-3", "compression", grid.u8::<0x21>().into(), 0)?;
        grid.zero::<0x22, 6>("R-SEG-3")?;
        grid.exactly::<0x38>(
            "R-SEG-3",
            "uncompressed length",
            grid.u32::<0x38>().into(),
            0,
        )?;
        if root {
            grid.exactly::<0x08>("R-ROOT-1", "segment id of the ROOT", header.id, 0)?;
            grid.exactly::<0x10>(
                "R-ROOT-1",
                "payload length of the ROOT",
                header.payload_length,
                ROOT_PAYLOAD_LEN,
            )?;
            grid.zero::<0x28, 16>("R-ROOT-1")?;
        }
        ensure(
            offset.is_multiple_of(SEGMENT_ALIGN),
            "R-SEG-1",
            "segment offset",
            Expected::MultipleOf(64),
            offset,
            offset,
        )?;
        let end = extent(header.payload_length).and_then(|len| offset.checked_add(len));
        ensure(
            end.is_some(),
            "R-SEG-1",
            "payload length",
            Expected::Words("a segment that ends before 2^64"),
            header.payload_length,
            grid.at(0x10),
        )?;
        Ok(header)
    }

    fn sheet(&self) -> Sheet<64> {
        let algorithm = if self.kind == SegmentType::ROOT {
            0
        } else {
            SHAKE_256
        };
        Sheet::new()
            .put::<0x00, 4>(MAGIC)
            .u8::<0x04>(VERSION)
            .u8::<0x05>(self.kind.0)
            .u16::<0x06>(self.flags.0)
            .u64::<0x08>(self.id)
            .u64::<0x10>(self.payload_length)
            .u64::<0x18>(self.timestamp)
            .u8::<0x20>(algorithm)
    }

    /// The 64 bytes of the header, CRC included.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 64] {
        self.sheet()
            .put::<0x28, 16>(self.content_hash)
            .crc::<0x3C>()
    }

    /// The 64 bytes of the header as they enter the segment's hash: content hash and CRC zero (R-HASH-3).
    #[must_use]
    pub fn hash_input(&self) -> [u8; 64] {
        self.sheet().finish()
    }

    /// The header with the content hash of a segment with this digest table, and the segment's hash.
    #[must_use]
    pub fn sealed(mut self, table: &[u8]) -> (Self, SegmentHash) {
        let hash = segment_hash(&self, table);
        self.content_hash = hash.content();
        (self, hash)
    }

    /// Bytes of the whole segment: header, payload and padding. None above 2⁶⁴.
    #[must_use]
    pub const fn extent(&self) -> Option<u64> {
        extent(self.payload_length)
    }
}

/// Bytes of a whole segment (header, payload, padding) with a payload of this length. None above 2⁶⁴.
#[must_use]
pub const fn extent(payload_length: u64) -> Option<u64> {
    match payload_length.checked_add(HEADER_LEN) {
        Some(len) => round_up(len, SEGMENT_ALIGN),
        None => None,
    }
}

/// Bytes of zeros behind a payload of this length: 0 to 63 (R-SEG-1).
#[must_use]
pub const fn padding(payload_length: u64) -> usize {
    let over = payload_length % SEGMENT_ALIGN;
    // The compiler sees that it is 0 to 63.
    (SEGMENT_ALIGN.saturating_sub(over) % SEGMENT_ALIGN) as usize
}

/// Checks a segment's padding: the bytes behind its payload, up to the next multiple of 64.
/// `offset` is their place in the file.
///
/// # Errors
/// R-SEG-1 for a byte that is not zero.
pub fn check_padding(bytes: &[u8], offset: u64) -> Result<(), FormatError> {
    check_zero(bytes, "R-SEG-1", "padding of a segment", offset)
}
