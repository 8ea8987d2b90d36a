//! The ids of the rows, and the index that finds a row by its id (R-IDS-1 to R-IDS-4).

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use rvf_types::ids::{self, Column, IndexEntry, Strings};
use rvf_types::{IdKind, SegmentType};

use crate::error::PackError;
use crate::packer::{IdChoice, Options};
use crate::plan::Plan;
use crate::progress::{Phase, Reporter};
use crate::source::{Batch, Id, Place, Source};
use crate::store::batch_rows;
use crate::writer::{SegmentWriter, Storage, Written};

/// Rows between two looks at whether the work is cancelled.
const AT_ONCE: usize = 1 << 20;

/// Rows of a task: a whole number of the runs that texts stand in.
const TASK: usize = 64 * ids::RUN_IDS as usize;

/// The hash index of the ids, or the rows that share one.
pub(crate) fn index_ids(
    ids: &Ids,
    options: &Options,
    source: &mut dyn Source,
    reporter: &mut Reporter<'_, '_>,
) -> Result<HashIndex, PackError> {
    reporter.start(Phase::Ids, Some(ids.len() as u64))?;
    ids.index(reporter)?.or_else(|(first, second)| {
        let id = ids.get(second);
        let from_source = matches!(options.ids, IdChoice::Source);
        let [first, second] = places(first, second, from_source.then_some(source))?.map(Box::new);
        Err(PackError::DuplicateId { id, first, second })
    })
}

/// Writes IDS.
pub(crate) fn write_ids(
    ids: &Ids,
    index: &HashIndex,
    plan: &mut Plan,
    storage: &mut dyn Storage,
) -> Result<Written, PackError> {
    let column = ids.column();
    let head = column.head()?;
    let mut writer = SegmentWriter::new(plan.place(SegmentType::IDS, 0, head.payload_length()));
    let failed = PackError::output("write the ids");
    column
        .write(&head, index.entries(), |bytes| writer.write(storage, bytes))
        .map_err(&failed)?;
    writer.finish(storage).map_err(failed)
}

/// Where two rows stand: with their lines, if they come from a source that has lines.
fn places(
    first: usize,
    second: usize,
    source: Option<&mut dyn Source>,
) -> Result<[Place; 2], PackError> {
    let mut places = [first, second].map(|row| place_of(row as u64));
    if let Some(source) = source {
        source.rewind()?;
        let at_once = batch_rows(source.info().dimension);
        let mut batch = Batch::default();
        while source.next_batch(at_once, &mut batch)? > 0 && !batch.lines.is_empty() {
            for place in &mut places {
                let index = place.row.and_then(|row| row.checked_sub(batch.first_row));
                let line = index.and_then(|index| batch.lines.get(usize::try_from(index).ok()?));
                place.line = place.line.or(line.copied());
            }
        }
    }
    Ok(places)
}

/// The ids of the rows, in order, as compact as in the file.
#[derive(Debug)]
pub(crate) enum Ids {
    Numbers(Vec<u64>),
    Texts(Strings),
}

/// An id is of another kind than the first, or a text is empty or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadId {
    pub(crate) expected: &'static str,
}

/// A list of ids in place of those of the source, as compact as in the file. What is wrong with it is told when it is
/// used.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    ids: Option<Arc<Ids>>,
    count: u64,
    /// The first row whose id can't be taken.
    bad: Option<(u64, BadId)>,
}

impl Listed {
    /// Takes the list: each text is dropped as soon as its bytes are taken over.
    pub(crate) fn new(list: Vec<Id>) -> Self {
        let count = list.len() as u64;
        let mut ids: Option<Ids> = None;
        let mut bad = None;
        for (row, id) in (0..).zip(list) {
            let pushed = ids.get_or_insert_with(|| Ids::like(&id)).push(&id);
            if let Err(found) = pushed {
                bad = Some((row, found));
                break;
            }
        }
        Self {
            ids: ids.map(Arc::new),
            count,
            bad,
        }
    }

    /// Refuses what can't be the ids of any rows: before any of them is read.
    pub(crate) fn check(&self, reporter: &mut Reporter<'_, '_>) -> Result<(), PackError> {
        if let Some((row, bad)) = self.bad {
            return Err(PackError::BadId {
                place: Box::new(place_of(row)),
                expected: bad.expected,
            });
        }
        let Some(ids) = &self.ids else {
            return Ok(());
        };
        match ids.index(reporter)? {
            Ok(_) => Ok(()),
            Err((first, second)) => Err(PackError::DuplicateId {
                id: ids.get(second),
                first: Box::new(place_of(first as u64)),
                second: Box::new(place_of(second as u64)),
            }),
        }
    }

    /// The ids for so many rows.
    pub(crate) fn for_rows(&self, rows: u64) -> Result<Arc<Ids>, PackError> {
        let ids = self.ids.clone().filter(|_| self.count == rows);
        ids.ok_or(PackError::IdCount {
            rows,
            ids: self.count,
        })
    }
}

fn place_of(row: u64) -> Place {
    Place {
        row: Some(row),
        ..Place::default()
    }
}

