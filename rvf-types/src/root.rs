//! The root: the first 4 KiB of a file, with two records that name the manifest (section 4 of the format).

use crate::bytes::{Grid, Sheet, check_zero, ensure};
use crate::digest::SegmentHash;
use crate::error::{Expected, FormatError};
use crate::header::{SegmentHeader, SegmentType, extent};
use crate::kinds::{Features, RootFlags};
use crate::limits::{
    MAX_MANIFEST_LEN, MINOR_VERSION, RECORD_LEN, RECORD_OFFSETS, ROOT_LEN, SEGMENT_ALIGN, VERSION,
};

/// The magic of a root record.
pub const MAGIC: [u8; 4] = *b"RVFR";
const WHAT: &str = "root record";

/// What one commit of a file consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct RootRecord {
    /// The minor version of the writer's format.
    pub minor_version: u8,
    /// The flags.
    pub flags: RootFlags,
    /// The generation, at least 1.
    pub generation: u64,
    /// The file's length in bytes at the commit, a multiple of 64.
    pub committed_length: u64,
    /// Offset of the MANIFEST segment's header.
    pub manifest_offset: u64,
    /// Its payload length in bytes.
    pub manifest_length: u64,
    /// Its hash.
    pub manifest_hash: SegmentHash,
    /// Features that a reader must know.
    pub required: Features,
    /// Features that a reader may ignore.
    pub optional: Features,
}

impl RootRecord {
    /// A draft's record of this minor version, without features.
    #[must_use]
    pub const fn new(
        generation: u64,
        committed_length: u64,
        manifest_offset: u64,
        manifest_length: u64,
        manifest_hash: SegmentHash,
    ) -> Self {
        Self {
            minor_version: MINOR_VERSION,
            flags: RootFlags::DRAFT,
            generation,
            committed_length,
            manifest_offset,
            manifest_length,
            manifest_hash,
            required: Features::NONE,
            optional: Features::NONE,
        }
    }

    /// Reads one record. `offset` is its place in the file. Features are not looked at.
    ///
    /// # Errors
    /// R-ROOT-2 with the first of its conditions that does not hold.
    pub fn parse(bytes: &[u8], offset: u64) -> Result<Self, FormatError> {
        const RULE: &str = "R-ROOT-2";
        let grid = Grid::<RECORD_LEN>::new(bytes, WHAT, offset)?;
        grid.magic::<0x00>(RULE, MAGIC)?;
        if grid.u8::<0x04>() != VERSION {
            return Err(FormatError::Version {
                rule: RULE,
                what: WHAT,
                found: grid.u8::<0x04>(),
                offset,
            });
        }
        grid.crc::<0x7C>(RULE)?;
        let record = Self {
            minor_version: grid.u8::<0x05>(),
            flags: RootFlags(grid.u16::<0x06>()),
            generation: grid.u64::<0x08>(),
            committed_length: grid.u64::<0x10>(),
            manifest_offset: grid.u64::<0x18>(),
            manifest_length: grid.u64::<0x20>(),
            manifest_hash: SegmentHash(grid.array::<0x28, 32>()),
            required: Features(grid.u64::<0x48>()),
            optional: Features(grid.u64::<0x50>()),
        };
        grid.zero::<0x58, 36>(RULE)?;
        let field = |holds, what, expected, found, at| {
            ensure(holds, RULE, what, expected, found, grid.at(at))
        };
        let flags = record.flags.0;
        field(
            flags & !RootFlags::DRAFT.0 == 0,
            "root flags",
            Expected::Between(0, 1),
            flags.into(),
            0x06,
        )?;
        field(
            record.generation >= 1,
            "generation",
            Expected::AtLeast(1),
            record.generation,
            0x08,
        )?;
        let committed = record.committed_length;
        field(
            committed.is_multiple_of(SEGMENT_ALIGN),
            "committed length",
            Expected::MultipleOf(64),
            committed,
            0x10,
        )?;
        let least = ROOT_LEN.saturating_add(SEGMENT_ALIGN);
        field(
            committed >= least,
            "committed length",
            Expected::AtLeast(least),
            committed,
            0x10,
        )?;
        let at = record.manifest_offset;
        field(
            at.is_multiple_of(SEGMENT_ALIGN),
            "offset of the manifest",
            Expected::MultipleOf(64),
            at,
            0x18,
        )?;
        field(
            at >= ROOT_LEN,
            "offset of the manifest",
            Expected::AtLeast(ROOT_LEN),
            at,
            0x18,
        )?;
        field(
            record.manifest_length <= MAX_MANIFEST_LEN,
            "payload length of the manifest",
            Expected::AtMost(MAX_MANIFEST_LEN),
            record.manifest_length,
            0x20,
        )?;
        field(
            record.manifest_end().is_some_and(|end| end <= committed),
            "offset of the manifest",
            Expected::Words("a manifest that ends at or before the committed length"),
            at,
            0x18,
        )?;
        Ok(record)
    }

