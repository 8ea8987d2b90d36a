//! What a file says of itself.

use std::collections::BTreeMap;

use rvf_types::{
    Effort, IdKind, Metric, Operation, Role, SegmentHash, SegmentType, Target, VectorKind, header,
    limits,
};

use crate::error::HostError;
use crate::reader::{Reader, Warning};

/// A part of a file: a segment, or bytes that belong to none that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Where it starts in the file.
    pub offset: u64,
    /// All of its bytes: header, payload and padding.
    pub bytes: u64,
}

/// What a part of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "lowercase")
)]
#[non_exhaustive]
pub enum PartKind {
    /// A live segment, the ROOT or the MANIFEST.
    Segment {
        /// Its type.
        segment: SegmentType,
        /// The element type of a VEC.
        vectors: Option<VectorKind>,
    },
    /// A segment of an older generation.
    Dead,
    /// Bytes behind the committed length.
    Tail,
}

/// A module in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Kernel {
    /// What it is for.
    pub role: Role,
    /// What it is compiled for.
    pub target: Target,
    /// The WebAssembly features that it requires.
    pub features: Vec<&'static str>,
    /// Bytes of its bytecode.
    pub bytes: u32,
    /// SHAKE-256-256 of its bytecode.
    pub hash: SegmentHash,
    /// Of two that a host can run, it takes the one with the lower.
    pub priority: u8,
    /// The name that this host knows it by; none for a stranger.
    pub known: Option<&'static str>,
    /// Whether this host's sandbox has the features that it requires.
    pub runnable: bool,
    /// Where its segment starts in the file.
    pub offset: u64,
}

/// What a file says of itself. It is told from the manifest and the headers of the modules; no vector is read.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Info {
    /// Rows.
    pub rows: u32,
    /// Components of a vector.
    pub dimension: u32,
    /// Lists that the vectors stand in, at least 1.
    pub lists: u32,
    /// The metric.
    pub metric: Metric,
    /// The most exact element type that is kept.
    pub vectors: VectorKind,
    /// What the ids are.
    pub ids: IdKind,
    /// Bytes of the file, an uncommitted tail included.
    pub bytes: u64,
    /// What the file is made of, in the order of the offsets.
    pub parts: Vec<Part>,
    /// The modules, in the order of their offsets.
    pub kernels: Vec<Kernel>,
    /// What the file was measured to do.
    pub efforts: Vec<Effort>,
    /// Free-form properties.
    pub properties: BTreeMap<String, String>,
    /// The hash of the manifest of the file that this one was made from.
    pub lineage: Option<SegmentHash>,
    /// The operation that made this generation.
    pub operation: Operation,
    /// The generation, from 1.
    pub generation: u64,
    /// The minor version of the writer's format.
    pub minor_version: u8,
    /// Whether it follows a draft of the format.
    pub draft: bool,
    /// What its user should know, in words.
    pub warnings: Vec<String>,
}

impl Reader {
    /// What the file says of itself.
    ///
    /// # Errors
    /// [`HostError::Format`] for a damaged module header.
    pub fn info(&self) -> Result<Info, HostError> {
        let kernels = self.modules()?.iter().map(|module| Kernel {
            role: module.role(),
            target: module.header.kind.target,
            features: module.header.kind.required.names().collect(),
            bytes: module.header.bytecode_size,
            hash: module.header.hash,
            priority: module.header.priority,
            known: module.known,
            runnable: module.is_runnable(),
            offset: module.offset,
        });
        let head = self.head();
        Ok(Info {
            rows: head.rows,
            dimension: head.dimension,
            lists: head.lists,
            metric: head.metric,
            vectors: head.vectors,
            ids: head.id_kind,
            bytes: self.file_length(),
            parts: self.parts(),
            kernels: kernels.collect(),
            efforts: self.manifest().efforts.clone(),
            properties: self.manifest().properties.clone(),
            lineage: head.lineage,
            operation: head.operation,
            generation: head.generation,
            minor_version: self.record().minor_version,
            draft: self.record().flags.is_draft(),
            warnings: self.warnings().iter().map(Warning::to_string).collect(),
        })
    }

    /// Every byte of the file in one part.
    fn parts(&self) -> Vec<Part> {
        let segment = |segment, vectors| PartKind::Segment { segment, vectors };
        let record = self.record();
        let root = Part {
            kind: segment(SegmentType::ROOT, None),
            offset: 0,
            bytes: limits::ROOT_LEN,
        };
        let manifest = Part {
            kind: segment(SegmentType::MANIFEST, None),
            offset: record.manifest_offset,
            bytes: header::extent(record.manifest_length).unwrap_or_default(),
        };
        let live = self.manifest().entries.iter().map(|entry| Part {
            kind: segment(entry.kind, entry.vector_kind()),
            offset: entry.offset,
            bytes: header::extent(entry.payload_length).unwrap_or_default(),
        });
        let dead = self.manifest().dead.iter().map(|dead| Part {
            kind: PartKind::Dead,
            offset: dead.offset,
            bytes: dead.length,
        });
        let tail = self.file_length().saturating_sub(record.committed_length);
        let tail = Part {
            kind: PartKind::Tail,
            offset: record.committed_length,
            bytes: tail,
        };
        let mut parts: Vec<Part> = [root, manifest]
            .into_iter()
            .chain(live)
            .chain(dead)
            .chain([tail])
            .collect();
        parts.retain(|part| part.bytes > 0);
        parts.sort_by_key(|part| part.offset);
        parts
    }
}
