//! Running a stranger's module: wasmi, with everything that it could do wrong checked.
//!
//! - The bytecode's hash is compared before it is compiled, and the header is held against the module (R-WASM-1,
//!   R-WASM-2).
//! - It imports nothing and has no start function (R-WASM-3): all it can do is compute on its own memory.
//! - Its memory has a cap, each query a budget of fuel, of steps and of bytes.
//! - Each number that it returns is checked before it is used. Data is copied into its memory and results are copied
//!   out; it never sees the host's memory.
//! - Whatever it does, the result is an error that names it ([`Fault`]), and its instance is thrown away.

mod budget;
mod exact;
mod fault;
mod instance;
mod layout;
mod needs;
mod resident;
mod results;
mod session;

use rvf_types::WasmFeatures;
use wasmi::errors::ErrorKind;
use wasmi::{CompilationMode, Config, EnforcedLimits, TrapCode};

use crate::error::HostError;
use crate::module::Module;
use crate::reader::Reader;

pub use fault::Fault;
pub(crate) use session::SandboxSession;

/// Features that the sandbox has. Relaxed SIMD is off: its results differ from machine to machine.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::SIMD
    .with(WasmFeatures::BULK_MEMORY)
    .with(WasmFeatures::MULTI_VALUE)
    .with(WasmFeatures::REFERENCE_TYPES)
    .with(WasmFeatures::TAIL_CALL);

/// A module of a file, checked and compiled.
#[derive(Debug, Clone)]
pub(crate) struct Sandbox {
    module: Module,
    compiled: wasmi::Module,
}

impl Sandbox {
    pub(crate) fn new(reader: &Reader, module: &Module) -> Result<Self, HostError> {
        let bytecode = module.bytecode(reader)?;
        module.check(&bytecode)?;
        let engine = wasmi::Engine::new(&config());
        let compiled = wasmi::Module::new(&engine, &bytecode).map_err(|error| {
            module.fault(Fault::Compile {
                message: error.to_string(),
            })
        })?;
        Ok(Self {
            module: *module,
            compiled,
        })
    }
}

impl Sandbox {
    /// The error for a module that says what can't be.
    pub(crate) fn lie(&self, call: &'static str, what: &'static str, row: u32) -> HostError {
        self.module.fault(Fault::Lie {
            call,
            what,
            found: row.into(),
            bound: 0,
        })
    }
}

/// Nothing more than a kernel may have. Fuel is metered, and all code is compiled at once, so that the fuel of a
/// query does not depend on the queries before it.
fn config() -> Config {
    let mut config = Config::default();
    config
        .consume_fuel(true)
        .allow_start_fn(false)
        .ignore_custom_sections(true)
        .compilation_mode(CompilationMode::Eager)
        .enforced_limits(EnforcedLimits::strict())
        .wasm_multi_memory(false)
        .wasm_extended_const(false)
        .wasm_custom_page_sizes(false)
        .wasm_relaxed_simd(false)
        .wasm_wide_arithmetic(false);
    config
}

/// The fault of a call that did not return.
fn call_fault(call: &'static str, budget: u64, error: &wasmi::Error) -> Fault {
    match (error.as_trap_code(), error.kind()) {
        (Some(TrapCode::OutOfFuel), _) => Fault::Fuel { call, budget },
        (Some(code), _) => Fault::Trap {
            call,
            message: code.to_string(),
        },
        (None, ErrorKind::Fuel(_)) => Fault::Fuel { call, budget },
        (None, _) => Fault::Trap {
            call,
            message: error.to_string(),
        },
    }
}
