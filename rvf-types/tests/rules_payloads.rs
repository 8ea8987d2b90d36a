//! Each rule that bytes can break is broken once, and named: the payloads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails")]

mod common;

use common::{FOUR, Lists, ONE, ROWS, append, commit, open, sample};
use rvf_types::{
    FormatError, IdKind, ManifestBuf, Metric, Order, SegmentHeader, SegmentType, VectorKind, ids,
    order, quant, vec, vec::I8Record,
};

/// The rule that a change of a segment's payload breaks, hashes and manifest being made right again.
fn content_rule(
    vectors: VectorKind,
    id_kind: IdKind,
    kind: SegmentType,
    sub: u32,
    change: impl Fn(&mut [u8]),
) -> &'static str {
    listed_rule(vectors, id_kind, ONE, kind, sub, |payload| change(payload))
}

/// As `content_rule`, in a file with these lists.
fn listed_rule(
    vectors: VectorKind,
    id_kind: IdKind,
    lists: Lists<'_>,
    kind: SegmentType,
    sub: u32,
    change: impl Fn(&mut Vec<u8>),
) -> &'static str {
    let mut file = vec![0; 4096];
    let mut manifest = ManifestBuf::new(common::head(vectors, id_kind, lists));
    for (found, sub_kind, mut payload) in common::payloads(vectors, id_kind, lists) {
        if (found, sub_kind) == (kind, sub) {
            change(&mut payload);
        }
        let id = manifest.entries.len() as u64 + 1;
        let header = SegmentHeader::new(found, id, payload.len() as u64);
        manifest
            .entries
            .push(append(&mut file, header, sub_kind, 10, &payload));
    }
    match open(&commit(file, manifest).file) {
        Ok(_) => "none",
        Err(error) => error.rule(),
    }
}

#[test]
fn index_and_quant() {
    let rule = |kind, change: &dyn Fn(&mut [u8])| {
        content_rule(VectorKind::I8, IdKind::None, kind, 0, change)
    };
    let index = |at: usize, value: u8| rule(SegmentType::INDEX, &|b| b[at] = value);
    assert_eq!(index(0, b'R'), "none");
    for (name, at, value) in [
        ("magic", 0, 0),
        ("layout", 4, 1),
        ("rows", 8, 1),
        ("dimension", 0x0C, 1),
        ("metric", 0x10, 0),
        ("vectors", 0x11, 2),
        ("lists", 0x14, 2),
        ("code words", 0x18, 2),
        ("stride", 0x1C, 1),
        ("centroid codes where there are none", 0x28, 1),
        ("centroid records where there are none", 0x37, 1),
        ("offset of the list", 192, 1),
        ("own vectors of the list", 200, 1),
        ("second entries of the list", 204, 1),
        ("first vector of the list", 208, 1),
    ] {
        assert_eq!(index(at, value), "R-IDX-1", "{name}");
    }
    for at in [6, 0x12, 0x38, 127, 128 + 20, 191, 212, 223] {
        assert_eq!(index(at, 1), "R-NUM-3", "byte {at}");
    }
    let nan = f32::NAN.to_le_bytes();
    assert_eq!(
        rule(SegmentType::INDEX, &|b| b[128..132].copy_from_slice(&nan)),
        "R-IDX-3"
    );
    assert_eq!(
        rule(SegmentType::QUANT, &|b| b[0] |= 0x20),
        "R-QNT-2",
        "a bit at the dimension"
    );
    assert_eq!(
        rule(SegmentType::QUANT, &|b| b[32 * 12 + 24] = 0x80),
        "R-QNT-2",
        "in the second group"
    );
    assert_eq!(
        rule(SegmentType::QUANT, &|b| b[7] = 1),
        "R-QNT-2",
        "in the last byte of a word"
    );
    let word = |word: u32| {
        rule(SegmentType::QUANT, &|b| {
            b[256..260].copy_from_slice(&word.to_le_bytes())
        })
    };
    assert_eq!(word(0x7F80_0000), "R-QNT-3", "β is infinite");
    assert_eq!(word(0x0000_3FC0), "R-QNT-3", "α is infinite");
    assert_eq!(word(0xBF80_1FC0), "none", "a negative β is none");
    // 70 entries: two full groups, and one of 6 entries in two tiles. The list has 840 bytes of codes and corrections.
    let last = 2 * 384;
    for place in [6, 7] {
        let change = |b: &mut [u8]| b[last + 8 * place] = 1;
        assert_eq!(
            rule(SegmentType::QUANT, &change),
            "R-QNT-1",
            "place {place}"
        );
    }
    assert_eq!(
        rule(SegmentType::QUANT, &|b| b[last + 8 * 8 + 24] = 1),
        "R-QNT-1",
        "padding"
    );
    assert_eq!(
        quant::check_list(&[0; 11], 1, 0, 5, 0).unwrap_err().rule(),
        "R-QNT-1"
    );
}

