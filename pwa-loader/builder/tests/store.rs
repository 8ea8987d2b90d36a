//! The store and the packing, natively: against the packer, and against a loop over all vectors.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails has to say where"
)]

use rvf_microkernel::Hit;
use rvf_pack::source::{Id, MemorySource};
use rvf_pack::{Metric, Packer, VectorKind};
use rvf_web_builder::{Error, Give, Ids, Packing, Request, Store, Wish};

const DIMENSION: usize = 20;

fn vectors(count: usize) -> Vec<f32> {
    let mut state = 9_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    let centres: Vec<f32> = (0..16 * DIMENSION).map(|_| next() * 4.0 - 2.0).collect();
    (0..count * DIMENSION)
        .map(|i| centres[(i / DIMENSION * 7 % 16) * DIMENSION + i % DIMENSION] + next())
        .collect()
}

fn give(vectors: &[f32]) -> Give<'_> {
    Box::new(|first, values| {
        let from = first as usize * DIMENSION;
        values.copy_from_slice(&vectors[from..from + values.len()]);
        true
    })
}

fn packed(vectors: &[f32], kind: VectorKind, ids: Ids, wish: Wish) -> Vec<u8> {
    let rows = vectors.len() / DIMENSION;
    let mut packing =
        Packing::new(DIMENSION, Metric::L2, kind, rows as u32, give(vectors)).unwrap();
    packing.set_ids(ids);
    packing.finish(wish, |_| true).unwrap()
}

#[test]
fn a_packing_gives_the_bytes_of_the_packer() {
    let vectors = vectors(9_000);
    let names: Vec<String> = (0..9_000).map(|row| format!("row {row}")).collect();
    let mut ends = Vec::new();
    for name in &names {
        ends.push(ends.last().unwrap_or(&0) + name.len() as u32);
    }
    let ids = |kind| match kind {
        0 => (Ids::None, None),
        1 => (
            Ids::Numbers((0..9_000).map(|row| row * 3).collect()),
            Some((0..9_000).map(|row| Id::U64(row * 3)).collect::<Vec<_>>()),
        ),
        _ => (
            Ids::Texts(names.concat(), ends.clone()),
            Some(names.iter().cloned().map(Id::Text).collect()),
        ),
    };
    for (kind, vectors_kept) in [
        (0, VectorKind::I8),
        (1, VectorKind::F16),
        (2, VectorKind::F32),
    ] {
        for recall in [None, Some(0.9)] {
            let (ids, list) = ids(kind);
            let mut source =
                MemorySource::new(DIMENSION, vectors.clone(), list.map(Into::into)).unwrap();
            let mut packer = Packer::new().metric(Metric::L2).vectors(vectors_kept);
            if let Some(recall) = recall {
                packer = packer.recall(recall);
            }
            let (expected, _) = packer.pack_to_vec(&mut source).unwrap();
            let wish = Wish {
                recall,
                quick: false,
            };
            assert!(packed(&vectors, vectors_kept, ids, wish) == expected);
        }
    }
}

#[test]
fn a_packing_whose_rows_end_early_or_that_can_not_fit_says_so() {
    let none = Box::new(|_: u32, _: &mut [f32]| false);
    let packing = Packing::new(DIMENSION, Metric::L2, VectorKind::I8, 100, none).unwrap();
    let result = packing.finish(Wish::default(), |_| true);
    assert!(matches!(result, Err(Error::Request(_))), "{result:?}");
    let none = Box::new(|_: u32, _: &mut [f32]| false);
    let packing = Packing::new(65_536, Metric::L2, VectorKind::F32, u32::MAX, none).unwrap();
    let result = packing.finish(Wish::default(), |_| true);
    assert!(matches!(result, Err(Error::Memory)), "{result:?}");
}

#[test]
fn a_packing_that_is_stopped_says_so() {
    let vectors = vectors(3_000);
    let packing =
        Packing::new(DIMENSION, Metric::L2, VectorKind::I8, 3_000, give(&vectors)).unwrap();
    let mut calls = 0;
    let result = packing.finish(Wish::default(), |_| {
        calls += 1;
        calls < 3
    });
    assert!(matches!(result, Err(Error::Cancelled)));
}

fn ask<'a>(vector: &'a [f32], k: u32, filter: Option<&'a [u8]>) -> Request<'a> {
    Request {
        vector,
        k,
        more: 0,
        recall: None,
        probes: None,
        slack: None,
        pool: None,
        exact: false,
        filter,
    }
}

/// The rows that a loop finds.
fn naive(vectors: &[f32], query: &[f32], k: usize, counts: impl Fn(u32) -> bool) -> Vec<u32> {
    let mut all: Vec<(f64, u32)> = (0..)
        .zip(vectors.chunks_exact(DIMENSION))
        .filter(|(row, _)| counts(*row))
        .map(|(row, vector)| {
            let pairs = vector.iter().zip(query);
            let sum = pairs.map(|(x, y)| f64::from(x - y).powi(2)).sum();
            (sum, row)
        })
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.iter().take(k).map(|(_, row)| *row).collect()
}

