//! `verify` holds every rule of lists, groups, second entries and the order of rows: each is broken once, in files that
//! are made of the format's own writers.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

#[path = "../../rvf-types/tests/common/mod.rs"]
#[allow(unexpected_cfgs, reason = "the feature `wasm` is one of rvf-types")]
mod common;

use std::collections::BTreeSet;
use std::num::NonZero;

use common::{DIMENSION, FOUR, Lists, ONE, ROWS, append, commit};
use rvf_host::{ByteSource, Bytes, VerifyOptions, VerifyReport, verify};
use rvf_types::{IdKind, ManifestBuf, SegmentHeader, SegmentType, VectorKind, quant};

/// A file in no memory: each part is read on its own.
#[derive(Debug)]
struct Apart(Bytes);

impl ByteSource for Apart {
    fn size(&self) -> std::io::Result<u64> {
        self.0.size()
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read_at(offset, out)
    }
}

/// Checks a file with one thread and with three, in memory and read part by part: the report is always the same.
fn report(file: Vec<u8>) -> VerifyReport {
    let bytes = Bytes::from(file);
    let options = |threads| VerifyOptions::new().threads(NonZero::new(threads).unwrap());
    let first = verify(&bytes, &options(1)).unwrap().report;
    assert_eq!(verify(&bytes, &options(3)).unwrap().report, first);
    assert_eq!(verify(&Apart(bytes), &options(2)).unwrap().report, first);
    first
}

/// A valid file but for what `change` makes of its payloads.
fn file_with(lists: Lists<'_>, change: impl Fn(SegmentType, &mut Vec<u8>)) -> Vec<u8> {
    let mut file = vec![0; 4096];
    let mut manifest = ManifestBuf::new(common::head(VectorKind::I8, IdKind::None, lists));
    for (kind, sub_kind, mut payload) in common::payloads(VectorKind::I8, IdKind::None, lists) {
        change(kind, &mut payload);
        let id = manifest.entries.len() as u64 + 1;
        let header = SegmentHeader::new(kind, id, payload.len() as u64);
        manifest
            .entries
            .push(append(&mut file, header, sub_kind, 10, &payload));
    }
    commit(file, manifest).file
}

/// The rules of all findings, where one segment's payload is changed.
fn rules(
    lists: Lists<'_>,
    segment: SegmentType,
    change: impl Fn(&mut Vec<u8>),
) -> Vec<&'static str> {
    let file = file_with(lists, |kind, payload| {
        if kind == segment {
            change(payload);
        }
    });
    let report = report(file);
    let rules: BTreeSet<_> = report.findings.iter().map(|found| found.rule).collect();
    rules.into_iter().collect()
}

fn put(at: u64, value: u32) -> impl Fn(&mut Vec<u8>) {
    move |payload| payload[at as usize..][..4].copy_from_slice(&value.to_le_bytes())
}

#[test]
fn a_file_of_lists_is_sound() {
    for lists in [ONE, FOUR] {
        let found = report(file_with(lists, |_, _| ()));
        assert!(found.is_sound() && found.findings.is_empty(), "{found:?}");
    }
}

#[test]
fn directory_and_centroids() {
    let index = |change: &dyn Fn(&mut Vec<u8>)| rules(FOUR, SegmentType::INDEX, change);
    let byte = |at: usize, value: u8| index(&|payload| payload[at] = value);
    // The directory stands at 192, the centroid codes at 320, the centroid records at 384.
    assert_eq!(byte(192 + 32, 0), ["R-IDX-1"], "the offset of a list");
    assert_eq!(byte(192 + 64 + 16, 39), ["R-IDX-1"], "its first vector");
    assert_eq!(byte(192 + 64 + 8, 29), ["R-IDX-1"], "fewer vectors");
    assert_eq!(byte(192 + 12, 31), ["R-IDX-1"], "more entries than rows");
    assert_eq!(byte(192 + 20, 1), ["R-NUM-3"]);
    assert_eq!(byte(384 - 1, 1), ["R-NUM-3"]);
    assert_eq!(byte(320, 0xFF), ["R-QNT-2"]);
    assert_eq!(byte(384, 1), ["R-IDX-4"]);
    // A sum of squares may be more than it is, which is a bias (R-IDX-4), and not less.
    assert_eq!(index(&put(384 + 8, 0)), ["R-VEC-2"]);
    assert!(index(&put(384 + 8, u32::MAX)).is_empty());
    let nan = f32::NAN.to_bits();
    assert_eq!(index(&put(128, nan)), ["R-IDX-3"]);
    // QUANT is of another length than the directory says: INDEX by itself is right.
    let last = index(&put(192 + 3 * 32 + 12, 9));
    assert_eq!(last, ["R-QNT-1"]);
}

