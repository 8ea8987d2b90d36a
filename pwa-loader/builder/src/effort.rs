//! How hard a part is searched.

use rvf_microkernel::Params;
use rvf_types::limits::{MAX_K, MAX_LISTS};
use rvf_types::{Effort, EffortChoice, VectorKind};

/// The slack where nothing was measured: nothing that is near is passed over. Packed with one list, 50,000 sentence
/// embeddings were measured to reach 0.9999 at 4, and 1.000 at 4.5, for 10 hits and for 100.
pub(crate) const SURE_SLACK: f32 = 4.5;

/// A part that was packed: what was measured of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured<'a> {
    pub(crate) efforts: &'a [Effort],
    pub(crate) vectors: VectorKind,
    pub(crate) rows: u32,
    pub(crate) lists: u32,
}

/// How a part is searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Plan {
    Exact,
    Coded {
        probes: u32,
        slack: f32,
        pool: u32,
        /// What this was measured to reach.
        recall: Option<f64>,
    },
}

impl Plan {
    /// Codes with a slack that loses nothing, over all lists: what was never measured is searched so.
    pub(crate) fn sure(k: u32, vectors: VectorKind) -> Self {
        Self::Coded {
            probes: 0,
            slack: SURE_SLACK,
            pool: match vectors {
                VectorKind::I8 => k,
                VectorKind::F16 | VectorKind::F32 => k.saturating_mul(2).saturating_add(32),
            },
            recall: None,
        }
    }

    /// The same by hand, where a slack or a pool is wished.
    pub(crate) fn by_hand(self, wished: Option<f32>, candidates: Option<u32>) -> Self {
        match self {
            Self::Exact => self,
            Self::Coded {
                probes,
                slack,
                pool,
                ..
            } => Self::Coded {
                probes,
                slack: wished.unwrap_or(slack),
                pool: candidates.unwrap_or(pool),
                recall: None,
            },
        }
    }

    /// The kernel's parameters; none where it is exact.
    pub(crate) fn params(self, k: u32, vectors: VectorKind, filter: bool) -> Option<Params> {
        let Self::Coded {
            probes,
            slack,
            pool,
            ..
        } = self
        else {
            return None;
        };
        Some(Params {
            probes: probes.min(MAX_LISTS),
            slack,
            pool: match vectors {
                VectorKind::I8 => k,
                VectorKind::F16 | VectorKind::F32 => pool.clamp(k, MAX_K),
            },
            filter,
            ..Params::new(k)
        })
    }
}

impl Measured<'_> {
    /// For `live` of the rows. A wish above what was measured is met by exact search.
    pub(crate) fn plan(&self, k: u32, recall: f64, probes: Option<u32>, live: u32) -> Plan {
        let choice = self.choose(k, recall);
        if let Some(probes) = probes {
            let (slack, pool) = match choice {
                EffortChoice::Measured(effort) | EffortChoice::AboveCeiling(effort) => {
                    (effort.slack, effort.pool)
                }
                EffortChoice::NotMeasured => match Plan::sure(k, self.vectors) {
                    Plan::Coded { slack, pool, .. } => (slack, pool),
                    Plan::Exact => (SURE_SLACK, k),
                },
            };
            return Plan::Coded {
                probes,
                slack,
                pool,
                recall: None,
            };
        }
        match choice {
            EffortChoice::NotMeasured => Plan::sure(k, self.vectors),
            EffortChoice::AboveCeiling(_) => Plan::Exact,
            EffortChoice::Measured(effort) if live == self.rows && k <= effort.k => Plan::Coded {
                probes: effort.probes,
                slack: effort.slack,
                pool: effort.pool,
                recall: Some(effort.recall()),
            },
            EffortChoice::Measured(effort) => self.widened(effort, k, recall, live),
        }
    }

    fn choose(&self, k: u32, recall: f64) -> EffortChoice {
        EffortChoice::choose(self.efforts.iter().copied(), self.vectors, k, recall)
    }

    /// Where few of the rows count, the nearest of them stand farther away, in more lists: as many are visited as for
    /// so many hits of all rows, at least four times as many rows as are wanted stand in them, and where that is all
    /// of them, they are looked at one by one.
    fn widened(&self, effort: Effort, k: u32, recall: f64, live: u32) -> Plan {
        let (rows, lists) = (u64::from(self.rows), u64::from(self.lists));
        let live = u64::from(live).max(1);
        let far = (u64::from(k) * rows).div_ceil(live);
        let wide = match self.choose(u32::try_from(far).unwrap_or(u32::MAX), recall) {
            EffortChoice::Measured(wide) | EffortChoice::AboveCeiling(wide) => wide,
            EffortChoice::NotMeasured => effort,
        };
        let measured = match wide.probes {
            0 => lists,
            probes => u64::from(probes).min(lists),
        };
        let grown = (measured * far).div_ceil(u64::from(wide.k).max(1));
        let enough = (4 * u64::from(k) * lists).div_ceil(live);
        let probes = measured.max(grown).max(enough).min(lists);
        // A distance costs what some thirty codes cost.
        if live * 32 <= rows * probes / lists.max(1) + u64::from(effort.ranked) * 8 {
            return Plan::Exact;
        }
        Plan::Coded {
            probes: u32::try_from(probes)
                .ok()
                .filter(|_| probes < lists)
                .unwrap_or(0),
            slack: wide.slack.max(effort.slack),
            pool: effort.pool,
            recall: None,
        }
    }
}
