//! What a person sees: text in columns, bars, sizes and times, colour where it helps.

mod bar;
pub(crate) mod human;
mod out;
mod style;
mod table;
mod text;

pub(crate) use self::bar::bar;
pub(crate) use self::out::{Out, width};
pub(crate) use self::style::{Style, Tone};
pub(crate) use self::table::{Align, Cell, Table};
pub(crate) use self::text::{neutral, shown_path, wrap};
