//! How hard to search.

pub use rvf_types::DEFAULT_RECALL;
pub use rvf_types::limits::MAX_K;
use rvf_types::limits::MAX_LISTS;
use rvf_types::{EffortChoice, VectorKind};

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
        let file = Measured { reader };
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
                EffortChoice::Measured(effort) => file.planned(effort, k, usual_recall, live),
                EffortChoice::AboveCeiling(_) | EffortChoice::NotMeasured => Plan::Exact,
            }),
            Self::Recall(wanted) => {
                if !(0.0..=1.0).contains(&wanted) {
                    return Err(parameter("recall", "a number from 0 to 1", wanted));
                }
                let (k, ceiling) = match file.choose(k, wanted) {
                    EffortChoice::Measured(effort) => {
                        return Ok(file.planned(effort, k, wanted, live));
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

/// What a file was measured to do.
struct Measured<'r> {
    reader: &'r Reader,
}

impl Measured<'_> {
    fn choose(&self, k: u32, recall: f64) -> EffortChoice {
        self.reader.manifest().choose_effort(k, recall)
    }

    /// The plan for an effort that was chosen for `k` hits at a wish for `recall`.
    fn planned(&self, effort: rvf_types::Effort, k: u32, recall: f64, live: Option<u32>) -> Plan {
        let head = self.reader.head();
        // More hits than any effort was measured for stand in more lists, as if few of the rows counted.
        let is_beyond = k > effort.k && head.lists > 1;
        match live.or(is_beyond.then_some(head.rows)) {
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
    /// Comparing all that passes is exact, and taken where it is not dearer ([`Cost`]).
    fn filtered(&self, effort: rvf_types::Effort, k: u32, recall: f64, live: u32) -> Plan {
        let head = self.reader.head();
        let (rows, lists) = (u64::from(head.rows), u64::from(head.lists));
        let widened = (u64::from(k) * rows).div_ceil(u64::from(live).max(1));
        let far = u32::try_from(widened).unwrap_or(u32::MAX);
        let wide = match self.choose(far, recall) {
            EffortChoice::Measured(wide) | EffortChoice::AboveCeiling(wide) => wide,
            EffortChoice::NotMeasured => effort,
        };
        let mut probes = match wide.probes {
            0 => lists,
            probes => u64::from(probes).min(lists),
        };
        let grown = (probes * widened).div_ceil(u64::from(wide.k).max(1));
        let enough = (4 * u64::from(k) * lists).div_ceil(u64::from(live).max(1));
        probes = probes.max(grown).max(enough).min(lists);

        let cost = Cost {
            reader: self.reader,
        };
        if cost.exact(live) <= cost.coded(probes, &wide) {
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
}

/// What a search costs, by counts alone, so that the choice is the same everywhere. The unit is an eighth of an integer
/// distance: a code, which has an eighth of the bits, costs one.
struct Cost<'r> {
    reader: &'r Reader,
}

impl Cost<'_> {
    const DISTANCE: u64 = 8;

    /// Comparing all rows that pass: a distance for each, to twice or four times the bytes where floats are kept, and a
    /// look at the filter for each group of rows.
    fn exact(&self, live: u32) -> u64 {
        let head = self.reader.head();
        let distance = match head.vectors {
            VectorKind::I8 => Self::DISTANCE,
            VectorKind::F16 => 2 * Self::DISTANCE,
            VectorKind::F32 => 4 * Self::DISTANCE,
        };
        u64::from(live) * distance + u64::from(head.rows) / 32
    }

    /// The codes of the centroids and of the lists that are visited, of average length, and what was ranked when the effort
    /// was measured.
    fn coded(&self, probes: u64, effort: &rvf_types::Effort) -> u64 {
        let head = self.reader.head();
        let lists = u64::from(head.lists);
        let centroids = if lists > 1 { lists } else { 0 };
        let codes = u64::from(head.rows) * probes / lists.max(1);
        centroids + codes + u64::from(effort.ranked) * Self::DISTANCE
    }
}

pub(crate) fn parameter(name: &'static str, expected: &'static str, found: f64) -> HostError {
    HostError::Parameter {
        name,
        expected,
        found,
    }
}
