//! Each rule that bytes can break is broken once, and named: the manifest.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails")]

mod common;

use common::{
    FOUR, Sample, append, commit_payload, entry, open, sample, sample_of, second_generation,
};
use rvf_types::{
    IdKind, Manifest, ManifestBuf, RootRecord, SegmentHeader, SegmentType, VectorKind, root,
};

/// The rule that a change of the manifest's bytes breaks, hashes and root being made right again.
fn payload_rule(vectors: VectorKind, ids: IdKind, change: impl Fn(&mut Vec<u8>)) -> &'static str {
    let Sample {
        mut file,
        manifest,
        record,
    } = sample(vectors, ids);
    file.truncate(record.manifest_offset as usize);
    let mut payload = manifest.to_bytes().unwrap();
    change(&mut payload);
    match open(&commit_payload(&mut file, manifest, &payload).file) {
        Ok(_) => "none",
        Err(error) => error.rule(),
    }
}

fn head_rule(change: impl Fn(&mut Vec<u8>)) -> &'static str {
    payload_rule(VectorKind::F32, IdKind::Utf8, change)
}

#[test]
fn the_head_of_a_manifest() {
    for (name, at, value) in [
        ("magic", 0, 0),
        ("layout", 4, 2),
        ("generation", 8, 0),
        ("another generation than the root's", 8, 2),
        ("rows", 0x14, 1),
        ("dimension 0", 0x18, 0),
        ("dimension", 0x1A, 2),
        ("metric", 0x1C, 3),
        ("vectors", 0x1D, 3),
        ("id kind", 0x1E, 3),
        ("segments", 0x70, 0),
        ("dead", 0x77, 0xFF),
        ("properties", 0x7C, 1),
        ("bytes of the properties", 0x80, 1),
        ("no lists", 0x84, 0),
        ("more lists than rows", 0x84, 71),
        ("more lists than there can be", 0x86, 2),
    ] {
        assert_eq!(head_rule(|b| b[at] = value), "R-MAN-1", "{name}");
    }
    assert_eq!(head_rule(|b| b[6] = 1), "R-NUM-3");
    assert_eq!(head_rule(|b| b[0x88] = 1), "R-NUM-3");
    assert_eq!(
        head_rule(|b| b[0x1F] = 1),
        "R-NUM-3",
        "a reserved operation"
    );
    assert_eq!(
        head_rule(|b| b[0x20] = 64),
        "R-MAN-7",
        "a predecessor in generation 1"
    );
    assert_eq!(head_rule(|b| b.truncate(255)), "R-MAN-1");
    assert_eq!(
        head_rule(|b| b.push(0)),
        "R-MAN-1",
        "a byte behind the properties"
    );
    // Root and manifest of generation 2, with neither predecessor nor dead extents.
    let Sample {
        mut file,
        mut manifest,
        record,
    } = sample(VectorKind::I8, IdKind::None);
    file.truncate(record.manifest_offset as usize);
    let mut payload = manifest.to_bytes().unwrap();
    payload[8] = 2;
    manifest.head.generation = 2;
    assert_eq!(
        open(&commit_payload(&mut file, manifest, &payload).file)
            .unwrap_err()
            .rule(),
        "R-MAN-7"
    );
    let long = vec![0; (1 << 26) + 1];
    assert_eq!(Manifest::parse(&long, 0).unwrap_err().rule(), "R-LIM-3");
}

