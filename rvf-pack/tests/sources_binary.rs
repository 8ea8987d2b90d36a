//! Properties of the readers of `.npy`, `.fvecs` and `.bvecs`, of whole arrays, of ids, and of the `.npy` writer.

mod sources_util;

use half::f16;
use proptest::prelude::*;
use rvf_pack::source::{
    self, Batch, Id, MemorySource, Place, Source, SourceOptions, SourceProblem, SourceType,
};
use sources_util::{input, npy, numbers, read, read_all, refused, says, texts, try_read};

/// What numpy 2.4.6 saves for `[[1.5, -2, 0.25], [3, 4, -5.5]]` as `<f4`.
const NUMPY_F4: &[u8] =
    b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\
    \x20                                                         \n\
    \x00\x00\xc0?\x00\x00\x00\xc0\x00\x00\x80>\x00\x00@@\x00\x00\x80@\x00\x00\xb0\xc0";

/// A header as numpy 2.4.6 writes it for two rows of three, version 1.
fn numpy_header(descr: &str) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2, 3), }}");
    let mut bytes = b"\x93NUMPY\x01\x00v\x00".to_vec();
    bytes.extend(format!("{text:117}\n").as_bytes());
    bytes
}

fn with_version(version: u8, bytes: &[u8]) -> Vec<u8> {
    let mut other = b"\x93NUMPY".to_vec();
    other.extend([version, 0, bytes[8], bytes[9], 0, 0]);
    other.extend(&bytes[10..]);
    other
}

#[test]
fn arrays_of_numpy_of_each_type_and_version_are_read() {
    // `numpy.save(array.astype(descr))`, the bytes of the values in hexadecimal; u1 of the absolute values.
    let files: [(&str, SourceType, &[u8], [f32; 6]); 5] = [
        (
            "<f2",
            SourceType::F16,
            b"\x00\x3e\x00\xc0\x00\x34\x00\x42\x00\x44\x80\xc5",
            [1.5, -2.0, 0.25, 3.0, 4.0, -5.5],
        ),
        (
            "<f4",
            SourceType::F32,
            &NUMPY_F4[NUMPY_F4.len() - 24..],
            [1.5, -2.0, 0.25, 3.0, 4.0, -5.5],
        ),
        (
            "<f8",
            SourceType::F64,
            b"\x00\x00\x00\x00\x00\x00\xf8\x3f\x00\x00\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\xd0\x3f\
              \x00\x00\x00\x00\x00\x00\x08\x40\x00\x00\x00\x00\x00\x00\x10\x40\x00\x00\x00\x00\x00\x00\x16\xc0",
            [1.5, -2.0, 0.25, 3.0, 4.0, -5.5],
        ),
        (
            "|i1",
            SourceType::I8,
            b"\x01\xfe\x00\x03\x04\xfb",
            [1.0, -2.0, 0.0, 3.0, 4.0, -5.0],
        ),
        (
            "|u1",
            SourceType::U8,
            b"\x01\x02\x00\x03\x04\x05",
            [1.0, 2.0, 0.0, 3.0, 4.0, 5.0],
        ),
    ];
    for (descr, dtype, values, expected) in files {
        let mut bytes = numpy_header(descr);
        bytes.extend(values);
        for version in 1..=3 {
            let bytes = match version {
                1 => bytes.clone(),
                _ => with_version(version, &bytes),
            };
            let file = input("a.npy", &bytes);
            let source = source::open(&file.path, &SourceOptions::default()).unwrap();
            assert_eq!(source.info().dtype, dtype);
            assert_eq!(source.info().rows, Some(2));
            assert!(!source.info().has_ids);
            assert_eq!(read("a.npy", &bytes).vectors, expected);
        }
    }
}

#[test]
fn an_npy_without_extension_is_known_by_its_first_bytes() {
    let all = read("array", npy("|u1", "(1, 2)", &[7, 9]));
    assert_eq!(all.vectors, [7.0, 9.0]);
}

