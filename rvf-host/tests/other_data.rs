//! Data of every shape, each metric, each kind of vectors: exact search is right, coded search finds what the file says
//! that it finds, and the file's own code agrees with its native twin.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails has to say where"
)]

mod whole;

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use rvf_host::{Bytes, Effort, Engine, Plan, Query, Reader, RowSet, VerifyOptions, verify};
use rvf_pack::{Metric, VectorKind};
use whole::data::{Data, KINDS, METRICS, Shape, pack};
use whole::engines;
use whole::naive::{Question, Recall, Truth, queries_of};
use whole::random::Random;

/// The vectors as stored, row after row.
fn stored(reader: &Reader) -> Vec<f32> {
    let vectors = reader.vectors().map(Result::unwrap);
    vectors.flatten().collect()
}

/// A shape of data, and how much of it.
#[derive(Debug, Clone, Copy)]
struct Case {
    shape: Shape,
    rows: usize,
    dimension: usize,
    queries: usize,
}

impl Case {
    const fn new(shape: Shape, rows: usize, dimension: usize, queries: usize) -> Self {
        Self {
            shape,
            rows,
            dimension,
            queries,
        }
    }

    fn data(self) -> Data {
        Data::draw(self.shape, self.rows, self.queries, self.dimension, 2024)
    }
}

/// Holds one set of data, packed in every way, against all that is said at the top.
fn holds(case: Case) {
    for metric in METRICS {
        for kind in KINDS {
            // An f16 ends at 65,504, and 10⁻¹² is nothing to it: its norms differ less.
            let case = match (case.shape, kind) {
                (Shape::Norms(_), VectorKind::F16) => Case {
                    shape: Shape::Norms(3),
                    ..case
                },
                _ => case,
            };
            let data = case.data();
            let file = data.pack(metric, kind, true);
            let context = format!("{case:?}, {} {}", metric.name(), kind.name());
            let report = verify(&Bytes::from(Arc::clone(&file)), &VerifyOptions::new())
                .unwrap()
                .report;
            assert!(
                report.findings.is_empty(),
                "{context}: {:?}",
                report.findings
            );
            let reader = engines::open(&file, &Engine::Auto);
            let stored = stored(&reader);
            assert_eq!(stored.len(), data.rows.len(), "{context}");
            exact_is_right(&reader, &data, &stored, &context);
            coded_agrees_with_exact(&reader, &data, &context);
            recall_is_what_was_measured(&reader, &data, &context);
            engines_agree(&file, &data, &context);
        }
    }
}

fn exact_is_right(reader: &Reader, data: &Data, stored: &[f32], context: &str) {
    let head = reader.head();
    let mut session = reader.session().unwrap();
    for query in data.queries().take(20) {
        for k in [1, 10, data.row_count() as u32] {
            let asked = Query::vector(query).k(k).effort(Effort::Exact);
            let answer = session.search(&asked).unwrap();
            let question = Question {
                metric: head.metric,
                kind: head.vectors,
                stored,
                query,
                live: None,
                k: k as usize,
            };
            question.check(&answer.hits, context);
        }
    }
}

/// Whatever coded search finds has the distance that exact search gives it, and with room for every row it finds all.
fn coded_agrees_with_exact(reader: &Reader, data: &Data, context: &str) {
    let rows = data.row_count() as u32;
    let mut session = reader.session().unwrap();
    for query in data.queries().take(20) {
        let all = session
            .search(&Query::vector(query).k(rows).effort(Effort::Exact))
            .unwrap();
        let distances: HashMap<u32, u32> = engines::bits(&all.hits).into_iter().collect();
        for slack in [0.0, 1.0, 3.0, 16.0] {
            let effort = |pool| Effort::Manual {
                probes: 0,
                slack,
                pool,
            };
            for k in [1, 10] {
                let hits = session
                    .search(&Query::vector(query).k(k).effort(effort(4 * k)))
                    .unwrap()
                    .hits;
                assert_eq!(hits.len() as u32, k.min(rows), "{context}, slack {slack}");
                assert!(
                    hits.is_sorted_by(|a, b| (a.distance, a.row) < (b.distance, b.row)),
                    "{context}"
                );
                for (row, bits) in engines::bits(&hits) {
                    assert_eq!(
                        distances.get(&row),
                        Some(&bits),
                        "{context}, slack {slack}, row {row}"
                    );
                }
            }
            for k in [rows, rows + 5] {
                let hits = session
                    .search(&Query::vector(query).k(k).effort(effort(k)))
                    .unwrap()
                    .hits;
                assert_eq!(
                    engines::bits(&hits),
                    engines::bits(&all.hits),
                    "{context}, slack {slack}, k {k}"
                );
            }
        }
    }
}

