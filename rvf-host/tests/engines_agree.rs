//! On real embeddings, packed in every way: all engines, all threads and all sources give the same answer, bit for bit,
//! and the recall is the one that the file promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails has to say where"
)]

mod whole;

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use rvf_host::{
    Answer, Bytes, Effort, Engine, FetchRange, Io, Limits, OpenOptions, Plan, Query, RangeReader,
    Reader, VerifyOptions, verify,
};
use rvf_pack::source::{self, Matrix, SourceOptions};
use rvf_pack::{Metric, Packer, VectorKind};
use whole::data::{KINDS, METRICS};
use whole::engines;
use whole::naive::{Recall, Truth, queries_of};

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../samples/wordnet-8k")
        .join(name)
}

fn queries() -> &'static Matrix<f32> {
    static QUERIES: LazyLock<Matrix<f32>> =
        LazyLock::new(|| source::read_matrix_f32(&sample("queries.i8.npy")).unwrap());
    assert_eq!((QUERIES.rows, QUERIES.dimension), (200, 384));
    &QUERIES
}

fn query(number: usize) -> &'static [f32] {
    queries().row(number).unwrap()
}

/// The sample, packed from its file as a person does it.
fn pack(metric: Metric, kind: VectorKind, threads: usize) -> Arc<[u8]> {
    let ids = source::read_ids(&sample("ids.txt")).unwrap();
    let mut input = source::open(&sample("base.i8.npy"), &SourceOptions::default()).unwrap();
    let mut packer = Packer::new()
        .metric(metric)
        .vectors(kind)
        .ids(ids)
        .threads(threads);
    packer.pack_to_vec(input.as_mut()).unwrap().0.into()
}

struct Packed {
    name: String,
    metric: Metric,
    kind: VectorKind,
    file: Arc<[u8]>,
}

/// Each metric with each kind of vectors.
fn packs() -> &'static [Packed] {
    static PACKS: LazyLock<Vec<Packed>> = LazyLock::new(|| {
        let every = METRICS
            .into_iter()
            .flat_map(|metric| KINDS.map(|kind| (metric, kind)));
        every
            .map(|(metric, kind)| Packed {
                name: format!("{} {}", metric.name(), kind.name()),
                metric,
                kind,
                file: pack(metric, kind, 1),
            })
            .collect()
    });
    &PACKS
}

/// Everything of an answer that all engines share.
type Same = (Vec<(u32, u32)>, [u32; 4], Plan);

fn same(answer: &Answer) -> Same {
    (
        engines::bits(&answer.hits),
        engines::counts(answer),
        answer.plan,
    )
}

fn promises(reader: &Reader, k: u32) -> Vec<rvf_types::Effort> {
    let efforts = &reader.manifest().efforts;
    efforts
        .iter()
        .filter(|effort| effort.k == k)
        .copied()
        .collect()
}

/// What is asked: every query at the least and at the most that was measured, some at other k, some exactly.
fn asked(reader: &Reader) -> Vec<Query<'static>> {
    let recalls = |k| {
        let efforts = promises(reader, k);
        [0, efforts.len() / 2, efforts.len() - 1].map(|at| Effort::Recall(efforts[at].recall()))
    };
    let (one, ten, hundred) = (recalls(1), recalls(10), recalls(100));
    let mut asked = Vec::new();
    for number in 0..queries().rows {
        let query = Query::vector(query(number));
        asked.extend([query.effort(ten[0]), query.effort(ten[2])]);
        if number % 4 == 0 {
            asked.extend([query, query.k(1).effort(one[2])]);
            asked.extend([hundred[0], hundred[2]].map(|effort| query.k(100).effort(effort)));
        }
        if number % 20 == 0 {
            asked.push(query.k(50).effort(Effort::Exact));
        }
    }
    asked
}

fn answers(reader: &Reader, asked: &[Query<'_>]) -> Vec<Same> {
    let mut session = reader.session().unwrap();
    asked
        .iter()
        .map(|query| same(&session.search(query).unwrap()))
        .collect()
}

#[track_caller]
fn assert_same(found: &[Same], expected: &[Same], context: &str) {
    assert_eq!(found.len(), expected.len(), "{context}");
    for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found, expected, "{context}, question {number}");
    }
}

