//! Standard output.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use serde::Serialize;

use super::style::{Style, Tone};
use super::table::Table;
use crate::failure::Failure;
use crate::target::plain_io;

/// Where results go. When the reader at the other end of a pipe has gone, what is written is dropped without a word:
/// that is how `| head` ends a program, and no failure.
#[derive(Debug)]
pub(crate) struct Out {
    to: BufWriter<Stdout>,
    style: Style,
    width: usize,
    terminal: bool,
    closed: bool,
}

/// Columns that text is laid out in: those of the terminal, within reason, or 80 where there is none.
pub(crate) fn width(terminal: bool) -> usize {
    /// Longer lines are hard to read.
    const WIDEST: usize = 120;
    const NARROWEST: usize = 40;
    const DEFAULT: usize = 80;
    let columns = if terminal {
        terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
    } else {
        None
    };
    columns.unwrap_or(DEFAULT).clamp(NARROWEST, WIDEST)
}

impl Out {
    pub(crate) fn stdout() -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        Self {
            style: Style::detect(&stdout),
            width: width(terminal),
            terminal,
            to: BufWriter::new(stdout),
            closed: false,
        }
    }

    /// Columns that text may take.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Nobody reads any more: work whose only use is its output can stop.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Standard output is a terminal, where bytes that are no text do harm.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        self.style.paint(tone, text)
    }

    pub(crate) fn line(&mut self, line: impl fmt::Display) -> Result<(), Failure> {
        self.write(|to| writeln!(to, "{line}"))
    }

    pub(crate) fn blank(&mut self) -> Result<(), Failure> {
        self.line("")
    }

    /// A heading, with an empty line before it.
    pub(crate) fn heading(&mut self, name: &str, note: &str) -> Result<(), Failure> {
        let name = self.paint(Tone::Title, name);
        self.blank()?;
        if note.is_empty() {
            return self.line(name);
        }
        let note = self.paint(Tone::Dim, note);
        self.line(format_args!("{name}  {note}"))
    }

    pub(crate) fn table(&mut self, table: &Table) -> Result<(), Failure> {
        let lines = table.lines(self.style);
        lines.iter().try_for_each(|line| self.line(line))
    }

    /// One JSON value on a line of its own.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::new(format!("cannot write the result as JSON: {error}")))?;
        self.line(text)
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.write(|to| to.write_all(bytes))
    }

    /// Hands what is buffered to the system, and says if that failed.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.write(Write::flush)
    }

    fn write(
        &mut self,
        what: impl FnOnce(&mut BufWriter<Stdout>) -> io::Result<()>,
    ) -> Result<(), Failure> {
        if self.closed {
            return Ok(());
        }
        match what(&mut self.to) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => {
                // What is buffered would be tried again, and fail again.
                self.closed = true;
                Err(Failure::new(format!(
                    "cannot write to standard output: {}",
                    plain_io(&error)
                ))
                .remedy("send the output to a file or disk with room"))
            }
        }
    }
}
