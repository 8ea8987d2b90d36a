//! Headers, digest tables, blocks and padding of every segment, live or dead.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rvf_types::{
    DeadExtent, DigestTable, SegmentEntry, SegmentHash, SegmentHeader, digest, header,
};

use super::VerifyReport;
use super::root::Opened;
use super::work::{Findings, Pool};
use crate::digests;
use crate::error::HostError;
use crate::memory::{with_room, zeroed};
use crate::source::ByteSource;

/// Bytes of a payload that one task takes: a multiple of every block size.
const PIECE: u64 = 4 << 20;
const HEADER_LEN: usize = 64;

/// A segment, as the manifest lists it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    offset: u64,
    end: u64,
    payload_length: u64,
    block_log: u8,
    hash: SegmentHash,
    table: u64,
    says: Says,
}

#[derive(Debug, Clone, Copy)]
enum Says {
    Live(SegmentEntry),
    Dead(DeadExtent),
}

impl Extent {
    /// All extents that lie inside the file: first the live segments in the order of the manifest, then the dead.
    pub(super) fn all(opened: &Opened) -> Vec<Option<Self>> {
        let live = opened.manifest.entries.iter().map(|entry| Self {
            offset: entry.offset,
            end: entry.end().unwrap_or(u64::MAX),
            payload_length: entry.payload_length,
            block_log: entry.block_log,
            hash: entry.hash,
            table: entry.table,
            says: Says::Live(*entry),
        });
        let dead = opened.manifest.dead.iter().map(|dead| Self {
            offset: dead.offset,
            end: dead.end().unwrap_or(u64::MAX),
            // Not listed: its header says it, and is checked against the extent.
            payload_length: 0,
            block_log: dead.block_log,
            hash: dead.hash,
            table: 0,
            says: Says::Dead(*dead),
        });
        // What reaches behind the file's end breaks R-ROOT-5 or R-MAN-2, which was told.
        live.chain(dead)
            .map(|extent| (extent.end <= opened.length).then_some(extent))
            .collect()
    }

    fn payload_offset(&self) -> u64 {
        self.offset.saturating_add(HEADER_LEN as u64)
    }
}

/// A segment whose header and table are right.
struct Tabled<'s> {
    extent: Extent,
    table: DigestTable<Cow<'s, [u8]>>,
    sound: AtomicBool,
}

/// Checks all segments. Gives for each live one whether its bytes are what the hash says.
pub(super) fn check(
    source: &dyn ByteSource,
    length: u64,
    extents: &[Option<Extent>],
    pool: &Pool,
    findings: &Findings,
    report: &mut VerifyReport,
) -> Result<Vec<bool>, HostError> {
    let mut segments = Vec::new();
    for extent in extents {
        let tabled = match extent {
            Some(extent) => {
                report.segments += 1;
                report.bytes += extent.end.saturating_sub(extent.offset);
                check_frame(source, length, extent, findings)?
            }
            None => None,
        };
        segments.push(tabled);
    }

    let mut pieces = Vec::new();
    for tabled in segments.iter().flatten() {
        report.blocks += tabled.table.blocks();
        let starts = (0..tabled.extent.payload_length).step_by(PIECE as usize);
        pieces.extend(starts.map(|from| (tabled, from)));
    }
    let checked = AtomicU64::new(0);
    pool.run(pieces.len(), |number| match pieces.get(number) {
        Some((tabled, from)) => {
            checked.fetch_add(1, Ordering::Relaxed);
            check_piece(source, tabled, *from, findings)
        }
        None => Ok(()),
    })?;
    Ok(segments
        .iter()
        .map(|tabled| {
            tabled
                .as_ref()
                .is_some_and(|tabled| tabled.sound.load(Ordering::Relaxed))
        })
        .collect())
}

