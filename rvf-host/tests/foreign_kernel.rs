//! The file's code is what runs: a kernel that no host knows, put into a file with true hashes, gives its own answers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails has to say where"
)]

mod whole;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rvf_host::{
    Effort, Engine, EngineInfo, HostError, OpenOptions, Query, Reader, RowSet, VerifyOptions,
    verify_path,
};
use rvf_pack::source::MemorySource;
use rvf_pack::{Metric, Module, Packer, Role, VectorKind};
use sha3::digest::{ExtendableOutput, Update, XofReader};
use whole::data::{Data, METRICS, Shape};
use whole::engines;

fn kernels() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../harness/test/kernels")
}

/// A kernel that ranks by the L1 distance of the i8 vectors, naively.
fn l1() -> Vec<u8> {
    std::fs::read(kernels().join("l1.wasm")).unwrap()
}

fn l1_module(priority: u8) -> Module {
    Module::new(Role::Microkernel, priority, l1())
}

fn data() -> Data {
    Data::draw(Shape::Clustered, 300, 12, 37, 11)
}

fn pack(metric: Metric, kind: VectorKind, modules: Vec<Module>) -> Arc<[u8]> {
    let data = data();
    let mut source = MemorySource::new(data.dimension, data.rows, None).unwrap();
    let mut packer = Packer::new()
        .metric(metric)
        .vectors(kind)
        .modules(modules)
        .measure(false);
    packer.pack_to_vec(&mut source).unwrap().0.into()
}

fn hash(bytes: &[u8]) -> String {
    let mut shake = sha3::Shake256::default();
    shake.update(bytes);
    let mut out = [0_u8; 32];
    shake.finalize_xof().read(&mut out);
    out.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the kernel's text says: Σ |scale·xᵢ − qᵢ| in f32, one component after the other; the `k` least by (distance, row).
fn naive_l1(reader: &Reader, query: &[f32], k: usize) -> Vec<(u32, u32)> {
    let mut all: Vec<(f32, u32)> = (0..)
        .zip(reader.vectors())
        .map(|(row, vector)| {
            let pairs = vector.unwrap().into_iter().zip(query);
            (pairs.fold(0.0, |sum, (x, q)| sum + (x - q).abs()), row)
        })
        .collect();
    all.sort_by(|a, b| a.partial_cmp(b).unwrap());
    all.truncate(k);
    all.into_iter()
        .map(|(distance, row)| (row, distance.to_bits()))
        .collect()
}

#[test]
fn the_module_is_what_its_text_assembles_to() {
    let assembled = wat::parse_file(kernels().join("l1.wat")).unwrap();
    let assembled = without_names(&assembled);
    assert!(
        assembled == l1(),
        "l1.wasm is not what l1.wat assembles to; assemble it again, without names"
    );
}

/// A module without its custom sections, of which one holds the names of the text.
fn without_names(module: &[u8]) -> Vec<u8> {
    let (head, mut rest) = module.split_at(8);
    let mut kept = head.to_vec();
    while let Some(id) = rest.first() {
        // The length is a LEB128 number: seven bits a byte, the last has the highest bit clear.
        let bytes = 1 + rest[1..].iter().position(|byte| byte & 0x80 == 0).unwrap();
        let digits = rest[1..=bytes].iter().rev();
        let length = digits.fold(0, |n, byte| n << 7 | usize::from(byte & 0x7F));
        let (section, behind) = rest.split_at(1 + bytes + length);
        if *id != 0 {
            kept.extend_from_slice(section);
        }
        rest = behind;
    }
    kept
}

#[test]
fn an_unknown_kernel_runs_in_the_sandbox_and_gives_its_own_answers() {
    for metric in METRICS {
        let file = pack(metric, VectorKind::I8, vec![l1_module(0)]);
        for engine in [
            Engine::Auto,
            Engine::Wasmi {
                build: rvf_host::Build::Best,
            },
        ] {
            let reader = engines::open(&file, &engine);
            let mut differs = false;
            for query in data().queries() {
                for k in [1, 10, 299, 300, 500] {
                    for effort in [Effort::Exact, Effort::Default, Effort::Slack(0.5)] {
                        let answer = reader
                            .search(&Query::vector(query).k(k).effort(effort))
                            .unwrap();
                        assert_eq!(
                            engines::bits(&answer.hits),
                            naive_l1(&reader, query, k as usize)
                        );
                        assert_eq!((answer.engine.name, answer.engine.known), ("wasmi", false));
                    }
                }
                // It would be no test if the metric ranked the rows alike.
                let own = engines::open(
                    &pack(metric, VectorKind::I8, Vec::new()),
                    &engines::scalar(),
                );
                let ours = own
                    .search(&Query::vector(query).effort(Effort::Exact))
                    .unwrap();
                let rows: Vec<u32> = ours.hits.iter().map(|hit| hit.row).collect();
                let theirs: Vec<u32> = naive_l1(&reader, query, 10)
                    .into_iter()
                    .map(|hit| hit.0)
                    .collect();
                differs |= rows != theirs;
            }
            assert!(differs, "{metric:?}: L1 ranks as this file's metric does");
        }
    }
}

#[test]
fn native_refuses_an_unknown_kernel_by_its_hash() {
    let file = pack(Metric::Cosine, VectorKind::I8, vec![l1_module(0)]);
    let mut all = engines::native();
    all.push(Engine::Native { backend: None });
    let data = data();
    let query = Query::vector(&data.queries[..data.dimension]);
    for engine in all {
        let reader = engines::open(&file, &engine);
        let error = reader.search(&query).unwrap_err();
        let HostError::UnknownKernel { hash: found, role } = &error else {
            panic!("{engine:?}: {error:?}");
        };
        assert_eq!((found.to_string(), *role), (hash(&l1()), Role::Microkernel));
        assert!(error.to_string().contains(&hash(&l1())), "{error}");
    }
}

#[test]
fn the_file_says_that_its_kernel_is_unknown_and_is_otherwise_sound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("l1.rvf");
    std::fs::write(&path, pack(Metric::L2, VectorKind::I8, vec![l1_module(3)])).unwrap();
    let report = verify_path(&path, &VerifyOptions::new()).unwrap().report;
    assert!(
        report.is_sound() && report.findings.is_empty(),
        "{:?}",
        report.findings
    );

    let reader = Reader::open_path(&path, &OpenOptions::new()).unwrap();
    let [module] = reader.modules().unwrap() else {
        panic!("one module");
    };
    assert!(!module.is_known() && module.is_runnable() && !module.requires_simd());
    assert_eq!(module.header.hash.to_string(), hash(&l1()));
    assert_eq!(module.header.priority, 3);
    assert_eq!(module.read(&reader).unwrap(), l1());
    let EngineInfo {
        name,
        variant,
        kernel,
        known,
    } = *reader.engine().unwrap().info();
    assert_eq!((name, variant, known), ("wasmi", "scalar", false));
    assert_eq!(kernel, Some(module.header.hash));
}

