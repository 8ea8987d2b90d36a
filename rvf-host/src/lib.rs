//! Opens an RVF file and runs the search code in it under limits.
//!
//! ```no_run
//! use rvf_host::{OpenOptions, Query, Reader};
//!
//! # fn main() -> Result<(), rvf_host::HostError> {
//! let reader = Reader::open_path("words.rvf", &OpenOptions::new())?;
//! let vector = vec![0.0; reader.dimension() as usize];
//! let answer = reader.search(&Query::vector(&vector).k(10))?;
//! for hit in &answer.hits {
//!     println!("{} {}", reader.id(hit.row)?, hit.distance);
//! }
//! # Ok(()) }
//! ```
//!
//! - [`Reader`] is an open file. Opening it reads the root and the manifest; everything else is read, and checked, when
//!   it is first used.
//! - [`Engine`] says what answers: the native twin of the file's kernel where this host knows the kernel by its hash,
//!   or wasmi, which runs the file's own code and lets it do nothing but compute.
//! - A [`ByteSource`] gives the bytes: a mapped file, positioned reads, memory, or ranges from elsewhere.
//!
//! Build it optimised where files of strangers are opened: wasmi's dispatch stands on tail calls, which compilers make of
//! optimised code without debug assertions; `Cargo.toml` of this workspace sets that for wasmi in every profile.
//! (Unoptimised, wasmi takes a slower dispatch that needs none.)
//!
//! All engines give the same hits and the same distances, bit for bit (`spec/kernel.md`).

mod answer;
mod batch;
mod check;
mod checked;
mod digests;
mod effort;
mod engine;
mod error;
mod ids;
mod info;
mod kept;
mod limits;
mod lists;
mod memory;
mod module;
mod order;
mod query;
mod reader;
mod root;
mod rows;
mod search;
mod source;
mod vectors;
mod verify;

pub use answer::{Answer, Hit, Stats};
pub use effort::{DEFAULT_RECALL, Effort, MAX_K, Plan};
pub use engine::sandbox::Fault;
pub use engine::{Build, Chosen, Engine, EngineInfo, native_backends};
pub use error::HostError;
pub use ids::{Id, IdBuf};
pub use info::{Info, Kernel, Part, PartKind};
pub use limits::{Fuel, Limits};
pub use module::Module;
pub use query::{Query, Target};
pub use reader::{OpenOptions, Reader, Warning};
pub use rows::RowSet;
pub use search::Session;
pub use source::{
    ByteSource, Bytes, FetchRange, FileReads, Io, MappedFile, RangeReader, RangeRequest, Traffic,
};
pub use vectors::{Row, Vectors};
pub use verify::{Finding, Severity, Verified, VerifyOptions, VerifyReport, verify, verify_path};
