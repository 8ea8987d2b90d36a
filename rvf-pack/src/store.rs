//! The pass over the input: every row is checked, stored and added to the mean.

use std::io;
use std::sync::Arc;

use rvf_types::SegmentEntry;

use crate::error::PackError;
use crate::ids::Ids;
use crate::mean::Mean;
use crate::measure::{Sample, Sampler};
use crate::packer::{IdChoice, Options};
use crate::plan::{Plan, RowSegments};
use crate::progress::{Phase, Reporter};
use crate::records::{Fault, Records};
use crate::source::{Batch, Place, Source};
use crate::writer::{SegmentWriter, Storage, Written};

/// Bytes of vectors, as f32, that are read at once. Two batches are in memory: one is read while the other is stored.
const BATCH: usize = 4 << 20;

/// Bytes that are copied at once.
const COPY: usize = 4 << 20;

/// What the pass has left.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) rows: u32,
    pub(crate) mean: Vec<f32>,
    pub(crate) segments: RowSegments,
    /// VEC i8.
    pub(crate) vectors: Written,
    /// VEC f16 or f32, if it is kept.
    pub(crate) floats: Option<Written>,
    pub(crate) ids: Option<Arc<Ids>>,
    pub(crate) sample: Option<Sample>,
}

impl Stored {
    /// The segment of the most exact vectors.
    pub(crate) fn exact_vectors(&self) -> SegmentEntry {
        self.floats.as_ref().unwrap_or(&self.vectors).entry
    }
}

/// Reads all rows of `source`, from its start.
pub(crate) fn store(
    options: &Options,
    plan: &mut Plan,
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
        list.check()?;
    }
    let sink = match expected {
        Some(rows) => Sink::placed(plan.place_rows(checked_rows(rows)?)),
        None => Sink::spooled(storage, plan.records)
            .map_err(PackError::output("create a temporary file"))?,
    };
    let mut pass = Pass {
        records: plan.records,
        sink,
        rows: 0,
        mean: Mean::new(plan.records.dimension),
        ids: match &options.ids {
            IdChoice::Source if source.info().has_ids => Wanted::Yes(None),
            _ => Wanted::No,
        },
        sampler: options
            .measure
            .then(|| Sampler::new(plan.records.dimension)),
        i8s: Vec::new(),
        floats: Vec::new(),
    };
    let at_once = batch_rows(plan.records.dimension);
    let (mut batch, mut next) = (Batch::default(), Batch::default());
    let mut count = source.next_batch(at_once, &mut batch)?;
    while count > 0 {
        // The next batch is read while this one is worked on. An error in this one comes first in the input.
        let (read, stored) = rayon::join(
            || source.next_batch(at_once, &mut next),
            || pass.take(&mut batch, count, storage),
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
    let failed = PackError::output("write the vectors");
    let (segments, vectors, floats) = pass.sink.finish(plan, pass.rows, storage).map_err(failed)?;
    Ok(Stored {
        rows: pass.rows,
        mean: pass.mean.finish(),
        segments,
        vectors,
        floats,
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
    sink: Sink,
    rows: u32,
    mean: Mean,
    ids: Wanted,
    sampler: Option<Sampler>,
    i8s: Vec<u8>,
    floats: Vec<u8>,
}

impl Pass {
    /// Stores a batch of `count` rows.
    fn take(
        &mut self,
        batch: &mut Batch,
        count: usize,
        storage: &mut dyn Storage,
    ) -> Result<(), PackError> {
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
            &mut self.i8s,
            &mut self.floats,
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
        self.sink
            .write(storage, &self.i8s, &self.floats)
            .map_err(PackError::output("write the vectors"))
    }

    fn fault(&self, mut place: Box<Place>, fault: Fault) -> PackError {
        match fault {
            Fault::Zero => PackError::ZeroVector { place },
            Fault::Component { component, value } => {
                place.component = Some(component as u64);
                PackError::Component {
                    place,
                    value,
                    limit: self.records.limit(),
                    vectors: self.records.vectors,
                }
            }
        }
    }
}

/// Where the records go: one place for those of VEC i8, one for those of VEC f16 or f32 if it is kept.
enum Sink {
    /// Their segments: the number of rows is known, and so are the places.
    Placed(Box<(RowSegments, Pair<SegmentWriter>)>),
    /// Temporary storages, until the number of rows is known.
    Spooled(Pair<Spool>),
}

struct Pair<T> {
    i8s: T,
    floats: Option<T>,
}

struct Spool {
    storage: Box<dyn Storage>,
    length: u64,
}

impl Pair<SegmentWriter> {
    fn new(segments: &RowSegments) -> Self {
        Self {
            i8s: SegmentWriter::new(segments.vectors),
            floats: segments.floats.map(SegmentWriter::new),
        }
    }
}

impl Sink {
    fn placed(segments: RowSegments) -> Self {
        Self::Placed(Box::new((segments, Pair::new(&segments))))
    }

    fn spooled(storage: &mut dyn Storage, records: Records) -> io::Result<Self> {
        let mut spool = || {
            Ok::<_, io::Error>(Spool {
                storage: storage.scratch()?,
                length: 0,
            })
        };
        let i8s = spool()?;
        let floats = if records.float_stride() > 0 {
            Some(spool()?)
        } else {
            None
        };
        Ok(Self::Spooled(Pair { i8s, floats }))
    }

    fn write(&mut self, storage: &mut dyn Storage, i8s: &[u8], floats: &[u8]) -> io::Result<()> {
        match self {
            Self::Placed(placed) => {
                let (_, writers) = &mut **placed;
                writers.i8s.write(storage, i8s)?;
                writers
                    .floats
                    .as_mut()
                    .map_or(Ok(()), |writer| writer.write(storage, floats))
            }
            Self::Spooled(spools) => {
                spools.i8s.write(i8s)?;
                spools
                    .floats
                    .as_mut()
                    .map_or(Ok(()), |spool| spool.write(floats))
            }
        }
    }

    fn finish(
        self,
        plan: &mut Plan,
        rows: u32,
        storage: &mut dyn Storage,
    ) -> io::Result<(RowSegments, Written, Option<Written>)> {
        let (segments, writers) = match self {
            Self::Placed(placed) => *placed,
            Self::Spooled(spools) => {
                let segments = plan.place_rows(rows);
                let mut writers = Pair::new(&segments);
                spools.i8s.copy(&mut writers.i8s, storage)?;
                if let (Some(spool), Some(writer)) = (spools.floats, &mut writers.floats) {
                    spool.copy(writer, storage)?;
                }
                (segments, writers)
            }
        };
        let i8s = writers.i8s.finish(storage)?;
        let floats = writers
            .floats
            .map(|writer| writer.finish(storage))
            .transpose()?;
        Ok((segments, i8s, floats))
    }
}

impl Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.storage.write_at(self.length, bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Copies all that was written to a segment.
    fn copy(mut self, writer: &mut SegmentWriter, storage: &mut dyn Storage) -> io::Result<()> {
        let mut buffer = vec![0; COPY];
        let mut done = 0;
        while done < self.length {
            let here = usize::try_from(self.length - done).map_or(COPY, |left| left.min(COPY));
            let buffer = &mut buffer[..here];
            self.storage.read_at(done, buffer)?;
            writer.write(storage, buffer)?;
            done += here as u64;
        }
        Ok(())
    }
}
