//! Files with lists: rows are found where their vectors stand, all engines give the same answer, and a filter is by row.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::{Random, Spec};
use rvf_host::{
    Answer, Build, Bytes, Effort, Engine, Hit, HostError, Io, Limits, OpenOptions, Plan, Query,
    Reader, RowSet, native_backends,
};
use rvf_pack::{Metric, VectorKind};
use rvf_types::SegmentType;

const ROWS: usize = 3_000;
const DIMENSION: usize = 48;
const LISTS: u32 = 37;

const METRICS: [Metric; 3] = [Metric::L2, Metric::InnerProduct, Metric::Cosine];
const KINDS: [VectorKind; 3] = [VectorKind::I8, VectorKind::F16, VectorKind::F32];

fn spec(metric: Metric, kept: VectorKind) -> Spec {
    Spec::new(ROWS, DIMENSION)
        .metric(metric)
        .kept(kept)
        .lists(LISTS)
}

/// Every way to open a file, each with a name for messages.
fn open_all(file: &Arc<[u8]>) -> Vec<(String, Reader)> {
    let mut engines: Vec<Engine> = native_backends()
        .into_iter()
        .map(|name| Engine::Native {
            backend: Some(name.to_owned()),
        })
        .collect();
    engines.extend([Build::Simd, Build::Scalar].map(|build| Engine::Wasmi { build }));
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), file).unwrap();
    let mut all = Vec::new();
    for engine in engines {
        let options = OpenOptions::new()
            .engine(engine.clone())
            .check_answers(true);
        let memory = Reader::open(Bytes::from(Arc::clone(file)), &options).unwrap();
        all.push((format!("{engine:?}, in memory"), memory));
        // Nothing stays in the module's memory, nor in the host's.
        let fed = options
            .limits(Limits::embedded())
            .cache_bytes(0)
            .io(Io::Read);
        let fed = Reader::open_path(path.path(), &fed).unwrap();
        all.push((format!("{engine:?}, fed"), fed));
    }
    all
}

fn manual(probes: u32, slack: f32, pool: u32) -> Effort {
    Effort::Manual {
        probes,
        slack,
        pool,
    }
}

type Same = (Vec<(u32, u32)>, [u32; 4], Plan);

fn same(answer: &Answer) -> Same {
    let stats = &answer.stats;
    let bits = |hit: &Hit| (hit.row, hit.distance.to_bits());
    (
        answer.hits.iter().map(bits).collect(),
        [
            stats.scanned,
            stats.second_looks,
            stats.ranked,
            stats.float_distances,
        ],
        answer.plan,
    )
}

/// Filters that let every second row pass, or about so many.
fn filters() -> Vec<RowSet> {
    let rows = ROWS as u32;
    let mut random = Random(99);
    let mut filters = vec![RowSet::from_rows(rows, (0..rows).step_by(2))];
    for count in [300, 10, 1, 0] {
        let members = (0..count).map(|_| random.below(ROWS as u64) as u32);
        filters.push(RowSet::from_rows(rows, members));
    }
    filters
}

/// The nearest of some rows, by the vectors as stored, in f64; and what rounding may hide.
fn naive(metric: Metric, stored: &[Vec<f32>], rows: &RowSet, query: &[f32]) -> Vec<(f64, u32)> {
    let mut all: Vec<(f64, u32)> = rows
        .iter()
        .map(|row| {
            let pairs = || stored[row as usize].iter().zip(query);
            let dot: f64 = pairs().map(|(x, q)| f64::from(*x) * f64::from(*q)).sum();
            let norm = |v: &[f32]| -> f64 { v.iter().map(|x| f64::from(*x).powi(2)).sum() };
            let distance = match metric {
                Metric::L2 => pairs()
                    .map(|(x, q)| (f64::from(*x) - f64::from(*q)).powi(2))
                    .sum(),
                Metric::InnerProduct => -dot,
                Metric::Cosine => 1.0 - dot / (norm(&stored[row as usize]) * norm(query)).sqrt(),
            };
            (distance, row)
        })
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all
}

