//! The engines that are measured, side by side.

use std::path::Path;

use rvf_host::{Build, Engine, HostError, OpenOptions, Reader};
use rvf_types::Role;

use super::{Args, EngineName};
use crate::failure::Failure;
use crate::view::shown_path;

/// One engine with a reader of its own.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) options: OpenOptions,
    pub(super) reader: Reader,
    /// Bytes of the module that it runs, if it runs one.
    pub(super) module_bytes: Option<u64>,
}

impl Lane {
    /// Every engine that was asked for and can run the file, the fastest kind first, and what can't.
    pub(super) fn all(args: &Args, reader: &Reader) -> Result<(Vec<Self>, Vec<String>), Failure> {
        let (mut lanes, mut notes) = (Vec::new(), Vec::new());
        for engine in Self::wanted(args.engine, reader, &args.file)? {
            match Self::new(args, engine) {
                Ok(lane) => lanes.push(lane),
                Err(error) if args.engine == EngineName::Auto => {
                    // One kernel may be refused by several engines, for one reason.
                    let note = error.to_string();
                    if !notes.contains(&note) {
                        notes.push(note);
                    }
                }
                Err(error) => return Err(super::super::about(&args.file, error)),
            }
        }
        if lanes.is_empty() {
            return Err(Failure::new(format!(
                "{}: no engine can run this file: {}",
                shown_path(&args.file),
                notes.join("; ")
            )));
        }
        Ok((lanes, notes))
    }

    fn wanted(engine: EngineName, reader: &Reader, path: &Path) -> Result<Vec<Engine>, Failure> {
        let native = |backend: Option<&str>| Engine::Native {
            backend: backend.map(str::to_owned),
        };
        let mut wanted = Vec::new();
        if engine != EngineName::Wasmi {
            wanted.push(native(None));
            let best = rvf_host::native_backends().first().copied();
            if best.is_some_and(|best| best != "scalar") {
                wanted.push(native(Some("scalar")));
            }
        }
        if engine != EngineName::Native {
            let modules = reader
                .modules()
                .map_err(|error| super::super::about(path, error))?;
            let kernels = modules
                .iter()
                .filter(|module| module.role() == Role::Microkernel);
            for (build, simd) in [(Build::Simd, true), (Build::Scalar, false)] {
                if kernels.clone().any(|module| module.requires_simd() == simd) {
                    wanted.push(Engine::Wasmi { build });
                }
            }
            if wanted.is_empty() {
                wanted.push(Engine::Wasmi { build: Build::Best });
            }
        }
        Ok(wanted)
    }

    fn new(args: &Args, engine: Engine) -> Result<Self, HostError> {
        let options = OpenOptions::new().io(args.io.io.into()).engine(engine);
        let reader = Reader::open_path(&args.file, &options)?;
        let info = *reader.engine()?.info();
        let module_bytes = match info.name {
            "wasmi" => reader
                .modules()?
                .iter()
                .find(|module| Some(module.header.hash) == info.kernel)
                .map(|module| module.header.bytecode_size.into()),
            _ => None,
        };
        Ok(Self {
            name: format!("{} {}", info.name, info.variant),
            options,
            reader,
            module_bytes,
        })
    }
}