#[test]
fn a_flipped_bit_in_the_kernel_is_found_before_it_runs() {
    let file = pack(Metric::L2, VectorKind::I8, vec![l1_module(0)]);
    let reader = engines::open(&file, &Engine::Auto);
    let module = reader.modules().unwrap()[0];
    let place = module.offset as usize + 64 + 64;
    let data = data();
    for byte in [0, 8, l1().len() / 2, l1().len() - 1] {
        let mut damaged = file.to_vec();
        damaged[place + byte] ^= 1;
        let reader = engines::open(&damaged.into(), &Engine::Auto);
        let error = reader
            .search(&Query::vector(&data.queries[..data.dimension]))
            .unwrap_err();
        assert!(
            matches!(error.rule(), Some("R-HASH-2" | "R-HASH-3")),
            "{error:?}"
        );
    }
}

#[test]
fn of_two_kernels_the_one_with_the_lower_priority_answers() {
    let ours = || {
        let kernels = Module::kernels();
        assert_eq!(kernels.len(), 2, "a SIMD and a scalar build");
        kernels.into_iter().map(|module| Module {
            priority: 5,
            ..module
        })
    };
    let data = data();
    let query = Query::vector(&data.queries[..data.dimension]);
    for (priority, theirs_answers) in [(4, true), (6, false)] {
        // Its place in the file does not matter.
        for first in [true, false] {
            let mut modules: Vec<Module> = ours().collect();
            modules.insert(if first { 0 } else { 2 }, l1_module(priority));
            let file = pack(Metric::Cosine, VectorKind::I8, modules);
            let reader = engines::open(&file, &Engine::Auto);
            let answer = reader.search(&query).unwrap();
            assert_eq!(answer.engine.known, !theirs_answers);
            assert_eq!(
                answer.engine.name,
                if theirs_answers { "wasmi" } else { "native" }
            );
            let own = naive_l1(&reader, &data.queries[..data.dimension], 10);
            assert_eq!(engines::bits(&answer.hits) == own, theirs_answers);
        }
    }
}

#[test]
fn what_the_kernel_can_not_do_is_refused_and_not_guessed() {
    let data = data();
    let vector = &data.queries[..data.dimension];
    // It says that it knows no filter.
    let file = pack(Metric::L2, VectorKind::I8, vec![l1_module(0)]);
    let reader = engines::open(&file, &Engine::Auto);
    let some = RowSet::from_rows(300, 0..20);
    let error = reader
        .search(
            &Query::vector(vector)
                .effort(Effort::Slack(1.0))
                .filter(&some),
        )
        .unwrap_err();
    assert!(matches!(error, HostError::Module { .. }), "{error:?}");
    // In exact search it is the host that brings the rows that pass.
    let exact = Query::vector(vector).effort(Effort::Exact).filter(&some);
    let answer = reader.search(&exact).unwrap();
    assert!(answer.hits.iter().all(|hit| hit.row < 20) && answer.hits.len() == 10);
    assert!(
        reader.search(&Query::vector(vector)).is_ok(),
        "the file is of use after that"
    );
    // Nor f16 and f32.
    for kind in [VectorKind::F16, VectorKind::F32] {
        let file = pack(Metric::L2, kind, vec![l1_module(0)]);
        let reader = engines::open(&file, &Engine::Auto);
        let error = reader.search(&Query::vector(vector)).unwrap_err();
        assert!(matches!(error, HostError::Module { .. }), "{error:?}");
    }
}

#[test]
fn checked_answers_show_that_the_kernel_ranks_by_something_else() {
    for metric in METRICS {
        let file = pack(metric, VectorKind::I8, vec![l1_module(0)]);
        let reader = engines::open_with(&file, &OpenOptions::new().check_answers(true));
        let data = data();
        for query in data.queries() {
            let error = reader.search(&Query::vector(query)).unwrap_err();
            let HostError::WrongDistance { row, found, .. } = error else {
                panic!("{error:?}");
            };
            let first = naive_l1(&reader, query, 1)[0];
            assert_eq!(
                (row, found.to_bits()),
                first,
                "the first hit is the first that is wrong"
            );
        }
    }
}
