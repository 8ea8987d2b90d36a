//! The speed of the wasm modules under wasmi: 20,000 rows of 384 dimensions, all of them in memory.
#![allow(
    missing_docs,
    reason = "criterion's macros make undocumented functions"
)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "the data are made here")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rvf_microkernel::Mode;

#[path = "../tests/module/mod.rs"]
mod module;
#[path = "../tests/naive/mod.rs"]
mod naive;
#[path = "../tests/support/mod.rs"]
mod support;

use module::{BUILDS, Host, prebuilt};
use naive::pack::pack;
use naive::search::Ask;
use support::{Rng, params};

const ROWS: usize = 20_000;

fn searches(c: &mut Criterion) {
    let mut rng = Rng::new(1);
    let input = rng.clustered(ROWS, 384);
    let file = pack(&input, 2, 0, 7);
    let q = rng.near(&input);
    let ask = Ask::new(10);
    for (name, mode) in [("wasmi, coded", Mode::Coded), ("wasmi, exact", Mode::Exact)] {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(ROWS as u64));
        group.sample_size(10);
        for build in BUILDS {
            let mut host = Host::new(&prebuilt(build));
            let params = params(&ask, mode);
            let (ctx, arena) = host.open_resident(&file).unwrap();
            let state = host.begin(ctx, &params, &q).unwrap();
            assert_eq!(host.call("rvf_step", &[state]), 0);
            println!(
                "{name} {build}: {:?} rows scanned, second looks, ranked, float",
                host.stats(state)
            );
            group.bench_function(build, |bencher| {
                bencher.iter(|| {
                    host.free_from(arena);
                    let state = host.begin(ctx, &params, &q).unwrap();
                    assert_eq!(host.call("rvf_step", &[state]), 0);
                });
            });
            group.bench_function(format!("{build}, preparation only"), |bencher| {
                bencher.iter(|| {
                    host.free_from(arena);
                    host.begin(ctx, &params, &q).unwrap()
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, searches);
criterion_main!(benches);
