//! How a file is searched, by what it was measured to do.

use rvf_types::{Effort, EffortChoice, Measured, Plan, VectorKind};

const fn effort(k: u32, probes: u32, slack: f32, hits: u32) -> Effort {
    Effort {
        k,
        probes,
        slack,
        pool: 2 * k,
        hits,
        total: 1_000,
        scanned: 500,
        ranked: 20,
    }
}

const EFFORTS: [Effort; 4] = [
    effort(10, 5, 2.0, 900),
    effort(10, 12, 3.0, 980),
    effort(100, 9, 1.5, 900),
    effort(100, 30, 3.5, 980),
];

fn plan(lists: u32, k: u32, recall: f64, live: Option<u32>) -> Plan {
    let measured = Measured::new(EFFORTS.into_iter(), VectorKind::F16, 100_000, lists);
    match measured.choose(k, recall) {
        EffortChoice::Measured(effort) => measured.plan(effort, k, recall, live),
        EffortChoice::AboveCeiling(_) | EffortChoice::NotMeasured => Plan::Exact,
    }
}

const fn coded(probes: u32, slack: f32, pool: u32, recall: Option<f64>) -> Plan {
    Plan::Coded {
        probes,
        slack,
        pool,
        recall,
    }
}

#[test]
fn without_a_filter_the_plan_is_the_effort_that_was_measured() {
    assert_eq!(plan(400, 10, 0.9, None), coded(5, 2.0, 20, Some(0.9)));
    assert_eq!(plan(400, 3, 0.95, None), coded(12, 3.0, 20, Some(0.98)));
    assert_eq!(plan(400, 11, 0.9, None), coded(9, 1.5, 200, Some(0.9)));
}

#[test]
fn more_hits_than_were_measured_are_looked_for_in_more_lists() {
    assert_eq!(plan(400, 300, 0.9, None), coded(27, 1.5, 300, None));
    // Of one list there are no more.
    assert_eq!(plan(1, 300, 0.9, None), coded(9, 1.5, 300, Some(0.9)));
}

#[test]
fn where_few_rows_count_more_lists_are_visited_and_at_last_all_that_pass_are_compared() {
    // A tenth: as for ten times as many hits.
    assert_eq!(plan(400, 10, 0.9, Some(10_000)), coded(9, 2.0, 20, None));
    // A fiftieth: as for five times as many hits as were measured.
    assert_eq!(plan(400, 10, 0.9, Some(2_000)), coded(45, 2.0, 20, None));
    assert_eq!(plan(400, 10, 0.9, Some(200)), Plan::Exact);
    assert_eq!(plan(400, 10, 0.9, Some(0)), Plan::Exact);
    assert_eq!(plan(400, u32::MAX, 0.9, Some(1)), Plan::Exact);
}

#[test]
fn a_pool_has_room_for_the_hits_and_is_them_where_nothing_is_scored_again() {
    let plan = coded(5, 2.0, 20, Some(0.9));
    assert_eq!(plan.with_room_for(11, VectorKind::F16), plan);
    let with_pool = |pool| coded(5, 2.0, pool, Some(0.9));
    assert_eq!(plan.with_room_for(21, VectorKind::F32), with_pool(21));
    assert_eq!(plan.with_room_for(11, VectorKind::I8), with_pool(11));
    assert_eq!(
        plan.with_room_for(u32::MAX, VectorKind::I8),
        with_pool(65_536)
    );
    assert_eq!(Plan::Exact.with_room_for(7, VectorKind::I8), Plan::Exact);
}
