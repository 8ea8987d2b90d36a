//! How a file is searched, by what it was measured to do.

use crate::kinds::VectorKind;
use crate::limits::{MAX_K, MAX_LISTS};

use super::effort::{Effort, EffortChoice};

/// The parameters that a kernel gets for an effort.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Plan {
    /// Every vector; with a filter, every one that passes.
    Exact,
    /// The coded scan.
    Coded {
        /// Lists visited; 0 means all.
        probes: u32,
        /// Slack of the bounds.
        slack: f32,
        /// Candidates that are re-scored.
        pool: u32,
        /// The recall that the file was measured to have at this effort, where it was. With a filter none was.
        recall: Option<f64>,
    },
}

impl Plan {
    /// The same with a pool that holds `hits`: at least so many, and just so many where vectors are kept as i8 only.
    #[must_use]
    pub fn with_room_for(self, hits: u32, vectors: VectorKind) -> Self {
        match self {
            Self::Exact => self,
            Self::Coded {
                probes,
                slack,
                pool,
                recall,
            } => Self::Coded {
                probes,
                slack,
                pool: match vectors {
                    // Nothing is re-scored.
                    VectorKind::I8 => hits.min(MAX_K),
                    VectorKind::F16 | VectorKind::F32 => pool.max(hits).min(MAX_K),
                },
                recall,
            },
        }
    }
}

/// What a file was measured to do: from this it follows how it is searched.
#[derive(Debug, Clone, Copy)]
pub struct Measured<I> {
    efforts: I,
    vectors: VectorKind,
    rows: u32,
    lists: u32,
}

impl<I: DoubleEndedIterator<Item = Effort> + Clone> Measured<I> {
    /// `efforts` are in the order of a manifest; `vectors` is the most exact element type that the file keeps.
    #[must_use]
    pub const fn new(efforts: I, vectors: VectorKind, rows: u32, lists: u32) -> Self {
        Self {
            efforts,
            vectors,
            rows,
            lists,
        }
    }

    /// The effort that answers a wish for `recall` (0 to 1) at `k` hits (R-MAN-8).
    #[must_use]
    pub fn choose(&self, k: u32, recall: f64) -> EffortChoice {
        EffortChoice::choose(self.efforts.clone(), self.vectors, k, recall)
    }

    /// The plan for an effort that was chosen for `k` hits at a wish for `recall`, where `live` rows count if there is a
    /// filter.
    #[must_use]
    pub fn plan(&self, effort: Effort, k: u32, recall: f64, live: Option<u32>) -> Plan {
        // More hits than any effort was measured for stand in more lists, as if few of the rows counted.
        let is_beyond = k > effort.k && self.lists > 1;
        match live.or(is_beyond.then_some(self.rows)) {
            None => Plan::Coded {
                probes: effort.probes.min(MAX_LISTS),
                slack: effort.slack,
                pool: effort.pool.min(MAX_K),
                recall: Some(effort.recall()),
            },
            Some(live) => self.filtered(effort, k, recall, live),
        }
    }

    /// The plan where `live` rows count, or where more hits are wanted than any effort was measured for.
    ///
    /// If a share s of the rows passes, the k nearest that do are among the k / s nearest of all, more or less. So the
    /// effort is that for k / s hits: its slack, and its probes. Where k / s is above the largest k that was measured, the
    /// probes grow with it. The lists visited must also hold enough that passes, four times k. The pool, which holds only
    /// what passes, is that for k hits.
    ///
    /// Comparing all that passes is exact, and taken where it is not dearer.
    fn filtered(&self, effort: Effort, k: u32, recall: f64, live: u32) -> Plan {
        let (rows, lists) = (u64::from(self.rows), u64::from(self.lists));
        let some_live = u64::from(live).max(1);
        let widened = u64::from(k).saturating_mul(rows).div_ceil(some_live);
        let far = u32::try_from(widened).unwrap_or(u32::MAX);
        let wide = match self.choose(far, recall) {
            EffortChoice::Measured(wide) | EffortChoice::AboveCeiling(wide) => wide,
            EffortChoice::NotMeasured => effort,
        };
        let mut probes = match wide.probes {
            0 => lists,
            probes => u64::from(probes).min(lists),
        };
        let grown = probes.saturating_mul(widened);
        let grown = grown.div_ceil(u64::from(wide.k).max(1));
        let enough = (u64::from(k).saturating_mul(4)).saturating_mul(lists);
        let enough = enough.div_ceil(some_live);
        probes = probes.max(grown).max(enough).min(lists);
        if self.cost_of_exact(live) <= self.cost_of_coded(probes, &wide) {
            return Plan::Exact;
        }
        Plan::Coded {
            // All lists are as well none in particular.
            probes: u32::try_from(probes)
                .ok()
                .filter(|_| probes < lists)
                .unwrap_or(0),
            slack: wide.slack.max(effort.slack),
            pool: effort.pool.min(MAX_K),
            recall: None,
        }
    }

    /// What it costs to compare all rows that pass: a distance for each, to twice or four times the bytes where floats are
    /// kept, and a look at the filter for each group of rows.
    ///
    /// Costs are counts alone, so that the choice is the same everywhere. The unit is an eighth of an integer distance: a
    /// code, which has an eighth of the bits, costs one.
    fn cost_of_exact(&self, live: u32) -> u64 {
        let distance = match self.vectors {
            VectorKind::I8 => DISTANCE,
            VectorKind::F16 => 2 * DISTANCE,
            VectorKind::F32 => 4 * DISTANCE,
        };
        u64::from(live)
            .saturating_mul(distance)
            .saturating_add(u64::from(self.rows) / 32)
    }

    /// The codes of the centroids and of the lists that are visited, of average length, and what was ranked when the effort
    /// was measured.
    fn cost_of_coded(&self, probes: u64, effort: &Effort) -> u64 {
        let lists = u64::from(self.lists);
        let centroids = if lists > 1 { lists } else { 0 };
        let entries = u64::from(self.rows).saturating_mul(probes);
        let codes = entries.checked_div(lists).unwrap_or(entries);
        let ranked = u64::from(effort.ranked).saturating_mul(DISTANCE);
        centroids.saturating_add(codes).saturating_add(ranked)
    }
}

/// What an integer distance costs (see [`Measured::plan`]).
const DISTANCE: u64 = 8;
