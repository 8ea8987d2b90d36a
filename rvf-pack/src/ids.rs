//! The ids of the rows, and the index that finds a row by its id (R-IDS-1 to R-IDS-4).

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use rvf_types::{IdKind, SegmentType, ids, limits};

use crate::error::PackError;
use crate::packer::{IdChoice, Options};
use crate::plan::Plan;
use crate::progress::{Phase, Reporter};
use crate::source::{Batch, Id, Place, Source};
use crate::store::batch_rows;
use crate::writer::{SegmentWriter, Storage, Written};

/// Texts stand in runs of this many; the start of each run is stored.
const RUN: usize = 64;

/// Bytes of the head of the payload.
const HEAD: u64 = 64;

/// Bytes of an entry of the hash index.
const ENTRY: u64 = 8;

/// Entries of the hash index that are written at once.
const ENTRIES_AT_ONCE: usize = 64 << 10;

/// The hash index of the ids, or the rows that share one.
pub(crate) fn index_ids(
    ids: &Ids,
    options: &Options,
    source: &mut dyn Source,
    reporter: &mut Reporter<'_, '_>,
) -> Result<HashIndex, PackError> {
    reporter.start(Phase::Ids, Some(ids.len() as u64))?;
    ids.index().or_else(|(first, second)| {
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
    let mut writer = SegmentWriter::new(plan.place(SegmentType::IDS, 0, ids.payload_length()));
    let failed = PackError::output("write the ids");
    ids.write(index, |bytes| writer.write(storage, bytes))
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
    Texts(Texts),
}

/// Texts as they stand in the payload: for each its length (u16) and its bytes.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    /// Where each run of 64 starts.
    runs: Vec<u64>,
    count: usize,
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
    pub(crate) fn check(&self) -> Result<(), PackError> {
        if let Some((row, bad)) = self.bad {
            return Err(PackError::BadId {
                place: Box::new(place_of(row)),
                expected: bad.expected,
            });
        }
        let duplicate = self.ids.as_ref().and_then(|ids| ids.index().err());
        match (&self.ids, duplicate) {
            (Some(ids), Some((first, second))) => Err(PackError::DuplicateId {
                id: ids.get(second),
                first: Box::new(place_of(first as u64)),
                second: Box::new(place_of(second as u64)),
            }),
            _ => Ok(()),
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
            Id::Text(_) => Self::Texts(Texts::default()),
        }
    }

    pub(crate) fn kind(&self) -> IdKind {
        match self {
            Self::Numbers(_) => IdKind::U64,
            Self::Texts(_) => IdKind::Utf8,
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Texts(texts) => texts.count,
        }
    }

    /// Appends the id of the next row.
    pub(crate) fn push(&mut self, id: &Id) -> Result<(), BadId> {
        match (self, id) {
            (Self::Numbers(numbers), Id::U64(number)) => numbers.push(*number),
            (Self::Texts(texts), Id::Text(text)) => texts.push(text)?,
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
            Self::Texts(texts) => IdBytes::Text(texts.get(row)),
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
    pub(crate) fn index(&self) -> Result<HashIndex, (usize, usize)> {
        let runs = self.len().div_ceil(RUN);
        let mut keys: Vec<u64> = (0..runs)
            .into_par_iter()
            .flat_map_iter(|run| self.keys(run * RUN..self.len().min((run + 1) * RUN)))
            .collect();
        keys.par_sort_unstable();
        match self.first_duplicate(&keys) {
            Some(rows) => Err(rows),
            None => Ok(HashIndex { keys }),
        }
    }

    /// For each row of a run, its hash in the upper and its number in the lower half.
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
                .zip(texts.run(rows.start / RUN))
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

    /// Bytes of the payload (R-IDS-1).
    pub(crate) fn payload_length(&self) -> u64 {
        self.index_offset() + ENTRY * self.len() as u64
    }

    fn strings_length(&self) -> u64 {
        match self {
            Self::Numbers(_) => 0,
            Self::Texts(texts) => texts.bytes.len() as u64,
        }
    }

    fn index_offset(&self) -> u64 {
        let ids = match self {
            Self::Numbers(numbers) => 8 * numbers.len() as u64,
            Self::Texts(texts) => 8 * (texts.runs.len() as u64 + 1) + self.strings_length(),
        };
        (HEAD + ids).next_multiple_of(8)
    }

    /// Hands the payload to `write`, piece by piece.
    pub(crate) fn write<E>(
        &self,
        index: &HashIndex,
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut head = Vec::with_capacity(HEAD as usize);
        head.extend_from_slice(b"RVFD");
        head.extend_from_slice(&[1, 0, self.kind().byte(), 0]);
        for field in [
            self.len() as u64,
            self.index_offset(),
            self.strings_length(),
        ] {
            head.extend_from_slice(&field.to_le_bytes());
        }
        head.resize(HEAD as usize, 0);
        write(&head)?;
        match self {
            Self::Numbers(numbers) => write_numbers(numbers, &mut write)?,
            Self::Texts(texts) => {
                write_numbers(&texts.runs, &mut write)?;
                write(&self.strings_length().to_le_bytes())?;
                write(&texts.bytes)?;
                let padding = self.strings_length().next_multiple_of(8) - self.strings_length();
                write(&[0; 8][..padding as usize])?;
            }
        }
        for keys in index.keys.chunks(ENTRIES_AT_ONCE) {
            // Hash first, then row: the halves of a key the other way round.
            let entries: Vec<u8> = keys
                .iter()
                .flat_map(|key| key.rotate_left(32).to_le_bytes())
                .collect();
            write(&entries)?;
        }
        Ok(())
    }
}

fn write_numbers<E>(
    numbers: &[u64],
    write: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    for numbers in numbers.chunks(ENTRIES_AT_ONCE) {
        let bytes: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        write(&bytes)?;
    }
    Ok(())
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

impl Texts {
    fn push(&mut self, text: &str) -> Result<(), BadId> {
        let length = u16::try_from(text.len()).ok();
        let length =
            length.filter(|length| (1..=limits::MAX_ID_LEN).contains(&usize::from(*length)));
        let length = length.ok_or(BadId {
            expected: "a text of 1 to 512 bytes",
        })?;
        if self.count.is_multiple_of(RUN) {
            self.runs.push(self.bytes.len() as u64);
        }
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
        self.count += 1;
        Ok(())
    }

    /// The texts from the start of a run on.
    fn run(&self, run: usize) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.bytes[self.runs[run] as usize..];
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first_chunk::<2>()?;
            let (text, behind) =
                behind.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            rest = behind;
            Some(text)
        })
    }

    fn get(&self, row: usize) -> &[u8] {
        self.run(row / RUN).nth(row % RUN).unwrap_or_default()
    }
}

/// The rows in ascending order of (hash of the id, row).
#[derive(Debug)]
pub(crate) struct HashIndex {
    /// The hash in the upper half, the row in the lower.
    keys: Vec<u64>,
}
