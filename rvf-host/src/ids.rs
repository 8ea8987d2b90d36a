//! From rows to ids and back (format.md, section 8).

use std::fmt;
use std::ops::Range;

use rvf_types::ids::{IndexEntry, RUN_IDS, Run};
use rvf_types::limits::MAX_ID_LEN;
use rvf_types::{FormatError, IdKind, IdsHead};

pub use rvf_types::ids::Id;

use crate::checked::Span;
use crate::error::HostError;
use crate::reader::Reader;

/// An id that owns its text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(untagged))]
pub enum IdBuf {
    /// A number. Where a file keeps no ids it is the row.
    U64(u64),
    /// UTF-8 of 1 to 512 bytes.
    Utf8(String),
}

impl IdBuf {
    /// The same id, borrowed.
    #[must_use]
    pub fn as_id(&self) -> Id<'_> {
        match self {
            Self::U64(id) => Id::U64(*id),
            Self::Utf8(id) => Id::Utf8(id),
        }
    }
}

impl From<Id<'_>> for IdBuf {
    fn from(id: Id<'_>) -> Self {
        match id {
            Id::U64(id) => Self::U64(id),
            Id::Utf8(id) => Self::Utf8(id.to_owned()),
        }
    }
}

impl fmt::Display for IdBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_id().fmt(f)
    }
}

/// A run has at most 64 strings, each of at most 512 bytes and a length of 2.
const MAX_RUN: u64 = RUN_IDS as u64 * (MAX_ID_LEN as u64 + 2);

impl Reader {
    /// The id of a row; the row itself where the file keeps none.
    ///
    /// # Errors
    /// [`HostError::NoRow`]; [`HostError::Format`] for damage.
    pub fn id(&self, row: u32) -> Result<IdBuf, HostError> {
        self.check_row(row)?;
        match self.head().id_kind {
            IdKind::None => Ok(IdBuf::U64(row.into())),
            IdKind::U64 => {
                let (segment, head) = self.ids_head()?;
                let at = head.u64_offset(row).unwrap_or(u64::MAX);
                Ok(IdBuf::U64(u64::from_le_bytes(
                    self.read_array(segment, at)?,
                )))
            }
            IdKind::Utf8 => {
                let mut found = None;
                self.for_run(row, |at, id| {
                    if at == row {
                        found = Some(IdBuf::Utf8(id.to_owned()));
                    }
                })?;
                found.ok_or_else(|| self.no_row(row.into()))
            }
        }
    }

    /// The row that has an id.
    ///
    /// # Errors
    /// [`HostError::NoId`] if no row has it, or the file's ids are of another kind; [`HostError::Format`] for
    /// damage.
    pub fn row_of(&self, id: Id<'_>) -> Result<u32, HostError> {
        let no_id = || HostError::NoId { id: id.to_string() };
        match (self.head().id_kind, id) {
            (IdKind::None, Id::U64(number)) => u32::try_from(number)
                .ok()
                .filter(|&row| row < self.rows())
                .ok_or_else(no_id),
            (IdKind::U64, Id::U64(_)) | (IdKind::Utf8, Id::Utf8(_)) => {
                let wanted = id.hash();
                let (segment, head) = self.ids_head()?;
                for number in self.equal_hashes(segment, &head, wanted)? {
                    let entry = self.index_entry(segment, &head, number)?;
                    if entry.hash == wanted && self.id(entry.row)?.as_id() == id {
                        return Ok(entry.row);
                    }
                }
                Err(no_id())
            }
            _ => Err(no_id()),
        }
    }

