//! Building the kernel for wasm, and the rules that each build keeps.

use std::path::{Path, PathBuf};

use crate::compiler::{Compiler, TARGET};
use crate::constants;
use crate::module::{self, Module};
use crate::optimizer;
use crate::shell;
use crate::{Error, Result};

/// The most bytes that a build may have.
///
/// The aim is 5.5 KiB. Need and feed, probing of lists, three kinds of vectors, three metrics, filters and the block
/// function take more than that; `cargo xtask size` shows what takes how much.
pub(crate) const BUDGET: usize = 8_192;

/// One of the two builds that travel in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    /// What is asked of the compiler.
    target_flags: &'static [&'static str],
    /// What the optimizer may use.
    optimizer_flags: &'static [&'static str],
    /// The engine features that the build may need, by the names of `module::required_features`.
    allowed: &'static [&'static str],
}

pub(crate) const SIMD: Variant = Variant {
    name: "simd",
    target_flags: &[
        "-C",
        "target-feature=+simd128,+bulk-memory,+sign-ext,+nontrapping-fptoint",
    ],
    optimizer_flags: &[
        "--enable-mutable-globals",
        "--enable-sign-ext",
        "--enable-nontrapping-float-to-int",
        "--enable-bulk-memory",
        "--enable-bulk-memory-opt",
        "--enable-simd",
    ],
    allowed: &[
        "mutable-globals",
        "sign-ext",
        "nontrapping-fptoint",
        "bulk-memory",
        "simd128",
    ],
};

pub(crate) const SCALAR: Variant = Variant {
    name: "scalar",
    target_flags: &[
        "-C",
        "target-cpu=mvp",
        "-C",
        "target-feature=+mutable-globals,+bulk-memory",
    ],
    optimizer_flags: &[
        "--enable-mutable-globals",
        "--enable-sign-ext",
        "--enable-nontrapping-float-to-int",
        "--enable-bulk-memory",
        "--enable-bulk-memory-opt",
    ],
    // Without bulk memory, 1.4 KB of library code copy and clear memory. A precompiled core library may bring the
    // others along, whatever is asked of our own code.
    allowed: &[
        "mutable-globals",
        "sign-ext",
        "nontrapping-fptoint",
        "bulk-memory",
    ],
};

pub(crate) const VARIANTS: [Variant; 2] = [SIMD, SCALAR];

const COMMON_FLAGS: &[&str] = &[
    "-C",
    "panic=abort",
    // Strength reduction keeps more addresses in locals, sinking moves code into each of several branches, and threading
    // of jumps doubles blocks of more than a few instructions: all of that costs room. Partial inlining of
    // library calls would put, beside each square root, which is an instruction, a call for negative numbers.
    "-C",
    "llvm-args=-disable-lsr -disable-machine-sink -jump-threading-threshold=2 -disable-partial-libcall-inlining",
    // The names of functions stay in for the table of sizes, and are taken out after that.
    "-C",
    "strip=debuginfo",
    "-C",
    "link-arg=-zstack-size=8192",
    // The stack lies below the data, so an overflow traps at address 0 and does not write over the data.
    "-C",
    "link-arg=--stack-first",
    "-C",
    "link-arg=--export=__heap_base",
    "-C",
    "link-arg=--compress-relocations",
];

impl Variant {
    /// The file name of the installed module.
    pub(crate) fn file(&self) -> String {
        format!("rvf-microkernel-{}.wasm", self.name)
    }

    /// The flags that decide the bytes, as they are recorded. No path of this machine is among them.
    pub(crate) fn flags(&self, compiler: &Compiler) -> Vec<String> {
        [compiler.flags(), self.target_flags, COMMON_FLAGS]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect()
    }
}

/// A module as the linker made it, and as it is installed.
#[derive(Debug)]
pub(crate) struct Build {
    pub(crate) variant: Variant,
    /// With the names of its functions.
    pub(crate) named: Vec<u8>,
    /// Without custom sections.
    pub(crate) stripped: Vec<u8>,
    pub(crate) flags: Vec<String>,
}

