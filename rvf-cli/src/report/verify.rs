//! What a check of a whole file has found.

use std::time::Duration;

use serde::Serialize;

use super::remark;
use crate::failure::Failure;
use crate::view::{Out, Tone, human, neutral};

/// What `rvf verify` says of a file.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct VerifyReport {
    pub(crate) file: String,
    /// Nothing was found.
    pub(crate) ok: bool,
    /// No rule is broken; there may be notes.
    pub(crate) sound: bool,
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    pub(crate) mb_per_second: f64,
    pub(crate) segments: u64,
    pub(crate) blocks: u64,
    pub(crate) findings: Vec<Finding>,
    /// Findings beyond the first 10,000.
    pub(crate) unlisted: u64,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Finding {
    /// "fault": a rule is broken. "note": none is, but somebody should know.
    pub(crate) severity: &'static str,
    /// The rule of spec/ that says so.
    pub(crate) rule: &'static str,
    /// Where in the file, in bytes from its start.
    pub(crate) offset: Option<u64>,
    pub(crate) what: String,
}

impl VerifyReport {
    pub(crate) fn print(&self, out: &mut Out) -> Result<(), Failure> {
        const SHOWN: usize = 100;
        let name = neutral(&self.file).into_owned();
        let speed = format!(
            "{} in {}, {:.0} MB/s",
            human::bytes(self.bytes),
            human::duration(Duration::from_secs_f64(self.seconds.max(0.0))),
            self.mb_per_second
        );
        if self.ok {
            let verdict = out.paint(Tone::Good, "sound");
            out.line(format_args!("{name}: {verdict}"))?;
            let checked = format!(
                "  every rule, {}, {}",
                human::counted(self.segments, "segment"),
                human::counted(self.blocks, "block")
            );
            out.line(checked)?;
            let speed = out.paint(Tone::Dim, &format!("  {speed}"));
            return out.line(speed);
        }
        let verdict = match self.sound {
            true => out.paint(Tone::Warn, "sound, but not clean"),
            false => out.paint(Tone::Bad, "damaged"),
        };
        let all = self.unlisted.saturating_add(self.findings.len() as u64);
        let found = human::counted(all, "finding");
        out.line(format_args!("{name}: {verdict}, {found}"))?;
        for finding in self.findings.iter().take(SHOWN) {
            out.blank()?;
            finding.print(out)?;
        }
        if self.findings.len() > SHOWN {
            out.blank()?;
            let more = human::count(all.saturating_sub(SHOWN as u64));
            out.line(format_args!(
                "  and {more} more; --json lists the first 10,000"
            ))?;
        }
        out.blank()?;
        let speed = out.paint(Tone::Dim, &format!("  {speed}"));
        out.line(speed)
    }
}

impl Finding {
    fn print(&self, out: &mut Out) -> Result<(), Failure> {
        let place = match self.offset {
            Some(offset) => format!("at byte {}", human::count(offset)),
            None => "in the whole file".to_owned(),
        };
        let tone = match self.severity {
            "note" => Tone::Warn,
            _ => Tone::Bad,
        };
        let rule = out.paint(tone, self.rule);
        out.line(format_args!("  {rule}  {place}"))?;
        remark(out, "   ", Tone::Plain, &neutral(&self.what))
    }
}
