//! Ids as they lie in a payload.

use super::{INDEX_ENTRY_LEN, IdsHead, IndexEntry, RUN_IDS, hash, hash_u64};
use crate::bytes::{ensure, slice};
use crate::error::{Expected, FormatError};
use crate::limits::MAX_ID_LEN;
use crate::manifest::ManifestHead;
use core::fmt;

pub(super) const RULE: &str = "R-IDS-4";

/// An id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
pub enum Id<'a> {
    /// A number.
    U64(u64),
    /// UTF-8 of 1 to 512 bytes.
    Utf8(&'a str),
}

impl Id<'_> {
    /// Its hash (R-IDS-3).
    #[must_use]
    pub fn hash(&self) -> u32 {
        match *self {
            Self::U64(id) => hash_u64(id),
            Self::Utf8(id) => hash(id.as_bytes()),
        }
    }
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::U64(id) => write!(f, "{id}"),
            Self::Utf8(id) => f.write_str(id),
        }
    }
}

/// A run of at most 64 strings: its bytes, and its place in the file.
///
/// The iterator gives each string or the first fault, then ends.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    rest: &'a [u8],
    left: u32,
    offset: u64,
}

impl<'a> Run<'a> {
    /// The run of `count` strings in `bytes`. `offset` is its place in the file.
    #[must_use]
    pub const fn new(bytes: &'a [u8], count: u32, offset: u64) -> Self {
        Self {
            rest: bytes,
            left: count,
            offset,
        }
    }

    fn advance(&mut self) -> Result<&'a str, FormatError> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<2>()
            .ok_or(FormatError::TooShort {
                rule: RULE,
                what: "length of an id",
                expected: 2,
                found: self.rest.len() as u64,
                offset: self.offset,
            })?;
        let len = u16::from_le_bytes(*head);
        let most = MAX_ID_LEN as u64;
        ensure(
            (1..=most).contains(&len.into()),
            "R-LIM-1",
            "length of an id",
            Expected::Between(1, most),
            len.into(),
            self.offset,
        )?;
        let (id, rest) = rest
            .split_at_checked(len.into())
            .ok_or(FormatError::TooShort {
                rule: RULE,
                what: "id",
                expected: len.into(),
                found: rest.len() as u64,
                offset: self.offset,
            })?;
        let at = self.offset.saturating_add(2);
        self.rest = rest;
        self.offset = at.saturating_add(len.into());
        self.left = self.left.saturating_sub(1);
        ensure(
            self.left > 0 || rest.is_empty(),
            RULE,
            "bytes behind the last id of a run",
            Expected::Exactly(0),
            rest.len() as u64,
            self.offset,
        )?;
        core::str::from_utf8(id).map_err(|error| FormatError::Utf8 {
            rule: "R-LIM-1",
            what: "id",
            offset: at.saturating_add(error.valid_up_to() as u64),
        })
    }
}

impl<'a> Iterator for Run<'a> {
    type Item = Result<&'a str, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let item = self.advance();
        if item.is_err() {
            self.left = 0;
        }
        Some(item)
    }
}

/// A whole IDS payload. Its head was checked; what it holds is checked as it is used.
#[derive(Debug, Clone, Copy)]
pub struct Ids<'a> {
    pub(super) head: IdsHead,
    pub(super) payload: &'a [u8],
    /// The payload's place in the file.
    pub(super) offset: u64,
}

impl<'a> Ids<'a> {
    /// Takes a whole payload. `offset` is its place in the file.
    ///
    /// # Errors
    /// As [`IdsHead::parse`].
    pub fn parse(
        payload: &'a [u8],
        offset: u64,
        manifest: &ManifestHead,
    ) -> Result<Self, FormatError> {
        let head = IdsHead::parse(payload, payload.len() as u64, offset, manifest)?;
        Ok(Self {
            head,
            payload,
            offset,
        })
    }

    /// The head.
    #[must_use]
    pub const fn head(&self) -> &IdsHead {
        &self.head
    }

    pub(super) fn word(&self, at: u64) -> Option<u64> {
        slice(self.payload, at, 8)?
            .first_chunk()
            .map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// The id of a row; none behind the last row.
    ///
    /// # Errors
    /// R-IDS-4 and R-LIM-1 for a run that is malformed.
    pub fn get(&self, row: u32) -> Result<Option<Id<'a>>, FormatError> {
        if row >= self.head.rows {
            return Ok(None);
        }
        if let Some(id) = self.head.u64_offset(row).and_then(|at| self.word(at)) {
            return Ok(Some(Id::U64(id)));
        }
        let Some(run) = self.run(row)? else {
            return Ok(None);
        };
        let within = usize::try_from(row % RUN_IDS).unwrap_or(usize::MAX);
        for (number, id) in run.enumerate() {
            let id = id?;
            if number == within {
                return Ok(Some(Id::Utf8(id)));
            }
        }
        Ok(None)
    }

    /// The run that holds the string of a row.
    ///
    /// # Errors
    /// R-IDS-4 for block offsets that descend or leave the strings.
    pub fn run(&self, row: u32) -> Result<Option<Run<'a>>, FormatError> {
        let Some(at) = self.head.run_offset(row) else {
            return Ok(None);
        };
        let from = self.word(at).unwrap_or_default();
        let to = self.word(at.saturating_add(8)).unwrap_or_default();
        let place = self.offset.saturating_add(at);
        ensure(
            from <= to,
            RULE,
            "block offset of the ids",
            Expected::AtLeast(from),
            to,
            place,
        )?;
        let most = self.head.string_bytes;
        ensure(
            to <= most,
            RULE,
            "block offset of the ids",
            Expected::AtMost(most),
            to,
            place,
        )?;
        let at = self.head.strings_offset().saturating_add(from);
        let bytes = slice(self.payload, at, to.saturating_sub(from)).unwrap_or_default();
        Ok(Some(Run::new(
            bytes,
            self.head.run_ids(row),
            self.offset.saturating_add(at),
        )))
    }

    pub(super) fn entries(&self) -> &'a [[u8; 8]] {
        let length = u64::from(self.head.rows).saturating_mul(INDEX_ENTRY_LEN);
        slice(self.payload, self.head.index_offset, length)
            .unwrap_or_default()
            .as_chunks()
            .0
    }

    /// The row of an id; none if no row has it.
    ///
    /// # Errors
    /// R-IDS-2 for an index that names a row that is none; R-IDS-4 and R-LIM-1 for runs that are malformed.
    pub fn find(&self, id: Id<'_>) -> Result<Option<u32>, FormatError> {
        let wanted = id.hash();
        let entries = self.entries();
        let from = entries.partition_point(|bytes| IndexEntry::from_bytes(*bytes).hash < wanted);
        for bytes in entries.get(from..).unwrap_or_default() {
            let entry = IndexEntry::from_bytes(*bytes);
            if entry.hash != wanted {
                break;
            }
            let found = self.get(entry.row)?.ok_or_else(|| self.bad_row(entry))?;
            if found == id {
                return Ok(Some(entry.row));
            }
        }
        Ok(None)
    }

    pub(super) fn bad_row(&self, entry: IndexEntry) -> FormatError {
        FormatError::Field {
            rule: "R-IDS-2",
            what: "row in the hash index of IDS",
            expected: Expected::AtMost(u64::from(self.head.rows).saturating_sub(1)),
            found: entry.row.into(),
            offset: self.offset.saturating_add(self.head.index_offset),
        }
    }
}