#[test]
fn every_f16_is_read_as_the_half_crate_and_the_formula_say() {
    let finite: Vec<u16> = (0..=u16::MAX)
        .filter(|bits| bits & 0x7c00 != 0x7c00)
        .collect();
    let bytes: Vec<u8> = finite.iter().flat_map(|bits| bits.to_le_bytes()).collect();
    let shape = format!("({}, 1)", finite.len());
    let all = read("a.npy", npy("<f2", &shape, &bytes));
    for (bits, value) in finite.iter().zip(&all.vectors) {
        let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
        let size = match exponent {
            0 => fraction * 2_f32.powi(-24),
            _ => (1024.0 + fraction) * 2_f32.powi(exponent - 25),
        };
        let sign = if bits & 0x8000 == 0 { 1.0_f32 } else { -1.0 };
        assert_eq!(value.to_bits(), (sign * size).to_bits(), "{bits:#x}");
    }
}

#[test]
fn rows_larger_than_the_buffer_come_whole() {
    let dimension = 65_536_usize;
    let values: Vec<f64> = (0..3 * dimension).map(|i| i as f64 / 3.0).collect();
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let all = read("a.npy", npy("<f8", "(3, 65536)", &bytes));
    let expected: Vec<f32> = values.iter().map(|v| *v as f32).collect();
    assert_eq!(all.vectors, expected);
}

#[test]
fn other_arrays_are_refused_with_the_remedy() {
    let cases: [(&str, &str, &[&str]); 12] = [
        (">f4", "(1, 1)", &["byte 10", "\">f4\"", "newbyteorder"]),
        (">i8", "(1, 1)", &["big-endian"]),
        ("|O", "(1, 1)", &["objects", "numpy.stack"]),
        ("<i4", "(1, 1)", &["f16, f32, f64, i8 or u8", "astype"]),
        ("<c8", "(1, 1)", &["\"<c8\"", "astype"]),
        ("<U4", "(1, 1)", &["\"<U4\"", "astype"]),
        ("<f4", "(1,)", &["2 axes", "(1)", "array[None, :]"]),
        ("<f4", "(1, 1, 1)", &["(1, 1, 1)", "reshape"]),
        ("<f4", "()", &["2 axes", "()"]),
        ("<f4", "(0, 4)", &["at least one row", "none"]),
        ("<f4", "(1, 0)", &["1 to 65536", "found 0"]),
        ("<f4", "(1, 65537)", &["1 to 65536", "found 65537"]),
    ];
    for (descr, shape, parts) in cases {
        refused("a.npy", npy(descr, shape, &[0; 4]), parts);
    }
    let mut bytes = NUMPY_F4.to_vec();
    let at = bytes.windows(5).position(|w| w == b"False").unwrap();
    bytes[at..at + 5].copy_from_slice(b"True ");
    refused("a.npy", bytes, &["Fortran", "ascontiguousarray"]);
    let mut bytes = npy("<f4", "(1, 1)", &[0; 4]);
    bytes.truncate(10);
    let structured = b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 1), }";
    bytes[8] = u8::try_from(structured.len()).unwrap();
    bytes.extend(structured);
    refused("a.npy", bytes, &["byte 20", "structured", "[('a', '<f4')]"]);
    refused(
        "a.npy",
        npy("<f4", "(4294967296, 1)", &[]),
        &["4294967295 rows"],
    );
    let huge = "(4294967295, 65536)";
    refused(
        "a.npy",
        npy("<f8", huge, &[0; 8]),
        &["truncated", "write it again"],
    );
    let most = "(18446744073709551615, 18446744073709551615)";
    refused("a.npy", npy("<f8", most, &[0; 8]), &["at most 4294967295"]);
    refused(
        "a.npy",
        b"PK\x03\x04 and so on",
        &["93 \"NUMPY\"", "byte 0"],
    );
    refused(
        "a.npy",
        b"\x93NUMPY\x04\x00\x10\x00",
        &["found 4.0", "byte 6"],
    );
    let long = b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}";
    refused("a.npy", long, &["at most 65536 bytes", "byte 8"]);
}

