//! What a file holds.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{field, remark};
use crate::failure::Failure;
use crate::view::{Align, Cell, Out, Table, Tone, bar, human, neutral};

/// What `rvf info` tells of a file.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct InfoReport {
    pub(crate) file: String,
    pub(crate) bytes: u64,
    pub(crate) format: Format,
    pub(crate) vectors: u64,
    pub(crate) dimension: u32,
    pub(crate) metric: String,
    /// The most exact element type that is kept.
    pub(crate) kept: String,
    /// What ids are: "none", "u64" or "utf8".
    pub(crate) ids: String,
    /// Lists that the vectors stand in.
    pub(crate) lists: u32,
    /// Codes, those of second entries among them, for each vector; `null` where the directory can't be read.
    pub(crate) entries_per_vector: Option<f64>,
    pub(crate) bytes_per_vector: f64,
    pub(crate) segments: Vec<Segment>,
    pub(crate) kernels: Vec<Kernel>,
    pub(crate) recall: Vec<Recall>,
    pub(crate) lineage: Lineage,
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Format {
    pub(crate) version: u8,
    pub(crate) minor: u8,
    pub(crate) draft: bool,
    pub(crate) generation: u64,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Segment {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// In plain words.
    pub(crate) what: String,
    pub(crate) id: u64,
    pub(crate) offset: u64,
    /// All bytes of the segment: header, payload and padding.
    pub(crate) bytes: u64,
    pub(crate) hash: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Kernel {
    pub(crate) role: String,
    pub(crate) target: String,
    pub(crate) features: Vec<String>,
    pub(crate) bytes: u64,
    pub(crate) priority: u8,
    pub(crate) offset: u64,
    pub(crate) hash: String,
    /// The release that this host knows the module as.
    pub(crate) known: Option<String>,
    /// What keeps this host from running the module.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

/// One line of what the file was measured to do.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Recall {
    pub(crate) k: u32,
    pub(crate) recall: f64,
    pub(crate) hits: u32,
    pub(crate) total: u32,
    pub(crate) probes: u32,
    pub(crate) slack: f32,
    pub(crate) pool: u32,
    pub(crate) rows_scanned: u32,
    pub(crate) rows_ranked: u32,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Lineage {
    pub(crate) operation: String,
    /// The hash of the manifest of the file that this one was made from.
    pub(crate) parent: Option<String>,
    /// The hash of the manifest before this one, in the same file.
    pub(crate) predecessor: Option<String>,
}

/// The recalls that are shown.
const USUAL: [f64; 9] = [0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999];

/// Of the entries for each k, in ascending order of recall, the first that reach a usual recall, and the last. A script gets
/// them all.
fn usual(recall: &[Recall]) -> impl Iterator<Item = &Recall> {
    let reached = |entry: &Recall| USUAL.partition_point(|usual| *usual <= entry.recall);
    recall.chunk_by(|a, b| a.k == b.k).flat_map(move |of_k| {
        of_k.iter().enumerate().filter_map(move |(place, entry)| {
            let before = place.checked_sub(1).and_then(|before| of_k.get(before));
            let is_more = reached(entry) > before.map_or(0, reached);
            (is_more || place + 1 == of_k.len()).then_some(entry)
        })
    })
}

impl InfoReport {
    pub(crate) fn print(&self, out: &mut Out) -> Result<(), Failure> {
        self.print_summary(out)?;
        self.print_segments(out)?;
        self.print_kernels(out)?;
        self.print_recall(out)?;
        self.print_properties(out)?;
        self.print_warnings(out)
    }

    fn print_summary(&self, out: &mut Out) -> Result<(), Failure> {
        let name = out.paint(Tone::Title, &neutral(&self.file));
        out.line(name)?;
        field(out, "vectors", &self.vectors_line())?;
        field(out, "metric", metric_in_words(&self.metric))?;
        field(out, "kept as", kept_in_words(&self.kept))?;
        let ids = match self.ids.as_str() {
            "none" => "none: a vector's id is its row",
            "utf8" => "text",
            "u64" => "whole numbers",
            other => other,
        };
        field(out, "ids", ids)?;
        field(out, "lists", &self.lists_line())?;
        let size = format!(
            "{} ({:.1} bytes a vector)",
            human::bytes(self.bytes),
            self.bytes_per_vector
        );
        field(out, "size", &size)?;
        let draft = if self.format.draft { " draft" } else { "" };
        let format = format!(
            "RVF {}.{}{draft}, generation {}",
            self.format.version, self.format.minor, self.format.generation
        );
        field(out, "format", &format)?;
        field(out, "lineage", &self.lineage.in_words())
    }

    fn vectors_line(&self) -> String {
        format!(
            "{} of {}",
            human::count(self.vectors),
            human::counted(self.dimension.into(), "dimension")
        )
    }

    fn lists_line(&self) -> String {
        if self.lists == 1 {
            return "none: a search looks at every code".to_owned();
        }
        let lists = human::count(self.lists.into());
        match self.entries_per_vector {
            Some(entries) => format!("{lists}, {entries:.2} entries a vector"),
            None => lists,
        }
    }

    fn print_segments(&self, out: &mut Out) -> Result<(), Failure> {
        const LEAST_BAR: usize = 8;
        const MOST_BAR: usize = 48;
        out.heading("Size", "")?;
        let rows: Vec<_> = self
            .segments
            .iter()
            .map(|segment| self.segment_cells(segment))
            .collect();
        let lay_out = |bar_width: usize| {
            let mut table = Table::new(&[
                ("", Align::Left),
                ("", Align::Left),
                ("", Align::Right),
                ("", Align::Right),
            ]);
            for (what, share, size, percent) in &rows {
                table.row(vec![
                    Cell::new(what),
                    Cell::toned(Tone::Accent, bar(*share, bar_width)),
                    Cell::new(size),
                    Cell::toned(Tone::Dim, percent),
                ]);
            }
            table
        };
        let others = lay_out(0).width();
        let space = out.width().saturating_sub(others);
        out.table(&lay_out(space.clamp(LEAST_BAR, MOST_BAR)))
    }

    fn segment_cells(&self, segment: &Segment) -> (String, f64, String, String) {
        #[expect(clippy::cast_precision_loss, reason = "a share, for people")]
        let share = segment.bytes as f64 / self.bytes.max(1) as f64;
        (
            segment.what.clone(),
            share,
            human::bytes(segment.bytes),
            human::percent(share),
        )
    }

    fn print_kernels(&self, out: &mut Out) -> Result<(), Failure> {
        const HASH_DIGITS: usize = 12;
        out.heading("Code inside", "")?;
        if self.kernels.is_empty() {
            return out.line("  none");
        }
        let mut table = Table::new(&[
            ("role", Align::Left),
            ("needs", Align::Left),
            ("size", Align::Right),
            ("hash", Align::Left),
            ("known here", Align::Left),
        ]);
        for kernel in &self.kernels {
            let needs = match kernel.features.as_slice() {
                [] => "-".to_owned(),
                features => features.join(", "),
            };
            let known = match (&kernel.known, &kernel.problem) {
                (_, Some(problem)) => Cell::toned(Tone::Bad, neutral(problem)),
                (Some(name), None) => Cell::toned(Tone::Good, format!("yes, as {name}")),
                (None, None) => Cell::toned(Tone::Warn, "no: sandboxed"),
            };
            table.row(vec![
                Cell::new(&kernel.role),
                Cell::new(needs),
                Cell::new(human::bytes(kernel.bytes)),
                Cell::toned(
                    Tone::Dim,
                    kernel.hash.get(..HASH_DIGITS).unwrap_or(&kernel.hash),
                ),
                known,
            ]);
        }
        out.table(&table)
    }

    fn print_recall(&self, out: &mut Out) -> Result<(), Failure> {
        if self.recall.is_empty() {
            out.heading("Recall", "")?;
            return out.line("  not measured when the file was packed; 'rvf bench' measures it");
        }
        out.heading(
            "Recall",
            "what may be counted on, as measured on rows held out as queries",
        )?;
        let lists = self.recall.iter().any(|entry| entry.probes != 0);
        let mut columns = vec![("k", Align::Right), ("recall", Align::Right)];
        if lists {
            columns.push(("probes", Align::Right));
        }
        columns.extend([
            ("slack", Align::Right),
            ("pool", Align::Right),
            ("rows scanned", Align::Right),
            ("rows ranked", Align::Right),
        ]);
        let mut table = Table::new(&columns);
        let mut last_k = None;
        for entry in usual(&self.recall) {
            let k = if last_k == Some(entry.k) {
                String::new()
            } else {
                human::count(entry.k.into())
            };
            last_k = Some(entry.k);
            let mut cells = vec![Cell::new(k), Cell::new(human::recall(entry.recall))];
            if lists {
                cells.push(Cell::new(match entry.probes {
                    0 => "all".to_owned(),
                    probes => human::count(probes.into()),
                }));
            }
            cells.extend([
                Cell::new(format!("{:.3}", entry.slack)),
                Cell::new(human::count(entry.pool.into())),
                Cell::new(human::count(entry.rows_scanned.into())),
                Cell::new(human::count(entry.rows_ranked.into())),
            ]);
            table.row(cells);
        }
        out.table(&table)
    }

    fn print_properties(&self, out: &mut Out) -> Result<(), Failure> {
        if self.properties.is_empty() {
            return Ok(());
        }
        out.heading("Properties", "")?;
        let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]);
        for (key, value) in &self.properties {
            table.row(vec![
                Cell::toned(Tone::Dim, neutral(key)),
                Cell::new(neutral(value)),
            ]);
        }
        out.table(&table)
    }

    fn print_warnings(&self, out: &mut Out) -> Result<(), Failure> {
        if self.warnings.is_empty() {
            return Ok(());
        }
        out.blank()?;
        for warning in &self.warnings {
            remark(out, "warning:", Tone::Warn, &neutral(warning))?;
        }
        Ok(())
    }
}

impl Lineage {
    fn in_words(&self) -> String {
        let made = match &self.parent {
            Some(parent) => format!(
                "made by '{}' from the file with manifest {parent}",
                self.operation
            ),
            None => format!("made by '{}'; no parent file", self.operation),
        };
        match &self.predecessor {
            Some(before) => format!("{made}; generation before: {before}"),
            None => made,
        }
    }
}

/// What a distance is, by the metric's name.
pub(crate) fn metric_in_words(metric: &str) -> &str {
    match metric {
        "cosine" => "cosine: a distance is 1 − cos",
        "ip" => "inner product: a distance is minus the product",
        "l2" => "Euclidean: a distance is squared",
        other => other,
    }
}

fn kept_in_words(kept: &str) -> &str {
    match kept {
        "i8" => "i8: one byte for each component",
        "f16" => "f16: two bytes for each component, beside i8",
        "f32" => "f32: four bytes for each component, beside i8",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_efforts_those_are_shown_that_reach_a_usual_recall_and_the_last_for_each_k() {
        let entry = |k: u32, hits: u32| Recall {
            k,
            recall: f64::from(hits) / 1_000.0,
            hits,
            total: 1_000,
            probes: 1,
            slack: 1.0,
            pool: k,
            rows_scanned: 1,
            rows_ranked: 1,
        };
        let of_ten = [650, 690, 720, 780, 810, 860, 870, 960, 985, 986];
        let table: Vec<Recall> = [entry(1, 600), entry(1, 610)]
            .into_iter()
            .chain(of_ten.map(|hits| entry(10, hits)))
            .collect();
        let shown: Vec<_> = usual(&table).map(|entry| (entry.k, entry.hits)).collect();
        let of_ten = [720, 810, 860, 960, 985, 986].map(|hits| (10, hits));
        let expected: Vec<_> = [(1, 610)].into_iter().chain(of_ten).collect();
        assert_eq!(shown, expected);
    }
}
