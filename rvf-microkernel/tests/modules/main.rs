//! The wasm modules give the same answers as the naive search, bit for bit, and keep the rules of kernel.md, section 7.

mod module;
mod naive;
mod support;

use module::{BUILDS, Host, params, prebuilt};
use naive::pack::pack;
use naive::search::{Ask, coded, exact, integer_distance};
use naive::{KINDS, METRICS};
use rvf_microkernel::{Mode, Params};
use support::{Rng, bits};
use wasmparser::Operator;

#[test]
fn modules_answer_like_the_naive_search() {
    for build in BUILDS {
        let bytes = prebuilt(build);
        for d in [1, 3, 63, 64, 65, 100, 128, 384, 1000] {
            let mut rng = Rng::new(d as u64);
            let rows = if d > 300 { 200 } else { 900 };
            let input = rng.clustered(rows, d);
            for metric in METRICS {
                for kind in KINDS {
                    let mut host = Host::new(&bytes);
                    let file = pack(&input, metric, kind, rng.next());
                    let filter = rng.bitmap(rows, 3);
                    let deletes = rng.bitmap(rows, 7);
                    for (case, &(k, slack, pool)) in
                        [(1, 0.0, 1), (10, 1.0, 30), (100, 3.0, 100), (5, 16.0, 50)]
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
                            let least = 32 * (8 * d.div_ceil(64) as u32 + 4);
                            for (resident, window, max_needs, feed) in [
                                (&[0, 1, 2, 3, 4, 5][..], u32::MAX, 4, 1),
                                (&[], least, 4, 1),
                                (&[4, 5], least * 3, 9, 4),
                                (&[0, 1], 1 << 20, 64, 99),
                            ] {
                                let params = Params {
                                    window,
                                    max_needs,
                                    ..params(k, slack, pool, mode, &ask)
                                };
                                let found = host
                                    .search(&file, &q, &params, &ask, resident, feed)
                                    .unwrap();
                                assert_eq!(
                                    bits(&found.0),
                                    bits(&expected.0),
                                    "{build} d {d} metric {metric} kind {kind} k {k} {mode:?} {resident:?}"
                                );
                                assert_eq!(found.1, expected.1, "stats: {build} d {d} {mode:?}");
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn block_functions_give_integer_distances_and_merge_them() {
    let mut rng = Rng::new(5);
    let input = rng.clustered(150, 70);
    let stride = 12 + 72;
    for build in BUILDS {
        for metric in METRICS {
            let file = pack(&input, metric, 0, 1);
            let q = rng.near(&input);
            let ask = Ask {
                k: 20,
                slack: 0.0,
                pool: 20,
                filter: None,
                deletes: None,
            };
            let mut host = Host::new(&prebuilt(build));
            let ctx = host.open(&file.index).unwrap();
            let state = host
                .begin(ctx, &params(20, 0.0, 20, Mode::Blocks, &ask), &q)
                .unwrap();
            assert_eq!(host.call("rvf_query_step", &[state]), 0);
            let records = host.put(&file.vec_i8, 1);
            let out = host.alloc(150 * 8, 1);
            for start in (0..150).step_by(50) {
                let (records, out) = (records + start * stride, out + start * 8);
                assert_eq!(
                    host.call("rvf_block_distances", &[state, records, 50, out]),
                    0
                );
                assert_eq!(host.call("rvf_topk_merge", &[state, out, 50]), 0);
                // To read in between does no harm.
                assert_eq!(host.results(state, 7).len(), 7);
            }
            for (row, pair) in host.get(out, 150 * 8).chunks(8).enumerate() {
                let record = &file.vec_i8[row * stride as usize..][..stride as usize];
                assert_eq!(pair[..4], (row as u32).to_le_bytes());
                assert_eq!(pair[4..], integer_distance(&file, &q, record).to_le_bytes());
            }
            let found = host.results(state, 99);
            assert_eq!(bits(&found), bits(&exact(&file, &q, &ask).0));
        }
    }
}

#[test]
fn a_merged_nan_counts_as_infinity_and_minus_zero_as_zero() {
    let file = pack(&[vec![1.0, 2.0]], 0, 0, 1);
    let ask = Ask {
        k: 9,
        slack: 0.0,
        pool: 9,
        filter: None,
        deletes: None,
    };
    for build in BUILDS {
        let mut host = Host::new(&prebuilt(build));
        let ctx = host.open(&file.index).unwrap();
        let state = host
            .begin(ctx, &params(9, 0.0, 9, Mode::Blocks, &ask), &[1.0, 1.0])
            .unwrap();
        let pairs = [
            (7, f32::NAN),
            (5, -0.0),
            (3, -1.5),
            (4, 0.0),
            (6, f32::NEG_INFINITY),
        ];
        let bytes: Vec<u8> = pairs
            .iter()
            .flat_map(|&(row, distance): &(u32, f32)| {
                [row.to_le_bytes(), distance.to_le_bytes()].concat()
            })
            .collect();
        let at = host.put(&bytes, 0);
        assert_eq!(host.call("rvf_topk_merge", &[state, at, 5]), 0);
        let expected = vec![
            (6, f32::NEG_INFINITY),
            (3, -1.5),
            (4, 0.0),
            (5, 0.0),
            (7, f32::INFINITY),
        ];
        assert_eq!(bits(&host.results(state, 9)), bits(&expected));
    }
}

#[test]
fn calls_that_break_the_rules_get_the_code_of_the_table() {
    let mut rng = Rng::new(1);
    let input = rng.clustered(100, 10);
    let file = pack(&input, 2, 0, 1);
    for build in BUILDS {
        let mut host = Host::new(&prebuilt(build));
        assert_eq!(host.call("rvf_abi", &[]), 0x2_0001);
        let caps = host.call("rvf_caps", &[]);
        assert_eq!(caps, 0x1_0FFE | i32::from(build == "simd"));

        let head = host.put(&file.index, 0);
        let len = file.index.len() as u32;
        let ctx = host.alloc(256, 0);
        let end = host.memory_len() as u32;
        // BAD_POINTER, SMALL_BUFFER, BAD_INDEX, UNSUPPORTED
        assert_eq!(host.call("rvf_open", &[head, len, ctx + 4, 256]), -1);
        assert_eq!(host.call("rvf_open", &[head, len, end, 256]), -1);
        assert_eq!(host.call("rvf_open", &[end - 100, 128, ctx, 256]), -1);
        assert_eq!(host.call("rvf_open", &[u32::MAX, u32::MAX, ctx, 256]), -1);
        assert_eq!(host.call("rvf_open", &[head, len, ctx, 255]), -3);
        assert_eq!(host.call("rvf_open", &[head, 127, ctx, 256]), -4);
        for (at, value, code) in [
            (0, 0, -4),
            (4, 2, -5),
            (8, 0, -4),
            (12, 11 << 8, -4),
            (0x10, 3, -5),
            (0x11, 3, -5),
            (0x14, 2, -4),
            (0x18, 2, -4),
            (0x1C, 5, -4),
        ] {
            let mut index = file.index.clone();
            index[at] = value as u8;
            if at == 8 {
                index[8..12].fill(0);
            }
            assert_eq!(host.open(&index), Err(code), "{build} byte {at}");
        }

        // BAD_HANDLE
        for name in ["rvf_query_step", "rvf_query_needs"] {
            assert_eq!(host.call(name, &[ctx]), -2, "{name}");
            assert_eq!(host.call(name, &[ctx + 1]), -1, "{name}");
            assert_eq!(host.call(name, &[end & !15]), -1, "{name}");
        }
        let ctx = host.open(&file.index).unwrap();
        assert_eq!(host.call("rvf_query_step", &[ctx]), -2);
        assert_eq!(host.call("rvf_query_size", &[ctx + 16, head]), -2);
        assert_eq!(host.call("rvf_query_size", &[ctx, end]), -1);
        assert_eq!(host.call("rvf_resident", &[ctx, 6, head, len]), -6);
        assert_eq!(host.call("rvf_resident", &[ctx, 0, end - 1, 2]), -1);

        // BAD_PARAM, WINDOW, BAD_QUERY
        let ask = Ask {
            k: 3,
            slack: 1.0,
            pool: 3,
            filter: None,
            deletes: None,
        };
        let good = params(3, 1.0, 3, Mode::Coded, &ask);
        let q = &input[0];
        for bad in [
            Params {
                k: 0,
                pool: 0,
                ..good
            },
            Params {
                k: 65_537,
                pool: 65_537,
                ..good
            },
            Params { pool: 2, ..good },
            Params { pool: 4, ..good },
            Params {
                slack: -0.5,
                ..good
            },
            Params {
                slack: 16.5,
                ..good
            },
            Params {
                slack: f32::NAN,
                ..good
            },
            Params {
                max_needs: 3,
                ..good
            },
            Params {
                max_needs: 4097,
                ..good
            },
        ] {
            assert_eq!(host.begin(ctx, &bad, q), Err(-6), "{build} {bad:?}");
        }
        assert_eq!(
            host.begin(
                ctx,
                &Params {
                    window: 32 * 12 - 1,
                    ..good
                },
                q
            ),
            Err(-8)
        );
        for value in [f32::NAN, f32::INFINITY, 1.1e15, -2e15] {
            let mut q = q.clone();
            q[3] = value;
            assert_eq!(host.begin(ctx, &good, &q), Err(-7));
        }
        assert_eq!(host.begin(ctx, &good, &[0.0; 10]), Err(-7));

        // STATE
        let state = host.begin(ctx, &good, q).unwrap();
        assert_eq!(host.call("rvf_query_results", &[state, head, 1]), -10);
        assert_eq!(host.call("rvf_topk_merge", &[state, head, 1]), -10);
        assert_eq!(host.call("rvf_query_feed", &[state, 0, head]), -10);
        assert_eq!(host.call("rvf_query_step", &[state]), 1);
        assert_eq!(host.call("rvf_query_feed", &[state, 1, head]), -10);
        assert_eq!(host.call("rvf_query_feed", &[state, 0, end - 1]), -1);
        assert_eq!(host.call("rvf_query_step", &[state]), -10);

        // BAD_DATA: the list directory does not fit.
        let mut index = file.index.clone();
        let at = index.len() - 32;
        index[at + 8] ^= 1;
        let at = host.put(&index[128..], 1);
        assert_eq!(host.call("rvf_query_feed", &[state, 0, at]), 0);
        assert_eq!(host.call("rvf_query_step", &[state]), -9);
        // BAD_DATA: a row that is not there.
        let state = host
            .begin(ctx, &params(3, 1.0, 3, Mode::Exact, &ask), q)
            .unwrap();
        assert_eq!(host.call("rvf_query_step", &[state]), 1);
        let mut records = file.vec_i8.clone();
        records[24 * 50] = 100;
        let at = host.put(&records, 1);
        assert_eq!(host.call("rvf_query_feed", &[state, 0, at]), 0);
        assert_eq!(host.call("rvf_query_step", &[state]), -9);
    }
}

#[test]
fn modules_hold_no_data_no_start_function_and_no_path_to_a_panic() {
    for build in BUILDS {
        let bytes = prebuilt(build);
        for payload in wasmparser::Parser::new(0).parse_all(&bytes) {
            match payload.unwrap() {
                wasmparser::Payload::DataSection(_) => {
                    panic!("{build} holds data: the text of a panic?")
                }
                wasmparser::Payload::StartSection { .. } => panic!("{build} has a start function"),
                wasmparser::Payload::ImportSection(_) => panic!("{build} imports"),
                wasmparser::Payload::CustomSection(_) => panic!("{build} has a custom section"),
                wasmparser::Payload::CodeSectionEntry(body) => {
                    let operators: Vec<_> = body
                        .get_operators_reader()
                        .unwrap()
                        .into_iter()
                        .map(Result::unwrap)
                        .collect();
                    for (i, operator) in operators.iter().enumerate() {
                        if !matches!(operator, Operator::Unreachable) {
                            continue;
                        }
                        // The arm of a `match` that a loop's condition rules out stands right behind the jump table;
                        // a panic is branched to, or called.
                        let before = operators[..i]
                            .iter()
                            .rev()
                            .find(|operator| !matches!(operator, Operator::End));
                        assert!(
                            matches!(before, Some(Operator::BrTable { .. })),
                            "{build} has a path that ends in a panic, behind {before:?}"
                        );
                    }
                }
                _ => {}
            }
        }
    }
}
