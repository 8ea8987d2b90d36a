//! Files that are damaged, cut short or made to mislead: an error or the right answer, never a wrong one.

mod common;

use common::{POINTS, Place, Ran};

/// Every command that reads a file, on `bad.rvf`.
const READERS: [&str; 5] = [
    "query bad.rvf --vector [1,1] -k 6 --json",
    "query bad.rvf --vector [1,1] -k 6 --json --io read",
    "query bad.rvf --like b --json --exact",
    "info bad.rvf",
    "extract bad.rvf --vectors out.npy --force",
];

fn run(place: &Place, command: &str) -> Ran {
    place.rvf(&command.split(' ').collect::<Vec<_>>())
}

/// The hits alone: times differ from run to run.
fn hits(ran: &Ran) -> Option<serde_json::Value> {
    let mut answer: serde_json::Value = serde_json::from_str(&ran.stdout).ok()?;
    Some(answer["hits"].take())
}

#[track_caller]
fn calm(ran: &Ran) {
    assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
    if ran.code == Some(1) {
        ran.proper_error();
    }
}

#[test]
fn a_flipped_bit_is_found_and_never_gives_a_wrong_answer() {
    let place = Place::new();
    place.small(&POINTS);
    let good = place.read("small.rvf");
    place.write("bad.rvf", &good);
    let expected: Vec<_> = READERS
        .iter()
        .map(|command| hits(&run(&place, command)))
        .collect();
    // Runs of the program are slow: some bits here, every one in the tests of the host library. The stride shares no
    // factor with 8, so that all bits of a byte have their turn.
    let bits = good.len() * 8;
    for bit in (0..bits).step_by((bits / 150) | 1) {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        place.write("bad.rvf", &bad);
        let verified = run(&place, "verify bad.rvf --json");
        assert_eq!(verified.code, Some(1), "bit {bit}: {verified:?}");
        for (command, expected) in READERS.iter().zip(&expected) {
            let ran = run(&place, command);
            calm(&ran);
            if ran.code == Some(0) && command.contains("--json") {
                assert_eq!(hits(&ran), *expected, "bit {bit}, {command}");
            }
        }
    }
}

#[test]
fn a_file_that_is_cut_short_is_refused() {
    let place = Place::new();
    place.small(&POINTS);
    let good = place.read("small.rvf");
    for length in [
        0,
        1,
        63,
        64,
        511,
        512,
        4095,
        4096,
        good.len() / 2,
        good.len() - 64,
        good.len() - 1,
    ] {
        place.write("bad.rvf", &good[..length]);
        for command in READERS {
            run(&place, command).failed();
        }
        assert_eq!(run(&place, "verify bad.rvf").code, Some(1), "{length}");
    }
    assert!(!place.exists("out.npy"));
}

#[test]
fn bytes_behind_the_end_are_told_and_do_no_harm() {
    let place = Place::new();
    place.small(&POINTS);
    let good = place.read("small.rvf");
    place.write("bad.rvf", [&good[..], &[7; 100]].concat());
    let ran = run(&place, "query bad.rvf --vector [1,1] --json");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("\"warnings\":["), "{ran:?}");
    let ran = run(&place, "query bad.rvf --vector [1,1]");
    assert!(
        ran.stderr.starts_with("warning: ") && ran.stderr.contains("100 bytes"),
        "{ran:?}"
    );
    let info = run(&place, "info bad.rvf");
    assert!(
        info.stdout.contains("warning:") && info.stdout.contains("uncommitted"),
        "{info:?}"
    );
    let ran = run(&place, "verify bad.rvf");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("R-ROOT-5"), "{ran:?}");
}

#[test]
fn what_is_no_rvf_file_is_called_so() {
    let place = Place::new();
    for content in [&b"PK\x03\x04 a zip, perhaps"[..], &[0; 10_000], b"{}", b""] {
        place.write("bad.rvf", content);
        for command in READERS {
            let error = run(&place, command).failed();
            assert!(error.contains("bad.rvf"), "{error}");
        }
        assert_eq!(run(&place, "verify bad.rvf").code, Some(1));
    }
}

#[test]
fn every_count_of_the_manifest_may_lie() {
    let place = Place::new();
    place.small(&POINTS);
    let good = place.read("small.rvf");
    let at = good.windows(4).rposition(|bytes| bytes == b"RVFM").unwrap();
    for field in [0x08, 0x10, 0x18, 0x70, 0x74, 0x78, 0x7c, 0x80] {
        for value in [0_u32, 1, 0x7fff_ffff, u32::MAX] {
            let mut bad = good.clone();
            bad[at + field..at + field + 4].copy_from_slice(&value.to_le_bytes());
            if bad == good {
                continue;
            }
            place.write("bad.rvf", &bad);
            for command in READERS {
                run(&place, command).failed();
            }
        }
    }
}
