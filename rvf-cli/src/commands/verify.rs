//! `rvf verify`

use std::fs::File;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rvf_host::{ByteSource, FileReads, HostError, Severity, Verified, VerifyOptions};

use crate::failure::Failure;
use crate::progress::{Progress, Unit};
use crate::report::verify::{Finding, VerifyReport};
use crate::view::Out;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples, on the sample that comes with the source:
  rvf pack samples/wordnet-8k/base.i8.npy \\
      --ids samples/wordnet-8k/ids.txt -o wordnet.rvf
  rvf verify wordnet.rvf
  rvf verify wordnet.rvf --json

The exit code is 0 if nothing was found, else 1. The rules are in spec/format.md.")]
pub(crate) struct Args {
    /// The .rvf file
    file: PathBuf,

    /// Threads to use [default: one for each processor]
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<u16>>,

    #[command(flatten)]
    io: super::IoArgs,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<(), Failure> {
    let verified = check(args).map_err(|error| super::about(&args.file, error))?;
    let report = report_of(args, &verified);
    if args.json {
        out.json(&report)?;
    } else {
        report.print(out)?;
    }
    if report.ok {
        Ok(())
    } else {
        Err(Failure::said())
    }
}

fn check(args: &Args) -> Result<Verified, HostError> {
    let mut options = VerifyOptions::new().io(args.io.io.into());
    if let Some(threads) = args.threads {
        options = options.threads(threads.into());
    }
    let large =
        std::fs::metadata(&args.file).is_ok_and(|file| file.len() >= Watched::WORTH_WATCHING);
    if large && Progress::can_show() {
        return rvf_host::verify(&Watched::open(&args.file)?, &options);
    }
    rvf_host::verify_path(&args.file, &options)
}

/// A file whose reads move a progress bar. It is read, not mapped: reads can be counted.
#[derive(Debug)]
struct Watched {
    file: FileReads,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    progress: Progress,
    done: u64,
    total: u64,
}

impl Watched {
    /// Less than this takes less than a second.
    const WORTH_WATCHING: u64 = 128 << 20;

    fn open(path: &Path) -> Result<Self, HostError> {
        let failed = |source| HostError::Open {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).and_then(FileReads::new).map_err(failed)?;
        let total = file.size().map_err(failed)?;
        let state = Mutex::new(State {
            progress: Progress::new(false),
            done: 0,
            total,
        });
        Ok(Self { file, state })
    }
}

impl ByteSource for Watched {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, buffer)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        state.done = state
            .done
            .saturating_add(buffer.len() as u64)
            .min(state.total);
        state
            .progress
            .update("verifying", Unit::Bytes, state.done, state.total);
        Ok(())
    }
}

fn report_of(args: &Args, verified: &Verified) -> VerifyReport {
    let report = &verified.report;
    let finding = |finding: &rvf_host::Finding| Finding {
        severity: match finding.severity {
            Severity::Fault => "fault",
            Severity::Note => "note",
        },
        rule: finding.rule,
        offset: finding.offset,
        what: finding.what.clone(),
    };
    VerifyReport {
        file: args.file.to_string_lossy().into_owned(),
        ok: report.findings.is_empty() && report.unlisted == 0,
        sound: report.is_sound(),
        bytes: report.bytes,
        seconds: verified.elapsed.as_secs_f64(),
        mb_per_second: verified.megabytes_per_second(),
        segments: report.segments,
        blocks: report.blocks,
        findings: report.findings.iter().map(finding).collect(),
        unlisted: report.unlisted,
    }
}
