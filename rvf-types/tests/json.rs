//! The plain types as JSON.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails")]
#![cfg(feature = "serde")]

mod common;

use rvf_types::{IdKind, VectorKind};
use serde_json::json;

#[test]
fn names_are_words_and_hashes_are_hexadecimal() {
    let sample = common::sample(VectorKind::F16, IdKind::U64);
    let found = serde_json::to_value(&sample.manifest).unwrap();
    assert_eq!(found["metric"], json!("cosine"));
    assert_eq!(found["vectors"], json!("f16"));
    assert_eq!(found["id_kind"], json!("u64"));
    assert_eq!(found["operation"], json!("pack"));
    assert_eq!(found["entries"][0]["kind"], json!("INDEX"));
    assert_eq!(
        found["entries"][0]["hash"],
        json!(sample.manifest.entries[0].hash.to_string())
    );
    assert_eq!(found["properties"]["rvf.title"], json!("A small file"));
    let header = serde_json::to_value(common::module_header()).unwrap();
    assert_eq!(
        header["kind"],
        json!({ "role": "microkernel", "target": "wasm32", "required": 0 })
    );
}
