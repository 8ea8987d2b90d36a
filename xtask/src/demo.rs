//! `cargo xtask demo`: packs the bundled sample and searches it, natively and with the code in the file.

use std::process::Command;

use crate::shell::{self, cargo, command, target_dir};
use crate::{Error, Result};

const SAMPLE: &str = "samples/wordnet-8k";
const WORD: &str = "ocean.n";

/// Builds `rvf`, packs the sample, asks both engines the same, and holds their answers against each other.
pub(crate) fn run() -> Result {
    shell::run(cargo().args(["build", "--release", "--package", "rvf-cli"]))?;
    let program = target_dir()
        .join("release")
        .join(format!("rvf{}", std::env::consts::EXE_SUFFIX));
    let rvf = || command(&program);
    let folder = target_dir().join("demo");
    std::fs::create_dir_all(&folder)
        .map_err(|error| Error::new(format!("cannot make {}: {error}", folder.display())))?;
    let file = folder.join("wordnet.rvf");

    shell::run(
        rvf()
            .arg("pack")
            .arg(format!("{SAMPLE}/base.i8.npy"))
            .args(["--ids", &format!("{SAMPLE}/ids.txt"), "--force", "-o"])
            .arg(&file),
    )?;
    shell::run(rvf().arg("info").arg(&file))?;
    for engine in ["native", "wasmi"] {
        shell::run(
            rvf()
                .arg("query")
                .arg(&file)
                .args(["--like", WORD, "-k", "5", "--engine", engine]),
        )?;
    }
    let hits = |engine: &str| -> Result<Vec<serde_json::Value>> {
        let queries = format!("{SAMPLE}/queries.i8.npy");
        let mut query = rvf();
        query.arg("query").arg(&file);
        query.args(["--vectors", &queries, "--engine", engine, "--json"]);
        answers(&mut query)
    };
    let (native, sandboxed) = (hits("native")?, hits("wasmi")?);
    if native.is_empty() || native != sandboxed {
        return Err(Error::new(
            "the native engine and the code in the file gave different answers",
        ));
    }
    println!(
        "\n{} more queries: the native engine and the code in the file, under wasmi, gave the same hits and distances.\n\
         The program is {}, the file {}.",
        native.len(),
        program.display(),
        file.display()
    );
    Ok(())
}

/// The hits of each line that `rvf query --json` prints.
fn answers(query: &mut Command) -> Result<Vec<serde_json::Value>> {
    shell::output(query)?
        .lines()
        .map(|line| {
            let answer: serde_json::Value = serde_json::from_str(line)
                .map_err(|error| Error::new(format!("rvf printed no JSON: {error}")))?;
            Ok(answer["hits"].clone())
        })
        .collect()
}
