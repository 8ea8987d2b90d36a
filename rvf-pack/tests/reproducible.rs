//! The same input and options give the same bytes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails has to say where"
)]

mod common;

use std::path::Path;

use common::data::clustered;
use common::{File, INDEX, QUANT, f32_at, read, shake};
use rvf_pack::source::{self, Id, MemorySource, SourceOptions, write_npy_f32};
use rvf_pack::{Metric, Packer, VectorKind};

const ROWS: usize = 4_500;
const DIMENSION: usize = 24;

fn vectors() -> Vec<f32> {
    clustered(ROWS, DIMENSION)
}

fn ids() -> Vec<Id> {
    (0..ROWS)
        .map(|row| Id::Text(format!("row {}", row * 7)))
        .collect()
}

fn packer<'a>() -> Packer<'a> {
    Packer::new()
        .metric(Metric::Cosine)
        .vectors(VectorKind::F16)
}

fn from_memory(packer: Packer<'_>) -> Vec<u8> {
    let mut source = MemorySource::new(DIMENSION, vectors(), Some(ids().into())).unwrap();
    { packer }.pack_to_vec(&mut source).unwrap().0
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let one = from_memory(packer().threads(1));
    assert!(!read(&one).efforts.is_empty());
    for threads in [2, 3, 7] {
        assert!(
            from_memory(packer().threads(threads)) == one,
            "{threads} threads"
        );
    }
}

/// Changes only with the format, and with what is measured: the bytes are the same on every machine.
#[test]
fn a_small_file_has_the_bytes_it_has_always_had() {
    let mut hashes = Vec::new();
    for (metric, kind) in [
        (Metric::L2, VectorKind::I8),
        (Metric::InnerProduct, VectorKind::F32),
        (Metric::Cosine, VectorKind::F16),
    ] {
        let packer = Packer::new()
            .metric(metric)
            .vectors(kind)
            .modules(Vec::new())
            .ids(ids());
        let hash = shake(&[&from_memory(packer)], 8);
        hashes.push(
            hash.iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>(),
        );
    }
    assert_eq!(
        hashes,
        ["66f582bb6c572833", "542e66b4b96041d1", "8e064a13863834b3"]
    );
}

#[test]
fn file_and_memory_and_lines_of_text_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let expected = from_memory(packer());
    let npy = folder.path().join("rows.npy");
    let mut writer =
        write_npy_f32(std::fs::File::create(&npy).unwrap(), ROWS as u64, DIMENSION).unwrap();
    writer.write_rows(&vectors()).unwrap();
    writer.finish().unwrap();
    // Lines of text do not say how many there are: their vectors go through a temporary storage.
    let jsonl = folder.path().join("rows.jsonl");
    let line = |(id, vector): (&Id, &[f32])| {
        serde_json::json!({"id": id.to_string(), "vector": vector}).to_string()
    };
    let lines: Vec<String> = ids()
        .iter()
        .zip(vectors().chunks(DIMENSION))
        .map(line)
        .collect();
    std::fs::write(&jsonl, lines.join("\n")).unwrap();
    let open = |path: &Path| source::open(path, &SourceOptions::default()).unwrap();
    assert_eq!(open(&jsonl).info().rows, None);

    assert!(
        packer()
            .ids(ids())
            .pack_to_vec(open(&npy).as_mut())
            .unwrap()
            .0
            == expected
    );
    assert!(packer().pack_to_vec(open(&jsonl).as_mut()).unwrap().0 == expected);
    // And wherever they go.
    let target = folder.path().join("rows.rvf");
    packer()
        .pack_to_path(open(&jsonl).as_mut(), &target)
        .unwrap();
    assert!(std::fs::read(&target).unwrap() == expected);
    let mut written = Vec::new();
    packer()
        .ids(ids())
        .pack_to_writer(open(&npy).as_mut(), &mut written)
        .unwrap();
    assert!(written == expected);
    // A packer and a source can be used again.
    let (mut packer, mut source) = (packer(), open(&jsonl));
    assert!(packer.pack_to_vec(source.as_mut()).unwrap().0 == expected);
    assert!(packer.pack_to_vec(source.as_mut()).unwrap().0 == expected);
}

/// The vectors of the most exact form that a file keeps, in the order of the rows.
fn extract(file: &File) -> Vec<f32> {
    let payload = file.vec(file.vectors.into()).unwrap();
    let record = |record: &[u8]| -> Vec<f32> {
        let half = |i| common::arithmetic::from_half(common::u16_at(record, 4 + 2 * i));
        let byte = |i| f32_at(record, 4) * f32::from(record[12 + i] as i8);
        let value = |i| match file.vectors {
            0 => byte(i),
            1 => half(i),
            _ => f32_at(record, 4 + 4 * i),
        };
        (0..file.dimension).map(value).collect()
    };
    let mut records: Vec<&[u8]> = payload.chunks(payload.len() / file.rows).collect();
    records.sort_by_key(|record| common::u32_at(record, 0));
    records.into_iter().flat_map(record).collect()
}

#[test]
fn vectors_that_were_extracted_pack_to_the_same_vectors_codes_and_index() {
    for metric in [Metric::L2, Metric::InnerProduct, Metric::Cosine] {
        for kind in [VectorKind::I8, VectorKind::F16, VectorKind::F32] {
            let packer = || Packer::new().metric(metric).vectors(kind).measure(false);
            let first = read(&from_memory(packer()));
            let mut source = MemorySource::new(DIMENSION, extract(&first), None).unwrap();
            let again = read(&packer().pack_to_vec(&mut source).unwrap().0);
            for part in [INDEX, QUANT] {
                assert!(
                    first.payload(part) == again.payload(part),
                    "{metric} {kind}"
                );
            }
            for element in 0..3 {
                assert!(first.vec(element) == again.vec(element), "{metric} {kind}");
            }
        }
    }
}

#[test]
fn options_change_the_bytes() {
    let same = from_memory(packer());
    assert!(from_memory(packer()) == same);
    for other in [
        packer().seed(1),
        packer().timestamp(1),
        packer().property("a", "b"),
        packer().without_ids(),
    ] {
        assert!(from_memory(other) != same);
    }
}
