//! The root and the manifest: what everything else is found by.

use rvf_types::{
    Features, Manifest, ManifestBuf, ManifestHead, Root, RootRecord, SegmentHeader, digest, header,
    limits,
};

use super::work::Findings;
use super::{Finding, Severity, VerifyReport};
use crate::error::HostError;
use crate::root;
use crate::source::ByteSource;

/// A file whose manifest can be trusted.
pub(super) struct Opened {
    pub(super) head: ManifestHead,
    pub(super) manifest: ManifestBuf,
    /// Bytes of the file that are there.
    pub(super) length: u64,
}

/// Checks the root and the manifest; gives the manifest if it is good enough to go on.
pub(super) fn check(
    source: &dyn ByteSource,
    findings: &Findings,
    report: &mut VerifyReport,
) -> Result<Option<Opened>, HostError> {
    let length = source
        .size()
        .map_err(HostError::read("the length of the file", 0))?;
    let Some(record) = check_root(source, length, findings, report)? else {
        return Ok(None);
    };
    check_length(&record, length, findings);

    let at = record.manifest_offset;
    let end = record.manifest_end().unwrap_or(u64::MAX);
    if end > length {
        // R-ROOT-5 was told above; without the manifest there is nothing more to check.
        return Ok(None);
    }
    let bytes = end.saturating_sub(at);
    let segment = root::read_manifest(source, &record, bytes)?;
    report.bytes += bytes;
    report.segments += 1;
    Ok(
        check_manifest(&segment, &record, findings, report).map(|(head, manifest)| Opened {
            head,
            manifest,
            length,
        }),
    )
}

fn check_root(
    source: &dyn ByteSource,
    length: u64,
    findings: &Findings,
    report: &mut VerifyReport,
) -> Result<Option<RootRecord>, HostError> {
    let page = root::read_page(source, length)?;
    report.bytes += page.len() as u64;
    report.segments += 1;
    if findings.passes(root::check_short_page(&page)).is_none() {
        return Ok(None);
    }
    let record = match Root::parse_ignoring_features(&page) {
        Ok(root) => {
            if let Some(warning) = root::warning(root.health()) {
                findings.add(Finding {
                    severity: Severity::Fault,
                    rule: warning.rule(),
                    offset: Some(warning.offset()),
                    what: warning.to_string(),
                });
            }
            Some(*root.record())
        }
        Err(error) => {
            findings.fault(&error);
            any_record(&page)
        }
    };
    if let Some(record) = &record {
        findings.passes(record.check_features(Features::KNOWN));
    }
    Ok(record)
}

/// A valid record of a root that is damaged elsewhere.
fn any_record(page: &[u8]) -> Option<RootRecord> {
    let records = limits::RECORD_OFFSETS.into_iter().filter_map(|offset| {
        let bytes = page.get(usize::try_from(offset).ok()?..)?;
        RootRecord::parse(bytes, offset).ok()
    });
    records.max_by_key(|record| record.generation)
}

fn check_length(record: &RootRecord, length: u64, findings: &Findings) {
    if let Some(Some(tail)) = findings.passes(root::tail(record, length)) {
        findings.add(Finding {
            severity: Severity::Note,
            rule: tail.rule(),
            offset: Some(tail.offset()),
            what: tail.to_string(),
        });
    }
}

/// Checks the MANIFEST segment: header, hash, padding, parts, and all that it says about the file.
fn check_manifest(
    segment: &[u8],
    record: &RootRecord,
    findings: &Findings,
    report: &mut VerifyReport,
) -> Option<(ManifestHead, ManifestBuf)> {
    const HEADER: usize = 64;
    let at = record.manifest_offset;
    let (head, rest) = segment.split_at_checked(HEADER)?;
    let (payload, padding) =
        rest.split_at_checked(usize::try_from(record.manifest_length).ok()?)?;
    let header = findings.passes(SegmentHeader::parse(head, at));
    let payload_at = at.saturating_add(limits::HEADER_LEN);
    let behind = payload_at.saturating_add(record.manifest_length);
    findings.passes(header::check_padding(padding, behind));
    let header = header?;
    findings.passes(record.check_manifest_header(&header))?;
    report.blocks += digest::block_count(record.manifest_length, limits::MANIFEST_BLOCK_LOG);
    let hash = &record.manifest_hash;
    findings.passes(digest::check_payload(
        &header,
        payload,
        limits::MANIFEST_BLOCK_LOG,
        hash,
        at,
    ))?;
    let manifest = findings.passes(Manifest::parse(payload, payload_at))?;
    findings.passes(manifest.check_file(record, header.id));
    Some((*manifest.head(), ManifestBuf::from(&manifest)))
}