    /// The record's 128 bytes, CRC included.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; RECORD_LEN] {
        Sheet::<RECORD_LEN>::new()
            .put::<0x00, 4>(MAGIC)
            .u8::<0x04>(VERSION)
            .u8::<0x05>(self.minor_version)
            .u16::<0x06>(self.flags.0)
            .u64::<0x08>(self.generation)
            .u64::<0x10>(self.committed_length)
            .u64::<0x18>(self.manifest_offset)
            .u64::<0x20>(self.manifest_length)
            .put::<0x28, 32>(self.manifest_hash.0)
            .u64::<0x48>(self.required.0)
            .u64::<0x50>(self.optional.0)
            .crc::<0x7C>()
    }

    /// Where the MANIFEST segment ends, padding included. None above 2⁶⁴.
    #[must_use]
    pub const fn manifest_end(&self) -> Option<u64> {
        match extent(self.manifest_length) {
            Some(len) => self.manifest_offset.checked_add(len),
            None => None,
        }
    }

    /// Checks that this reader knows every required feature.
    ///
    /// # Errors
    /// R-ROOT-6 with the lowest bit that is not in `known`.
    pub const fn check_features(&self, known: Features) -> Result<(), FormatError> {
        match self.required.first_unknown(known) {
            None => Ok(()),
            Some(bit) => Err(FormatError::UnknownFeature { bit }),
        }
    }

    /// Checks the header of the MANIFEST segment against this record.
    ///
    /// # Errors
    /// R-MAN-6 for another type, payload length or content hash.
    pub fn check_manifest_header(&self, header: &SegmentHeader) -> Result<(), FormatError> {
        const RULE: &str = "R-MAN-6";
        let at = self.manifest_offset;
        let kind = SegmentType::MANIFEST.0.into();
        let found = header.kind.0.into();
        ensure(
            found == kind,
            RULE,
            "type of the manifest's segment",
            Expected::Exactly(kind),
            found,
            at,
        )?;
        ensure(
            header.payload_length == self.manifest_length,
            RULE,
            "payload length of the manifest",
            Expected::Exactly(self.manifest_length),
            header.payload_length,
            at,
        )?;
        if header.content_hash == self.manifest_hash.content() {
            return Ok(());
        }
        Err(FormatError::Hash {
            rule: RULE,
            what: "content hash in the manifest's header",
            expected: self.manifest_hash.content(),
            found: header.content_hash,
            offset: at,
        })
    }
}

/// What a reader must know about the record that does not count (R-ROOT-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootHealth {
    /// Both records are valid and the same.
    Healthy,
    /// One record is invalid: damage, or a commit that was cut short. A writer heals it first.
    OneDamaged {
        /// Which one: 0 or 1.
        record: u8,
        /// What is wrong with it.
        why: FormatError,
    },
    /// Both are valid, of different generations: a commit was cut short. A writer heals the older one first.
    CutShort {
        /// Which one is the older: 0 or 1.
        record: u8,
        /// Its generation.
        generation: u64,
    },
}

/// The root of a file: the record that counts, and the health of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Root {
    record: RootRecord,
    health: RootHealth,
}