#[test]
fn each_truncation_and_each_tail_of_an_array_is_refused() {
    for length in 0..NUMPY_F4.len() {
        let error = try_read("a.npy", &NUMPY_F4[..length]).unwrap_err();
        says(&error, "a.npy", &["expected"]);
    }
    let mut long = NUMPY_F4.to_vec();
    long.push(0);
    let (expected, found) = (NUMPY_F4.len().to_string(), long.len().to_string());
    refused(
        "a.npy",
        long,
        &[&expected, &found, "followed by other data"],
    );
}

#[test]
fn each_value_that_is_not_finite_is_named_by_row_and_component() {
    let at = |row: usize, component: usize| {
        [
            format!("row {row}, component {component} (from 0)"),
            "finite".into(),
        ]
    };
    let check = |descr: &str, size: usize, bad: &[u8], value: &str| {
        for index in [0, 4, 11] {
            let mut values = vec![0; 12 * size];
            values[index * size..(index + 1) * size].copy_from_slice(bad);
            let file = npy(descr, "(4, 3)", &values);
            let byte = format!("byte {}", file.len() - values.len() + index * size);
            let [place, finite] = at(index / 3, index % 3);
            refused("a.npy", file, &[&place, &finite, value, &byte]);
        }
    };
    check("<f2", 2, &f16::NAN.to_le_bytes(), "NaN");
    check("<f2", 2, &f16::NEG_INFINITY.to_le_bytes(), "-inf");
    check("<f4", 4, &f32::NAN.to_le_bytes(), "NaN");
    check("<f4", 4, &f32::INFINITY.to_le_bytes(), "inf");
    check("<f8", 8, &f64::NAN.to_le_bytes(), "NaN");
    check("<f8", 8, &1e300_f64.to_le_bytes(), "1e300");
    check("<f8", 8, &(-3.5e38_f64).to_le_bytes(), "-3.5e38");
    let mut rows = fvecs(&[[1.0, 2.0], [3.0, 4.0]]);
    rows[20..24].copy_from_slice(&f32::NAN.to_le_bytes());
    refused("a.fvecs", rows, &["row 1, component 1", "byte 20", "NaN"]);
    // The largest f32 is one, though it comes as f64.
    let largest = f64::from(f32::MAX).to_le_bytes();
    assert_eq!(
        read("a.npy", npy("<f8", "(1, 1)", &largest)).vectors,
        [f32::MAX]
    );
}

fn fvecs<const N: usize>(rows: &[[f32; N]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in rows {
        bytes.extend((N as i32).to_le_bytes());
        bytes.extend(row.iter().flat_map(|value| value.to_le_bytes()));
    }
    bytes
}

#[test]
fn fvecs_and_bvecs_are_read() {
    let all = read("a.fvecs", fvecs(&[[1.5, -2.0], [3.0, 4.0], [5.0, 6.0]]));
    assert_eq!(all.vectors, [1.5, -2.0, 3.0, 4.0, 5.0, 6.0]);
    let all = read("a.BVECS", [3, 0, 0, 0, 1, 2, 255, 3, 0, 0, 0, 0, 7, 8]);
    assert_eq!(all.vectors, [1.0, 2.0, 255.0, 0.0, 7.0, 8.0]);
}

#[test]
fn fvecs_of_many_rows_equal_a_naive_reading() {
    let rows: Vec<[f32; 5]> = (0..40_000_u16)
        .map(|row| std::array::from_fn(|i| f32::from(row) * 0.37 + i as f32))
        .collect();
    let bytes = fvecs(&rows);
    let mut naive = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        for i in 0..5 {
            let from = at + 4 + 4 * i;
            naive.push(f32::from_le_bytes(
                bytes[from..from + 4].try_into().unwrap(),
            ));
        }
        at += 24;
    }
    let file = input("a.fvecs", &bytes);
    let mut source = source::open(&file.path, &SourceOptions::default()).unwrap();
    for rows_at_once in [usize::MAX, 7001] {
        assert_eq!(
            read_all(source.as_mut(), rows_at_once).unwrap().vectors,
            naive
        );
        source.rewind().unwrap();
    }
}

