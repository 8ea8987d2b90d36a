//! The IDS payload: ids in the order of the rows, and a hash index (section 8 of the format).
//!
//! [`IdsHead`] gives the geometry, for readers that fetch only what they use; [`Ids`] reads a whole
//! payload; `Column` writes one piece by piece; `write_u64` and `write_utf8` build one.

#[cfg(feature = "alloc")]
mod check;
#[cfg(feature = "alloc")]
mod strings;
mod view;
#[cfg(feature = "alloc")]
mod write;

#[cfg(feature = "alloc")]
pub use strings::Strings;
pub use view::{Id, Ids, Run};
#[cfg(feature = "alloc")]
pub use write::{Column, write_u64, write_utf8};

use crate::bytes::{Grid, Sheet, ensure, round_up};
use crate::error::{Expected, FormatError};
use crate::kinds::IdKind;
use crate::limits::MAX_ID_LEN;
use crate::manifest::ManifestHead;

/// The magic of an IDS payload.
pub const MAGIC: [u8; 4] = *b"RVFD";
/// The layout of this version.
pub const LAYOUT: u16 = 1;
/// Bytes of the head.
pub const HEAD_LEN: u64 = 64;
/// Ids of a full run.
pub const RUN_IDS: u32 = 64;
/// Bytes of an entry of the hash index.
pub const INDEX_ENTRY_LEN: u64 = 8;