/// Five standard errors: there are some thousand comparisons here, of which none should fail by chance.
const SIGMAS: f64 = 5.0;

fn recall_is_what_was_measured(reader: &Reader, data: &Data, context: &str) {
    let metric = reader.head().metric;
    let rows = data.row_count();
    let efforts = &reader.manifest().efforts;
    for k in [1, 10, 100] {
        let measured = efforts.iter().any(|effort| effort.k == k);
        assert_eq!(
            measured,
            (k as usize) < rows,
            "{context}: efforts for {k} hits"
        );
    }
    let truths: Vec<Truth> = data
        .queries()
        .map(|query| Truth::new(metric, &data.rows, query))
        .collect();
    let mut session = reader.session().unwrap();
    for effort in efforts {
        let asked = Effort::Recall(effort.recall());
        let recalls: Vec<f64> = data
            .queries()
            .zip(&truths)
            .map(|(query, truth)| {
                let answer = session
                    .search(&Query::vector(query).k(effort.k).effort(asked))
                    .unwrap();
                let Plan::Coded { slack, pool, .. } = answer.plan else {
                    panic!("{context}: {:?}", answer.plan);
                };
                assert_eq!((slack, pool), (effort.slack, effort.pool), "{context}");
                truth.recall(effort.k as usize, &answer.hits)
            })
            .collect();
        let recall = Recall::new(&recalls, queries_of(effort, rows), SIGMAS);
        assert!(
            recall.mean >= effort.recall() - recall.chance,
            "{context}: {effort:?} promises {}, {recall:?}",
            effort.recall()
        );
    }
}

fn engines_agree(file: &Arc<[u8]>, data: &Data, context: &str) {
    let rows = data.row_count() as u32;
    let some = RowSet::from_rows(rows, (0..rows).filter(|row| row % 3 == 0));
    let mut expected = None;
    for engine in engines::all() {
        let reader = engines::open(file, &engine);
        let mut session = reader.session().unwrap();
        let mut found = Vec::new();
        for query in data.queries().take(5) {
            let query = Query::vector(query);
            let manual = |slack| Effort::Manual {
                probes: 0,
                slack,
                pool: 25,
            };
            for query in [
                query,
                query.k(rows + 1).effort(Effort::Exact),
                query.effort(manual(0.0)),
                query.effort(manual(2.0)).filter(&some),
                query.effort(Effort::Exact).filter(&some),
            ] {
                let answer = session.search(&query).unwrap();
                found.push((engines::bits(&answer.hits), engines::counts(&answer)));
            }
        }
        let expected = expected.get_or_insert_with(|| found.clone());
        assert_eq!(&found, expected, "{context}, {engine:?}");
    }
}

#[test]
fn gaussian_data_of_128_dimensions() {
    holds(Case::new(Shape::Gaussian, 1500, 128, 200));
}

#[test]
fn clustered_data() {
    holds(Case::new(Shape::Clustered, 1100, 100, 200));
}

#[test]
fn heavy_duplicates() {
    holds(Case::new(Shape::Duplicates(9), 1200, 48, 200));
}

#[test]
fn one_single_vector() {
    holds(Case::new(Shape::Gaussian, 1, 20, 20));
}

#[test]
fn all_vectors_equal() {
    holds(Case::new(Shape::Duplicates(1), 150, 17, 20));
}

#[test]
fn one_dimension() {
    holds(Case::new(Shape::Gaussian, 200, 1, 100));
}

#[test]
fn three_dimensions() {
    holds(Case::new(Shape::Gaussian, 600, 3, 200));
}

#[test]
fn four_thousand_dimensions() {
    holds(Case::new(Shape::Gaussian, 110, 4096, 20));
}

#[test]
fn the_highest_dimension() {
    holds(Case::new(Shape::Gaussian, 9, 65_536, 4));
}

#[test]
fn integers_from_0_to_255() {
    holds(Case::new(Shape::Bytes, 800, 96, 200));
}

#[test]
fn norms_from_the_smallest_to_the_largest() {
    holds(Case::new(Shape::Norms(12), 300, 33, 200));
}

