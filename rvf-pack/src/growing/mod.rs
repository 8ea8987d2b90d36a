//! Rows in memory that can be searched as they come, in the form that a file keeps them in.
//!
//! [`Growing`] appends each row as the records of VEC (format.md, section 7), and codes rows, a whole group at a time, as
//! the QUANT of a file with one list does (section 6). So the kernel searches them as it searches a file: the coded rows
//! by their codes, the few behind them by their records.
//!
//! A row takes what it takes in a file, and no more: memory grows by chunks that never move.

mod chunks;

use half::f16;
use rvf_microkernel::{Backend, Data, Index, Region};
use rvf_types::{IndexHead, Metric, VectorKind, limits, quant};

use self::chunks::Chunks;
use crate::codes::{Around, Coder};
use crate::error::PackError;
use crate::mean::Mean;
use crate::packer::DEFAULT_SEED;
use crate::records::Records;
use crate::source::Place;

/// Rows of a group of codes.
pub const GROUP: u32 = quant::GROUP_ENTRIES;

/// Bytes of the most exact records of a chunk, about.
const CHUNK: usize = 1 << 20;

/// The most rows of a chunk.
const MAX_CHUNK_ROWS: usize = 4_096;

/// The mean is taken anew when there are this many times the rows that it was taken of.
const STALE: u32 = 2;

/// Rows that grow in number.
///
/// ```
/// use rvf_pack::growing::Growing;
/// use rvf_pack::{Metric, VectorKind};
///
/// # fn main() -> Result<(), rvf_pack::PackError> {
/// let mut rows = Growing::new(2, Metric::L2, VectorKind::F32)?;
/// rows.push(&mut [1.0, 0.0, 0.5, 0.5])?;
/// let mut vector = [0.0; 2];
/// assert!(rows.vector(1, &mut vector));
/// assert_eq!((rows.rows(), vector), (2, [0.5, 0.5]));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Growing {
    records: Records,
    coder: Coder,
    rows: u32,
    i8s: Chunks,
    floats: Chunks,
    codes: Chunks,
    /// How many rows are coded, a multiple of [`GROUP`]; around the mean of how many.
    coded: u32,
    averaged: u32,
    mean: Vec<f32>,
    mean_bytes: Vec<u8>,
    i8_scratch: Vec<u8>,
    float_scratch: Vec<u8>,
    /// A row as f16, and a group's rows as f32.
    halves: Vec<f16>,
    vectors: Vec<f32>,
}

impl Growing {
    /// No rows yet, of this dimension.
    ///
    /// # Errors
    ///
    /// [`PackError::Dimension`] for one that is not 1 to 65,536; [`PackError::Output`] without memory.
    pub fn new(dimension: usize, metric: Metric, vectors: VectorKind) -> Result<Self, PackError> {
        if !(1..=limits::MAX_DIMENSION as usize).contains(&dimension) {
            return Err(PackError::Dimension { found: dimension });
        }
        let backend = Backend::best();
        let records = Records {
            dimension,
            metric,
            vectors,
            backend,
        };
        let group = GROUP as usize;
        let fits = CHUNK / records.exact_stride();
        let rows = (fits.min(MAX_CHUNK_ROWS) / group * group).max(group);
        let group_length = quant::group_length(GROUP, false, dimension as u32) as usize;
        Ok(Self {
            records,
            coder: Coder {
                dimension,
                metric,
                seed: DEFAULT_SEED,
                backend,
            },
            rows: 0,
            i8s: Chunks::new(rows * records.stride()),
            floats: Chunks::new(rows * records.float_stride()),
            codes: Chunks::new(rows / group * group_length),
            coded: 0,
            averaged: 0,
            mean: Vec::new(),
            mean_bytes: vec![0; 4 * dimension],
            i8_scratch: Vec::new(),
            float_scratch: Vec::new(),
            halves: vec![f16::ZERO; dimension],
            vectors: vec![0.0; GROUP as usize * dimension],
        })
    }

    /// How many rows there are.
    #[must_use]
    pub const fn rows(&self) -> u32 {
        self.rows
    }

    /// How many of them are coded: the first ones, a multiple of [`GROUP`].
    #[must_use]
    pub const fn coded(&self) -> u32 {
        self.coded
    }

