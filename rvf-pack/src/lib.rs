//! Builds and writes RVF files (format version 2, `spec/format.md`).
//!
//! [`Packer`] takes the rows of a [`source::Source`] — a file, or vectors in memory — and makes an `.rvf` file of them:
//!
//! 1. One pass over the input checks every row, stores it in a temporary file in the form that the format asks for, and
//!    sums the mean.
//! 2. The input is read once more to search it exactly for the neighbours of rows that are held out as queries.
//! 3. The vectors are divided into lists around centroids; how many lists, and how many vectors are in two of them, is
//!    found by what the queries need. Where a look at all vectors is faster there is one list.
//! 4. The 1-bit codes are computed, and the vectors written in the order of the lists.
//! 5. The queries are searched for at rising effort, with the kernel that hosts run natively. So the file says what recall
//!    it was measured to reach at which effort.
//! 6. Digests, manifest and root are written; then the file gets its name.
//!
//! The input is never in memory as a whole: what a pack takes is a few batches of some megabytes, at most 256 MB of
//! vectors to find centroids by (more where there are more lists than that holds), the ids, some 60 bytes for each row, and
//! the digests of the blocks (0.4 % of the file, or 0.8 % of one of some megabytes). The temporary file is as large as
//! the vectors in the file, and is mapped: with less memory than that it is read here and there from the disk.
//!
//! ```
//! use rvf_pack::{Packer, VectorKind, source::{self, SourceOptions}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let input = folder.path().join("rows.jsonl");
//! # let target = folder.path().join("rows.rvf");
//! # let rows = (0..300).map(|i| format!("{{\"id\":\"row {i}\",\"vector\":[{i},{},1]}}\n", i % 7));
//! # std::fs::write(&input, rows.collect::<String>())?;
//! let mut rows = source::open(&input, &SourceOptions::default())?;
//! let report = Packer::new().vectors(VectorKind::F16).property("made-from", "rows").pack_to_path(rows.as_mut(), &target)?;
//! println!("{} rows, {:.0} bytes a vector", report.rows, report.bytes_per_vector());
//! if let Some(effort) = report.effort_for(10, 0.95) {
//!     println!("recall {:.3} at a slack of {}", effort.recall(), effort.slack);
//! }
//! # assert_eq!(report.rows, 300);
//! # assert!(report.ceiling(10) > Some(0.9));
//! # Ok(())
//! # }
//! ```
//!
//! Of the features of this crate one is on by default: `modules`, for other modules in a file than the kernels of this
//! version.
//!
//! Segments are written, and commits made, by [`writer`], which knows nothing of sources. [`growing`] holds rows that can
//! be searched before there is a file.
//!
//! All of it compiles for WebAssembly too. Where there are no files, [`Packer::pack_to_vec`] packs in memory, on the
//! caller's thread; the phases of its report have taken no time, since there is no clock.

mod arrange;
mod build;
mod cluster;
mod codes;
mod cost;
mod error;
pub mod growing;
mod hash;
mod ids;
mod layout;
mod mean;
mod measure;
mod module;
mod packer;
mod plan;
mod progress;
mod quant;
mod quantise;
mod records;
mod report;
pub mod source;
mod store;
pub mod writer;

pub use error::PackError;
pub use layout::{POINT_BLOCK_LOGS, SCAN_BLOCK_LOGS, WHOLE_BLOCK_LOG};
#[cfg(feature = "modules")]
pub use module::Module;
pub use packer::{DEFAULT_SEED, Packer};
pub use progress::{Phase, Progress};
pub use report::{PackReport, SegmentSize};
pub use rvf_types::{Effort, IdKind, Metric, Role, Target, VectorKind};
