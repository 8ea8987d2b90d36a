//! Searching through the command line.

mod common;

use common::{POINTS, Place, npy_f32, rows_of, sample};
use serde_json::Value;

/// Rows by squared distance, then row: the plain way.
fn nearest(points: &[&[f32]], to: &[f32]) -> Vec<(u64, f32)> {
    let distance =
        |point: &[f32]| -> f32 { point.iter().zip(to).map(|(a, b)| (a - b) * (a - b)).sum() };
    let mut all: Vec<_> = (0..)
        .zip(points.iter().map(|point| distance(point)))
        .collect();
    all.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    all
}

#[test]
fn hits_are_those_of_a_naive_search_with_ids_and_distances() {
    let place = Place::new();
    place.small(&POINTS);
    let answers = place
        .rvf(&[
            "query",
            "small.rvf",
            "--vector",
            "[1, 1]",
            "-k",
            "6",
            "--json",
        ])
        .json();
    let [answer] = answers.as_slice() else {
        panic!("{answers:?}")
    };
    let expected = nearest(&POINTS, &[1.0, 1.0]);
    for (hit, (row, distance)) in answer["hits"].as_array().unwrap().iter().zip(&expected) {
        assert_eq!(hit["row"].as_u64(), Some(*row));
        let id = char::from(b'a' + u8::try_from(*row).unwrap()).to_string();
        assert_eq!(hit["id"].as_str(), Some(id.as_str()));
        // These points are kept with a rounding of half a percent.
        let found = hit["distance"].as_f64().unwrap();
        assert!(
            (found - f64::from(*distance)).abs() < 0.02 * (1.0 + f64::from(*distance)),
            "{hit}"
        );
    }
    assert_eq!(answer["hits"].as_array().unwrap().len(), 6);
}

