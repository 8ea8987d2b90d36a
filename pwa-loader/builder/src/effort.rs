//! How hard a part is searched.

use rvf_microkernel::Params;
use rvf_types::limits::{MAX_K, MAX_LISTS};
use rvf_types::{Effort, EffortChoice, Measured, Plan, VectorKind};

/// The slack where nothing was measured: nothing that is near is passed over. Packed with one list, 50,000 sentence
/// embeddings were measured to reach 0.9999 at 4, and 1.000 at 4.5, for 10 hits and for 100.
pub(crate) const SURE_SLACK: f32 = 4.5;

/// Codes with a slack that loses nothing, over all lists: what was never measured is searched so.
pub(crate) fn sure(k: u32, vectors: VectorKind) -> Plan {
    Plan::Coded {
        probes: 0,
        slack: SURE_SLACK,
        pool: match vectors {
            VectorKind::I8 => k,
            VectorKind::F16 | VectorKind::F32 => k.saturating_mul(2).saturating_add(32),
        },
        recall: None,
    }
}

/// The same by hand, where lists, a slack or a pool are wished.
pub(crate) fn by_hand(
    plan: Plan,
    lists: Option<u32>,
    bounds: Option<f32>,
    candidates: Option<u32>,
) -> Plan {
    match plan {
        Plan::Coded {
            probes,
            slack,
            pool,
            ..
        } if lists.is_some() || bounds.is_some() || candidates.is_some() => Plan::Coded {
            probes: lists.unwrap_or(probes),
            slack: bounds.unwrap_or(slack),
            pool: candidates.unwrap_or(pool),
            recall: None,
        },
        _ => plan,
    }
}

/// The kernel's parameters; none where the plan is exact.
pub(crate) fn params(plan: Plan, k: u32, vectors: VectorKind, filter: bool) -> Option<Params> {
    match plan.with_room_for(k, vectors) {
        Plan::Exact => None,
        Plan::Coded {
            probes,
            slack,
            pool,
            ..
        } => Some(Params {
            probes: probes.min(MAX_LISTS),
            slack,
            pool: pool.min(MAX_K),
            filter,
            ..Params::new(k)
        }),
    }
}

/// For `live` of the rows of a part, if not all of them count. A wish above what was measured is met by exact search, unless
/// lists are wished.
pub(crate) fn plan<I: DoubleEndedIterator<Item = Effort> + Clone>(
    measured: &Measured<I>,
    vectors: VectorKind,
    k: u32,
    recall: f64,
    probes: Option<u32>,
    live: Option<u32>,
) -> Plan {
    match (measured.choose(k, recall), probes) {
        (EffortChoice::NotMeasured, _) => by_hand(sure(k, vectors), probes, None, None),
        (EffortChoice::Measured(effort) | EffortChoice::AboveCeiling(effort), Some(probes)) => {
            Plan::Coded {
                probes,
                slack: effort.slack,
                pool: effort.pool,
                recall: None,
            }
        }
        (EffortChoice::AboveCeiling(_), None) => Plan::Exact,
        (EffortChoice::Measured(effort), None) => measured.plan(effort, k, recall, live),
    }
}
