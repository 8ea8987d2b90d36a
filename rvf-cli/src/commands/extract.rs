//! `rvf extract`

use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use rvf_host::{Module, OpenOptions, Reader};
use rvf_pack::source::write_npy_f32;
use serde::Serialize;

use super::Build;
use crate::failure::Failure;
use crate::progress::{Progress, Unit};
use crate::target::{WriteFailure, write_whole};
use crate::view::{Out, Tone, human, shown_path};

#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("part").required(true).args(["wasm", "vectors"]),
    override_usage = "rvf extract [OPTIONS] <FILE> <--wasm ROLE [-o OUT] | --vectors OUT.npy>",
    after_help = "\
Examples, on the sample that comes with the source:
  rvf pack samples/wordnet-8k/base.i8.npy \\
      --ids samples/wordnet-8k/ids.txt -o wordnet.rvf
  rvf extract wordnet.rvf --wasm microkernel --build scalar -o kernel.wasm
  rvf extract wordnet.rvf --vectors vectors.npy"
)]
pub(crate) struct Args {
    /// The .rvf file
    file: PathBuf,

    /// Take out the WebAssembly module of this role: microkernel, interpreter, combined, extension or control-plane
    #[arg(long, value_enum, value_name = "ROLE", hide_possible_values = true)]
    wasm: Option<Role>,

    /// Write the vectors as stored to this file: f32, in the order of the rows
    #[arg(long, value_name = "OUT.npy", conflicts_with_all = ["build", "output"])]
    vectors: Option<PathBuf>,

    /// Of several builds of the module, take this one [default: the one that hosts prefer]
    #[arg(
        long,
        value_enum,
        value_name = "simd|scalar",
        hide_possible_values = true
    )]
    build: Option<Build>,

    /// The file to write the module to, - for standard output [default: as in microkernel-simd.wasm]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,

    /// Replace the output if it exists
    #[arg(short, long)]
    force: bool,

    #[command(flatten)]
    io: super::IoArgs,

    /// Print what was written as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    Microkernel,
    Interpreter,
    Combined,
    Extension,
    ControlPlane,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<(), Failure> {
    let options = OpenOptions::new().io(args.io.io.into());
    let reader = super::open(&args.file, &options)?;
    match (&args.vectors, args.wasm) {
        (Some(target), _) => vectors(args, &reader, target, out),
        (None, Some(role)) => module(args, &reader, role, out),
        (None, None) => Ok(()),
    }
}

/// What was written, for scripts.
#[derive(Debug, Serialize)]
struct Extracted {
    output: String,
    bytes: u64,
    #[serde(flatten)]
    what: What,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum What {
    Vectors {
        vectors: u64,
        dimension: u32,
    },
    Module {
        role: String,
        features: Vec<String>,
        hash: String,
    },
}

fn vectors(args: &Args, reader: &Reader, target: &Path, out: &mut Out) -> Result<(), Failure> {
    let rows = u64::from(reader.rows());
    let mut progress = Progress::new(false);
    let bytes = write_whole(target, args.force, |file| {
        let mut npy = write_npy_f32(file, rows, reader.dimension() as usize)?;
        let mut all = reader.vectors();
        let mut vector = Vec::new();
        let mut done = 0;
        while all
            .next_into(&mut vector)
            .map_err(|error| WriteFailure::Other(super::about(&args.file, error)))?
        {
            npy.write_rows(&vector)?;
            done += 1;
            progress.update("extracting", Unit::Rows, done, rows);
        }
        Ok(npy.finish()?.stream_position()?)
    })?;
    drop(progress);
    let text = format!(
        "{} of {}, f32, {}",
        human::counted(rows, "vector"),
        human::counted(reader.dimension().into(), "dimension"),
        human::bytes(bytes)
    );
    let what = What::Vectors {
        vectors: rows,
        dimension: reader.dimension(),
    };
    say(args, target, bytes, &text, what, out)
}

fn module(args: &Args, reader: &Reader, role: Role, out: &mut Out) -> Result<(), Failure> {
    let fail = |error| super::about(&args.file, error);
    let modules = reader.modules().map_err(fail)?;
    let wanted: rvf_types::Role = role.into();
    let of_role = modules.iter().filter(|module| module.role() == wanted);
    let chosen = of_role
        .clone()
        .filter(|module| args.build.is_none_or(|build| build == build_of(module)))
        .min_by_key(|module| (module.header.priority, module.offset));
    let Some(module) = chosen else {
        return Err(no_module(args, modules, wanted));
    };
    let bytecode = module.read(reader).map_err(fail)?;
    let target = match &args.output {
        Some(path) => path.clone(),
        None => PathBuf::from(format!("{wanted}-{}.wasm", build_of(module).name())),
    };
    if target == Path::new("-") {
        if out.is_terminal() {
            return Err(
                Failure::new("a module is no text, and standard output is a terminal")
                    .remedy("send it to a file: -o kernel.wasm"),
            );
        }
        return out.bytes(&bytecode);
    }
    write_whole(&target, args.force, |file| Ok(file.write_all(&bytecode)?))?;
    let features: Vec<_> = module
        .header
        .kind
        .required
        .names()
        .map(str::to_owned)
        .collect();
    let others = match of_role.count() {
        0 | 1 => String::new(),
        builds => format!(", one of {builds} builds (--build chooses)"),
    };
    let text = format!(
        "{wanted}, {}, {}{others}",
        build_of(module).name(),
        human::bytes(bytecode.len() as u64)
    );
    let what = What::Module {
        role: wanted.name().to_owned(),
        features,
        hash: module.header.hash.to_string(),
    };
    say(args, &target, bytecode.len() as u64, &text, what, out)
}

fn no_module(args: &Args, modules: &[Module], wanted: rvf_types::Role) -> Failure {
    let build = args
        .build
        .map_or(String::new(), |build| format!(" ({} build)", build.name()));
    let there: Vec<_> = modules
        .iter()
        .map(|module| format!("{} ({} build)", module.role(), build_of(module).name()))
        .collect();
    let there = match there.as_slice() {
        [] => "no module at all".to_owned(),
        names => names.join(", "),
    };
    Failure::new(format!(
        "{}: expected a module of role {wanted}{build}, found {there}",
        shown_path(&args.file)
    ))
    .remedy("'rvf info' lists what is inside")
}

fn say(
    args: &Args,
    target: &Path,
    bytes: u64,
    text: &str,
    what: What,
    out: &mut Out,
) -> Result<(), Failure> {
    if args.json {
        return out.json(&Extracted {
            output: target.to_string_lossy().into_owned(),
            bytes,
            what,
        });
    }
    let name = out.paint(Tone::Title, &shown_path(target));
    out.line(format_args!("{name}: {text}"))
}

fn build_of(module: &Module) -> Build {
    if module.requires_simd() {
        Build::Simd
    } else {
        Build::Scalar
    }
}

impl From<Role> for rvf_types::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Microkernel => Self::Microkernel,
            Role::Interpreter => Self::Interpreter,
            Role::Combined => Self::Combined,
            Role::Extension => Self::Extension,
            Role::ControlPlane => Self::ControlPlane,
        }
    }
}
