//! Reading and checking digest tables (R-HASH-5, R-HASH-6).

use rvf_types::{DigestTable, SegmentEntry, SegmentHeader, TableBuilder};

use super::cache::BlockKey;
use super::table::Table;
use super::{CheckedFile, no_segment, slice};
use crate::digests;
use crate::error::HostError;
use crate::memory::{with_room, zeroed};
use crate::source::{ByteSource, RangeRequest};

const TABLE: &str = "a digest table";
const HEADER_LEN: usize = 64;
/// A payload without a stored table is read in pieces of so many bytes, a multiple of every block size.
const PIECE: usize = 1 << 20;

/// What is read for one segment before its table can be checked.
struct Wanted {
    number: usize,
    entry: SegmentEntry,
    header: Vec<u8>,
    /// The stored table; or the whole payload where none is stored and it is small; else nothing.
    bytes: Vec<u8>,
}

impl Wanted {
    fn is_stored(&self) -> bool {
        self.entry.table != 0
    }
}

impl CheckedFile {
    /// Loads the tables of these segments that are not loaded yet; what it takes is read in one go.
    pub(crate) fn load_tables(
        &self,
        segments: impl IntoIterator<Item = usize>,
    ) -> Result<(), HostError> {
        let mut numbers: Vec<usize> = Vec::new();
        for number in segments {
            let segment = self
                .segments
                .get(number)
                .ok_or_else(|| no_segment(number))?;
            if segment.table.get().is_none() && !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        if numbers.is_empty() {
            return Ok(());
        }
        match self.source.view() {
            Some(view) => numbers
                .iter()
                .try_for_each(|&number| self.load_in_place(view, number)),
            None => self.load_by_reads(&numbers),
        }
    }

    fn load_in_place(&self, view: &[u8], number: usize) -> Result<(), HostError> {
        let Some(segment) = self.segments.get(number) else {
            return Err(no_segment(number));
        };
        let entry = &segment.entry;
        let past_end = || super::past_end(segment);
        let header = slice(view, entry.offset, HEADER_LEN).ok_or_else(past_end)?;
        let header = checked_header(entry, header)?;
        let stored = entry.table != 0;
        let table = if stored {
            let len = length(entry.table_length())?;
            let stored = slice(view, entry.table, len).ok_or_else(past_end)?;
            let mut table = with_room(TABLE, len)?;
            table.extend_from_slice(stored);
            table
        } else {
            let len = length(entry.payload_length)?;
            let payload = slice(view, entry.payload_offset(), len).ok_or_else(past_end)?;
            digests::table(payload, entry.block_log)?
        };
        let table = DigestTable::check(&header, table, entry.block_log, &entry.hash, entry.offset)?;
        // Another thread may have been faster; its table is the same.
        let _ = segment.table.set(Table::new(table, !stored)?);
        Ok(())
    }

    fn load_by_reads(&self, numbers: &[usize]) -> Result<(), HostError> {
        let mut wanted = Vec::new();
        for &number in numbers {
            let entry = *self.entry(number).ok_or_else(|| no_segment(number))?;
            let bytes = if entry.table != 0 {
                entry.table_length()
            } else {
                Some(entry.payload_length)
                    .filter(|&len| len <= PIECE as u64)
                    .unwrap_or(0)
            };
            wanted.push(Wanted {
                number,
                entry,
                header: vec![0; HEADER_LEN],
                bytes: zeroed(TABLE, bytes)?,
            });
        }
        read_wanted(self.source(), &mut wanted)?;
        for one in wanted {
            self.finish_read(one)?;
        }
        Ok(())
    }

    fn finish_read(&self, wanted: Wanted) -> Result<(), HostError> {
        let stored = wanted.is_stored();
        let Wanted {
            number,
            entry,
            header,
            bytes,
        } = wanted;
        let header = checked_header(&entry, &header)?;
        let whole = !stored && bytes.len() as u64 == entry.payload_length;
        let (table, payload) = match (stored, whole) {
            (true, _) => (bytes, None),
            (false, true) => (digests::table(&bytes, entry.block_log)?, Some(bytes)),
            (false, false) => (build_by_pieces(self.source(), &entry)?, None),
        };
        let table = DigestTable::check(&header, table, entry.block_log, &entry.hash, entry.offset)?;
        if let Some(bytes) = payload {
            let size = usize::try_from(rvf_types::digest::block_size(entry.block_log))
                .unwrap_or(usize::MAX);
            self.cache.with(|cache| {
                for (block, at) in bytes.chunks(size).zip(0..) {
                    cache.put(
                        BlockKey {
                            segment: number,
                            number: at,
                        },
                        block.to_vec(),
                    );
                }
            });
        }
        if let Some(segment) = self.segments.get(number) {
            let _ = segment.table.set(Table::new(table, false)?);
        }
        Ok(())
    }
}

fn read_wanted(source: &dyn ByteSource, wanted: &mut [Wanted]) -> Result<(), HostError> {
    let mut requests = Vec::with_capacity(wanted.len() * 2);
    for one in wanted {
        let at = if one.is_stored() {
            one.entry.table
        } else {
            one.entry.payload_offset()
        };
        requests.push(RangeRequest {
            offset: one.entry.offset,
            buffer: &mut one.header,
        });
        if !one.bytes.is_empty() {
            requests.push(RangeRequest {
                offset: at,
                buffer: &mut one.bytes,
            });
        }
    }
    requests.sort_unstable_by_key(|request| request.offset);
    let first = requests.first().map_or(0, |request| request.offset);
    source
        .read_ranges(&mut requests)
        .map_err(HostError::read("segment headers and digest tables", first))
}

fn build_by_pieces(source: &dyn ByteSource, entry: &SegmentEntry) -> Result<Vec<u8>, HostError> {
    let mut builder = TableBuilder::new(entry.block_log)?;
    let mut at = entry.payload_offset();
    let mut left = entry.payload_length;
    let mut piece = vec![0; PIECE];
    while left > 0 {
        let now = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let piece = piece.get_mut(..now).unwrap_or_default();
        source
            .read_at(at, piece)
            .map_err(HostError::read("a segment's payload", at))?;
        builder.update(piece);
        at = at.saturating_add(now as u64);
        left = left.saturating_sub(now as u64);
    }
    Ok(builder.finish())
}

fn checked_header(entry: &SegmentEntry, bytes: &[u8]) -> Result<SegmentHeader, HostError> {
    let header = SegmentHeader::parse(bytes, entry.offset)?;
    entry.check_header(&header)?;
    Ok(header)
}

fn length(bytes: u64) -> Result<usize, HostError> {
    usize::try_from(bytes).map_err(|_| HostError::TooLarge { what: TABLE, bytes })
}
