//! `cargo xtask count`: what a search costs in instructions and in fuel, which no other work on the machine changes.
//!
//! These are the figures to compare two versions by; `benches/counts.json` keeps them. The file is the bundled sample as this version packs it, so they
//! change with what the packer chooses, too.

use std::path::Path;

use serde_json::{Value, json};

use crate::shell::{self, cargo, command, target_dir};
use crate::{Error, Result};

const SAMPLE: &str = "samples/wordnet-8k";
/// Queries that the sample has.
const QUERIES: u64 = 200;

/// Where the figures are kept.
const KEPT: &str = "benches/counts.json";

/// Counts, prints, and keeps the figures.
pub(crate) fn run() -> Result {
    shell::run(cargo().args(["build", "--release", "--package", "rvf-cli"]))?;
    shell::run(cargo().args([
        "build",
        "--release",
        "--package",
        "rvf-cli",
        "--example",
        "count",
    ]))?;
    let release = target_dir().join("release");
    let program = |name: &str| release.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let folder = target_dir().join("count");
    std::fs::create_dir_all(&folder)
        .map_err(|error| Error::new(format!("cannot make {}: {error}", folder.display())))?;
    let file = folder.join("wordnet.rvf");
    let base = format!("{SAMPLE}/base.i8.npy");
    shell::run(
        command(program("rvf"))
            .args(["pack", &base, "--quiet", "--force", "-o"])
            .arg(&file),
    )?;

    let counted = |queries: u64| instructions(&program("examples/count"), &file, queries);
    // What is touched for the first time is hashed: that is no part of a search.
    let native = match (counted(QUERIES), counted(2 * QUERIES)) {
        (Ok(once), Ok(twice)) => Some(twice.saturating_sub(once) / QUERIES),
        (Err(error), _) | (_, Err(error)) => {
            println!(
                "no instructions were counted: {error}; on Debian, `apt-get install valgrind`"
            );
            None
        }
    };
    let report = shell::output(
        command(program("rvf"))
            .arg("bench")
            .arg(&file)
            .args(["--vectors", &format!("{SAMPLE}/queries.i8.npy")])
            .args(["--truth", &format!("{SAMPLE}/truth.i32.npy")])
            .args(["--engine", "wasmi", "--rounds", "1", "--json"]),
    )?;
    let report: Value = serde_json::from_str(&report)
        .map_err(|error| Error::new(format!("`rvf bench --json` is no JSON: {error}")))?;
    let fuel = fuel(&report)?;

    let figures = json!({
        "what": "the sample of 8,192 x 384, k = 10, a query in the mean",
        "instructions natively without AVX-512, as callgrind counts them, at recall 0.95": native,
        "fuel under wasmi": fuel,
    });
    let figures = format!("{figures:#}\n");
    print!("{figures}");
    let kept = shell::root().join(KEPT);
    std::fs::write(&kept, figures)
        .map_err(|error| Error::new(format!("cannot write {}: {error}", kept.display())))?;
    Ok(())
}

/// Instructions of a process that asks so many queries.
fn instructions(program: &Path, file: &Path, queries: u64) -> Result<u64> {
    let output = command("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .arg(file)
        .arg(format!("{SAMPLE}/queries.i8.npy"))
        .arg(queries.to_string())
        .output()
        .map_err(|error| Error::new(format!("cannot run valgrind: {error}")))?;
    let told = String::from_utf8_lossy(&output.stderr);
    told.lines()
        .find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
        .ok_or_else(|| Error::new(format!("callgrind told no count:\n{told}")))
}

/// Each effort's fuel by build, from the report of `rvf bench`.
fn fuel(report: &Value) -> Result<Vec<Value>> {
    let missing = || Error::new("the report of `rvf bench` has no efforts with engines");
    let mut rows = Vec::new();
    for effort in report["efforts"].as_array().ok_or_else(missing)? {
        for engine in effort["engines"].as_array().ok_or_else(missing)? {
            let fuel = engine["fuel_per_query"]
                .as_f64()
                .or(engine["fuel"].as_f64());
            if let Some(fuel) = fuel {
                rows.push(json!({
                    "effort": effort["effort"],
                    "engine": engine["engine"],
                    "fuel": fuel.round(),
                }));
            }
        }
    }
    Ok(rows)
}
