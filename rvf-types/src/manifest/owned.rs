//! A manifest that owns its parts, for writers.

use super::{DeadExtent, Effort, Manifest, ManifestHead, Predecessor, SegmentEntry};
use crate::digest::SegmentHash;
use crate::error::{Expected, FormatError};
use crate::kinds::{IdKind, Metric, Operation, VectorKind};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// The parts of a manifest. The counts of the head are taken from them when it is written.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ManifestBuf {
    /// The generation, at least 1.
    pub generation: u64,
    /// Rows, at least 1.
    pub rows: u32,
    /// Dimension, 1 to 65,536.
    pub dimension: u32,
    /// The metric.
    pub metric: Metric,
    /// The most exact element type that is kept.
    pub vectors: VectorKind,
    /// What the ids are.
    pub id_kind: IdKind,
    /// The operation that made this generation.
    pub operation: Operation,
    /// The manifest before this one; none in generation 1.
    pub predecessor: Option<Predecessor>,
    /// The hash of the manifest of the file that this one was made from.
    pub lineage: Option<SegmentHash>,
    /// The live segments, in ascending order of offset and of id.
    pub entries: Vec<SegmentEntry>,
    /// The dead extents, in ascending order of offset.
    pub dead: Vec<DeadExtent>,
    /// What the file was measured to do, in ascending order of k, then of recall.
    pub efforts: Vec<Effort>,
    /// Free-form properties.
    pub properties: BTreeMap<String, String>,
}

impl ManifestBuf {
    /// The first generation of a packed file, with no segments yet.
    #[must_use]
    pub const fn new(
        rows: u32,
        dimension: u32,
        metric: Metric,
        vectors: VectorKind,
        id_kind: IdKind,
    ) -> Self {
        Self {
            generation: 1,
            rows,
            dimension,
            metric,
            vectors,
            id_kind,
            operation: Operation::Pack,
            predecessor: None,
            lineage: None,
            entries: Vec::new(),
            dead: Vec::new(),
            efforts: Vec::new(),
            properties: BTreeMap::new(),
        }
    }

    /// The payload of the MANIFEST segment. It is checked as a reader checks it ([`Manifest::parse`]).
    ///
    /// # Errors
    /// R-LIM-3 for parts that are too many or too long, R-MAN-7 for the predecessor, else as [`Manifest::parse`]; the offsets in
    /// the error are counted from the start of the payload.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FormatError> {
        let mut properties = Vec::new();
        for (key, value) in &self.properties {
            let key_length = u16::try_from(key.len())
                .map_err(|_| too_large("bytes of a property's key", key.len()))?;
            let value_length = narrow("bytes of a property's value", value.len())?;
            properties.extend_from_slice(&key_length.to_le_bytes());
            properties.extend_from_slice(&[0; 2]);
            properties.extend_from_slice(&value_length.to_le_bytes());
            properties.extend_from_slice(key.as_bytes());
            properties.extend_from_slice(value.as_bytes());
        }
        let head = ManifestHead {
            generation: self.generation,
            rows: self.rows,
            dimension: self.dimension,
            metric: self.metric,
            vectors: self.vectors,
            id_kind: self.id_kind,
            operation: self.operation,
            predecessor: self.predecessor,
            lineage: self.lineage,
            segments: narrow("segments", self.entries.len())?,
            dead: narrow("dead extents", self.dead.len())?,
            efforts: narrow("effort entries", self.efforts.len())?,
            properties: narrow("properties", self.properties.len())?,
            property_bytes: narrow("bytes of the properties", properties.len())?,
        };
        let mut out = Vec::from(head.to_bytes());
        self.entries
            .iter()
            .for_each(|entry| out.extend_from_slice(&entry.to_bytes()));
        self.dead
            .iter()
            .for_each(|dead| out.extend_from_slice(&dead.to_bytes()));
        self.efforts
            .iter()
            .for_each(|effort| out.extend_from_slice(&effort.to_bytes()));
        out.extend_from_slice(&properties);
        Manifest::parse(&out, 0)?.check_predecessor()?;
        Ok(out)
    }
}

impl From<&Manifest<'_>> for ManifestBuf {
    fn from(manifest: &Manifest<'_>) -> Self {
        let head = manifest.head();
        Self {
            generation: head.generation,
            rows: head.rows,
            dimension: head.dimension,
            metric: head.metric,
            vectors: head.vectors,
            id_kind: head.id_kind,
            operation: head.operation,
            predecessor: head.predecessor,
            lineage: head.lineage,
            entries: manifest.entries().collect(),
            dead: manifest.dead().collect(),
            efforts: manifest.efforts().collect(),
            properties: manifest
                .properties()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        }
    }
}

fn narrow(what: &'static str, count: usize) -> Result<u32, FormatError> {
    u32::try_from(count).map_err(|_| too_large(what, count))
}

fn too_large(what: &'static str, found: usize) -> FormatError {
    FormatError::Field {
        rule: "R-LIM-3",
        what,
        expected: Expected::Words("as many as fit a manifest of 2^26 bytes"),
        found: found as u64,
        offset: 0,
    }
}