impl Root {
    /// Reads the first 4,096 bytes of a file.
    ///
    /// # Errors
    /// R-ROOT-1 for fewer bytes, or bytes outside the records that are not what they must be;
    /// R-SEG-3 for a damaged header; R-SEG-2 if the first segment is no ROOT; R-ROOT-2 if no record
    /// is valid; R-ROOT-3 if two of one generation differ; R-ROOT-6 for a required feature that this
    /// crate does not know.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let root = Self::parse_ignoring_features(bytes)?;
        root.record.check_features(Features::KNOWN)?;
        Ok(root)
    }

    /// As [`Root::parse`], without R-ROOT-6: for tools that describe a file that they can't read.
    ///
    /// # Errors
    /// As [`Root::parse`].
    pub fn parse_ignoring_features(bytes: &[u8]) -> Result<Self, FormatError> {
        let page = Grid::<4096>::of_rule("R-ROOT-1", bytes, "root", 0)?;
        let header = SegmentHeader::parse(bytes, 0)?;
        page.exactly::<0x05>(
            "R-SEG-2",
            "type of the first segment",
            header.kind.0.into(),
            SegmentType::ROOT.0.into(),
        )?;
        let zero =
            |bytes: &[u8], at| check_zero(bytes, "R-ROOT-1", "reserved part of the root", at);
        zero(&page.array::<0x40, 0x1C0>(), 0x40)?;
        zero(&page.array::<0x280, 0x180>(), 0x280)?;
        zero(&page.array::<0x480, 0xB80>(), 0x480)?;
        let [at0, at1] = RECORD_OFFSETS;
        let first = RootRecord::parse(&page.array::<0x200, RECORD_LEN>(), at0);
        let second = RootRecord::parse(&page.array::<0x400, RECORD_LEN>(), at1);
        let (record, health) = match (first, second) {
            (Ok(a), Ok(b)) if a.generation == b.generation => {
                if a != b {
                    return Err(FormatError::Other {
                        rule: "R-ROOT-3",
                        what: "the two root records have the same generation but differ; get the file again from its source",
                        offset: at1,
                    });
                }
                (a, RootHealth::Healthy)
            }
            (Ok(a), Ok(b)) if a.generation > b.generation => (
                a,
                RootHealth::CutShort {
                    record: 1,
                    generation: b.generation,
                },
            ),
            (Ok(a), Ok(b)) => (
                b,
                RootHealth::CutShort {
                    record: 0,
                    generation: a.generation,
                },
            ),
            (Ok(a), Err(why)) => (a, RootHealth::OneDamaged { record: 1, why }),
            (Err(why), Ok(b)) => (b, RootHealth::OneDamaged { record: 0, why }),
            (Err(first), Err(second)) => {
                return Err(FormatError::NoRoot {
                    first: cause(&first),
                    second: cause(&second),
                });
            }
        };
        Ok(Self { record, health })
    }

    /// The record that counts.
    #[must_use]
    pub const fn record(&self) -> &RootRecord {
        &self.record
    }

    /// The health of the other one.
    #[must_use]
    pub const fn health(&self) -> &RootHealth {
        &self.health
    }

    /// Checks the file's length. Gives the length of the uncommitted tail, 0 for none.
    ///
    /// # Errors
    /// R-ROOT-5 for a file that is shorter than the committed length.
    pub const fn check_file_length(&self, length: u64) -> Result<u64, FormatError> {
        match length.checked_sub(self.record.committed_length) {
            Some(tail) => Ok(tail),
            None => Err(FormatError::TooShort {
                rule: "R-ROOT-5",
                what: "the file, whose start is",
                expected: self.record.committed_length,
                found: length,
                offset: 0,
            }),
        }
    }
}

/// What is wrong with a record, in a few words.
const fn cause(error: &FormatError) -> &'static str {
    match error {
        FormatError::Magic { .. } => "has another magic",
        FormatError::Version { .. } => "has another version",
        FormatError::Crc { .. } => "does not match its CRC-32",
        FormatError::NotZero { .. } => "has a reserved byte that is not zero",
        _ => "has a field out of range",
    }
}

/// The first 4,096 bytes of a file whose two records are both this one.
#[must_use]
pub fn page(record: &RootRecord) -> [u8; 4096] {
    let record = record.to_bytes();
    Sheet::<4096>::new()
        .put::<0x00, 64>(SegmentHeader::root().to_bytes())
        .put::<0x200, RECORD_LEN>(record)
        .put::<0x400, RECORD_LEN>(record)
        .finish()
}
