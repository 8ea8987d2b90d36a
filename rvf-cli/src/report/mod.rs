//! What each command prints, as text for people and as JSON for machines.

pub(crate) mod bench;
pub(crate) mod info;
pub(crate) mod pack;
pub(crate) mod query;
pub(crate) mod serve;
pub(crate) mod verify;

use crate::failure::Failure;
use crate::view::{Out, Tone, wrap};

/// A name and what it is, the names in a column.
fn field(out: &mut Out, name: &str, value: &str) -> Result<(), Failure> {
    const NAME_WIDTH: usize = 10;
    let name = out.paint(Tone::Dim, &format!("{name:<NAME_WIDTH$}"));
    out.line(format_args!("  {name}  {value}"))
}

/// A remark that the reader should not miss, broken into lines of the terminal's width.
fn remark(out: &mut Out, label: &str, tone: Tone, text: &str) -> Result<(), Failure> {
    let label_width = label.chars().count() + 1;
    let width = out.width().saturating_sub(label_width);
    let painted = out.paint(tone, label);
    for (index, line) in wrap(text, width).iter().enumerate() {
        if index == 0 {
            out.line(format_args!("{painted} {line}"))?;
        } else {
            out.line(format_args!("{:label_width$}{line}", ""))?;
        }
    }
    Ok(())
}
