//! What `rvf pack` leaves when it is interrupted, and the options that its messages name.
#![allow(clippy::unwrap_used, reason = "a test that fails has to say where")]

mod common;

use common::{Place, noise_npy};

fn pack(place: &Place, args: &str) -> common::Ran {
    let args: Vec<&str> = ["pack"].into_iter().chain(args.split(' ')).collect();
    place.rvf(&args)
}

fn ids_of(place: &Place, file: &str) -> String {
    let info = place.rvf(&["info", file, "--json"]).json();
    info[0]["ids"].as_str().unwrap().to_owned()
}

#[cfg(unix)]
#[test]
fn a_pack_that_is_interrupted_leaves_nothing() {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    let place = Place::new();
    place.write("in.npy", noise_npy(60_000, 64));
    place.write("out.rvf", "before");
    for signal in ["-INT", "-TERM"] {
        let child = Command::new(env!("CARGO_BIN_EXE_rvf"))
            .args([
                "pack", "in.npy", "--metric", "l2", "-o", "out.rvf", "--force",
            ])
            .current_dir(place.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The unfinished file is there: the signal comes in the middle.
        while !place.names().iter().any(|name| name.ends_with(".part")) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let killed = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("cancelled"), "{said}");
        assert_eq!(place.names(), ["in.npy", "out.rvf"]);
        assert_eq!(place.read("out.rvf"), b"before");
    }
}

#[test]
fn ids_are_left_out_or_taken_as_text_when_asked() {
    let place = Place::new();
    place.write("in.csv", "id,a,b\n1,0.5,1\n2,1,0.25\nthree,1,1\n");
    let error = pack(&place, "in.csv -o mixed.rvf").failed();
    assert!(error.contains("--ids-as-text"), "{error}");
    pack(&place, "in.csv -o text.rvf --ids-as-text --quiet").ok();
    assert_eq!(ids_of(&place, "text.rvf"), "utf8");
    pack(&place, "in.csv -o none.rvf --no-ids --quiet").ok();
    assert_eq!(ids_of(&place, "none.rvf"), "none");
    place.write("ids.txt", "a\nb\nc\n");
    pack(&place, "in.csv -o both.rvf --no-ids --ids ids.txt").usage();
}

#[test]
fn a_header_of_numbers_is_one_when_it_is_said() {
    let place = Place::new();
    place.write("in.csv", "1,2\n3,4\n5,6\n");
    for (answer, rows) in [("no", 3), ("yes", 2)] {
        let file = format!("{answer}.rvf");
        let args = format!("in.csv -o {file} --metric l2 --header {answer} --quiet");
        pack(&place, &args).ok();
        let info = place.rvf(&["info", &file, "--json"]).json();
        assert_eq!(info[0]["vectors"], rows, "{answer}");
    }
}

#[test]
fn wrong_ids_are_told_with_the_file_that_they_come_from() {
    let place = Place::new();
    place.write("in.csv", "0.5,1\n1,0.25\n1,1\n");
    for (ids, part) in [("a\nb\n", "2 ids"), ("a\nb\na\n", "row 2")] {
        place.write("ids.txt", ids);
        let error = pack(&place, "in.csv -o out.rvf --ids ids.txt").failed();
        assert!(
            error.contains("ids.txt: ") && error.contains(part),
            "{error}"
        );
    }
}