#[test]
fn the_number_of_threads_does_not_change_a_byte_of_the_file() {
    for packed in packs() {
        // Codes and vectors as i8 are in each of the files.
        let all: &[usize] = match packed.kind {
            VectorKind::I8 => &[2, 3],
            VectorKind::F16 => &[2],
            VectorKind::F32 => &[3],
        };
        for &threads in all {
            let other = pack(packed.metric, packed.kind, threads);
            assert!(other == packed.file, "{}: {threads} threads", packed.name);
        }
    }
}

#[test]
fn every_pack_is_sound_and_carries_two_kernels_that_are_known() {
    for packed in packs() {
        let source = Bytes::from(Arc::clone(&packed.file));
        let report = verify(&source, &VerifyOptions::new()).unwrap().report;
        assert!(
            report.findings.is_empty(),
            "{}: {:?}",
            packed.name,
            report.findings
        );
        let reader = engines::open(&packed.file, &Engine::Auto);
        let modules = reader.modules().unwrap();
        let simd: Vec<bool> = modules
            .iter()
            .map(|module| module.requires_simd())
            .collect();
        assert_eq!(simd, [true, false], "{}", packed.name);
        assert!(
            modules.iter().all(|module| module.is_known()),
            "{}",
            packed.name
        );
        assert_eq!(reader.engine().unwrap().info().name, "native");
    }
}

#[test]
fn every_engine_gives_the_same_hits_distances_and_stats() {
    for packed in packs() {
        let reader = engines::open(&packed.file, &engines::scalar());
        let asked = asked(&reader);
        let expected = answers(&reader, &asked);
        for engine in engines::all() {
            let reader = engines::open(&packed.file, &engine);
            let context = format!("{}, {engine:?}", packed.name);
            assert_same(&answers(&reader, &asked), &expected, &context);
        }
    }
}

#[test]
fn threads_that_share_a_reader_get_the_answers_of_one_alone() {
    const THREADS: usize = 4;
    // Each metric once, and each kind of vectors.
    for packed in packs().iter().step_by(4) {
        let reader = engines::open(&packed.file, &engines::scalar());
        let asked = asked(&reader);
        let expected = answers(&reader, &asked);
        let all = [
            Engine::Native { backend: None },
            engines::sandboxed()[0].clone(),
        ];
        for engine in all {
            // No cache to speak of, and nothing read before: the threads meet at every first touch.
            let options = OpenOptions::new()
                .engine(engine.clone())
                .cache_bytes(64 << 10);
            let reader = Reader::open(NotInMemory(Arc::clone(&packed.file)), &options).unwrap();
            let few: Vec<usize> = (0..asked.len()).step_by(3).collect();
            std::thread::scope(|scope| {
                for thread in 0..THREADS {
                    let (reader, asked, expected, few) = (&reader, &asked, &expected, &few);
                    scope.spawn(move || {
                        // Each thread begins elsewhere, half of them through one session each, half without.
                        let begin = thread * few.len() / THREADS;
                        let mut session = reader.session().unwrap();
                        for &number in few[begin..].iter().chain(&few[..begin]) {
                            let answer = if thread % 2 == 0 {
                                session.search(&asked[number]).unwrap()
                            } else {
                                reader.search(&asked[number]).unwrap()
                            };
                            assert_eq!(same(&answer), expected[number], "question {number}");
                        }
                    });
                }
            });
        }
    }
}

/// Bytes that are read as those of a file are: copied, never used in place.
#[derive(Debug)]
struct NotInMemory(Arc<[u8]>);

impl rvf_host::ByteSource for NotInMemory {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let from = offset as usize;
        buffer.copy_from_slice(&self.0[from..from + buffer.len()]);
        Ok(())
    }
}

/// An object elsewhere, fetched range by range.
struct Elsewhere(Arc<[u8]>);

impl FetchRange for Elsewhere {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn fetch(&self, ranges: &[Range<u64>]) -> io::Result<Vec<Vec<u8>>> {
        let part = |range: &Range<u64>| self.0[range.start as usize..range.end as usize].to_vec();
        Ok(ranges.iter().map(part).collect())
    }
}

