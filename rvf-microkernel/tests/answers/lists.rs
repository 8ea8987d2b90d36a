//! What lists change, and what they do not.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;

use rvf_microkernel::{Backend, Mode};

use crate::naive::METRICS;
use crate::naive::pack::{Plan, pack_lists};
use crate::naive::search::{Ask, Stats, exact, visited};
use crate::support::{Question, Rng, bits, plan};

fn ask(k: usize, probes: usize, slack: f32) -> Ask<'static> {
    Ask {
        probes,
        slack,
        ..Ask::new(k)
    }
}

#[test]
fn a_generous_slack_over_all_lists_finds_what_exact_search_finds() {
    let mut rng = Rng::new(11);
    let input = rng.clustered(2_000, 96);
    for lists in [1, 30] {
        let plan = plan(&mut rng, &input, lists);
        for metric in METRICS {
            let file = pack_lists(&input, metric, 2, 1, &plan);
            for _ in 0..10 {
                let q = rng.near(&input);
                let question = Question {
                    file: &file,
                    q: &q,
                    ask: Ask {
                        pool: 400,
                        ..ask(10, 0, 8.0)
                    },
                    mode: Mode::Coded,
                };
                let found = question.by(Backend::best()).unwrap();
                assert_eq!(found.0, bits(&exact(&file, &q, &question.ask).unwrap().0));
            }
        }
    }
}

#[test]
fn a_vector_is_found_by_its_own_list_and_by_its_second_and_once_by_both() {
    let mut rng = Rng::new(23);
    // Two heaps far from each other. Row 0 lies in the first and belongs to the second.
    let mut input = rng.clustered(1, 40);
    let middle = input[0].clone();
    for i in 1..120 {
        let far = if i % 2 == 0 { 0.0 } else { 50.0 };
        input.push(middle.iter().map(|v| v + far + rng.normal()).collect());
    }
    let near: Vec<usize> = (1..120).filter(|i| i % 2 == 0).collect();
    let mut far: Vec<usize> = (1..120).filter(|i| i % 2 == 1).collect();
    far.push(0);
    let plan = Plan {
        own: vec![near, far],
        second: vec![vec![0], Vec::new()],
    };
    let file = pack_lists(&input, 0, 0, 1, &plan);
    for (q, probes) in [
        (&input[0], 1),
        (&input[0], 2),
        (&input[0], 0),
        (&input[1], 0),
    ] {
        let question = Question {
            file: &file,
            q,
            ask: ask(120, probes, 4.0),
            mode: Mode::Coded,
        };
        question.backends_agree();
        let hits = question.by(Backend::best()).unwrap().0;
        assert_eq!(hits.iter().filter(|hit| hit.0 == 0).count(), 1);
    }
}

#[test]
fn no_row_is_found_twice() {
    let mut rng = Rng::new(29);
    let input = rng.clustered(900, 30);
    for lists in [2, 12] {
        let plan = plan(&mut rng, &input, lists);
        assert!(plan.second.iter().flatten().count() > 100);
        let file = pack_lists(&input, 0, 1, 1, &plan);
        for probes in [0, 1, 5] {
            let q = rng.near(&input);
            let question = Question {
                file: &file,
                q: &q,
                ask: ask(900, probes, 16.0),
                mode: Mode::Coded,
            };
            let hits = question.by(Backend::best()).unwrap().0;
            let rows: BTreeSet<u32> = hits.iter().map(|hit| hit.0).collect();
            assert_eq!(rows.len(), hits.len());
        }
    }
}

#[test]
fn the_lists_visited_are_those_with_the_nearest_centroids() {
    let mut rng = Rng::new(31);
    let input = rng.clustered(600, 24);
    let plan = plan(&mut rng, &input, 25);
    for metric in METRICS {
        let file = pack_lists(&input, metric, 0, 1, &plan);
        let q = rng.near(&input);
        let all = visited(&file, &q, &ask(1, 0, 1.0)).unwrap();
        assert_eq!(all.len(), 25);
        let sure = visited(&file, &q, &ask(1, 6, 16.0)).unwrap();
        assert_eq!(sure, all[..6]);
    }
}

#[test]
fn the_stats_count_what_is_looked_at() {
    let mut rng = Rng::new(37);
    let input = rng.clustered(600, 24);
    let plan = plan(&mut rng, &input, 9);
    let file = pack_lists(&input, 0, 2, 1, &plan);
    let q = rng.near(&input);
    let stats = |probes: usize, mode: Mode| -> Stats {
        Question {
            file: &file,
            q: &q,
            ask: ask(5, probes, 1.0),
            mode,
        }
        .by(Backend::best())
        .unwrap()
        .1
    };
    let entries: usize = (0..9)
        .map(|l| plan.own[l].len() + plan.second[l].len())
        .sum();
    assert_eq!(stats(0, Mode::Coded)[0] as usize, entries + 9);
    let list = visited(&file, &q, &ask(5, 1, 1.0)).unwrap()[0];
    let entries = plan.own[list].len() + plan.second[list].len();
    assert_eq!(stats(1, Mode::Coded)[0] as usize, entries + 9);
    assert_eq!(stats(0, Mode::Blocks), [0; 4]);
}

#[test]
fn a_buffer_that_fills_up_is_ranked_before_the_end() {
    let mut rng = Rng::new(41);
    // Bounds so wide that all get by: 1024 + 32·max(P, L) places are taken before the scan ends, in the probe too.
    let input = rng.clustered(5_000, 9);
    for lists in [1, 3, 2_300] {
        let plan = plan(&mut rng, &input, lists);
        for metric in METRICS {
            for kind in [0, 2] {
                let file = pack_lists(&input, metric, kind, 1, &plan);
                for (k, probes) in [(1, 1), (1, 0), (20, 20), (3, 2)] {
                    let q = rng.near(&input);
                    for slack in [2.0, 16.0] {
                        let question = Question {
                            file: &file,
                            q: &q,
                            ask: ask(k, probes, slack),
                            mode: Mode::Coded,
                        };
                        question.backends_agree();
                        question.starved_agrees();
                    }
                }
            }
        }
    }
}
