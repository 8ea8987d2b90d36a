//! What a module may have and must be able to do for a file: its memory, its fuel, what it is fed.

use rvf_microkernel::Region;
use rvf_types::{Metric, VectorKind, digest, quant, vec};

use super::Fault;
use crate::effort::Plan;
use crate::engine::Task;
use crate::error::HostError;
use crate::limits::{Limits, Work};
use crate::reader::Reader;

/// Bits of `rvf_caps`.
mod caps {
    pub(super) const CODED: u32 = 1 << 1;
    pub(super) const BLOCKS: u32 = 1 << 5;
    pub(super) const FILTER: u32 = 1 << 3;
    pub(super) const METRICS: [u32; 3] = [1 << 6, 1 << 7, 1 << 8];
    pub(super) const VECTORS: [u32; 3] = [1 << 9, 1 << 10, 1 << 11];
    pub(super) const LAYOUT_SHIFT: u32 = 16;
}

/// A region of the file, as the module knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct RegionOf {
    pub(super) number: Region,
    pub(super) segment: usize,
    pub(super) len: u64,
    pub(super) block_log: u8,
    /// Where it stands in the module's memory, once it does.
    pub(super) resident: Option<usize>,
}

impl RegionOf {
    /// Bytes of its blocks.
    const fn block(&self) -> u64 {
        digest::block_size(self.block_log)
    }
}

/// The regions of a file in the order in which they are made resident.
pub(super) fn regions(reader: &Reader) -> Result<Vec<RegionOf>, HostError> {
    let numbers = [
        Region::Index,
        Region::Quant,
        Region::VecFloat,
        Region::VecI8,
    ];
    let segments = reader.regions()?;
    let mut regions = Vec::new();
    for number in numbers {
        let segment = segments.get(number as usize).copied().flatten();
        if let Some(segment) = segment
            && let Some(entry) = reader.file().entry(segment)
        {
            regions.push(RegionOf {
                number,
                segment,
                len: entry.payload_length,
                block_log: entry.block_log,
                resident: None,
            });
        }
    }
    Ok(regions)
}

/// Bytes that a module's memory may have in all: the limit, and what may be resident of the file.
pub(super) fn memory_limit(limits: &Limits, regions: &[RegionOf]) -> usize {
    let data: u64 = regions.iter().map(|region| region.len).sum();
    let resident = usize::try_from(data)
        .unwrap_or(usize::MAX)
        .min(limits.resident);
    // 4 GiB less a page: every offset and length fits 32 bits.
    limits.memory.saturating_add(resident).min(0xFFFF_0000)
}

/// K-ABI-3: a group of entries with their numbers, a record, the filter.
pub(super) fn least_window(reader: &Reader, task: &Task<'_>) -> usize {
    let dimension = reader.dimension();
    let group = quant::group_length(quant::GROUP_ENTRIES, true, dimension);
    let record = u64::from(
        vec::stride(VectorKind::F32, dimension).max(vec::stride(VectorKind::I8, dimension)),
    );
    usize::try_from(group.max(record))
        .unwrap_or(usize::MAX)
        .max(task.filter.map_or(0, <[u8]>::len))
}

/// Bytes of blocks that this host may have to read and check for a query.
///
/// A range is charged with all of the blocks that it touches: a need of one byte makes the host read a whole block.
/// Our kernel takes each region once, or twice where it comes upon a vector by a second entry. Where it asks for single
/// records, each costs up to two blocks; a kernel that ranks many of them ranks neighbours, so large blocks count
/// whole only for the few that are taken in any order. The sum is allowed twice over.
pub(super) fn feed_limit(regions: &[RegionOf], rows: u32, work: &Work) -> u64 {
    const MOST_A_ROW: u64 = 64 << 10;
    let data: u64 = regions.iter().map(|region| region.len).sum();
    let block = regions.iter().map(RegionOf::block).max().unwrap_or(0);
    let scattered = u64::from(rows).saturating_mul((2 * block).min(MOST_A_ROW));
    let picked = u64::from(work.pool.max(work.k))
        .saturating_add(64)
        .saturating_mul(2 * block);
    data.saturating_mul(4)
        .saturating_add(scattered)
        .saturating_add(picked)
        .saturating_add(1 << 20)
}

