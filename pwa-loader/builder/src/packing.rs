//! Rows to the bytes of a file: what `rvf pack` does, in memory.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rvf_pack::source::{Batch, Id, Source, SourceError, SourceInfo};
use rvf_pack::writer::{Storage, View};
use rvf_pack::{Metric, Packer, Progress, VectorKind};

use crate::error::{Error, reserved};

/// The ids of the rows.
#[derive(Debug, Default)]
pub enum Ids {
    /// The id of a row is its number.
    #[default]
    None,
    /// One number a row.
    Numbers(Vec<u64>),
    /// The texts of all rows, one after the other, and where each ends.
    Texts(String, Vec<u32>),
}

/// How a file is wished.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish {
    /// The recall that the lists are made for and that a search aims at; 0.95 unless told. Not with `quick`.
    pub recall: Option<f64>,
    /// One list, and nothing measured: quick to write, and every search looks at all codes.
    pub quick: bool,
}

/// Gives rows: fills the values with as many as they hold, from this row on. False if it can't.
pub type Give<'a> = Box<dyn FnMut(u32, &mut [f32]) -> bool + Send + 'a>;

/// Rows on their way into a file. They are asked for when they are needed, more than once, and not kept.
pub struct Packing<'a> {
    info: SourceInfo,
    metric: Metric,
    vectors: VectorKind,
    rows: u32,
    give: Give<'a>,
    ids: Ids,
    next: u32,
}

impl fmt::Debug for Packing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packing")
            .field("info", &self.info)
            .field("metric", &self.metric)
            .field("vectors", &self.vectors)
            .finish_non_exhaustive()
    }
}

impl<'a> Packing<'a> {
    /// A packing of so many rows.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] where the file would not fit, [`Error::Request`] for a dimension that no file has.
    pub fn new(
        dimension: usize,
        metric: Metric,
        vectors: VectorKind,
        rows: u32,
        give: Give<'a>,
    ) -> Result<Self, Error> {
        if !(1..=65_536).contains(&dimension) {
            return Err(Error::Request(format!(
                "expected a dimension from 1 to 65,536, found {dimension}; use vectors of such a length"
            )));
        }
        Ok(Self {
            info: SourceInfo::new(dimension).rows(rows.into()),
            metric,
            vectors,
            rows,
            give,
            ids: Ids::None,
            next: 0,
        })
    }

    /// Gives the rows ids.
    pub fn set_ids(&mut self, ids: Ids) {
        if !matches!(ids, Ids::None) {
            self.info = self.info.clone().with_ids();
        }
        self.ids = ids;
    }

    /// The bytes of the file. `progress` is told how far the work is, and says whether it is to go on.
    ///
    /// # Errors
    ///
    /// What is wrong with a row or an id; [`Error::Cancelled`]; [`Error::Memory`].
    pub fn finish(
        mut self,
        wish: Wish,
        mut progress: impl FnMut(Progress) -> bool + Send,
    ) -> Result<Vec<u8>, Error> {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let mut packer = Packer::new()
            .metric(self.metric)
            .vectors(self.vectors)
            .cancel(stop)
            .progress(move |now| {
                if !progress(now) {
                    told.store(true, Ordering::Relaxed);
                }
            });
        if let Some(recall) = wish.recall {
            packer = packer.recall(recall);
        }
        if wish.quick {
            packer = packer.lists(1).measure(false);
        }
        let mut memory = self.memory()?;
        packer.pack_to_storage(&mut self, &mut memory)?;
        Ok(memory.bytes)
    }

    /// The memory that the file is made in, reserved in one go: the packer itself is not made for an end of memory, and
    /// buffers that grow would be copied, and leave holes.
    fn memory(&self) -> Result<Memory, Error> {
        let (rows, dimension) = (self.rows as usize, self.info.dimension);
        let i8_length = dimension.next_multiple_of(4) + 12;
        let float_length = match self.vectors {
            VectorKind::I8 => 0,
            VectorKind::F16 => 4 * dimension.div_ceil(2) + 4,
            VectorKind::F32 => 4 * dimension + 4,
        };
        let ids = match &self.ids {
            Ids::None => 0,
            Ids::Numbers(_) => 16 * rows,
            Ids::Texts(texts, _) => texts.len() + 11 * rows,
        };
        // Each vector may have two entries in lists, and each of them a number.
        let codes = 2 * (8 * dimension.div_ceil(64) + 8);
        let file = rows
            .checked_mul(i8_length + float_length + codes + 4)
            .ok_or(Error::Memory)?;
        let file = file.checked_add(ids + (2 << 20)).ok_or(Error::Memory)?;
        // Besides there are the sample that centroids are found by, batches, and tables by row.
        let sample = (256 << 20).min(rows.saturating_mul(4 * dimension));
        let beside: Vec<u8> = reserved(sample + 64 * rows + (48 << 20))?;
        let memory = Memory {
            bytes: reserved(file + file / 64)?,
            spools: vec![reserved(rows * float_length)?, reserved(rows * i8_length)?],
        };
        drop(beside);
        Ok(memory)
    }
}

/// Memory that was reserved before: the file, and the spools that the packer asks for, the last one first.
struct Memory {
    bytes: Vec<u8>,
    spools: Vec<Vec<u8>>,
}

impl Storage for Memory {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.bytes.write_at(offset, bytes)
    }

    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.bytes.read_at(offset, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn scratch(&mut self) -> io::Result<Box<dyn Storage>> {
        Ok(Box::new(self.spools.pop().unwrap_or_default()))
    }

    fn view(&mut self, length: u64) -> io::Result<View<'_>> {
        self.bytes.view(length)
    }
}

impl Source for Packing<'_> {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_batch(&mut self, max_rows: usize, batch: &mut Batch) -> Result<usize, SourceError> {
        let count = u32::try_from(max_rows.max(1)).unwrap_or(u32::MAX);
        let count = count.min(self.rows - self.next);
        batch.first_row = self.next.into();
        batch.ids.clear();
        batch.lines.clear();
        batch.vectors.clear();
        batch
            .vectors
            .resize(count as usize * self.info.dimension, 0.0);
        if !(self.give)(self.next, &mut batch.vectors) {
            // Fewer rows than were announced: the packer says so.
            return Ok(0);
        }
        for row in self.next as usize..(self.next + count) as usize {
            match &self.ids {
                Ids::None => {}
                Ids::Numbers(numbers) => {
                    batch.ids.extend(numbers.get(row).map(|id| Id::U64(*id)));
                }
                Ids::Texts(texts, ends) => {
                    let from = row.checked_sub(1).and_then(|row| ends.get(row));
                    let from = from.map_or(0, |end| *end as usize);
                    let text = ends.get(row).and_then(|end| texts.get(from..*end as usize));
                    batch.ids.extend(text.map(|text| Id::Text(text.into())));
                }
            }
        }
        self.next += count;
        Ok(count as usize)
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.next = 0;
        Ok(())
    }
}