impl Ids {
    /// A place for ids of the kind of `first`.
    pub(crate) fn like(first: &Id) -> Self {
        match first {
            Id::U64(_) => Self::Numbers(Vec::new()),
            Id::Text(_) => Self::Texts(Strings::new()),
        }
    }

    /// The ids as the writer of the payload takes them.
    fn column(&self) -> Column<'_> {
        match self {
            Self::Numbers(numbers) => Column::U64(numbers),
            Self::Texts(texts) => Column::Utf8(texts),
        }
    }

    pub(crate) fn kind(&self) -> IdKind {
        self.column().kind()
    }

    pub(crate) fn len(&self) -> usize {
        self.column().len()
    }

    /// Appends the id of the next row.
    pub(crate) fn push(&mut self, id: &Id) -> Result<(), BadId> {
        match (self, id) {
            (Self::Numbers(numbers), Id::U64(number)) => numbers.push(*number),
            (Self::Texts(texts), Id::Text(text)) => texts.push(text).map_err(|_| BadId {
                expected: "a text of 1 to 512 bytes",
            })?,
            (Self::Numbers(_), Id::Text(_)) => {
                return Err(BadId {
                    expected: "a number, as the first id is one",
                });
            }
            (Self::Texts(_), Id::U64(_)) => {
                return Err(BadId {
                    expected: "a text, as the first id is one",
                });
            }
        }
        Ok(())
    }

    /// The bytes of the id of a row: 8 of a number, or a text's own.
    fn bytes(&self, row: usize) -> IdBytes<'_> {
        match self {
            Self::Numbers(numbers) => IdBytes::Number(numbers[row].to_le_bytes()),
            Self::Texts(texts) => IdBytes::Text(texts.get(row).unwrap_or_default()),
        }
    }

    /// The id of a row.
    pub(crate) fn get(&self, row: usize) -> Id {
        match self.bytes(row) {
            IdBytes::Number(bytes) => Id::U64(u64::from_le_bytes(bytes)),
            IdBytes::Text(bytes) => Id::Text(String::from_utf8_lossy(bytes).into_owned()),
        }
    }

    /// The hash index, or the first row whose id an earlier one has, behind that one.
    fn index(
        &self,
        reporter: &mut Reporter<'_, '_>,
    ) -> Result<Result<HashIndex, (usize, usize)>, PackError> {
        let mut keys: Vec<u64> = Vec::with_capacity(self.len());
        for first in (0..self.len()).step_by(AT_ONCE) {
            let rows = first..self.len().min(first + AT_ONCE);
            let tasks = rows.clone().into_par_iter().step_by(TASK);
            keys.par_extend(tasks.flat_map_iter(|task| self.keys(task..rows.end.min(task + TASK))));
            reporter.done(rows.end as u64)?;
        }
        keys.par_sort_unstable();
        reporter.done(self.len() as u64)?;
        Ok(match self.first_duplicate(&keys) {
            Some(rows) => Err(rows),
            None => Ok(HashIndex { keys }),
        })
    }

    /// For each of some rows, the first of which starts a run, its hash in the upper and its number in the lower half.
    fn keys(&self, rows: Range<usize>) -> Vec<u64> {
        let key = |(row, bytes): (usize, &[u8])| u64::from(ids::hash(bytes)) << 32 | row as u64;
        match self {
            Self::Numbers(numbers) => rows
                .clone()
                .zip(&numbers[rows])
                .map(|(row, number)| key((row, &number.to_le_bytes())))
                .collect(),
            Self::Texts(texts) => rows
                .clone()
                .zip(texts.from_run(rows.start / ids::RUN_IDS as usize))
                .map(key)
                .collect(),
        }
    }

    fn first_duplicate(&self, keys: &[u64]) -> Option<(usize, usize)> {
        let same_hash = keys
            .chunk_by(|a, b| a >> 32 == b >> 32)
            .filter(|group| group.len() > 1);
        let row = |key: &u64| (key & u64::from(u32::MAX)) as usize;
        let mut first: Option<(usize, usize)> = None;
        for group in same_hash {
            let mut rows: Vec<usize> = group.iter().map(row).collect();
            // Stable: equal ids stay in the order of their rows.
            rows.sort_by(|a, b| self.bytes(*a).as_slice().cmp(self.bytes(*b).as_slice()));
            for pair in rows.windows(2) {
                if let [earlier, later] = *pair
                    && self.bytes(earlier).as_slice() == self.bytes(later).as_slice()
                    && first.is_none_or(|(_, before)| later < before)
                {
                    first = Some((earlier, later));
                }
            }
        }
        first
    }
}

enum IdBytes<'a> {
    Number([u8; 8]),
    Text(&'a [u8]),
}

impl IdBytes<'_> {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Number(bytes) => bytes,
            Self::Text(bytes) => bytes,
        }
    }
}

/// The rows in ascending order of (hash of the id, row).
#[derive(Debug)]
pub(crate) struct HashIndex {
    /// The hash in the upper half, the row in the lower.
    keys: Vec<u64>,
}

impl HashIndex {
    fn entries(&self) -> impl Iterator<Item = IndexEntry> {
        self.keys.iter().map(|key| IndexEntry {
            hash: (key >> 32) as u32,
            row: *key as u32,
        })
    }
}
