//! What can't be packed, and what is said of it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails has to say where"
)]

mod common;

use std::path::PathBuf;

use common::data::clustered;
use rvf_pack::source::{
    self, Batch, Id, MemorySource, Source, SourceError, SourceInfo, SourceOptions,
};
use rvf_pack::{Metric, Module, PackError, Packer, Role, VectorKind};

fn pack(packer: Packer<'_>, source: &mut dyn Source) -> PackError {
    { packer }.pack_to_vec(source).unwrap_err()
}

/// The error for rows in memory, which must name each of `parts`.
#[track_caller]
fn refused(packer: Packer<'_>, dimension: usize, vectors: &[f32], parts: &[&str]) {
    let mut source = MemorySource::new(dimension, vectors, None).unwrap();
    says(&pack(packer, &mut source), parts);
}

#[track_caller]
fn says(error: &PackError, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} in {text:?}");
    }
    assert!(!text.contains("{"), "{text}");
}

/// A file of lines, which is there as long as the folder.
fn lines(lines: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    std::fs::write(&path, lines.join("\n")).unwrap();
    (folder, path)
}

#[track_caller]
fn lines_refused(packer: Packer<'_>, text: &[&str], parts: &[&str]) {
    let (_folder, path) = lines(text);
    let mut source = source::open(&path, &SourceOptions::default()).unwrap();
    says(&pack(packer, source.as_mut()), parts);
}

#[test]
fn components_out_of_range_are_named_with_row_line_and_remedy() {
    let wide = [1.0, 2.0, 3.0, -1.1e15];
    refused(
        Packer::new(),
        2,
        &wide,
        &["row 1", "component 1", "-1.1e15", "1e15"],
    );
    refused(
        Packer::new().vectors(VectorKind::F16),
        2,
        &[1.0, 70_000.0],
        &["row 0", "component 1", "7e4", "--vectors f32", "6.5504e4"],
    );
    let fits = Packer::new()
        .vectors(VectorKind::F32)
        .pack_to_vec(&mut MemorySource::new(1, vec![70_000.0], None).unwrap());
    assert!(fits.is_ok());
    lines_refused(
        Packer::new(),
        &["[1,2]", "", "[3,1e16]"],
        &["line 3", "row 1", "component 1"],
    );
}

/// A source that says what it likes.
struct Liar {
    info: SourceInfo,
    batches: Vec<Batch>,
    next: usize,
}

impl Liar {
    fn new(rows: Option<u64>, batches: Vec<Vec<f32>>) -> Self {
        let mut info = MemorySource::new(2, vec![1.0, 2.0], None)
            .unwrap()
            .info()
            .clone();
        info.rows = rows;
        let batch = |vectors| Batch {
            vectors,
            ..Batch::default()
        };
        Self {
            info,
            batches: batches.into_iter().map(batch).collect(),
            next: 0,
        }
    }
}

impl Source for Liar {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_batch(&mut self, _: usize, batch: &mut Batch) -> Result<usize, SourceError> {
        let Some(next) = self.batches.get(self.next) else {
            return Ok(0);
        };
        self.next += 1;
        *batch = next.clone();
        Ok(next.vectors.len().div_ceil(2))
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.next = 0;
        Ok(())
    }
}

#[test]
fn a_source_that_does_not_keep_its_word_is_refused() {
    let rows = |values: &[f32]| vec![values.to_vec()];
    let error = |rows, batches| pack(Packer::new(), &mut Liar::new(rows, batches));
    says(
        &error(Some(1), rows(&[1.0, f32::NAN])),
        &["row 0", "component 1", "NaN"],
    );
    says(
        &error(None, rows(&[f32::NEG_INFINITY, 0.0])),
        &["row 0", "component 0", "-inf"],
    );
    assert!(matches!(
        error(None, rows(&[1.0, 2.0, 3.0])),
        PackError::BadBatch { row: 0 }
    ));
    assert!(matches!(
        error(Some(3), rows(&[1.0, 2.0])),
        PackError::RowsChanged {
            expected: 3,
            found: 1
        }
    ));
    assert!(matches!(
        error(Some(1), rows(&[1.0, 2.0, 3.0, 4.0])),
        PackError::RowsChanged {
            expected: 1,
            found: 2
        }
    ));
    assert!(matches!(error(None, Vec::new()), PackError::NoRows));
    for found in [0, 65_537] {
        let mut liar = Liar::new(None, Vec::new());
        liar.info.dimension = found;
        says(
            &pack(Packer::new(), &mut liar),
            &[&format!("found {found}"), "65,536"],
        );
    }
    assert!(matches!(
        error(Some(1 << 32), rows(&[1.0, 2.0])),
        PackError::TooManyRows
    ));
}

