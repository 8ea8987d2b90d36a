//! What came out of a pack.

use std::time::Duration;

use rvf_types::{Effort, IdKind, Metric, VectorKind};

use crate::progress::Phase;

/// What was packed, how large it became, and what its search was measured to reach.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PackReport {
    /// Rows.
    pub rows: u32,
    /// Components of each vector.
    pub dimension: u32,
    /// Lists of vectors; one where a search looks at all.
    pub lists: u32,
    /// Vectors that are found in a second list too.
    pub second_entries: u32,
    /// The metric.
    pub metric: Metric,
    /// The most exact form of the vectors that is kept.
    pub vectors: VectorKind,
    /// What the ids are.
    pub id_kind: IdKind,
    /// Bytes of the file.
    pub file_length: u64,
    /// The segments in the order of the file, the root first and the manifest last.
    pub segments: Vec<SegmentSize>,
    /// What the file was measured to do: for each k, in ascending order of recall. The file holds the same table.
    pub efforts: Vec<Effort>,
    /// Rows that were held out as queries to measure that: for many hits, or where a search takes long, fewer are asked.
    pub queries: u32,
    /// Columns or fields of the input that were not read.
    pub ignored_columns: Vec<String>,
    /// The phases, in order, and how long each took.
    pub phases: Vec<(Phase, Duration)>,
}

/// A segment and its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSize {
    /// Its type, and for VEC the element type.
    pub name: String,
    /// Bytes in the file: header, payload and padding.
    pub bytes: u64,
}

impl PackReport {
    /// Bytes of the file for each vector.
    #[must_use]
    pub fn bytes_per_vector(&self) -> f64 {
        self.file_length as f64 / f64::from(self.rows)
    }

    /// The measured efforts for `k` hits, in ascending order of recall: none if it was not measured.
    #[must_use]
    pub fn efforts_for(&self, k: u32) -> &[Effort] {
        let from = self.efforts.partition_point(|effort| effort.k < k);
        let to = self.efforts.partition_point(|effort| effort.k <= k);
        self.efforts.get(from..to).unwrap_or_default()
    }

    /// The cheapest measured effort that reaches this recall (0 to 1) for `k` hits.
    #[must_use]
    pub fn effort_for(&self, k: u32, recall: f64) -> Option<&Effort> {
        self.efforts_for(k)
            .iter()
            .find(|effort| effort.recall() >= recall)
    }

    /// The highest measured recall for `k` hits.
    #[must_use]
    pub fn ceiling(&self, k: u32) -> Option<f64> {
        self.efforts_for(k).last().map(Effort::recall)
    }

    /// How long all phases took together.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.phases.iter().map(|(_, time)| *time).sum()
    }
}
