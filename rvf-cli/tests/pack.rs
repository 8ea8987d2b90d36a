//! Packing through the command line: what comes out, and what is refused.

mod common;

use common::{POINTS, Place, noise_npy, npy, npy_f32};

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let place = Place::new();
    place.write("rows.npy", noise_npy(3_000, 48));
    for vectors in ["i8", "f16", "f32"] {
        let pack = |threads: &str| {
            let args = [
                "pack",
                "rows.npy",
                "-o",
                "out.rvf",
                "--force",
                "--quiet",
                "--vectors",
                vectors,
            ];
            place
                .rvf(&[&args[..], &["--threads", threads]].concat())
                .ok();
            place.read("out.rvf")
        };
        assert!(pack("1") == pack("2"), "{vectors}");
    }
}

#[test]
fn the_summary_tells_size_recall_and_what_was_left_out() {
    let place = Place::new();
    place.write("rows.csv", "id,lang,x,y\na,en,1,2\nb,de,3,4\nc,fr,5,6\n").write(
        "rows.jsonl",
        "{\"id\":\"a\",\"vector\":[1,2],\"text\":\"one\"}\n{\"id\":\"b\",\"vector\":[3,4],\"text\":\"two\"}\n",
    );
    let text = place.rvf(&["pack", "rows.jsonl", "-o", "out.rvf"]).ok();
    for part in [
        "2 of 2 dimensions",
        "cosine",
        "text ids",
        "bytes a vector",
        "Recall@",
        "text (",
        "code",
        "time",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let json = place
        .rvf(&["pack", "rows.jsonl", "-o", "out.rvf", "--force", "--json"])
        .json();
    assert_eq!(json[0]["vectors"], 2);
    assert_eq!(json[0]["dimension"], 2);
    assert_eq!(json[0]["ignored_columns"][0], "text");
    assert_eq!(json[0]["bytes"], place.read("out.rvf").len());
    assert_eq!(
        place
            .rvf(&["pack", "rows.jsonl", "-o", "quiet.rvf", "--quiet"])
            .ok(),
        ""
    );
}

#[test]
fn columns_are_chosen_by_name() {
    let place = Place::new();
    place.write("rows.jsonl", "{\"name\":\"a\",\"emb\":[1,2],\"other\":[9,9,9]}\n{\"name\":\"b\",\"emb\":[3,4],\"other\":[1,2,3]}\n");
    let args = [
        "pack",
        "rows.jsonl",
        "--vector-column",
        "emb",
        "--id-column",
        "name",
        "-o",
        "out.rvf",
        "-q",
    ];
    place.rvf(&args).ok();
    let answers = place
        .rvf(&["query", "out.rvf", "--like", "a", "--json"])
        .json();
    assert_eq!(answers[0]["hits"][0]["id"], "b");
}

#[test]
fn what_is_no_vector_is_refused_with_its_place() {
    let place = Place::new();
    let two = npy_f32(&[&[1.0, 2.0], &[3.0, 4.0]]);
    let row = |a: f32, b: f32| npy_f32(&[&[1.0, 2.0], &[a, b]]);
    let ids = |text: &str| format!("id,x,y\n{text}");
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        ("nan.npy", row(3.0, f32::NAN), &["row 1", "NaN"]),
        ("infinite.npy", row(f32::INFINITY, 3.0), &["row 1", "inf"]),
        ("zero.npy", row(0.0, 0.0), &["row 1", "zero", "cosine"]),
        ("short.npy", two[..two.len() - 3].to_vec(), &["bytes"]),
        ("long.npy", [two.clone(), vec![0; 4]].concat(), &["bytes"]),
        ("head.npy", two[..20].to_vec(), &["head.npy"]),
        (
            "huge.npy",
            npy("<f4", false, "(99999999999999, 65536)", &[0; 64]),
            &["huge.npy"],
        ),
        (
            "wide.npy",
            npy("<f4", false, "(1, 65537)", &vec![0; 65_537 * 4]),
            &["65,536", "65537"],
        ),
        (
            "type.npy",
            npy("<i8", false, "(1, 2)", &[0; 16]),
            &["<i8", "f32"],
        ),
        ("big.npy", npy(">f4", false, "(1, 2)", &[0; 8]), &["endian"]),
        (
            "fortran.npy",
            npy("<f4", true, "(2, 2)", &[0; 16]),
            &["ortran"],
        ),
        ("flat.npy", npy("<f4", false, "(4,)", &[0; 16]), &["axes"]),
        (
            "empty.npy",
            npy("<f4", false, "(0, 2)", &[]),
            &["empty.npy"],
        ),
        ("nothing.csv", Vec::new(), &["nothing.csv"]),
        ("ragged.csv", ids("a,1,2\nb,3\n").into(), &["line 3"]),
        (
            "word.csv",
            ids("a,1,2\nb,3,four\n").into(),
            &["line 3", "four"],
        ),
        (
            "twice.csv",
            ids("a,1,2\nb,3,4\na,5,6\n").into(),
            &["\"a\"", "line 2", "line 4"],
        ),
        ("ragged.jsonl", "[1,2]\n[1,2,3]\n".into(), &["line 2"]),
        ("broken.jsonl", "[1,2]\n[1,\n".into(), &["line 2"]),
        (
            "null.jsonl",
            "{\"vector\":[1,2]}\n{\"vector\":[1,null]}\n".into(),
            &["line 2"],
        ),
        (
            "twice.jsonl",
            "{\"id\":7,\"vector\":[1,2]}\n{\"id\":7,\"vector\":[3,4]}\n".into(),
            &["7", "line 1", "line 2"],
        ),
        ("notes.xyz", "hello".into(), &[".npy"]),
    ];
    for (name, content, parts) in cases {
        place.write(name, content);
        let before = place.names();
        let error = place.rvf(&["pack", name, "-o", "out.rvf"]).failed();
        for part in parts.iter().chain(&["help:"]) {
            assert!(
                error
                    .to_lowercase()
                    .replace(',', "")
                    .contains(&part.to_lowercase().replace(',', "")),
                "{name}: {part} in {error}"
            );
        }
        assert_eq!(place.names(), before, "{name} left something behind");
    }
}

