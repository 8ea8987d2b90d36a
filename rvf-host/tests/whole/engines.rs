//! Every engine of this machine, and answers in a form in which all bits count.

use std::sync::Arc;

use rvf_host::{Answer, Build, Bytes, Engine, Hit, OpenOptions, Reader, native_backends};

/// The native twin, by the name of each instruction set that this processor has.
pub(crate) fn native() -> Vec<Engine> {
    let by_name = |name: &str| Engine::Native {
        backend: Some(name.to_owned()),
    };
    native_backends().into_iter().map(by_name).collect()
}

/// The file's own code in the sandbox, in both builds.
pub(crate) fn sandboxed() -> [Engine; 2] {
    [Build::Simd, Build::Scalar].map(|build| Engine::Wasmi { build })
}

pub(crate) fn all() -> Vec<Engine> {
    let mut engines = native();
    engines.extend(sandboxed());
    engines
}

/// The plainest: no instruction set beyond what every processor has.
pub(crate) fn scalar() -> Engine {
    Engine::Native {
        backend: Some("scalar".to_owned()),
    }
}

pub(crate) fn open(file: &Arc<[u8]>, engine: &Engine) -> Reader {
    open_with(file, &OpenOptions::new().engine(engine.clone()))
}

pub(crate) fn open_with(file: &Arc<[u8]>, options: &OpenOptions) -> Reader {
    Reader::open(Bytes::from(Arc::clone(file)), options).expect("the file opens")
}

/// Rows and the bits of their distances.
pub(crate) fn bits(hits: &[Hit]) -> Vec<(u32, u32)> {
    let bits = |hit: &Hit| (hit.row, hit.distance.to_bits());
    hits.iter().map(bits).collect()
}

/// What K-STAT-1 counts.
pub(crate) fn counts(answer: &Answer) -> [u32; 4] {
    let stats = &answer.stats;
    [
        stats.scanned,
        stats.second_looks,
        stats.ranked,
        stats.float_distances,
    ]
}
