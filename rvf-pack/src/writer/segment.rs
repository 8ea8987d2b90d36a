//! One segment: header, payload, padding, and the digests of the payload's blocks.

use std::io;

use rayon::prelude::*;
use rvf_types::{SegmentEntry, SegmentHeader, SegmentType, block_digest, digest, header, limits};

use super::Storage;

/// Payload bytes that are held back, to be hashed by all threads and written in one go.
const AT_ONCE: usize = 1 << 20;

/// What a segment is, before its payload is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Its type.
    pub kind: SegmentType,
    /// What the manifest's entry says beside the type (section 5 of the format): the element type of a VEC, the word of
    /// a WASM module; else 0.
    pub sub_kind: u32,
    /// Its id: not 0, and higher than that of the segment before it in the file.
    pub id: u64,
    /// Where it starts: a multiple of 64.
    pub offset: u64,
    /// The logarithm of the size of its blocks, 10 to 20.
    pub block_log: u8,
    /// Nanoseconds since 1970, or 0.
    pub timestamp: u64,
}

/// Writes the payload of a segment as it comes.
///
/// It borrows no storage: several segments can grow side by side.
#[derive(Debug)]
pub struct SegmentWriter {
    segment: Segment,
    /// Bytes behind those written; a whole number of blocks stands before them.
    pending: Vec<u8>,
    written: u64,
    table: Vec<u8>,
}

impl SegmentWriter {
    /// Starts a segment. Nothing is written yet.
    #[must_use]
    pub fn new(segment: Segment) -> Self {
        Self {
            segment,
            pending: Vec::new(),
            written: 0,
            table: Vec::new(),
        }
    }

    /// Appends to the payload.
    ///
    /// # Errors
    ///
    /// The storage cannot be written.
    pub fn write(&mut self, storage: &mut dyn Storage, bytes: &[u8]) -> io::Result<()> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() < AT_ONCE {
            return Ok(());
        }
        let block = self.block();
        let whole = self.pending.len() / block * block;
        self.flush(storage, whole)
    }

    /// Writes the rest of the payload, the padding and the header.
    ///
    /// # Errors
    ///
    /// The storage cannot be written.
    pub fn finish(mut self, storage: &mut dyn Storage) -> io::Result<Written> {
        self.flush(storage, self.pending.len())?;
        let Segment {
            kind,
            sub_kind,
            id,
            offset,
            block_log,
            timestamp,
        } = self.segment;
        let mut head = SegmentHeader::new(kind, id, self.written);
        head.timestamp = timestamp;
        let (head, hash) = head.sealed(&self.table);
        let end = self.end_of_payload();
        storage.write_at(end, &[0; 64][..header::padding(self.written)])?;
        storage.write_at(offset, &head.to_bytes())?;
        let entry = SegmentEntry::new(&head, sub_kind, block_log, offset, hash);
        Ok(Written {
            entry,
            table: self.table,
        })
    }

    /// Where the bytes of the payload that are written end.
    fn end_of_payload(&self) -> u64 {
        self.segment.offset + limits::HEADER_LEN + self.written
    }

    fn block(&self) -> usize {
        1 << self.segment.block_log.min(limits::MAX_BLOCK_LOG)
    }

    fn flush(&mut self, storage: &mut dyn Storage, length: usize) -> io::Result<()> {
        let Some(ready) = self.pending.get(..length) else {
            return Ok(());
        };
        let digests = ready
            .par_chunks(self.block())
            .map(|block| block_digest(block).0);
        self.table
            .extend(digests.collect::<Vec<_>>().into_flattened());
        storage.write_at(self.end_of_payload(), ready)?;
        self.written += length as u64;
        self.pending.drain(..length);
        Ok(())
    }
}

/// A segment that stands in its storage.
#[derive(Debug, Clone)]
pub struct Written {
    /// Its entry for the manifest. A table that is to be stored is not in it before [`write_tables`](super::write_tables).
    pub entry: SegmentEntry,
    /// The digests of its blocks.
    pub table: Vec<u8>,
}

impl Written {
    /// Where the next segment starts.
    #[must_use]
    pub fn end(&self) -> u64 {
        // What has been written ends before 2⁶⁴.
        self.entry.end().unwrap_or(u64::MAX)
    }

    /// Whether the digest table is worth a place in the file: one digest is found as fast from the payload itself,
    /// since that is the block it guards.
    pub(super) fn wants_table(&self) -> bool {
        digest::block_count(self.entry.payload_length, self.entry.block_log) > 1
    }
}
