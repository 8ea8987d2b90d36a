//! A manifest that owns its parts, for writers.

use super::head::Counts;
use super::{
    DEFAULT_RECALL, DeadExtent, Effort, EffortChoice, Manifest, ManifestHead, RECALL_PROPERTY,
    SegmentEntry,
};
use crate::error::{Expected, FormatError};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// A manifest's head and parts.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ManifestBuf {
    /// What it says of the file.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub head: ManifestHead,
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
    /// A manifest with this head, and no parts yet.
    #[must_use]
    pub const fn new(head: ManifestHead) -> Self {
        Self {
            head,
            entries: Vec::new(),
            dead: Vec::new(),
            efforts: Vec::new(),
            properties: BTreeMap::new(),
        }
    }

    /// The effort that answers a wish for `recall` (0 to 1) at `k` hits (R-MAN-8).
    #[must_use]
    pub fn choose_effort(&self, k: u32, recall: f64) -> EffortChoice {
        let efforts = self.efforts.iter().copied();
        EffortChoice::choose(efforts, self.head.vectors, k, recall)
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
        let counts = Counts {
            segments: narrow("segments", self.entries.len())?,
            dead: narrow("dead extents", self.dead.len())?,
            efforts: narrow("effort entries", self.efforts.len())?,
            properties: narrow("properties", self.properties.len())?,
            property_bytes: narrow("bytes of the properties", properties.len())?,
        };
        let mut out = Vec::from(self.head.to_bytes(&counts));
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

    /// The recall that is aimed at where none is asked for (R-MAN-8).
    #[must_use]
    pub fn default_recall(&self) -> f64 {
        self.properties
            .get(RECALL_PROPERTY)
            .and_then(|value| value.parse().ok())
            .filter(|recall| *recall > 0.0 && *recall <= 1.0)
            .unwrap_or(DEFAULT_RECALL)
    }
}

impl From<&Manifest<'_>> for ManifestBuf {
    fn from(manifest: &Manifest<'_>) -> Self {
        Self {
            head: *manifest.head(),
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