    /// Bytes of memory that the rows take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.i8s.bytes() + self.floats.bytes() + self.codes.bytes()
    }

    /// Appends rows, `dimension` values each, and writes over the values.
    ///
    /// # Errors
    ///
    /// Of a row that can't be stored, by its number in `vectors` (from 0): [`PackError::Component`] or
    /// [`PackError::ZeroVector`]. [`PackError::BadBatch`] for values that are no whole number of rows,
    /// [`PackError::TooManyRows`], and [`PackError::Output`] without memory. Then none of `vectors` is appended.
    pub fn push(&mut self, vectors: &mut [f32]) -> Result<(), PackError> {
        let dimension = self.records.dimension;
        let before = self.rows;
        if !vectors.len().is_multiple_of(dimension) {
            return Err(PackError::BadBatch { row: before.into() });
        }
        let fits = u32::try_from(vectors.len() / dimension).ok();
        if fits.and_then(|count| before.checked_add(count)).is_none() {
            return Err(PackError::TooManyRows);
        }
        let at_once = GROUP as usize * dimension;
        for (piece, vectors) in vectors.chunks_mut(at_once).enumerate() {
            if let Err(error) = self.push_few(piece * GROUP as usize, vectors) {
                self.truncate(before);
                return Err(error);
            }
        }
        Ok(())
    }

    fn push_few(&mut self, first: usize, vectors: &mut [f32]) -> Result<(), PackError> {
        let records = self.records;
        records
            .encode(
                self.rows,
                vectors,
                &mut self.i8_scratch,
                &mut self.float_scratch,
            )
            .map_err(|(index, fault)| {
                let place = Place {
                    row: Some((first + index) as u64),
                    ..Place::default()
                };
                records.fault(Box::new(place), fault)
            })?;
        self.i8s.append(&self.i8_scratch, records.stride())?;
        self.floats
            .append(&self.float_scratch, records.float_stride())?;
        // So that what was taken in can be searched, too.
        self.codes.provide(self.i8s.chunks.len())?;
        self.rows += (vectors.len() / records.dimension) as u32;
        Ok(())
    }

    /// Forgets all rows but the first ones.
    pub fn truncate(&mut self, rows: u32) {
        self.rows = self.rows.min(rows);
        self.i8s
            .truncate(self.rows as usize * self.records.stride());
        self.floats
            .truncate(self.rows as usize * self.records.float_stride());
        self.coded = self.coded.min(self.rows / GROUP * GROUP);
        self.codes
            .truncate((self.coded / GROUP) as usize * self.group_length());
    }

    /// Forgets the rows that are not to be kept; the others move up, in order. They are to be coded again.
    pub fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        let mut kept = 0;
        for row in (0..self.rows).filter(|row| keep(*row)) {
            self.i8s.move_record(row, kept, self.records.stride());
            self.floats
                .move_record(row, kept, self.records.float_stride());
            kept += 1;
        }
        self.coded = 0;
        self.averaged = 0;
        self.truncate(kept);
    }

    /// Codes the rows that fill whole groups. All are coded anew when the mean has become stale.
    ///
    /// # Errors
    ///
    /// [`PackError::Output`] without memory.
    pub fn code(&mut self) -> Result<(), PackError> {
        let end = self.rows / GROUP * GROUP;
        if end == self.coded {
            return Ok(());
        }
        if self.averaged == 0 || end / STALE >= self.averaged {
            self.average(end);
        }
        let around = self.coder.around_mean(&self.mean);
        let mut codes = vec![0; GROUP as usize * self.coder.words()];
        let mut group = vec![0; self.group_length()];
        while self.coded < end {
            self.code_group(&around, &mut codes, &mut group)?;
            self.coded += GROUP;
        }
        Ok(())
    }

    /// Takes the mean of the first rows, which fill whole groups. No row is coded then.
    fn average(&mut self, rows: u32) {
        self.coded = 0;
        self.codes.truncate(0);
        let mut mean = Mean::new(self.records.dimension);
        for first in (0..rows).step_by(GROUP as usize) {
            self.decode_group(first);
            mean.add(&self.vectors);
        }
        self.mean = mean.finish();
        let places = self.mean_bytes.as_chunks_mut().0;
        for (bytes, value) in places.iter_mut().zip(&self.mean) {
            *bytes = value.to_le_bytes();
        }
        self.averaged = rows;
    }

    /// Codes the group behind those that are coded.
    fn code_group(
        &mut self,
        around: &Around,
        codes: &mut [u64],
        group: &mut [u8],
    ) -> Result<(), PackError> {
        self.decode_group(self.coded);
        let mut corrections = [0; GROUP as usize];
        let vectors = self.vectors.chunks_exact_mut(self.records.dimension);
        let places = codes.chunks_exact_mut(self.coder.words());
        for ((vector, code), correction) in vectors.zip(places).zip(&mut corrections) {
            *correction = self.coder.encode(around, vector, code);
        }
        let dimension = self.records.dimension as u32;
        quant::write_group(group, dimension, codes, &corrections, None)?;
        self.codes.append(group, group.len())
    }

    /// Puts the x̂ of a group's rows into `vectors`.
    fn decode_group(&mut self, first: u32) {
        let exact = match self.records.vectors {
            VectorKind::I8 => &self.i8s,
            VectorKind::F16 | VectorKind::F32 => &self.floats,
        };
        let stride = self.records.exact_stride();
        let vectors = self.vectors.chunks_exact_mut(self.records.dimension);
        for (row, vector) in (first..).zip(vectors) {
            if let Some(record) = exact.record(row, stride) {
                self.records.decode(record, &mut self.halves, vector);
            }
        }
    }

    /// The bytes of a group of codes.
    fn group_length(&self) -> usize {
        quant::group_length(GROUP, false, self.records.dimension as u32) as usize
    }

    /// The chunks of the most exact records.
    const fn exact(&self) -> &Chunks {
        match self.records.vectors {
            VectorKind::I8 => &self.i8s,
            VectorKind::F16 | VectorKind::F32 => &self.floats,
        }
    }

    /// Puts a row, as stored, into `vector`. False if there is no such row, or `vector` has another dimension.
    pub fn vector(&mut self, row: u32, vector: &mut [f32]) -> bool {
        let records = self.records;
        if row >= self.rows || vector.len() != records.dimension {
            return false;
        }
        let exact = match records.vectors {
            VectorKind::I8 => &self.i8s,
            VectorKind::F16 | VectorKind::F32 => &self.floats,
        };
        exact
            .record(row, records.exact_stride())
            .map(|record| records.stored(record, &mut self.halves, vector))
            .is_some()
    }

    /// Puts the vector of a record into `vector`: one of the most exact kind, of a file of the same dimension and vectors.
    /// False if its length is another.
    pub fn vector_of(&mut self, record: &[u8], vector: &mut [f32]) -> bool {
        let records = self.records;
        if record.len() != records.exact_stride() || vector.len() != records.dimension {
            return false;
        }
        records.stored(record, &mut self.halves, vector);
        true
    }

    /// The most exact records of some rows, to be offered to a query: runs that follow each other in memory.
    pub fn exact_records(&self, rows: std::ops::Range<u32>) -> impl Iterator<Item = &[u8]> {
        let stride = self.records.exact_stride();
        let end = rows.end.min(self.rows) as usize * stride;
        let mut at = rows.start as usize * stride;
        std::iter::from_fn(move || {
            let run = self.exact().run(at, end)?;
            at += run.len();
            Some(run)
        })
    }

    /// What the kernel has to know to search the first `rows` rows, and the mean; `None` without rows.
    #[must_use]
    pub fn index(&self, rows: u32) -> Option<(Index, &[u8])> {
        let records = &self.records;
        let dimension = records.dimension as u32;
        let seed = self.coder.seed;
        let head = IndexHead::new(rows, dimension, records.metric, records.vectors, 1, seed);
        Some((Index::parse(&head.to_bytes()).ok()?, &self.mean_bytes))
    }

    /// The rows as the kernel reads them, with a bitmap by row of those that are live.
    #[must_use]
    pub const fn data<'a>(&'a self, filter: &'a [u8]) -> GrowingData<'a> {
        GrowingData { rows: self, filter }
    }
}

