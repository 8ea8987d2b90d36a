//! Text that comes from a file, made safe to print.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;

/// The text with every character that could steer a terminal, or hide or reorder what is read, written as an escape.
///
/// These are the control characters (C0, C1, DEL), line and paragraph separators, and the invisible formatting
/// characters, those that switch the direction of writing among them. The joiners U+200C and U+200D stay: scripts
/// and emoji need them.
pub(crate) fn neutral(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if is_unsafe(c) => {
                // Writing to a String cannot fail.
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A path as it is shown: names of files are strangers too.
pub(crate) fn shown_path(path: &Path) -> String {
    neutral(&path.to_string_lossy()).into_owned()
}

/// Breaks text into lines of at most `width` characters, at spaces. A longer word has a line of its own.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let word_length = word.chars().count();
        if length > 0 && length + 1 + word_length > width {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        line.push_str(word);
        length += word_length;
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_are_written_out() {
        assert_eq!(neutral("a\u{1b}[31mred\u{7}"), "a\\u{1b}[31mred\\u{7}");
        assert_eq!(neutral("two\nlines\tand\r"), "two\\nlines\\tand\\r");
        assert_eq!(neutral("\u{9b}2J"), "\\u{9b}2J");
    }

    #[test]
    fn text_that_would_be_read_in_another_order_is_written_out() {
        assert_eq!(neutral("txt\u{202e}fdp.exe"), "txt\\u{202e}fdp.exe");
        assert_eq!(neutral("a\u{200b}b"), "a\\u{200b}b");
    }

    #[test]
    fn ordinary_text_of_any_script_stays_as_it_is() {
        for text in ["ocean.n", "日本語", "می‌خواهم", "👩‍👧", "naïve café", "a\\nb"]
        {
            assert!(
                matches!(neutral(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }

    #[test]
    fn wrapped_lines_hold_every_word_and_no_more_than_the_width() {
        let text = "one two three four five six seven";
        let lines = wrap(text, 9);
        assert!(lines.iter().all(|line| line.chars().count() <= 9));
        assert_eq!(lines.join(" "), text);
        assert_eq!(
            wrap("a verylongwordindeed b", 5),
            ["a", "verylongwordindeed", "b"]
        );
        assert!(wrap("", 5).is_empty());
    }
}
