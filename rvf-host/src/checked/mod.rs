//! The bytes of a file, each checked before it is used (R-HASH-6).
//!
//! [`CheckedFile`] stands between a source and everything that reads payloads. A segment's digest table is read and
//! checked when the segment is first used, a block when it is first touched. Where the source stands in memory,
//! checked blocks are used in place and a bitmap remembers them. Where it does not, blocks are copied, the copies
//! are checked, and a cache of bounded size keeps some of them.

mod cache;
mod load;
mod table;

use std::ops::Range;

use rvf_types::{FormatError, SegmentEntry};

use crate::digests::{self, Block};
use crate::error::HostError;
use crate::memory::zeroed;
use crate::source::{ByteSource, RangeRequest};

use cache::{BlockCache, BlockKey};
use table::Table;

/// Bytes of one segment's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Number of the segment in the manifest.
    pub(crate) segment: usize,
    /// Offset of the first byte in the payload.
    pub(crate) from: u64,
    /// How many bytes.
    pub(crate) len: usize,
}

/// Blocks that wait to be hashed are at most so many, so that the list stays small.
const PENDING_BLOCKS: usize = 16_384;
/// Bytes of blocks that are read in one go where a source is not in memory.
const BATCH_BYTES: usize = 8 << 20;

struct Segment {
    entry: SegmentEntry,
    table: std::sync::OnceLock<Table>,
}

/// A source, the live segments in it, and what was checked of them.
pub(crate) struct CheckedFile {
    source: Box<dyn ByteSource>,
    segments: Vec<Segment>,
    cache: BlockCache,
}

impl std::fmt::Debug for CheckedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckedFile")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// A payload in place. It gives what was checked and nothing else.
pub(crate) struct Place<'a> {
    payload: &'a [u8],
    /// Tells which blocks were checked; none where all were.
    table: Option<&'a Table>,
}

impl<'a> Place<'a> {
    /// The bytes of a range, if all of its blocks were checked.
    #[inline]
    pub(crate) fn get(&self, from: u64, len: usize) -> Option<&'a [u8]> {
        let bytes = slice(self.payload, from, len)?;
        match self.table {
            Some(table) if !table.are_checked(from, len as u64) => None,
            _ => Some(bytes),
        }
    }
}

/// A part of a block that a span wants, and where it goes in the destination.
struct Piece {
    key: BlockKey,
    in_block: Range<usize>,
    to: usize,
}

impl CheckedFile {
    pub(crate) fn new(
        source: Box<dyn ByteSource>,
        entries: &[SegmentEntry],
        cache_bytes: usize,
    ) -> Self {
        let segments = entries
            .iter()
            .map(|entry| Segment {
                entry: *entry,
                table: std::sync::OnceLock::new(),
            })
            .collect();
        Self {
            source,
            segments,
            cache: BlockCache::new(cache_bytes),
        }
    }

    pub(crate) fn source(&self) -> &dyn ByteSource {
        self.source.as_ref()
    }

    /// The entry of a segment.
    pub(crate) fn entry(&self, segment: usize) -> Option<&SegmentEntry> {
        self.segments.get(segment).map(|segment| &segment.entry)
    }

    /// Whether checked bytes are used where they lie, without a copy.
    pub(crate) fn is_in_place(&self) -> bool {
        self.source.view().is_some()
    }

    /// Whether every block of a segment was checked and is used in place.
    pub(crate) fn is_all_checked(&self, segment: usize) -> bool {
        self.is_in_place()
            && self
                .segments
                .get(segment)
                .and_then(|segment| segment.table.get())
                .is_some_and(Table::is_all_checked)
    }

    /// The whole payload of a segment as a span.
    pub(crate) fn whole(&self, segment: usize) -> Result<Span, HostError> {
        let bytes = self.entry(segment).map_or(0, |entry| entry.payload_length);
        let len = usize::try_from(bytes).map_err(|_| HostError::TooLarge {
            what: "a segment",
            bytes,
        })?;
        Ok(Span {
            segment,
            from: 0,
            len,
        })
    }

