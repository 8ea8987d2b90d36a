//! Writes segments, and commits them: what packing, and later appending and compacting, stand on.
//!
//! - [`Storage`]: bytes that can be written and read at any offset.
//! - [`SegmentWriter`]: the payload of one segment, with the digests of its blocks.
//! - [`write_tables`]: the DIGEST segment. [`commit`]: manifest and root, in the order that makes a commit atomic.

mod commit;
mod segment;
mod storage;
mod tables;
mod target;

pub use commit::commit;
pub use segment::{Segment, SegmentWriter, Written};
pub(crate) use storage::OwnFile;
pub use storage::{Storage, View};
pub use tables::write_tables;
pub(crate) use target::Target;