#[test]
fn groups_and_vector_numbers() {
    let quant = |change: &dyn Fn(&mut Vec<u8>)| rules(FOUR, SegmentType::QUANT, change);
    let lists = common::directory(FOUR);
    let place = |list: usize, group: u32| {
        let entry = lists[list];
        let group = quant::group(entry.own, entry.second, DIMENSION, group).unwrap();
        (entry.offset, group)
    };
    let (at, group) = place(0, 1);
    let number =
        |entry: u32, value: u32| quant(&put(at + group.number_offset(entry).unwrap(), value));
    assert!(number(8, 46).is_empty(), "another vector of another list");
    assert_eq!(
        number(7, 38),
        ["R-QNT-4"],
        "an own entry with another number"
    );
    assert_eq!(
        number(8, 39),
        ["R-QNT-4"],
        "a second entry of an own vector"
    );
    assert_eq!(number(8, ROWS), ["R-QNT-4"], "no vector");
    assert_eq!(number(8, u32::MAX), ["R-QNT-4"], "no vector");
    assert_eq!(number(8, 45), ["R-QNT-4"], "twice in a list");
    let (other, behind) = place(2, 0);
    let twice = quant(&put(other + behind.number_offset(30).unwrap(), 7));
    assert_eq!(twice, ["R-QNT-4"], "second entries in two lists");
    let zeros = [
        group.word_offset(11, 0),
        group.correction_offset(11),
        group.number_offset(11),
    ];
    for zero in zeros {
        assert_eq!(quant(&put(at + zero.unwrap(), 1)), ["R-QNT-1"]);
    }
    assert_eq!(quant(&put(at + group.tiles, 0xFF)), ["R-QNT-2"]);
    let correction = group.correction_offset(3).unwrap();
    assert_eq!(quant(&put(at + correction, 0x7F80_0000)), ["R-QNT-3"]);
    assert_eq!(
        quant(&|payload| payload.resize(payload.len() + 64, 0)),
        ["R-QNT-1"]
    );

    let one = |at: u64| rules(ONE, SegmentType::QUANT, put(at, 1 << 24));
    assert_eq!(one(860), ["R-QNT-1"], "a correction word without an entry");
    assert_eq!(one(892), ["R-QNT-1"], "behind the list");
}

#[test]
fn the_second_of_two_second_entries_is_named() {
    let lists = common::directory(FOUR);
    let group = quant::group(lists[0].own, lists[0].second, DIMENSION, 1).unwrap();
    let file = file_with(FOUR, |kind, payload| {
        if kind == SegmentType::QUANT {
            put(group.number_offset(10).unwrap(), 69)(payload);
        }
    });
    let record = rvf_types::Root::parse(&file).unwrap();
    let at = record.record().manifest_offset as usize + 64;
    let length = record.record().manifest_length as usize;
    let manifest = rvf_types::Manifest::parse(&file[at..at + length], 0).unwrap();
    let payload = manifest.find(SegmentType::QUANT).unwrap().payload_offset();
    let found = report(file);
    let places: Vec<_> = found.findings.iter().map(|found| found.offset).collect();
    assert_eq!(places, [Some(payload + group.number_offset(10).unwrap())]);
}

#[test]
fn the_order_of_rows() {
    let order = |change: &dyn Fn(&mut Vec<u8>)| rules(FOUR, SegmentType::ORDER, change);
    assert_eq!(
        order(&|b| b.copy_within(0..4, 4)),
        ["R-VEC-7"],
        "a number twice"
    );
    assert_eq!(order(&put(0, ROWS)), ["R-VEC-7"], "no vector");
    assert_eq!(
        order(&|b| b.rotate_left(4)),
        ["R-VEC-7"],
        "not the records' rows"
    );
    let records = |lists, row| rules(lists, SegmentType::VEC, put(0, row));
    assert_eq!(records(FOUR, ROWS), ["R-VEC-7"], "no row");
    assert_eq!(records(FOUR, 2), ["R-VEC-7"], "the row of another record");
    assert_eq!(records(ONE, 2), ["R-VEC-7"], "not its number");
}

#[test]
fn order_is_checked_where_the_records_are_damaged() {
    // A byte of the records is flipped, which their hash tells; ORDER is right, or is not.
    let damaged = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = file_with(FOUR, |kind, payload| {
            if kind == SegmentType::ORDER {
                change(payload);
            }
        });
        let vec = common::payloads(VectorKind::I8, IdKind::None, FOUR)
            .into_iter()
            .find(|(kind, ..)| *kind == SegmentType::VEC)
            .unwrap();
        let at = file
            .windows(vec.2.len())
            .position(|bytes| bytes == vec.2)
            .unwrap();
        file[at + 9] ^= 1;
        let rules: BTreeSet<_> = report(file)
            .findings
            .iter()
            .map(|found| found.rule)
            .collect();
        rules.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(damaged(&|_| ()), ["R-HASH-3"]);
    assert_eq!(
        damaged(&|b| b.copy_within(0..4, 4)),
        ["R-HASH-3", "R-VEC-7"]
    );
    assert_eq!(damaged(&put(0, ROWS)), ["R-HASH-3", "R-VEC-7"]);
}

#[test]
fn a_damaged_index_leaves_the_other_segments_to_be_checked() {
    // The mean is not finite, and an own entry has another number.
    let lists = common::directory(FOUR);
    let group = quant::group(lists[0].own, lists[0].second, DIMENSION, 1).unwrap();
    let file = file_with(FOUR, |kind, payload| match kind {
        SegmentType::INDEX => put(128, f32::INFINITY.to_bits())(payload),
        SegmentType::QUANT => put(group.number_offset(0).unwrap(), 5)(payload),
        _ => {}
    });
    let found = report(file);
    let rules: Vec<_> = found.findings.iter().map(|found| found.rule).collect();
    assert_eq!(rules, ["R-IDX-3", "R-QNT-4"]);
}
