//! Every engine and every source give the same answer, bit for bit, and it is the right one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod common;

use std::io;
use std::io::Write;
use std::ops::Range;

use common::Spec;
use rvf_host::{
    Answer, Build, Bytes, Effort, Engine, FetchRange, FileReads, Hit, Io, Limits, OpenOptions,
    Query, RangeReader, Reader, RowSet, native_backends,
};
use rvf_pack::{Metric, VectorKind};

const METRICS: [Metric; 3] = [Metric::L2, Metric::InnerProduct, Metric::Cosine];
const KINDS: [VectorKind; 3] = [VectorKind::I8, VectorKind::F16, VectorKind::F32];

fn engines() -> Vec<Engine> {
    let mut engines: Vec<Engine> = native_backends()
        .iter()
        .map(|name| Engine::Native {
            backend: Some((*name).to_owned()),
        })
        .collect();
    engines.push(Engine::Wasmi { build: Build::Simd });
    engines.push(Engine::Wasmi {
        build: Build::Scalar,
    });
    engines
}

fn options(engine: &Engine) -> OpenOptions {
    OpenOptions::new()
        .engine(engine.clone())
        .check_answers(true)
}

/// Queries of every sort.
fn answers(reader: &Reader, queries: &[Vec<f32>]) -> Vec<Vec<Hit>> {
    let rows = reader.rows();
    let some = RowSet::from_rows(rows, (0..rows).filter(|row| row % 3 == 1));
    let none = RowSet::new(rows);
    let mut session = reader.session().unwrap();
    let mut all = Vec::new();
    for vector in queries {
        let query = Query::vector(vector).k(10);
        let manual = |slack, pool| Effort::Manual {
            probes: 0,
            slack,
            pool,
        };
        for query in [
            query.effort(Effort::Exact),
            query.effort(manual(1.0, 40)),
            query.effort(manual(0.25, 10)),
            query.effort(manual(16.0, 200)).k(150),
            query.effort(Effort::Exact).filter(&some),
            query.effort(manual(2.0, 40)).filter(&some),
            query.effort(manual(2.0, 40)).filter(&none),
            query.k(rows + 7),
        ] {
            all.push(session.search(&query).unwrap().hits);
        }
    }
    all
}

fn bits(hits: &[Vec<Hit>]) -> Vec<Vec<(u32, u32)>> {
    hits.iter()
        .map(|hits| {
            hits.iter()
                .map(|hit| (hit.row, hit.distance.to_bits()))
                .collect()
        })
        .collect()
}

#[test]
fn all_engines_agree_on_every_metric_and_element_type() {
    for metric in METRICS {
        for kept in KINDS {
            let spec = Spec::new(1_003, 40).metric(metric).kept(kept);
            let file = spec.pack();
            let queries = spec.queries(3);
            let mut first: Option<Vec<Vec<(u32, u32)>>> = None;
            for engine in engines() {
                let reader = common::open(file.clone(), &options(&engine));
                let found = bits(&answers(&reader, &queries));
                match &first {
                    None => first = Some(found),
                    Some(first) => assert_eq!(*first, found, "{engine:?}, {metric}, {kept}"),
                }
            }
        }
    }
}

#[test]
fn all_engines_agree_on_odd_shapes() {
    for (rows, dimension) in [
        (1, 1),
        (1, 7),
        (31, 3),
        (32, 64),
        (33, 65),
        (100, 128),
        (65, 300),
        (40, 4_096),
    ] {
        let spec = Spec::new(rows, dimension).metric(Metric::L2);
        let file = spec.pack();
        let queries = spec.queries(2);
        let mut found = engines().into_iter().map(|engine| {
            bits(&answers(
                &common::open(file.clone(), &options(&engine)),
                &queries,
            ))
        });
        let first = found.next().unwrap();
        found.for_each(|other| assert_eq!(first, other, "{rows} × {dimension}"));
    }
}

struct Fetch(Vec<u8>);

impl FetchRange for Fetch {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn fetch(&self, ranges: &[Range<u64>]) -> io::Result<Vec<Vec<u8>>> {
        Ok(ranges
            .iter()
            .map(|range| self.0[range.start as usize..range.end as usize].to_vec())
            .collect())
    }
}

#[test]
fn all_sources_and_memory_budgets_give_the_same_answers() {
    let spec = Spec::new(1_500, 64).kept(VectorKind::F16);
    let bytes = spec.pack();
    let queries = spec.queries(1);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    let expected = bits(&answers(
        &common::open(bytes.clone(), &options(&Engine::Auto)),
        &queries,
    ));

    let wasmi = Engine::Wasmi { build: Build::Simd };
    for engine in [Engine::Auto, wasmi] {
        for (limits, cache) in [
            (Limits::server(), 64 << 20),
            (Limits::server().resident(30_000), 0),
            (Limits::embedded(), 10_000),
        ] {
            let options = options(&engine).limits(limits).cache_bytes(cache);
            let readers = [
                Reader::open(Bytes::from(bytes.clone()), &options),
                Reader::open_path(file.path(), &options.clone().io(Io::Map)),
                Reader::open_path(file.path(), &options.clone().io(Io::Read)),
                Reader::open(FileReads::new(file.reopen().unwrap()).unwrap(), &options),
                Reader::open(RangeReader::new(Fetch(bytes.clone())), &options),
            ];
            for reader in readers {
                let reader = reader.unwrap();
                assert_eq!(
                    bits(&answers(&reader, &queries)),
                    expected,
                    "{engine:?} {limits:?} {reader:?}"
                );
            }
        }
    }
}

