//! What the program says of itself.

mod common;

use common::{Place, rvf_in};

const COMMANDS: [&str; 8] = [
    "pack",
    "query",
    "info",
    "verify",
    "extract",
    "bench",
    "serve",
    "completions",
];

#[test]
fn help_lists_every_command_and_no_other() {
    let place = Place::new();
    insta::assert_snapshot!("help", place.rvf(&["--help"]).ok());
}

#[test]
fn each_command_explains_itself_with_examples() {
    let place = Place::new();
    for command in COMMANDS {
        let help = place.rvf(&[command, "--help"]).ok();
        assert!(help.contains("Examples"), "{command}");
        let lines_fit = help.lines().all(|line| line.chars().count() <= 100);
        assert!(lines_fit, "{command}: {help}");
        insta::assert_snapshot!(format!("help-{command}"), help);
    }
}

#[test]
fn nothing_asked_is_answered_with_the_help_and_code_2() {
    let place = Place::new();
    let ran = place.rvf(&[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("Commands:"));
    for wrong in ["append", "delete", "--nonsense"] {
        place.rvf(&[wrong]).usage();
    }
}

#[test]
fn the_version_is_the_package_s() {
    let version = Place::new().rvf(&["--version"]).ok();
    assert_eq!(version, format!("rvf {}\n", env!("CARGO_PKG_VERSION")));
}

/// The commands in an example, each a single line.
#[cfg(unix)]
fn examples(help: &str) -> Vec<String> {
    let joined = help.replace("\\\n", " ");
    let after = joined.split_once("Examples").map_or("", |(_, after)| after);
    let lines = after.lines().filter(|line| line.starts_with("  rvf "));
    lines.map(|line| line.trim().to_owned()).collect()
}

#[test]
#[cfg(unix)]
fn every_example_works_as_pasted() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_rvf"));
    let paths = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut helps = vec![rvf_in(root, &["--help"]).ok()];
    helps.extend(COMMANDS.map(|command| rvf_in(root, &[command, "--help"]).ok()));
    for help in helps {
        let place = Place::new();
        std::os::unix::fs::symlink(root.join("samples"), place.file("samples")).unwrap();
        let examples = examples(&help);
        assert!(!examples.is_empty(), "{help}");
        for example in examples {
            if example.contains("fpath") || example.contains("~/") {
                // These write to the user's own folders.
                continue;
            }
            // As pasted, but for the time that five rounds of an unoptimised build take.
            let rounds = if example.starts_with("rvf bench") {
                " --rounds 1"
            } else {
                ""
            };
            let mut example = format!("{example}{rounds}");
            if example.starts_with("rvf serve") {
                // It serves until somebody ends it, which is no failure.
                example = format!("timeout --signal INT --preserve-status 2 {example} --port 0");
            }
            let output = std::process::Command::new("bash")
                .args(["-c", &example])
                .current_dir(place.path())
                .env("PATH", &paths)
                .output()
                .unwrap();
            assert!(output.status.success(), "{example}: {output:?}");
        }
    }
}

#[test]
fn completions_name_every_command() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.rvf(&["completions", shell]).ok();
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
}
