//! What comes back from a search.

use rvf_types::{ManifestHead, VectorKind};

use crate::effort::Plan;
use crate::engine::EngineInfo;

/// A row that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Hit {
    /// The row. [`crate::Reader::id`] gives its id.
    pub row: u32,
    /// Its distance to the query (K-DIST-3): squared L2, the negative inner product, or 1 − cosine.
    pub distance: f32,
}

/// What a search took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// Codes that were looked at, those of centroids among them; none in exact search.
    pub scanned: u32,
    /// Codes that came to the second look.
    pub second_looks: u32,
    /// Integer distances that were computed, those of centroids among them.
    pub ranked: u32,
    /// Float distances that were computed.
    pub float_distances: u32,
    /// Steps of the kernel's state machine.
    pub steps: u32,
    /// Bytes that were given to the kernel on demand. What is resident is not counted.
    pub fed_bytes: u64,
    /// Fuel that the module spent, in wasmi's units; none for the native engine.
    pub fuel: Option<u64>,
    /// Linear memory of the module in bytes; none for the native engine.
    pub module_memory: Option<u64>,
}

impl Stats {
    /// An exact search compared so many vectors, and looked at no code (K-STAT-1).
    pub(crate) const fn count_exact(&mut self, head: &ManifestHead, compared: u32) {
        match head.vectors {
            VectorKind::I8 => self.ranked = compared,
            VectorKind::F16 | VectorKind::F32 => self.float_distances = compared,
        }
    }
}

/// The answer to a query.
///
/// It can be used again for the next one, so that nothing is allocated: see [`crate::Session::search_into`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// The hits in the order of (distance, row).
    pub hits: Vec<Hit>,
    /// Which engine gave them.
    pub engine: EngineInfo,
    /// How hard was searched.
    pub plan: Plan,
    /// What it took.
    pub stats: Stats,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            hits: Vec::new(),
            engine: EngineInfo {
                name: "none",
                variant: "none",
                kernel: None,
                known: false,
            },
            plan: Plan::Exact,
            stats: Stats::default(),
        }
    }
}

impl Answer {
    /// An empty answer, to be filled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}
