//! What is asked: a query, how hard to search, and which rows count.

use std::fmt;

use rvf_types::{EffortChoice, VectorKind};

use crate::error::HostError;
use crate::ids::Id;
use crate::reader::Reader;

/// Most hits that can be asked for, and the largest pool (kernel.md, section 4).
pub const MAX_K: u32 = 65_536;
/// Recall that [`Effort::Default`] asks for.
pub const DEFAULT_RECALL: f64 = 0.95;

/// What hits are to be near to.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Target<'a> {
    /// A vector of the file's dimension.
    Vector(&'a [f32]),
    /// The vector of a row, as stored.
    Row(u32),
    /// The vector of the row that has an id, as stored.
    Id(Id<'a>),
}

/// How hard to search.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Effort {
    /// Recall 0.95 where the file was measured to reach it; else exact search.
    #[default]
    Default,
    /// The cheapest effort that was measured to reach this recall, 0 to 1 (R-MAN-8). Above the file's ceiling the
    /// answer is [`HostError::Ceiling`].
    Recall(f64),
    /// Visit so many lists (0: all), with slack and pool of the default effort. A file of one list has one to visit.
    Probes(u32),
    /// Loosen the bounds by so much, 0 to 16, with the other parameters of the default effort.
    Slack(f32),
    /// All parameters by hand. `pool` is raised to k, and is k where the file keeps i8 vectors only.
    Manual {
        /// Lists visited; 0 means all.
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
    /// Every vector.
    Exact,
    /// The coded scan.
    Coded {
        /// Lists visited; 0 means all.
        probes: u32,
        /// Slack of the bounds.
        slack: f32,
        /// Candidates that are re-scored.
        pool: u32,
        /// The recall that the file was measured to have at this effort, where it was.
        recall: Option<f64>,
    },
}

/// Slack and pool where neither the query nor the file says any: bounds that lose next to nothing.
const UNMEASURED_SLACK: f32 = 3.0;

impl Effort {
    /// The parameters for `k` hits of a file.
    pub(crate) fn plan(self, k: u32, reader: &Reader) -> Result<Plan, HostError> {
        let vectors = reader.head().vectors;
        let efforts = reader.manifest().efforts.as_slice();
        let pool = |pool: u32| {
            if vectors == VectorKind::I8 {
                k
            } else {
                pool.clamp(k, MAX_K)
            }
        };
        let default = || match choose(efforts, k, DEFAULT_RECALL) {
            EffortChoice::Measured(effort) | EffortChoice::AboveCeiling(effort) => {
                (effort.probes, effort.slack, effort.pool)
            }
            EffortChoice::NotMeasured => (0, UNMEASURED_SLACK, k.saturating_mul(4)),
        };
        Ok(match self {
            Self::Exact => Plan::Exact,
            Self::Default => match choose(efforts, k, DEFAULT_RECALL) {
                EffortChoice::Measured(effort) => measured(&effort, pool(effort.pool)),
                EffortChoice::AboveCeiling(_) | EffortChoice::NotMeasured => Plan::Exact,
            },
            Self::Recall(wanted) => {
                if !(0.0..=1.0).contains(&wanted) {
                    return Err(parameter("recall", "a number from 0 to 1", wanted));
                }
                match choose(efforts, k, wanted) {
                    EffortChoice::Measured(effort) => measured(&effort, pool(effort.pool)),
                    EffortChoice::AboveCeiling(effort) => {
                        let ceiling = Some(effort.recall());
                        return Err(HostError::Ceiling {
                            wanted,
                            k: effort.k,
                            ceiling,
                            vectors,
                        });
                    }
                    EffortChoice::NotMeasured => {
                        return Err(HostError::Ceiling {
                            wanted,
                            k,
                            ceiling: None,
                            vectors,
                        });
                    }
                }
            }
            Self::Probes(probes) => {
                let (_, slack, wanted) = default();
                Plan::Coded {
                    probes,
                    slack,
                    pool: pool(wanted),
                    recall: None,
                }
            }
            Self::Slack(slack) => {
                let (probes, _, wanted) = default();
                Plan::Coded {
                    probes,
                    slack: checked_slack(slack)?,
                    pool: pool(wanted),
                    recall: None,
                }
            }
            Self::Manual {
                probes,
                slack,
                pool: wanted,
            } => Plan::Coded {
                probes,
                slack: checked_slack(slack)?,
                pool: pool(wanted),
                recall: None,
            },
        })
    }
}

/// R-MAN-8: of the entries of the least listed k that is not below the wished one, or of the largest, the first that
/// reaches the recall.
fn choose(efforts: &[rvf_types::Effort], k: u32, recall: f64) -> EffortChoice {
    let Some(listed) = efforts
        .iter()
        .map(|effort| effort.k)
        .find(|&listed| listed >= k)
        .or(efforts.last().map(|e| e.k))
    else {
        return EffortChoice::NotMeasured;
    };
    let of_k = || efforts.iter().filter(|effort| effort.k == listed);
    match (
        of_k().find(|effort| effort.recall() >= recall),
        of_k().next_back(),
    ) {
        (Some(effort), _) => EffortChoice::Measured(*effort),
        (None, Some(last)) => EffortChoice::AboveCeiling(*last),
        (None, None) => EffortChoice::NotMeasured,
    }
}

fn measured(effort: &rvf_types::Effort, pool: u32) -> Plan {
    Plan::Coded {
        probes: effort.probes,
        slack: effort.slack,
        pool,
        recall: Some(effort.recall()),
    }
}

fn checked_slack(slack: f32) -> Result<f32, HostError> {
    if (0.0..=16.0).contains(&slack) {
        Ok(slack)
    } else {
        Err(parameter("slack", "a number from 0 to 16", slack.into()))
    }
}

pub(crate) fn parameter(name: &'static str, expected: &'static str, found: f64) -> HostError {
    HostError::Parameter {
        name,
        expected,
        found,
    }
}

/// A question to a file.
///
/// ```
/// # use rvf_host::{Effort, Query};
/// let vector = [0.1, 0.2, 0.3];
/// let query = Query::vector(&vector).k(5).effort(Effort::Recall(0.99));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    pub(crate) target: Target<'a>,
    pub(crate) k: u32,
    pub(crate) effort: Effort,
    pub(crate) filter: Option<&'a RowSet>,
    pub(crate) without_itself: bool,
}