/// Counts the bytes of the blocks that the ranges of one step touch; one that neighbours share counts once.
#[derive(Debug, Default)]
pub(super) struct Touched {
    bytes: u64,
    last: Option<(Region, u64)>,
}

impl Touched {
    /// Counts a range that lies inside its region.
    pub(super) fn count(&mut self, region: &RegionOf, offset: u64, len: u32) {
        let log = region.block_log;
        let number = |at: u64| at.checked_shr(log.into()).unwrap_or(0);
        let (mut first, last) = (
            number(offset),
            number(offset.saturating_add(len.into()).saturating_sub(1)),
        );
        if self.last == Some((region.number, first)) {
            first = first.saturating_add(1);
        }
        self.last = Some((region.number, last));
        if first > last {
            return;
        }
        let start = first.saturating_mul(region.block());
        let end = last.saturating_add(1).saturating_mul(region.block());
        let bytes = end.min(region.len).saturating_sub(start);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// The sum.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// What the module may have to do for a query.
pub(super) fn work(reader: &Reader, k: u32, plan: &Plan) -> Work {
    let head = reader.head();
    // The centroids are searched as a list, for as many as are visited (K-PROBE-2).
    let (pool, exact, centroids) = match *plan {
        Plan::Exact => (k, true, 0),
        Plan::Coded { pool, .. } if head.lists == 1 => (pool, false, 0),
        Plan::Coded { pool, probes, .. } => {
            let visited = if probes == 0 { head.lists } else { probes };
            (pool.max(visited.min(head.lists)), false, head.lists)
        }
    };
    let all_floats = exact && head.vectors != VectorKind::I8;
    Work {
        // A vector may be come upon twice.
        rows: head
            .rows
            .saturating_mul(if centroids == 0 { 1 } else { 2 })
            .saturating_add(centroids),
        dimension: reader.dimension(),
        k,
        pool,
        all_floats,
    }
}

/// What the module says it can do is enough for the file.
pub(super) fn check_caps(reader: &Reader, caps: u32) -> Result<(), Fault> {
    let head = reader.head();
    let has = |bits: [u32; 3], byte: u8| {
        bits.get(usize::from(byte))
            .is_some_and(|bit| caps & bit != 0)
    };
    if !has(caps::METRICS, head.metric.byte()) {
        return Err(Fault::Lacks {
            what: match head.metric {
                Metric::L2 => "squared L2 distances",
                Metric::InnerProduct => "inner products",
                Metric::Cosine => "cosine distances",
            },
        });
    }
    if !has(caps::VECTORS, VectorKind::I8.byte()) || !has(caps::VECTORS, head.vectors.byte()) {
        return Err(Fault::Lacks {
            what: "the element type of this file's vectors",
        });
    }
    if (caps >> caps::LAYOUT_SHIFT) & 0xFF < u32::from(rvf_types::index::LAYOUT) {
        return Err(Fault::Lacks {
            what: "the layout of this file's INDEX",
        });
    }
    Ok(())
}

/// What the module says it can do is enough for the query.
pub(super) fn check_task(task: &Task<'_>, caps: u32) -> Result<(), Fault> {
    match task.plan {
        Plan::Exact if caps & caps::BLOCKS == 0 => Err(Fault::Lacks {
            what: "distances of blocks, which exact search takes",
        }),
        Plan::Coded { .. } if caps & caps::CODED == 0 => Err(Fault::Lacks {
            what: "coded search",
        }),
        Plan::Coded { .. } if task.filter.is_some() && caps & caps::FILTER == 0 => {
            Err(Fault::Lacks { what: "a filter" })
        }
        _ => Ok(()),
    }
}
