//! `cargo xtask test` and `cargo xtask ci`: one list of steps, run to the end, with an honest count.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::shell::{self, cargo, command};
use crate::{Error, Result, builder, page, prebuilt};

/// How much of the list runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Set {
    /// Only the steps that test.
    Tests,
    /// The tests, and before them the checks of form.
    All,
}

enum Outcome {
    Passed,
    Failed(String),
    /// It could not run. That is not a pass, and the summary says why.
    Skipped(String),
}

impl From<Result> for Outcome {
    fn from(result: Result) -> Self {
        match result {
            Ok(()) => Self::Passed,
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

struct Step {
    title: &'static str,
    /// The smallest set that the step is in.
    set: Set,
    run: fn() -> Outcome,
}

const STEPS: &[Step] = &[
    Step {
        title: "format",
        set: Set::All,
        run: format,
    },
    Step {
        title: "lint",
        set: Set::All,
        run: lint,
    },
    Step {
        title: "documentation",
        set: Set::All,
        run: documentation,
    },
    Step {
        title: "dependencies: bans, licences, sources",
        set: Set::All,
        run: dependencies,
    },
    Step {
        title: "dependencies: known vulnerabilities",
        set: Set::All,
        run: advisories,
    },
    Step {
        title: "kernel modules are what the source makes",
        set: Set::Tests,
        run: wasm,
    },
    Step {
        title: "the builder of the JavaScript library is what the source makes",
        set: Set::Tests,
        run: web_builder,
    },
    Step {
        title: "Rust tests",
        set: Set::Tests,
        run: tests,
    },
    Step {
        title: "the sandbox's stack, as released",
        set: Set::Tests,
        run: released_sandbox,
    },
    Step {
        title: "documentation examples",
        set: Set::Tests,
        run: doc_tests,
    },
    Step {
        title: "Node harness",
        set: Set::Tests,
        run: node,
    },
    Step {
        title: "JavaScript library",
        set: Set::Tests,
        run: web,
    },
    Step {
        title: "the page is what its sources make",
        set: Set::Tests,
        run: built_page,
    },
    Step {
        title: "the page, in a real browser",
        set: Set::Tests,
        run: page_in_browser,
    },
    Step {
        title: "reference implementation in Python",
        set: Set::Tests,
        run: reference,
    },
    Step {
        title: "size budgets",
        set: Set::Tests,
        run: budgets,
    },
];

fn format() -> Outcome {
    shell::run(cargo().args(["fmt", "--all", "--check"])).into()
}

fn lint() -> Outcome {
    shell::run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
    .into()
}

fn documentation() -> Outcome {
    shell::run(
        cargo()
            .args(["doc", "--workspace", "--no-deps"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
    .into()
}

fn wasm() -> Outcome {
    prebuilt::check(None).into()
}

fn web_builder() -> Outcome {
    builder::check(None).into()
}

fn tests() -> Outcome {
    // Benchmarks are left out: they measure, and take their time. Documentation examples are the next step.
    shell::run(cargo().args([
        "test",
        "--workspace",
        "--lib",
        "--bins",
        "--tests",
        "--examples",
        "--no-fail-fast",
    ]))
    .into()
}

/// The interpreter's dispatch stands on what the optimiser makes of it, so the stack is held in a release too.
fn released_sandbox() -> Outcome {
    shell::run(cargo().args([
        "test",
        "--release",
        "--package",
        "rvf-host",
        "--test",
        "sandbox_stack",
    ]))
    .into()
}

/// Runs the reference reader and writer with numpy, from an environment in cargo's target folder.
fn reference() -> Outcome {
    let environment = shell::target_dir().join("reference");
    let python = environment.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    if !shell::succeeds(command(&python).args(["-c", "import numpy"])) {
        let made =
            shell::run(command("python3").args(["-m", "venv"]).arg(&environment)).and_then(|()| {
                shell::run(command(&python).args(["-m", "pip", "install", "--quiet", "numpy"]))
            });
        if let Err(error) = made {
            return Outcome::Skipped(format!("no Python with numpy could be set up: {error}"));
        }
    }
    shell::run(
        command(&python)
            .args(["-m", "unittest", "test_reference"])
            .current_dir(shell::root().join("spec").join("reference")),
    )
    .into()
}

fn doc_tests() -> Outcome {
    shell::run(cargo().args(["test", "--workspace", "--doc"])).into()
}

fn budgets() -> Outcome {
    prebuilt::check_committed()
        .and_then(|()| builder::check_committed())
        .into()
}

/// `cargo-deny`, from the path or from where `.ci/run` puts it.
fn deny() -> Option<PathBuf> {
    [
        PathBuf::from("cargo-deny"),
        shell::target_dir()
            .join("tools")
            .join("bin")
            .join("cargo-deny"),
    ]
    .into_iter()
    .find(|program| shell::succeeds(command(program).arg("--version")))
}

const NO_DENY: &str = "cargo-deny is not installed: `cargo install cargo-deny --locked`";

fn dependencies() -> Outcome {
    match deny() {
        Some(deny) => {
            shell::run(command(deny).args(["check", "bans", "licenses", "sources"])).into()
        }
        None => Outcome::Skipped(NO_DENY.to_owned()),
    }
}

fn advisories() -> Outcome {
    let Some(deny) = deny() else {
        return Outcome::Skipped(NO_DENY.to_owned());
    };
    if !shell::succeeds(command(&deny).args(["fetch", "db"])) {
        return Outcome::Skipped("the advisory database could not be fetched".to_owned());
    }
    shell::run(command(&deny).args(["check", "advisories"])).into()
}

const OLDEST_NODE: u32 = 20;

fn node() -> Outcome {
    let mut files = Vec::new();
    if let Err(error) = node_tests(&shell::root().join("harness"), &mut files) {
        return Outcome::Failed(error.to_string());
    }
    if files.is_empty() {
        return Outcome::Skipped("there is no test in harness/".to_owned());
    }
    if let Err(error) = check_node() {
        return Outcome::Failed(error.to_string());
    }
    // Files by name: what a folder means to `node --test` is not the same in every version.
    shell::run(command("node").arg("--test").args(files)).into()
}

/// Node is there, and not too old.
fn check_node() -> Result {
    let version = shell::output(command("node").arg("--version")).map_err(|error| {
        Error::new(format!(
            "could not run: {error}; Node {OLDEST_NODE} or later is needed"
        ))
    })?;
    let version = version.trim();
    let major = version
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|part| part.parse::<u32>().ok());
    if major.is_none_or(|major| major < OLDEST_NODE) {
        return Err(Error::new(format!(
            "could not run: Node is {version}; {OLDEST_NODE} or later is needed"
        )));
    }
    Ok(())
}

/// Builds the JavaScript library, with the twin of the kernel, and runs its tests and its examples.
fn web() -> Outcome {
    if let Err(error) = check_node() {
        return Outcome::Failed(error.to_string());
    }
    let loader = shell::root().join("pwa-loader");
    let library = loader.join("lib");
    let compiler = library
        .join("node_modules")
        .join("typescript")
        .join("bin")
        .join("tsc");
    if let Err(error) = shell::npm_packages(&library, "typescript") {
        return Outcome::Skipped(format!("no TypeScript could be installed: {error}"));
    }
    let mut files = Vec::new();
    let tested = ["lib/test", "examples"]
        .into_iter()
        .try_for_each(|folder| node_tests(&loader.join(folder), &mut files));
    let tsc =
        |project: &Path| shell::run(command("node").arg(&compiler).arg("--project").arg(project));
    tested
        .and_then(|()| tsc(&library))
        .and_then(|()| shell::run(command("node").arg(library.join("scripts").join("twin.mjs"))))
        .and_then(|()| tsc(&loader.join("examples")))
        .and_then(|()| shell::run(command("node").arg("--test").args(files)))
        .into()
}

fn built_page() -> Outcome {
    if let Err(error) = check_node() {
        return Outcome::Failed(error.to_string());
    }
    if let Err(error) = page::install() {
        return Outcome::Skipped(format!("no TypeScript could be installed: {error}"));
    }
    page::check().into()
}

fn page_in_browser() -> Outcome {
    if let Err(error) = check_node() {
        return Outcome::Failed(error.to_string());
    }
    if let Err(error) = page::install() {
        return Outcome::Skipped(format!(
            "what drives the browser could not be installed: {error}"
        ));
    }
    match page::browser() {
        Ok(browser) => page::in_browser(browser).into(),
        Err(error) => Outcome::Skipped(error.to_string()),
    }
}

/// Test files below a folder, by the names that Node itself looks for; none if there is no such folder.
fn node_tests(folder: &Path, found: &mut Vec<PathBuf>) -> Result {
    if !folder.exists() {
        return Ok(());
    }
    let cannot =
        |error: std::io::Error| Error::new(format!("cannot list {}: {error}", folder.display()));
    let mut entries = std::fs::read_dir(folder)
        .map_err(cannot)?
        .map(|entry| entry.map(|entry| entry.path()).map_err(cannot))
        .collect::<Result<Vec<_>>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if name != "node_modules" {
                node_tests(&path, found)?;
            }
        } else if is_node_test(&name) {
            found.push(
                path.strip_prefix(shell::root())
                    .unwrap_or(&path)
                    .to_path_buf(),
            );
        }
    }
    Ok(())
}

fn is_node_test(name: &str) -> bool {
    let stem = [".mjs", ".cjs", ".js"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    stem.is_some_and(|stem| {
        stem == "test"
            || stem.starts_with("test-")
            || [".test", "-test", "_test"]
                .iter()
                .any(|end| stem.ends_with(end))
    })
}

/// Runs every step of a set, whatever the ones before it did, and prints what became of each.
pub(crate) fn run(set: Set) -> Result {
    let steps: Vec<&Step> = STEPS
        .iter()
        .filter(|step| set == Set::All || step.set == Set::Tests)
        .collect();
    let mut outcomes = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        println!(
            "\n=== {} of {}: {}",
            index.saturating_add(1),
            steps.len(),
            step.title
        );
        let start = Instant::now();
        let outcome = (step.run)();
        match &outcome {
            Outcome::Passed => println!("--- passed"),
            Outcome::Failed(why) => println!("--- FAILED: {why}"),
            Outcome::Skipped(why) => println!("--- skipped: {why}"),
        }
        outcomes.push((step, outcome, start.elapsed().as_secs()));
    }

    println!("\n=== summary");
    let (mut passed, mut failed, mut skipped) = (0_u32, 0_u32, 0_u32);
    for (step, outcome, seconds) in &outcomes {
        let (word, count, why) = match outcome {
            Outcome::Passed => ("passed", &mut passed, None),
            Outcome::Failed(why) => ("FAILED", &mut failed, Some(why)),
            Outcome::Skipped(why) => ("skipped", &mut skipped, Some(why)),
        };
        *count = count.saturating_add(1);
        println!("{word:<8}{seconds:>5} s  {}", step.title);
        if let Some(why) = why {
            println!("                 {why}");
        }
    }
    println!("steps: {passed} passed, {failed} failed, {skipped} skipped");
    if failed == 0 {
        Ok(())
    } else {
        Err(Error::new("not every step passed"))
    }
}

#[cfg(test)]
mod tests {
    use super::is_node_test;

    #[test]
    fn node_tests_are_the_files_that_node_takes_for_tests() {
        for name in [
            "a.test.mjs",
            "test.js",
            "test-a.cjs",
            "a_test.js",
            "a-test.mjs",
        ] {
            assert!(is_node_test(name), "{name}");
        }
        for name in ["a.mjs", "latest.js", "test.json", "a.test.txt"] {
            assert!(!is_node_test(name), "{name}");
        }
    }
}
