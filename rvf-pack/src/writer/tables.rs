//! The DIGEST segment.

use std::io;

use rvf_types::{SegmentType, limits};

use super::{Segment, SegmentWriter, Storage, Written};

/// Writes the digest tables of `segments` into a DIGEST segment with this id at `offset`, and notes in their entries
/// where they stand. Where every segment is a single block, no table is stored and no segment written.
///
/// # Errors
///
/// The storage cannot be written.
pub fn write_tables(
    segments: &mut [Written],
    id: u64,
    offset: u64,
    timestamp: u64,
    storage: &mut dyn Storage,
) -> io::Result<Option<Written>> {
    if !segments.iter().any(Written::wants_table) {
        return Ok(None);
    }
    let block_log = limits::MANIFEST_BLOCK_LOG;
    let segment = Segment {
        kind: SegmentType::DIGEST,
        sub_kind: 0,
        id,
        offset,
        block_log,
        timestamp,
    };
    let mut writer = SegmentWriter::new(segment);
    let mut at = offset + limits::HEADER_LEN;
    for segment in segments.iter_mut().filter(|segment| segment.wants_table()) {
        segment.entry.table = at;
        at += segment.table.len() as u64;
        writer.write(storage, &segment.table)?;
    }
    writer.finish(storage).map(Some)
}
