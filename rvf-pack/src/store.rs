//! The pass over the input: every row is checked, stored and added to the mean.

use std::io;
use std::sync::Arc;

use crate::error::PackError;
use crate::ids::Ids;
use crate::mean::Mean;
use crate::measure::{Sample, Sampler};
use crate::packer::{IdChoice, Options};
use crate::progress::{Phase, Reporter};
use crate::records::{Fault, Records};
use crate::source::{Batch, Place, Source};
use crate::writer::{Storage, View};

/// Bytes of vectors, as f32, that are read at once. Two batches are in memory: one is read while the other is stored.
const BATCH: usize = 4 << 20;

/// What the pass has left.
pub(crate) struct Stored {
    pub(crate) rows: u32,
    pub(crate) mean: Vec<f32>,
    /// The records of VEC i8, in the order of the rows.
    pub(crate) i8s: Spool,
    /// Those of VEC f16 or f32, if it is kept.
    pub(crate) floats: Option<Spool>,
    pub(crate) ids: Option<Arc<Ids>>,
    pub(crate) sample: Option<Sample>,
}

impl Stored {
    /// The most exact records of all rows.
    pub(crate) fn exact_records(&mut self) -> Result<View<'_>, PackError> {
        self.floats.as_mut().unwrap_or(&mut self.i8s).view()
    }
}

/// Reads all rows of `source`, from its start.
pub(crate) fn store(
    options: &Options,
    records: Records,
    source: &mut dyn Source,
    storage: &mut dyn Storage,
    reporter: &mut Reporter<'_, '_>,
) -> Result<Stored, PackError> {
    source.rewind()?;
    let expected = source.info().rows;
    reporter.start(Phase::Store, expected)?;
    if let IdChoice::List(list) = &options.ids {
        // What is wrong with the ids is not worth a pass over the vectors.
        if let Some(rows) = expected {
            list.for_rows(rows)?;
        }
        list.check(reporter)?;
    }
    if let Some(rows) = expected {
        checked_rows(rows)?;
    }
    let mut spool = || Spool::new(storage).map_err(PackError::output("create a temporary file"));
    let i8s = spool()?;
    let floats = (records.float_stride() > 0).then(spool).transpose()?;
    let mut pass = Pass {
        records,
        i8s,
        floats,
        rows: 0,
        mean: Mean::new(records.dimension),
        ids: match &options.ids {
            IdChoice::Source if source.info().has_ids => Wanted::Yes(None),
            _ => Wanted::No,
        },
        sampler: options.measure.then(|| Sampler::new(records.dimension)),
        i8_bytes: Vec::new(),
        float_bytes: Vec::new(),
    };
    let at_once = batch_rows(records.dimension);
    let (mut batch, mut next) = (Batch::default(), Batch::default());
    let mut count = source.next_batch(at_once, &mut batch)?;
    while count > 0 {
        // The next batch is read while this one is worked on. An error in this one comes first in the input.
        let (read, stored) = rayon::join(
            || source.next_batch(at_once, &mut next),
            || pass.take(&mut batch, count),
        );
        stored?;
        reporter.done(u64::from(pass.rows))?;
        count = read?;
        std::mem::swap(&mut batch, &mut next);
    }
    if pass.rows == 0 {
        return Err(PackError::NoRows);
    }
    if let Some(expected) = expected.filter(|expected| *expected != u64::from(pass.rows)) {
        return Err(PackError::RowsChanged {
            expected,
            found: pass.rows.into(),
        });
    }
    let ids = match (&options.ids, pass.ids) {
        (IdChoice::List(list), _) => Some(list.for_rows(pass.rows.into())?),
        (_, Wanted::Yes(ids)) => ids.map(Arc::new),
        _ => None,
    };
    Ok(Stored {
        rows: pass.rows,
        mean: pass.mean.finish(),
        i8s: pass.i8s,
        floats: pass.floats,
        ids,
        sample: pass.sampler.map(Sampler::finish),
    })
}

/// How many rows of this dimension are read at once.
pub(crate) fn batch_rows(dimension: usize) -> usize {
    (BATCH / (4 * dimension)).clamp(1, 1 << 16)
}

fn checked_rows(rows: u64) -> Result<u32, PackError> {
    u32::try_from(rows).map_err(|_| PackError::TooManyRows)
}

/// Whether the source's ids are kept, and those that have come.
enum Wanted {
    No,
    Yes(Option<Ids>),
}

struct Pass {
    records: Records,
    i8s: Spool,
    floats: Option<Spool>,
    rows: u32,
    mean: Mean,
    ids: Wanted,
    sampler: Option<Sampler>,
    i8_bytes: Vec<u8>,
    float_bytes: Vec<u8>,
}

impl Pass {
    /// Stores a batch of `count` rows.
    fn take(&mut self, batch: &mut Batch, count: usize) -> Result<(), PackError> {
        let first_row = self.rows;
        let wants_ids = matches!(self.ids, Wanted::Yes(_));
        if Some(batch.vectors.len()) != count.checked_mul(self.records.dimension)
            || (wants_ids && batch.ids.len() != count)
        {
            return Err(PackError::BadBatch {
                row: first_row.into(),
            });
        }
        self.rows = checked_rows(u64::from(first_row) + count as u64)?;
        if let Some(sampler) = &mut self.sampler {
            sampler.offer(first_row, &batch.vectors);
        }
        let encoded = self.records.encode(
            first_row,
            &mut batch.vectors,
            &mut self.i8_bytes,
            &mut self.float_bytes,
        );
        encoded.map_err(|(index, fault)| self.fault(Box::new(batch.place(index)), fault))?;
        if let Wanted::Yes(ids) = &mut self.ids {
            for (index, id) in batch.ids.iter().enumerate() {
                let pushed = ids.get_or_insert_with(|| Ids::like(id)).push(id);
                pushed.map_err(|bad| PackError::BadId {
                    place: Box::new(batch.place(index)),
                    expected: bad.expected,
                })?;
            }
        }
        self.mean.add(&batch.vectors);
        let failed = PackError::output("write the vectors");
        self.i8s.write(&self.i8_bytes).map_err(&failed)?;
        match &mut self.floats {
            Some(floats) => floats.write(&self.float_bytes).map_err(failed),
            None => Ok(()),
        }
    }

    fn fault(&self, place: Box<Place>, fault: Fault) -> PackError {
        self.records.fault(place, fault)
    }
}

/// Records in the order of the rows, for as long as it is not known in which order they will stand in the file.
pub(crate) struct Spool {
    storage: Box<dyn Storage>,
    length: u64,
}

impl Spool {
    fn new(storage: &mut dyn Storage) -> io::Result<Self> {
        Ok(Self {
            storage: storage.scratch()?,
            length: 0,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.storage.write_at(self.length, bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// All that was written.
    pub(crate) fn view(&mut self) -> Result<View<'_>, PackError> {
        self.storage
            .view(self.length)
            .map_err(PackError::output("read the vectors back"))
    }
}
