//! The numbers of the format: sizes, limits (R-LIM-1, R-LIM-2) and names.

/// Every segment starts on a multiple of this (R-SEG-1).
pub const SEGMENT_ALIGN: u64 = 64;
/// Bytes of a segment header.
pub const HEADER_LEN: u64 = 64;
/// Bytes of the ROOT segment, header included (R-ROOT-1).
pub const ROOT_LEN: u64 = 4096;
/// Payload length of the ROOT segment.
pub const ROOT_PAYLOAD_LEN: u64 = 4032;
/// File offsets of the two root records.
pub const RECORD_OFFSETS: [u64; 2] = [0x200, 0x400];
/// Bytes of a root record.
pub const RECORD_LEN: usize = 128;
/// The version of this format.
pub const VERSION: u8 = 2;
/// The minor version of this format.
pub const MINOR_VERSION: u8 = 0;

/// Smallest logarithm of a block size (R-HASH-2).
pub const MIN_BLOCK_LOG: u8 = 10;
/// Largest logarithm of a block size (R-HASH-2).
pub const MAX_BLOCK_LOG: u8 = 20;
/// The logarithm of the block size of MANIFEST and DIGEST segments (R-HASH-4).
pub const MANIFEST_BLOCK_LOG: u8 = 16;
/// Bytes of a block's digest.
pub const DIGEST_LEN: u64 = 16;

/// Largest payload of a manifest in bytes (R-LIM-3).
pub const MAX_MANIFEST_LEN: u64 = 1 << 26;
/// Bytes of the manifest's head.
pub const MANIFEST_HEAD_LEN: u64 = 256;
/// Bytes of a segment entry.
pub const ENTRY_LEN: u64 = 96;
/// Bytes of a dead extent.
pub const DEAD_LEN: u64 = 64;
/// Bytes of an effort entry.
pub const EFFORT_LEN: u64 = 32;

/// Largest dimension; the smallest is 1.
pub const MAX_DIMENSION: u32 = 65_536;
/// Largest number of rows; the smallest is 1.
pub const MAX_ROWS: u32 = u32::MAX;
/// Largest number of lists; the smallest is 1, and there are never more than rows.
pub const MAX_LISTS: u32 = 65_536;
/// Largest length of a UTF-8 id in bytes; the smallest is 1.
pub const MAX_ID_LEN: usize = 512;
/// Largest absolute value of a vector component.
pub const MAX_COMPONENT: f32 = 1e15;
/// Largest absolute value of a component where vectors are kept as f16.
pub const MAX_COMPONENT_F16: f32 = 65_504.0;
/// Under cosine, a sum of squares below this (2⁻¹⁰⁰) is that of a zero vector (R-LIM-2).
pub const ZERO_VECTOR_SUM: f64 = 7.888_609_052_210_118e-31;

/// Largest number of hits, and largest pool, of a search; the smallest is 1.
pub const MAX_K: u32 = 65_536;

/// The MIME type.
pub const MIME_TYPE: &str = "application/vnd.rvf";
/// The file name extension, without the dot.
pub const EXTENSION: &str = "rvf";