#[test]
fn only_a_centroid_may_have_a_bias_and_only_where_a_squared_norm_counts() {
    let record = |scale: f32, sum: u32| {
        let components = if scale > 0.0 { [3, 4, 0] } else { [0; 3] };
        let words = [0, scale.to_bits(), sum].map(u32::to_le_bytes);
        [words.as_flattened(), &components, &[0]].concat()
    };
    let rule = |scale, sum, metric: Option<Metric>| {
        let bytes = record(scale, sum);
        let record = I8Record::parse(&bytes, 3, 0).unwrap();
        let found = match metric {
            Some(metric) => record.check_centroid(metric, 0),
            None => record.check(0),
        };
        found.map_or_else(|error| error.rule(), |()| "none")
    };
    for metric in [Metric::L2, Metric::Cosine] {
        assert_eq!(rule(1.0, 25, Some(metric)), "none");
        assert_eq!(rule(1.0, 26, Some(metric)), "none");
        assert_eq!(rule(1.0, u32::MAX, Some(metric)), "none");
        assert_eq!(rule(1.0, 24, Some(metric)), "R-VEC-2");
        assert_eq!(rule(0.0, 0, Some(metric)), "none");
        assert_eq!(rule(0.0, 1, Some(metric)), "R-VEC-2");
    }
    for metric in [Some(Metric::InnerProduct), None] {
        assert_eq!(rule(1.0, 25, metric), "none");
        assert_eq!(rule(1.0, 26, metric), "R-VEC-2");
    }
}

#[test]
fn the_directory_and_centroids_of_more_than_one_list() {
    let rule = |change: &dyn Fn(&mut Vec<u8>)| {
        let (i8, none) = (VectorKind::I8, IdKind::None);
        listed_rule(i8, none, FOUR, SegmentType::INDEX, 0, change)
    };
    let byte = |at: usize, value: u8| rule(&|b| b[at] = value);
    assert_eq!(byte(0, b'R'), "none");
    // 192: the directory, 4 entries. 320: codes of 4 centroids, 48 bytes. 384: records of 20 bytes.
    let entry = |list: usize, field: usize| 192 + 32 * list + field;
    for (name, at, value) in [
        ("lists", 0x14, 3),
        ("offset of the centroid codes", 0x28, 0),
        ("offset of the centroid records", 0x30, 0),
        ("offset of the first list", entry(0, 0), 64),
        ("offset of a list", entry(1, 0), 0),
        ("own vectors of a list", entry(0, 8), 41),
        ("more own vectors than rows", entry(2, 11), 1),
        ("own vectors that do not add up", entry(3, 8), 1),
        ("fewer own vectors than rows", entry(2, 8), 29),
        ("more entries than rows", entry(0, 12), 31),
        ("another number of second entries", entry(0, 12), 30),
        ("first vector of the first list", entry(0, 16), 1),
        ("first vector of a list", entry(2, 16), 39),
        ("first vector of an empty list", entry(3, 16), 69),
    ] {
        assert_eq!(byte(at, value), "R-IDX-1", "{name}");
    }
    assert_eq!(byte(entry(3, 12), 9), "R-QNT-1", "QUANT is not that long");
    for at in [entry(0, 20), entry(3, 31), 384 - 1, 320 + 48] {
        assert_eq!(byte(at, 1), "R-NUM-3", "byte {at}");
    }
    assert_eq!(byte(320, 0xFF), "R-QNT-2", "a bit of a centroid's code");
    assert_eq!(
        rule(&|b| b[320 + 32..][..4].copy_from_slice(&0x7F80_0000_u32.to_le_bytes())),
        "R-QNT-3"
    );
    assert_eq!(byte(384 + 20, 0), "R-IDX-4", "the row of a centroid record");
    assert_eq!(byte(384 + 4, 1), "R-VEC-3", "its scale");
    let sum = |value: u32| rule(&|b| b[384 + 8..][..4].copy_from_slice(&value.to_le_bytes()));
    assert_eq!(sum(1), "R-VEC-2", "its sum of squares, less than it is");
    assert_eq!(sum(u32::MAX), "none", "more than it is: a bias");
    assert_eq!(byte(384 + 17, 1), "R-VEC-1", "its padding");
}

