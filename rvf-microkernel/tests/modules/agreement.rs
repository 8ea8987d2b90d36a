//! The modules answer like the naive search, and so like the crate.

use rvf_microkernel::{Backend, Error, Mode, Params};

use crate::module::{BUILDS, Host, prebuilt};
use crate::naive::pack::pack_lists;
use crate::naive::search::Ask;
use crate::naive::{KINDS, METRICS};
use crate::support::agree::Exactly;
use crate::support::{Question, Rng, bits, least_window, plan};

/// k, probes, slack, pool.
const CASES: [(usize, usize, f32, usize); 5] = [
    (1, 0, 0.0, 1),
    (10, 1, 1.0, 30),
    (100, 3, 3.0, 100),
    (5, 4, 16.0, 50),
    (7, 2, 1.5, 7),
];

/// The module gives this answer, whatever stands in memory, and however the rest is given.
fn answers(
    host: &mut Host,
    question: &Question<'_>,
    expected: &Result<Exactly, Error>,
    name: &str,
) {
    let least = least_window(question.file, &question.ask);
    for (resident, window, max_needs, feed) in [
        (&[0, 1, 2, 3, 4][..], u32::MAX, 4, 1),
        (&[], least, 4, 1),
        (&[4], least * 3, 9, 4),
        (&[0, 1], 1 << 20, 64, 99),
    ] {
        let params = Params {
            window,
            max_needs,
            ..question.params()
        };
        let found = host
            .search(
                question.file,
                question.q,
                &params,
                &question.ask,
                resident,
                feed,
            )
            .map(|(hits, stats)| (bits(&hits), stats))
            .map_err(|code| {
                assert_eq!(code, -9, "{name} {resident:?} {}", question.name());
                Error::BadData
            });
        assert_eq!(&found, expected, "{name} {resident:?} {}", question.name());
    }
}

#[test]
fn modules_answer_like_the_naive_search() {
    for build in BUILDS {
        let bytes = prebuilt(build);
        for d in [1, 2, 3, 4, 5, 7, 63, 64, 65, 100, 128, 384, 705, 768, 1000] {
            let mut rng = Rng::new(d as u64);
            let rows = if d > 300 { 200 } else { 600 };
            let input = rng.clustered(rows, d);
            let filter = rng.bitmap(rows, 3);
            for lists in [1, 2, 13] {
                let plan = plan(&mut rng, &input, lists);
                for metric in METRICS {
                    for kind in KINDS {
                        let mut host = Host::new(&bytes);
                        let file = pack_lists(&input, metric, kind, rng.next(), &plan);
                        for (case, &(k, probes, slack, pool)) in CASES.iter().enumerate() {
                            let q = rng.near(&input);
                            let ask = Ask {
                                k,
                                probes,
                                slack,
                                pool: if kind == 0 { k } else { pool },
                                filter: (case % 2 == 1).then_some(&filter[..]),
                            };
                            for mode in [Mode::Coded, Mode::Blocks] {
                                // Lists make no difference to exact search but for the order of the records.
                                if mode == Mode::Blocks && lists == 2 {
                                    continue;
                                }
                                let question = Question {
                                    file: &file,
                                    q: &q,
                                    ask: ask.clone(),
                                    mode,
                                };
                                let expected = question.expected();
                                answers(&mut host, &question, &expected, build);
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_buffer_that_fills_up_is_ranked_as_by_the_naive_search() {
    let mut rng = Rng::new(41);
    let input = rng.clustered(2_500, 9);
    for lists in [1, 3, 1_300] {
        let plan = plan(&mut rng, &input, lists);
        let file = pack_lists(&input, 0, 1, 1, &plan);
        let q = rng.near(&input);
        for build in BUILDS {
            let mut host = Host::new(&prebuilt(build));
            for probes in [1, 0] {
                let question = Question {
                    file: &file,
                    q: &q,
                    ask: Ask {
                        probes,
                        slack: 16.0,
                        ..Ask::new(2)
                    },
                    mode: Mode::Coded,
                };
                let expected = question.expected();
                answers(&mut host, &question, &expected, build);
            }
        }
    }
}

#[test]
fn modules_answer_damaged_payloads_like_the_crate() {
    let mut rng = Rng::new(61);
    for round in 0..200 {
        let d = [1, 3, 64, 65, 100][round % 5];
        let input = rng.clustered(80, d);
        let plan = plan(&mut rng, &input, [1, 3, 8, 12][round / 5 % 4]);
        let mut file = pack_lists(&input, METRICS[round % 3], KINDS[round / 3 % 3], 3, &plan);
        let mut flip = |bytes: &mut [u8], times: usize| {
            for _ in 0..times {
                if !bytes.is_empty() {
                    let at = rng.below(bytes.len());
                    bytes[at] ^= 1 << rng.below(8);
                }
            }
        };
        flip(&mut file.index[128..], round % 3);
        flip(&mut file.quant, round % 11);
        flip(&mut file.vec_i8, round % 5);
        flip(&mut file.vec_float, round % 7);
        let q: Vec<f32> = (0..d).map(|_| rng.normal()).collect();
        for build in BUILDS {
            let mut host = Host::new(&prebuilt(build));
            for mode in [Mode::Coded, Mode::Blocks] {
                let question = Question {
                    file: &file,
                    q: &q,
                    ask: Ask {
                        probes: round % 4,
                        ..Ask::new(5)
                    },
                    mode,
                };
                let expected = question.by(Backend::scalar());
                answers(&mut host, &question, &expected, build);
            }
        }
    }
}