    /// Text as an id of this file's kind: where ids are numbers, or rows, it must be a number.
    ///
    /// # Errors
    /// [`HostError::NoId`] for text that is no number where the ids are.
    pub fn parse_id<'a>(&self, text: &'a str) -> Result<Id<'a>, HostError> {
        match self.head().id_kind {
            IdKind::Utf8 => Ok(Id::Utf8(text)),
            IdKind::None | IdKind::U64 => text.parse().map(Id::U64).map_err(|_| HostError::NoId {
                id: text.to_owned(),
            }),
        }
    }

    /// The IDS segment's number and head.
    fn ids_head(&self) -> Result<(usize, IdsHead), HostError> {
        let (segment, entry) = self.ids_segment()?;
        let bytes: [u8; IdsHead::LEN] = self.read_array(segment, 0)?;
        let head = IdsHead::parse(
            &bytes,
            entry.payload_length,
            entry.payload_offset(),
            self.head(),
        )?;
        Ok((segment, head))
    }

    fn read_array<const N: usize>(&self, segment: usize, from: u64) -> Result<[u8; N], HostError> {
        let mut bytes = [0; N];
        self.file().read(
            Span {
                segment,
                from,
                len: N,
            },
            &mut bytes,
        )?;
        Ok(bytes)
    }

    /// Calls `each` with the rows and ids of the run that holds `row`.
    fn for_run(&self, row: u32, mut each: impl FnMut(u32, &str)) -> Result<(), HostError> {
        let (segment, head) = self.ids_head()?;
        let (_, entry) = self.ids_segment()?;
        let bounds_at = head.run_offset(row).unwrap_or(u64::MAX);
        let bounds: [u8; 16] = self.read_array(segment, bounds_at)?;
        let (from, to) = bounds.split_at(8);
        let word = |bytes: &[u8]| {
            bytes
                .first_chunk()
                .map_or(0, |bytes| u64::from_le_bytes(*bytes))
        };
        let (from, to) = (word(from), word(to));
        let len = to
            .checked_sub(from)
            .filter(|&len| len <= MAX_RUN && to <= head.string_bytes);
        let Some(len) = len.and_then(|len| usize::try_from(len).ok()) else {
            return Err(FormatError::Other {
                rule: "R-IDS-4",
                what: "the block offsets of the ids are out of order or too far apart",
                offset: entry.payload_offset().saturating_add(bounds_at),
            }
            .into());
        };
        let start = head.strings_offset().saturating_add(from);
        let bytes = self.file().read_vec(Span {
            segment,
            from: start,
            len,
        })?;
        let run = Run::new(
            &bytes,
            head.run_ids(row),
            entry.payload_offset().saturating_add(start),
        );
        let first = row - row % RUN_IDS;
        for (row, id) in (first..).zip(run) {
            each(row, id?);
        }
        Ok(())
    }

    fn index_entry(
        &self,
        segment: usize,
        head: &IdsHead,
        number: u32,
    ) -> Result<IndexEntry, HostError> {
        let bytes = self.read_array(segment, head.index_entry_offset(number))?;
        let entry = IndexEntry::from_bytes(bytes);
        if entry.row < head.rows {
            return Ok(entry);
        }
        let at = self
            .ids_segment()?
            .1
            .payload_offset()
            .saturating_add(head.index_entry_offset(number));
        Err(FormatError::Other {
            rule: "R-IDS-2",
            what: "the hash index of the ids names a row that the file does not have",
            offset: at,
        }
        .into())
    }

    /// The entries of the hash index that may have this hash: from the first that has it.
    fn equal_hashes(
        &self,
        segment: usize,
        head: &IdsHead,
        wanted: u32,
    ) -> Result<Range<u32>, HostError> {
        let first = |least: u64, from: u32| self.first_at_least(segment, head, least, from);
        let from = first(wanted.into(), 0)?;
        let to = first(u64::from(wanted) + 1, from)?;
        Ok(from..to)
    }

    /// The first entry, not before `from`, whose hash is at least `least`; the number of rows if there is none.
    ///
    /// Hashes are evenly spread, so a guess by proportion narrows the search: it takes few reads near one place
    /// where a plain binary search takes some twenty all over the segment.
    fn first_at_least(
        &self,
        segment: usize,
        head: &IdsHead,
        least: u64,
        from: u32,
    ) -> Result<u32, HostError> {
        let (mut low, mut high) = (from, head.rows);
        let guess = (u64::from(head.rows) * least.min(1 << 32)) >> 32;
        // The guess is off by some √rows / 2; eight times that is as good as always enough.
        let reach = 4 * f64::from(head.rows).sqrt() as u64 + 8;
        let narrow = |at: u64| u32::try_from(at).unwrap_or(u32::MAX).clamp(from, head.rows);
        let (below, above) = (narrow(guess.saturating_sub(reach)), narrow(guess + reach));
        if below > low && u64::from(self.index_entry(segment, head, below - 1)?.hash) < least {
            low = below;
        }
        if above < high
            && above >= low
            && u64::from(self.index_entry(segment, head, above)?.hash) >= least
        {
            high = above;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if u64::from(self.index_entry(segment, head, middle)?.hash) < least {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}