#[test]
fn damaged_fvecs_and_bvecs_are_refused() {
    let good = fvecs(&[[1.0, 2.0], [3.0, 4.0]]);
    for length in (0..good.len()).filter(|length| *length != 12) {
        let error = try_read("a.fvecs", &good[..length]).unwrap_err();
        says(&error, "a.fvecs", &["expected"]);
    }
    refused("a.fvecs", [], &["at least one row"]);
    refused(
        "a.fvecs",
        &good[..23],
        &["12 bytes", "found 23 bytes", "truncated"],
    );
    for dimension in [3_i32, -1, 0, i32::MAX] {
        let mut bytes = good.clone();
        bytes[12..16].copy_from_slice(&dimension.to_le_bytes());
        let found = format!("found {dimension}");
        refused(
            "a.fvecs",
            &bytes,
            &["row 1", "byte 12", "dimension 2", &found],
        );
        bytes[0..4].copy_from_slice(&dimension.to_le_bytes());
        if dimension != 3 {
            refused(
                "a.fvecs",
                &bytes,
                &["row 0", "byte 0", "1 to 65536", &found],
            );
        }
    }
    let mut bytes = vec![2, 0, 0, 0, 1, 2, 3, 0, 0, 0, 1, 2];
    refused(
        "a.bvecs",
        &bytes,
        &["row 1", "byte 6", "dimension 2", "found 3"],
    );
    bytes.pop();
    refused("a.bvecs", &bytes, &["rows of 6 bytes", "found 11 bytes"]);
}

