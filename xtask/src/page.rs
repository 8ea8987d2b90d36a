//! The page in `pwa-loader/`: that its committed files are what the sources make, and its tests in a real browser.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::shell::{self, cargo, command};
use crate::{Error, Result};

fn folder() -> PathBuf {
    shell::root().join("pwa-loader")
}

/// Brings TypeScript, and what drives the browser, if they are not there.
pub(crate) fn install() -> Result {
    shell::npm_packages(&folder(), "playwright-core")
}

/// Builds the library, of which the page takes the modules that it loads.
pub(crate) fn library() -> Result {
    let library = folder().join("lib");
    shell::npm_packages(&library, "typescript")?;
    shell::run(shell::npm().args(["run", "build"]).current_dir(library))
}

/// Builds the library and the page, and installs it in `pwa-loader/prebuilt`.
pub(crate) fn build() -> Result {
    library()?;
    install()?;
    shell::run(command("node").arg("build.mjs").current_dir(folder()))
}

/// Builds the page and compares it with what is committed, which `rvf` carries; then the tests that need no browser.
pub(crate) fn check() -> Result {
    if !folder().join("lib").join("dist").join("index.js").exists() {
        return Err(Error::new(
            "the JavaScript library is not built: the step before builds it",
        ));
    }
    shell::run(
        command("node")
            .args(["build.mjs", "--check"])
            .current_dir(folder()),
    )?;
    test(&["vector.test.mjs"], None)
}

/// A Chromium that is here: the one that `CHROMIUM` names, or where systems put it.
fn chromium() -> Option<OsString> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(named);
    }
    [
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ]
    .into_iter()
    .find(|path| Path::new(path).exists())
    .map(OsString::from)
}

/// A Chromium, installed by apt where that is possible without asking anybody: in CI and containers.
pub(crate) fn browser() -> Result<OsString> {
    if let Some(found) = chromium() {
        return Ok(found);
    }
    let root = shell::output(command("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if root && shell::succeeds(command("apt-get").arg("--version")) {
        let install = ["install", "--yes", "--no-install-recommends", "chromium"];
        shell::run(command("apt-get").args(["update", "--quiet"]))
            .and_then(|()| shell::run(command("apt-get").args(install)))?;
    }
    chromium().ok_or_else(|| {
        Error::new("there is no Chromium: install it, or name one in the variable CHROMIUM")
    })
}

/// The page in that browser, served by `rvf serve`.
pub(crate) fn in_browser(browser: OsString) -> Result {
    // As the Rust tests built it.
    shell::run(cargo().args(["build", "--profile", "test", "--package", "rvf-cli"]))?;
    let files = [
        "page.test.mjs",
        "hostile.test.mjs",
        "access.test.mjs",
        "update.test.mjs",
        "store-browser.test.mjs",
    ];
    test(&files, Some(browser))
}

fn test(files: &[&str], browser: Option<OsString>) -> Result {
    let mut node = command("node");
    // One file after the other: each drives a browser of its own.
    node.args(["--test", "--test-concurrency=1"]);
    for file in files {
        node.arg(Path::new("pwa-loader").join("test").join(file));
    }
    if let Some(browser) = browser {
        let program = if cfg!(windows) { "rvf.exe" } else { "rvf" };
        node.env("CHROMIUM", browser)
            .env("RVF", shell::target_dir().join("debug").join(program));
    }
    shell::run(&mut node)
}