#[test]
fn vector_numbers_in_groups() {
    let rule = |change: &dyn Fn(&mut Vec<u8>)| {
        let (i8, none) = (VectorKind::I8, IdKind::None);
        listed_rule(i8, none, FOUR, SegmentType::QUANT, 0, change)
    };
    let list = common::directory(FOUR)[0];
    let group = quant::group(list.own, list.second, common::DIMENSION, 1).unwrap();
    let second = common::directory(FOUR)[1];
    let behind = second.offset as usize + 4 * (8 + 4);
    let number = |entry: u32, value: u32| {
        rule(&|b| {
            let at = group.number_offset(entry).unwrap() as usize;
            b[at..at + 4].copy_from_slice(&value.to_le_bytes());
        })
    };
    assert_eq!(number(7, 39), "none", "as it is");
    assert_eq!(number(7, 38), "R-QNT-4", "an own entry with another number");
    assert_eq!(number(8, 69), "none", "as it is");
    assert_eq!(number(8, 46), "none", "another vector of another list");
    assert_eq!(number(8, 39), "R-QNT-4", "a second entry of an own vector");
    assert_eq!(number(8, 70), "R-QNT-4", "no vector");
    assert_eq!(number(8, 45), "R-QNT-4", "twice in a list");
    let twice = rule(&|b| b[behind..behind + 4].copy_from_slice(&1_u32.to_le_bytes()));
    assert_eq!(twice, "R-QNT-4", "a second entry in two lists");
    // The group of 11 entries fills two tiles and three places of a third.
    for zero in [
        group.word_offset(11, 0),
        group.correction_offset(11),
        group.number_offset(11),
    ] {
        assert_eq!(rule(&|b| b[zero.unwrap() as usize] = 1), "R-QNT-1");
    }
    assert_eq!(rule(&|b| b.resize(b.len() + 64, 0)), "R-QNT-1");
}

#[test]
fn the_order_of_rows() {
    let rule = |kind, change: &dyn Fn(&mut Vec<u8>)| {
        listed_rule(VectorKind::I8, IdKind::None, FOUR, kind, 0, change)
    };
    let order = |change: &dyn Fn(&mut Vec<u8>)| rule(SegmentType::ORDER, change);
    assert_eq!(order(&|b| b[0] ^= 0), "none");
    assert_eq!(
        order(&|b| b.copy_within(0..4, 4)),
        "R-VEC-7",
        "a number twice"
    );
    assert_eq!(order(&|b| b[0] = 70), "R-VEC-7", "no vector number");
    assert_eq!(
        order(&|b| b.rotate_left(4)),
        "R-VEC-7",
        "not the records' rows"
    );
    assert_eq!(
        rule(SegmentType::VEC, &|b| b[0] = 70),
        "R-VEC-7",
        "a row that is none"
    );
    assert_eq!(
        rule(SegmentType::VEC, &|b| b[0] = 2),
        "R-VEC-7",
        "another row"
    );
    // By itself, whatever memory there is to work in.
    let check = |numbers: [u32; 5], marks: &mut [u8]| {
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        let checked = Order::parse(&bytes, 0, 5).unwrap().check(marks);
        checked.map_err(|error| error.rule())
    };
    assert_eq!(check([4, 0, 3, 1, 2], &mut [1]), Ok(()));
    assert_eq!(check([4, 0, 3, 1, 4], &mut [1]), Err("R-VEC-7"));
    assert_eq!(check([4, 0, 3, 1, 5], &mut [1]), Err("R-VEC-7"));
    assert_eq!(check([4, 0, 3, 1, 2], &mut []), Err("R-VEC-7"));
    assert_eq!(Order::parse(&[0; 19], 0, 5).unwrap_err().rule(), "R-VEC-7");
    assert_eq!(order::write(&[1, 1]).unwrap_err().rule(), "R-VEC-7");
    assert_eq!(order::write(&[2, 0]).unwrap_err().rule(), "R-VEC-7");
}

