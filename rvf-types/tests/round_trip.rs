//! What is written is read back, and every bit of a file is covered.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails")]

mod common;

use common::{FOUR, ONE, ROWS, names, open, sample, sample_of, second_generation};
use rvf_types::ids::{Id, Ids};
use rvf_types::{
    DeadExtent, Effort, EffortChoice, IdKind, Index, IndexHead, ListEntry, Manifest, ManifestBuf,
    ManifestHead, Order, Root, RootHealth, RootRecord, SegmentEntry, SegmentHeader, SegmentType,
    VectorKind, WasmHeader,
};

const VECTORS: [VectorKind; 3] = [VectorKind::I8, VectorKind::F16, VectorKind::F32];
const IDS: [IdKind; 3] = [IdKind::None, IdKind::U64, IdKind::Utf8];

fn payload<'a>(file: &'a [u8], entry: &SegmentEntry) -> &'a [u8] {
    &file[entry.payload_offset() as usize..][..entry.payload_length as usize]
}

#[test]
fn every_combination_of_vectors_and_ids_opens() {
    for vectors in VECTORS {
        for (id_kind, lists) in IDS.into_iter().flat_map(|ids| [(ids, ONE), (ids, FOUR)]) {
            let sample = sample_of(vectors, id_kind, lists);
            let count = lists.len();
            let root = open(&sample.file)
                .unwrap_or_else(|error| panic!("{vectors} {id_kind} {count} lists: {error}"));
            assert_eq!(*root.record(), sample.record);
            assert_eq!(*root.health(), RootHealth::Healthy);
        }
    }
    open(&second_generation().file).unwrap();
}

#[test]
fn a_manifest_reads_back_as_it_was_written() {
    for sample in [
        sample(VectorKind::F16, IdKind::Utf8),
        sample_of(VectorKind::F16, IdKind::Utf8, FOUR),
        second_generation(),
    ] {
        let bytes = sample.manifest.to_bytes().unwrap();
        let manifest = Manifest::parse(&bytes, 0).unwrap();
        assert_eq!(ManifestBuf::from(&manifest), sample.manifest);
        assert_eq!(*manifest.head(), sample.manifest.head);
        assert_eq!(ManifestHead::parse(&bytes, 0), Ok(sample.manifest.head));
        assert_eq!(manifest.property("rvf.title"), Some("A small file"));
        assert_eq!(manifest.property("a"), Some(""));
        assert_eq!(manifest.property("b"), None);
        assert_eq!(manifest.modules().count(), 1);
        assert!(manifest.find(SegmentType::IDS).is_some());
        assert!(manifest.vectors(VectorKind::I8).is_some());
        assert!(manifest.vectors(VectorKind::F32).is_none());
        for (number, entry) in sample.manifest.entries.iter().enumerate() {
            assert_eq!(SegmentEntry::parse(&entry.to_bytes(), 0), Ok(*entry));
            assert_eq!(manifest.entry(number), Some(*entry));
        }
        for dead in &sample.manifest.dead {
            assert_eq!(DeadExtent::parse(&dead.to_bytes(), 0), Ok(*dead));
        }
        for effort in &sample.manifest.efforts {
            assert_eq!(
                Effort::parse(&effort.to_bytes(), 0, manifest.head().vectors),
                Ok(*effort)
            );
        }
    }
}

#[test]
fn fixed_structures_read_back_as_they_were_written() {
    let sample = sample(VectorKind::F32, IdKind::Utf8);
    let head = ManifestHead::parse(&sample.manifest.to_bytes().unwrap(), 0).unwrap();
    assert_eq!(
        RootRecord::parse(&sample.record.to_bytes(), 0),
        Ok(sample.record)
    );
    let mut header = SegmentHeader::new(SegmentType::VEC, 7, 1 << 40);
    header.timestamp = 1_700_000_000_000_000_000;
    header.content_hash = [9; 16];
    assert_eq!(SegmentHeader::parse(&header.to_bytes(), 64), Ok(header));
    let index = IndexHead::new(
        head.rows,
        head.dimension,
        head.metric,
        head.vectors,
        head.lists,
        u64::MAX,
    );
    assert_eq!(IndexHead::parse(&index.to_bytes(), 0, &head), Ok(index));
    let list = ListEntry {
        offset: 1 << 40,
        own: 5,
        second: 7,
        first: 6,
    };
    assert_eq!(ListEntry::parse(&list.to_bytes(), 0), Ok(list));
    let module = common::module_header();
    assert_eq!(WasmHeader::parse(&module.to_bytes(), 72, 0), Ok(module));
}

