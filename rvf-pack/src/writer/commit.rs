//! Manifest and root.

use rvf_types::{Manifest, ManifestBuf, RootRecord, SegmentHeader, SegmentType, limits};

use super::{Segment, SegmentWriter, Storage};
use crate::error::PackError;

/// Writes the manifest as the segment with this id at `offset`, which is the end of the file, then the root, so that the
/// commit is whole or has not happened (R-ROOT-9). Returns the file's length.
///
/// # Errors
///
/// The manifest breaks a rule of the format, or the storage cannot be written.
pub fn commit(
    manifest: &ManifestBuf,
    id: u64,
    offset: u64,
    timestamp: u64,
    storage: &mut dyn Storage,
) -> Result<u64, PackError> {
    let block_log = limits::MANIFEST_BLOCK_LOG;
    let segment = Segment {
        kind: SegmentType::MANIFEST,
        sub_kind: 0,
        id,
        offset,
        block_log,
        timestamp,
    };
    let failed = PackError::output("write the manifest");
    let mut writer = SegmentWriter::new(segment);
    let payload = manifest.to_bytes()?;
    writer.write(storage, &payload).map_err(&failed)?;
    let written = writer.finish(storage).map_err(&failed)?;
    let length = written.end();
    let entry = written.entry;
    let record = RootRecord::new(
        manifest.head.generation,
        length,
        offset,
        entry.payload_length,
        entry.hash,
    );
    // What a reader would refuse must not be committed.
    Manifest::parse(&payload, offset)?.check_file(&record, id)?;

    let failed = PackError::output("commit the file");
    storage.sync().map_err(&failed)?;
    if manifest.head.generation == 1 {
        // Around the records all is zero; in a file that grows it is there already.
        storage
            .write_at(0, &SegmentHeader::root().to_bytes())
            .map_err(&failed)?;
    }
    for record_offset in limits::RECORD_OFFSETS {
        storage
            .write_at(record_offset, &record.to_bytes())
            .map_err(&failed)?;
        storage.sync().map_err(&failed)?;
    }
    Ok(length)
}
