//! The lists of QUANT: where they stand, their groups, and the vector numbers of second entries.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rvf_types::index::{LIST_LEN, directory_offset, read_directory};
use rvf_types::quant::{self, GroupView};
use rvf_types::{FormatError, ListEntry, ManifestHead, SegmentEntry, error::Expected};

use super::segments::bytes;
use super::work::Findings;
use crate::error::HostError;
use crate::memory::with_room;
use crate::source::ByteSource;

/// Bytes of codes that one task takes, about.
const PIECE: u64 = 4 << 20;

/// Some groups of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    list: usize,
    first: u32,
    groups: u32,
}

/// The lists of a file whose directory is right.
pub(super) struct Lists {
    quant: SegmentEntry,
    directory: Vec<ListEntry>,
    rows: u32,
    dimension: u32,
    /// The vectors that have a second entry.
    seconds: Marks,
}

impl Lists {
    /// Reads the directory and holds the length of QUANT against it (R-QNT-1). None where the directory is not known (it is
    /// damaged, or the check of INDEX tells what is wrong with it), and where the bytes of QUANT are not sound.
    pub(super) fn read(
        source: &dyn ByteSource,
        head: &ManifestHead,
        index: Option<&SegmentEntry>,
        quant: &SegmentEntry,
        sound: bool,
        findings: &Findings,
    ) -> Result<Option<Self>, HostError> {
        let Some((directory, length)) = directory_of(source, head, index)? else {
            return Ok(None);
        };
        let fits = quant::check_payload_length(quant.payload_length, length, quant.offset);
        if findings.passes(fits).is_none() || !sound {
            return Ok(None);
        }
        let any_second = directory.iter().any(|list| list.second > 0);
        Ok(Some(Self {
            quant: *quant,
            directory,
            rows: head.rows,
            dimension: head.dimension,
            seconds: Marks::new(if any_second { head.rows } else { 0 })?,
        }))
    }

    /// The tasks, which together check every byte.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece> {
        let full = quant::group_length(quant::GROUP_ENTRIES, true, self.dimension);
        let step = u32::try_from(PIECE / full.max(1)).unwrap_or(1).max(1);
        let lists = self.directory.iter().enumerate();
        lists.flat_map(move |(list, entry)| {
            let groups = quant::group_count(entry.own, entry.second);
            let starts = (0..groups).step_by(step as usize);
            starts.map(move |first| Piece {
                list,
                first,
                groups: step.min(groups - first),
            })
        })
    }

    /// Checks the groups of a piece, and the zeros behind the list if they are its last.
    pub(super) fn check(
        &self,
        source: &dyn ByteSource,
        piece: Piece,
        findings: &Findings,
    ) -> Result<(), HostError> {
        let Some(list) = self.directory.get(piece.list) else {
            return Ok(());
        };
        self.each_group(source, piece, findings, |view| {
            findings.passes(view.check(self.dimension));
            findings.passes(view.check_numbers(list, self.rows));
            for (number, _) in second_entries(view) {
                self.seconds.mark(number);
            }
        })
    }

    /// Names the second entries of vectors that have another before them, in the order of the file: when all pieces have
    /// been checked, which tells whether there are any.
    pub(super) fn name_twice(
        &self,
        source: &dyn ByteSource,
        findings: &Findings,
    ) -> Result<(), HostError> {
        if !self.seconds.twice.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.seconds.clear();
        for piece in self.pieces() {
            // What else is wrong with the groups was told.
            let told = Findings::new(0);
            self.each_group(source, piece, &told, |view| {
                for (number, offset) in second_entries(view) {
                    if self.seconds.mark(number) {
                        findings.fault(&FormatError::Field {
                            rule: "R-QNT-4",
                            what: "vector number of a second entry",
                            expected: Expected::Words(
                                "that of a vector without another second entry",
                            ),
                            found: number.into(),
                            offset,
                        });
                    }
                }
            })?;
        }
        Ok(())
    }

    fn each_group(
        &self,
        source: &dyn ByteSource,
        piece: Piece,
        findings: &Findings,
        mut take: impl FnMut(&GroupView<'_>),
    ) -> Result<(), HostError> {
        let Some(list) = self.directory.get(piece.list) else {
            return Ok(());
        };
        let group = |number| quant::group(list.own, list.second, self.dimension, number);
        let behind = piece.first.saturating_add(piece.groups);
        let from = group(piece.first).map_or(0, |group| group.tiles);
        let to = group(behind).map_or_else(
            || quant::padded_length(list.own, list.second, self.dimension),
            |group| group.tiles,
        );
        let at = self
            .quant
            .payload_offset()
            .saturating_add(list.offset)
            .saturating_add(from);
        let bytes = bytes(source, at, to.saturating_sub(from))?;
        let mut rest: &[u8] = &bytes;
        let mut place = at;
        for group in (piece.first..behind).map_while(group) {
            let Some(view) = findings.passes(GroupView::new(group, rest, place)) else {
                return Ok(());
            };
            take(&view);
            let length = usize::try_from(group.length()).unwrap_or(usize::MAX);
            rest = rest.get(length..).unwrap_or_default();
            place = place.saturating_add(group.length());
        }
        // Behind the last group of a list are zeros, behind another one is nothing.
        findings.passes(quant::check_padding(rest, place));
        Ok(())
    }
}