#[test]
fn more_than_one_list_asks_for_other_segments_and_lengths() {
    let rule = |change: &dyn Fn(&mut ManifestBuf)| {
        let mut manifest = sample_of(VectorKind::I8, IdKind::None, FOUR).manifest;
        change(&mut manifest);
        manifest.to_bytes().map_err(|error| error.rule())
    };
    assert!(rule(&|_| ()).is_ok());
    let place = |m: &ManifestBuf, kind| entry(m, kind, 0);
    assert_eq!(
        rule(&|m| m.entries.retain(|entry| entry.kind != SegmentType::ORDER)),
        Err("R-MAN-3"),
        "no ORDER"
    );
    let twice = rule(&|m| m.entries.push(m.entries[place(m, SegmentType::ORDER)]));
    assert_eq!(twice, Err("R-MAN-3"), "two of ORDER");
    assert_eq!(
        rule(&|m| m.head.lists = 1),
        Err("R-MAN-3"),
        "an ORDER for one list"
    );
    assert_eq!(
        rule(&|m| m.head.lists = 3),
        Err("R-MAN-4"),
        "length of INDEX"
    );
    let length = |kind, by: u64| {
        rule(&|m| {
            let at = place(m, kind);
            m.entries[at].payload_length += by;
        })
        .map(drop)
    };
    assert_eq!(length(SegmentType::ORDER, 4), Err("R-MAN-4"));
    assert_eq!(length(SegmentType::QUANT, 4), Err("R-MAN-4"));
    assert_eq!(
        length(SegmentType::QUANT, 64),
        Ok(()),
        "for the directory to tell"
    );
    let one = |lists| sample_of(VectorKind::I8, IdKind::None, lists).manifest;
    let mut manifest = one(common::ONE);
    let quant = place(&manifest, SegmentType::QUANT);
    manifest.entries[quant].payload_length += 64;
    assert_eq!(manifest.to_bytes().unwrap_err().rule(), "R-MAN-4");
    let mut manifest = one(common::ONE);
    manifest.head.lists = 2;
    assert_eq!(manifest.to_bytes().unwrap_err().rule(), "R-MAN-3");
}

#[test]
fn entries_of_a_manifest() {
    let manifest = sample(VectorKind::F32, IdKind::Utf8).manifest;
    let place = |kind, sub| 256 + 96 * entry(&manifest, kind, sub);
    let index = place(SegmentType::INDEX, 0);
    assert_eq!(head_rule(|b| b[index] = 0), "R-MAN-2", "id 0");
    assert_eq!(head_rule(|b| b[index + 8] = 0x33), "R-SEG-4");
    assert_eq!(
        head_rule(|b| b[index + 8] = 0x80),
        "R-MAN-3",
        "a second ROOT"
    );
    assert_eq!(
        head_rule(|b| b[index + 8] = 0x05),
        "R-MAN-3",
        "a live MANIFEST"
    );
    assert_eq!(head_rule(|b| b[index + 8] = 0x06), "R-MAN-3", "no INDEX");
    assert_eq!(head_rule(|b| b[index + 9] = 9), "R-MAN-1", "block size");
    assert_eq!(head_rule(|b| b[index + 9] = 21), "R-MAN-1", "block size");
    assert_eq!(head_rule(|b| b[index + 10] = 1), "R-MAN-1", "flags");
    assert_eq!(head_rule(|b| b[index + 11] = 0x80), "R-MAN-1", "flags");
    assert_eq!(head_rule(|b| b[index + 12] = 1), "R-MAN-1", "kind");
    assert_eq!(head_rule(|b| b[index + 0x10] = 1), "R-MAN-2", "offset");
    assert_eq!(head_rule(|b| b[index + 0x18] ^= 1), "R-MAN-4", "length");
    assert_eq!(
        head_rule(|b| b[index + 0x20] ^= 1),
        "R-MAN-6",
        "the hash is not the header's"
    );
    assert_eq!(
        head_rule(|b| b[index + 0x3F] ^= 1),
        "R-HASH-3",
        "the hash is not the content's"
    );
    assert_eq!(
        head_rule(|b| b[index + 0x40] = 1),
        "R-MAN-5",
        "a table outside"
    );
    assert_eq!(head_rule(|b| b[index + 0x48] = 1), "R-NUM-3", "zero bytes");
    let digest = place(SegmentType::DIGEST, 0);
    assert_eq!(
        head_rule(|b| b[digest + 9] = 12),
        "R-MAN-1",
        "block size of DIGEST"
    );
    assert_eq!(head_rule(|b| b[digest + 0x40] = 1), "R-HASH-5");
    assert_eq!(
        head_rule(|b| b[digest] = 200),
        "R-MAN-6",
        "the id is not the header's"
    );
    assert_eq!(head_rule(|b| b[digest] = 1), "R-MAN-2", "ids do not ascend");
    let wide = place(SegmentType::VEC, 2);
    assert_eq!(
        head_rule(|b| b[wide + 12] = 1),
        "R-MAN-3",
        "an f16 VEC where f32 is kept"
    );
    assert_eq!(
        head_rule(|b| b[wide + 12] = 3),
        "R-MAN-3",
        "an element type that is none"
    );
    let ids = place(SegmentType::IDS, 0);
    assert_eq!(
        head_rule(|b| b[ids + 0x1A] = 9),
        "R-MAN-4",
        "more than ids can need"
    );
    assert_eq!(
        head_rule(|b| b[ids + 0x18] += 4),
        "R-MAN-4",
        "no multiple of 8"
    );
    let wasm = place(SegmentType::WASM, 0);
    assert_eq!(head_rule(|b| b[wasm + 0x18] = 63), "R-WASM-1");
    assert_eq!(head_rule(|b| b[wasm + 12] = 5), "R-WASM-1", "role");
    assert_eq!(
        head_rule(|b| b[wasm + 13] = 1),
        "R-WASM-1",
        "a reserved target"
    );
    assert_eq!(
        head_rule(|b| b[wasm + 14] = 1),
        "R-WASM-1",
        "features that the header does not have"
    );
    assert_eq!(
        head_rule(|b| b[wasm + 15] = 1),
        "R-NUM-3",
        "reserved features"
    );
    let quant = place(SegmentType::QUANT, 0);
    assert_eq!(
        head_rule(|b| b[quant + 0x40] += 1),
        "R-MAN-5",
        "a table that ends outside"
    );
    let unknown = place(SegmentType(0x77), 0);
    assert_eq!(
        head_rule(|b| b[unknown + 12] = 77),
        "none",
        "the kind of an unknown type is its own affair"
    );
}

