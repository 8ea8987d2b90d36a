//! The kernel's speed by instruction set: 50,000 rows of 384 dimensions with random codes and records.
#![allow(
    missing_docs,
    reason = "criterion's macros make undocumented functions"
)]
#![allow(clippy::expect_used, reason = "the data are made here")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rvf_microkernel::{
    Backend, HEAD_LEN, Hit, Index, Mode, Params, Query, Regions, rotate, search, state_len,
};

const ROWS: u32 = 50_000;
const DIMENSION: u32 = 384;

/// The payloads of a file under squared L2 with f32 vectors. The codes are random, so all estimates are alike, and
/// few rows pass the first look: what is measured is the scan.
struct File {
    index: Vec<u8>,
    quant: Vec<u8>,
    vec_i8: Vec<u8>,
    vec_float: Vec<u8>,
}

/// A step of xorshift64.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn random_bytes(len: usize, state: &mut u64) -> Vec<u8> {
    (0..len.div_ceil(8))
        .flat_map(|_| random(state).to_le_bytes())
        .take(len)
        .collect()
}

fn unit(state: &mut u64) -> f32 {
    (random(state) >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
}

fn file(vectors: u8) -> File {
    let mut state = 1;
    let mut index = Vec::new();
    index.extend(b"RVFI");
    index.extend([2, 0, 0, 0]);
    index.extend(ROWS.to_le_bytes());
    index.extend(DIMENSION.to_le_bytes());
    index.extend([0, vectors, 0, 0]);
    for word in [1, DIMENSION / 64, 12 + DIMENSION] {
        index.extend(word.to_le_bytes());
    }
    index.extend(7_u64.to_le_bytes());
    index.resize(128 + 4 * DIMENSION as usize, 0);
    index.extend(0_u64.to_le_bytes());
    index.extend(ROWS.to_le_bytes());
    index.resize(index.len() + 20, 0);

    let mut quant = Vec::new();
    let mut left = ROWS;
    while left > 0 {
        let rows = left.min(32);
        // Whole tiles of four: 50,000 is a multiple of that.
        quant.extend(random_bytes(rows as usize * 48, &mut state));
        for _ in 0..rows {
            // β near 128 and α near 23, as random vectors of 384 dimensions have them.
            let word =
                (128.0 + unit(&mut state)).to_bits() >> 14 << 14 | (23.0_f32.to_bits() >> 17);
            quant.extend(word.to_le_bytes());
        }
        left -= rows;
    }
    let mut vec_i8 = Vec::new();
    let mut vec_float = Vec::new();
    for row in 0..ROWS {
        vec_i8.extend(row.to_le_bytes());
        vec_i8.extend(0.01_f32.to_le_bytes());
        vec_i8.extend(2_000_000_u32.to_le_bytes());
        vec_i8.extend(random_bytes(DIMENSION as usize, &mut state));
        vec_float.extend(row.to_le_bytes());
        if vectors == 1 {
            (0..DIMENSION)
                .for_each(|_| vec_float.extend((random(&mut state) as u16 & 0xBBFF).to_le_bytes()));
        } else if vectors == 2 {
            (0..DIMENSION).for_each(|_| vec_float.extend(unit(&mut state).to_le_bytes()));
        }
    }
    File {
        index,
        quant,
        vec_i8,
        vec_float,
    }
}

fn searches(c: &mut Criterion) {
    let files = [file(0), file(1), file(2)];
    let mut state = 2;
    let vector: Vec<f32> = (0..DIMENSION).map(|_| unit(&mut state)).collect();
    for (name, file) in [
        ("scan", &files[0]),
        ("exact i8", &files[0]),
        ("exact f16", &files[1]),
        ("exact f32", &files[2]),
    ] {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(u64::from(ROWS)));
        let index = Index::parse(&file.index).expect("the head is sound");
        let mean = &file.index[HEAD_LEN..];
        let is_scan = name == "scan";
        let params = Params {
            mode: if is_scan { Mode::Coded } else { Mode::Blocks },
            slack: 0.5,
            ..Params::new(10)
        };
        let mut memory = vec![0; state_len(&index, &params).expect("the parameters are in range")];
        for backend in Backend::available() {
            group.bench_function(backend.name(), |bencher| {
                bencher.iter(|| {
                    let vector = black_box(&vector);
                    let mut hits = [Hit::default(); 10];
                    if is_scan {
                        let mut regions = Regions {
                            index: &file.index,
                            quant: &file.quant,
                            vec_i8: &file.vec_i8,
                            ..Regions::default()
                        };
                        search(
                            &index,
                            mean,
                            &mut regions,
                            &params,
                            vector,
                            backend,
                            &mut memory,
                            &mut hits,
                        )
                        .expect("the data are sound");
                    } else {
                        let mut query =
                            Query::begin(&index, mean, &params, vector, backend, &mut memory)
                                .expect("the vector is sound");
                        let records = if index.float_len() == 0 {
                            &file.vec_i8
                        } else {
                            &file.vec_float
                        };
                        query.offer_block(records).expect("the records are sound");
                        query.results(&mut hits).expect("the query is done");
                    }
                    hits
                });
            });
        }
        group.finish();
    }
}

fn rotation(c: &mut Criterion) {
    for dimension in [384, 1024] {
        let mut group = c.benchmark_group(format!("rotate {dimension}"));
        let mut values = vec![1.0_f32; dimension];
        for backend in Backend::available() {
            group.bench_function(backend.name(), |bencher| {
                bencher.iter(|| rotate(black_box(&mut values), 7, backend));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, searches, rotation);
criterion_main!(benches);
