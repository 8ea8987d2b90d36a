//! Builds and writes RVF files (format version 2, `spec/format.md`).

mod build;
mod codes;
mod error;
mod ids;
mod layout;
mod mean;
mod measure;
mod module;
mod packer;
mod plan;
mod progress;
mod quantise;
mod records;
mod report;
pub mod source;
mod store;
pub mod writer;

pub use error::PackError;
pub use layout::{POINT_BLOCK_LOG, SCAN_BLOCK_LOG, WHOLE_BLOCK_LOG};
pub use module::Module;
pub use packer::{DEFAULT_SEED, Packer};
pub use progress::{Phase, Progress};
pub use report::{PackReport, SegmentSize};
pub use rvf_types::{Effort, IdKind, Metric, Role, Target, VectorKind};
