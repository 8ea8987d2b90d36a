//! How hard to search.

pub use rvf_types::limits::MAX_K;
use rvf_types::limits::MAX_LISTS;
pub use rvf_types::{DEFAULT_RECALL, Plan};
use rvf_types::{EffortChoice, Measured, VectorKind};

use crate::error::HostError;
use crate::reader::Reader;

/// How hard to search.
///
/// With a filter, [`Effort::Default`] and [`Effort::Recall`] look further, since fewer of the rows that are near count; and
/// where so few rows pass that comparing them all is cheaper, that is done (see [`Plan::Exact`]). The others are taken as
/// they are.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Effort {
    /// The recall that the file was packed for, 0.95 if it does not say, where it was measured to reach that; else exact
    /// search.
    #[default]
    Default,
    /// The cheapest effort that was measured to reach this recall, 0 to 1 (R-MAN-8). Above the file's ceiling the
    /// answer is [`HostError::Ceiling`].
    Recall(f64),
    /// Visit so many lists, at most 65,536 (0: all), with slack and pool of the default effort. A file of one list has one
    /// to visit.
    Probes(u32),
    /// Loosen the bounds by so much, 0 to 16, with the other parameters of the default effort.
    Slack(f32),
    /// All parameters by hand. `pool` is raised to k, and is k where the file keeps i8 vectors only.
    Manual {
        /// Lists visited, at most 65,536; 0 means all.
        probes: u32,
        /// Slack of the bounds, 0 to 16.
        slack: f32,
        /// Candidates that are re-scored.
        pool: u32,
    },
    /// Every vector as stored is compared with the query.
    Exact,
}

/// Slack and pool where neither the query nor the file says any: bounds that lose next to nothing.
const UNMEASURED_SLACK: f32 = 3.0;

impl Effort {
    /// The parameters for `k` hits of a file, of which `live` rows count if there is a filter.
    pub(crate) fn plan(
        self,
        k: u32,
        reader: &Reader,
        live: Option<u32>,
    ) -> Result<Plan, HostError> {
        let head = reader.head();
        let efforts = reader.manifest().efforts.iter().copied();
        let file = Measured::new(efforts, head.vectors, head.rows, head.lists);
        let usual_recall = reader.usual_recall();
        let usual = || match file.choose(k, usual_recall) {
            EffortChoice::Measured(effort) | EffortChoice::AboveCeiling(effort) => {
                (effort.probes, effort.slack, effort.pool)
            }
            EffortChoice::NotMeasured => (0, UNMEASURED_SLACK, k.saturating_mul(4)),
        };
        let by_hand = |(probes, slack, pool): (u32, f32, u32)| {
            if probes > MAX_LISTS {
                return Err(parameter("probes", "0 to 65536", probes.into()));
            }
            if !(0.0..=16.0).contains(&slack) {
                return Err(parameter("slack", "a number from 0 to 16", slack.into()));
            }
            let pool = match reader.head().vectors {
                VectorKind::I8 => k,
                VectorKind::F16 | VectorKind::F32 => pool.clamp(k, MAX_K),
            };
            Ok(Plan::Coded {
                probes,
                slack,
                pool,
                recall: None,
            })
        };
        match self {
            Self::Exact => Ok(Plan::Exact),
            Self::Default => Ok(match file.choose(k, usual_recall) {
                EffortChoice::Measured(effort) => file.plan(effort, k, usual_recall, live),
                EffortChoice::AboveCeiling(_) | EffortChoice::NotMeasured => Plan::Exact,
            }),
            Self::Recall(wanted) => {
                if !(0.0..=1.0).contains(&wanted) {
                    return Err(parameter("recall", "a number from 0 to 1", wanted));
                }
                let (k, ceiling) = match file.choose(k, wanted) {
                    EffortChoice::Measured(effort) => {
                        return Ok(file.plan(effort, k, wanted, live));
                    }
                    EffortChoice::AboveCeiling(effort) => (effort.k, Some(effort.recall())),
                    EffortChoice::NotMeasured => (k, None),
                };
                Err(HostError::Ceiling {
                    wanted,
                    k,
                    ceiling,
                    vectors: reader.head().vectors,
                })
            }
            Self::Probes(probes) => {
                let (_, slack, pool) = usual();
                by_hand((probes, slack, pool))
            }
            Self::Slack(slack) => {
                let (probes, _, pool) = usual();
                by_hand((probes, slack, pool))
            }
            Self::Manual {
                probes,
                slack,
                pool,
            } => by_hand((probes, slack, pool)),
        }
    }
}

pub(crate) fn parameter(name: &'static str, expected: &'static str, found: f64) -> HostError {
    HostError::Parameter {
        name,
        expected,
        found,
    }
}