/// The hits are the k nearest of the live rows, but for what rounding hides.
#[track_caller]
fn check(hits: &[Hit], truth: &[(f64, u32)], k: usize, context: &str) {
    let wanted = k.min(truth.len());
    assert_eq!(hits.len(), wanted, "{context}");
    let Some(&(kth, _)) = truth.get(wanted.saturating_sub(1)) else {
        return;
    };
    for hit in hits {
        let found = truth.iter().find(|(_, row)| *row == hit.row);
        let Some(&(distance, _)) = found else {
            panic!("{context}: {hit:?} is not live");
        };
        let room = 1e-3 * distance.abs().max(1.0);
        assert!(
            (distance - f64::from(hit.distance)).abs() <= room,
            "{context}: {hit:?}, {distance}"
        );
        assert!(distance <= kth + 2.0 * room, "{context}: {hit:?}, {kth}");
    }
}

#[test]
fn every_row_is_where_the_input_had_it() {
    for kept in KINDS {
        let spec = spec(Metric::L2, kept);
        let file: Arc<[u8]> = spec.pack().into();
        let input = spec.input();
        let reader = Reader::open(Bytes::from(Arc::clone(&file)), &OpenOptions::new()).unwrap();
        assert_eq!(reader.head().lists, LISTS);
        let lists = reader.lists().unwrap();
        assert_eq!(lists.len(), LISTS as usize);
        assert_eq!(lists.iter().map(|list| list.own).sum::<u32>(), ROWS as u32);
        assert!(lists.iter().any(|list| list.second > 0));

        let all: Vec<Vec<f32>> = reader.vectors().map(Result::unwrap).collect();
        assert_eq!(all.len(), ROWS);
        for (row, (vector, input)) in all.iter().zip(input.chunks(DIMENSION)).enumerate() {
            let far = vector.iter().zip(input).map(|(a, b)| (a - b).abs());
            assert!(far.fold(0.0, f32::max) < 0.02, "row {row}");
            assert_eq!(reader.get(row as u32).unwrap().vector, *vector, "row {row}");
        }
        let plain = OpenOptions::new().io(Io::Read).cache_bytes(0);
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), &file).unwrap();
        let plain = Reader::open_path(path.path(), &plain).unwrap();
        assert!(plain.vectors().map(Result::unwrap).eq(all));
    }
}

#[test]
fn a_row_is_nearest_to_itself() {
    let reader = spec(Metric::L2, VectorKind::F32).open(&OpenOptions::new());
    for row in (0..ROWS as u32).step_by(97) {
        let query = Query::like_row(row).effort(manual(1, 3.0, 20));
        assert_eq!(reader.search(&query).unwrap().hits[0].row, row);
        let others = reader.search(&query.without_itself()).unwrap();
        assert!(others.hits.iter().all(|hit| hit.row != row));
        assert_eq!(others.hits.len(), 10);
    }
}