#[test]
fn an_answer_says_what_gave_it_and_what_it_took() {
    let spec = Spec::new(2_000, 64);
    let file = spec.pack();
    let query = &spec.queries(1)[0];
    let ask = |engine: Engine| -> Answer {
        let reader = common::open(file.clone(), &options(&engine));
        reader
            .search(&Query::vector(query).effort(Effort::Slack(1.0)))
            .unwrap()
    };
    let native = ask(Engine::Auto);
    assert_eq!(native.engine.name, "native");
    assert!(native.engine.known && native.engine.kernel.is_some());
    assert_eq!(native.stats.scanned, 2_000);
    assert_eq!(native.stats.fuel, None);
    let simd = ask(Engine::Wasmi { build: Build::Simd });
    assert_eq!(simd.engine.to_string(), "wasmi (simd)");
    let scalar = ask(Engine::Wasmi {
        build: Build::Scalar,
    });
    assert_eq!(scalar.engine.to_string(), "wasmi (scalar)");
    assert!(scalar.stats.fuel > simd.stats.fuel, "SIMD spends less");
    assert!(simd.stats.fuel.unwrap() > 2_000);
    for other in [simd, scalar] {
        assert_eq!(
            (other.stats.scanned, other.stats.ranked),
            (native.stats.scanned, native.stats.ranked)
        );
        assert_eq!(other.hits, native.hits);
    }
}

#[test]
fn a_file_without_code_is_answered_by_the_host_and_it_says_so() {
    let spec = Spec::new(500, 16).no_code();
    let reader = spec.open(&OpenOptions::new());
    let answer = reader.search(&Query::vector(&spec.queries(1)[0])).unwrap();
    assert_eq!((answer.engine.name, answer.engine.kernel), ("native", None));
    assert_eq!(answer.hits.len(), 10);
    let wasmi = OpenOptions::new().engine(Engine::Wasmi { build: Build::Best });
    assert!(matches!(
        spec.open(&wasmi).engine(),
        Err(rvf_host::HostError::NoModule { .. })
    ));
}

#[test]
fn exact_search_finds_what_a_naive_loop_finds() {
    for metric in METRICS {
        let spec = Spec::new(700, 24).metric(metric).kept(VectorKind::F32);
        let reader = spec.open(&OpenOptions::new());
        let input = spec.input();
        for query in spec.queries(20) {
            let mut naive: Vec<(f64, u32)> = input
                .chunks(24)
                .zip(0..)
                .map(|(x, row)| (distance(metric, x, &query), row))
                .collect();
            naive.sort_by(|a, b| a.partial_cmp(b).unwrap());
            let answer = reader
                .search(&Query::vector(&query).k(10).effort(Effort::Exact))
                .unwrap();
            for (hit, (distance, _)) in answer.hits.iter().zip(&naive) {
                assert!(
                    (f64::from(hit.distance) - distance).abs() <= 1e-4 * distance.abs().max(1.0),
                    "{hit:?} {distance}"
                );
            }
        }
    }
}

fn distance(metric: Metric, x: &[f32], q: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    match metric {
        Metric::L2 => x
            .iter()
            .zip(q)
            .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
            .sum(),
        Metric::InnerProduct => -dot(x, q),
        Metric::Cosine => 1.0 - dot(x, q) / (dot(x, x) * dot(q, q)).sqrt(),
    }
}

#[test]
fn many_threads_share_a_reader_and_get_the_same_answers() {
    let spec = Spec::new(3_000, 48);
    let file = spec.pack();
    let queries = spec.queries(24);
    let ask = |reader: &Reader, vector: &[f32]| {
        reader
            .search(&Query::vector(vector).effort(Effort::Slack(1.0)))
            .unwrap()
            .hits
    };
    let expected: Vec<Vec<Hit>> = {
        let reader = common::open(file.clone(), &OpenOptions::new());
        queries.iter().map(|query| ask(&reader, query)).collect()
    };
    for engine in [Engine::Auto, Engine::Wasmi { build: Build::Simd }] {
        let in_memory = common::open(file.clone(), &options(&engine));
        let fetched = Reader::open(
            RangeReader::new(Fetch(file.clone())),
            &options(&engine).cache_bytes(100_000),
        )
        .unwrap();
        for reader in [in_memory, fetched] {
            std::thread::scope(|scope| {
                for first in 0..8 {
                    let (reader, queries, expected) = (&reader, &queries, &expected);
                    scope.spawn(move || {
                        for turn in 0..queries.len() {
                            let at = (first * 3 + turn) % queries.len();
                            assert_eq!(ask(reader, &queries[at]), expected[at]);
                        }
                    });
                }
            });
        }
    }
}
