//! Data at the ends of what the format allows.

use rvf_microkernel::{Backend, Mode};

use crate::naive::KINDS;
use crate::naive::METRICS;
use crate::naive::pack::{Plan, pack, pack_lists};
use crate::naive::search::Ask;
use crate::support::{Question, Rng, plan};

#[test]
fn integers_duplicates_and_equal_vectors_answer_like_the_naive_search() {
    let mut rng = Rng::new(7);
    let sets: Vec<Vec<Vec<f32>>> = vec![
        (0..700)
            .map(|_| (0..20).map(|_| (rng.next() % 256) as f32).collect())
            .collect(),
        (0..700)
            .map(|i| {
                (0..20)
                    .map(|j| ((i / 100 * 7 + j) % 5) as f32 + 0.25)
                    .collect()
            })
            .collect(),
        vec![vec![0.5; 33]; 500],
        vec![vec![1.0]; 100],
        vec![vec![-3.0, 2.0, 1.5]],
        vec![vec![1e15; 5]; 40],
        vec![vec![1e-12, 0.0, -2e-12]; 40],
    ];
    for input in &sets {
        for lists in [1, 2, 9] {
            if lists > input.len() {
                continue;
            }
            let plan = plan(&mut rng, input, lists);
            for metric in METRICS {
                for kind in KINDS {
                    if kind == 1 && input[0][0] > 6e4 {
                        continue;
                    }
                    if kind == 1 && metric == 2 && input[0][0].abs() < 1e-8 {
                        continue;
                    }
                    let file = pack_lists(input, metric, kind, 99, &plan);
                    let off: Vec<f32> = input[input.len() / 2]
                        .iter()
                        .map(|v| v * 0.3 + 0.1)
                        .collect();
                    for q in [&input[0], &off] {
                        for (k, probes) in [(1, 0), (9, 1), (100, 2)] {
                            for slack in [0.0, 1.0, 2.0] {
                                for mode in [Mode::Coded, Mode::Blocks] {
                                    Question {
                                        file: &file,
                                        q,
                                        ask: Ask {
                                            probes,
                                            slack,
                                            ..Ask::new(k)
                                        },
                                        mode,
                                    }
                                    .backends_agree();
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn the_largest_dimension_answers_like_the_naive_search() {
    let mut rng = Rng::new(3);
    let input = rng.clustered(40, 65_536);
    let q = rng.near(&input);
    let second = Plan {
        own: vec![(0..36).collect(), Vec::new(), (36..40).collect()],
        second: vec![vec![38], vec![2, 3], vec![0, 1, 35]],
    };
    for metric in METRICS {
        for plan in [&Plan::one(40), &second] {
            let file = pack_lists(&input, metric, 0, 5, plan);
            let question = Question {
                file: &file,
                q: &q,
                ask: Ask {
                    probes: 2,
                    ..Ask::new(4)
                },
                mode: Mode::Coded,
            };
            question.backends_agree();
            question.starved_agrees();
        }
    }
}

#[test]
fn a_vector_for_each_list_and_lists_without_a_vector_answer_like_the_naive_search() {
    let mut rng = Rng::new(17);
    for (rows, lists) in [(1, 1), (2, 2), (5, 5), (70, 70), (90, 33)] {
        let input = rng.clustered(rows, 20);
        let mut own: Vec<Vec<usize>> = (0..rows).map(|row| vec![row]).collect();
        // Fewer lists than rows: the first holds the others, and every second one is empty.
        while own.len() > lists {
            let last = own.pop().unwrap_or_default();
            own[0].extend(last);
        }
        if rows > lists {
            for l in (1..lists).step_by(2) {
                let moved = std::mem::take(&mut own[l]);
                own[0].extend(moved);
            }
        }
        let mut second = vec![Vec::new(); lists];
        for row in 0..rows {
            let to = (row * 7 + 3) % lists;
            if !own[to].contains(&row) {
                second[to].push(row);
            }
        }
        let plan = Plan { own, second };
        for metric in METRICS {
            let file = pack_lists(&input, metric, 2, 5, &plan);
            for probes in [0, 1, 2, 30] {
                let q = rng.near(&input);
                let question = Question {
                    file: &file,
                    q: &q,
                    ask: Ask {
                        probes,
                        ..Ask::new(3)
                    },
                    mode: Mode::Coded,
                };
                question.backends_agree();
                question.starved_agrees();
            }
        }
    }
}

#[test]
fn every_f16_pattern_gives_the_same_distance_on_each_backend() {
    // Bytes from outside may hold exponents of 31, which no writer makes.
    for start in (0..=u16::MAX).step_by(256) {
        let mut file = pack(&[vec![1.0; 256]], 0, 1, 1);
        for i in 0..256_u16 {
            file.vec_float[4 + 2 * usize::from(i)..][..2]
                .copy_from_slice(&(start + i).to_le_bytes());
        }
        let q: Vec<f32> = (0..256).map(|i| i as f32 * 0.25).collect();
        for metric in METRICS {
            file.metric = metric;
            file.index[0x10] = metric;
            let question = Question {
                file: &file,
                q: &q,
                ask: Ask::new(1),
                mode: Mode::Blocks,
            };
            let expected = question.expected();
            for backend in Backend::available() {
                assert_eq!(
                    question.by(backend),
                    expected,
                    "from {start:#x} metric {metric} {backend:?}"
                );
            }
        }
    }
}