#[test]
fn what_is_no_file_or_of_no_known_format_is_refused() {
    let options = SourceOptions::default();
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.npy");
    let error = source::open(&missing, &options).err().unwrap();
    says(&error, "missing.npy", &["check that the file is there"]);
    assert!(std::error::Error::source(&error).is_some());
    let directory = folder.path().join("folder.csv");
    std::fs::create_dir(&directory).unwrap();
    let error = source::open(&directory, &options).err().unwrap();
    says(&error, "folder.csv", &["regular file", "directory"]);
    refused(
        "a.xyz",
        b"some text",
        &[".npy", ".fvecs", ".bvecs", ".jsonl", ".csv"],
    );
    refused("a.gz", b"\x1f\x8b\x08\x00", &["compressed", "decompress"]);
    refused("empty", b"", &["supported are"]);
    for name in ["a.npy", "a.fvecs", "a.bvecs", "a.jsonl", "a.csv"] {
        refused(name, b"", &["expected"]);
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_found_out() {
    let bytes: Vec<u8> = vec![0; 4 * 1_000_000];
    let file = input("a.npy", npy("<f4", "(1000, 1000)", &bytes));
    let mut source = source::open(&file.path, &SourceOptions::default()).unwrap();
    let mut batch = Batch::default();
    source.next_batch(10, &mut batch).unwrap();
    let handle = std::fs::OpenOptions::new().write(true).open(&file.path);
    handle.unwrap().set_len(5000).unwrap();
    let error = source.next_batch(1000, &mut batch).unwrap_err();
    says(&error, "a.npy", &["changed while it was read", "now 5000"]);
    let error = source.rewind().unwrap_err();
    assert!(matches!(error.problem(), SourceProblem::Changed { .. }));
}

#[test]
fn matrices_are_read_whole() {
    let file = input("q.npy", NUMPY_F4);
    let matrix = source::read_matrix_f32(&file.path).unwrap();
    assert_eq!((matrix.rows, matrix.dimension), (2, 3));
    assert_eq!(matrix.row(1), Some(&[3.0, 4.0, -5.5][..]));
    assert_eq!(matrix.row(2), None);

    let expected = [1, -2, 3, i32::MAX];
    let narrow: Vec<u8> = expected.iter().flat_map(|v| v.to_le_bytes()).collect();
    let wide: Vec<u8> = expected
        .iter()
        .flat_map(|v| i64::from(*v).to_le_bytes())
        .collect();
    for (descr, bytes) in [("<i4", &narrow), ("<i8", &wide)] {
        let file = input("t.npy", npy(descr, "(2, 2)", bytes));
        let matrix = source::read_matrix_i32(&file.path).unwrap();
        assert_eq!((matrix.rows, matrix.dimension), (2, 2));
        assert_eq!(matrix.values, expected);
    }
    let ivecs: Vec<u8> = [2_i32, 5, 6, 2, 7, -8]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let file = input("t.ivecs", &ivecs);
    let matrix = source::read_matrix_i32(&file.path).unwrap();
    assert_eq!((matrix.rows, matrix.dimension), (2, 2));
    assert_eq!(matrix.values, [5, 6, 7, -8]);
}

#[test]
fn matrices_that_do_not_fit_are_refused() {
    let check = |name: &str, bytes: &[u8], parts: &[&str]| {
        let file = input(name, bytes);
        says(
            &source::read_matrix_i32(&file.path).unwrap_err(),
            name,
            parts,
        );
    };
    let wide: Vec<u8> = [1_i64, 1 << 31]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    check(
        "t.npy",
        &npy("<i8", "(1, 2)", &wide),
        &["component 1", "2147483648", "i32"],
    );
    check("t.npy", &npy("<u4", "(1, 1)", &[255; 4]), &["4294967295"]);
    check(
        "t.npy",
        &npy("<f4", "(1, 1)", &[0; 4]),
        &["i32, u32, i64 or u64", "\"<f4\""],
    );
    check("t.npy", &npy("<i4", "(1,)", &[0; 4]), &["2 axes"]);
    check("t.npy", &npy("<i4", "(1, 2)", &[0; 4]), &["truncated"]);
    check(
        "t.npy",
        &npy("<i4", "(4294967295, 65536)", &[0; 4]),
        &["truncated"],
    );
    let ivecs: Vec<u8> = [1_i32, 5, 2, 7]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    check("t.ivecs", &ivecs, &["row 1", "byte 8", "found 2"]);
}

#[test]
fn ids_are_read_from_each_kind_of_file() {
    let ids = |name: &str, bytes: &[u8]| source::read_ids(&input(name, bytes).path).unwrap();
    assert_eq!(
        ids("ids.txt", b"7\n0\r\n18446744073709551615"),
        numbers(&[7, 0, u64::MAX])
    );
    assert_eq!(ids("ids.txt", b"\xef\xbb\xbf7\n8\n\n\n"), numbers(&[7, 8]));
    assert_eq!(ids("ids", b"7\n x y \n8\n"), texts(&["7", "x y", "8"]));
    assert_eq!(ids("ids", b"7\n007\n"), texts(&["7", "007"]));
    assert_eq!(
        ids("ids.txt", "caf\u{e9}\n".as_bytes()),
        texts(&["caf\u{e9}"])
    );
    let lines = b"{\"id\":\"a\",\"x\":[1]}\n\n{\"y\":{},\"id\":\"7\"}\n";
    assert_eq!(ids("ids.jsonl", lines), texts(&["a", "7"]));
    assert_eq!(
        ids("ids.ndjson", b"{\"id\":3}\n{\"id\":4}"),
        numbers(&[3, 4])
    );
    let wide: Vec<u8> = [3_u64, 9].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(ids("ids.npy", &npy("<i8", "(2,)", &wide)), numbers(&[3, 9]));
    assert_eq!(ids("ids", &npy("<u8", "(2,)", &wide)), numbers(&[3, 9]));
    let most = npy("<u8", "(1,)", &[255; 8]);
    assert_eq!(ids("ids.npy", &most), numbers(&[u64::MAX]));
}

#[test]
fn ids_that_are_none_are_refused() {
    let check = |name: &str, bytes: &[u8], parts: &[&str]| {
        says(
            &source::read_ids(&input(name, bytes).path).unwrap_err(),
            name,
            parts,
        );
    };
    let long = format!("a\n{}\n", "x".repeat(513));
    check(
        "ids",
        long.as_bytes(),
        &["line 2", "row 1", "512 bytes", "found 513"],
    );
    check("ids", b"", &["at least one row"]);
    check("ids", b"a\n\n\nb\n", &["line 2", "empty"]);
    check("ids", b"\na\n", &["line 1", "empty"]);
    check("ids", b"a\n\xff\n", &["line 2", "UTF-8"]);
    check(
        "ids.jsonl",
        b"{\"id\":1}\n{\"id\":\"a\"}",
        &["line 1", "line 2", "one kind"],
    );
    check(
        "ids.jsonl",
        b"{\"id\":1}\n{\"key\":2}",
        &["line 2", "\"id\"", "\"key\""],
    );
    check(
        "ids.jsonl",
        b"{\"id\":1}\n{\"id\":-1}",
        &["line 2", "found -1"],
    );
    check("ids.jsonl", b"{\"id\":1}\n{\"id\":2", &["line 2", "JSON"]);
    check("ids.jsonl", b"{\"id\":\"\"}", &["line 1", "empty"]);
    let negative = npy("<i8", "(1,)", &[255; 8]);
    check("ids.npy", &negative, &["row 0", "found -1"]);
    check(
        "ids.npy",
        &npy("<i8", "(1, 1)", &[0; 8]),
        &["1 axes", "ravel"],
    );
    check("ids.npy", &npy("<f8", "(1,)", &[0; 8]), &["i64", "\"<f8\""]);
    check("ids.npy", &npy("<i8", "(2,)", &[0; 8]), &["truncated"]);
    check(
        "ids.npy",
        &npy("<i8", "(4294967296,)", &[0; 8]),
        &["4294967295 rows"],
    );
}

#[test]
fn vectors_in_memory_are_a_source() {
    let ids = texts(&["a", "b", "c"]);
    let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let mut source = MemorySource::new(2, &values[..], Some(ids.as_slice().into())).unwrap();
    for rows_at_once in [1, 2, 9] {
        let all = read_all(&mut source, rows_at_once).unwrap();
        assert_eq!(all.vectors, values);
        assert_eq!(all.ids, ids);
        source.rewind().unwrap();
    }
    let mut batch = Batch::default();
    source.next_batch(2, &mut batch).unwrap();
    source.next_batch(2, &mut batch).unwrap();
    assert_eq!(batch.place(0).row, Some(2));
    assert_eq!(batch.first_zero_vector(2), None);
    batch.vectors.extend([0.0, -0.0]);
    assert_eq!(batch.first_zero_vector(2), Some(1));
}

#[test]
fn wrong_vectors_in_memory_are_refused() {
    let check = |dimension: usize, values: &[f32], ids: Option<Vec<Id>>, parts: &[&str]| {
        let error = MemorySource::new(dimension, values, ids.map(Into::into)).unwrap_err();
        says(&error, "vectors in memory", parts);
    };
    check(0, &[1.0], None, &["found 0"]);
    check(65_537, &[1.0], None, &["found 65537"]);
    check(2, &[], None, &["at least one row"]);
    check(2, &[1.0; 3], None, &["expected 2", "found 3"]);
    check(
        2,
        &[1.0, 1.0, 1.0, f32::NAN],
        None,
        &["row 1, component 1", "NaN"],
    );
    check(1, &[1.0; 2], Some(numbers(&[1])), &["2 ids", "found 1"]);
    check(1, &[1.0], Some(texts(&[""])), &["row 0", "empty"]);
    let mixed = vec![Id::U64(1), Id::Text("a".into())];
    check(
        1,
        &[1.0; 2],
        Some(mixed),
        &["a number at row 0", "a text at row 1"],
    );
}

#[test]
fn the_writer_writes_what_numpy_writes() {
    let mut writer = source::write_npy_f32(Vec::new(), 2, 3).unwrap();
    writer.write_rows(&[1.5, -2.0, 0.25]).unwrap();
    writer.write_rows(&[3.0, 4.0, -5.5]).unwrap();
    assert_eq!(writer.finish().unwrap(), NUMPY_F4);
    let mut writer = source::write_npy_i8(Vec::new(), 2, 3).unwrap();
    writer.write_rows(&[1, -2, 0, 3, 4, -5]).unwrap();
    let mut expected = numpy_header("|i1");
    expected.extend(b"\x01\xfe\x00\x03\x04\xfb");
    assert_eq!(writer.finish().unwrap(), expected);
    let mut writer = source::write_npy_f16(Vec::new(), 2, 3).unwrap();
    writer
        .write_rows(&[1.5, -2.0, 0.25, 3.0, 4.0, -5.5].map(f16::from_f32))
        .unwrap();
    let mut expected = numpy_header("<f2");
    expected.extend(b"\x00\x3e\x00\xc0\x00\x34\x00\x42\x00\x44\x80\xc5");
    assert_eq!(writer.finish().unwrap(), expected);
}

#[test]
fn the_writer_holds_its_caller_to_the_shape() {
    assert!(source::write_npy_f32(Vec::new(), 1, 0).is_err());
    let mut writer = source::write_npy_f32(Vec::new(), 2, 3).unwrap();
    assert!(writer.write_rows(&[1.0; 4]).is_err());
    assert!(writer.write_rows(&[1.0; 9]).is_err());
    writer.write_rows(&[1.0; 3]).unwrap();
    let error = writer.finish().unwrap_err();
    assert!(error.to_string().contains("1 rows more"), "{error}");
}

#[test]
fn an_error_names_its_place_for_programs_too() {
    let error = try_read("a.npy", npy("<f4", "(1, 1)", &f32::NAN.to_le_bytes())).unwrap_err();
    assert!(matches!(error.problem(), SourceProblem::NotFinite { .. }));
    assert_eq!(
        (error.place().row, error.place().component),
        (Some(0), Some(0))
    );
    assert_eq!(error.path().unwrap().file_name().unwrap(), "a.npy");
    assert_ne!(error.place(), &Place::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_the_writer_writes_is_read_back(
        rows in 1_usize..20, dimension in 1_usize..40, seed in any::<u32>()
    ) {
        let values: Vec<f32> = (0..rows * dimension)
            .map(|i| f32::from_bits((seed.wrapping_mul(2_654_435_761).wrapping_add(i as u32 * 40_503)) & 0xbfff_ffff))
            .collect();
        let mut writer = source::write_npy_f32(Vec::new(), rows as u64, dimension).unwrap();
        for row in values.chunks(dimension) {
            writer.write_rows(row).unwrap();
        }
        let bytes = writer.finish().unwrap();
        prop_assert_eq!(bytes.len() % 64, rows * dimension * 4 % 64);
        prop_assert_eq!(read("a.npy", bytes).vectors, values);
    }

    #[test]
    fn no_flipped_byte_of_an_array_makes_the_reader_panic(at in 0..NUMPY_F4.len(), byte in any::<u8>()) {
        let mut bytes = NUMPY_F4.to_vec();
        bytes[at] = byte;
        let _ = try_read("a.npy", bytes);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        name in prop::sample::select(vec!["a.npy", "a.fvecs", "a.bvecs", "a.jsonl", "a.csv", "a"]),
    ) {
        let _ = try_read(name, &bytes);
        let file = input(name, &bytes);
        let _ = source::read_ids(&file.path);
        let _ = source::read_matrix_i32(&file.path);
        let _ = source::read_matrix_f32(&file.path);
    }
}
