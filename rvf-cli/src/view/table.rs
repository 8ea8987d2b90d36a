//! Columns that line up.

use super::style::{Style, Tone};

/// To which side of its column a cell is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// One cell. Its text has no control characters: text from a file has gone through `neutral`.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self::toned(Tone::Plain, text)
    }

    pub(crate) fn toned(tone: Tone, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// Rows of cells under a head. Text of unknown display width belongs in the last column, which nothing follows.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    indent: usize,
    align: Vec<Align>,
    head: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

const GAP: &str = "  ";

impl Table {
    /// A table with these columns; without a head if all names are empty.
    pub(crate) fn new(columns: &[(&str, Align)]) -> Self {
        Self {
            indent: 2,
            align: columns.iter().map(|(_, align)| *align).collect(),
            head: columns.iter().map(|(name, _)| (*name).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    fn widths(&self) -> Vec<usize> {
        let column = |index: usize| {
            let head = self.head.get(index).map_or(0, |name| name.chars().count());
            let cells = self.rows.iter().filter_map(|row| row.get(index));
            cells.map(Cell::width).max().unwrap_or(0).max(head)
        };
        (0..self.align.len()).map(column).collect()
    }

    /// The characters that a row takes.
    pub(crate) fn width(&self) -> usize {
        let widths = self.widths();
        let gaps = widths.len().saturating_sub(1) * GAP.len();
        self.indent + widths.iter().sum::<usize>() + gaps
    }

    /// One string a line, without white space at the end.
    pub(crate) fn lines(&self, style: Style) -> Vec<String> {
        let widths = self.widths();
        let mut lines = Vec::with_capacity(self.rows.len() + 1);
        if self.head.iter().any(|name| !name.is_empty()) {
            let head: Vec<_> = self
                .head
                .iter()
                .map(|name| Cell::toned(Tone::Dim, name))
                .collect();
            lines.push(self.line(&head, &widths, style));
        }
        lines.extend(self.rows.iter().map(|row| self.line(row, &widths, style)));
        lines
    }

    fn line(&self, cells: &[Cell], widths: &[usize], style: Style) -> String {
        let mut line = " ".repeat(self.indent);
        // Spaces are held back until text follows, so that none end a line.
        let mut pending = 0;
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                pending += GAP.len();
            }
            let width = widths.get(index).copied().unwrap_or(0);
            let space = width.saturating_sub(cell.width());
            let (before, after) = match self.align.get(index) {
                Some(Align::Right) => (space, 0),
                _ => (0, space),
            };
            pending += before;
            if !cell.text.is_empty() {
                line.extend(std::iter::repeat_n(' ', pending));
                pending = 0;
                line.push_str(&style.paint(cell.tone, &cell.text));
            }
            pending += after;
        }
        line.truncate(line.trim_end_matches(' ').len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_in_text() {
        let mut table = Table::new(&[
            ("name", Align::Left),
            ("n", Align::Right),
            ("", Align::Left),
        ]);
        table.row(vec![Cell::new("a"), Cell::new("1"), Cell::new("x")]);
        table.row(vec![Cell::new("longer"), Cell::new("1,000"), Cell::new("")]);
        let lines = table.lines(Style::PLAIN);
        assert_eq!(
            lines,
            ["  name        n", "  a           1  x", "  longer  1,000"]
        );
        assert_eq!(table.width(), 18);
    }

    #[test]
    fn a_table_without_names_has_no_head() {
        let mut table = Table::new(&[("", Align::Left)]);
        table.row(vec![Cell::new("a")]);
        assert_eq!(table.lines(Style::PLAIN), ["  a"]);
    }
}