#[test]
fn every_engine_gives_the_same_answers_at_any_number_of_probes() {
    for (metric, kept) in METRICS.into_iter().zip(KINDS) {
        let spec = spec(metric, kept);
        let queries = spec.queries(4);
        let readers = open_all(&spec.pack().into());
        let filter = &filters()[0];
        for (number, vector) in queries.iter().enumerate() {
            for probes in [1, 3, 12, LISTS, 0, 65_536] {
                let query = Query::vector(vector).effort(manual(probes, 2.0, 30));
                for query in [query, query.k(1), query.filter(filter), query.k(70)] {
                    let mut first = None;
                    for (how, reader) in &readers {
                        let context = format!("{metric}, query {number}, {probes} probes, {how}");
                        let answer = reader.search(&query).unwrap();
                        assert!(!answer.hits.is_empty(), "{context}");
                        match &first {
                            None => first = Some(same(&answer)),
                            Some(first) => assert_eq!(same(&answer), *first, "{context}"),
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_file_with_lists_gives_what_one_without_gives_when_all_are_visited() {
    for (metric, kept) in METRICS.into_iter().zip(KINDS) {
        let spec = spec(metric, kept);
        let lists = spec.open(&OpenOptions::new());
        let flat = spec.clone().lists(1).open(&OpenOptions::new());
        assert_eq!(flat.head().lists, 1);
        for vector in spec.queries(10) {
            for effort in [Effort::Exact, manual(0, 16.0, 200)] {
                let query = Query::vector(&vector).effort(effort);
                let answer = lists.search(&query).unwrap();
                assert_eq!(answer.hits, flat.search(&query).unwrap().hits, "{effort:?}");
            }
        }
    }
}

#[test]
fn a_filter_leaves_the_nearest_of_the_rows_that_pass() {
    for (metric, kept) in METRICS.into_iter().zip(KINDS) {
        let spec = spec(metric, kept);
        let queries = spec.queries(2);
        let readers = open_all(&spec.pack().into());
        let stored: Vec<Vec<f32>> = readers[0].1.vectors().map(Result::unwrap).collect();
        for filter in &filters() {
            for vector in &queries {
                let truth = naive(metric, &stored, filter, vector);
                for effort in [manual(0, 16.0, 300), Effort::Exact, Effort::Default] {
                    for k in [1, 10] {
                        let query = Query::vector(vector).k(k).effort(effort).filter(filter);
                        for (how, reader) in &readers {
                            let context =
                                format!("{metric}, {filter:?}, {effort:?}, k = {k}, {how}");
                            let answer = reader.search(&query).unwrap();
                            check(&answer.hits, &truth, k as usize, &context);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_session_takes_one_filter_after_the_other_and_none() {
    for engine in [Engine::Auto, Engine::Wasmi { build: Build::Best }] {
        let spec = spec(Metric::L2, VectorKind::I8);
        let reader = spec.open(&OpenOptions::new().engine(engine));
        let mut session = reader.session().unwrap();
        let vector = spec.queries(1).remove(0);
        let all = Query::vector(&vector).effort(manual(8, 2.0, 10));
        let without = session.search(&all).unwrap();
        for filter in &filters() {
            for effort in [manual(0, 16.0, 10), Effort::Exact] {
                let query = all.effort(effort).filter(filter);
                let answer = session.search(&query).unwrap();
                assert!(answer.hits.iter().all(|hit| filter.contains(hit.row)));
                assert_eq!(answer.hits.len(), filter.len().min(10));
                assert_eq!(answer.hits, reader.search(&query).unwrap().hits);
            }
            assert_eq!(same(&session.search(&all).unwrap()), same(&without));
        }
    }
}

#[test]
fn few_rows_that_pass_are_compared_one_by_one_and_many_are_not() {
    let spec = Spec::new(8_000, 32).lists(60).measured();
    let reader = spec.open(&OpenOptions::new());
    let vector = spec.queries(1).remove(0);
    let of = |count: u32| RowSet::from_rows(8_000, (0..count).map(|n| n * 7_919 % 8_000));
    for effort in [Effort::Default, Effort::Recall(0.8)] {
        let plan = |filter: &RowSet| {
            let query = Query::vector(&vector).effort(effort).filter(filter);
            let answer = reader.search(&query).unwrap();
            assert_eq!(answer.hits.len(), filter.len().min(10));
            answer.plan
        };
        assert_eq!(plan(&of(10)), Plan::Exact);
        let Plan::Coded {
            probes: many,
            recall: None,
            ..
        } = plan(&of(7_500))
        else {
            panic!("most rows pass");
        };
        let query = Query::vector(&vector).effort(effort);
        let Plan::Coded { probes: all, .. } = reader.search(&query).unwrap().plan else {
            panic!("the file reaches {effort:?}");
        };
        let probes = |n: u32| if n == 0 { 60 } else { n };
        assert!(probes(many) >= probes(all), "{many} {all}");
    }
    // Who says how hard to search is taken at their word.
    let query = Query::vector(&vector).effort(Effort::Probes(2));
    let few = of(10);
    let answer = reader.search(&query.filter(&few)).unwrap();
    assert!(matches!(answer.plan, Plan::Coded { probes: 2, .. }));
}

#[test]
fn a_batch_gives_the_answers_of_single_queries_in_their_order() {
    let spec = spec(Metric::Cosine, VectorKind::I8);
    let vectors = spec.queries(101);
    let filter = &filters()[1];
    for engine in [Engine::Auto, Engine::Wasmi { build: Build::Best }] {
        let reader = spec.open(&OpenOptions::new().engine(engine));
        let queries: Vec<Query<'_>> = vectors
            .iter()
            .enumerate()
            .map(|(number, vector)| {
                let query = Query::vector(vector).effort(manual(5, 2.0, 10));
                match number % 3 {
                    0 => query,
                    1 => query.k(3),
                    _ => query.filter(filter),
                }
            })
            .collect();
        let answers = reader.search_batch(&queries).unwrap();
        assert_eq!(answers.len(), queries.len());
        for (answer, query) in answers.iter().zip(&queries) {
            assert_eq!(same(answer), same(&reader.search(query).unwrap()));
        }
        assert!(reader.search_batch(&[]).unwrap().is_empty());

        let mut bad = queries.clone();
        bad[40] = bad[40].k(0);
        bad[17] = Query::vector(&[1.0]);
        let error = reader.search_batch(&bad).unwrap_err();
        assert!(matches!(error, HostError::Dimension { found: 1, .. }));
    }
}

#[test]
fn fewer_probes_look_at_fewer_codes() {
    let spec = spec(Metric::L2, VectorKind::I8);
    let reader = spec.open(&OpenOptions::new());
    let vector = spec.queries(1).remove(0);
    let scanned = |probes| {
        let query = Query::vector(&vector).effort(Effort::Probes(probes));
        reader.search(&query).unwrap().stats.scanned
    };
    let (one, ten, all) = (scanned(1), scanned(10), scanned(0));
    assert!(one < ten && ten < all, "{one} {ten} {all}");
    assert!(all > ROWS as u32);
    let too_many = Query::vector(&vector).effort(Effort::Probes(65_537));
    let error = reader.search(&too_many).unwrap_err();
    assert!(
        matches!(error, HostError::Parameter { name: "probes", .. }),
        "{error}"
    );
}

/// A file whose ORDER has a byte changed, and is not sealed again.
#[test]
fn a_damaged_order_is_found_when_it_is_used() {
    let spec = spec(Metric::L2, VectorKind::I8);
    let mut file = spec.pack();
    let reader = Reader::open(Bytes::from(file.clone()), &OpenOptions::new()).unwrap();
    let entry = reader
        .manifest()
        .entries
        .iter()
        .find(|entry| entry.kind == SegmentType::ORDER)
        .copied()
        .unwrap();
    file[entry.payload_offset() as usize + 4 * 1_000] ^= 1;
    let reader = Reader::open(Bytes::from(file), &OpenOptions::new()).unwrap();
    let vector = spec.queries(1).remove(0);
    // A search by itself has no use for it.
    let query = Query::vector(&vector).effort(Effort::Probes(3));
    reader.search(&query).unwrap();
    let filter = RowSet::from_rows(ROWS as u32, [999, 1_000, 1_001]);
    let used: [&dyn Fn() -> Result<(), HostError>; 3] = [
        &|| reader.get(1_000).map(drop),
        &|| reader.search(&query.filter(&filter)).map(drop),
        &|| reader.vectors().try_for_each(|vector| vector.map(drop)),
    ];
    for used in used {
        let error = used().unwrap_err();
        // The ORDER of so small a file has no stored table: it is checked as a whole.
        let rule = error.rule().unwrap();
        assert!(["R-HASH-2", "R-HASH-3"].contains(&rule), "{error}");
    }
}

#[test]
fn rows_that_pass_may_be_any() {
    let spec = spec(Metric::L2, VectorKind::I8);
    let reader = spec.open(&OpenOptions::new());
    let vector = spec.queries(1).remove(0);
    let mut random = Random(5);
    for _ in 0..50 {
        let count = 1 + random.below(40);
        let members: BTreeSet<u32> = (0..count)
            .map(|_| random.below(ROWS as u64) as u32)
            .collect();
        let filter = RowSet::from_rows(ROWS as u32, members.iter().copied());
        let query = Query::vector(&vector).k(60).filter(&filter);
        for effort in [Effort::Exact, manual(0, 16.0, 60)] {
            let answer = reader.search(&query.effort(effort)).unwrap();
            let found: BTreeSet<u32> = answer.hits.iter().map(|hit| hit.row).collect();
            assert_eq!(found, members);
        }
    }
}
