//! The hash tree: block digests, digest tables, segment hashes (section 3 of the format).
//!
//! SHAKE256 is that of FIPS 202. Blocks are independent of each other, so a caller may hash them
//! side by side with [`block_digest`] and put the digests into a table in their order.

use crate::bytes::{ensure, slice};
use crate::error::{Expected, FormatError, Hex};
use crate::header::SegmentHeader;
use crate::limits::{DIGEST_LEN, MAX_BLOCK_LOG, MIN_BLOCK_LOG};
#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::fmt;
use sha3::Shake256;
use sha3::digest::{ExtendableOutput, Update, XofReader};

/// The digest of a block: SHAKE-256-128 (R-HASH-2).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlockDigest(pub [u8; 16]);

/// The hash of a segment, or of a module: SHAKE-256-256 (R-HASH-3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentHash(pub [u8; 32]);

impl SegmentHash {
    /// The value that stands for no hash in the file.
    pub const ZERO: Self = Self([0; 32]);

    /// The first 16 bytes: the content hash of a segment's header.
    #[must_use]
    pub fn content(&self) -> [u8; 16] {
        match self.0.first_chunk::<16>() {
            Some(first) => *first,
            None => [0; 16],
        }
    }

    /// Whether all bytes are zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

macro_rules! hex_formats {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Hex(&self.0).fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), Hex(&self.0))
            }
        }
        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}
hex_formats!(BlockDigest);
hex_formats!(SegmentHash);

/// A SHAKE256 that has taken one byte: 0 for a block, 1 for a segment.
fn tagged(tag: u8) -> Shake256 {
    let mut shake = Shake256::default();
    shake.update(&[tag]);
    shake
}

fn squeeze<const N: usize>(shake: Shake256) -> [u8; N] {
    let mut out = [0; N];
    shake.finalize_xof().read(&mut out);
    out
}

/// SHAKE-256-256 of bytes, with nothing before them: the hash of a module's bytecode (R-WASM-1).
#[must_use]
pub fn plain_hash(bytes: &[u8]) -> SegmentHash {
    let mut shake = Shake256::default();
    shake.update(bytes);
    SegmentHash(squeeze(shake))
}

/// The digest of a block (R-HASH-2).
#[must_use]
pub fn block_digest(block: &[u8]) -> BlockDigest {
    let mut shake = tagged(0);
    shake.update(block);
    BlockDigest(squeeze(shake))
}

/// The hash of a segment with this header and digest table (R-HASH-3).
#[must_use]
pub fn segment_hash(header: &SegmentHeader, table: &[u8]) -> SegmentHash {
    let mut shake = tagged(1);
    shake.update(&header.hash_input());
    shake.update(table);
    SegmentHash(squeeze(shake))
}

/// Checks the logarithm of a block size.
fn check_log(block_log: u8, offset: u64) -> Result<(), FormatError> {
    ensure(
        (MIN_BLOCK_LOG..=MAX_BLOCK_LOG).contains(&block_log),
        "R-HASH-2",
        "logarithm of the block size",
        Expected::Between(MIN_BLOCK_LOG.into(), MAX_BLOCK_LOG.into()),
        block_log.into(),
        offset,
    )
}

/// Bytes of a block of logarithm `block_log`. Above 63, which no file can hold, 2⁶³.
#[must_use]
pub const fn block_size(block_log: u8) -> u64 {
    let log = if block_log > 63 { 63 } else { block_log };
    1_u64.wrapping_shl(log as u32)
}

/// The number of blocks of a payload.
#[must_use]
pub const fn block_count(payload_length: u64, block_log: u8) -> u64 {
    payload_length.div_ceil(block_size(block_log))
}

/// The extent of block `number` in the payload: its offset and its length. None if there is no such block.
#[must_use]
pub const fn block_extent(payload_length: u64, block_log: u8, number: u64) -> Option<(u64, u64)> {
    let size = block_size(block_log);
    let from = match number.checked_mul(size) {
        Some(from) if from < payload_length => from,
        _ => return None,
    };
    let left = payload_length.saturating_sub(from);
    Some((from, if left < size { left } else { size }))
}

/// Bytes of the digest table of a payload.
#[must_use]
pub const fn table_length(payload_length: u64, block_log: u8) -> u64 {
    // At least 2¹⁰ bytes make a digest of 16 in a file; for logarithms that no file has it saturates.
    block_count(payload_length, block_log).saturating_mul(DIGEST_LEN)
}