/// Growing rows as the kernel reads them.
#[derive(Debug, Clone, Copy)]
pub struct GrowingData<'a> {
    rows: &'a Growing,
    filter: &'a [u8],
}

impl<'a> Data<'a> for GrowingData<'a> {
    fn get(&mut self, region: Region, offset: u64, len: u32) -> Option<&'a [u8]> {
        let (from, len) = (usize::try_from(offset).ok()?, len as usize);
        match region {
            Region::Quant => self.rows.codes.get(from, len),
            Region::VecI8 => self.rows.i8s.get(from, len),
            Region::VecFloat => self.rows.floats.get(from, len),
            Region::Filter => self.filter.get(from..from.checked_add(len)?),
            // With one list a query reads nothing of it.
            Region::Index => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Packer;
    use crate::source::MemorySource;
    use rvf_types::{Manifest, Root, SegmentType};

    fn values(count: usize) -> Vec<f32> {
        (0..count as u64)
            .map(|i| (crate::hash::splitmix64(i) >> 40) as f32 * 1e-6 - 8.0)
            .collect()
    }

    fn payload(file: &[u8], kind: SegmentType, sub_kind: u32) -> &[u8] {
        let record = *Root::parse(&file[..4096]).unwrap().record();
        let at = record.manifest_offset as usize + 64;
        let bytes = &file[at..at + record.manifest_length as usize];
        let manifest = Manifest::parse(bytes, at as u64).unwrap();
        let mut entries = manifest.of_type(kind);
        let entry = entries.find(|entry| entry.sub_kind == sub_kind).unwrap();
        &file[entry.payload_offset() as usize..][..entry.payload_length as usize]
    }

    fn all(chunks: &Chunks) -> Vec<u8> {
        chunks.chunks.concat()
    }

    #[test]
    fn rows_that_grow_are_those_of_a_file_with_one_list() {
        let dimension = 70;
        for (kind, metric) in [
            (VectorKind::I8, Metric::L2),
            (VectorKind::F16, Metric::InnerProduct),
            (VectorKind::F32, Metric::Cosine),
        ] {
            let vectors = values(9_600 * dimension);
            let mut source = MemorySource::new(dimension, vectors.clone(), None).unwrap();
            let mut packer = Packer::new()
                .metric(metric)
                .vectors(kind)
                .lists(1)
                .measure(false);
            let (file, _) = packer.pack_to_vec(&mut source).unwrap();
            let mut growing = Growing::new(dimension, metric, kind).unwrap();
            for some in vectors.chunks(1_111 * dimension) {
                growing.push(&mut some.to_vec()).unwrap();
            }
            growing.code().unwrap();
            assert_eq!((growing.rows(), growing.coded()), (9_600, 9_600));
            assert!(all(&growing.i8s) == payload(&file, SegmentType::VEC, 0));
            assert!(all(&growing.codes) == payload(&file, SegmentType::QUANT, 0));
            if kind != VectorKind::I8 {
                let sub_kind = if kind == VectorKind::F16 { 1 } else { 2 };
                assert!(all(&growing.floats) == payload(&file, SegmentType::VEC, sub_kind));
            }
        }
    }

    #[test]
    fn rows_that_are_kept_are_as_if_the_others_had_never_come() {
        let dimension = 300;
        let vectors = values(3_000 * dimension);
        let mut all_rows = Growing::new(dimension, Metric::L2, VectorKind::F16).unwrap();
        all_rows.push(&mut vectors.clone()).unwrap();
        all_rows.code().unwrap();
        all_rows.retain(|row| row % 3 != 1);
        all_rows.code().unwrap();
        let mut kept = Growing::new(dimension, Metric::L2, VectorKind::F16).unwrap();
        for (row, vector) in vectors.chunks(dimension).enumerate() {
            if row % 3 != 1 {
                kept.push(&mut vector.to_vec()).unwrap();
            }
        }
        kept.code().unwrap();
        assert_eq!(all_rows.rows(), 2_000);
        assert!(all(&all_rows.i8s) == all(&kept.i8s));
        assert!(all(&all_rows.floats) == all(&kept.floats));
        assert!(all(&all_rows.codes) == all(&kept.codes));
    }

    #[test]
    fn of_rows_with_a_bad_one_none_is_kept() {
        let mut rows = Growing::new(3, Metric::Cosine, VectorKind::F32).unwrap();
        rows.push(&mut values(300)).unwrap();
        let mut bad = values(300);
        bad[70 * 3..71 * 3].fill(0.0);
        assert!(matches!(
            rows.push(&mut bad.clone()),
            Err(PackError::ZeroVector { place }) if place.row == Some(70)
        ));
        bad[71] = f32::NAN;
        assert!(matches!(
            rows.push(&mut bad),
            Err(PackError::Component { place, .. }) if (place.row, place.component) == (Some(23), Some(2))
        ));
        assert_eq!((rows.rows(), all(&rows.floats).len()), (100, 100 * 16));
    }
}
