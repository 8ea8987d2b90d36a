//! What answers queries: the native twin of a known kernel, or a sandbox that runs the file's own.

pub(crate) mod native;
mod runs;
pub(crate) mod sandbox;

use std::fmt;

use rvf_types::error::Expected;
use rvf_types::{FormatError, Role, SegmentHash};

use crate::answer::{Hit, Stats};
use crate::effort::Plan;
use crate::error::HostError;
use crate::module::Module;
use crate::reader::Reader;

use native::{NativeEngine, NativeSession};
use sandbox::{Sandbox, SandboxSession};

/// Which engine is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Engine {
    /// Native where this host has a twin of the file's kernel, else the sandbox. A file without a kernel is
    /// answered by the host's own.
    #[default]
    Auto,
    /// The native twin; refused for a kernel that this host does not know.
    Native {
        /// The instruction set, by its name (see [`native_backends`]); none for the best that the processor has.
        backend: Option<String>,
    },
    /// The file's module, run by wasmi under limits.
    Wasmi {
        /// Which of the file's builds.
        build: Build,
    },
}

/// Which build of the kernel a sandbox runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Build {
    /// The one that R-WASM-4 picks.
    #[default]
    Best,
    /// One that requires SIMD.
    Simd,
    /// One that does not.
    Scalar,
}

/// The instruction sets that this processor can run the native kernel with, the fastest first.
#[must_use]
pub fn native_backends() -> Vec<&'static str> {
    rvf_microkernel::Backend::available()
        .map(rvf_microkernel::Backend::name)
        .collect()
}

/// Which engine answers, for people and for reports. `Display` is such as `native (avx512)` or `wasmi (simd)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct EngineInfo {
    /// `native` or `wasmi`.
    pub name: &'static str,
    /// The instruction set of the native kernel, or the build of the module: `simd` or `scalar`.
    pub variant: &'static str,
    /// The hash of the file's kernel that is run, or whose twin is; none where the file has none and the host's own
    /// kernel answers.
    pub kernel: Option<SegmentHash>,
    /// Whether this host knows that kernel.
    pub known: bool,
}

impl fmt::Display for EngineInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.variant)
    }
}

/// The engine of an open file.
#[derive(Debug)]
pub struct Chosen {
    info: EngineInfo,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Native(NativeEngine),
    Wasmi(Sandbox),
}

impl Chosen {
    /// What it is.
    #[must_use]
    pub const fn info(&self) -> &EngineInfo {
        &self.info
    }

    pub(crate) fn choose(reader: &Reader) -> Result<Self, HostError> {
        let modules = reader.modules()?;
        let best = pick(modules, Build::Best);
        match &reader.options().engine {
            Engine::Auto => match best {
                None if modules
                    .iter()
                    .all(|module| module.role() != Role::Microkernel) =>
                {
                    Self::native(reader, None, None)
                }
                Some(module) if !module.is_known() => Self::wasmi(reader, module),
                // What no engine here can run may still be known by its hash.
                _ => match best.or_else(|| kernels(modules).find(|module| module.is_known())) {
                    Some(module) => Self::native(reader, Some(module), None),
                    None => Err(no_module(modules, "kernel")),
                },
            },
            Engine::Native { backend } => {
                let module = best.or_else(|| kernels(modules).next());
                match module {
                    Some(module) if !module.is_known() => Err(HostError::UnknownKernel {
                        hash: module.header.hash,
                        role: module.role(),
                    }),
                    _ => Self::native(reader, module, backend.as_deref()),
                }
            }
            Engine::Wasmi { build } => match pick(modules, *build) {
                Some(module) => Self::wasmi(reader, module),
                None => Err(no_module(
                    modules,
                    match build {
                        Build::Best => "kernel",
                        Build::Simd => "kernel that requires SIMD",
                        Build::Scalar => "kernel that does not require SIMD",
                    },
                )),
            },
        }
    }

