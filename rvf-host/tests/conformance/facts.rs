//! What valid files say of themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rvf_host::{Bytes, Engine, VerifyOptions, verify};
use serde_json::Value;

use super::cases::{cases, folder, list, number, text};
use super::whole::engines;

#[test]
fn the_json_lists_every_file_of_the_folders() {
    for key in ["valid", "invalid"] {
        let mut listed: Vec<String> = cases(key).into_iter().map(|case| case.name).collect();
        let mut found: Vec<String> = std::fs::read_dir(folder().join(key))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".rvf"))
            .map(|name| format!("{key}/{name}"))
            .collect();
        listed.sort();
        found.sort();
        assert_eq!(listed, found);
    }
}

#[test]
fn valid_files_have_the_listed_facts_and_no_fault() {
    for case in cases("valid") {
        let (name, facts) = (&case.name, &case.json["facts"]);
        let reader = engines::open(&case.file, &Engine::Auto);
        let head = reader.head();
        assert_eq!(u64::from(reader.rows()), number(facts, "rows"), "{name}");
        assert_eq!(
            u64::from(reader.dimension()),
            number(facts, "dimension"),
            "{name}"
        );
        assert_eq!(head.metric.name(), text(facts, "metric"), "{name}");
        assert_eq!(head.vectors.name(), text(facts, "vectors"), "{name}");
        assert_eq!(head.id_kind.name(), text(facts, "ids"), "{name}");
        let record = reader.record();
        assert_eq!(record.generation, number(facts, "generation"), "{name}");
        assert_eq!(
            record.committed_length,
            number(facts, "committed"),
            "{name}"
        );
        assert_eq!(
            record.manifest_hash.to_string(),
            text(facts, "manifest_hash"),
            "{name}"
        );

        let segments: Vec<Value> = reader
            .manifest()
            .entries
            .iter()
            .map(|entry| {
                let kind = u64::from(entry.kind.0);
                [entry.id, kind, entry.offset, entry.payload_length]
                    .as_slice()
                    .into()
            })
            .collect();
        assert_eq!(&Value::from(segments), &facts["segments"], "{name}");
        let properties: BTreeMap<String, String> =
            serde_json::from_value(facts["properties"].clone()).unwrap();
        assert_eq!(reader.manifest().properties, properties, "{name}");

        let warned: Vec<&str> = reader
            .warnings()
            .iter()
            .map(|warning| warning.rule())
            .collect();
        let listed = list(&case.json, "warnings");
        assert_eq!(
            warned,
            listed.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
            "{name}"
        );

        let source = Bytes::from(Arc::clone(&case.file));
        let report = verify(&source, &VerifyOptions::new()).unwrap().report;
        assert!(report.is_sound(), "{name}: {:?}", report.findings);
        let noted: Vec<&str> = report.findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(noted, warned, "{name}: what verify notes");
    }
}

#[test]
fn every_row_has_its_id_and_every_id_its_row() {
    for case in cases("valid") {
        let (name, ids) = (&case.name, list(&case.json, "ids"));
        let reader = engines::open(&case.file, &Engine::Auto);
        assert!(
            ids.is_empty() || ids.len() == reader.rows() as usize,
            "{name}"
        );
        for row in 0..reader.rows() {
            let listed = match ids.get(row as usize) {
                Some(id) => id.as_str().unwrap().to_owned(),
                None => row.to_string(),
            };
            assert_eq!(reader.id(row).unwrap().to_string(), listed, "{name}");
            let id = reader.parse_id(&listed).unwrap();
            assert_eq!(reader.row_of(id).unwrap(), row, "{name}: {listed}");
        }
    }
}

#[test]
fn files_of_every_metric_and_kind_of_vectors_carry_kernels_that_are_known() {
    let mut carried = BTreeSet::new();
    for case in cases("valid") {
        let reader = engines::open(&case.file, &Engine::Auto);
        for module in reader.modules().unwrap() {
            assert!(
                module.is_known(),
                "{}: make the vectors again with the present kernels",
                case.name
            );
            let head = reader.head();
            carried.insert((head.metric, head.vectors, module.requires_simd()));
        }
    }
    // 3 metrics × 3 kinds × 2 builds.
    assert_eq!(carried.len(), 18, "{carried:?}");
}
