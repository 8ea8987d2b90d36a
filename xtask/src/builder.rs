//! The builder of the JavaScript library: how `pwa-loader/lib/wasm/builder.wasm` is made, and what it must be.
//!
//! It is `pwa-loader/builder` for WebAssembly with SIMD, and is part of the npm package, not of a file. It is committed
//! with its record, so that the package is built without a compiler for WebAssembly.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::compiler::{Compiler, Kind, TARGET, Version};
use crate::kernel::{needs, remapped};
use crate::module::{self, Module};
use crate::prebuilt::shake256;
use crate::{Error, Result, optimizer, shell};

/// The most bytes that the module may have.
const BUDGET: usize = 640 << 10;

/// What the library gives it.
const IMPORTS: [&str; 2] = ["host.progress", "host.rows"];

/// The engine features that it may need: what browsers have had since 2023.
const ALLOWED: [&str; 5] = [
    "mutable-globals",
    "sign-ext",
    "nontrapping-fptoint",
    "bulk-memory",
    "simd128",
];

const FLAGS: [&str; 8] = [
    "-C",
    "target-feature=+simd128,+bulk-memory,+sign-ext,+nontrapping-fptoint",
    "-C",
    "panic=abort",
    // The stack lies below the data, so an overflow traps and does not write over the data.
    "-C",
    "link-arg=--stack-first",
    "-C",
    "link-arg=-zstack-size=1048576",
];

const OPTIMIZER_FLAGS: [&str; 6] = [
    "--enable-mutable-globals",
    "--enable-sign-ext",
    "--enable-nontrapping-float-to-int",
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-simd",
];

const PASSES: [&str; 1] = ["-O3"];

/// `builder.json`: how the committed module was made.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    compiler: Version,
    file: String,
    bytes: usize,
    /// SHAKE-256 of the file, 32 bytes, in hex.
    shake256: String,
    /// What an engine must have beyond WebAssembly 1.0.
    features: Vec<String>,
    flags: Vec<String>,
}

fn folder() -> PathBuf {
    shell::root().join("pwa-loader").join("lib").join("wasm")
}

const FILE: &str = "builder.wasm";
const RECORD: &str = "builder.json";

fn build(compiler: &Compiler) -> Result<(Vec<u8>, Record)> {
    let flags = [compiler.flags(), &FLAGS].concat();
    let target_dir = shell::target_dir()
        .join("xtask-wasm")
        .join(format!("{}-builder", compiler.version.core));
    let mut cargo = compiler.cargo();
    cargo
        .args(["build", "--package", "rvf-web-builder", "--lib"])
        .args(["--profile", "builder", "--target", TARGET])
        .args(compiler.std_options())
        .arg("--target-dir")
        .arg(&target_dir)
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            remapped(&flags, compiler).join("\u{1f}"),
        );
    shell::run(&mut cargo)?;
    let linked = target_dir
        .join(TARGET)
        .join("builder")
        .join("rvf_web_builder.wasm");
    let optimized = optimizer::optimize(&linked, &OPTIMIZER_FLAGS, &PASSES)?;
    let bytes = module::strip(&optimized)?;
    let features = check_rules(&bytes)?;
    let all_flags = flags.iter().chain(&[optimizer::NAME]).chain(&PASSES);
    let record = Record {
        compiler: compiler.version.clone(),
        file: FILE.to_owned(),
        bytes: bytes.len(),
        shake256: shake256(&bytes),
        features: features.iter().map(|&name| name.to_owned()).collect(),
        flags: all_flags.map(|&flag| flag.to_owned()).collect(),
    };
    Ok((bytes, record))
}