/// A digest table that was checked against its segment's hash. It can't be made otherwise (R-HASH-6).
///
/// `B` is what holds the bytes: `&[u8]` or `Vec<u8>`.
#[derive(Debug, Clone)]
pub struct DigestTable<B> {
    bytes: B,
    payload_length: u64,
    block_log: u8,
}

impl<B: AsRef<[u8]>> DigestTable<B> {
    /// Takes a table, stored or built from the payload, and checks it against the segment's hash.
    /// `offset` is that of the segment's header in the file.
    ///
    /// # Errors
    /// R-HASH-2 for a block size or table length that is wrong, R-HASH-3 for another hash.
    pub fn check(
        header: &SegmentHeader,
        table: B,
        block_log: u8,
        expected: &SegmentHash,
        offset: u64,
    ) -> Result<Self, FormatError> {
        check_log(block_log, offset)?;
        let len = table_length(header.payload_length, block_log);
        let found = table.as_ref().len() as u64;
        ensure(
            found == len,
            "R-HASH-2",
            "length of a segment's digest table",
            Expected::Exactly(len),
            found,
            offset,
        )?;
        compare(&segment_hash(header, table.as_ref()), expected, offset)?;
        Ok(Self {
            bytes: table,
            payload_length: header.payload_length,
            block_log,
        })
    }

    /// The digest of block `number`, if there is such a block.
    #[must_use]
    pub fn digest(&self, number: u64) -> Option<BlockDigest> {
        let at = number.checked_mul(DIGEST_LEN)?;
        slice(self.bytes.as_ref(), at, DIGEST_LEN)?
            .first_chunk()
            .copied()
            .map(BlockDigest)
    }

    /// Checks the bytes of block `number` against its digest. `offset` is that of the segment's header.
    ///
    /// # Errors
    /// R-NUM-2 if there is no such block or `block` has another length, R-HASH-2 for another digest.
    pub fn check_block(&self, number: u64, block: &[u8], offset: u64) -> Result<(), FormatError> {
        let (Some((from, len)), Some(expected)) = (
            block_extent(self.payload_length, self.block_log, number),
            self.digest(number),
        ) else {
            return Err(FormatError::Field {
                rule: "R-NUM-2",
                what: "number of a block",
                expected: Expected::Words("less than the number of the segment's blocks"),
                found: number,
                offset,
            });
        };
        let at = offset
            .saturating_add(crate::limits::HEADER_LEN)
            .saturating_add(from);
        ensure(
            block.len() as u64 == len,
            "R-NUM-2",
            "length of a block",
            Expected::Exactly(len),
            block.len() as u64,
            at,
        )?;
        let found = block_digest(block);
        if found == expected {
            return Ok(());
        }
        Err(FormatError::Hash {
            rule: "R-HASH-2",
            what: "block of a segment",
            expected: expected.0,
            found: found.0,
            offset: at,
        })
    }

    /// The number of blocks.
    #[must_use]
    pub const fn blocks(&self) -> u64 {
        block_count(self.payload_length, self.block_log)
    }

    /// The extent of block `number` in the payload: its offset and its length.
    #[must_use]
    pub const fn block_extent(&self, number: u64) -> Option<(u64, u64)> {
        block_extent(self.payload_length, self.block_log, number)
    }

    /// The blocks that hold the bytes `from..from + length` of the payload: the first and the one
    /// behind the last. None if the payload ends before.
    #[must_use]
    pub fn blocks_of(&self, from: u64, length: u64) -> Option<core::ops::Range<u64>> {
        let end = from
            .checked_add(length)
            .filter(|&end| end <= self.payload_length)?;
        let size = block_size(self.block_log);
        let first = from.checked_div(size)?;
        Some(
            first..if length == 0 {
                first
            } else {
                end.div_ceil(size)
            },
        )
    }

    /// The logarithm of the block size.
    #[must_use]
    pub const fn block_log(&self) -> u8 {
        self.block_log
    }

    /// The bytes of the table.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

fn compare(found: &SegmentHash, expected: &SegmentHash, offset: u64) -> Result<(), FormatError> {
    if found == expected {
        return Ok(());
    }
    Err(FormatError::Hash {
        rule: "R-HASH-3",
        what: "segment (its header and digest table)",
        expected: expected.content(),
        found: found.content(),
        offset,
    })
}

/// Cuts a stream into blocks and hands on the digest of each.
#[derive(Clone)]
struct Blocks {
    shake: Shake256,
    size: u64,
    filled: u64,
}

impl Blocks {
    fn new(block_log: u8) -> Self {
        Self {
            shake: tagged(0),
            size: block_size(block_log),
            filled: 0,
        }
    }