/// The hash of an id's bytes (R-IDS-3): FNV-1a of 64 bits, mixed, the upper half.
#[must_use]
pub fn hash(id: &[u8]) -> u32 {
    let fnv = id.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    let x = (fnv ^ fnv.wrapping_shr(33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    let [.., a, b, c, d] = (x ^ x.wrapping_shr(33)).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The hash of a u64 id.
#[must_use]
pub fn hash_u64(id: u64) -> u32 {
    hash(&id.to_le_bytes())
}

/// Number of runs of 64 ids.
#[must_use]
pub const fn run_count(rows: u32) -> u32 {
    rows.div_ceil(RUN_IDS)
}

/// Bytes of the block offsets of kind 2.
#[must_use]
pub const fn run_table_length(rows: u32) -> u64 {
    (run_count(rows) as u64).saturating_add(1).saturating_mul(8)
}

/// Where the hash index starts in the payload (R-IDS-2). Without ids, 64.
#[must_use]
pub const fn index_offset(kind: IdKind, rows: u32, string_bytes: u64) -> Option<u64> {
    let ids = match kind {
        IdKind::None => Some(0),
        IdKind::U64 => (rows as u64).checked_mul(8),
        IdKind::Utf8 => run_table_length(rows).checked_add(string_bytes),
    };
    match ids {
        Some(ids) => match ids.checked_add(HEAD_LEN) {
            Some(end) => round_up(end, 8),
            None => None,
        },
        None => None,
    }
}

/// The payload length.
#[must_use]
pub const fn payload_length(kind: IdKind, rows: u32, string_bytes: u64) -> Option<u64> {
    match index_offset(kind, rows, string_bytes) {
        Some(at) => at.checked_add((rows as u64).saturating_mul(INDEX_ENTRY_LEN)),
        None => None,
    }
}

/// The least and the greatest payload length that this many ids can have (R-MAN-4).
#[must_use]
pub fn payload_lengths(kind: IdKind, rows: u32) -> (u64, u64) {
    // A UTF-8 id has 1 to 512 bytes and a length of 2. At most 2³² · 514: nothing overflows.
    let strings = |most: u64| u64::from(rows).saturating_mul(most.saturating_add(2));
    let of = |bytes| payload_length(kind, rows, bytes).unwrap_or(u64::MAX);
    match kind {
        IdKind::Utf8 => (of(strings(1)), of(strings(MAX_ID_LEN as u64))),
        IdKind::None | IdKind::U64 => (of(0), of(0)),
    }
}

/// The head of an IDS payload, with the geometry of what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct IdsHead {
    /// What the ids are.
    pub kind: IdKind,
    /// Rows.
    pub rows: u32,
    /// Offset of the hash index in the payload.
    pub index_offset: u64,
    /// Bytes of the strings; 0 for u64.
    pub string_bytes: u64,
}

impl IdsHead {
    /// Bytes of a head.
    pub const LEN: usize = 64;

    /// The head for these ids.
    ///
    /// # Errors
    /// R-IDS-2 for a payload that would be longer than 2⁶⁴.
    pub fn new(kind: IdKind, rows: u32, string_bytes: u64) -> Result<Self, FormatError> {
        let index_offset = index_offset(kind, rows, string_bytes)
            .filter(|_| payload_length(kind, rows, string_bytes).is_some())
            .ok_or(FormatError::Field {
                rule: "R-IDS-2",
                what: "bytes of the ids",
                expected: Expected::Words("a payload of less than 2^64 bytes"),
                found: string_bytes,
                offset: 0x18,
            })?;
        Ok(Self {
            kind,
            rows,
            index_offset,
            string_bytes,
        })
    }

    /// Reads the head that an IDS payload starts with, and checks it against the manifest and the
    /// payload's length. `offset` is the payload's place in the file.
    ///
    /// # Errors
    /// R-NUM-2 for too few bytes, R-NUM-3 for reserved bytes, R-IDS-1
    /// for magic, layout, kind and rows, R-IDS-2 for lengths and offsets that do not add up.
    pub fn parse(
        bytes: &[u8],
        length: u64,
        offset: u64,
        manifest: &ManifestHead,
    ) -> Result<Self, FormatError> {
        let grid = Grid::<{ Self::LEN }>::new(bytes, "IDS", offset)?;
        grid.magic::<0x00>("R-IDS-1", MAGIC)?;
        grid.exactly::<0x04>(
            "R-IDS-1",
            "layout of IDS",
            grid.u16::<0x04>().into(),
            LAYOUT.into(),
        )?;
        grid.zero::<0x07, 1>("R-NUM-3")?;
        grid.zero::<0x20, 32>("R-NUM-3")?;
        let kind = manifest.id_kind;
        grid.exactly::<0x06>(
            "R-IDS-1",
            "id kind of IDS",
            grid.u8::<0x06>().into(),
            kind.byte().into(),
        )?;
        grid.exactly::<0x08>(
            "R-IDS-1",
            "rows of IDS",
            grid.u64::<0x08>(),
            manifest.rows.into(),
        )?;
        let string_bytes = grid.u64::<0x18>();
        if kind != IdKind::Utf8 {
            grid.exactly::<0x18>("R-IDS-1", "bytes of the strings of IDS", string_bytes, 0)?;
        }
        let head =
            Self::new(kind, manifest.rows, string_bytes).map_err(|_| FormatError::Field {
                rule: "R-IDS-2",
                what: "bytes of the strings of IDS",
                expected: Expected::AtMost(length),
                found: string_bytes,
                offset: grid.at(0x18),
            })?;
        let at = grid.u64::<0x10>();
        grid.exactly::<0x10>(
            "R-IDS-2",
            "offset of the hash index of IDS",
            at,
            head.index_offset,
        )?;
        let want = head.payload_length();
        ensure(
            length == want,
            "R-IDS-2",
            "payload length of IDS",
            Expected::Exactly(want),
            length,
            offset,
        )?;
        Ok(head)
    }

    /// The head's 64 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        Sheet::<{ Self::LEN }>::new()
            .put::<0x00, 4>(MAGIC)
            .u16::<0x04>(LAYOUT)
            .u8::<0x06>(self.kind.byte())
            .u64::<0x08>(self.rows.into())
            .u64::<0x10>(self.index_offset)
            .u64::<0x18>(self.string_bytes)
            .finish()
    }

    /// The payload length.
    #[must_use]
    pub const fn payload_length(&self) -> u64 {
        self.index_offset
            .saturating_add((self.rows as u64).saturating_mul(INDEX_ENTRY_LEN))
    }

    /// Where the u64 id of a row stands in the payload: 8 bytes. None for other kinds and rows.
    #[must_use]
    pub fn u64_offset(&self, row: u32) -> Option<u64> {
        let here = self.kind == IdKind::U64 && row < self.rows;
        u64::from(row)
            .checked_mul(8)?
            .checked_add(HEAD_LEN)
            .filter(|_| here)
    }

    /// Where the two block offsets that bound the run of a row stand in the payload: 2 × u64, each
    /// counted from [`IdsHead::strings_offset`]. None for other kinds and rows.
    #[must_use]
    pub fn run_offset(&self, row: u32) -> Option<u64> {
        let here = self.kind == IdKind::Utf8 && row < self.rows;
        u64::from(row / RUN_IDS)
            .checked_mul(8)?
            .checked_add(HEAD_LEN)
            .filter(|_| here)
    }

    /// Where the strings start in the payload (kind 2).
    #[must_use]
    pub const fn strings_offset(&self) -> u64 {
        HEAD_LEN.saturating_add(run_table_length(self.rows))
    }

    /// Ids in the run of a row: 64, or fewer in the last run.
    #[must_use]
    pub const fn run_ids(&self, row: u32) -> u32 {
        let first = row.saturating_sub(row % RUN_IDS);
        let left = self.rows.saturating_sub(first);
        if left < RUN_IDS { left } else { RUN_IDS }
    }

    /// Where entry `number` of the hash index stands in the payload: hash u32, row u32.
    #[must_use]
    pub const fn index_entry_offset(&self, number: u32) -> u64 {
        self.index_offset
            .saturating_add((number as u64).saturating_mul(INDEX_ENTRY_LEN))
    }
}

/// An entry of the hash index. The order is that of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexEntry {
    /// The hash of the id.
    pub hash: u32,
    /// Its row.
    pub row: u32,
}

impl IndexEntry {
    /// Reads an entry's 8 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = bytes;
        Self {
            hash: u32::from_le_bytes([a, b, c, d]),
            row: u32::from_le_bytes([e, f, g, h]),
        }
    }

    /// The entry's 8 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        Sheet::<8>::new()
            .u32::<0>(self.hash)
            .u32::<4>(self.row)
            .finish()
    }
}