#[test]
fn vectors() {
    let i8 = |change: &dyn Fn(&mut [u8])| {
        content_rule(VectorKind::I8, IdKind::None, SegmentType::VEC, 0, change)
    };
    assert_eq!(i8(&|b| b[0] = 1), "R-VEC-7");
    assert_eq!(
        i8(&|b| b[4] = 1),
        "R-VEC-3",
        "a scale of more than 16 significant bits"
    );
    assert_eq!(i8(&|b| b[7] = 0xBF), "R-VEC-3", "a negative scale");
    assert_eq!(
        i8(&|b| b[4..8].copy_from_slice(&f32::INFINITY.to_le_bytes())),
        "R-VEC-3"
    );
    assert_eq!(
        i8(&|b| b[4..8].fill(0)),
        "R-VEC-3",
        "a scale of 0 with components"
    );
    assert_eq!(i8(&|b| b[8] ^= 1), "R-VEC-2", "sum of squares");
    assert_eq!(i8(&|b| b[12] = 0x80), "R-VEC-2", "-128");
    assert_eq!(i8(&|b| b[17] = 1), "R-VEC-1", "padding");
    let f16 = |change: &dyn Fn(&mut [u8])| {
        content_rule(VectorKind::F16, IdKind::None, SegmentType::VEC, 1, change)
    };
    assert_eq!(f16(&|b| b[0] = 1), "R-VEC-7");
    assert_eq!(f16(&|b| b[5] = 0xFC), "R-LIM-1", "-infinity");
    assert_eq!(f16(&|b| b[14] = 1), "R-VEC-5", "padding");
    let f32 = |change: &dyn Fn(&mut [u8])| {
        content_rule(VectorKind::F32, IdKind::None, SegmentType::VEC, 2, change)
    };
    assert_eq!(
        f32(&|b| b[4..8].copy_from_slice(&f32::NAN.to_le_bytes())),
        "R-LIM-1"
    );
    assert_eq!(
        f32(&|b| b[4..8].copy_from_slice(&(-1.1e15_f32).to_le_bytes())),
        "R-LIM-1"
    );
    assert_eq!(
        f32(&|b| b[4..8].copy_from_slice(&1e15_f32.to_le_bytes())),
        "none"
    );
    assert_eq!(
        vec::I8Record::parse(&[0; 19], 5, 0).unwrap_err().rule(),
        "R-VEC-1"
    );
    assert_eq!(
        vec::FloatRecord::parse(&[0; 99], VectorKind::I8, 5, 0)
            .unwrap_err()
            .rule(),
        "R-VEC-5"
    );
    assert_eq!(
        vec::write_i8(&mut [0; 20], 0, 1.0, &[-128; 5])
            .unwrap_err()
            .rule(),
        "R-VEC-2"
    );
    assert_eq!(
        vec::write_f32(&mut [0; 20], 0, &[0.0; 5])
            .unwrap_err()
            .rule(),
        "R-VEC-5"
    );
}

#[test]
fn id_payloads() {
    let numbers = |change: &dyn Fn(&mut [u8])| {
        content_rule(VectorKind::I8, IdKind::U64, SegmentType::IDS, 0, change)
    };
    let text = |change: &dyn Fn(&mut [u8])| {
        content_rule(VectorKind::I8, IdKind::Utf8, SegmentType::IDS, 0, change)
    };
    for (name, at, value, rule) in [
        ("magic", 0, 0, "R-IDS-1"),
        ("layout", 4, 2, "R-IDS-1"),
        ("zero", 7, 1, "R-NUM-3"),
        ("rows", 8, 1, "R-IDS-1"),
        ("zeros", 0x20, 1, "R-NUM-3"),
        ("offset of the index", 0x10, 1, "R-IDS-2"),
    ] {
        assert_eq!(numbers(&|b| b[at] = value), rule, "{name}");
        assert_eq!(text(&|b| b[at] = value), rule, "{name}");
    }
    assert_eq!(numbers(&|b| b[6] = 2), "R-IDS-1", "kind");
    assert_eq!(
        numbers(&|b| b[0x18] = 1),
        "R-IDS-1",
        "strings where there are none"
    );
    assert_eq!(
        text(&|b| b[0x1F] = 0xFF),
        "R-IDS-2",
        "more strings than bytes"
    );
    let end = |b: &[u8]| b.len() - 8;
    assert_eq!(
        numbers(&|b| b[end(b) + 4] = 0xFF),
        "R-IDS-2",
        "a row that is none"
    );
    assert_eq!(
        numbers(&|b| b.copy_within(end(b) - 8..end(b), end(b))),
        "R-IDS-2",
        "an entry twice"
    );
    assert_eq!(
        numbers(&|b| b[64] ^= 1),
        "R-IDS-3",
        "a hash that is not the id's"
    );
    // 70 ids: 2 runs, 3 block offsets, then the strings.
    assert_eq!(text(&|b| b[64] = 1), "R-IDS-4", "the first run starts at 0");
    assert_eq!(
        text(&|b| b[72 + 7] = 1),
        "R-IDS-4",
        "a run that leaves the strings"
    );
    assert_eq!(
        text(&|b| b[80] -= 1),
        "R-IDS-4",
        "strings that the runs do not fill"
    );
    assert_eq!(text(&|b| b[88] = 0), "R-LIM-1", "an empty id");
    assert_eq!(
        text(&|b| b[89] = 0xFF),
        "R-LIM-1",
        "an id of more than 512 bytes"
    );
    assert_eq!(text(&|b| b[90] = 0xFF), "R-LIM-1", "no UTF-8");
    assert_eq!(
        text(&|b| b[72] += 1),
        "R-IDS-4",
        "a run that its ids do not fill"
    );
}

