//! The rules that the code names are those of the specification.

#![allow(clippy::unwrap_used, reason = "a test that fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn rules(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| word.starts_with("R-") && word.ends_with(|c: char| c.is_ascii_digit()))
        .map(Into::into)
        .collect()
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else {
            out.push(path);
        }
    }
}

#[test]
fn every_rule_that_the_code_names_is_in_the_specification() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Ok(spec) = std::fs::read_to_string(root.join("../spec/format.md")) else {
        // A packaged crate stands without the specification.
        return;
    };
    let defined: BTreeSet<String> = spec
        .split("- **")
        .filter_map(|item| item.split_once("**"))
        .map(|(name, _)| name.into())
        .collect();
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    assert!(files.len() > 10 && defined.len() > 30);
    for file in files {
        for rule in rules(&std::fs::read_to_string(&file).unwrap()) {
            assert!(
                defined.contains(&rule),
                "{rule} in {} is not in spec/format.md",
                file.display()
            );
        }
    }
}