#[test]
fn ids_must_fit_the_rows() {
    let place = Place::new();
    place.write("points.npy", npy_f32(&POINTS));
    for (name, ids, part) in [
        ("few.txt", "a\nb\n", "6"),
        ("many.txt", "a\nb\nc\nd\ne\nf\ng\n", "7"),
        ("twice.txt", "a\nb\nc\na\ne\nf\n", "\"a\""),
        ("twice.txt", "a\nb\nc\na\ne\nf\n", "line 4"),
        ("blank.txt", "a\nb\n\nd\ne\nf\n", "line 3"),
    ] {
        place.write(name, ids);
        let error = place
            .rvf(&[
                "pack",
                "points.npy",
                "--metric",
                "l2",
                "--ids",
                name,
                "-o",
                "out.rvf",
            ])
            .failed();
        assert!(error.contains(part), "{name}: {error}");
        assert!(!place.exists("out.rvf"));
    }
}

#[test]
fn an_input_that_cannot_be_read_is_named() {
    let place = Place::new();
    place.write("points.npy", npy_f32(&POINTS));
    let error = place
        .rvf(&["pack", "missing.npy", "-o", "out.rvf"])
        .failed();
    assert!(error.contains("missing.npy"), "{error}");
    let error = place.rvf(&["pack", ".", "-o", "out.rvf"]).failed();
    assert!(error.contains("help:"), "{error}");
    let error = place
        .rvf(&[
            "pack",
            "points.npy",
            "--metric",
            "l2",
            "--ids",
            "missing.txt",
            "-o",
            "out.rvf",
        ])
        .failed();
    assert!(error.contains("missing.txt"), "{error}");
    let error = place
        .rvf(&[
            "pack",
            "points.npy",
            "--metric",
            "l2",
            "--kernel",
            "missing.wasm",
            "-o",
            "out.rvf",
        ])
        .failed();
    assert!(error.contains("missing.wasm"), "{error}");
    place.write("no.wasm", "not a module");
    let error = place
        .rvf(&[
            "pack",
            "points.npy",
            "--metric",
            "l2",
            "--kernel",
            "no.wasm",
            "-o",
            "out.rvf",
        ])
        .failed();
    assert!(error.contains("no.wasm"), "{error}");
    assert!(!place.exists("out.rvf"));
}