/// The rule that a change of the manifest breaks, written without the writer's own check.
fn file_rule(sample: Sample, change: impl Fn(&mut ManifestBuf)) -> &'static str {
    let Sample {
        mut file,
        mut manifest,
        record,
    } = sample;
    file.truncate(record.manifest_offset as usize);
    change(&mut manifest);
    match manifest.to_bytes() {
        Err(error) => error.rule(),
        Ok(payload) => match open(&commit_payload(&mut file, manifest, &payload).file) {
            Err(error) => error.rule(),
            Ok(_) => "none",
        },
    }
}

#[test]
fn coverage() {
    let dead = |offset, length| rvf_types::DeadExtent {
        offset,
        length,
        hash: rvf_types::SegmentHash([1; 32]),
        block_log: 12,
    };
    assert_eq!(file_rule(second_generation(), |_| {}), "none");
    let rule = |change: &dyn Fn(&mut ManifestBuf)| file_rule(second_generation(), change);
    assert_eq!(rule(&|m| m.dead[0].length += 64), "R-MAN-2", "overlap");
    assert_eq!(
        rule(&|m| {
            m.dead.remove(0);
        }),
        "R-MAN-2",
        "gap"
    );
    assert_eq!(
        rule(&|m| {
            m.entries.pop();
        }),
        "R-MAN-2",
        "a gap before the manifest"
    );
    assert_eq!(rule(&|m| m.dead.swap(0, 1)), "R-MAN-2", "order");
    assert_eq!(rule(&|m| m.entries.swap(0, 1)), "R-MAN-2", "order");
    assert_eq!(
        rule(&|m| m.dead[0].length = 0),
        "R-MAN-2",
        "an empty extent"
    );
    assert_eq!(
        rule(&|m| m.dead[0].length = u64::MAX - 63),
        "R-MAN-2",
        "an extent behind 2^64"
    );
    assert_eq!(
        rule(&|m| m.dead[0].length += 1),
        "R-MAN-2",
        "no multiple of 64"
    );
    assert_eq!(
        rule(&|m| m.dead.insert(0, dead(0, 4096))),
        "R-MAN-2",
        "the root twice"
    );
    assert_eq!(
        rule(&|m| m.dead.insert(0, dead(4096, 64))),
        "R-MAN-2",
        "two at one place"
    );
    assert_eq!(
        rule(&|m| m.dead.push(dead(1 << 40, 64))),
        "R-MAN-2",
        "behind the end"
    );
    assert_eq!(rule(&|m| m.dead[0].block_log = 21), "R-MAN-1");
    assert_eq!(
        rule(&|m| m.dead[1].block_log = 12),
        "R-MAN-7",
        "the predecessor's block size"
    );
    assert_eq!(
        rule(&|m| m.dead[1].hash.0[0] ^= 1),
        "R-MAN-7",
        "the predecessor's hash"
    );
    assert_eq!(rule(&|m| m.head.predecessor = None), "R-MAN-7");
    assert_eq!(
        rule(&|m| m.head.predecessor = m
            .head
            .predecessor
            .map(|p| rvf_types::Predecessor { offset: 0, ..p })),
        "R-MAN-7"
    );
}

