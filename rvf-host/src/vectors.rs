//! Vectors as stored (R-VEC-6), one by one and all of them.

use rvf_types::vec::{FloatRecord, I8Record, record_offset, stride};
use rvf_types::{FormatError, VectorKind};

use crate::checked::Span;
use crate::error::HostError;
use crate::ids::{Id, IdBuf};
use crate::reader::Reader;

/// A row with all that is kept of it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// The row.
    pub row: u32,
    /// Its id; the row itself where the file keeps none.
    pub id: IdBuf,
    /// Its vector as stored.
    pub vector: Vec<f32>,
}

/// A record of a VEC segment.
#[derive(Debug)]
pub(crate) enum Record<'a> {
    I8(I8Record<'a>),
    Float(FloatRecord<'a>),
}

/// Bytes of records that [`Vectors`] reads in one go where they stand in the order of the rows.
const BATCH: u64 = 1 << 20;
/// The same where they stand in lists: each batch takes blocks from all over the file, and few batches take fewer blocks
/// again.
const SCATTERED_BATCH: u64 = 16 << 20;

impl Reader {
    /// A row: its id, and its vector as stored.
    ///
    /// # Errors
    /// [`HostError::NoRow`]; [`HostError::Format`] for damage.
    pub fn get(&self, row: u32) -> Result<Row, HostError> {
        let mut vector = Vec::new();
        self.vector_into(row, &mut vector)?;
        Ok(Row {
            row,
            id: self.id(row)?,
            vector,
        })
    }

    /// The row with an id.
    ///
    /// # Errors
    /// [`HostError::NoId`]; [`HostError::Format`] for damage.
    pub fn get_by_id(&self, id: Id<'_>) -> Result<Row, HostError> {
        self.get(self.row_of(id)?)
    }

    /// Puts the vector of a row, as stored, into `out`.
    ///
    /// # Errors
    /// As [`Reader::get`].
    pub fn vector_into(&self, row: u32, out: &mut Vec<f32>) -> Result<(), HostError> {
        let mut bytes = Vec::new();
        let record = self.vec_record(row, self.head().vectors, &mut bytes)?;
        out.clear();
        append(&record, self.head().vectors, out);
        Ok(())
    }

    /// All vectors as stored, in the order of the rows. It holds about 1 MiB of them at a time, in a file with lists 16 MiB.
    #[must_use]
    pub fn vectors(&self) -> Vectors<'_> {
        Vectors {
            reader: self,
            next: 0,
            batch: Vec::new(),
            numbers: Vec::new(),
            first: 0,
        }
    }

    /// The record of a row, read into `bytes`.
    pub(crate) fn vec_record<'b>(
        &self,
        row: u32,
        kind: VectorKind,
        bytes: &'b mut Vec<u8>,
    ) -> Result<Record<'b>, HostError> {
        self.check_row(row)?;
        let (segment, entry) = self.vec_segment(kind)?;
        let from = record_offset(kind, self.vector_number(row)?, self.dimension());
        bytes.resize(stride(kind, self.dimension()) as usize, 0);
        self.file().read(
            Span {
                segment,
                from,
                len: bytes.len(),
            },
            bytes,
        )?;
        self.parse_record(
            row,
            kind,
            bytes,
            entry.payload_offset().saturating_add(from),
        )
    }

    fn parse_record<'b>(
        &self,
        row: u32,
        kind: VectorKind,
        bytes: &'b [u8],
        offset: u64,
    ) -> Result<Record<'b>, HostError> {
        let dimension = self.dimension();
        let (record, found) = match kind {
            VectorKind::I8 => {
                let record = I8Record::parse(bytes, dimension, offset)?;
                (Record::I8(record), record.row)
            }
            VectorKind::F16 | VectorKind::F32 => {
                let record = FloatRecord::parse(bytes, kind, dimension, offset)?;
                (Record::Float(record), record.row)
            }
        };
        if found == row {
            return Ok(record);
        }
        Err(FormatError::Field {
            rule: "R-VEC-7",
            what: "row of a record",
            expected: rvf_types::error::Expected::Exactly(row.into()),
            found: found.into(),
            offset,
        }
        .into())
    }
}

fn append(record: &Record<'_>, kind: VectorKind, out: &mut Vec<f32>) {
    match record {
        Record::I8(record) => out.extend(record.components().map(|x| record.scale * f32::from(x))),
        Record::Float(record) if kind == VectorKind::F16 => {
            out.extend(record.f16_bits().map(widened));
        }
        Record::Float(record) => out.extend(record.f32s()),
    }
}

