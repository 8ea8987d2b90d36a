//! Builds an INDEX payload.

use super::{
    HEAD_LEN, Index, IndexHead, ListEntry, centroid_codes_length, centroid_codes_offset,
    centroid_records_length, centroid_records_offset, directory_offset, payload_length,
};
use crate::bytes::ensure;
use crate::error::{Expected, FormatError};
use alloc::vec::Vec;

/// The INDEX payload of these parts, checked as a reader checks it ([`Index::parse`]).
///
/// `directory` has an entry a list ([`ListEntry::only`], [`ListEntry::next`]). Where there is more than one list,
/// `centroid_codes` are the bytes of a list whose own vectors are the centroids ([`quant::write_list`], with or without
/// the zeros behind), and `centroid_records` an i8 record a list ([`vec::write_i8`]); else both are empty.
///
/// [`quant::write_list`]: crate::quant::write_list
/// [`vec::write_i8`]: crate::vec::write_i8
///
/// # Errors
/// R-IDX-2 for a part that has not the length that dimension and lists ask for, else as [`Index::parse`]; the offsets in
/// the error are counted from the start of the payload.
pub fn write(
    head: &IndexHead,
    mean: &[f32],
    directory: &[ListEntry],
    centroid_codes: &[u8],
    centroid_records: &[u8],
) -> Result<Vec<u8>, FormatError> {
    let (dimension, lists) = (head.dimension, head.lists);
    let size = |what, found: usize, wanted: u64, at| {
        let (found, expected) = (found as u64, Expected::Exactly(wanted));
        ensure(found == wanted, "R-IDX-2", what, expected, found, at)
    };
    size(
        "components of the mean",
        mean.len(),
        dimension.into(),
        HEAD_LEN,
    )?;
    let directory_at = directory_offset(dimension);
    let entries = directory.len();
    size(
        "entries of the list directory",
        entries,
        lists.into(),
        directory_at,
    )?;
    let codes_at = centroid_codes_offset(dimension, lists);
    let codes_length = centroid_codes_length(dimension, lists);
    // Zeros that fill up a list end where the centroid records start: they are no more than the payload has there.
    let padded = usize::try_from(codes_length.next_multiple_of(64)).unwrap_or(usize::MAX);
    if centroid_codes.len() != padded {
        size(
            "bytes of the centroid codes",
            centroid_codes.len(),
            codes_length,
            codes_at,
        )?;
    }
    let records_at = centroid_records_offset(dimension, lists);
    let records_length = centroid_records_length(dimension, lists);
    let found = centroid_records.len();
    size(
        "bytes of the centroid records",
        found,
        records_length,
        records_at,
    )?;

    let mut out = Vec::from(head.to_bytes());
    out.reserve_exact(usize::try_from(payload_length(dimension, lists)).unwrap_or_default());
    mean.iter()
        .for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
    fill(&mut out);
    directory
        .iter()
        .for_each(|entry| out.extend_from_slice(&entry.to_bytes()));
    if lists > 1 {
        for part in [centroid_codes, centroid_records] {
            fill(&mut out);
            out.extend_from_slice(part);
        }
    }
    Index::with_head(*head, &out, 0)?;
    Ok(out)
}

/// Zeros up to where the next part starts.
fn fill(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(64), 0);
}
