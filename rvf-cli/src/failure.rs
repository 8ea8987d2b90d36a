//! What is said when a command fails.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::view::{Style, Tone, neutral, width, wrap};

/// The reason why a command ends without having done its work.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It failed: exit code 1.
    Failed,
    /// It was asked for wrongly: exit code 2.
    Usage,
    /// It failed, and has said so in its output.
    Said,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Failed,
            message: message.into(),
            remedy: None,
        }
    }

    /// A wish that can't be: the options are at fault, not the data.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Usage,
            ..Self::new(message)
        }
    }

    /// The command's output has told already what is wrong.
    pub(crate) fn said() -> Self {
        Self {
            kind: Kind::Said,
            ..Self::new("")
        }
    }

    /// The same failure, with what it is about before it.
    pub(crate) fn prefix(self, about: &str) -> Self {
        Self {
            message: format!("{about}: {}", self.message),
            ..self
        }
    }

    /// The same failure where the data is at fault, not the options.
    pub(crate) fn at_least_failed(self) -> Self {
        Self {
            kind: Kind::Failed,
            ..self
        }
    }

    /// What to do about it.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// An error of a library, with the causes that its own message doesn't tell.
    pub(crate) fn from_error(error: &dyn Error) -> Self {
        let (mut message, remedy) = split(&error.to_string());
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = without_numbers(&error.to_string());
            if !message.contains(&text) {
                // Writing to a String cannot fail.
                let _ = write!(message, ": {text}");
            }
            cause = error.source();
        }
        Self {
            remedy,
            ..Self::new(message)
        }
    }

    /// Prints it to standard error as a warning: the work goes on all the same.
    pub(crate) fn as_warning(&self) {
        warn(&self.message);
    }

    /// Prints the failure to standard error and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let code = match self.kind {
            Kind::Said => return ExitCode::from(1),
            Kind::Failed => 1,
            Kind::Usage => 2,
        };
        let mut text = labelled("error:", Tone::Bad, &self.message);
        if let Some(remedy) = &self.remedy {
            text.push_str(&labelled(" help:", Tone::Accent, remedy));
        }
        // If standard error is closed too, nobody is left to tell.
        let _ = std::io::stderr().write_all(text.as_bytes());
        ExitCode::from(code)
    }
}

/// Prints a warning to standard error.
pub(crate) fn warn(message: &str) {
    // A warning that nobody can see is no reason to fail.
    let _ = std::io::stderr().write_all(labelled("warning:", Tone::Warn, message).as_bytes());
}

/// The text behind its label, for standard error: on a terminal broken into lines that fit, elsewhere as one line
/// that a search finds. Messages may hold names from files; line breaks are ours.
fn labelled(label: &str, tone: Tone, message: &str) -> String {
    let stderr = std::io::stderr();
    let indent = label.len() + 1;
    let lines: Vec<String> = if stderr.is_terminal() {
        let width = width(true).saturating_sub(indent);
        let pieces = message.lines().map(|line| wrap(&neutral(line), width));
        pieces.flatten().collect()
    } else {
        message
            .lines()
            .map(|line| neutral(line).into_owned())
            .collect()
    };
    let label = Style::detect(&stderr).paint(tone, label);
    let gap = format!("\n{:indent$}", "");
    format!("{label} {}\n", lines.join(&gap))
}

/// The errors of the libraries end with what to do next, behind a semicolon.
fn split(text: &str) -> (String, Option<String>) {
    let text = without_numbers(text);
    match text.split_once("; ") {
        Some((message, remedy)) => (message.to_owned(), Some(remedy.to_owned())),
        None => (text, None),
    }
}

/// The text without the numbers that the system has for its errors, which say nothing that its words don't.
pub(crate) fn without_numbers(text: &str) -> String {
    const START: &str = " (os error ";
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(START) {
        kept.push_str(before);
        match after.split_once(')') {
            Some((number, after)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                rest = after
            }
            _ => {
                kept.push_str(START);
                rest = after;
            }
        }
    }
    kept.push_str(rest);
    kept
}

macro_rules! from_errors {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::from_error(&error)
            }
        })*
    };
}

from_errors!(
    rvf_pack::source::SourceError,
    rvf_pack::PackError,
    rvf_host::HostError
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_is_told_apart_from_what_happened() {
        let (message, remedy) = split("a.npy: expected x, found y; use x; nothing was left behind");
        assert_eq!(message, "a.npy: expected x, found y");
        assert_eq!(remedy.as_deref(), Some("use x; nothing was left behind"));
        assert_eq!(split("plain"), ("plain".to_owned(), None));
    }

    #[test]
    fn the_numbers_of_system_errors_are_left_out() {
        let cases = [
            ("a: No such file (os error 2)", "a: No such file"),
            ("a (os error 2): b (os error 13); c", "a: b; c"),
            ("a (os error two)", "a (os error two)"),
            ("a (os error 2", "a (os error 2"),
        ];
        for (text, expected) in cases {
            assert_eq!(without_numbers(text), expected);
        }
    }

    #[test]
    fn a_message_cannot_steer_the_terminal() {
        let shown = labelled("error:", Tone::Plain, "a\nb\u{1b}[2J");
        assert_eq!(shown, "error: a\n       b\\u{1b}[2J\n");
    }
}