/// The value of an f16 (K-DIST-2): the exponent 31, which R-LIM-1 excludes, counts like any other.
pub(crate) fn widened(bits: u16) -> f32 {
    let bits = u32::from(bits);
    let (sign, exponent, fraction) = ((bits & 0x8000) << 16, (bits >> 10) & 31, bits & 0x3FF);
    if exponent == 0 {
        // fraction · 2⁻²⁴, exactly.
        let value = fraction as f32 / (1 << 24) as f32;
        return f32::from_bits(value.to_bits() | sign);
    }
    f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13)
}

/// All vectors of a file, in the order of the rows. After an error it ends.
#[derive(Debug)]
pub struct Vectors<'r> {
    reader: &'r Reader,
    next: u32,
    /// Records of the rows from `first` on.
    batch: Vec<u8>,
    /// Their vector numbers.
    numbers: Vec<u32>,
    first: u32,
}

impl Vectors<'_> {
    /// Puts the next vector into `out`; false at the end.
    ///
    /// # Errors
    /// [`HostError::Format`] for damage.
    pub fn next_into(&mut self, out: &mut Vec<f32>) -> Result<bool, HostError> {
        let rows = self.reader.rows();
        if self.next >= rows {
            return Ok(false);
        }
        let row = self.next;
        self.next = rows;
        if self.place(row).is_none() {
            self.read_from(row)?;
        }
        let kind = self.reader.head().vectors;
        let (_, entry) = self.reader.vec_segment(kind)?;
        let (number, bytes) = self.place(row).unwrap_or_default();
        let offset = record_offset(kind, number, self.reader.dimension());
        let record = self.reader.parse_record(
            row,
            kind,
            bytes,
            entry.payload_offset().saturating_add(offset),
        )?;
        out.clear();
        append(&record, kind, out);
        self.next = row + 1;
        Ok(true)
    }

    fn size(&self) -> usize {
        stride(self.reader.head().vectors, self.reader.dimension()) as usize
    }

    /// The vector number and the record of a row, if they are at hand.
    fn place(&self, row: u32) -> Option<(u32, &[u8])> {
        let within = row.checked_sub(self.first)? as usize;
        let number = *self.numbers.get(within)?;
        let from = within.checked_mul(self.size())?;
        Some((
            number,
            self.batch.get(from..from.checked_add(self.size())?)?,
        ))
    }

    /// Reads the records of the rows from `row` on.
    fn read_from(&mut self, row: u32) -> Result<(), HostError> {
        let head = self.reader.head();
        let (segment, _) = self.reader.vec_segment(head.vectors)?;
        let bytes = if head.lists == 1 {
            BATCH
        } else {
            SCATTERED_BATCH
        };
        let count = u32::try_from(bytes / self.size() as u64)
            .unwrap_or(1)
            .max(1)
            .min(head.rows - row);
        self.first = row;
        self.numbers.clear();
        let numbers = &mut self.numbers;
        self.reader
            .for_vector_numbers(row..row + count, |_, number| numbers.push(number))?;

        // In the order of the file, each to the place of its row; neighbours that stay neighbours in one piece.
        let size = self.size();
        let mut places: Vec<(u32, usize)> = self.numbers.iter().copied().zip(0..).collect();
        places.sort_unstable();
        let mut spans: Vec<(Span, usize)> = Vec::new();
        for (number, place) in places {
            let (from, at) = (
                record_offset(head.vectors, number, head.dimension),
                place * size,
            );
            match spans.last_mut() {
                Some((span, to)) if span.from + span.len as u64 == from && *to + span.len == at => {
                    span.len += size;
                }
                _ => spans.push((
                    Span {
                        segment,
                        from,
                        len: size,
                    },
                    at,
                )),
            }
        }
        self.batch.resize(count as usize * size, 0);
        self.reader.file().copy(&spans, &mut self.batch)
    }
}

impl Iterator for Vectors<'_> {
    type Item = Result<Vec<f32>, HostError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut vector = Vec::new();
        match self.next_into(&mut vector) {
            Ok(true) => Some(Ok(vector)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.reader.rows() - self.next) as usize;
        (0, Some(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;

    #[test]
    fn an_f16_is_widened_as_ieee_754_says_and_the_exponent_31_like_any_other() {
        for bits in 0..=u16::MAX {
            let found = widened(bits);
            let expected = match (bits >> 10) & 31 {
                31 => {
                    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
                    sign * 65_536.0 * (1.0 + f32::from(bits & 0x3FF) / 1024.0)
                }
                _ => f16::from_bits(bits).to_f32(),
            };
            assert_eq!(found.to_bits(), expected.to_bits(), "{bits:#06x}");
        }
    }
}