#[test]
fn zero_vectors_are_refused_under_cosine_alone() {
    let vectors = [1.0, 2.0, 0.0, -0.0, 3.0, 4.0];
    refused(Packer::new(), 2, &vectors, &["row 1", "zero", "l2"]);
    // Next to zero: the sum of squares is below 2⁻¹⁰⁰.
    refused(
        Packer::new().vectors(VectorKind::F32),
        2,
        &[1.0, 1.0, 6e-16, 6e-16],
        &["row 1", "zero"],
    );
    // f16 rounds this to zero.
    refused(
        Packer::new().vectors(VectorKind::F16),
        2,
        &[1e-9, 1e-9],
        &["row 0", "zero"],
    );
    lines_refused(
        Packer::new(),
        &["[1,2]", "[3,4]", "", "[0,0]"],
        &["line 4", "row 2"],
    );
    for metric in [Metric::L2, Metric::InnerProduct] {
        let mut source = MemorySource::new(2, &vectors[..], None).unwrap();
        assert!(
            Packer::new()
                .metric(metric)
                .pack_to_vec(&mut source)
                .is_ok()
        );
    }
}

#[test]
fn the_first_of_several_faults_is_named_with_any_number_of_threads() {
    let mut vectors = clustered(5_000, 4);
    for row in [4_999, 1_234, 3_000] {
        vectors[row * 4..][..4].fill(0.0);
    }
    for threads in [1, 2, 5] {
        refused(Packer::new().threads(threads), 4, &vectors, &["row 1234 "]);
    }
}

