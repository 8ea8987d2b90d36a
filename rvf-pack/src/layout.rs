//! Where the segments of a new file stand, and how large their blocks are.

use std::ops::RangeInclusive;

use rvf_types::{SegmentType, header, limits};

use crate::writer::Segment;

/// Blocks of VEC, ORDER and IDS, 2 KiB or, of longer ones, 4 KiB. Searches read single records, numbers and ids here and there:
/// the smaller a block, the less is fetched and hashed for one of them; each takes 16 bytes of a digest table (0.8 % and 0.4 %).
pub const POINT_BLOCK_LOGS: RangeInclusive<u8> = 11..=12;

/// Up to so many bytes the blocks of records are the smaller ones. Who searches from afar fetches the digest table once:
/// that of the smaller blocks has a 256th of the payload more, 0.25 MiB here. On 50,000 real vectors (19 MiB) a first query
/// fetched 61 kB less of them, and the next ones 47 kB: so after two queries less is fetched in all.
const MOST_IN_SMALL_BLOCKS: u64 = 64 << 20;

/// Blocks of QUANT, 2 KiB to 16 KiB, the larger the longer it is.
pub const SCAN_BLOCK_LOGS: RangeInclusive<u8> = 11..=14;

/// Blocks of everything else, and of any payload that fits one such block, 64 KiB: it is read as a whole, and needs no
/// stored digest table.
pub const WHOLE_BLOCK_LOG: u8 = 16;

/// The block size for a segment with a payload of this many bytes.
fn block_log(kind: SegmentType, payload_length: u64) -> u8 {
    match kind {
        _ if payload_length <= 1 << WHOLE_BLOCK_LOG => WHOLE_BLOCK_LOG,
        SegmentType::VEC | SegmentType::IDS | SegmentType::ORDER => point_block_log(payload_length),
        SegmentType::QUANT => scan_block_log(payload_length),
        _ => WHOLE_BLOCK_LOG,
    }
}

/// The block size for so many bytes of records, numbers or ids.
fn point_block_log(payload_length: u64) -> u8 {
    if payload_length <= MOST_IN_SMALL_BLOCKS {
        *POINT_BLOCK_LOGS.start()
    } else {
        *POINT_BLOCK_LOGS.end()
    }
}

/// The block size for so many bytes of lists.
///
/// Who fetches a list over a network gets most of a block more than the list, some thirty times in a query, and gets the
/// digest table once, 16 bytes for each block. The square root of half the length balances the two.
fn scan_block_log(payload_length: u64) -> u8 {
    let root = (payload_length / 2).max(1).ilog2().div_ceil(2) as u8;
    root.clamp(*SCAN_BLOCK_LOGS.start(), *SCAN_BLOCK_LOGS.end())
}

/// Gives out ids and places, one segment after the other.
///
/// What opens a file stands together at its start: the root, INDEX, the modules, then QUANT, which every search reads;
/// the vectors, ids and digests follow.
#[derive(Debug)]
pub(crate) struct Layout {
    id: u64,
    offset: u64,
    timestamp: u64,
}

impl Layout {
    /// The layout of a file that holds the root alone.
    pub(crate) fn new(timestamp: u64) -> Self {
        Self {
            id: 1,
            offset: limits::ROOT_LEN,
            timestamp,
        }
    }

    /// The next segment. `payload_length` is that which it will have.
    pub(crate) fn place(
        &mut self,
        kind: SegmentType,
        sub_kind: u32,
        payload_length: u64,
    ) -> Segment {
        let block_log = block_log(kind, payload_length);
        let segment = Segment {
            kind,
            sub_kind,
            id: self.id,
            offset: self.offset,
            block_log,
            timestamp: self.timestamp,
        };
        self.id += 1;
        // The longest payload, 2³² f32 records of 65,536, is far below 2⁶⁴.
        self.offset += header::extent(payload_length).unwrap_or_default();
        segment
    }

    /// The id that the next segment gets, and where it starts.
    pub(crate) fn next(&self) -> (u64, u64) {
        (self.id, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_lists_grow_with_their_length_within_bounds() {
        let logs = [70 << 10, 4 << 20, 32 << 20, 128 << 20, 4 << 30, u64::MAX].map(scan_block_log);
        assert_eq!(logs, [11, 11, 12, 13, 14, 14]);
    }

    #[test]
    fn blocks_of_records_are_larger_in_longer_segments() {
        let log = |length| block_log(SegmentType::VEC, length);
        let logs = [64 << 10, (64 << 10) + 1, 64 << 20, (64 << 20) + 1, u64::MAX].map(log);
        assert_eq!(logs, [WHOLE_BLOCK_LOG, 11, 11, 12, 12]);
    }
}
