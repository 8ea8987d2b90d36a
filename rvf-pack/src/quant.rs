//! QUANT: the codes of all lists.

use rayon::prelude::*;
use rvf_types::quant::{self, Group};
use rvf_types::{FormatError, ListEntry};

use crate::cluster::{Lists, Points, Reader};
use crate::codes::{Around, Coder};
use crate::error::PackError;
use crate::progress::Reporter;
use crate::writer::{SegmentWriter, Storage};

/// Bytes of codes that are computed between two writes.
const AT_ONCE: usize = 4 << 20;

/// Groups of a task: each turns the centroid of its list anew.
const TASK: usize = 16;

/// A group of a list.
#[derive(Debug, Clone, Copy)]
struct Piece {
    list: usize,
    group: Group,
    /// Bytes in the file: with the padding behind the last group of a list.
    length: usize,
}

/// The groups of a list.
fn pieces(lists: &Lists, list: usize, dimension: u32) -> impl Iterator<Item = Piece> {
    let (own, second) = lists.lengths(list);
    let end = quant::list_length(own, second, dimension);
    let padded = quant::padded_length(own, second, dimension);
    quant::groups(own, second, dimension).map(move |group| Piece {
        list,
        group,
        length: if group.end == end {
            padded - group.tiles
        } else {
            group.length()
        } as usize,
    })
}

/// What is coded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Codes<'a> {
    pub(crate) coder: Coder,
    pub(crate) points: Points<'a>,
    pub(crate) lists: &'a Lists,
    pub(crate) mean: &'a [f32],
    /// The centroids as they are stored, one after the other; with one list it's the mean.
    pub(crate) centroids: &'a [f32],
    /// The biases of the lists, as squared distances.
    pub(crate) biases: &'a [f64],
}

impl Codes<'_> {
    /// Writes the payload.
    pub(crate) fn write(
        &self,
        writer: &mut SegmentWriter,
        storage: &mut dyn Storage,
        reporter: &mut Reporter<'_, '_>,
    ) -> Result<(), PackError> {
        let dimension = self.coder.dimension as u32;
        let mut all = (0..self.lists.count())
            .flat_map(|list| pieces(self.lists, list, dimension))
            .peekable();
        let (mut batch, mut bytes) = (Vec::new(), Vec::new());
        while all.peek().is_some() {
            let mut length = 0;
            batch.clear();
            while let Some(piece) =
                all.next_if(|piece| length == 0 || length + piece.length <= AT_ONCE)
            {
                length += piece.length;
                batch.push(piece);
            }
            bytes.clear();
            bytes.resize(length, 0);
            self.encode(&batch, &mut bytes)?;
            writer
                .write(storage, &bytes)
                .map_err(PackError::output("write the codes"))?;
            reporter.advance(
                batch
                    .iter()
                    .map(|piece| u64::from(piece.group.entries))
                    .sum(),
            )?;
        }
        Ok(())
    }

    /// Encodes some pieces, which follow each other, into as many bytes as they take.
    fn encode(&self, pieces: &[Piece], mut bytes: &mut [u8]) -> Result<(), FormatError> {
        let mut tasks = Vec::with_capacity(pieces.len());
        for of_list in pieces.chunk_by(|a, b| a.list == b.list) {
            for pieces in of_list.chunks(TASK) {
                let length = pieces.iter().map(|piece| piece.length).sum();
                let (head, tail) = bytes.split_at_mut(length);
                bytes = tail;
                tasks.push((pieces, head));
            }
        }
        tasks.into_par_iter().try_for_each_init(
            || Scratch::new(self),
            |scratch, (pieces, mut bytes)| {
                let Some(first) = pieces.first() else {
                    return Ok(());
                };
                let around = self.around(first.list);
                for piece in pieces {
                    let (head, tail) = bytes.split_at_mut(piece.length);
                    bytes = tail;
                    self.encode_group(
                        piece,
                        &around,
                        scratch,
                        &mut head[..piece.group.length() as usize],
                    )?;
                }
                Ok(())
            },
        )
    }

    fn encode_group(
        &self,
        piece: &Piece,
        around: &Around,
        scratch: &mut Scratch<'_>,
        bytes: &mut [u8],
    ) -> Result<(), FormatError> {
        let words = self.coder.words();
        let entries = piece.group.entries as usize;
        scratch.corrections.clear();
        scratch.numbers.clear();
        let codes = &mut scratch.codes[..entries * words];
        for (entry, code) in (piece.group.first as u32..).zip(codes.chunks_exact_mut(words)) {
            let number = self.lists.entry(piece.list, entry);
            let row = self.lists.row_of(number) as usize;
            scratch.reader.read(row, &mut scratch.vector);
            let correction = self.coder.encode(around, &mut scratch.vector, code);
            scratch.corrections.push(correction);
            scratch.numbers.push(number);
        }
        let numbers = piece.group.numbers.map(|_| &scratch.numbers[..]);
        quant::write_group(
            bytes,
            self.coder.dimension as u32,
            codes,
            &scratch.corrections,
            numbers,
        )
    }

    fn around(&self, list: usize) -> Around {
        if self.lists.count() == 1 {
            return self.coder.around_mean(self.mean);
        }
        let dimension = self.coder.dimension;
        let centroid = &self.centroids[list * dimension..][..dimension];
        self.coder.around(centroid, self.mean, self.biases[list])
    }
}

/// What a task works in.
struct Scratch<'a> {
    reader: Reader<'a>,
    vector: Vec<f32>,
    codes: Vec<u64>,
    corrections: Vec<u32>,
    numbers: Vec<u32>,
}

impl<'a> Scratch<'a> {
    fn new(codes: &Codes<'a>) -> Self {
        let group = quant::GROUP_ENTRIES as usize;
        Self {
            reader: codes.points.reader(),
            vector: vec![0.0; codes.coder.dimension],
            codes: vec![0; group * codes.coder.words()],
            corrections: Vec::with_capacity(group),
            numbers: Vec::with_capacity(group),
        }
    }
}

/// The list directory.
pub(crate) fn directory(lists: &Lists, dimension: u32) -> Vec<ListEntry> {
    let mut directory: Vec<ListEntry> = Vec::with_capacity(lists.count());
    for list in 0..lists.count() {
        let (own, second) = lists.lengths(list);
        directory.push(match directory.last() {
            // At most 2³³ entries of 2¹³ bytes: their offsets are in range.
            Some(before) => before.next(dimension, own, second).unwrap_or(*before),
            None => ListEntry {
                second,
                ..ListEntry::only(own)
            },
        });
    }
    directory
}

/// Bytes of the payload.
pub(crate) fn payload_length(lists: &Lists, dimension: u32) -> u64 {
    let length = |list| {
        let (own, second) = lists.lengths(list);
        quant::padded_length(own, second, dimension)
    };
    (0..lists.count()).map(length).sum()
}
