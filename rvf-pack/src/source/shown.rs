//! Text that came from outside, as messages show it.

use std::fmt;

/// Text that came from outside, for a message: quoted, control characters escaped, not too long.
pub(super) struct Shown<'a>(pub(super) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 60;
        write!(f, "\"")?;
        for (seen, c) in self.0.chars().enumerate() {
            if seen == LONGEST {
                return write!(f, "…\"");
            }
            clean(f, c)?;
        }
        write!(f, "\"")
    }
}

/// Writes a character so that a terminal shows it and does nothing else.
pub(super) fn clean(f: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    match c {
        // Harmless, and harder to read when escaped.
        '"' | '\'' | '\\' => write!(f, "{c}"),
        _ => write!(f, "{}", c.escape_debug()),
    }
}

/// Names that came from outside, for a message.
pub(super) struct ShownList<'a>(pub(super) &'a [String]);

impl fmt::Display for ShownList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 12;
        if self.0.is_empty() {
            return write!(f, "none");
        }
        for (index, name) in self.0.iter().enumerate() {
            if index == MOST {
                return write!(f, " and {} more", self.0.len() - MOST);
            }
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{}", Shown(name))?;
        }
        Ok(())
    }
}

/// Like [`Shown`], without quotes: for what is mostly a number or a description.
pub(super) struct Clipped<'a>(pub(super) &'a str);

impl fmt::Display for Clipped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = Shown(self.0).to_string();
        let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        write!(f, "{inner}")
    }
}