#[test]
fn ids_are_found_by_row_and_rows_by_id() {
    for kind in [IdKind::U64, IdKind::Utf8] {
        let sample = sample(VectorKind::I8, kind);
        let bytes = sample.manifest.to_bytes().unwrap();
        let manifest = Manifest::parse(&bytes, 0).unwrap();
        let entry = manifest.find(SegmentType::IDS).unwrap();
        let ids = Ids::parse(payload(&sample.file, &entry), 0, manifest.head()).unwrap();
        let names = names();
        for row in 0..ROWS {
            let want = match kind {
                IdKind::U64 => Id::U64(u64::from(row) * 1_000_003),
                _ => Id::Utf8(&names[row as usize]),
            };
            assert_eq!(ids.get(row), Ok(Some(want)));
            assert_eq!(ids.find(want), Ok(Some(row)));
        }
        assert_eq!(ids.get(ROWS), Ok(None));
        assert_eq!(ids.find(Id::U64(1)), Ok(None));
        assert_eq!(ids.find(Id::Utf8("id-0")), Ok(None));
    }
}

#[test]
fn records_are_found_by_row() {
    let sample = sample_of(VectorKind::I8, IdKind::None, FOUR);
    let entry = common::entry(&sample.manifest, SegmentType::ORDER, 0);
    let bytes = payload(&sample.file, &sample.manifest.entries[entry]);
    let order = Order::parse(bytes, 0, ROWS).unwrap();
    for number in 0..ROWS {
        let row = common::row_of(number, FOUR);
        assert_eq!(order.get(row), Some(number));
        assert_eq!(bytes[4 * row as usize..][..4], number.to_le_bytes());
    }
    assert_eq!(order.get(ROWS), None);
}

#[test]
fn what_an_index_is_made_from_is_read_back() {
    let sample = sample_of(VectorKind::F16, IdKind::None, FOUR);
    let entry = common::entry(&sample.manifest, SegmentType::INDEX, 0);
    let bytes = payload(&sample.file, &sample.manifest.entries[entry]);
    let index = Index::parse(bytes, 0, &sample.manifest.head).unwrap();
    assert_eq!(
        index.mean().collect::<Vec<_>>(),
        [-0.5, -0.25, 0.0, 0.25, 0.5]
    );
    assert_eq!(index.lists().collect::<Vec<_>>(), common::directory(FOUR));
    for list in 0..4 {
        let centroid = index.centroid(list).unwrap();
        assert_eq!((centroid.row, centroid.scale), (list, 0.5));
        assert!(centroid.components().eq([list as i8 + 1; 5]));
    }
    assert!(index.centroid(4).is_none());
    assert_eq!(index.centroid_codes().len(), 4 * 12);
    let quant = common::entry(&sample.manifest, SegmentType::QUANT, 0);
    let length = sample.manifest.entries[quant].payload_length;
    assert_eq!(index.quant_length(), length);
}

#[test]
fn every_flipped_bit_of_a_file_is_found() {
    for mut file in [
        sample(VectorKind::F16, IdKind::Utf8).file,
        sample(VectorKind::F32, IdKind::U64).file,
        sample_of(VectorKind::I8, IdKind::None, FOUR).file,
    ] {
        for at in 0..file.len() {
            // Every bit of the root and of the headers, one bit of each byte elsewhere.
            for bit in (0..8).filter(|bit| at < 4096 + 64 || *bit == at % 8) {
                file[at] ^= 1 << bit;
                match open(&file) {
                    Err(_) => {}
                    Ok(root) => assert!(
                        matches!(root.health(), RootHealth::OneDamaged { .. }),
                        "bit {bit} of byte {at} is not found"
                    ),
                }
                file[at] ^= 1 << bit;
            }
        }
        open(&file).unwrap();
    }
}

