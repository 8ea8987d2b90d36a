//! Which compiler makes the wasm modules.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::shell;
use crate::{Error, Result};

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_LINKER: &str = "/usr/bin/wasm-ld-19";

/// A way to get from Rust to wasm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The toolchain that runs this program, with the target's precompiled core library.
    Rustup,
    /// Debian's compiler, which builds the core library from its source.
    System,
}

impl Kind {
    pub(crate) fn parse(name: Option<&str>) -> Result<Self> {
        match name {
            Some("rustup") => Ok(Self::Rustup),
            Some("system") => Ok(Self::System),
            Some(other) => Err(Error::new(format!(
                "`--compiler` is `rustup` or `system`, not `{other}`"
            ))),
            None => Err(Error::new(
                "`--compiler` needs a value: `rustup` or `system`",
            )),
        }
    }
}

/// What decides the bytes of a module, apart from the source and the flags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// The first line of `rustc -vV`, without where it was packaged.
    pub(crate) rustc: String,
    /// The commit that the compiler was built from.
    pub(crate) commit: String,
    /// The version of LLVM in it.
    pub(crate) llvm: String,
    /// `precompiled` (comes with the target) or `source` (built along with the kernel).
    pub(crate) core: String,
}

impl Version {
    pub(crate) fn describe(&self) -> String {
        format!(
            "{}, LLVM {}, {} core library",
            self.rustc, self.llvm, self.core
        )
    }
}

/// A compiler that is there and works.
#[derive(Debug)]
pub(crate) struct Compiler {
    pub(crate) kind: Kind,
    pub(crate) version: Version,
    sysroot: String,
}

impl Compiler {
    /// The wanted compiler, or the first that is there, set up if it can be.
    pub(crate) fn find(wanted: Option<Kind>) -> Result<Self> {
        let kind = match wanted {
            Some(kind) => {
                let ready = match kind {
                    Kind::Rustup => rustup_ready(),
                    Kind::System => system_ready(),
                };
                if !ready {
                    return Err(missing());
                }
                kind
            }
            None if rustup_ready() => Kind::Rustup,
            None if system_ready() => Kind::System,
            None => return Err(missing()),
        };
        let verbose = shell::output(rustc(kind).arg("-vV"))?;
        let field = |name: &str| {
            verbose
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(|value| value.trim().to_owned())
                .ok_or_else(|| Error::new(format!("`rustc -vV` printed no `{name}` line")))
        };
        let core = match kind {
            Kind::Rustup => "precompiled",
            Kind::System => "source",
        };
        let version = Version {
            rustc: format!("rustc {}", field("release:")?),
            commit: field("commit-hash:")?,
            llvm: field("LLVM version:")?,
            core: core.to_owned(),
        };
        let sysroot = shell::output(rustc(kind).args(["--print", "sysroot"]))?;
        Ok(Self {
            kind,
            version,
            sysroot: sysroot.trim().to_owned(),
        })
    }

    /// Flags that only this compiler needs, and that are part of what is recorded.
    pub(crate) fn flags(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Rustup => &[],
            Kind::System => &["-C", "linker=wasm-ld-19"],
        }
    }

    /// Cargo, set up for this compiler.
    pub(crate) fn cargo(&self) -> Command {
        match self.kind {
            Kind::Rustup => shell::cargo(),
            Kind::System => {
                let mut cargo = shell::command(DEBIAN_CARGO);
                cargo
                    .env("RUSTC", DEBIAN_RUSTC)
                    // `-Zbuild-std` is the one unstable option that is used, and Debian's compiler is a stable one.
                    .env("RUSTC_BOOTSTRAP", "1")
                    // The outer cargo points these at its own toolchain.
                    .env_remove("LD_LIBRARY_PATH")
                    .env_remove("RUSTUP_TOOLCHAIN");
                cargo
            }
        }
    }

    /// Options of `cargo rustc` that only this compiler needs.
    pub(crate) fn cargo_options(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Rustup => &[],
            Kind::System => &["-Zbuild-std=core,alloc"],
        }
    }

    /// The same for what stands on the standard library.
    pub(crate) fn std_options(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Rustup => &[],
            Kind::System => &["-Zbuild-std=std,panic_abort"],
        }
    }

    /// The folder that the compiler lives in.
    pub(crate) fn sysroot(&self) -> &Path {
        Path::new(&self.sysroot)
    }
}

fn rustc(kind: Kind) -> Command {
    match kind {
        Kind::Rustup => shell::command(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())),
        Kind::System => {
            let mut rustc = shell::command(DEBIAN_RUSTC);
            rustc.env_remove("LD_LIBRARY_PATH");
            rustc
        }
    }
}

fn rustup_ready() -> bool {
    has_precompiled_core() || {
        println!("The target {TARGET} is not installed; adding it.");
        shell::run(shell::command("rustup").args(["target", "add", TARGET])).is_ok()
            && has_precompiled_core()
    }
}

fn has_precompiled_core() -> bool {
    let mut rustc = rustc(Kind::Rustup);
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    let Ok(folder) = shell::output(&mut rustc) else {
        return false;
    };
    let Ok(entries) = std::fs::read_dir(folder.trim()) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

fn system_ready() -> bool {
    has_system_compiler() || {
        println!("Debian's wasm compiler is not installed; installing it (needs root).");
        shell::run(
            shell::command("apt-get")
                .args(["install", "-y", "--no-install-recommends"])
                .args(DEBIAN_PACKAGES),
        )
        .is_ok()
            && has_system_compiler()
    }
}

fn has_system_compiler() -> bool {
    let all = [DEBIAN_RUSTC, DEBIAN_CARGO, DEBIAN_LINKER]
        .iter()
        .all(|path| Path::new(path).exists());
    all && shell::output(rustc(Kind::System).args(["--print", "sysroot"])).is_ok_and(|sysroot| {
        Path::new(sysroot.trim())
            .join("lib/rustlib/src/rust/library/core")
            .exists()
    })
}

fn missing() -> Error {
    Error::new(format!(
        "no compiler for {TARGET}: run `rustup target add {TARGET}`, or on Debian as root `apt-get install {}`",
        DEBIAN_PACKAGES.join(" ")
    ))
}
