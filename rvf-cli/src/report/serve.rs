//! What `rvf serve` prints before it serves.

use serde::Serialize;

use crate::failure::Failure;
use crate::view::{Out, Tone, human, neutral};

#[derive(Debug, Serialize)]
pub(crate) struct ServeReport {
    /// The page.
    pub(crate) url: String,
    pub(crate) files: Vec<Served>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Served {
    pub(crate) file: String,
    pub(crate) bytes: u64,
    /// The page with this file open.
    pub(crate) url: String,
    /// The file itself.
    pub(crate) source: String,
}

impl ServeReport {
    /// The address to open first.
    pub(crate) fn first(&self) -> &str {
        self.files.first().map_or(&self.url, |file| &file.url)
    }

    pub(crate) fn print(&self, out: &mut Out) -> Result<(), Failure> {
        if self.files.is_empty() {
            let url = out.paint(Tone::Accent, &self.url);
            out.line(format_args!("The page is at {url}"))?;
        }
        for file in &self.files {
            let url = out.paint(Tone::Accent, &file.url);
            let size = human::bytes(file.bytes);
            out.line(format_args!("{}  {size}", neutral(&file.file)))?;
            out.line(format_args!("  {url}"))?;
        }
        let note = "Only this machine can reach it. Ctrl-C ends it.";
        out.line(out.paint(Tone::Dim, note))
    }
}
