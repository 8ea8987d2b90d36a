//! `rvf`: packs vectors into `.rvf` files, searches them with the code that travels inside, and checks them.
//!
//! Each command is a file in `commands`: its options, and what it does. What it prints is in `report`.

mod commands;
mod failure;
mod memory;
mod progress;
mod queries;
mod report;
mod stats;
mod target;
mod view;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};

use crate::commands::Command;
use crate::failure::Failure;
use crate::view::Out;

/// The command line as a whole.
#[derive(Debug, Parser)]
#[command(
    name = "rvf",
    version,
    about = "Pack vectors into one file with the code that searches them, and search it",
    after_help = "\
Examples, on the sample that comes with the source:
  rvf pack samples/wordnet-8k/base.i8.npy \\
      --ids samples/wordnet-8k/ids.txt -o wordnet.rvf
  rvf query wordnet.rvf --like ocean.n
  rvf info wordnet.rvf

'rvf COMMAND --help' explains a command. Exit codes: 0, 1 (it failed), 2 (it was asked for wrongly).",
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = Out::stdout();
    let done = match cli.command {
        Command::Pack(args) => commands::pack::run(&args, &mut out),
        Command::Query(args) => commands::query::run(&args, &mut out),
        Command::Info(args) => commands::info::run(&args, &mut out),
        Command::Verify(args) => commands::verify::run(&args, &mut out),
        Command::Extract(args) => commands::extract::run(&args, &mut out),
        Command::Bench(args) => commands::bench::run(&args, &mut out),
        Command::Serve(args) => commands::serve::run(&args, &mut out),
        Command::Completions(args) => {
            commands::completions::run(&args, &mut Cli::command(), &mut out)
        }
    };
    // What was found before a failure is shown before the failure.
    let flushed = out.flush();
    match done.and(flushed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => Failure::report(&failure),
    }
}
