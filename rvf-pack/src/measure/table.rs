//! From what was measured to the table of the file.

use rvf_types::Effort;

/// Recall that an answer may fall short of a wish by: so much is promised, and less where less lies above the wish.
const PROMISED: f64 = 0.01;

/// Hits are counted in so many parts of all at least: of a single hit of some hundred queries each makes a large step, beside
/// which an effort in between would be no use.
const PARTS: u32 = 10_000;

/// What was measured of one effort.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) effort: Effort,
    /// Its recall, which may lie between two numbers of hits.
    pub(super) recall: f64,
    /// What a query costs (see [`crate::cost`]).
    pub(super) cost: f64,
    /// The standard error of the recall.
    pub(super) error: f64,
}

/// Of what was measured, the efforts that found more than all cheaper ones. Their hits are cut (see [`may_miss`]), but for
/// the last, which is the ceiling: who wishes for more than the others promise gets the most that there is. Of those
/// that missed none, it is the dearest: the sample can't tell them apart.
pub(super) fn table(mut measured: Vec<Measured>) -> Vec<Effort> {
    measured.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    let is_whole = |measured: &Measured| measured.effort.hits == measured.effort.total;
    let dearest = measured.iter().copied().rfind(is_whole);
    let mut front: Vec<Measured> = Vec::with_capacity(measured.len());
    for next in measured {
        if front.last().is_none_or(|best| best.recall < next.recall) {
            front.push(next);
        }
    }
    let cheapest = front.pop();
    // The cheapest that missed none stays, with its hits cut.
    if let (Some(cheapest), Some(dearest)) = (cheapest, dearest)
        && cheapest.effort != dearest.effort
    {
        front.push(cheapest);
    }
    let last = dearest.or(cheapest).map(|last| {
        let recall = if is_whole(&last) { 1.0 } else { last.recall };
        entry(last.effort, recall)
    });
    let mut table: Vec<Effort> = Vec::with_capacity(front.len() + 1);
    for effort in front.iter().map(cut) {
        // Two may be cut to the same.
        if table
            .last()
            .is_none_or(|best| best.recall() < effort.recall())
        {
            table.push(effort);
        }
    }
    // The ceiling stays, whatever comes next to it.
    if let Some(last) = last {
        table.retain(|effort| effort.recall() < last.recall());
        table.push(last);
    }
    table
}

/// The entry, with no more hits than may be counted on.
fn cut(measured: &Measured) -> Effort {
    let Measured { effort, error, .. } = *measured;
    // That none was missed of so many does not mean that none will be.
    let missed = (1.0 - measured.recall).max(1.0 / f64::from(effort.total));
    let recall = 1.0 - may_miss(effort.k, missed, error);
    entry(effort, recall.min(measured.recall))
}

/// The effort with so much recall, to the nearest part.
fn entry(effort: Effort, recall: f64) -> Effort {
    let total = effort
        .total
        .saturating_mul(PARTS.div_ceil(effort.total.max(1)));
    let hits = (recall.max(0.0) * f64::from(total)).round() as u32;
    Effort {
        hits: hits.min(total),
        total,
        ..effort
    }
}