    /// Checks every block that the spans touch. For sources in memory.
    pub(crate) fn check(&self, spans: &[Span]) -> Result<(), HostError> {
        let Some(view) = self.source.view() else {
            return Ok(());
        };
        self.load_tables(spans.iter().map(|span| span.segment))?;
        let mut pending = Vec::new();
        for span in spans {
            let (segment, table) = self.segment(span.segment)?;
            let blocks = blocks_of(segment, table, span)?;
            if table.is_all_checked() {
                continue;
            }
            for number in blocks {
                if table.is_checked(number) {
                    continue;
                }
                pending.push((span.segment, number));
                if pending.len() >= PENDING_BLOCKS {
                    self.check_blocks(view, &pending)?;
                    pending.clear();
                }
            }
        }
        self.check_blocks(view, &pending)
    }

    fn check_blocks(&self, view: &[u8], pending: &[(usize, u64)]) -> Result<(), HostError> {
        if pending.is_empty() {
            return Ok(());
        }
        let mut blocks = Vec::with_capacity(pending.len());
        for &(segment, number) in pending {
            let (segment, table) = self.segment(segment)?;
            let (from, len, expected) = table
                .block(number)
                .ok_or_else(|| no_such_block(segment, number))?;
            let from = segment.entry.payload_offset().saturating_add(from);
            let bytes = slice(view, from, len).ok_or_else(|| past_end(segment))?;
            blocks.push(Block { bytes, expected });
        }
        self.compare(&blocks, pending)?;
        for &(segment, number) in pending {
            let (_, table) = self.segment(segment)?;
            table.set_checked(number);
        }
        Ok(())
    }

    /// Hashes blocks; an error for the first that is not what its digest says.
    fn compare(&self, blocks: &[Block<'_>], keys: &[(usize, u64)]) -> Result<(), HostError> {
        let Some((at, _)) = digests::first_wrong(blocks) else {
            return Ok(());
        };
        if let (Some(block), Some(&(segment, number))) = (blocks.get(at), keys.get(at)) {
            let (segment, table) = self.segment(segment)?;
            table.check_block(number, block.bytes, segment.entry.offset)?;
        }
        // A block of a mapped file that was wrong a moment ago and is right now: somebody is writing to the file.
        Err(FormatError::Other {
            rule: "R-HASH-2",
            what: "a block changed while it was checked; open a file that others write to with plain reads",
            offset: keys.get(at).map_or(0, |&(segment, _)| self.entry(segment).map_or(0, |entry| entry.offset)),
        }
        .into())
    }

    /// The bytes of a span in place, checked; none if the source is not in memory.
    pub(crate) fn view(&self, span: Span) -> Result<Option<&[u8]>, HostError> {
        let Some(view) = self.source.view() else {
            return Ok(None);
        };
        self.check(&[span])?;
        let (segment, _) = self.segment(span.segment)?;
        let from = segment.entry.payload_offset().saturating_add(span.from);
        slice(view, from, span.len)
            .map(Some)
            .ok_or_else(|| past_end(segment))
    }

    /// A segment's payload in place, of which only checked parts can be had; none if the source is not in memory or
    /// the segment's table was not loaded yet.
    pub(crate) fn place(&self, segment: usize) -> Option<Place<'_>> {
        let (segment, table) = self.segment(segment).ok()?;
        let len = usize::try_from(segment.entry.payload_length).ok()?;
        let payload = slice(self.source.view()?, segment.entry.payload_offset(), len)?;
        Some(Place {
            payload,
            table: Some(table).filter(|table| !table.is_all_checked()),
        })
    }

    /// Copies a checked span.
    pub(crate) fn read(&self, span: Span, to: &mut [u8]) -> Result<(), HostError> {
        self.copy(&[(span, 0)], to)
    }

