//! `info`, `verify`, `extract` and `bench`.

mod common;

use common::{POINTS, Place, noise_npy, npy_f32, npy_i32, sample};

#[test]
fn info_accounts_for_every_byte() {
    let place = Place::new();
    place.wordnet();
    let info = &place.rvf(&["info", "wordnet.rvf", "--json"]).json()[0];
    let size = place.read("wordnet.rvf").len() as u64;
    assert_eq!(info["bytes"], size);
    let segments = info["segments"].as_array().unwrap();
    let sum: u64 = segments
        .iter()
        .map(|segment| segment["bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, size);
    assert_eq!(info["vectors"], 8192);
    assert_eq!(info["dimension"], 384);
    assert_eq!(info["metric"], "cosine");
    assert_eq!(info["kept"], "i8");
    let kernels = info["kernels"].as_array().unwrap();
    assert_eq!(kernels.len(), 2);
    for kernel in kernels {
        assert_eq!(kernel["role"], "microkernel");
        assert!(kernel["known"].is_string(), "{kernel}");
        assert_eq!(kernel["hash"].as_str().unwrap().len(), 64);
    }
    assert!(!info["recall"].as_array().unwrap().is_empty());
}

#[test]
fn info_for_people_draws_a_bar_for_each_segment() {
    let place = Place::new();
    place.wordnet();
    let text = place.rvf(&["info", "wordnet.rvf"]).ok();
    for part in [
        "8,192 of 384 dimensions",
        "vectors, i8",
        "codes, 1 bit",
        "█",
        "microkernel",
        "simd",
        "recall",
        "generation 1",
        "no parent file",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    assert!(text.lines().all(|line| !line.ends_with(' ')), "{text:?}");
}

#[test]
fn verify_says_what_it_did_and_how_fast() {
    let place = Place::new();
    place.small(&POINTS);
    let text = place.rvf(&["verify", "small.rvf"]).ok();
    assert!(text.contains("sound") && text.contains("MB/s"), "{text}");
    let report = &place.rvf(&["verify", "small.rvf", "--json"]).json()[0];
    assert_eq!(report["ok"], true);
    assert_eq!(report["bytes"], place.read("small.rvf").len());
    assert!(report["findings"].as_array().unwrap().is_empty());
}

#[test]
fn verify_names_rule_and_place_of_damage() {
    let place = Place::new();
    place.small(&POINTS);
    let mut bad = place.read("small.rvf");
    let middle = bad.len() / 2;
    bad[middle] ^= 0x10;
    place.write("bad.rvf", &bad);
    let ran = place.rvf(&["verify", "bad.rvf"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stdout.contains("damaged")
            && ran.stdout.contains("R-")
            && ran.stdout.contains("at byte"),
        "{ran:?}"
    );
    assert_eq!(ran.stderr, "");
    let ran = place.rvf(&["verify", "bad.rvf", "--json"]);
    assert_eq!(ran.code, Some(1));
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["ok"], false);
    let finding = &report["findings"][0];
    assert!(
        finding["rule"].as_str().unwrap().starts_with("R-"),
        "{finding}"
    );
    assert!(
        finding["offset"].is_u64() && finding["what"].is_string(),
        "{finding}"
    );
}

#[test]
fn a_missing_file_is_no_finding_but_an_error() {
    let place = Place::new();
    for command in ["verify", "info"] {
        let error = place.rvf(&[command, "missing.rvf"]).failed();
        assert!(error.contains("missing.rvf"), "{error}");
    }
}

#[test]
fn vectors_come_out_as_they_went_in_where_f32_is_kept() {
    let place = Place::new();
    let rows: [&[f32]; 3] = [&[0.1, -2.5e-7], &[3.0, 4.0], &[-1e10, 7.7]];
    let input = npy_f32(&rows);
    place.write("in.npy", &input);
    place
        .rvf(&[
            "pack",
            "in.npy",
            "--metric",
            "l2",
            "--vectors",
            "f32",
            "-o",
            "in.rvf",
            "-q",
        ])
        .ok();
    let text = place
        .rvf(&["extract", "in.rvf", "--vectors", "out.npy"])
        .ok();
    assert!(
        text.contains("out.npy") && text.contains("3 vectors of 2 dimensions"),
        "{text}"
    );
    let values = |bytes: &[u8]| bytes[bytes.len() - 24..].to_vec();
    assert_eq!(values(&place.read("out.npy")), values(&input));
    let error = place
        .rvf(&["extract", "in.rvf", "--vectors", "out.npy"])
        .failed();
    assert!(error.contains("--force"), "{error}");
}

#[test]
fn extracted_vectors_packed_again_give_the_same_records() {
    let place = Place::new();
    place.wordnet();
    place
        .rvf(&["extract", "wordnet.rvf", "--vectors", "out.npy"])
        .ok();
    place
        .rvf(&["pack", "out.npy", "-o", "again.rvf", "-q"])
        .ok();
    let hash = |file: &str| -> Vec<String> {
        let info = &place.rvf(&["info", file, "--json"]).json()[0];
        let segments = info["segments"].as_array().unwrap().clone();
        let of_vectors = segments.iter().filter(|segment| segment["type"] == "VEC");
        of_vectors
            .map(|segment| segment["bytes"].to_string())
            .collect()
    };
    assert_eq!(hash("wordnet.rvf"), hash("again.rvf"));
    place
        .rvf(&["extract", "again.rvf", "--vectors", "out2.npy"])
        .ok();
    assert!(place.read("out.npy") == place.read("out2.npy"));
}

#[test]
fn modules_come_out_as_they_are_in_the_file() {
    let place = Place::new();
    place.small(&POINTS);
    let info = &place.rvf(&["info", "small.rvf", "--json"]).json()[0];
    let file = place.read("small.rvf");
    for (build, number) in [("simd", 0), ("scalar", 1)] {
        let text = place
            .rvf(&[
                "extract",
                "small.rvf",
                "--wasm",
                "microkernel",
                "--build",
                build,
            ])
            .ok();
        let name = format!("microkernel-{build}.wasm");
        assert!(text.starts_with(&name), "{text}");
        let module = place.read(&name);
        assert!(module.starts_with(b"\0asm"));
        let offset = usize::try_from(info["kernels"][number]["offset"].as_u64().unwrap()).unwrap();
        // A segment's header and the module's header come before the bytecode.
        assert_eq!(module, &file[offset + 128..offset + 128 + module.len()]);
    }
    let json = &place
        .rvf(&[
            "extract",
            "small.rvf",
            "--wasm",
            "microkernel",
            "-o",
            "k.wasm",
            "--json",
        ])
        .json()[0];
    assert_eq!(json["output"], "k.wasm");
    assert_eq!(place.read("k.wasm"), place.read("microkernel-simd.wasm"));
}

#[test]
fn a_module_that_is_not_there_is_an_error_that_names_what_is() {
    let place = Place::new();
    place.small(&POINTS);
    let error = place
        .rvf(&["extract", "small.rvf", "--wasm", "interpreter"])
        .failed();
    assert!(
        error.contains("interpreter") && error.contains("microkernel"),
        "{error}"
    );
    place
        .rvf(&["extract", "small.rvf", "--wasm", "nonsense"])
        .usage();
    place.rvf(&["extract", "small.rvf"]).usage();
    place
        .rvf(&[
            "extract",
            "small.rvf",
            "--wasm",
            "microkernel",
            "--vectors",
            "x.npy",
        ])
        .usage();
}

#[test]
fn an_extracted_kernel_can_be_put_into_another_file() {
    let place = Place::new();
    place.small(&POINTS);
    place
        .rvf(&[
            "extract",
            "small.rvf",
            "--wasm",
            "microkernel",
            "--build",
            "scalar",
            "-o",
            "k.wasm",
        ])
        .ok();
    place
        .rvf(&[
            "pack",
            "small.npy",
            "--metric",
            "l2",
            "--kernel",
            "k.wasm",
            "-o",
            "one.rvf",
            "-q",
        ])
        .ok();
    let info = &place.rvf(&["info", "one.rvf", "--json"]).json()[0];
    assert_eq!(info["kernels"].as_array().unwrap().len(), 1);
    let answers = place
        .rvf(&[
            "query", "one.rvf", "--vector", "[1,1]", "--engine", "wasmi", "--json",
        ])
        .json();
    assert_eq!(answers[0]["engine"], "wasmi");
}

#[test]
fn bench_measures_every_engine_against_the_truth() {
    let place = Place::new();
    place.wordnet();
    let (queries, truth) = (sample("queries.i8.npy"), sample("truth.i32.npy"));
    let args = [
        "bench",
        "wordnet.rvf",
        "--vectors",
        &queries,
        "--queries",
        "20",
        "--rounds",
        "2",
        "--json",
    ];
    let report = &place
        .rvf(&[&args[..], &["--truth", &truth]].concat())
        .json()[0];
    assert_eq!(report["truth"], "given");
    assert_eq!(report["same_answers"], true);
    let efforts = report["efforts"].as_array().unwrap();
    let exact = efforts.last().unwrap();
    assert_eq!(exact["effort"], "exact");
    // The sample's vectors are whole numbers of one byte, which i8 keeps as they are.
    assert!(exact["recall"].as_f64().unwrap() > 0.99, "{exact}");
    for effort in efforts {
        let engines = effort["engines"].as_array().unwrap();
        assert!(engines.len() >= 3, "{effort}");
        for engine in engines {
            let (p50, p99) = (
                engine["p50_micros"].as_f64().unwrap(),
                engine["p99_micros"].as_f64().unwrap(),
            );
            assert!(0.0 < p50 && p50 <= p99, "{engine}");
            let sandboxed = engine["engine"].as_str().unwrap().starts_with("wasmi");
            assert_eq!(engine["fuel_per_query"].is_number(), sandboxed, "{engine}");
        }
    }
    assert!(!report["ratios"].as_array().unwrap().is_empty());
    assert_eq!(report["modules"].as_array().unwrap().len(), 2);
    let computed = &place.rvf(&args).json()[0];
    assert_eq!(computed["truth"], "computed");
    assert_eq!(
        computed["efforts"].as_array().unwrap().last().unwrap()["recall"],
        1.0
    );
    #[cfg(target_os = "linux")]
    assert!(report["peak_memory_bytes"].as_u64().unwrap() > 1_000_000);
}

#[test]
fn bench_measures_the_recalls_that_are_wished_for_and_says_what_is_out_of_reach() {
    let place = Place::new();
    place.wordnet();
    let queries = sample("queries.i8.npy");
    let report = &place
        .rvf(&[
            "bench",
            "wordnet.rvf",
            "--vectors",
            &queries,
            "--queries",
            "10",
            "--rounds",
            "1",
            "--engine",
            "native",
            "--recall",
            "0.97,0.8,1",
            "--json",
        ])
        .json()[0];
    let efforts = report["efforts"].as_array().unwrap();
    let named: Vec<&str> = efforts
        .iter()
        .map(|effort| effort["effort"].as_str().unwrap())
        .collect();
    assert_eq!(named, ["recall 0.8", "recall 0.97", "ceiling", "exact"]);
    // Bytes do not tell near distances of noise apart.
    place.write("noise.npy", noise_npy(600, 8));
    place.rvf(&["pack", "noise.npy", "-o", "noise.rvf"]).ok();
    let report = &place
        .rvf(&[
            "bench",
            "noise.rvf",
            "--vectors",
            "noise.npy",
            "--rounds",
            "1",
            "--recall",
            "1",
            "--json",
        ])
        .json()[0];
    let notes = report["notes"].to_string();
    assert!(
        notes.contains("a recall of 1 is above what this file reaches, 0.9"),
        "{notes}"
    );
    let wrong = [
        "bench",
        "wordnet.rvf",
        "--vectors",
        &queries,
        "--recall",
        "1.5",
    ];
    assert!(
        place
            .rvf(&wrong)
            .usage()
            .contains("expected a number above 0")
    );
}

#[test]
fn bench_says_what_it_measured_as_text() {
    let place = Place::new();
    place
        .small(&POINTS)
        .write("queries.npy", npy_f32(&[&[1.0, 1.0], &[4.0, 4.0]]));
    let text = place
        .rvf(&[
            "bench",
            "small.rvf",
            "--vectors",
            "queries.npy",
            "-k",
            "2",
            "--rounds",
            "1",
        ])
        .ok();
    for part in [
        "computed here, over the vectors as stored",
        "recall@2",
        "p50",
        "p99",
        "exact",
        "load module",
        "peak memory",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_truth_that_does_not_fit_is_refused() {
    let place = Place::new();
    place
        .small(&POINTS)
        .write("queries.npy", npy_f32(&[&[1.0, 1.0], &[4.0, 4.0]]))
        .write("short.npy", npy_i32(&[&[0, 1]]))
        .write("narrow.npy", npy_i32(&[&[0], &[1]]))
        .write("beyond.npy", npy_i32(&[&[0, 1], &[4, 6]]))
        .write("below.npy", npy_i32(&[&[0, 1], &[4, -1]]));
    for (truth, part) in [
        ("short.npy", "1 row"),
        ("narrow.npy", "at least 2"),
        ("beyond.npy", "found 6"),
        ("below.npy", "found -1"),
    ] {
        let error = place
            .rvf(&[
                "bench",
                "small.rvf",
                "--vectors",
                "queries.npy",
                "-k",
                "2",
                "--truth",
                truth,
            ])
            .failed();
        assert!(error.contains(truth) && error.contains(part), "{error}");
    }
}