/// Builds a variant in cargo's target folder.
pub(crate) fn build(variant: Variant, compiler: &Compiler) -> Result<Build> {
    let flags = variant.flags(compiler);
    let encoded = remapped(&flags, compiler);
    let target_dir = shell::target_dir()
        .join("xtask-wasm")
        .join(format!("{}-{}", compiler.version.core, variant.name));

    let mut cargo = compiler.cargo();
    cargo
        .args([
            "rustc",
            "--package",
            "rvf-microkernel",
            "--lib",
            "--profile",
            "wasm",
        ])
        .args([
            "--target",
            TARGET,
            "--crate-type",
            "cdylib",
            "--features",
            "wasm",
        ])
        .args(compiler.cargo_options())
        .arg("--target-dir")
        .arg(&target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", encoded.join("\u{1f}"));
    shell::run(&mut cargo)?;

    let linked = target_dir
        .join(TARGET)
        .join("wasm")
        .join("rvf_microkernel.wasm");
    let optimized = optimizer::optimize(&linked, variant.optimizer_flags, optimizer::PASSES)?;
    let named = constants::shorten(&optimized)?;
    let stripped = module::strip(&named)?;
    let optimizer = [&[optimizer::NAME], optimizer::PASSES].concat();
    let flags = flags
        .into_iter()
        .chain(optimizer.into_iter().map(str::to_owned))
        .collect();
    Ok(Build {
        variant,
        named,
        stripped,
        flags,
    })
}

/// The flags, and those that keep out of the bytes where the source lies.
pub(crate) fn remapped(flags: &[impl AsRef<str>], compiler: &Compiler) -> Vec<String> {
    let paths = [
        (shell::root(), "rvf"),
        (cargo_home(), "cargo"),
        (compiler.sysroot().to_path_buf(), "rust"),
    ];
    let remap = paths.map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()));
    let flags = flags.iter().map(|flag| flag.as_ref().to_owned());
    flags.chain(remap).collect()
}

fn cargo_home() -> PathBuf {
    if let Some(home) = std::env::var_os("CARGO_HOME") {
        return PathBuf::from(home);
    }
    let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"));
    home.map_or_else(
        || PathBuf::from("/nonexistent"),
        |home| Path::new(&home).join(".cargo"),
    )
}

/// What every installed module must be: no imports, no start function, no custom sections, only the allowed
/// features, and within the budget. Returns the features that it needs.
pub(crate) fn check_rules(variant: Variant, bytes: &[u8]) -> Result<Vec<&'static str>> {
    let file = variant.file();
    let named = |error: Error| Error::new(format!("{file}: {error}"));
    let module = Module::parse(bytes).map_err(named)?;
    if !module.imports.is_empty() {
        return Err(Error::new(format!(
            "{file} imports {}; a kernel imports nothing",
            module.imports.join(", ")
        )));
    }
    if module.has_start {
        return Err(Error::new(format!(
            "{file} has a start function; a kernel has none"
        )));
    }
    if let Some(section) = module.sections.iter().find(|section| section.custom) {
        return Err(Error::new(format!(
            "{file} holds the custom section `{}`; run `cargo xtask wasm`",
            section.name
        )));
    }
    if !module.exports.iter().any(|name| name == "memory") {
        return Err(Error::new(format!("{file} does not export its memory")));
    }
    let features = module::required_features(bytes).map_err(named)?;
    if let Some(feature) = features
        .iter()
        .find(|feature| !variant.allowed.contains(feature))
    {
        return Err(Error::new(format!(
            "{file} needs the engine feature {feature}; the {} build may need {}",
            variant.name,
            variant.allowed.join(", ")
        )));
    }
    if bytes.len() > BUDGET {
        return Err(Error::new(format!(
            "{file} has {} bytes, {} over its budget of {BUDGET}; `cargo xtask size` shows where they are",
            bytes.len(),
            bytes.len().saturating_sub(BUDGET)
        )));
    }
    Ok(features)
}

/// Features as a person reads them.
pub(crate) fn needs(features: &[impl AsRef<str>]) -> String {
    if features.is_empty() {
        return "nothing beyond WebAssembly 1.0".to_owned();
    }
    let names: Vec<&str> = features.iter().map(AsRef::as_ref).collect();
    names.join(", ")
}