/// The directory, and the payload length that it asks of QUANT.
fn directory_of(
    source: &dyn ByteSource,
    head: &ManifestHead,
    index: Option<&SegmentEntry>,
) -> Result<Option<(Vec<ListEntry>, u64)>, HostError> {
    if head.lists == 1 {
        let length = quant::padded_length(head.rows, 0, head.dimension);
        return Ok(Some((vec![ListEntry::only(head.rows)], length)));
    }
    let Some(index) = index else { return Ok(None) };
    let at = index
        .payload_offset()
        .saturating_add(directory_offset(head.dimension));
    let payload = bytes(source, at, u64::from(head.lists).saturating_mul(LIST_LEN))?;
    // 65,536 at most: R-MAN-1.
    let mut directory = with_room("the list directory", head.lists as usize)?;
    let length = read_directory(
        head.rows,
        head.dimension,
        head.lists,
        &payload,
        at,
        |entry| directory.push(entry),
    );
    Ok(length.ok().map(|length| (directory, length)))
}

/// The vector numbers of a group's second entries, with their places in the file.
fn second_entries(view: &GroupView<'_>) -> impl Iterator<Item = (u32, u64)> {
    let view = *view;
    let own = view.group().own;
    let numbers = view.numbers().zip(0..).skip(own as usize);
    numbers.map(move |(number, entry)| (number, view.number_place(entry)))
}

/// A bit for each vector.
struct Marks {
    words: Vec<AtomicU64>,
    /// Whether one was marked that had been.
    twice: AtomicBool,
}

impl Marks {
    fn new(rows: u32) -> Result<Self, HostError> {
        let count = rows.div_ceil(64) as usize;
        let mut words = with_room("the marks of second entries", count)?;
        words.extend((0..count).map(|_| AtomicU64::new(0)));
        Ok(Self {
            words,
            twice: AtomicBool::new(false),
        })
    }

    /// Marks a vector; says whether it was marked before. A number that is none is passed over.
    fn mark(&self, number: u32) -> bool {
        let Some(word) = self.words.get((number / 64) as usize) else {
            return false;
        };
        let bit = 1 << (number % 64);
        let before = word.fetch_or(bit, Ordering::Relaxed) & bit != 0;
        if before {
            self.twice.store(true, Ordering::Relaxed);
        }
        before
    }

    fn clear(&self) {
        for word in &self.words {
            word.store(0, Ordering::Relaxed);
        }
    }
}
