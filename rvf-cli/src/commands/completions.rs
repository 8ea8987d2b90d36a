//! `rvf completions`

use clap_complete::Shell;

use crate::failure::Failure;
use crate::view::Out;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rvf completions bash > rvf.bash && source ./rvf.bash
  rvf completions zsh  > \"${fpath[1]}/_rvf\"
  rvf completions fish > ~/.config/fish/completions/rvf.fish")]
pub(crate) struct Args {
    /// The shell that is to complete
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &Args, command: &mut clap::Command, out: &mut Out) -> Result<(), Failure> {
    // Into memory first: the generator has no way to say that its output could not be written.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "rvf", &mut script);
    out.bytes(&script)
}