/// Checks a segment's header, padding and digest table.
fn check_frame<'s>(
    source: &'s dyn ByteSource,
    length: u64,
    extent: &Extent,
    findings: &Findings,
) -> Result<Option<Tabled<'s>>, HostError> {
    let head = bytes(source, extent.offset, HEADER_LEN as u64)?;
    let Some(header) = findings.passes(SegmentHeader::parse(&head, extent.offset)) else {
        return Ok(None);
    };
    let agrees = match &extent.says {
        Says::Live(entry) => findings.passes(entry.check_header(&header)),
        Says::Dead(dead) => findings.passes(dead.check_header(&header)),
    };
    if agrees.is_none() {
        return Ok(None);
    }
    let extent = Extent {
        payload_length: header.payload_length,
        ..*extent
    };
    let behind = extent
        .payload_offset()
        .saturating_add(extent.payload_length);
    let padding = bytes(source, behind, extent.end.saturating_sub(behind))?;
    findings.passes(header::check_padding(&padding, behind));

    let table_length = digest::table_length(extent.payload_length, extent.block_log);
    if extent
        .table
        .checked_add(table_length)
        .is_none_or(|end| end > length)
    {
        // R-MAN-5 or a rule before it was told.
        return Ok(None);
    }
    let table = if extent.table == 0 {
        Cow::Owned(build_table(source, &extent, table_length)?)
    } else {
        bytes(source, extent.table, table_length)?
    };
    let table = DigestTable::check(
        &header,
        table,
        extent.block_log,
        &extent.hash,
        extent.offset,
    );
    Ok(findings.passes(table).map(|table| Tabled {
        extent,
        table,
        sound: AtomicBool::new(true),
    }))
}

/// The table of a payload that has none stored.
fn build_table(
    source: &dyn ByteSource,
    extent: &Extent,
    table_length: u64,
) -> Result<Vec<u8>, HostError> {
    const WHAT: &str = "a digest table";
    let too_large = |_| HostError::TooLarge {
        what: WHAT,
        bytes: table_length,
    };
    let room = usize::try_from(table_length).map_err(too_large)?;
    let mut table = with_room(WHAT, room)?;
    let mut from = 0;
    while from < extent.payload_length {
        let len = PIECE.min(extent.payload_length - from);
        let piece = bytes(source, extent.payload_offset().saturating_add(from), len)?;
        table.extend_from_slice(&digests::table(&piece, extent.block_log)?);
        from += len;
    }
    Ok(table)
}

/// Compares the blocks of one piece with their digests.
fn check_piece(
    source: &dyn ByteSource,
    tabled: &Tabled<'_>,
    from: u64,
    findings: &Findings,
) -> Result<(), HostError> {
    let extent = &tabled.extent;
    let at = extent.payload_offset().saturating_add(from);
    let piece = bytes(source, at, PIECE.min(extent.payload_length - from))?;
    let size = digest::block_size(extent.block_log);
    let blocks: Vec<&[u8]> = piece
        .chunks(usize::try_from(size).unwrap_or(usize::MAX))
        .collect();
    let found = digests::on_this_thread(&blocks);
    for (number, (block, found)) in (from / size..).zip(blocks.iter().zip(found)) {
        if tabled.table.digest(number) != Some(found) {
            tabled.sound.store(false, Ordering::Relaxed);
            // The digest is computed once more, by other code; the error is its.
            findings.passes(tabled.table.check_block(number, block, extent.offset));
        }
    }
    Ok(())
}

/// Bytes of the file: in place where the source is in memory, else read.
pub(super) fn bytes(
    source: &dyn ByteSource,
    offset: u64,
    len: u64,
) -> Result<Cow<'_, [u8]>, HostError> {
    let in_place = source.view().and_then(|view| {
        let from = usize::try_from(offset).ok()?;
        let len = usize::try_from(len).ok()?;
        view.get(from..from.checked_add(len)?)
    });
    if let Some(bytes) = in_place {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut bytes = zeroed("a part of the file", len)?;
    source
        .read_at(offset, &mut bytes)
        .map_err(HostError::read("a segment", offset))?;
    Ok(Cow::Owned(bytes))
}
