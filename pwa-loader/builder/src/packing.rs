//! Rows to the bytes of a file: what `rvf pack` does, in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rvf_pack::source::{Batch, Id, Source, SourceError, SourceInfo};
use rvf_pack::{Metric, Packer, Progress, VectorKind};

use crate::error::Error;

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
    /// The recall that the lists are made for and that a search aims at; 0.95 unless told.
    pub recall: Option<f64>,
    /// One list, and nothing measured: quick to write, and every search looks at all codes.
    pub quick: bool,
}

/// Rows on their way into a file.
#[derive(Debug)]
pub struct Packing {
    info: SourceInfo,
    metric: Metric,
    vectors: VectorKind,
    rows: Vec<f32>,
    ids: Ids,
    next: usize,
}

impl Packing {
    /// Makes room for so many rows.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] where neither they nor the file would fit, [`Error::Request`] for a dimension that no file has.
    pub fn new(
        dimension: usize,
        metric: Metric,
        vectors: VectorKind,
        rows: usize,
    ) -> Result<Self, Error> {
        if !(1..=65_536).contains(&dimension) {
            return Err(Error::Request(format!(
                "expected a dimension from 1 to 65,536, found {dimension}; use vectors of such a length"
            )));
        }
        let values = rows.checked_mul(dimension).ok_or(Error::Memory)?;
        reserve_work(rows, dimension, vectors)?;
        let mut held = Vec::new();
        held.try_reserve_exact(values).map_err(|_| Error::Memory)?;
        Ok(Self {
            info: SourceInfo::new(dimension),
            metric,
            vectors,
            rows: held,
            ids: Ids::None,
            next: 0,
        })
    }

    /// Appends rows, dimension values each. Nothing is allocated while they are as many as were announced.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`].
    pub fn push(&mut self, rows: &[f32]) -> Result<(), Error> {
        self.rows
            .try_reserve(rows.len())
            .map_err(|_| Error::Memory)?;
        self.rows.extend_from_slice(rows);
        Ok(())
    }

    /// Gives the rows ids.
    pub fn set_ids(&mut self, ids: Ids) {
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
        let count = self.rows.len() / self.info.dimension;
        self.info = SourceInfo::new(self.info.dimension).rows(count as u64);
        if !matches!(self.ids, Ids::None) {
            self.info = self.info.with_ids();
        }
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
        let (bytes, _) = packer.pack_to_vec(&mut self)?;
        Ok(bytes)
    }
}

/// Asks for the memory that a pack takes at its peak, and gives it back: in WebAssembly it stays with the module, so what
/// was to be had once is to be had again. The packer itself is not made for an end of memory.
fn reserve_work(rows: usize, dimension: usize, vectors: VectorKind) -> Result<(), Error> {
    let float = match vectors {
        VectorKind::I8 => 0,
        VectorKind::F16 => 2 * dimension + 8,
        VectorKind::F32 => 4 * dimension + 4,
    };
    // The rows; their records twice, in the order of the rows and in the file, whose buffer doubles as it grows; codes;
    // ids; and the sample that centroids are found by.
    let record = dimension + 16 + float;
    let one = 4 * dimension + 3 * record + dimension / 2 + 128;
    let sample = (256 << 20).min(rows.saturating_mul(4 * dimension));
    let all = rows
        .checked_mul(one)
        .and_then(|bytes| bytes.checked_add(sample + (64 << 20)))
        .ok_or(Error::Memory)?;
    let mut room: Vec<u8> = Vec::new();
    room.try_reserve_exact(all).map_err(|_| Error::Memory)
}

impl Source for Packing {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_batch(&mut self, max_rows: usize, batch: &mut Batch) -> Result<usize, SourceError> {
        let dimension = self.info.dimension;
        let rows = self.rows.len() / dimension;
        let end = rows.min(self.next.saturating_add(max_rows.max(1)));
        batch.first_row = self.next as u64;
        batch.vectors.clear();
        batch.ids.clear();
        batch.lines.clear();
        let values = self.rows.get(self.next * dimension..end * dimension);
        batch.vectors.extend_from_slice(values.unwrap_or_default());
        for row in self.next..end {
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
        let count = end - self.next;
        self.next = end;
        Ok(count)
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.next = 0;
        Ok(())
    }
}
