//! A progress bar for work that takes more than a second, on a terminal only.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::view::human;

/// In what the work is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Rows,
    Bytes,
    Searches,
    /// Of different lengths: their rate says nothing.
    Steps,
}

/// The progress of one command, on standard error. It draws nothing in the first second, and clears itself at the end.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: bool,
    start: Instant,
    phase: &'static str,
    bar: Option<ProgressBar>,
}

impl Progress {
    const PATIENCE: Duration = Duration::from_secs(1);

    /// Progress that shows itself if standard error is a terminal and `quiet` is not asked for.
    pub(crate) fn new(quiet: bool) -> Self {
        Self {
            shown: !quiet && Self::can_show(),
            start: Instant::now(),
            phase: "",
            bar: None,
        }
    }

    /// Whether there is a terminal to draw on.
    pub(crate) fn can_show() -> bool {
        std::io::stderr().is_terminal()
    }

    /// `done` of `total` units of the phase are done. A total of 0 is one that nobody knows yet.
    pub(crate) fn update(&mut self, phase: &'static str, unit: Unit, done: u64, total: u64) {
        if !self.shown || self.start.elapsed() < Self::PATIENCE {
            return;
        }
        if self.phase != phase {
            self.clear();
            self.phase = phase;
        }
        let bar = self.bar.get_or_insert_with(|| new_bar(phase, unit, total));
        bar.set_position(done);
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn new_bar(phase: &'static str, unit: Unit, total: u64) -> ProgressBar {
    let template = match (unit, total) {
        (Unit::Bytes, _) => {
            "{msg:<12} {wide_bar} {percent:>3}%  {binary_bytes_per_sec}  {eta} left"
        }
        (Unit::Steps, _) => "{msg:<12} {wide_bar} {percent:>3}%  {eta} left",
        (_, 0) => "{msg:<12} {human_pos} {noun}  {rate}",
        _ => "{msg:<12} {wide_bar} {percent:>3}%  {rate}  {eta} left",
    };
    let noun = unit.noun();
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("noun", move |_: &ProgressState, to: &mut dyn Write| {
            // Drawn again in a moment: a failure here has no one to go to.
            let _ = to.write_str(noun);
        })
        .with_key("rate", move |state: &ProgressState, to: &mut dyn Write| {
            let _ = write!(to, "{} {noun}/s", human::count(rounded(state.per_sec())));
        })
        .progress_chars("█▉▊▋▌▍▎▏ ");
    ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
        .with_style(style)
        .with_message(phase)
}

impl Unit {
    fn noun(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Bytes => "bytes",
            Self::Searches => "searches",
            Self::Steps => "steps",
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate, not negative; `as` saturates"
)]
fn rounded(rate: f64) -> u64 {
    rate.round() as u64
}