#[test]
fn every_source_gives_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    for packed in packs() {
        let path = folder.path().join(&packed.name);
        std::fs::write(&path, &packed.file).unwrap();
        let reader = engines::open(&packed.file, &engines::scalar());
        let asked: Vec<Query<'_>> = asked(&reader).into_iter().step_by(19).collect();
        let expected = answers(&reader, &asked);
        for engine in [Engine::Auto, engines::sandboxed()[0].clone()] {
            let resident = OpenOptions::new().engine(engine.clone());
            let fed = resident.clone().limits(Limits::embedded()).cache_bytes(0);
            for (options, how) in [(resident, "resident"), (fed, "fed")] {
                let open_path = |io| Reader::open_path(&path, &options.clone().io(io)).unwrap();
                let elsewhere = RangeReader::new(Elsewhere(Arc::clone(&packed.file)));
                let readers = [
                    ("mapped", open_path(Io::Map)),
                    ("read", open_path(Io::Read)),
                    ("in memory", engines::open_with(&packed.file, &options)),
                    ("ranges", Reader::open(elsewhere, &options).unwrap()),
                ];
                for (source, reader) in readers {
                    let context = format!("{}, {engine:?}, {how}, {source}", packed.name);
                    assert_same(&answers(&reader, &asked), &expected, &context);
                }
            }
        }
    }
}

#[test]
fn exact_search_finds_the_sample_s_own_truth() {
    const K: usize = 100;
    let truth = source::read_matrix_i32(&sample("truth.i32.npy")).unwrap();
    assert_eq!((truth.rows, truth.dimension), (200, K));
    let base = source::read_matrix_f32(&sample("base.i8.npy")).unwrap();
    for packed in packs()
        .iter()
        .filter(|packed| packed.metric == Metric::Cosine)
    {
        let reader = engines::open(&packed.file, &Engine::Auto);
        for number in 0..queries().rows {
            let exact = Query::vector(query(number))
                .k(K as u32)
                .effort(Effort::Exact);
            let hits = reader.search(&exact).unwrap().hits;
            // By distance, since equal cosines may come in another order once they are rounded.
            let distances = Truth::new(Metric::Cosine, &base.values, query(number));
            let listed = truth.row(number).unwrap();
            for (hit, row) in hits.iter().zip(listed) {
                let (found, expected) =
                    (distances.distance(hit.row), distances.distance(*row as u32));
                assert!(
                    (found - expected).abs() < 1e-6,
                    "{}, query {number}: {hit:?}",
                    packed.name
                );
            }
            assert_eq!(hits.len(), listed.len());
        }
    }
}

/// The promise of a file is a mean over its held-out rows; here are other queries, of the same kind of text. What the
/// design allows is min(0.01, 1 − R); to it comes three times the standard error of the difference of the two means.
/// All of it was fixed before the first run.
#[test]
fn recall_on_fresh_queries_is_what_the_file_promises() {
    const SIGMAS: f64 = 3.0;
    let base = source::read_matrix_f32(&sample("base.i8.npy")).unwrap();
    let all = METRICS.map(|metric| {
        let truth = |number| Truth::new(metric, &base.values, query(number));
        (
            metric,
            (0..queries().rows).map(truth).collect::<Vec<Truth>>(),
        )
    });
    let mut checked = 0;
    for packed in packs() {
        let (_, truths) = all
            .iter()
            .find(|(metric, _)| *metric == packed.metric)
            .unwrap();
        let reader = engines::open(&packed.file, &Engine::Auto);
        let mut session = reader.session().unwrap();
        for k in [1, 10, 100] {
            for wish in [0.8, 0.9, 0.95, 0.99] {
                let ceiling = promises(&reader, k).last().unwrap().recall();
                let effort = Effort::Recall(f64::min(wish, ceiling));
                let mut promised = None;
                let recalls: Vec<f64> = (0..queries().rows)
                    .map(|number| {
                        let query = Query::vector(query(number)).k(k).effort(effort);
                        let answer = session.search(&query).unwrap();
                        promised = Some(answer.plan);
                        truths[number].recall(k as usize, &answer.hits)
                    })
                    .collect();
                let Some(Plan::Coded {
                    recall: Some(promised),
                    slack,
                    ..
                }) = promised
                else {
                    panic!("{promised:?}");
                };
                assert!(promised >= f64::min(wish, ceiling));
                let measured = promises(&reader, k)
                    .into_iter()
                    .find(|effort| effort.slack == slack)
                    .map(|effort| queries_of(&effort, reader.head().rows as usize));
                let recall = Recall::new(&recalls, measured.unwrap(), SIGMAS);
                let least = promised - f64::min(0.01, 1.0 - promised) - recall.chance;
                let context = format!(
                    "{}, k {k}: promised {promised:.4}, {recall:.4?}",
                    packed.name
                );
                println!("{context}");
                assert!(
                    recall.chance < 0.12,
                    "{context}: chance explains everything"
                );
                assert!(recall.mean >= least, "{context}");
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 9 * 3 * 4);
}