#[test]
fn the_id_of_the_manifest_is_its_own() {
    let Sample {
        mut file,
        manifest,
        record,
    } = sample(VectorKind::I8, IdKind::None);
    for id in [0, 1] {
        file.truncate(record.manifest_offset as usize);
        let payload = manifest.to_bytes().unwrap();
        let own = append(
            &mut file,
            SegmentHeader::new(SegmentType::MANIFEST, id, payload.len() as u64),
            0,
            16,
            &payload,
        );
        let record = RootRecord {
            manifest_hash: own.hash,
            ..record
        };
        file[..4096].copy_from_slice(&root::page(&record));
        assert_eq!(open(&file).unwrap_err().rule(), "R-MAN-2", "id {id}");
    }
}

#[test]
fn efforts_and_properties() {
    let rule = |change: &dyn Fn(&mut ManifestBuf)| {
        file_rule(sample(VectorKind::F16, IdKind::None), change)
    };
    assert_eq!(rule(&|_| {}), "none");
    assert_eq!(rule(&|m| m.efforts[0].k = 0), "R-MAN-8");
    assert_eq!(rule(&|m| m.efforts[3].k = 65_537), "R-MAN-8");
    assert_eq!(rule(&|m| m.efforts[3].pool = 65_537), "R-MAN-8");
    assert_eq!(rule(&|m| m.efforts[3].pool = 99), "R-MAN-8", "below k");
    for slack in [-0.5, 16.5, f32::NAN, f32::INFINITY] {
        assert_eq!(
            rule(&|m| m.efforts[0].slack = slack),
            "R-MAN-8",
            "slack {slack}"
        );
    }
    assert_eq!(rule(&|m| m.efforts[0].hits = 1001), "R-MAN-8");
    assert_eq!(
        rule(&|m| (m.efforts[0].hits, m.efforts[0].total) = (0, 0)),
        "R-MAN-8"
    );
    assert_eq!(
        rule(&|m| m.efforts.swap(0, 1)),
        "R-MAN-8",
        "k does not ascend"
    );
    assert_eq!(
        rule(&|m| m.efforts[2].hits = 900),
        "R-MAN-8",
        "recall does not ascend"
    );
    let i8 =
        |change: &dyn Fn(&mut ManifestBuf)| file_rule(sample(VectorKind::I8, IdKind::None), change);
    assert_eq!(
        i8(&|m| m.efforts[0].pool = 2),
        "R-MAN-8",
        "a pool where nothing is re-scored"
    );
    assert_eq!(
        rule(&|m| drop(m.properties.insert(String::new(), "x".into()))),
        "R-MAN-1",
        "an empty key"
    );
    // The properties end the payload: key "a" (9 bytes with its head), then "rvf.title".
    let at = |b: &[u8]| b.len() - (9 + 8 + 9 + 12);
    let bytes = |change: &dyn Fn(&mut [u8])| {
        head_rule(|b| {
            let from = at(b);
            change(&mut b[from..]);
        })
    };
    assert_eq!(bytes(&|b| b[8] = b'z'), "R-MAN-1", "keys do not ascend");
    assert_eq!(bytes(&|b| b[8] = 0xFF), "R-MAN-1", "no UTF-8");
    assert_eq!(bytes(&|b| b[2] = 1), "R-NUM-3");
    assert_eq!(
        bytes(&|b| b[7] = 0xFF),
        "R-MAN-1",
        "a value that passes the end"
    );
}