    /// A checked span in memory of its own.
    pub(crate) fn read_vec(&self, span: Span) -> Result<Vec<u8>, HostError> {
        let (segment, table) = self.segment_loaded(span.segment)?;
        blocks_of(segment, table, &span)?;
        let mut bytes = zeroed("a part of a segment", span.len as u64)?;
        self.read(span, &mut bytes)?;
        Ok(bytes)
    }

    /// Copies checked spans, each to its own place in `to`.
    pub(crate) fn copy(&self, spans: &[(Span, usize)], to: &mut [u8]) -> Result<(), HostError> {
        self.load_tables(spans.iter().map(|(span, _)| span.segment))?;
        if self.is_in_place() {
            return self.copy_in_place(spans, to);
        }
        let mut pieces = Vec::new();
        let mut batched = 0;
        let mut last = None;
        for &(span, at) in spans {
            let (segment, table) = self.segment(span.segment)?;
            for number in blocks_of(segment, table, &span)? {
                let (from, len, _) = table
                    .block(number)
                    .ok_or_else(|| no_such_block(segment, number))?;
                let key = BlockKey {
                    segment: span.segment,
                    number,
                };
                if last != Some(key) {
                    if batched > 0 && batched + len > BATCH_BYTES {
                        self.copy_pieces(&pieces, to)?;
                        pieces.clear();
                        batched = 0;
                    }
                    batched += len;
                    last = Some(key);
                }
                pieces.push(piece(key, from, len, &span, at));
            }
        }
        self.copy_pieces(&pieces, to)
    }

    fn copy_in_place(&self, spans: &[(Span, usize)], to: &mut [u8]) -> Result<(), HostError> {
        let mut only: Vec<Span> = Vec::new();
        if spans
            .iter()
            .any(|(span, _)| !self.is_all_checked(span.segment))
        {
            only.extend(spans.iter().map(|(span, _)| *span));
            self.check(&only)?;
        }
        for &(span, at) in spans {
            if let Some(bytes) = self.view(span)? {
                put(to, at, bytes)?;
            }
        }
        Ok(())
    }

    /// Copies the pieces of one batch: from the cache, and what is not there from the source, read in one go.
    fn copy_pieces(&self, pieces: &[Piece], to: &mut [u8]) -> Result<(), HostError> {
        let mut missing = Vec::new();
        self.cache.with(|cache| {
            for piece in pieces {
                match cache.get(piece.key) {
                    Some(block) => put(to, piece.to, part(block, &piece.in_block))?,
                    None => missing.push(piece),
                }
            }
            Ok::<_, HostError>(())
        })?;
        if missing.is_empty() {
            return Ok(());
        }

        let mut keys: Vec<BlockKey> = missing.iter().map(|piece| piece.key).collect();
        keys.sort_unstable();
        keys.dedup();
        let blocks = self.read_blocks(&keys)?;
        for piece in missing {
            let at = keys.binary_search(&piece.key).unwrap_or(usize::MAX);
            let block = blocks.get(at).map_or(&[][..], |block| block.as_slice());
            put(to, piece.to, part(block, &piece.in_block))?;
        }
        self.cache.with(|cache| {
            keys.into_iter()
                .zip(blocks)
                .for_each(|(key, block)| cache.put(key, block))
        });
        Ok(())
    }

