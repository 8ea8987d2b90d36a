//! The crate gives the answers of the naive search, bit for bit, with every instruction set.

mod naive;
mod support;

use naive::pack::pack;
use naive::search::{Ask, coded, exact};
use naive::{KINDS, METRICS};
use rvf_microkernel::{Backend, Mode, Params};
use support::{Rng, bits, regions, run, run_starved};

const DIMENSIONS: [usize; 11] = [1, 2, 3, 7, 63, 64, 65, 100, 128, 384, 1000];

fn params(k: usize, slack: f32, pool: usize, mode: Mode, ask: &Ask<'_>) -> Params {
    Params {
        k: k as u32,
        mode,
        slack,
        pool: pool as u32,
        filter: ask.filter.is_some(),
        deletes: ask.deletes.is_some(),
        ..Params::new(k as u32)
    }
}

#[test]
fn every_backend_answers_like_the_naive_search() {
    for d in DIMENSIONS {
        let mut rng = Rng::new(d as u64);
        let rows = if d > 300 { 300 } else { 1200 };
        let input = rng.clustered(rows, d);
        for metric in METRICS {
            for kind in KINDS {
                let file = pack(&input, metric, kind, rng.next());
                let filter = rng.bitmap(rows, 3);
                let deletes = rng.bitmap(rows, 7);
                for (case, &(k, slack, pool)) in [
                    (1, 0.0, 1),
                    (10, 1.0, 30),
                    (100, 3.0, 100),
                    (2000, 2.0, 2000),
                    (5, 16.0, 50),
                ]
                .iter()
                .enumerate()
                {
                    let pool = if kind == 0 { k } else { pool };
                    let q = rng.near(&input);
                    let ask = Ask {
                        k,
                        slack,
                        pool,
                        filter: (case % 2 == 1).then_some(&filter[..]),
                        deletes: (case % 3 == 1).then_some(&deletes[..]),
                    };
                    for mode in [Mode::Coded, Mode::Exact] {
                        let expected = if mode == Mode::Coded {
                            coded(&file, &q, &ask)
                        } else {
                            exact(&file, &q, &ask)
                        };
                        let params = params(k, slack, pool, mode, &ask);
                        for backend in Backend::available() {
                            let mut data = regions(&file, &ask);
                            let found = run(&file, &q, params, backend, &mut data).unwrap();
                            assert_eq!(
                                bits(&found.0),
                                bits(&expected.0),
                                "hits: d {d} metric {metric} kind {kind} k {k} {mode:?} {backend:?}"
                            );
                            assert_eq!(
                                found.1, expected.1,
                                "stats: d {d} metric {metric} kind {kind} k {k} {mode:?}"
                            );
                        }
                        // The window does not change the answer, nor does how much is fed at once.
                        let backend = Backend::best();
                        let least = 32 * (8 * d.div_ceil(64) as u32 + 4);
                        for (window, max_needs, feed) in [
                            (least, 4, 1),
                            (least, 4, 9),
                            (least * 5 / 2, 7, 3),
                            (1 << 20, 64, 9),
                        ] {
                            let params = Params {
                                window,
                                max_needs,
                                ..params
                            };
                            let found =
                                run_starved(&file, &q, params, backend, &ask, feed).unwrap();
                            assert_eq!(bits(&found.0), bits(&expected.0));
                            assert_eq!(found.1, expected.1);
                        }
                    }
                }
            }
        }
    }
}

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
        for metric in METRICS {
            for kind in KINDS {
                if kind == 1 && input[0][0] > 6e4 {
                    continue;
                }
                if kind == 1 && metric == 2 && input[0][0].abs() < 1e-8 {
                    continue;
                }
                let file = pack(input, metric, kind, 99);
                for q in [
                    input[0].clone(),
                    input[input.len() / 2]
                        .iter()
                        .map(|v| v * 0.3 + 0.1)
                        .collect(),
                ] {
                    for k in [1, 9, 100] {
                        for slack in [0.0, 1.0, 2.0] {
                            let ask = Ask {
                                k,
                                slack,
                                pool: k,
                                filter: None,
                                deletes: None,
                            };
                            for (mode, expected) in [
                                (Mode::Coded, coded(&file, &q, &ask)),
                                (Mode::Exact, exact(&file, &q, &ask)),
                            ] {
                                for backend in Backend::available() {
                                    let params = params(k, slack, k, mode, &ask);
                                    let found =
                                        run(&file, &q, params, backend, &mut regions(&file, &ask))
                                            .unwrap();
                                    assert_eq!(bits(&found.0), bits(&expected.0));
                                    assert_eq!(found.1, expected.1);
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
    for metric in METRICS {
        let file = pack(&input, metric, 0, 5);
        let ask = Ask {
            k: 4,
            slack: 1.0,
            pool: 4,
            filter: None,
            deletes: None,
        };
        let expected = coded(&file, &q, &ask);
        for backend in Backend::available() {
            let params = params(4, 1.0, 4, Mode::Coded, &ask);
            let found = run(&file, &q, params, backend, &mut regions(&file, &ask)).unwrap();
            assert_eq!(bits(&found.0), bits(&expected.0));
            assert_eq!(found.1, expected.1);
        }
    }
}

#[test]
fn a_generous_slack_finds_what_exact_search_finds() {
    let mut rng = Rng::new(11);
    let input = rng.clustered(2_000, 96);
    for metric in METRICS {
        let file = pack(&input, metric, 2, 1);
        for _ in 0..10 {
            let q = rng.near(&input);
            let ask = Ask {
                k: 10,
                slack: 8.0,
                pool: 400,
                filter: None,
                deletes: None,
            };
            let found = run(
                &file,
                &q,
                params(10, 8.0, 400, Mode::Coded, &ask),
                Backend::best(),
                &mut regions(&file, &ask),
            )
            .unwrap();
            assert_eq!(bits(&found.0), bits(&exact(&file, &q, &ask).0));
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
            let ask = Ask {
                k: 1,
                slack: 1.0,
                pool: 1,
                filter: None,
                deletes: None,
            };
            let expected = exact(&file, &q, &ask);
            for backend in Backend::available() {
                let params = params(1, 1.0, 1, Mode::Exact, &ask);
                let found = run(&file, &q, params, backend, &mut regions(&file, &ask)).unwrap();
                assert_eq!(
                    bits(&found.0),
                    bits(&expected.0),
                    "from {start:#x} metric {metric} {backend:?}"
                );
            }
        }
    }
}