impl<'a> Query<'a> {
    /// The ten rows that are nearest to a target.
    #[must_use]
    pub const fn new(target: Target<'a>) -> Self {
        Self {
            target,
            k: 10,
            effort: Effort::Default,
            filter: None,
            without_itself: false,
        }
    }

    /// The ten rows that are nearest to a vector.
    #[must_use]
    pub const fn vector(vector: &'a [f32]) -> Self {
        Self::new(Target::Vector(vector))
    }

    /// The ten rows that are nearest to a row; it is one of them.
    #[must_use]
    pub const fn like_row(row: u32) -> Self {
        Self::new(Target::Row(row))
    }

    /// The ten rows that are nearest to the row with an id; it is one of them.
    #[must_use]
    pub const fn like_id(id: Id<'a>) -> Self {
        Self::new(Target::Id(id))
    }

    /// Asks for `k` hits, 1 to 65,536.
    #[must_use]
    pub const fn k(mut self, k: u32) -> Self {
        self.k = k;
        self
    }

    /// Says how hard to search.
    #[must_use]
    pub const fn effort(mut self, effort: Effort) -> Self {
        self.effort = effort;
        self
    }

    /// Only rows of this set can be hits.
    #[must_use]
    pub const fn filter(mut self, rows: &'a RowSet) -> Self {
        self.filter = Some(rows);
        self
    }

    /// Leaves the row out that the query is made of. It means nothing for a vector.
    #[must_use]
    pub const fn without_itself(mut self) -> Self {
        self.without_itself = true;
        self
    }
}

/// A set of rows, as a bitmap.
#[derive(Clone, PartialEq, Eq)]
pub struct RowSet {
    rows: u32,
    bits: Vec<u8>,
}

impl RowSet {
    /// The empty set for a file of `rows` rows.
    #[must_use]
    pub fn new(rows: u32) -> Self {
        Self {
            rows,
            bits: vec![0; (rows as usize).div_ceil(8)],
        }
    }

    /// The set of the rows of an iterator that the file has; others are left out.
    #[must_use]
    pub fn from_rows(rows: u32, members: impl IntoIterator<Item = u32>) -> Self {
        let mut set = Self::new(rows);
        for row in members {
            set.insert(row);
        }
        set
    }

    /// Puts a row in. False if the file has no such row.
    pub fn insert(&mut self, row: u32) -> bool {
        if row >= self.rows {
            return false;
        }
        match self.bits.get_mut(row as usize / 8) {
            Some(byte) => {
                *byte |= 1 << (row % 8);
                true
            }
            None => false,
        }
    }

    /// Whether a row is in it.
    #[must_use]
    pub fn contains(&self, row: u32) -> bool {
        self.bits
            .get(row as usize / 8)
            .is_some_and(|byte| byte & (1 << (row % 8)) != 0)
    }

    /// How many rows are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bits
            .iter()
            .map(|byte| byte.count_ones() as usize)
            .sum()
    }

    /// Whether no row is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|byte| *byte == 0)
    }

    /// Rows of the file that it was made for.
    #[must_use]
    pub const fn rows(&self) -> u32 {
        self.rows
    }

    /// The bitmap, as a kernel wants it: bit n mod 8 of byte ⌊n / 8⌋.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bits
    }
}

impl fmt::Debug for RowSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowSet({} of {} rows)", self.len(), self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_set_holds_what_was_put_in_and_nothing_behind_the_last_row() {
        let set = RowSet::from_rows(11, [0, 3, 10, 11, 4_000_000_000]);
        assert_eq!(set.len(), 3);
        assert!(set.contains(10) && !set.contains(11) && !set.contains(1));
        assert_eq!(set.as_bytes(), [0b1001, 0b100]);
    }
}