#[test]
fn duplicate_ids_are_named_with_both_places() {
    let text = [
        r#"{"id":"b","vector":[1]}"#,
        r#"{"id":"a","vector":[1]}"#,
        "",
        r#"{"id":"b","vector":[2]}"#,
    ];
    lines_refused(
        Packer::new(),
        &text,
        &["\"b\"", "line 1", "row 0", "line 4", "row 2"],
    );
    let text = [r#"{"id":7,"vector":[1]}"#, r#"{"id":7,"vector":[1]}"#];
    lines_refused(Packer::new(), &text, &["the id 7", "line 1", "line 2"]);
    let mut ids: Vec<Id> = (0..5_000).map(Id::U64).collect();
    ids[4_000] = Id::U64(17);
    ids[4_900] = Id::U64(3);
    refused(
        Packer::new().ids(ids),
        2,
        &clustered(5_000, 2),
        &["the id 17", "row 17 ", "row 4000 "],
    );
    // Control characters do not reach a terminal.
    let ids = vec![
        Id::Text("a\u{1b}[31m".into()),
        Id::Text("a\u{1b}[31m".into()),
    ];
    let mut source = MemorySource::new(1, vec![1.0, 2.0], None).unwrap();
    assert!(
        !pack(Packer::new().ids(ids), &mut source)
            .to_string()
            .contains('\u{1b}')
    );
}

#[test]
fn lists_of_ids_must_fit() {
    let two = [1.0, 2.0];
    refused(
        Packer::new().ids(vec![Id::U64(1)]),
        1,
        &two,
        &["2 rows", "1 ids"],
    );
    refused(Packer::new().ids(Vec::new()), 1, &two, &["2 rows", "0 ids"]);
    refused(
        Packer::new().ids(vec![Id::U64(1), Id::Text("2".into())]),
        1,
        &two,
        &["row 1", "number"],
    );
    refused(
        Packer::new().ids(vec![Id::Text("2".into()), Id::U64(1)]),
        1,
        &two,
        &["row 1", "text"],
    );
    for text in [String::new(), "x".repeat(513)] {
        refused(
            Packer::new()
                .ids(vec![Id::U64(1), Id::U64(2)])
                .ids(vec![Id::Text("a".into()), Id::Text(text)]),
            1,
            &two,
            &["row 1", "512"],
        );
    }
}

#[test]
fn a_wrong_list_of_ids_is_refused_before_any_row_is_read() {
    let refuse = |ids: &[u64], parts: &[&str]| {
        let ids = ids.iter().copied().map(Id::U64).collect();
        // Read, it would be refused since it has fewer rows than it says.
        let mut source = Liar::new(Some(3), Vec::new());
        says(&pack(Packer::new().ids(ids), &mut source), parts);
    };
    refuse(&[1, 2], &["3 rows", "2 ids"]);
    refuse(&[7, 8, 7], &["id 7", "row 0", "row 2"]);
    refuse(&[7, 8, 9], &["found none"]);
}

#[test]
fn modules_that_import_start_or_are_none_are_refused() {
    let header = b"\0asm\x01\0\0\0";
    // (type (func)) (import "a" "b" (func (type 0)))
    let importing = [
        &header[..],
        b"\x01\x04\x01\x60\0\0",
        b"\x02\x07\x01\x01a\x01b\0\0",
    ]
    .concat();
    // (type (func)) (func (type 0)) (start 0) and its empty body
    let starting = [
        &header[..],
        b"\x01\x04\x01\x60\0\0",
        b"\x03\x02\x01\0",
        b"\x08\x01\0",
        b"\x0a\x04\x01\x02\0\x0b",
    ]
    .concat();
    let fine = header.to_vec();
    let with = |bytecode: Vec<u8>| {
        Packer::new().modules(vec![
            Module::new(Role::Microkernel, 0, fine.clone()),
            Module::new(Role::Microkernel, 1, bytecode),
        ])
    };
    refused(with(importing), 1, &[1.0], &["module 1", "import"]);
    refused(with(starting), 1, &[1.0], &["module 1", "start"]);
    refused(with(b"no module".to_vec()), 1, &[1.0], &["module 1"]);
    let mut source = MemorySource::new(1, vec![1.0], None).unwrap();
    let file = with(fine.clone()).pack_to_vec(&mut source).unwrap().0;
    let file = common::read(&file);
    let modules = file.of_kind(common::WASM);
    assert_eq!(modules.len(), 2);
    assert_eq!(modules[1].payload[64..], fine[..]);
    assert_eq!(
        modules[1].payload[0x18..0x38],
        common::shake(&[&fine], 32)[..]
    );
    assert_eq!(
        (modules[0].payload[0x38], modules[1].payload[0x38]),
        (0, 1),
        "the priorities"
    );
}

#[test]
fn properties_need_a_key() {
    refused(
        Packer::new().property("", "x"),
        1,
        &[1.0],
        &["property", "empty"],
    );
    refused(
        Packer::new().property("x".repeat(65_536), ""),
        1,
        &[1.0],
        &["65,535"],
    );
}

#[test]
fn many_short_properties_are_as_long_as_the_manifest_makes_them() {
    // Keys and values alone are 16 MiB; with the lengths that stand beside them it is more than 32.
    let packer = (0..2_400_000).fold(Packer::new(), |packer, number| {
        packer.property(format!("{number:07}"), "")
    });
    refused(packer, 1, &[1.0], &["property", "32 MiB"]);
}

#[test]
fn more_lists_than_there_can_be_are_refused() {
    for (rows, lists) in [(9, 0), (9, 10), (70_000, 65_537)] {
        let mut source = MemorySource::new(1, vec![1.0; rows], None).unwrap();
        let error = Packer::new()
            .lists(lists)
            .pack_to_vec(&mut source)
            .unwrap_err();
        assert!(matches!(error, PackError::TooManyLists { .. }), "{error}");
        assert!(error.to_string().contains("--lists"), "{error}");
    }
}

#[test]
fn a_recall_that_is_not_measured_is_refused() {
    let mut source = MemorySource::new(1, vec![1.0, -1.0, 0.5], None).unwrap();
    let error = Packer::new()
        .recall(0.9)
        .measure(false)
        .pack_to_vec(&mut source)
        .unwrap_err();
    let PackError::Property { key, problem } = &error else {
        panic!("{error}");
    };
    assert_eq!(key, "rvf.recall");
    assert!(problem.contains("measured"), "{error}");
}

#[test]
fn a_recall_above_the_ceiling_is_refused_with_the_ceiling() {
    // A byte is too coarse for the order of vectors that differ in the fourth digit.
    let component = |i: usize| {
        if i.is_multiple_of(8) {
            1000.0
        } else {
            ((i * 7919) % 1009) as f32 * 1e-3
        }
    };
    let vectors: Vec<f32> = (0..8 * 2_000).map(component).collect();
    let pack = |kind, lists| {
        let mut source = MemorySource::new(8, vectors.clone(), None).unwrap();
        let packer = Packer::new()
            .metric(Metric::L2)
            .vectors(kind)
            .lists(lists)
            .recall(0.9);
        { packer }
            .pack_to_vec(&mut source)
            .map(|(_, report)| report)
    };
    for lists in [1, 30] {
        let error = pack(VectorKind::I8, lists).unwrap_err();
        let PackError::AboveCeiling {
            recall, k, ceiling, ..
        } = error
        else {
            panic!("{error}");
        };
        assert!(recall == 0.9 && k == 10 && ceiling < 0.9);
        assert!(error.to_string().contains("--vectors f16"), "{error}");
        let report = pack(VectorKind::F32, lists).unwrap();
        assert!(report.effort_for(10, 0.9).is_some());
    }
}