    fn native(
        reader: &Reader,
        module: Option<&Module>,
        backend: Option<&str>,
    ) -> Result<Self, HostError> {
        if let Some(module) = module {
            // R-WASM-1: the header's hash stands for the bytecode only once it was compared. R-WASM-2: what runs
            // natively must be a file that every other host takes too.
            module.check_known(reader)?;
        }
        let engine = NativeEngine::new(reader, backend)?;
        let info = EngineInfo {
            name: "native",
            variant: engine.backend_name(),
            kernel: module.map(|module| module.header.hash),
            known: true,
        };
        Ok(Self {
            info,
            kind: Kind::Native(engine),
        })
    }

    fn wasmi(reader: &Reader, module: &Module) -> Result<Self, HostError> {
        let sandbox = Sandbox::new(reader, module)?;
        let info = EngineInfo {
            name: "wasmi",
            variant: if module.requires_simd() {
                "simd"
            } else {
                "scalar"
            },
            kernel: Some(module.header.hash),
            known: module.is_known(),
        };
        Ok(Self {
            info,
            kind: Kind::Wasmi(sandbox),
        })
    }

    /// The error for an answer with a row that can't be there. A kernel that this host knows says what the file says: then
    /// a record has a row that is not its own. Another one lies.
    pub(crate) fn wrong_row(&self, reader: &Reader, wrong: WrongRow) -> HostError {
        let (row, what) = match wrong {
            WrongRow::Twice(row) => (row, "a row that is there twice among the hits; it"),
            WrongRow::NotInFilter(row) => (row, "a row that the filter leaves out; it"),
        };
        match &self.kind {
            Kind::Wasmi(sandbox) if !self.info.known => sandbox.lie("rvf_results", what, row),
            _ => FormatError::Field {
                rule: "R-VEC-7",
                what: "row of a record",
                expected: Expected::Words("the row for which ORDER has the record's number"),
                found: row.into(),
                offset: reader
                    .vec_segment(reader.head().vectors)
                    .map_or(0, |(_, entry)| entry.offset),
            }
            .into(),
        }
    }

    pub(crate) fn session(&self, reader: &Reader) -> Result<EngineSession, HostError> {
        Ok(match &self.kind {
            Kind::Native(engine) => EngineSession::Native(Box::new(NativeSession::new(engine))),
            Kind::Wasmi(sandbox) => {
                EngineSession::Wasmi(Box::new(SandboxSession::new(reader, sandbox)?))
            }
        })
    }
}

fn kernels(modules: &[Module]) -> impl Iterator<Item = &Module> {
    modules
        .iter()
        .filter(|module| module.role() == Role::Microkernel)
}

/// R-WASM-4: of those that can be run, the one with the lowest priority, then the lowest offset.
fn pick(modules: &[Module], build: Build) -> Option<&Module> {
    kernels(modules)
        .filter(|module| module.is_runnable())
        .filter(|module| match build {
            Build::Best => true,
            Build::Simd => module.requires_simd(),
            Build::Scalar => !module.requires_simd(),
        })
        .min_by_key(|module| (module.header.priority, module.offset))
}

fn no_module(modules: &[Module], wanted: &'static str) -> HostError {
    HostError::NoModule {
        wanted,
        modules: kernels(modules).count(),
    }
}

/// A row that can't be in an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WrongRow {
    /// It is there already.
    Twice(u32),
    /// The filter leaves it out.
    NotInFilter(u32),
}

/// A question, as an engine gets it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task<'a> {
    pub(crate) vector: &'a [f32],
    pub(crate) k: u32,
    pub(crate) plan: Plan,
    /// A bitmap by vector number.
    pub(crate) filter: Option<&'a [u8]>,
}

/// What an engine keeps between the queries of one thread.
#[derive(Debug)]
pub(crate) enum EngineSession {
    Native(Box<NativeSession>),
    Wasmi(Box<SandboxSession>),
}

impl EngineSession {
    /// Answers one question. After an error the session is not used again.
    pub(crate) fn search(
        &mut self,
        reader: &Reader,
        task: &Task<'_>,
        hits: &mut Vec<Hit>,
    ) -> Result<Stats, HostError> {
        hits.clear();
        match self {
            Self::Native(session) => session.search(reader, task, hits),
            Self::Wasmi(session) => session.search(reader, task, hits),
        }
    }
}
