//! The modules that are committed, `rvf-microkernel/prebuilt/`, and what is recorded about them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha3::Shake256;
use sha3::digest::{ExtendableOutput, Update, XofReader};

use crate::compiler::{Compiler, Kind, Version};
use crate::kernel::{self, BUDGET, Build, VARIANTS, Variant};
use crate::shell;
use crate::{Error, Result};

/// `kernels.json`: how the committed modules were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    compiler: Version,
    kernels: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    name: String,
    file: String,
    bytes: usize,
    /// SHAKE-256 of the file, 32 bytes, in hex.
    shake256: String,
    /// What an engine must have beyond WebAssembly 1.0.
    features: Vec<String>,
    flags: Vec<String>,
}

fn folder() -> PathBuf {
    shell::root().join("rvf-microkernel").join("prebuilt")
}

fn record_path() -> PathBuf {
    folder().join("kernels.json")
}

/// The same for the crate: an expression that `rvf-microkernel/src/prebuilt.rs` includes.
fn table_path() -> PathBuf {
    folder().join("kernels.rs")
}

fn table(record: &Record) -> String {
    let mut text = String::from("// Written by `cargo xtask wasm`.\n[\n");
    for entry in &record.kernels {
        let bytes = entry.shake256.as_bytes().chunks(2);
        let hash: Vec<String> = bytes
            .map(|digits| format!("0x{}", String::from_utf8_lossy(digits)))
            .collect();
        text.push_str(&format!(
            "    Kernel {{\n        name: \"{}\",\n        bytecode: include_bytes!(\"{}\"),\n        \
             shake256: [\n            {},\n            {},\n        ],\n        semantics: 1,\n    }},\n",
            entry.name,
            entry.file,
            hash[..16].join(", "),
            hash[16..].join(", ")
        ));
    }
    text.push_str("]\n");
    text
}

pub(crate) fn shake256(bytes: &[u8]) -> String {
    let mut hasher = Shake256::default();
    hasher.update(bytes);
    let mut digest = [0_u8; 32];
    hasher.finalize_xof().read(&mut digest);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn entry(build: &Build, features: &[&str]) -> Entry {
    Entry {
        name: build.variant.name.to_owned(),
        file: build.variant.file(),
        bytes: build.stripped.len(),
        shake256: shake256(&build.stripped),
        features: features.iter().map(|&feature| feature.to_owned()).collect(),
        flags: build.flags.clone(),
    }
}

fn read_record() -> Result<Record> {
    let path = record_path();
    let text = shell::read(&path).map_err(|error| {
        Error::new(format!(
            "{error}; run `cargo xtask wasm` to make the modules"
        ))
    })?;
    serde_json::from_slice(&text)
        .map_err(|error| Error::new(format!("{} is not as expected: {error}", path.display())))
}

fn entry_of(record: &Record, variant: Variant) -> Result<&Entry> {
    record
        .kernels
        .iter()
        .find(|entry| entry.name == variant.name)
        .ok_or_else(|| {
            Error::new(format!(
                "kernels.json does not name the {} build",
                variant.name
            ))
        })
}

/// Builds both modules, checks the rules, and installs them with their record.
pub(crate) fn install(wanted: Option<Kind>) -> Result {
    let compiler = Compiler::find(wanted)?;
    println!("Compiler: {}", compiler.version.describe());
    let mut kernels = Vec::new();
    let mut builds = Vec::new();
    for variant in VARIANTS {
        let build = kernel::build(variant, &compiler)?;
        let features = kernel::check_rules(variant, &build.stripped)?;
        kernels.push(entry(&build, &features));
        builds.push(build);
    }

    let folder = folder();
    std::fs::create_dir_all(&folder).map_err(|error| {
        Error::new(format!(
            "cannot make the folder {}: {error}",
            folder.display()
        ))
    })?;
    for build in &builds {
        shell::write(&folder.join(build.variant.file()), &build.stripped)?;
    }
    let record = Record {
        compiler: compiler.version,
        kernels,
    };
    let mut text = serde_json::to_string_pretty(&record)
        .map_err(|error| Error::new(format!("cannot write kernels.json: {error}")))?;
    text.push('\n');
    shell::write(&record_path(), text.as_bytes())?;
    shell::write(&table_path(), table(&record).as_bytes())?;
    for entry in &record.kernels {
        println!(
            "Installed {}: {} of {BUDGET} bytes, needs {}, SHAKE-256 {}",
            entry.file,
            entry.bytes,
            kernel::needs(&entry.features),
            entry.shake256
        );
    }
    Ok(())
}

/// Builds both modules and holds them against the committed ones.
///
/// With the compiler and flags that are recorded the bytes must be the same. Another compiler makes other bytes
/// from the same source; then only the rules are checked, and that is said.
pub(crate) fn check(wanted: Option<Kind>) -> Result {
    let record = read_record()?;
    let compiler = Compiler::find(wanted)?;
    println!("Compiler: {}", compiler.version.describe());
    let same_compiler = compiler.version == record.compiler;
    if !same_compiler {
        println!(
            "The committed modules were made by another compiler: {}.\n\
             Their bytes cannot be held against a build of this one. Checked for this build: imports, features, size.",
            record.compiler.describe()
        );
    }
    for variant in VARIANTS {
        let build = kernel::build(variant, &compiler)?;
        let features = kernel::check_rules(variant, &build.stripped)?;
        let made = entry(&build, &features);
        let recorded = entry_of(&record, variant)?;
        let committed = shell::read(&folder().join(variant.file()))?;
        if same_compiler && (made != *recorded || build.stripped != committed) {
            return Err(Error::new(format!(
                "{} is not what the source makes: committed {} bytes, SHAKE-256 {}; built {} bytes, SHAKE-256 {}; \
                 run `cargo xtask wasm` and commit what it writes",
                variant.file(),
                committed.len(),
                shake256(&committed),
                made.bytes,
                made.shake256
            )));
        }
        println!(
            "{}: {} of {BUDGET} bytes, needs {}, {}",
            variant.file(),
            made.bytes,
            kernel::needs(&made.features),
            if build.stripped == committed {
                "the committed bytes"
            } else {
                "other bytes than the committed ones"
            }
        );
    }
    Ok(())
}

/// Holds the committed modules against their record, the rules and the budget. Builds nothing.
pub(crate) fn check_committed() -> Result {
    let record = read_record()?;
    if shell::read(&table_path())? != table(&record).as_bytes() {
        return Err(Error::new(
            "kernels.rs and kernels.json disagree; run `cargo xtask wasm` and commit what it writes",
        ));
    }
    for variant in VARIANTS {
        let recorded = entry_of(&record, variant)?;
        let bytes = shell::read(&folder().join(variant.file()))?;
        let features = kernel::check_rules(variant, &bytes)?;
        let hash = shake256(&bytes);
        if bytes.len() != recorded.bytes
            || hash != recorded.shake256
            || features != recorded.features
        {
            return Err(Error::new(format!(
                "{} is not the module that kernels.json describes: recorded {} bytes, SHAKE-256 {}; found {} bytes, \
                 SHAKE-256 {hash}; run `cargo xtask wasm`",
                recorded.file,
                recorded.bytes,
                recorded.shake256,
                bytes.len()
            )));
        }
        println!(
            "{}: {} of {BUDGET} bytes, no imports, needs {}",
            recorded.file,
            bytes.len(),
            kernel::needs(&recorded.features)
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::shake256;

    #[test]
    fn the_digest_is_the_standards_shake256() {
        // FIPS 202 example values: no input, 32 bytes of output.
        assert_eq!(
            shake256(b""),
            "46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f"
        );
    }
}
