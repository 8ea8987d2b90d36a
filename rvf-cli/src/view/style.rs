//! Colour: on a terminal alone, and never against the user's wish.

use std::io::IsTerminal;

/// What a piece of text is, which decides how it is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Title,
    Dim,
    Good,
    Warn,
    Bad,
    Accent,
}

impl Tone {
    /// The parameters of the terminal's SGR sequence.
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Title => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Warn => "33",
            Self::Bad => "1;31",
            Self::Accent => "36",
        }
    }
}

/// Whether, and so how, text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    colour: bool,
}

impl Style {
    /// No colour.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { colour: false };

    /// Colour if `stream` is a terminal that can show it, and `NO_COLOR` is not set (see no-color.org).
    pub(crate) fn detect(stream: &impl IsTerminal) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            colour: stream.is_terminal() && !set("NO_COLOR") && !dumb,
        }
    }

    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.colour || tone == Tone::Plain || text.is_empty() {
            return text.to_owned();
        }
        format!("\x1b[{}m{text}\x1b[0m", tone.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_style_adds_nothing() {
        assert_eq!(Style::PLAIN.paint(Tone::Bad, "text"), "text");
    }

    #[test]
    fn colour_is_taken_back_after_the_text() {
        let style = Style { colour: true };
        assert_eq!(style.paint(Tone::Good, "text"), "\x1b[32mtext\x1b[0m");
        assert_eq!(style.paint(Tone::Plain, "text"), "text");
    }
}