#[test]
fn every_flipped_bit_of_a_root_page_is_found_by_the_root_alone() {
    let page = rvf_types::root::page(&sample(VectorKind::I8, IdKind::None).record);
    let healthy = Root::parse(&page).unwrap();
    for at in 0..4096 {
        for bit in 0..8 {
            let mut page = page;
            page[at] ^= 1 << bit;
            let record = match at {
                0x200..0x280 => 0,
                0x400..0x480 => 1,
                _ => {
                    assert!(Root::parse(&page).is_err(), "bit {bit} of byte {at}");
                    continue;
                }
            };
            let root = Root::parse(&page).unwrap();
            assert_eq!(root.record(), healthy.record());
            let RootHealth::OneDamaged { record: found, why } = *root.health() else {
                panic!("bit {bit} of byte {at}");
            };
            assert_eq!((found, why.rule()), (record, "R-ROOT-2"));
        }
    }
}

#[test]
fn every_flipped_bit_of_a_header_is_found() {
    let (header, _) = SegmentHeader::new(SegmentType::QUANT, 3, 840).sealed(&[1; 16]);
    let bytes = header.to_bytes();
    for at in 0..64 {
        for bit in 0..8 {
            let mut bytes = bytes;
            bytes[at] ^= 1 << bit;
            let error = SegmentHeader::parse(&bytes, 4096).unwrap_err();
            assert_eq!(error.rule(), "R-SEG-3", "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn the_effort_for_a_wish_is_that_of_the_rule() {
    let sample = sample(VectorKind::F16, IdKind::None);
    let bytes = sample.manifest.to_bytes().unwrap();
    let manifest = Manifest::parse(&bytes, 0).unwrap();
    let chosen = |k, recall| match manifest.choose_effort(k, recall) {
        EffortChoice::Measured(effort) => (effort.k, effort.hits, effort.pool),
        EffortChoice::AboveCeiling(effort) => (effort.k, effort.hits, 0),
        EffortChoice::NotMeasured => (0, 0, 0),
    };
    assert_eq!(
        chosen(1, 0.95),
        (1, 950, 4),
        "a recall that is just reached counts"
    );
    assert_eq!(chosen(1, 0.951), (1, 950, 0), "above the ceiling");
    assert_eq!(
        chosen(2, 0.5),
        (10, 900, 20),
        "the least listed k that is not below"
    );
    assert_eq!(chosen(10, 0.95), (10, 990, 40));
    assert_eq!(chosen(30, 0.9), (100, 980, 200));
    assert_eq!(
        chosen(500, 0.9),
        (100, 980, 500),
        "else the largest listed k, its pool raised"
    );
    let mut none = sample.manifest.clone();
    none.efforts.clear();
    let bytes = none.to_bytes().unwrap();
    assert_eq!(
        Manifest::parse(&bytes, 0).unwrap().choose_effort(1, 0.1),
        EffortChoice::NotMeasured
    );

    let i8 = common::sample(VectorKind::I8, IdKind::None)
        .manifest
        .to_bytes()
        .unwrap();
    match Manifest::parse(&i8, 0).unwrap().choose_effort(3, 0.5) {
        EffortChoice::Measured(effort) => assert_eq!(effort.pool, 3, "nothing is re-scored"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_error_is_one_sentence_that_names_its_rule() {
    let mut file = sample(VectorKind::I8, IdKind::None).file;
    file[4096 + 4] = 1;
    let error = SegmentHeader::parse(&file[4096..], 4096).unwrap_err();
    assert_eq!(
        error.to_string(),
        "segment header at offset 4096: expected version 2, found 1; this is a file of the public RVF version 1, \
         which has another layout; convert it first (R-SEG-3)"
    );
    assert_eq!(error.offset(), Some(4096));
}
