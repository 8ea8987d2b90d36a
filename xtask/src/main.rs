//! Builds what travels in a file and runs every check of the project.
//!
//! `cargo xtask help` lists what it does. It runs the same commands that a person would type, and prints each.

mod builder;
mod compiler;
mod constants;
mod count;
mod demo;
mod kernel;
mod module;
mod optimizer;
mod page;
mod prebuilt;
mod shell;
mod size;
mod steps;

use std::fmt;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  demo  pack the bundled sample, and search it natively and with the code in the file
  wasm [--check] [--compiler rustup|system]
        build the kernel modules and install them in rvf-microkernel/prebuilt;
        with --check, build them and compare, and install nothing
  builder [--check] [--compiler rustup|system]
        the same for the builder of the JavaScript library, in pwa-loader/lib/wasm
  page [--check]
        build the JavaScript library and the page, and install it in pwa-loader/prebuilt;
        with --check, compare it instead, and run its tests in a real browser
  size [--compiler rustup|system]
        build the kernel modules and print their bytes by section, part and function
  count count instructions and fuel of a search of the sample, and write them to benches/counts.json
  test  run every test: Rust, documentation examples, wasm rebuild, Node, the page, size budgets
  ci    run `test`, and before it the format, lint, documentation and dependency checks
  help  print this

Compilers for wasm: `rustup` is rustc with its installed wasm32-unknown-unknown target, `system` is Debian's
/usr/bin/rustc, which builds the core library from source. The first that is there is taken.";

/// What went wrong, as a sentence for the person at the terminal.
#[derive(Debug)]
pub(crate) struct Error(String);

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

pub(crate) type Result<T = ()> = std::result::Result<T, Error>;

enum Task {
    Wasm {
        check: bool,
        compiler: Option<compiler::Kind>,
    },
    Builder {
        check: bool,
        compiler: Option<compiler::Kind>,
    },
    Page {
        check: bool,
    },
    Size {
        compiler: Option<compiler::Kind>,
    },
    Count,
    Demo,
    Steps(steps::Set),
    Help,
}

fn parse(args: &[String]) -> Result<Task> {
    let (command, options) = match args.split_first() {
        Some((command, options)) => (command.as_str(), options),
        None => ("help", args),
    };
    let mut check = false;
    let mut compiler = None;
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        match (command, option.as_str()) {
            (_, "--help" | "-h") => return Ok(Task::Help),
            ("wasm" | "builder" | "page", "--check") => check = true,
            ("wasm" | "builder" | "size", "--compiler") => {
                compiler = Some(compiler::Kind::parse(rest.next().map(String::as_str))?);
            }
            _ => {
                return Err(Error::new(format!("`{command}` has no option `{option}`")));
            }
        }
    }
    match command {
        "wasm" => Ok(Task::Wasm { check, compiler }),
        "builder" => Ok(Task::Builder { check, compiler }),
        "page" => Ok(Task::Page { check }),
        "size" => Ok(Task::Size { compiler }),
        "count" => Ok(Task::Count),
        "demo" => Ok(Task::Demo),
        "test" => Ok(Task::Steps(steps::Set::Tests)),
        "ci" => Ok(Task::Steps(steps::Set::All)),
        "help" | "--help" | "-h" => Ok(Task::Help),
        _ => Err(Error::new(format!("there is no command `{command}`"))),
    }
}

fn run(task: Task) -> Result {
    match task {
        Task::Wasm {
            check: true,
            compiler,
        } => prebuilt::check(compiler),
        Task::Wasm {
            check: false,
            compiler,
        } => prebuilt::install(compiler),
        Task::Builder {
            check: true,
            compiler,
        } => builder::check(compiler),
        Task::Builder {
            check: false,
            compiler,
        } => builder::install(compiler),
        Task::Page { check: false } => page::build(),
        Task::Page { check: true } => {
            page::library()?;
            page::install()?;
            page::check()?;
            page::in_browser(page::browser()?)
        }
        Task::Size { compiler } => size::print(compiler),
        Task::Count => count::run(),
        Task::Demo => demo::run(),
        Task::Steps(set) => steps::run(set),
        Task::Help => {
            println!("{HELP}");
            Ok(())
        }
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let task = match parse(&args) {
        Ok(task) => task,
        Err(error) => {
            eprintln!("xtask: {error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match run(task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Task, parse};
    use crate::{compiler::Kind, steps::Set};

    fn task(line: &str) -> Option<Task> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&args).ok()
    }

    #[test]
    fn commands_and_their_options_are_understood() {
        assert!(matches!(task("ci"), Some(Task::Steps(Set::All))));
        assert!(matches!(task("test"), Some(Task::Steps(Set::Tests))));
        assert!(matches!(task("demo"), Some(Task::Demo)));
        assert!(matches!(task("count"), Some(Task::Count)));
        assert!(matches!(
            task("page --check"),
            Some(Task::Page { check: true })
        ));
        assert!(matches!(task(""), Some(Task::Help)));
        assert!(matches!(
            task("wasm --check --compiler system"),
            Some(Task::Wasm {
                check: true,
                compiler: Some(Kind::System)
            })
        ));
        assert!(matches!(task("size"), Some(Task::Size { compiler: None })));
    }

    #[test]
    fn what_is_not_a_command_or_option_is_refused() {
        for line in [
            "tset",
            "ci --check",
            "size --check",
            "wasm --compiler",
            "wasm --compiler gcc",
            "test all",
        ] {
            assert!(task(line).is_none(), "{line}");
        }
    }
}