    fn update(&mut self, mut bytes: &[u8], mut each: impl FnMut(BlockDigest)) {
        while !bytes.is_empty() {
            let room = usize::try_from(self.size.saturating_sub(self.filled)).unwrap_or(usize::MAX);
            let (now, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.shake.update(now);
            self.filled = self.filled.saturating_add(now.len() as u64);
            if self.filled == self.size {
                each(self.next());
            }
            bytes = rest;
        }
    }

    fn next(&mut self) -> BlockDigest {
        self.filled = 0;
        BlockDigest(squeeze(core::mem::replace(&mut self.shake, tagged(0))))
    }

    fn last(mut self) -> Option<BlockDigest> {
        (self.filled > 0).then(|| self.next())
    }
}

/// The hash of a segment from its payload, piece by piece, without its table in memory.
#[derive(Clone)]
pub struct PayloadHasher {
    blocks: Blocks,
    segment: Shake256,
}

impl fmt::Debug for PayloadHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadHasher")
            .field("block_size", &self.blocks.size)
            .finish_non_exhaustive()
    }
}

impl PayloadHasher {
    /// Begins the hash of the segment with this header.
    ///
    /// # Errors
    /// R-HASH-2 for a logarithm outside 10 to 20.
    pub fn new(header: &SegmentHeader, block_log: u8) -> Result<Self, FormatError> {
        check_log(block_log, 0)?;
        let mut segment = tagged(1);
        segment.update(&header.hash_input());
        Ok(Self {
            blocks: Blocks::new(block_log),
            segment,
        })
    }

    /// Takes the next bytes of the payload.
    pub fn update(&mut self, bytes: &[u8]) {
        let segment = &mut self.segment;
        self.blocks
            .update(bytes, |digest| segment.update(&digest.0));
    }

    /// The segment's hash.
    #[must_use]
    pub fn finish(self) -> SegmentHash {
        let mut segment = self.segment;
        if let Some(digest) = self.blocks.last() {
            segment.update(&digest.0);
        }
        SegmentHash(squeeze(segment))
    }
}

/// Checks a whole payload against its segment's hash, without a table.
/// `offset` is that of the segment's header in the file.
///
/// # Errors
/// R-HASH-2 for a block size that is wrong, R-NUM-2 for a payload of another length than the
/// header's, R-HASH-3 for another hash.
pub fn check_payload(
    header: &SegmentHeader,
    payload: &[u8],
    block_log: u8,
    expected: &SegmentHash,
    offset: u64,
) -> Result<(), FormatError> {
    ensure(
        payload.len() as u64 == header.payload_length,
        "R-NUM-2",
        "length of a payload",
        Expected::Exactly(header.payload_length),
        payload.len() as u64,
        offset,
    )?;
    let mut hasher = PayloadHasher::new(header, block_log)?;
    hasher.update(payload);
    compare(&hasher.finish(), expected, offset)
}

/// Builds a digest table from a payload, piece by piece.
#[cfg(feature = "alloc")]
#[derive(Clone)]
pub struct TableBuilder {
    blocks: Blocks,
    table: Vec<u8>,
}

#[cfg(feature = "alloc")]
impl fmt::Debug for TableBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableBuilder")
            .field("block_size", &self.blocks.size)
            .field("table_length", &self.table.len())
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "alloc")]
impl TableBuilder {
    /// Begins a table with blocks of 2^`block_log` bytes.
    ///
    /// # Errors
    /// R-HASH-2 for a logarithm outside 10 to 20.
    pub fn new(block_log: u8) -> Result<Self, FormatError> {
        check_log(block_log, 0)?;
        Ok(Self {
            blocks: Blocks::new(block_log),
            table: Vec::new(),
        })
    }

    /// Takes the next bytes of the payload.
    pub fn update(&mut self, bytes: &[u8]) {
        let table = &mut self.table;
        self.blocks
            .update(bytes, |digest| table.extend_from_slice(&digest.0));
    }

    /// The table.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let mut table = self.table;
        if let Some(digest) = self.blocks.last() {
            table.extend_from_slice(&digest.0);
        }
        table
    }
}
