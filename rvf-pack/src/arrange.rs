//! The vectors in the order of the lists: VEC, and ORDER, which tells where each row went.

use rayon::prelude::*;
use rvf_types::{SegmentType, VectorKind};

use crate::cluster::Lists;
use crate::error::PackError;
use crate::plan::Plan;
use crate::progress::Reporter;
use crate::records::Records;
use crate::writer::{SegmentWriter, Storage, Written};

/// Bytes that are gathered between two writes.
const AT_ONCE: usize = 4 << 20;

/// Bytes that one task gathers.
const TASK: usize = 64 << 10;

/// Writes a VEC segment. `records` has all records of its kind in the order of the rows.
///
/// They are read where they stand, list by list and within a list in ascending order. Where they are a mapped file, the
/// system keeps in memory what it has room for.
pub(crate) fn write_vectors(
    kind: VectorKind,
    sizes: Records,
    records: &[u8],
    lists: &Lists,
    plan: &mut Plan,
    storage: &mut dyn Storage,
    reporter: &mut Reporter<'_, '_>,
) -> Result<Written, PackError> {
    let failed = PackError::output("write the vectors");
    let sub_kind = u32::from(kind.byte());
    let mut writer =
        SegmentWriter::new(plan.place(SegmentType::VEC, sub_kind, records.len() as u64));
    let stride = match kind {
        VectorKind::I8 => sizes.stride(),
        VectorKind::F16 | VectorKind::F32 => sizes.float_stride(),
    };
    let at_once = (AT_ONCE / stride).max(1);
    let of_task = (TASK / stride).max(1);
    let mut buffer = Vec::new();
    let rows = lists.rows() as usize;
    for first in (0..rows).step_by(at_once) {
        let count = at_once.min(rows - first);
        buffer.resize(count * stride, 0);
        buffer
            .par_chunks_mut(of_task * stride)
            .enumerate()
            .for_each(|(task, places)| {
                let numbers = (first + task * of_task) as u32..;
                for (place, number) in places.chunks_exact_mut(stride).zip(numbers) {
                    let row = lists.row_of(number) as usize;
                    place.copy_from_slice(&records[row * stride..][..stride]);
                }
            });
        writer.write(storage, &buffer).map_err(&failed)?;
        reporter.advance(count as u64)?;
    }
    writer.finish(storage).map_err(failed)
}

/// Writes ORDER.
pub(crate) fn write_order(
    order: &[u32],
    plan: &mut Plan,
    storage: &mut dyn Storage,
) -> Result<Written, PackError> {
    let failed = PackError::output("write the order of the vectors");
    let length = 4 * order.len() as u64;
    let mut writer = SegmentWriter::new(plan.place(SegmentType::ORDER, 0, length));
    for numbers in order.chunks(AT_ONCE / 4) {
        let bytes: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        writer.write(storage, &bytes).map_err(&failed)?;
    }
    writer.finish(storage).map_err(failed)
}
