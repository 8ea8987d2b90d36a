//! The optimizer that goes over what the compiler made: `wasm-opt` of Binaryen, from its npm package, whose version
//! is pinned. It takes off 5 % that the compiler's own back end leaves.

use std::path::Path;

use crate::shell;
use crate::{Error, Result};

/// What it is: the version of `xtask/optimizer/package.json`.
pub(crate) const NAME: &str = "wasm-opt of binaryen 132.0.0";
/// What it does with a kernel, in order.
///
/// A constant that is added to an address becomes the offset of the load: that it does so only where low memory is not
/// used means that no address wraps around, and none of ours does.
pub(crate) const PASSES: &[&str] = &[
    "--low-memory-unused",
    "-Oz",
    "--flatten",
    "--rereloop",
    "-Oz",
    "--optimize-added-constants",
    "-Oz",
];

/// Optimizes a module by these passes, and keeps the names of its functions.
pub(crate) fn optimize(linked: &Path, flags: &[&str], passes: &[&str]) -> Result<Vec<u8>> {
    let folder = shell::root().join("xtask").join("optimizer");
    let program = folder
        .join("node_modules")
        .join("binaryen")
        .join("bin")
        .join("wasm-opt");
    shell::npm_packages(&folder, "binaryen")?;
    if !program.exists() {
        return Err(Error::new(format!(
            "{} is missing after `npm ci`; look at the output above",
            program.display()
        )));
    }
    let out = linked.with_extension("optimized.wasm");
    shell::run(
        shell::command("node")
            .arg(&program)
            .args(["--debuginfo", "--mvp-features"])
            .args(flags)
            .args(passes)
            .arg(linked)
            .arg("--output")
            .arg(&out),
    )?;
    shell::read(&out)
}
