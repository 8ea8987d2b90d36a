//! The two places that everything else is found by, the root and the manifest, as they are read from a source.
//!
//! A reader stops at the first rule that is broken, `verify` goes on and collects: what both do alike is here.

use rvf_types::{FormatError, RootHealth, RootRecord, SegmentHeader, limits};

use crate::error::HostError;
use crate::memory::zeroed;
use crate::reader::Warning;
use crate::source::ByteSource;

/// The page that the root stands on; less, where the file is shorter.
pub(crate) fn read_page(source: &dyn ByteSource, file_length: u64) -> Result<Vec<u8>, HostError> {
    let len = usize::try_from(file_length.min(limits::ROOT_LEN)).unwrap_or(0);
    let mut page = vec![0; len];
    source
        .read_at(0, &mut page)
        .map_err(HostError::read("the root", 0))?;
    Ok(page)
}

/// Checks the header of a page that is too short for a root: what is no RVF file at all is better called so than cut
/// short.
///
/// # Errors
/// As [`SegmentHeader::parse`].
pub(crate) fn check_short_page(page: &[u8]) -> Result<(), FormatError> {
    if (limits::HEADER_LEN..limits::ROOT_LEN).contains(&(page.len() as u64)) {
        SegmentHeader::parse(page, 0)?;
    }
    Ok(())
}

/// What the user of a file should know of its two root records.
pub(crate) const fn warning(health: &RootHealth) -> Option<Warning> {
    match *health {
        RootHealth::Healthy => None,
        RootHealth::OneDamaged { record, why } => Some(Warning::DamagedRecord { record, why }),
        RootHealth::CutShort { record, generation } => {
            Some(Warning::CutShort { record, generation })
        }
    }
}

/// What the user of a file should know of the bytes behind its committed length.
///
/// # Errors
/// R-ROOT-5 for a file that ends before it.
pub(crate) fn tail(record: &RootRecord, file_length: u64) -> Result<Option<Warning>, FormatError> {
    let offset = record.committed_length;
    match file_length.checked_sub(offset) {
        Some(0) => Ok(None),
        Some(bytes) => Ok(Some(Warning::UncommittedTail { offset, bytes })),
        None => Err(FormatError::TooShort {
            rule: "R-ROOT-5",
            what: "the file, whose start is",
            expected: offset,
            found: file_length,
            offset: 0,
        }),
    }
}

/// `bytes` of the MANIFEST segment, from its header on. R-ROOT-2 and R-LIM-3 hold for a valid record: at most 64 MiB.
pub(crate) fn read_manifest(
    source: &dyn ByteSource,
    record: &RootRecord,
    bytes: u64,
) -> Result<Vec<u8>, HostError> {
    const WHAT: &str = "the manifest";
    let at = record.manifest_offset;
    let mut segment = zeroed(WHAT, bytes)?;
    source
        .read_at(at, &mut segment)
        .map_err(HostError::read(WHAT, at))?;
    Ok(segment)
}
