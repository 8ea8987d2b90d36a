//! Checking a whole file: every rule of the format, every byte, on all processors.
//!
//! Unlike a reader, it does not stop at the first fault where it can go on: it tells all that it finds.

mod content;
mod lists;
mod records;
mod root;
mod segments;
mod work;

use std::fmt;
use std::fs::File;
use std::num::NonZero;
use std::path::Path;
use std::time::{Duration, Instant};

use rvf_types::FormatError;

use crate::error::HostError;
use crate::source::{ByteSource, FileReads, Io, MappedFile};

use segments::Extent;
use work::{Findings, Pool};

/// Findings that are kept; the others are counted.
const MOST_FINDINGS: usize = 10_000;

/// How a file is checked.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// How [`verify_path`] reads the file.
    pub io: Io,
    /// Threads; none for one on each processor.
    pub threads: Option<NonZero<usize>>,
}

impl VerifyOptions {
    /// The defaults: map the file, use every processor.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says how [`verify_path`] reads the file.
    #[must_use]
    pub fn io(mut self, io: Io) -> Self {
        self.io = io;
        self
    }

    /// Sets the number of threads.
    #[must_use]
    pub fn threads(mut self, threads: NonZero<usize>) -> Self {
        self.threads = Some(threads);
        self
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "lowercase")
)]
pub enum Severity {
    /// A rule is broken.
    Fault,
    /// No rule is broken, but somebody should know.
    Note,
}

/// Something that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The rule of `spec/format.md`.
    pub rule: &'static str,
    /// Where in the file, in bytes from its start, if that is known.
    pub offset: Option<u64>,
    /// What was expected and what was found.
    pub what: String,
}

impl Finding {
    fn fault(error: &FormatError) -> Self {
        Self {
            severity: Severity::Fault,
            rule: error.rule(),
            offset: error.offset(),
            what: error.to_string(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// What a check has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct VerifyReport {
    /// What is wrong, in the order of the file.
    pub findings: Vec<Finding>,
    /// Findings beyond the first 10,000, which are not listed.
    pub unlisted: u64,
    /// Bytes that were checked.
    pub bytes: u64,
    /// Segments that were checked, the ROOT and the MANIFEST with them.
    pub segments: u64,
    /// Blocks whose digests were compared.
    pub blocks: u64,
}

impl VerifyReport {
    /// Whether no rule is broken. Notes are no faults.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.unlisted == 0
            && self
                .findings
                .iter()
                .all(|finding| finding.severity == Severity::Note)
    }
}

/// A report, and how long it took to make.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Verified {
    /// What was found.
    pub report: VerifyReport,
    /// The time from the first read to the last check.
    pub elapsed: Duration,
}

impl Verified {
    /// Megabytes (10⁶ bytes) that were checked in a second.
    #[must_use]
    pub fn megabytes_per_second(&self) -> f64 {
        self.report.bytes as f64 / 1e6 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// Checks a file of the file system.
///
/// # Errors
/// [`HostError::Open`] and [`HostError::Read`] if it can't be read. What is wrong with its bytes is in the report.
pub fn verify_path(path: impl AsRef<Path>, options: &VerifyOptions) -> Result<Verified, HostError> {
    let path = path.as_ref();
    let failed = |source| HostError::Open {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let mapped = options.io == Io::Map && file.metadata().map_err(failed)?.len() > 0;
    if mapped {
        verify(&MappedFile::new(&file).map_err(failed)?, options)
    } else {
        verify(&FileReads::new(file).map_err(failed)?, options)
    }
}

/// Checks what a source holds.
///
/// # Errors
/// [`HostError::Read`] if it can't be read. What is wrong with its bytes is in the report.
pub fn verify(source: &dyn ByteSource, options: &VerifyOptions) -> Result<Verified, HostError> {
    let start = Instant::now();
    let pool = Pool::new(options.threads);
    let findings = Findings::new(MOST_FINDINGS);
    let mut report = VerifyReport::default();
    check(source, &pool, &findings, &mut report)?;
    (report.findings, report.unlisted) = findings.into_sorted();
    Ok(Verified {
        report,
        elapsed: start.elapsed(),
    })
}

fn check(
    source: &dyn ByteSource,
    pool: &Pool,
    findings: &Findings,
    report: &mut VerifyReport,
) -> Result<(), HostError> {
    let Some(opened) = root::check(source, findings, report)? else {
        return Ok(());
    };
    let extents = Extent::all(&opened);
    let sound = segments::check(source, opened.length, &extents, pool, findings, report)?;
    content::check(source, &opened, &sound, pool, findings)
}
