//! One file for each command.

pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod extract;
pub(crate) mod info;
pub(crate) mod pack;
pub(crate) mod query;
pub(crate) mod serve;
pub(crate) mod verify;

use std::path::Path;

use clap::{Subcommand, ValueEnum};
use rvf_host::{Engine, OpenOptions, Reader};

use crate::failure::Failure;
use crate::target::plain_io;
use crate::view::shown_path;

/// What `rvf` can be told to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Pack vectors into an .rvf file
    Pack(pack::Args),
    /// Find the vectors nearest to a query
    Query(query::Args),
    /// Show what a file holds
    Info(info::Args),
    /// Check every rule and every byte of a file
    Verify(verify::Args),
    /// Take the vectors or a WebAssembly module out of a file
    Extract(extract::Args),
    /// Measure recall, time and memory on your own queries
    Bench(bench::Args),
    /// Search files in the browser, on a page that this machine serves to itself
    Serve(serve::Args),
    /// Print a completion script for your shell
    Completions(completions::Args),
}

/// Who runs the search, and how the file is read.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct EngineArgs {
    /// native: the host's twin of the file's kernel. wasmi: the kernel in the file, sandboxed. auto: native where the
    /// kernel is known, else wasmi
    #[arg(long, value_enum, default_value_t = EngineName::Auto, value_name = "auto|native|wasmi", hide_possible_values = true)]
    pub(crate) engine: EngineName,

    #[command(flatten)]
    pub(crate) io: IoArgs,

    /// With wasmi: take this build of the kernel in the file [default: simd, where there is one]
    #[arg(
        long,
        value_enum,
        help_heading = "Advanced",
        value_name = "simd|scalar",
        hide_possible_values = true,
        conflicts_with = "backend"
    )]
    pub(crate) build: Option<Build>,

    /// Natively: take this build of the twin [default: the best for the processor]
    #[arg(
        long,
        value_enum,
        help_heading = "Advanced",
        value_name = "scalar|avx2|avx512|neon",
        hide_possible_values = true
    )]
    pub(crate) backend: Option<Backend>,
}

/// How the file is read.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct IoArgs {
    /// mmap: map the file into memory. read: read it, for a file that others may change meanwhile
    #[arg(long, value_enum, default_value_t = Io::Mmap, help_heading = "Advanced", value_name = "mmap|read", hide_possible_values = true)]
    pub(crate) io: Io,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineName {
    Auto,
    Native,
    Wasmi,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Io {
    Mmap,
    Read,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Build {
    Simd,
    Scalar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    Scalar,
    Avx2,
    Avx512,
    Neon,
}

impl EngineArgs {
    /// The engine that was asked for. A build is one of the sandbox's, a backend one of the native kernel's.
    fn wanted(&self) -> Result<Engine, Failure> {
        let backend = self.backend.map(|backend| backend.name().to_owned());
        match (self.engine, self.build, backend) {
            (EngineName::Auto, None, None) => Ok(Engine::Auto),
            (EngineName::Native | EngineName::Auto, None, backend) => {
                Ok(Engine::Native { backend })
            }
            (EngineName::Wasmi | EngineName::Auto, build, None) => Ok(Engine::Wasmi {
                build: build.map_or(rvf_host::Build::Best, Into::into),
            }),
            (EngineName::Native, Some(_), _) => Err(Failure::usage(
                "--build chooses a kernel for the sandbox, not for --engine native",
            )
            .remedy("leave --build out, or add --engine wasmi")),
            (EngineName::Wasmi | EngineName::Auto, _, Some(_)) => Err(Failure::usage(
                "--backend chooses a native kernel, not one for --engine wasmi",
            )
            .remedy("leave --backend out, or add --engine native")),
        }
    }
}

impl Backend {
    fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
        }
    }
}

impl Build {
    fn name(self) -> &'static str {
        match self {
            Self::Simd => "simd",
            Self::Scalar => "scalar",
        }
    }
}

impl From<Build> for rvf_host::Build {
    fn from(build: Build) -> Self {
        match build {
            Build::Simd => Self::Simd,
            Build::Scalar => Self::Scalar,
        }
    }
}

impl From<Io> for rvf_host::Io {
    fn from(io: Io) -> Self {
        match io {
            Io::Mmap => Self::Map,
            Io::Read => Self::Read,
        }
    }
}

/// Opens a file; an error names it.
fn open(path: &Path, options: &OpenOptions) -> Result<Reader, Failure> {
    Reader::open_path(path, options).map_err(|error| about(path, error))
}

/// A host's error with the file that it is about.
fn about(path: &Path, error: rvf_host::HostError) -> Failure {
    if let rvf_host::HostError::Open { path, source } = &error {
        return Failure::new(format!(
            "cannot open {}: {}",
            shown_path(path),
            plain_io(source)
        ))
        .remedy("name an .rvf file that exists and that you may read");
    }
    Failure::from(error).prefix(&shown_path(path))
}
