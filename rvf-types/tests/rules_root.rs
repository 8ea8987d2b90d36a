//! Each rule that bytes can break is broken once, and named: headers and root.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails")]

mod common;

use common::sample;
use rvf_types::{
    FormatError, IdKind, RootHealth, RootRecord, SegmentHeader, SegmentType, VectorKind, root,
};

/// The rule that a change of the root record breaks, the record's CRC being made right again.
fn root_rule(change: impl Fn(&mut RootRecord)) -> &'static str {
    let mut record = sample(VectorKind::I8, IdKind::None).record;
    change(&mut record);
    match rvf_types::Root::parse(&root::page(&record)) {
        Err(error) => error.rule(),
        Ok(_) => "none",
    }
}

/// The bytes of a structure with a CRC at its end, after a change, with the CRC made right again.
fn with_crc<const N: usize>(mut bytes: [u8; N], change: impl Fn(&mut [u8; N])) -> [u8; N] {
    change(&mut bytes);
    let crc = crc32fast::hash(&bytes[..N - 4]);
    bytes[N - 4..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

fn header_rule(kind: SegmentType, change: impl Fn(&mut [u8; 64])) -> &'static str {
    let mut header = SegmentHeader::new(kind, 3, 100);
    if kind == SegmentType::ROOT {
        header = SegmentHeader::root();
    }
    SegmentHeader::parse(&with_crc(header.to_bytes(), change), 0)
        .unwrap_err()
        .rule()
}

#[test]
fn segment_headers() {
    let vec = SegmentType::VEC;
    assert_eq!(header_rule(vec, |b| b[0] = 0), "R-SEG-3", "magic");
    assert_eq!(header_rule(vec, |b| b[4] = 3), "R-SEG-3", "version");
    assert_eq!(
        header_rule(vec, |b| b[6] = 1),
        "R-SEG-3",
        "a flag that is none"
    );
    assert_eq!(
        header_rule(vec, |b| b[7] = 0x80),
        "R-SEG-3",
        "ANCILLARY on a known type"
    );
    assert_eq!(
        header_rule(vec, |b| b[0x20] = 0),
        "R-SEG-3",
        "checksum algorithm"
    );
    assert_eq!(header_rule(vec, |b| b[0x21] = 1), "R-SEG-3", "compression");
    assert_eq!(header_rule(vec, |b| b[0x27] = 1), "R-SEG-3", "zero bytes");
    assert_eq!(
        header_rule(vec, |b| b[0x38] = 1),
        "R-SEG-3",
        "uncompressed length"
    );
    assert_eq!(header_rule(vec, |b| b[5] = 0x77), "R-SEG-4", "unknown type");
    assert_eq!(
        header_rule(vec, |b| b[0x10..0x18].fill(0xFF)),
        "R-SEG-1",
        "an end behind 2^64"
    );
    assert_eq!(
        header_rule(SegmentType::ROOT, |b| b[8] = 1),
        "R-ROOT-1",
        "id of the ROOT"
    );
    assert_eq!(
        header_rule(SegmentType::ROOT, |b| b[0x10] = 0),
        "R-ROOT-1",
        "length of the ROOT"
    );
    assert_eq!(
        header_rule(SegmentType::ROOT, |b| b[0x28] = 1),
        "R-ROOT-1",
        "content hash of the ROOT"
    );
    let bytes = SegmentHeader::new(vec, 3, 100).to_bytes();
    assert_eq!(
        SegmentHeader::parse(&bytes[..63], 0).unwrap_err().rule(),
        "R-NUM-2"
    );
    assert_eq!(
        SegmentHeader::parse(&bytes, 32).unwrap_err().rule(),
        "R-SEG-1"
    );
}

#[test]
fn an_unknown_ancillary_segment_is_accepted() {
    let mut header = SegmentHeader::new(SegmentType(0x77), 3, 1);
    header.flags = rvf_types::SegmentFlags::ANCILLARY;
    assert_eq!(SegmentHeader::parse(&header.to_bytes(), 0), Ok(header));
}

#[test]
fn root_records() {
    let good = sample(VectorKind::I8, IdKind::None).record;
    let rule = |change: fn(&mut [u8; 128])| {
        RootRecord::parse(&with_crc(good.to_bytes(), change), 0x200).map_err(|error| error.rule())
    };
    for (name, change) in [
        ("magic", (|b| b[0] = 0) as fn(&mut [u8; 128])),
        ("version", |b| b[4] = 1),
        ("flags", |b| b[6] = 2),
        ("generation", |b| b[8] = 0),
        ("committed length no multiple", |b| b[0x10] = 1),
        ("committed length too short", |b| {
            b[0x10..0x18].copy_from_slice(&4096_u64.to_le_bytes())
        }),
        ("manifest not aligned", |b| b[0x18] |= 1),
        ("manifest in the root", |b| b[0x18..0x20].fill(0)),
        ("manifest behind the end", |b| b[0x1C] = 1),
        ("manifest at the end of numbers", |b| {
            b[0x18..0x20].copy_from_slice(&(u64::MAX - 63).to_le_bytes())
        }),
        ("manifest too long", |b| b[0x24] = 1),
        ("zero bytes", |b| b[0x7B] = 1),
    ] {
        assert_eq!(rule(change), Err("R-ROOT-2"), "{name}");
    }
    assert!(
        rule(|b| b[5] = 9).is_ok(),
        "a higher minor version (R-ROOT-8)"
    );
    assert_eq!(root_rule(|record| record.required.0 = 1 << 63), "R-ROOT-6");
    assert_eq!(
        root_rule(|record| record.optional.0 = u64::MAX),
        "none",
        "unknown optional bits are ignored"
    );
    assert_eq!(
        root_rule(|record| record.generation = 0),
        "R-ROOT-2",
        "no valid record"
    );
    let error = RootRecord {
        required: rvf_types::Features(0b1000),
        ..good
    }
    .check_features(rvf_types::Features(1));
    assert_eq!(error, Err(FormatError::UnknownFeature { bit: 3 }));
}

#[test]
fn a_root_page() {
    let record = sample(VectorKind::I8, IdKind::None).record;
    let page = root::page(&record);
    let rule = |page: &[u8]| rvf_types::Root::parse(page).unwrap_err().rule();
    assert_eq!(rule(&page[..4095]), "R-ROOT-1", "too short");
    for at in [0x40, 0x1FF, 0x280, 0x3FF, 0x480, 0x600, 0xFFF] {
        let mut page = page;
        page[at] = 1;
        assert_eq!(rule(&page), "R-ROOT-1", "byte {at:#x}");
    }
    let mut other = page;
    other[..64].copy_from_slice(&SegmentHeader::new(SegmentType::VEC, 1, 4032).to_bytes());
    assert_eq!(rule(&other), "R-SEG-2");
    let twin = RootRecord {
        optional: rvf_types::Features(1),
        ..record
    };
    let mut differ = page;
    differ[0x400..0x480].copy_from_slice(&twin.to_bytes());
    assert_eq!(rule(&differ), "R-ROOT-3");
}

#[test]
fn the_higher_generation_counts_and_its_twin_is_named() {
    let old = sample(VectorKind::I8, IdKind::None).record;
    let new = RootRecord {
        generation: 2,
        ..old
    };
    for (first, second, record) in [(new, old, 1), (old, new, 0)] {
        let mut page = root::page(&first);
        page[0x400..0x480].copy_from_slice(&second.to_bytes());
        let root = rvf_types::Root::parse(&page).unwrap();
        assert_eq!(root.record().generation, 2);
        assert_eq!(
            *root.health(),
            RootHealth::CutShort {
                record,
                generation: 1
            }
        );
    }
}

#[test]
fn file_length() {
    let sample = sample(VectorKind::I8, IdKind::None);
    let root = rvf_types::Root::parse(&sample.file).unwrap();
    let length = sample.file.len() as u64;
    assert_eq!(root.check_file_length(length), Ok(0));
    assert_eq!(
        root.check_file_length(length + 5),
        Ok(5),
        "an uncommitted tail"
    );
    assert_eq!(
        root.check_file_length(length - 1).unwrap_err().rule(),
        "R-ROOT-5"
    );
}