fn rows(hits: &[Hit]) -> Vec<u32> {
    hits.iter().map(|hit| hit.row).collect()
}

#[test]
fn base_and_tail_are_searched_as_one() {
    let vectors = vectors(20_000);
    let (base, tail) = vectors.split_at(12_000 * DIMENSION);
    let wish = Wish {
        recall: None,
        quick: true,
    };
    let file = packed(base, VectorKind::F32, Ids::None, wish);
    let mut store = Store::new(DIMENSION, Metric::L2, VectorKind::F32).unwrap();
    store.adopt(file.clone(), true).unwrap();
    assert_eq!(store.base(), file);
    assert_eq!(store.insert(&mut tail.to_vec()).unwrap(), 12_000);
    let is_live = |row: u32| !row.is_multiple_of(5);
    for row in (0..20_000).filter(|row| !is_live(*row)) {
        assert!(store.delete(row));
        assert!(!store.delete(row));
    }
    assert_eq!((store.rows(), store.live()), (20_000, 16_000));
    let mut filter = vec![0_u8; 2_500];
    for row in (0..20_000).filter(|row| row % 7 == 3) {
        filter[row / 8] |= 1 << (row % 8);
    }
    for query in vectors.chunks(DIMENSION).step_by(701) {
        let found = store.search(&ask(query, 15, None)).unwrap();
        assert_eq!(rows(found.hits), naive(&vectors, query, 15, is_live));
        let found = store.search(&ask(query, 15, Some(&filter))).unwrap();
        let counts = |row| is_live(row) && row % 7 == 3;
        assert_eq!(rows(found.hits), naive(&vectors, query, 15, counts));
        // Few rows, in base and tail.
        let mut few = vec![0; 2_500];
        few[10] = 0b110;
        few[2_000] = 0b1010;
        let found = store.search(&ask(query, 15, Some(&few))).unwrap();
        let counts = |row| is_live(row) && matches!(row, 81 | 82 | 16_001 | 16_003);
        assert_eq!(rows(found.hits), naive(&vectors, query, 15, counts));
    }
    let mut vector = [0.0; DIMENSION];
    for row in [1, 11_999, 12_001, 19_999] {
        assert!(store.vector(row, &mut vector));
        assert_eq!(vector, vectors[row as usize * DIMENSION..][..DIMENSION]);
    }
    assert!(!store.vector(20_000, &mut vector));

    // All live rows come out in order, and what is left after the tail's room is found again is the same.
    let mut out = vec![0.0; 20_000 * DIMENSION];
    let (count, next) = store.export(0, &mut out);
    assert_eq!((count, next), (16_000, 20_000));
    store.compact();
    assert_eq!((store.rows(), store.live()), (12_000 + 6_400, 16_000));
    let mut again = vec![0.0; 20_000 * DIMENSION];
    assert_eq!(store.export(0, &mut again).0, 16_000);
    assert!(out == again);
}

#[test]
fn a_hit_more_than_is_wanted_costs_no_other_effort() {
    let vectors = vectors(12_000);
    let file = packed(&vectors, VectorKind::I8, Ids::None, Wish::default());
    let mut store = Store::new(DIMENSION, Metric::L2, VectorKind::I8).unwrap();
    store.adopt(file, true).unwrap();
    let (mut scanned, mut looked_at) = ([0, 0, 0], 0);
    for query in vectors.chunks(DIMENSION).step_by(301) {
        let requests = [
            ask(query, 10, None),
            Request {
                more: 1,
                ..ask(query, 10, None)
            },
            ask(query, 11, None),
        ];
        for (request, scanned) in requests.iter().zip(&mut scanned) {
            let found = store.search(request).unwrap();
            *scanned += found.stats.scanned;
            looked_at += found.hits.len();
        }
    }
    // The effort for 11 hits is that for 100.
    assert_eq!(looked_at, 40 * (10 + 11 + 11));
    assert_eq!(scanned[0], scanned[1]);
    assert!(scanned[1] < scanned[2], "{scanned:?}");
}

#[test]
fn a_base_that_is_damaged_anywhere_is_refused() {
    let vectors = vectors(2_000);
    let file = packed(&vectors, VectorKind::F16, Ids::None, Wish::default());
    let mut store = Store::new(DIMENSION, Metric::L2, VectorKind::F16).unwrap();
    // Behind the root, whose one record stands in for the other.
    for at in (4_096..file.len()).step_by(1_013) {
        let mut bad = file.clone();
        bad[at] ^= 16;
        // What is between a payload and the next segment is not read.
        if let Ok(()) = store.adopt(bad.clone(), true) {
            let around = &file[at - 63..];
            assert!(file[at] == 0 && around[..63].contains(&0), "byte {at}");
        }
        bad.truncate(at);
        assert!(matches!(store.adopt(bad, true), Err(Error::Format(_))));
    }
    let mut other = Store::new(DIMENSION, Metric::Cosine, VectorKind::F16).unwrap();
    assert!(matches!(other.adopt(file, true), Err(Error::Format(_))));
    assert_eq!(other.rows(), 0);
}