/// Imports, start function, custom sections, features and size. Returns the features.
fn check_rules(bytes: &[u8]) -> Result<Vec<&'static str>> {
    let module = Module::parse(bytes)?;
    let mut imports = module.imports.clone();
    imports.sort();
    if imports != IMPORTS {
        return Err(Error::new(format!(
            "{FILE} imports {}; expected {}",
            module.imports.join(", "),
            IMPORTS.join(", ")
        )));
    }
    if module.has_start || module.sections.iter().any(|section| section.custom) {
        return Err(Error::new(format!(
            "{FILE} has a start function or a custom section; it has none"
        )));
    }
    let features = module::required_features(bytes)?;
    if let Some(feature) = features.iter().find(|feature| !ALLOWED.contains(feature)) {
        return Err(Error::new(format!(
            "{FILE} needs the engine feature {feature}; it may need {}",
            ALLOWED.join(", ")
        )));
    }
    if bytes.len() > BUDGET {
        return Err(Error::new(format!(
            "{FILE} has {} bytes, more than its budget of {BUDGET}",
            bytes.len()
        )));
    }
    Ok(features)
}

fn read_record() -> Result<Record> {
    let path = folder().join(RECORD);
    serde_json::from_slice(&shell::read(&path)?)
        .map_err(|error| Error::new(format!("{} is not as expected: {error}", path.display())))
}

/// Builds the module, checks the rules, and installs it with its record.
pub(crate) fn install(wanted: Option<Kind>) -> Result {
    let compiler = Compiler::find(wanted)?;
    println!("Compiler: {}", compiler.version.describe());
    let (bytes, record) = build(&compiler)?;
    let folder = folder();
    std::fs::create_dir_all(&folder).map_err(|error| {
        Error::new(format!(
            "cannot make the folder {}: {error}",
            folder.display()
        ))
    })?;
    shell::write(&folder.join(FILE), &bytes)?;
    let mut text = serde_json::to_string_pretty(&record)
        .map_err(|error| Error::new(format!("cannot write {RECORD}: {error}")))?;
    text.push('\n');
    shell::write(&folder.join(RECORD), text.as_bytes())?;
    println!(
        "Installed {FILE}: {} of {BUDGET} bytes, needs {}, SHAKE-256 {}",
        record.bytes,
        needs(&record.features),
        record.shake256
    );
    Ok(())
}

/// Builds the module and holds it against the committed one, as [`crate::prebuilt::check`] does with the kernels.
pub(crate) fn check(wanted: Option<Kind>) -> Result {
    let recorded = read_record()?;
    let compiler = Compiler::find(wanted)?;
    let (bytes, made) = build(&compiler)?;
    let committed = shell::read(&folder().join(FILE))?;
    if made.compiler != recorded.compiler {
        println!(
            "{FILE} was made by another compiler: {}. Its bytes cannot be held against a build of this one. \
             Checked for this build: imports, features, size.",
            recorded.compiler.describe()
        );
    } else if made != recorded || bytes != committed {
        return Err(Error::new(format!(
            "{FILE} is not what the source makes: committed {} bytes, SHAKE-256 {}; built {} bytes, SHAKE-256 {}; run \
             `cargo xtask builder` and commit what it writes",
            committed.len(),
            shake256(&committed),
            made.bytes,
            made.shake256
        )));
    }
    println!(
        "{FILE}: {} of {BUDGET} bytes, needs {}",
        made.bytes,
        needs(&made.features)
    );
    Ok(())
}

/// Holds the committed module against its record, the rules and the budget. Builds nothing.
pub(crate) fn check_committed() -> Result {
    let recorded = read_record()?;
    let bytes = shell::read(&folder().join(FILE))?;
    let features = check_rules(&bytes)?;
    let hash = shake256(&bytes);
    if bytes.len() != recorded.bytes || hash != recorded.shake256 || features != recorded.features {
        return Err(Error::new(format!(
            "{FILE} is not the module that {RECORD} describes: recorded {} bytes, SHAKE-256 {}; found {} bytes, \
             SHAKE-256 {hash}; run `cargo xtask builder`",
            recorded.bytes,
            recorded.shake256,
            bytes.len()
        )));
    }
    println!(
        "{FILE}: {} of {BUDGET} bytes, imports {}",
        bytes.len(),
        IMPORTS.join(", ")
    );
    Ok(())
}