#[test]
fn an_existing_target_is_kept_without_force_and_after_a_failure() {
    let place = Place::new();
    place
        .write("points.npy", npy_f32(&POINTS))
        .write("out.rvf", "precious")
        .write("nan.npy", npy_f32(&[&[f32::NAN]]));
    let pack = |input: &str, force: &[&str]| {
        place.rvf(
            &[
                &["pack", input, "--metric", "l2", "-o", "out.rvf", "-q"],
                force,
            ]
            .concat(),
        )
    };
    let error = pack("points.npy", &[]).failed();
    assert!(
        error.contains("out.rvf") && error.contains("--force"),
        "{error}"
    );
    assert_eq!(place.read("out.rvf"), b"precious");
    pack("nan.npy", &["--force"]).failed();
    assert_eq!(place.read("out.rvf"), b"precious");
    pack("points.npy", &["--force"]).ok();
    place.rvf(&["verify", "out.rvf"]).ok();
    assert_eq!(place.names(), ["nan.npy", "out.rvf", "points.npy"]);
}

#[test]
fn a_target_that_cannot_be_written_is_explained() {
    let place = Place::new();
    place.write("points.npy", npy_f32(&POINTS));
    for target in ["no/such/folder/out.rvf", "."] {
        let error = place
            .rvf(&["pack", "points.npy", "--metric", "l2", "-o", target])
            .failed();
        assert!(error.contains("help:"), "{target}: {error}");
    }
    assert_eq!(place.names(), ["points.npy"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_device_is_not_replaced() {
    let place = Place::new();
    place.write("points.npy", npy_f32(&POINTS));
    for force in [&[][..], &["--force"]] {
        place
            .rvf(
                &[
                    &["pack", "points.npy", "--metric", "l2", "-o", "/dev/full"],
                    force,
                ]
                .concat(),
            )
            .failed();
    }
    use std::os::unix::fs::FileTypeExt as _;
    assert!(
        std::fs::metadata("/dev/full")
            .unwrap()
            .file_type()
            .is_char_device()
    );
}

/// A file system of 256 KiB, gone when dropped. None where this process may not make one.
#[cfg(target_os = "linux")]
struct SmallDisk(Place);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn new() -> Option<Self> {
        let place = Place::new();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
            .arg(place.path())
            .output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then_some(Self(place))
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg(self.0.path())
            .output();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_nothing_behind() {
    let Some(disk) = SmallDisk::new() else {
        eprintln!(
            "SKIPPED a_full_disk_leaves_nothing_behind: a small tmpfs can't be mounted here (needs root)"
        );
        return;
    };
    let place = Place::new();
    place.write("rows.npy", noise_npy(4_000, 64));
    let target = disk.0.file("out.rvf").display().to_string();
    let error = place.rvf(&["pack", "rows.npy", "-o", &target]).failed();
    assert!(error.contains("space"), "{error}");
    assert!(disk.0.names().is_empty(), "{:?}", disk.0.names());

    place
        .rvf(&["pack", "rows.npy", "-o", "rows.rvf", "-q"])
        .ok();
    let target = disk.0.file("out.npy").display().to_string();
    let error = place
        .rvf(&["extract", "rows.rvf", "--vectors", &target])
        .failed();
    assert!(error.contains("space"), "{error}");
    assert!(disk.0.names().is_empty(), "{:?}", disk.0.names());
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_nobody_can_store_is_a_failure() {
    let place = Place::new();
    place.small(&POINTS);
    for command in [
        "info small.rvf",
        "query small.rvf --like a",
        "verify small.rvf",
        "completions bash",
    ] {
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_rvf"))
            .args(command.split(' '))
            .current_dir(place.path())
            .stdout(full)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{command}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("standard output"), "{command}: {error}");
    }
}
