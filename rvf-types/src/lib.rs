//! What the bytes of an RVF file mean (format version 2, `spec/format.md`).
//!
//! This crate knows the segment headers, the root, the manifest, the hash tree and the heads and
//! geometry of every payload. It parses, writes and checks. It does no I/O, is `no_std`, and
//! allocates only behind the feature `alloc` (on by default), where it builds whole payloads for
//! writers. Every parser takes untrusted bytes: it never panics, and each error names the rule of
//! the specification that was broken ([`FormatError::rule`]).
//!
//! # Features
//!
//! | feature | gives |
//! | --- | --- |
//! | `alloc` (default) | owned builders: [`ManifestBuf`], `TableBuilder`, `ids::write_u64` … |
//! | `serde` | `Serialize` for the plain types, for JSON output |
//! | `wasm` | `wasm::derive`: a [`WasmHeader`] from a module, and the check of one against it |
//!
//! # How a reader uses it
//!
//! Read the first 4 KiB, then the manifest; everything else is found from there.
//!
//! ```
//! use rvf_types::{DigestTable, FormatError, Manifest, Root, SegmentHeader, SegmentType, TableBuilder, digest, limits};
//!
//! # use rvf_types::error::Expected;
//! # fn cut(file: &[u8], from: u64, len: u64) -> Result<&[u8], FormatError> {
//! #     file.get(from as usize..).and_then(|f| f.get(..len as usize)).ok_or(FormatError::Field {
//! #         rule: "R-NUM-2", what: "file", expected: Expected::AtLeast(from + len), found: 0, offset: from })
//! # }
//! /// `cut(file, offset, length)` stands for the reader's own way to get bytes.
//! fn open(file: &[u8]) -> Result<(), FormatError> {
//!     // 1. The root: which record counts, and is its twin all right?
//!     let root = Root::parse(cut(file, 0, limits::ROOT_LEN)?)?;
//!     let _uncommitted_tail = root.check_file_length(file.len() as u64)?;
//!     let record = root.record();
//!
//!     // 2. The manifest: its header, its hash, then the rules that need no other byte.
//!     let at = record.manifest_offset;
//!     let header = SegmentHeader::parse(cut(file, at, 64)?, at)?;
//!     record.check_manifest_header(&header)?;
//!     let payload = cut(file, at + 64, header.payload_length)?;
//!     digest::check_payload(&header, payload, limits::MANIFEST_BLOCK_LOG, &record.manifest_hash, at)?;
//!     let manifest = Manifest::parse(payload, at + 64)?;
//!     manifest.check_file(record, header.id)?;
//!
//!     // 3. A segment: header against entry, table against hash, then each block as it is used.
//!     for entry in manifest.of_type(SegmentType::INDEX) {
//!         let header = SegmentHeader::parse(cut(file, entry.offset, 64)?, entry.offset)?;
//!         entry.check_header(&header)?;
//!         let payload = cut(file, entry.offset + 64, entry.payload_length)?;
//!         let table = match entry.table {
//!             0 => { // none is stored: built from the payload
//!                 let mut table = TableBuilder::new(entry.block_log)?;
//!                 table.update(payload);
//!                 table.finish()
//!             }
//!             at => cut(file, at, entry.table_length())?.to_vec(),
//!         };
//!         let table = DigestTable::check(&header, table, entry.block_log, &entry.hash, entry.offset)?;
//!         if let Some((from, length)) = table.block_extent(0) {
//!             table.check_block(0, cut(payload, from, length)?, entry.offset)?;
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # How a writer uses it
//!
//! ```
//! use rvf_types::{SegmentHeader, SegmentType, TableBuilder, header};
//!
//! # fn main() -> Result<(), rvf_types::FormatError> {
//! let payload = vec![7_u8; 5_000];
//! let mut table = TableBuilder::new(12)?; // blocks of 4 KiB
//! table.update(&payload);
//! let table = table.finish();
//!
//! let header = SegmentHeader::new(SegmentType::QUANT, 1, payload.len() as u64);
//! let (header, hash) = header.sealed(&table); // `hash` goes into the manifest's entry
//! let mut file = header.to_bytes().to_vec();
//! file.extend_from_slice(&payload);
//! file.resize(file.len() + header::padding(payload.len() as u64), 0);
//! assert_eq!(file.len() % 64, 0);
//! assert_eq!(header.content_hash, hash.content());
//! # Ok(()) }
//! ```
//!
//! At the end a writer fills a [`ManifestBuf`], takes its bytes ([`ManifestBuf::to_bytes`], which
//! checks them as a reader would), writes them as a segment with blocks of 2¹⁶ bytes, and puts a
//! [`RootRecord`] with [`root::page`] (new file) or [`RootRecord::to_bytes`] (a later commit, R-ROOT-9) in place.
#![no_std]
#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::string_slice
)]

#[cfg(feature = "alloc")]
extern crate alloc;

mod bytes;
pub mod digest;
pub mod error;
pub mod header;
pub mod ids;
pub mod index;
pub mod kinds;
pub mod limits;
pub mod manifest;
pub mod order;
pub mod quant;
pub mod root;
pub mod vec;
pub mod wasm;

#[cfg(feature = "alloc")]
pub use digest::TableBuilder;
pub use digest::{
    BlockDigest, DigestTable, PayloadHasher, SegmentHash, block_digest, segment_hash,
};
pub use error::FormatError;
pub use header::{SegmentFlags, SegmentHeader, SegmentType};
pub use ids::IdsHead;
pub use index::{Index, IndexHead, ListEntry};
pub use kinds::{Features, IdKind, Metric, Operation, RootFlags, VectorKind};
#[cfg(feature = "alloc")]
pub use manifest::ManifestBuf;
pub use manifest::{
    DEFAULT_RECALL, DeadExtent, Effort, EffortChoice, Manifest, ManifestHead, Measured, Plan,
    Predecessor, SegmentEntry,
};
pub use order::Order;
pub use root::{Root, RootHealth, RootRecord};
pub use wasm::{Role, Target, WasmFeatures, WasmHeader};
