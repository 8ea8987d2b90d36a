//! The check of a whole IDS payload.

use super::view::RULE;
use super::{INDEX_ENTRY_LEN, Id, Ids, IndexEntry};
use crate::bytes::{check_zero, ensure, slice};
use crate::error::{Expected, FormatError};
use crate::kinds::IdKind;
use alloc::vec::Vec;

impl<'a> Ids<'a> {
    /// Checks every byte: runs, padding, hash index, and that ids are unique. It allocates what the
    /// longest run of equal hashes needs: 8 bytes for each of its ids (24 for strings).
    ///
    /// # Errors
    /// R-IDS-2, R-IDS-3, R-IDS-4, R-LIM-1 and R-NUM-3.
    pub fn check(&self) -> Result<(), FormatError> {
        let ids_end = match self.head.kind {
            IdKind::Utf8 => self.check_runs()?,
            _ => self.head.index_offset,
        };
        let padding = slice(
            self.payload,
            ids_end,
            self.head.index_offset.saturating_sub(ids_end),
        );
        check_zero(
            padding.unwrap_or_default(),
            "R-NUM-3",
            "IDS",
            self.offset.saturating_add(ids_end),
        )?;
        self.check_index()
    }

    fn check_runs(&self) -> Result<u64, FormatError> {
        let mut row = 0;
        let mut end = 0;
        while row < self.head.rows {
            let at = self.head.run_offset(row).unwrap_or_default();
            let from = self.word(at).unwrap_or_default();
            ensure(
                from == end,
                RULE,
                "block offset of the ids",
                Expected::Exactly(end),
                from,
                self.offset.saturating_add(at),
            )?;
            let Some(run) = self.run(row)? else { break };
            for id in run {
                id?;
            }
            end = self.word(at.saturating_add(8)).unwrap_or_default();
            row = row.saturating_add(self.head.run_ids(row).max(1));
        }
        let bytes = self.head.string_bytes;
        ensure(
            end == bytes,
            RULE,
            "last block offset of the ids",
            Expected::Exactly(bytes),
            end,
            self.offset.saturating_add(self.head.strings_offset()),
        )?;
        Ok(self.head.strings_offset().saturating_add(bytes))
    }

    /// The index ascends strictly and each entry has the hash of its row's id: so each row is there once.
    fn check_index(&self) -> Result<(), FormatError> {
        let mut before: Option<IndexEntry> = None;
        let mut equal: Vec<(Id<'a>, u32)> = Vec::new();
        for (number, bytes) in self.entries().iter().enumerate() {
            let entry = IndexEntry::from_bytes(*bytes);
            let at = (number as u64)
                .saturating_mul(INDEX_ENTRY_LEN)
                .saturating_add(self.head.index_offset);
            let place = self.offset.saturating_add(at);
            if before.is_some_and(|before| before >= entry) {
                let what = "the hash index of IDS is not in ascending order of hash and row";
                return Err(FormatError::Other {
                    rule: "R-IDS-2",
                    what,
                    offset: place,
                });
            }
            let id = self.get(entry.row)?.ok_or_else(|| self.bad_row(entry))?;
            let hash = id.hash();
            ensure(
                entry.hash == hash,
                "R-IDS-3",
                "hash in the hash index of IDS",
                Expected::Exactly(hash.into()),
                entry.hash.into(),
                place,
            )?;
            if before.is_some_and(|before| before.hash != entry.hash) {
                check_unique(&mut equal)?;
            }
            equal.push((id, entry.row));
            before = Some(entry);
        }
        check_unique(&mut equal)
    }
}

/// Checks the ids of one hash against each other, by sorting: a hostile file can give them all one hash.
fn check_unique(equal: &mut Vec<(Id<'_>, u32)>) -> Result<(), FormatError> {
    if equal.len() > 1 {
        equal.sort_unstable();
        let mut before: Option<(Id<'_>, u32)> = None;
        for &(id, row) in equal.iter() {
            if let Some((_, first)) = before.filter(|(before, _)| *before == id) {
                return Err(FormatError::DuplicateId { first, second: row });
            }
            before = Some((id, row));
        }
    }
    equal.clear();
    Ok(())
}
