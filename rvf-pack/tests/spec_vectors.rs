//! The spec's test vectors, made from the text by another program: the vectors that a file stands for, packed again,
//! give its payloads byte for byte.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails has to say where"
)]

use std::path::{Path, PathBuf};

use rvf_pack::source::{Id, MemorySource};
use rvf_pack::{IdKind, Packer, VectorKind};
use rvf_types::index::Index;
use rvf_types::vec::{FloatRecord, I8Record, stride};
use rvf_types::{Manifest, Root, SegmentType};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors")
}

/// A file's manifest and payloads.
struct File {
    bytes: Vec<u8>,
    manifest_at: usize,
    manifest_length: usize,
}

impl File {
    fn new(bytes: Vec<u8>) -> Self {
        let record = *Root::parse(&bytes).unwrap().record();
        let (manifest_at, manifest_length) = (
            record.manifest_offset as usize + 64,
            record.manifest_length as usize,
        );
        Self {
            bytes,
            manifest_at,
            manifest_length,
        }
    }

    fn manifest(&self) -> Manifest<'_> {
        let payload = &self.bytes[self.manifest_at..][..self.manifest_length];
        Manifest::parse(payload, self.manifest_at as u64).unwrap()
    }

    fn payloads(&self, kind: SegmentType) -> Vec<(u32, &[u8])> {
        let cut = |at: u64, length: u64| &self.bytes[at as usize..][..length as usize];
        self.manifest()
            .of_type(kind)
            .map(|entry| {
                (
                    entry.sub_kind,
                    cut(entry.payload_offset(), entry.payload_length),
                )
            })
            .collect()
    }

    /// The vectors as stored (R-VEC-6), in the order of the rows.
    fn vectors(&self) -> Vec<f32> {
        let head = *self.manifest().head();
        let (_, payload) = *self
            .payloads(SegmentType::VEC)
            .iter()
            .max_by_key(|(kind, _)| *kind)
            .unwrap();
        let mut records: Vec<&[u8]> = payload
            .chunks(stride(head.vectors, head.dimension) as usize)
            .collect();
        records.sort_by_key(|record| u32::from_le_bytes(*record.first_chunk().unwrap()));
        let vector = |record| -> Vec<f32> {
            match head.vectors {
                VectorKind::I8 => {
                    let record = I8Record::parse(record, head.dimension, 0).unwrap();
                    record
                        .components()
                        .map(|component| record.scale * f32::from(component))
                        .collect()
                }
                kind => {
                    let record = FloatRecord::parse(record, kind, head.dimension, 0).unwrap();
                    let halves = record
                        .f16_bits()
                        .map(|bits| half::f16::from_bits(bits).to_f32());
                    halves.chain(record.f32s()).collect()
                }
            }
        };
        records.into_iter().flat_map(vector).collect()
    }
}

#[test]
fn stored_vectors_packed_again_give_the_payloads_of_the_test_vectors() {
    let list: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder().join("vectors.json")).unwrap()).unwrap();
    let valid = list["valid"].as_array().unwrap();
    assert!(valid.len() >= 10);
    for described in valid {
        let name = described["file"].as_str().unwrap();
        let file = File::new(std::fs::read(folder().join(name)).unwrap());
        let manifest = file.manifest();
        let head = manifest.head();
        let dimension = head.dimension as usize;
        let vectors = file.vectors();
        // A packer refuses a component above 10^15, which the rounding of the scale may have made (R-LIM-1).
        if vectors.iter().any(|value| value.abs() > 1e15) {
            assert!(name.contains("extremes"), "{name}");
            continue;
        }
        let index = file.payloads(SegmentType::INDEX)[0].1;
        let seed = Index::parse(index, 0, head).unwrap().head().seed;
        let mut packer = Packer::new()
            .metric(head.metric)
            .vectors(head.vectors)
            .seed(seed)
            .lists(1)
            .measure(false);
        if head.id_kind != IdKind::None {
            let texts = described["ids"]
                .as_array()
                .unwrap()
                .iter()
                .map(|id| id.as_str().unwrap());
            let id = |text: &str| match head.id_kind {
                IdKind::U64 => Id::U64(text.parse().unwrap()),
                _ => Id::Text(text.into()),
            };
            packer = packer.ids(texts.map(id).collect());
        }
        let mut source = MemorySource::new(dimension, vectors, None).unwrap();
        let packed = File::new(packer.pack_to_vec(&mut source).unwrap().0);
        // Which lists there are, and so the order of the vectors, is for each writer to choose.
        let same = if head.lists == 1 {
            &[
                SegmentType::INDEX,
                SegmentType::QUANT,
                SegmentType::VEC,
                SegmentType::IDS,
            ][..]
        } else {
            &[SegmentType::IDS][..]
        };
        for kind in same.iter().copied() {
            assert!(
                file.payloads(kind) == packed.payloads(kind),
                "{name}: {:?}",
                kind.name()
            );
        }
    }
}