    /// Reads blocks from the source and checks the copies. The keys ascend; so do the blocks' offsets, since
    /// the manifest's entries do.
    fn read_blocks(&self, keys: &[BlockKey]) -> Result<Vec<Vec<u8>>, HostError> {
        let mut buffers = Vec::with_capacity(keys.len());
        let mut offsets = Vec::with_capacity(keys.len());
        let mut digests = Vec::with_capacity(keys.len());
        for key in keys {
            let (segment, table) = self.segment(key.segment)?;
            let (from, len, expected) = table
                .block(key.number)
                .ok_or_else(|| no_such_block(segment, key.number))?;
            offsets.push(segment.entry.payload_offset().saturating_add(from));
            buffers.push(vec![0; len]);
            digests.push(expected);
        }
        let mut requests: Vec<RangeRequest<'_>> = offsets
            .iter()
            .zip(&mut buffers)
            .map(|(&offset, buffer)| RangeRequest { offset, buffer })
            .collect();
        let first = offsets.first().copied().unwrap_or_default();
        self.source
            .read_ranges(&mut requests)
            .map_err(HostError::read("blocks of a segment", first))?;
        let blocks: Vec<Block<'_>> = buffers
            .iter()
            .zip(digests)
            .map(|(bytes, expected)| Block { bytes, expected })
            .collect();
        let keys: Vec<(usize, u64)> = keys.iter().map(|key| (key.segment, key.number)).collect();
        self.compare(&blocks, &keys)?;
        Ok(buffers)
    }

    /// A segment whose table is loaded.
    fn segment(&self, number: usize) -> Result<(&Segment, &Table), HostError> {
        let found = self
            .segments
            .get(number)
            .and_then(|segment| Some((segment, segment.table.get()?)));
        found.ok_or_else(|| no_segment(number))
    }

    fn segment_loaded(&self, number: usize) -> Result<(&Segment, &Table), HostError> {
        self.load_tables([number])?;
        self.segment(number)
    }
}

fn piece(key: BlockKey, block_from: u64, block_len: usize, span: &Span, at: usize) -> Piece {
    // The block and the span overlap, and a block has at most 2²⁰ bytes: the differences are small.
    let small = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let start = small(span.from.saturating_sub(block_from));
    let span_end = span.from.saturating_add(span.len as u64);
    let end = small(span_end.saturating_sub(block_from)).min(block_len);
    let before = small(block_from.saturating_sub(span.from));
    Piece {
        key,
        in_block: start..end,
        to: at.saturating_add(before),
    }
}

fn part<'a>(block: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    block.get(range.clone()).unwrap_or_default()
}

fn put(to: &mut [u8], at: usize, bytes: &[u8]) -> Result<(), HostError> {
    let place = at
        .checked_add(bytes.len())
        .and_then(|end| to.get_mut(at..end));
    match place {
        Some(place) => place.copy_from_slice(bytes),
        None => {
            return Err(HostError::TooLarge {
                what: "a range of a segment",
                bytes: bytes.len() as u64,
            });
        }
    }
    Ok(())
}

fn slice(view: &[u8], from: u64, len: usize) -> Option<&[u8]> {
    let from = usize::try_from(from).ok()?;
    view.get(from..from.checked_add(len)?)
}

fn blocks_of(segment: &Segment, table: &Table, span: &Span) -> Result<Range<u64>, HostError> {
    table.blocks_of(span.from, span.len as u64).ok_or_else(|| {
        FormatError::Field {
            rule: "R-NUM-2",
            what: "end of a range of a segment's payload",
            expected: rvf_types::error::Expected::AtMost(segment.entry.payload_length),
            found: span.from.saturating_add(span.len as u64),
            offset: segment.entry.offset,
        }
        .into()
    })
}

fn no_segment(number: usize) -> HostError {
    FormatError::Field {
        rule: "R-MAN-3",
        what: "number of a segment",
        expected: rvf_types::error::Expected::Words("one that the manifest lists"),
        found: number as u64,
        offset: 0,
    }
    .into()
}

fn no_such_block(segment: &Segment, number: u64) -> HostError {
    FormatError::Field {
        rule: "R-NUM-2",
        what: "number of a block",
        expected: rvf_types::error::Expected::Words("less than the number of the segment's blocks"),
        found: number,
        offset: segment.entry.offset,
    }
    .into()
}

fn past_end(segment: &Segment) -> HostError {
    HostError::Format(FormatError::Other {
        rule: "R-ROOT-5",
        what: "the file ends before its segment does",
        offset: segment.entry.offset,
    })
}