#[test]
fn json_is_a_line_for_each_query_with_its_keys_in_order() {
    let place = Place::new();
    place.small(&POINTS).write(
        "queries.npy",
        npy_f32(&[&[1.0, 1.0], &[4.0, 4.0], &[0.0, 0.0]]),
    );
    let out = place
        .rvf(&[
            "query",
            "small.rvf",
            "--vectors",
            "queries.npy",
            "-k",
            "1",
            "--json",
        ])
        .ok();
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines.len(), 3);
    for (number, line) in lines.iter().enumerate() {
        let start = format!("{{\"query\":{number},\"hits\":[{{\"row\":");
        assert!(line.starts_with(&start), "{line}");
        let mut rest = *line;
        for key in [
            "\"query\":",
            "\"hits\":",
            "\"row\":",
            "\"id\":",
            "\"distance\":",
            "\"engine\":",
            "\"micros\":",
        ] {
            let at = rest.find(key).unwrap_or_else(|| panic!("{key} in {line}"));
            rest = &rest[at + key.len()..];
        }
        let value: Value = serde_json::from_str(line).unwrap();
        assert!(value["micros"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn every_engine_and_every_way_to_read_gives_the_same_hits() {
    let place = Place::new();
    place.wordnet();
    let queries = sample("queries.i8.npy");
    let hits = |options: &[&str]| -> Vec<Value> {
        let mut args = vec!["query", "wordnet.rvf", "--vectors", &queries, "--json"];
        args.extend(options);
        let answers = place.rvf(&args).json();
        assert_eq!(answers.len(), 200);
        answers
            .into_iter()
            .map(|mut answer| answer["hits"].take())
            .collect()
    };
    let expected = hits(&[]);
    for options in [
        &["--engine", "native"][..],
        &["--engine", "native", "--backend", "scalar"],
        &["--engine", "wasmi"],
        &["--engine", "wasmi", "--build", "scalar"],
        &["--io", "read"],
        &["--check"],
    ] {
        assert!(hits(options) == expected, "{options:?}");
    }
}

#[test]
fn exact_search_on_the_sample_finds_its_truth() {
    let place = Place::new();
    place.wordnet();
    let queries = sample("queries.i8.npy");
    let answers = place
        .rvf(&[
            "query",
            "wordnet.rvf",
            "--vectors",
            &queries,
            "--exact",
            "--json",
        ])
        .json();
    let truth = std::fs::read(sample("truth.i32.npy")).unwrap();
    let truth = &truth[truth.len() - 200 * 100 * 4..];
    let mut found = 0;
    for (answer, truth) in answers.iter().zip(truth.chunks(400)) {
        assert_eq!(answer["exact"], true);
        let truth: Vec<u64> = truth
            .chunks(4)
            .take(10)
            .map(|row| row[0] as u64 + row[1] as u64 * 256)
            .collect();
        found += rows_of(answer)
            .iter()
            .filter(|row| truth.contains(row))
            .count();
    }
    // The sample's vectors are whole numbers of one byte: nothing is lost, ties apart.
    assert!(found >= 1_990, "{found} of 2000");
}

#[test]
fn like_gives_others_and_not_the_item_itself() {
    let place = Place::new();
    place.wordnet();
    let answers = place
        .rvf(&[
            "query",
            "wordnet.rvf",
            "--like",
            "ocean.n",
            "-k",
            "5",
            "--json",
        ])
        .json();
    let hits = answers[0]["hits"].as_array().unwrap();
    assert_eq!(hits.len(), 5);
    assert!(hits.iter().all(|hit| hit["id"] != "ocean.n"));
}

#[test]
fn like_takes_the_row_where_there_are_no_ids() {
    let place = Place::new();
    place.write("points.npy", npy_f32(&POINTS));
    place
        .rvf(&[
            "pack",
            "points.npy",
            "--metric",
            "l2",
            "-o",
            "points.rvf",
            "-q",
        ])
        .ok();
    let answers = place
        .rvf(&["query", "points.rvf", "--like", "2", "-k", "2", "--json"])
        .json();
    assert_eq!(rows_of(&answers[0]), [4, 0]);
    assert_eq!(answers[0]["hits"][0]["id"], 4);
    let error = place.rvf(&["query", "points.rvf", "--like", "6"]).failed();
    assert!(error.contains('6'), "{error}");
}

#[test]
fn numbers_as_ids_stay_numbers() {
    let place = Place::new();
    place.write(
        "points.jsonl",
        "{\"id\":18446744073709551615,\"vector\":[1,0]}\n{\"id\":7,\"vector\":[0,1]}\n",
    );
    place
        .rvf(&["pack", "points.jsonl", "-o", "points.rvf", "-q"])
        .ok();
    let out = place
        .rvf(&["query", "points.rvf", "--vector", "1 0.1", "--json"])
        .ok();
    assert!(out.contains("\"id\":18446744073709551615,"), "{out}");
    let out = place
        .rvf(&[
            "query",
            "points.rvf",
            "--like",
            "18446744073709551615",
            "--json",
        ])
        .ok();
    assert!(out.contains("\"id\":7,"), "{out}");
}

#[test]
fn vectors_come_from_standard_input_in_any_usual_form() {
    let place = Place::new();
    place.small(&POINTS);
    for input in ["[0.2,1]\n[4,5]\n", "0.2 1\n4 5\n", "[0.2,1][4,5]"] {
        let answers = place
            .rvf_with(
                &["query", "small.rvf", "--vector", "-", "-k", "1", "--json"],
                input,
            )
            .json();
        let rows: Vec<_> = answers.iter().map(rows_of).collect();
        assert_eq!(rows, [[0], [4]], "{input}");
    }
}

#[test]
fn a_filter_leaves_only_what_it_lists() {
    let place = Place::new();
    place
        .small(&POINTS)
        .write("filter.txt", "c\n\n f \n")
        .write("wrong.txt", "c\nz\n")
        .write("empty.txt", "");
    let query = |filter: &str| {
        place.rvf(&[
            "query",
            "small.rvf",
            "--vector",
            "[1,1]",
            "--filter",
            filter,
            "--json",
        ])
    };
    assert_eq!(rows_of(&query("filter.txt").json()[0]), [2, 5]);
    assert_eq!(rows_of(&query("empty.txt").json()[0]), [0_u64; 0]);
    let error = query("wrong.txt").failed();
    assert!(
        error.contains("wrong.txt, line 2") && error.contains("\"z\""),
        "{error}"
    );
}

#[test]
fn fewer_vectors_than_k_give_fewer_hits() {
    let place = Place::new();
    place.small(&POINTS[..1]);
    let answers = place
        .rvf(&[
            "query",
            "small.rvf",
            "--vector",
            "[1,1]",
            "-k",
            "10",
            "--json",
        ])
        .json();
    assert_eq!(rows_of(&answers[0]), [0]);
    let text = place.rvf(&["query", "small.rvf", "--like", "a"]).ok();
    assert!(text.contains("no vectors"), "{text}");
}

#[test]
fn text_from_a_file_cannot_steer_the_terminal() {
    let place = Place::new();
    place.write(
        "evil.jsonl",
        "{\"id\":\"\\u001b[2Jx\\u202ey\",\"vector\":[1,0]}\n",
    );
    place
        .rvf(&["pack", "evil.jsonl", "-o", "evil.rvf", "-q"])
        .ok();
    let text = place.rvf(&["query", "evil.rvf", "--vector", "[1,0]"]).ok();
    assert!(text.contains("\\u{1b}[2Jx\\u{202e}y"), "{text:?}");
    assert!(
        !text.contains('\u{1b}') && !text.contains('\u{202e}'),
        "{text:?}"
    );
}

#[test]
fn wishes_that_exclude_each_other_are_usage_errors() {
    let place = Place::new();
    place.small(&POINTS);
    for options in [
        "",
        "--vector [1,1] --like a",
        "--vector [1,1] --vectors small.npy",
        "--vector [1,1] --exact --recall 0.9",
        "--vector [1,1] --exact --probes 1",
        "--vector [1,1] --recall 0.9 --probes 1",
        "--vector [1,1] --recall 0",
        "--vector [1,1] --recall 1.5",
        "--vector [1,1] --recall nan",
        "--vector [1,1] -k 0",
        "--vector [1,1] -k 65537",
        "--vector [1,1] --engine gpu",
        "--vector [1,1] --engine native --build simd",
        "--vector [1,1] --engine wasmi --backend scalar",
        "--vector [1,1 ",
        "--vector one",
    ] {
        let mut args = vec!["query", "small.rvf"];
        args.extend(options.split(' ').filter(|word| !word.is_empty()));
        let error = place.rvf(&args).usage();
        assert!(error.starts_with("error: "), "{options}: {error}");
    }
}

#[test]
fn a_query_that_does_not_fit_is_explained() {
    let place = Place::new();
    place
        .small(&POINTS)
        .write("wide.npy", npy_f32(&[&[1.0, 2.0, 3.0]]))
        .write("nan.jsonl", "[1,1]\n[1,null]\n");
    let error = place
        .rvf(&["query", "small.rvf", "--vectors", "wide.npy"])
        .failed();
    assert!(
        error.contains("wide.npy") && error.contains('3') && error.contains('2'),
        "{error}"
    );
    let error = place
        .rvf(&["query", "small.rvf", "--vector", "[1]"])
        .failed();
    assert!(error.contains('1') && error.contains('2'), "{error}");
    let error = place
        .rvf(&["query", "small.rvf", "--vector", "[1,1e39]"])
        .failed();
    assert!(error.contains("component 1"), "{error}");
    let error = place
        .rvf(&["query", "small.rvf", "--like", "zebra"])
        .failed();
    assert!(error.contains("zebra"), "{error}");
    let ran = place.rvf(&["query", "small.rvf", "--vectors", "nan.jsonl"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("line 2"), "{ran:?}");
    let error = place.rvf(&["query", "missing.rvf", "--like", "a"]).failed();
    assert!(error.contains("missing.rvf"), "{error}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = Place::new();
    place.small(&POINTS);
    let many = "[1,1]\n".repeat(20_000);
    place.write("many.jsonl", many);
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_rvf"))
        .args(["query", "small.rvf", "--vectors", "many.jsonl", "--json"])
        .current_dir(place.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn text_for_people_lines_up() {
    let place = Place::new();
    place.small(&POINTS);
    let text = place
        .rvf(&[
            "query",
            "small.rvf",
            "--vector",
            "[1,1]",
            "-k",
            "3",
            "--exact",
        ])
        .ok();
    let table: Vec<_> = text.lines().take(4).collect();
    insta::assert_snapshot!("query-text", table.join("\n"));
    assert!(text.contains("exact over the vectors as stored"), "{text}");
}
