//! From rows to vector numbers (R-VEC-7): rows are as in the input, vectors stand list after list.

use rvf_types::order;

use crate::checked::Span;
use crate::error::HostError;
use crate::memory::with_room;
use crate::reader::Reader;
use crate::rows::RowSet;

/// Rows whose vector numbers are read in one go.
const CHUNK: u32 = 1 << 16;
/// What is wanted is read together with what lies between, if that is at most so many rows.
const GAP: u32 = 64;

impl Reader {
    /// The vector number of a row, which the file has.
    pub(crate) fn vector_number(&self, row: u32) -> Result<u32, HostError> {
        if self.head().lists == 1 {
            return Ok(row);
        }
        let (segment, entry) = self.order_segment()?;
        let mut bytes = [0; NUMBER];
        let from = order::number_offset(row);
        self.file().read(
            Span {
                segment,
                from,
                len: NUMBER,
            },
            &mut bytes,
        )?;
        let number = u32::from_le_bytes(bytes);
        order::check_number(
            number,
            self.rows(),
            entry.payload_offset().saturating_add(from),
        )?;
        Ok(number)
    }

    /// Calls `each` with each row and its vector number. The rows are rows of the file, in ascending order.
    pub(crate) fn for_vector_numbers(
        &self,
        rows: impl IntoIterator<Item = u32>,
        mut each: impl FnMut(u32, u32),
    ) -> Result<(), HostError> {
        if self.head().lists == 1 {
            rows.into_iter().for_each(|row| each(row, row));
            return Ok(());
        }
        let mut rows = rows.into_iter().peekable();
        let (mut wanted, mut bytes) = (Vec::new(), Vec::new());
        while let Some(&first) = rows.peek() {
            wanted.clear();
            while let Some(row) = rows.next_if(|row| row.saturating_sub(first) < CHUNK) {
                wanted.push(row);
            }
            self.read_numbers(first, &wanted, &mut bytes)?;
            let (_, entry) = self.order_segment()?;
            for &row in &wanted {
                let place = byte_of(row.saturating_sub(first));
                let number = bytes
                    .get(place..)
                    .and_then(|bytes| bytes.first_chunk())
                    .map_or(u32::MAX, |bytes| u32::from_le_bytes(*bytes));
                let at = entry
                    .payload_offset()
                    .saturating_add(order::number_offset(row));
                order::check_number(number, self.rows(), at)?;
                each(row, number);
            }
        }
        Ok(())
    }

    /// Reads the vector numbers of `wanted`, which starts with `first`, each to its place behind that of `first`.
    fn read_numbers(
        &self,
        first: u32,
        wanted: &[u32],
        bytes: &mut Vec<u8>,
    ) -> Result<(), HostError> {
        let (segment, _) = self.order_segment()?;
        let mut spans: Vec<(Span, usize)> = Vec::new();
        let mut last = None;
        for &row in wanted {
            let at = byte_of(row.saturating_sub(first));
            let near = last.is_some_and(|last| row.saturating_sub(last) <= GAP);
            last = Some(row);
            match spans.last_mut() {
                Some((span, from)) if near => span.len = at + NUMBER - *from,
                _ => spans.push((
                    Span {
                        segment,
                        from: order::number_offset(row),
                        len: NUMBER,
                    },
                    at,
                )),
            }
        }
        let len = spans.last().map_or(0, |(span, from)| from + span.len);
        if bytes.len() < len {
            bytes.resize(len, 0);
        }
        self.file().copy(&spans, bytes)
    }

    /// The bitmap by vector number of a set of rows, as a kernel wants it: bit n mod 8 of byte ⌊n / 8⌋.
    pub(crate) fn live_numbers(&self, rows: &RowSet, out: &mut Vec<u8>) -> Result<(), HostError> {
        out.clear();
        if out.capacity() < rows.as_bytes().len() {
            *out = with_room("a filter", rows.as_bytes().len())?;
        }
        if self.head().lists == 1 {
            out.extend_from_slice(rows.as_bytes());
            return Ok(());
        }
        out.resize(rows.as_bytes().len(), 0);
        self.for_vector_numbers(rows.iter(), |_, number| {
            if let Some(byte) = out.get_mut(number as usize / 8) {
                *byte |= 1 << (number % 8);
            }
        })
    }
}

const NUMBER: usize = 4;

const fn byte_of(place: u32) -> usize {
    place as usize * NUMBER
}