#[test]
fn ids_that_stand_twice_are_refused_by_writer_and_reader() {
    assert_eq!(
        ids::write_u64(&[5, 7, 9, 7, 5]).unwrap_err(),
        FormatError::DuplicateId {
            first: 1,
            second: 3
        }
    );
    assert_eq!(
        ids::write_utf8(&["a", "b", "a", "a"]).unwrap_err(),
        FormatError::DuplicateId {
            first: 0,
            second: 2
        }
    );
    assert_eq!(ids::write_utf8(&["a", ""]).unwrap_err().rule(), "R-LIM-1");
    assert_eq!(
        ids::write_utf8(&["é".repeat(257)]).unwrap_err().rule(),
        "R-LIM-1"
    );
    assert!(ids::write_utf8(&["é".repeat(256)]).is_ok());
    assert_eq!(ids::write_u64(&[]).unwrap_err().rule(), "R-LIM-1");
    // The reader: row 1 gets the id of row 0, and the index is made right again.
    let rule = content_rule(VectorKind::I8, IdKind::U64, SegmentType::IDS, 0, |b| {
        b.copy_within(64..72, 72);
        let from = 64 + 8 * ROWS as usize;
        let mut index: Vec<(u32, u32)> = (0..ROWS)
            .map(|row| (ids::hash(&b[64 + 8 * row as usize..][..8]), row))
            .collect();
        index.sort_unstable();
        for (place, (hash, row)) in b[from..].chunks_mut(8).zip(index) {
            place[..4].copy_from_slice(&hash.to_le_bytes());
            place[4..].copy_from_slice(&row.to_le_bytes());
        }
    });
    assert_eq!(rule, "R-IDS-4");
}

#[test]
fn module_headers() {
    let kind = common::module_header().kind.word();
    let rule = |change: &dyn Fn(&mut [u8])| {
        content_rule(
            VectorKind::I8,
            IdKind::None,
            SegmentType::WASM,
            kind,
            change,
        )
    };
    for (name, at, value, want) in [
        ("magic", 0, 0, "R-WASM-1"),
        ("version", 4, 2, "R-WASM-1"),
        ("role", 6, 5, "R-WASM-1"),
        ("target", 7, 2, "R-WASM-1"),
        ("another role than the entry's", 6, 1, "R-WASM-1"),
        ("reserved features", 9, 1, "R-NUM-3"),
        ("bytecode size", 0x0C, 9, "R-WASM-1"),
        ("compressed size", 0x10, 1, "R-NUM-3"),
        ("compression", 0x14, 1, "R-NUM-3"),
        ("hash", 0x18, 1, "R-WASM-1"),
        ("interpreter type", 0x39, 1, "R-NUM-3"),
        ("zeros", 0x3A, 1, "R-NUM-3"),
        ("bytecode", 64, 1, "R-WASM-1"),
    ] {
        assert_eq!(rule(&|b| b[at] = value), want, "{name}");
    }
}

#[test]
fn padding() {
    let sample = sample(VectorKind::I8, IdKind::None);
    let mut file = sample.file;
    let last = file.len() - 1;
    file[last] = 1;
    assert_eq!(open(&file).unwrap_err().rule(), "R-SEG-1");
}
