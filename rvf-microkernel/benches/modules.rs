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
    for (name, mode) in [
        ("wasmi, coded", Mode::Coded),
        ("wasmi, exact", Mode::Blocks),
    ] {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(ROWS as u64));
        group.sample_size(10);
        for build in BUILDS {
            let mut host = Host::new(&prebuilt(build));
            let params = params(&ask, mode);
            let (ctx, _) = host.open_resident(&file).unwrap();
            let records = host.put(&file.vec_i8, 0);
            let arena = host.alloc(0, 0);
            // Exact search is the block function over all records.
            let search = |host: &mut Host| {
                let state = host.begin(ctx, &params, &q).unwrap();
                assert_eq!(host.call("rvf_step", &[state]), 0);
                if mode == Mode::Blocks {
                    let count = ROWS as u32;
                    assert_eq!(host.call("rvf_block", &[state, records, count]), 0);
                }
                state
            };
            let state = search(&mut host);
            println!(
                "{name} {build}: {:?} rows scanned, second looks, ranked, float",
                host.stats(state)
            );
            group.bench_function(build, |bencher| {
                bencher.iter(|| {
                    host.free_from(arena);
                    search(&mut host)
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