/// The share of the true neighbours that a wish must allow to be missed where `missed` of them were, measured with such a
/// standard error.
///
/// Queries are seldom drawn as rows are: they lie a little farther from the rows than those from each other (on real text
/// embeddings a tenth or two of what is missed is missed for that, among clusters of few dimensions half). Above all the
/// nearest row of a row is often next to a copy, and easier to find than that of a query, which missed three quarters more of
/// them on those embeddings. And another sample of queries finds less by chance. The first is allowed for as far as it is
/// more than nothing beside what is promised; both together must seldom be more than what is promised.
fn may_miss(k: u32, missed: f64, error: f64) -> f64 {
    let farther = if k == 1 { 0.75 } else { 0.5 };
    let usual = missed + farther * (missed - PROMISED).max(0.0);
    let seldom = 1.2 * missed + 1.5 * error - missed.min(PROMISED);
    usual.max(seldom).min(2.0 * missed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(cost: f64, hits: u32) -> Measured {
        Measured {
            effort: Effort {
                k: 10,
                probes: cost as u32,
                slack: 2.0,
                pool: 10,
                hits,
                total: 1_000,
                scanned: 0,
                ranked: 0,
            },
            recall: f64::from(hits) / 1_000.0,
            cost,
            error: 0.001,
        }
    }

    #[test]
    fn a_table_rises_and_lists_nothing_that_a_cheaper_effort_betters() {
        let runs = [
            (5.0, 990),
            (1.0, 800),
            (2.0, 900),
            (3.0, 899),
            (4.0, 960),
            (9.0, 995),
            (8.0, 995),
        ];
        let table = table(runs.map(|(cost, hits)| measured(cost, hits)).to_vec());
        let probes: Vec<u32> = table.iter().map(|effort| effort.probes).collect();
        assert_eq!(probes, [1, 2, 4, 5, 8]);
        assert!(table.is_sorted_by(|a, b| a.recall() < b.recall()));
    }

    #[test]
    fn all_but_the_last_count_on_less_than_was_measured_where_much_is_missed() {
        let runs = [(1.0, 800), (2.0, 900), (3.0, 960), (4.0, 995), (5.0, 996)];
        let table = table(runs.map(|(cost, hits)| measured(cost, hits)).to_vec());
        let hits: Vec<u32> = table.iter().map(|effort| effort.hits).collect();
        assert_eq!(hits, [7_050, 8_550, 9_450, 9_950, 9_960]);
    }

    #[test]
    fn only_the_last_counts_on_all() {
        let table = table(vec![measured(1.0, 999), measured(2.0, 1_000)]);
        assert_eq!((table[0].hits, table[1].hits), (9_983, 10_000));
        assert_eq!(cut(&measured(1.0, 1_000)).hits, 9_983);
    }

    #[test]
    fn of_efforts_that_missed_nothing_the_dearest_is_the_ceiling() {
        let table = table(
            [(1.0, 990), (2.0, 1_000), (5.0, 1_000), (4.0, 1_000)]
                .map(|(cost, hits)| measured(cost, hits))
                .to_vec(),
        );
        let found: Vec<(u32, u32)> = table
            .iter()
            .map(|effort| (effort.probes, effort.hits))
            .collect();
        assert_eq!(found, [(1, 9_900), (2, 9_983), (5, 10_000)]);
    }

    #[test]
    fn the_ceiling_stays_beside_efforts_that_next_to_equal_it() {
        let tried =
            [(1.0, 0.990_31), (2.0, 0.990_32), (3.0, 0.990_33)].map(|(cost, recall)| Measured {
                recall,
                ..measured(cost, 990)
            });
        let table = table(tried.to_vec());
        let found: Vec<(u32, u32)> = table
            .iter()
            .map(|effort| (effort.probes, effort.hits))
            .collect();
        assert_eq!(found, [(3, 9_903)]);
    }

    #[test]
    fn recall_between_two_numbers_of_hits_is_told() {
        let tried = [(1.0, 0.9901), (2.0, 0.9904), (3.0, 0.9915)].map(|(cost, recall)| Measured {
            recall,
            ..measured(cost, (recall * 1_000.0_f64).round() as u32)
        });
        let recalls: Vec<f64> = table(tried.to_vec()).iter().map(Effort::recall).collect();
        assert_eq!(recalls, [0.9901, 0.9904, 0.9915]);
    }

    #[test]
    fn a_small_sample_and_a_single_hit_count_on_less() {
        assert!(may_miss(10, 0.1, 0.04) > may_miss(10, 0.1, 0.002) + 0.01);
        assert!(may_miss(1, 0.1, 0.002) > may_miss(10, 0.1, 0.002) + 0.02);
        assert_eq!(may_miss(10, 0.0, 0.0), 0.0);
        // As much again is the most.
        assert_eq!(may_miss(10, 0.01, 0.1), 0.02);
    }
}