#[test]
fn a_group_less_a_row_a_group_and_a_group_and_a_row() {
    for (rows, dimension) in [(31, 40), (32, 64), (33, 65), (2, 8)] {
        holds(Case::new(Shape::Gaussian, rows, dimension, 60));
    }
}

/// What a property is drawn from.
#[derive(Debug, Clone)]
struct Drawn {
    shape: Shape,
    metric: Metric,
    kind: VectorKind,
    rows: usize,
    dimension: usize,
    k: u32,
    slack: f32,
    pool: u32,
    /// The share of the rows that can be hits.
    live: Option<f64>,
    seed: u64,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let shape = prop_oneof![
        Just(Shape::Gaussian),
        Just(Shape::Clustered),
        (1_usize..6).prop_map(Shape::Duplicates),
        Just(Shape::Bytes),
        Just(Shape::Norms(2)),
    ];
    let of_file = (
        shape,
        prop::sample::select(&METRICS),
        prop::sample::select(&KINDS),
        prop_oneof![1_usize..140, Just(640)],
        prop_oneof![1_usize..140, 1_usize..9],
        any::<u64>(),
    );
    let of_query = (
        1_u32..150,
        prop_oneof![Just(0.0_f32), 0.0_f32..4.0, Just(16.0)],
        1_u32..300,
        prop::option::of(prop_oneof![Just(0.0), 0.0..1.0, Just(1.0)]),
    );
    (of_file, of_query).prop_map(|(file, query)| {
        let (shape, metric, kind, rows, dimension, seed) = file;
        let (k, slack, pool, live) = query;
        Drawn {
            shape,
            metric,
            kind,
            rows,
            dimension,
            k,
            slack,
            pool,
            live,
            seed,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(7),
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_file_and_any_query(drawn in drawn()) {
        let Drawn { metric, kind, rows, dimension, k, slack, pool, .. } = drawn;
        let mut random = Random(drawn.seed);
        let mut all = drawn.shape.draw(rows + 1, dimension, &mut random);
        // Whole numbers may all be 0, which cosine refuses.
        for vector in all.chunks_exact_mut(dimension) {
            if vector.iter().all(|x| x.abs() < 1e-9) {
                vector[0] = 1.0;
            }
        }
        let query = all.split_off(rows * dimension);
        let file = pack(&all, dimension, metric, kind, false);
        let live: Option<Vec<u32>> = drawn.live.map(|share| {
            let mut live: Vec<u32> = (0..rows as u32).collect();
            live.retain(|_| random.unit() < share);
            live
        });
        let set = live.as_ref().map(|live| RowSet::from_rows(rows as u32, live.iter().copied()));
        let asked = |k, effort| {
            let query = Query::vector(&query).k(k).effort(effort);
            match &set {
                Some(set) => query.filter(set),
                None => query,
            }
        };
        let coded = Effort::Manual { probes: 0, slack, pool };

        let reader = engines::open(&file, &engines::scalar());
        let exact = reader.search(&asked(k, Effort::Exact)).unwrap();
        let stored = stored(&reader);
        let question = Question {
            metric,
            kind,
            stored: &stored,
            query: &query,
            live: live.as_deref(),
            k: k as usize,
        };
        question.check(&exact.hits, "exact");

        // Coded search finds as many, each with its exact distance; and all, if that many are asked for.
        let count = live.as_ref().map_or(rows, Vec::len);
        let every = reader.search(&asked(count.max(1) as u32, Effort::Exact)).unwrap();
        let every: HashMap<u32, u32> = engines::bits(&every.hits).into_iter().collect();
        let found = reader.search(&asked(k, coded)).unwrap();
        prop_assert_eq!(found.hits.len(), count.min(k as usize));
        prop_assert!(found.hits.is_sorted_by(|a, b| (a.distance, a.row) < (b.distance, b.row)));
        for (row, bits) in engines::bits(&found.hits) {
            prop_assert_eq!(every.get(&row), Some(&bits));
        }
        if k as usize >= count {
            prop_assert_eq!(engines::bits(&found.hits), engines::bits(&exact.hits));
        }

        for engine in engines::all() {
            let reader = engines::open(&file, &engine);
            for (effort, expected) in [(Effort::Exact, &exact), (coded, &found)] {
                let answer = reader.search(&asked(k, effort)).unwrap();
                prop_assert_eq!(engines::bits(&answer.hits), engines::bits(&expected.hits));
                prop_assert_eq!(engines::counts(&answer), engines::counts(expected));
            }
        }
    }
}
