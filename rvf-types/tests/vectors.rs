//! The test vectors of the specification: files that another writer made, from the text alone.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails")]

mod common;

use common::open;
use rvf_types::{EffortChoice, Manifest, RootHealth};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Rules that ask for what this crate does not do: the arithmetic of quantising and of sums.
const ELSEWHERE: [&str; 3] = ["R-VEC-3", "R-VEC-6", "R-LIM-2"];

/// The folder and the list; none in a packaged crate, which stands without the specification.
fn vectors() -> Option<(PathBuf, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors");
    let list = std::fs::read(folder.join("vectors.json")).ok()?;
    Some((folder, serde_json::from_slice(&list).unwrap()))
}

#[test]
fn valid_files_open_and_say_what_the_list_says() {
    let Some((folder, list)) = vectors() else {
        return;
    };
    for item in list["valid"].as_array().unwrap() {
        let name = item["file"].as_str().unwrap();
        let file = std::fs::read(folder.join(name)).unwrap();
        let root = open(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let record = root.record();
        let facts = &item["facts"];
        let warned = item["warnings"].as_array().unwrap();
        let tail = root.check_file_length(file.len() as u64).unwrap();
        assert_eq!(
            tail > 0,
            warned.iter().any(|rule| rule == "R-ROOT-5"),
            "{name}"
        );
        assert_eq!(
            *root.health() != RootHealth::Healthy,
            warned.iter().any(|rule| rule == "R-ROOT-4"),
            "{name}"
        );
        assert_eq!(
            record.manifest_hash.to_string(),
            facts["manifest_hash"],
            "{name}"
        );
        assert_eq!(record.committed_length, facts["committed"], "{name}");
        let at = record.manifest_offset as usize + 64;
        let manifest =
            Manifest::parse(&file[at..at + record.manifest_length as usize], at as u64).unwrap();
        let head = manifest.head();
        assert_eq!(u64::from(head.rows), facts["rows"], "{name}");
        assert_eq!(u64::from(head.dimension), facts["dimension"], "{name}");
        assert_eq!(head.metric.name(), facts["metric"], "{name}");
        assert_eq!(head.vectors.name(), facts["vectors"], "{name}");
        assert_eq!(head.id_kind.name(), facts["ids"], "{name}");
        assert_eq!(head.generation, facts["generation"], "{name}");
        let segments: Value = manifest
            .entries()
            .map(|e| serde_json::json!([e.id, e.kind.0, e.offset, e.payload_length]))
            .collect();
        assert_eq!(segments, facts["segments"], "{name}");
        let properties: Value = manifest
            .properties()
            .map(|(key, value)| (key, Value::from(value)))
            .collect();
        assert_eq!(properties, facts["properties"], "{name}");
        for wish in item["wishes"].as_array().into_iter().flatten() {
            let k = u32::try_from(wish["k"].as_u64().unwrap()).unwrap();
            match manifest.choose_effort(k, wish["recall"].as_f64().unwrap()) {
                EffortChoice::Measured(effort) => {
                    assert_eq!(u64::from(effort.probes), wish["probes"], "{name} {wish}");
                    assert_eq!(u64::from(effort.pool), wish["pool"], "{name} {wish}");
                    let slack = wish["slack"].as_f64().unwrap() as f32;
                    assert_eq!(effort.slack.to_bits(), slack.to_bits(), "{name} {wish}");
                }
                EffortChoice::AboveCeiling(effort) => {
                    assert_eq!(
                        effort.recall(),
                        wish["ceiling"].as_f64().unwrap(),
                        "{name} {wish}"
                    );
                }
                EffortChoice::NotMeasured => assert!(wish["ceiling"].is_null(), "{name} {wish}"),
            }
        }
    }
}

#[test]
fn invalid_files_are_refused_by_the_rule_in_their_name() {
    let Some((folder, list)) = vectors() else {
        return;
    };
    let mut wrong = Vec::new();
    for item in list["invalid"].as_array().unwrap() {
        let name = item["file"].as_str().unwrap();
        let rule = item["rule"].as_str().unwrap();
        let found = match open(&std::fs::read(folder.join(name)).unwrap()) {
            Err(error) => error.rule(),
            Ok(root) if *root.health() != RootHealth::Healthy => "R-ROOT-4",
            Ok(_) => "none",
        };
        let excused = found == "none"
            && (ELSEWHERE.contains(&rule)
                || cfg!(not(feature = "wasm")) && rule.starts_with("R-WASM"));
        if found != rule && !excused {
            wrong.push(format!("{name}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
