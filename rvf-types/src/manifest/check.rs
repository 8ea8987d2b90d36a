//! The rules of a manifest that reach over more than one of its parts, or over its file.

use super::{DeadExtent, Effort, Manifest, SegmentEntry};
use crate::bytes::ensure;
use crate::error::{Expected, FormatError};
use crate::header::{SegmentType, extent};
use crate::ids;
use crate::index;
use crate::kinds::{IdKind, VectorKind};
use crate::limits::{DEAD_LEN, EFFORT_LEN, ENTRY_LEN, HEADER_LEN, MANIFEST_BLOCK_LOG, ROOT_LEN};
use crate::order;
use crate::quant;
use crate::root::RootRecord;
use crate::vec;
use crate::wasm;

impl Manifest<'_> {
    /// Each entry by itself.
    pub(super) fn check_entries(&self, mut at: u64) -> Result<(), FormatError> {
        for bytes in self.entries.as_chunks::<{ SegmentEntry::LEN }>().0 {
            SegmentEntry::parse(bytes, at)?;
            at = at.saturating_add(ENTRY_LEN);
        }
        Ok(())
    }

    /// Offsets and ids of the entries ascend (R-MAN-2).
    pub(super) fn check_order(&self, mut at: u64) -> Result<(), FormatError> {
        let mut before: Option<SegmentEntry> = None;
        for entry in self.entries() {
            if let Some(before) = before {
                ascending("offset of a segment entry", before.offset, entry.offset, at)?;
                ascending("id of a segment entry", before.id, entry.id, at)?;
            }
            before = Some(entry);
            at = at.saturating_add(ENTRY_LEN);
        }
        Ok(())
    }

    /// Which segments there are (R-MAN-3).
    pub(super) fn check_composition(&self) -> Result<(), FormatError> {
        let wanted = |kind, wanted| self.expect_count(kind, self.of_type(kind).count(), wanted);
        wanted(SegmentType::INDEX, true)?;
        wanted(SegmentType::QUANT, true)?;
        wanted(SegmentType::IDS, self.head.id_kind != IdKind::None)?;
        wanted(SegmentType::ORDER, self.head.lists > 1)?;
        for kind in [VectorKind::I8, VectorKind::F16, VectorKind::F32] {
            let found = self
                .of_type(SegmentType::VEC)
                .filter(|entry| entry.vector_kind() == Some(kind))
                .count();
            self.expect_count(
                SegmentType::VEC,
                found,
                kind == VectorKind::I8 || kind == self.head.vectors,
            )?;
        }
        Ok(())
    }

    fn expect_count(
        &self,
        kind: SegmentType,
        found: usize,
        wanted: bool,
    ) -> Result<(), FormatError> {
        let what = match kind {
            SegmentType::INDEX => "number of INDEX segments",
            SegmentType::QUANT => "number of QUANT segments",
            SegmentType::IDS => "number of IDS segments",
            SegmentType::ORDER => "number of ORDER segments",
            _ => "number of VEC segments of one element type",
        };
        let wanted = u64::from(wanted);
        let found = found as u64;
        let [at, ..] = self.offsets;
        ensure(
            found == wanted,
            "R-MAN-3",
            what,
            Expected::Exactly(wanted),
            found,
            at,
        )
    }

    /// Each dead extent by itself; offsets ascend (R-MAN-2).
    pub(super) fn check_dead(&self, mut at: u64) -> Result<(), FormatError> {
        let mut before: Option<DeadExtent> = None;
        for bytes in self.dead.as_chunks::<{ DeadExtent::LEN }>().0 {
            let dead = DeadExtent::parse(bytes, at)?;
            if let Some(before) = before {
                ascending("offset of a dead extent", before.offset, dead.offset, at)?;
            }
            before = Some(dead);
            at = at.saturating_add(DEAD_LEN);
        }
        Ok(())
    }

    /// Generation 1 has no predecessor, a later one has one, whose manifest is one of the dead
    /// extents (R-MAN-7).
    pub(super) fn check_predecessor(&self) -> Result<(), FormatError> {
        const RULE: &str = "R-MAN-7";
        let [entries, at, ..] = self.offsets;
        let set = self
            .head
            .predecessor
            .map(|p| [p.offset != 0, p.payload_length != 0, !p.hash.is_zero()]);
        let Some(before) = self
            .head
            .predecessor
            .filter(|_| self.head.generation > 1 && set == Some([true; 3]))
        else {
            return ensure(
                self.head.generation == 1 && set.is_none(),
                RULE,
                "predecessor of the manifest",
                Expected::Words(
                    "offset, length and hash all zero in generation 1, all set in a later one",
                ),
                self.head.predecessor.map_or(0, |before| before.offset),
                entries,
            );
        };
        let listed = self.dead().any(|dead| {
            dead.offset == before.offset
                && Some(dead.length) == extent(before.payload_length)
                && dead.hash == before.hash
                && dead.block_log == MANIFEST_BLOCK_LOG
        });
        ensure(
            listed,
            RULE,
            "offset of the predecessor",
            Expected::Words(
                "one of the dead extents, with the predecessor's length, hash and block size",
            ),
            before.offset,
            at,
        )
    }

    /// Each effort entry by itself; k ascends, and for one k the recall (R-MAN-8).
    pub(super) fn check_efforts(&self, mut at: u64) -> Result<(), FormatError> {
        let mut before: Option<Effort> = None;
        for bytes in self.efforts.as_chunks::<{ Effort::LEN }>().0 {
            let effort = Effort::parse(bytes, at, self.head.vectors)?;
            if let Some(before) = before {
                let less = |a: &Effort, b: &Effort| {
                    u64::from(a.hits).saturating_mul(b.total.into())
                        < u64::from(b.hits).saturating_mul(a.total.into())
                };
                ensure(
                    before.k < effort.k || (before.k == effort.k && less(&before, &effort)),
                    "R-MAN-8",
                    "k of an effort entry",
                    Expected::Words("entries in ascending order of k, then of recall"),
                    effort.k.into(),
                    at,
                )?;
            }
            before = Some(effort);
            at = at.saturating_add(EFFORT_LEN);
        }
        Ok(())
    }

    /// The properties are as many as the head says, and their keys ascend (R-MAN-1).
    pub(super) fn check_properties(&self) -> Result<(), FormatError> {
        let mut rest = self.properties();
        let mut before: Option<&str> = None;
        let mut found = 0_u64;
        loop {
            let at = rest.offset;
            let Some((key, _)) = rest.advance()? else {
                break;
            };
            if before.is_some_and(|before| before.as_bytes() >= key.as_bytes()) {
                let what =
                    "the keys of the properties are not in strictly ascending order of their bytes";
                return Err(FormatError::Other {
                    rule: "R-MAN-1",
                    what,
                    offset: at,
                });
            }
            before = Some(key);
            found = found.saturating_add(1);
        }
        let wanted = u64::from(self.property_count);
        let [.., at] = self.offsets;
        ensure(
            found == wanted,
            "R-MAN-1",
            "number of properties",
            Expected::Exactly(wanted),
            found,
            at,
        )
    }

    /// Checks everything that manifest and root say about the file together: generation (R-MAN-1),
    /// predecessor (R-MAN-7), coverage and ids (R-MAN-2), digest tables (R-MAN-5). The rest was checked by [`Manifest::parse`]. `manifest_id` is the segment
    /// id in the MANIFEST's own header, which no entry may have.
    ///
    /// It reads no byte of the file, and takes time proportional to the manifest (times a logarithm).
    ///
    /// # Errors
    /// The first of those rules that is broken.
    pub fn check_file(&self, record: &RootRecord, manifest_id: u64) -> Result<(), FormatError> {
        self.check_generation(record)?;
        self.check_predecessor()?;
        self.check_coverage(record)?;
        ensure(
            manifest_id != 0 && self.entries().all(|entry| entry.id != manifest_id),
            "R-MAN-2",
            "segment id of the manifest",
            Expected::Words("an id that is not 0 and that no live segment has"),
            manifest_id,
            record.manifest_offset,
        )?;
        self.check_tables()
    }

    fn check_generation(&self, record: &RootRecord) -> Result<(), FormatError> {
        ensure(
            self.head.generation == record.generation,
            "R-MAN-1",
            "generation of the manifest",
            Expected::Exactly(record.generation),
            self.head.generation,
            record.manifest_offset,
        )
    }

    /// The ROOT, the live segments, the dead extents and the manifest cover the file from 0 to the
    /// committed length with no gap and no overlap (R-MAN-2).
    fn check_coverage(&self, record: &RootRecord) -> Result<(), FormatError> {
        // Three runs, each in ascending order, are merged into one; a bad end reads as no end.
        let mut live = self
            .entries()
            .map(|entry| (entry.offset, entry.end()))
            .peekable();
        let mut dead = self.dead().map(|dead| (dead.offset, dead.end())).peekable();
        let mut own = core::iter::once((record.manifest_offset, record.manifest_end())).peekable();
        let mut covered = ROOT_LEN;
        loop {
            let heads = [
                live.peek().copied(),
                dead.peek().copied(),
                own.peek().copied(),
            ];
            let Some((offset, end)) = heads
                .into_iter()
                .flatten()
                .min_by_key(|&(offset, _)| offset)
            else {
                break;
            };
            if offset > covered {
                return Err(FormatError::Gap {
                    from: covered,
                    to: offset,
                });
            }
            let end = match end {
                Some(end) if offset == covered && end <= record.committed_length => end,
                Some(end) if offset == covered => {
                    return Err(FormatError::Field {
                        rule: "R-MAN-2",
                        what: "end of a segment",
                        expected: Expected::AtMost(record.committed_length),
                        found: end,
                        offset,
                    });
                }
                _ => return Err(FormatError::Overlap { offset, covered }),
            };
            covered = end;
            // One run at a time: a second extent at the same offset is then seen as an overlap.
            let here = |&(head, _): &(u64, Option<u64>)| head == offset;
            let _ = live
                .next_if(here)
                .or_else(|| dead.next_if(here))
                .or_else(|| own.next_if(here));
        }
        if covered == record.committed_length {
            return Ok(());
        }
        Err(FormatError::Gap {
            from: covered,
            to: record.committed_length,
        })
    }

    /// Payload lengths are those that rows, dimension and lists ask for (R-MAN-4, R-WASM-1).
    pub(super) fn check_lengths(&self) -> Result<(), FormatError> {
        let head = &self.head;
        for entry in self.entries() {
            let (what, least, most) = match entry.kind {
                SegmentType::INDEX => {
                    let len = index::payload_length(head.dimension, head.lists);
                    ("payload length of INDEX", len, len)
                }
                SegmentType::QUANT => {
                    // With more lists the directory says how long each is: that is checked with the INDEX (R-QNT-1).
                    let one = quant::padded_length(head.rows, 0, head.dimension);
                    let (least, most) = if head.lists > 1 {
                        (0, u64::MAX)
                    } else {
                        (one, one)
                    };
                    ("payload length of QUANT", least, most)
                }
                SegmentType::VEC => {
                    let Some(kind) = entry.vector_kind() else {
                        continue;
                    };
                    let len = vec::payload_length(kind, head.rows, head.dimension);
                    ("payload length of VEC", len, len)
                }
                SegmentType::IDS => {
                    let (least, most) = ids::payload_lengths(head.id_kind, head.rows);
                    ("payload length of IDS", least, most)
                }
                SegmentType::ORDER => {
                    let len = order::payload_length(head.rows);
                    ("payload length of ORDER", len, len)
                }
                SegmentType::WASM => {
                    wasm::check_payload_length(entry.payload_length, entry.offset)?;
                    continue;
                }
                _ => continue,
            };
            let found = entry.payload_length;
            let field =
                |holds, expected| ensure(holds, "R-MAN-4", what, expected, found, entry.offset);
            let expected = if least == most {
                Expected::Exactly(least)
            } else {
                Expected::Between(least, most)
            };
            field((least..=most).contains(&found), expected)?;
            let unit = match entry.kind {
                SegmentType::QUANT => 64,
                SegmentType::IDS => 8,
                _ => continue,
            };
            field(found.is_multiple_of(unit), Expected::MultipleOf(unit))?;
        }
        Ok(())
    }

    /// Each stored digest table lies inside the payload of one live DIGEST segment (R-MAN-5).
    fn check_tables(&self) -> Result<(), FormatError> {
        let entries = self.entries.as_chunks::<{ SegmentEntry::LEN }>().0;
        for entry in self.entries().filter(|entry| entry.table != 0) {
            // Entries ascend by offset: the holder is the last that starts at or before the table.
            let after =
                entries.partition_point(|bytes| SegmentEntry::decode(bytes).offset <= entry.table);
            let holder = after.checked_sub(1).and_then(|number| self.entry(number));
            let end = entry.table.checked_add(entry.table_length());
            let inside = holder.is_some_and(|holder| {
                let from = holder.offset.saturating_add(HEADER_LEN);
                let to = from.saturating_add(holder.payload_length);
                holder.kind == SegmentType::DIGEST
                    && from <= entry.table
                    && end.is_some_and(|end| end <= to)
            });
            ensure(
                inside,
                "R-MAN-5",
                "offset of a digest table",
                Expected::Words("a table that lies inside the payload of a live DIGEST segment"),
                entry.table,
                entry.offset,
            )?;
        }
        Ok(())
    }
}

fn ascending(what: &'static str, before: u64, found: u64, at: u64) -> Result<(), FormatError> {
    let expected = Expected::AtLeast(before.saturating_add(1));
    ensure(found > before, "R-MAN-2", what, expected, found, at)
}
