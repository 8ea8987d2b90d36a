//! What is kept of the largest components can be packed and asked again.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails has to say where"
)]

mod common;

use common::read;
use rvf_pack::source::MemorySource;
use rvf_pack::{Metric, Packer, VectorKind};

fn pack(kind: VectorKind, vectors: &[f32]) -> common::File {
    let mut source = MemorySource::new(3, vectors, None).unwrap();
    let packed = Packer::new()
        .metric(Metric::L2)
        .vectors(kind)
        .pack_to_vec(&mut source);
    read(&packed.unwrap().0)
}

/// The vectors that the i8 records of dimension 3 stand for.
fn restored(records: &[u8]) -> Vec<f32> {
    let record = |record: &[u8]| {
        let scale = f32::from_le_bytes(record[4..8].try_into().unwrap());
        let components: Vec<f32> = record[12..15]
            .iter()
            .map(|byte| scale * f32::from(*byte as i8))
            .collect();
        components
    };
    records.chunks_exact(16).flat_map(record).collect()
}

#[test]
fn the_largest_components_survive_the_round_trip() {
    let vectors = [
        1e15,
        -1e15,
        3e14, //
        9.999_99e14,
        1.0,
        -2.5e14, //
        -1e15,
        0.0,
        1e15, //
        5.0,
        -7.0,
        127.0,
    ];
    let first = pack(VectorKind::I8, &vectors);
    let vectors_of_first = restored(first.vec(0).unwrap());
    for (restored, given) in vectors_of_first.iter().zip(vectors) {
        assert!(restored.abs() <= 1e15, "{restored} is no query (K-QRY-1)");
        assert!((restored - given).abs() <= 1e15 / 250.0);
    }
    let again = pack(VectorKind::I8, &vectors_of_first);
    assert_eq!(first.vec(0).unwrap(), again.vec(0).unwrap());

    let floats = pack(VectorKind::F32, &vectors);
    let kept = floats.vec(2).unwrap();
    for (row, vector) in kept.chunks_exact(16).zip(vectors.chunks_exact(3)) {
        let bytes: Vec<u8> = vector
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        assert_eq!(row[4..], bytes);
    }
}
