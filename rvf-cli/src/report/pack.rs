//! What a pack has made.

use std::time::Duration;

use serde::Serialize;

use super::{field, remark};
use crate::failure::Failure;
use crate::view::{Out, Tone, human, neutral, wrap};

/// What `rvf pack` says when it is done.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PackReport {
    pub(crate) file: String,
    pub(crate) vectors: u64,
    pub(crate) dimension: u32,
    pub(crate) lists: u32,
    /// Vectors that are in a second list too.
    pub(crate) second_entries: u64,
    pub(crate) metric: String,
    pub(crate) kept: String,
    pub(crate) ids: String,
    pub(crate) bytes: u64,
    pub(crate) bytes_per_vector: f64,
    /// Size of the same vectors as f32, for comparison.
    pub(crate) bytes_as_f32: u64,
    /// What an f16 copy of each vector would add, in bytes.
    pub(crate) bytes_for_f16: u64,
    pub(crate) recall: Option<MeasuredRecall>,
    pub(crate) kernels: Vec<PackedKernel>,
    pub(crate) ignored_columns: Vec<String>,
    pub(crate) seconds: f64,
}

/// What the file was measured to reach, on rows held out as queries.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct MeasuredRecall {
    pub(crate) k: u32,
    /// At the effort of a query that asks for none; none where that is exact search.
    pub(crate) default: Option<f64>,
    /// The highest.
    pub(crate) ceiling: f64,
    /// How many rows were held out.
    pub(crate) queries: u32,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct PackedKernel {
    pub(crate) role: String,
    pub(crate) features: Vec<String>,
    pub(crate) bytes: u64,
    pub(crate) hash: String,
}

/// Recall that no other choice of vectors would better by much.
const NEARLY_ALL: f64 = 0.999;

impl PackReport {
    pub(crate) fn print(&self, out: &mut Out) -> Result<(), Failure> {
        let name = out.paint(Tone::Title, &neutral(&self.file));
        out.line(name)?;
        let ids = match self.ids.as_str() {
            "none" => "no ids",
            "u64" => "u64 ids",
            _ => "text ids",
        };
        let vectors = format!(
            "{} of {}, {}, {ids}",
            human::count(self.vectors),
            human::counted(self.dimension.into(), "dimension"),
            self.metric
        );
        field(out, "vectors", &vectors)?;
        field(out, "lists", &self.lists_in_words())?;
        let size = format!(
            "{} ({:.1} bytes a vector; as plain f32 {})",
            human::bytes(self.bytes),
            self.bytes_per_vector,
            human::bytes(self.bytes_as_f32)
        );
        field(out, "size", &size)?;
        let kernels = self.kernels_in_words();
        field(out, "code", &kernels)?;
        let time = human::duration(Duration::from_secs_f64(self.seconds.max(0.0)));
        field(out, "time", &time)?;
        out.blank()?;
        for line in wrap(&self.kept_in_words(), out.width() - 2) {
            out.line(format_args!("  {line}"))?;
        }
        if !self.ignored_columns.is_empty() {
            let names: Vec<_> = self
                .ignored_columns
                .iter()
                .map(|name| neutral(name))
                .collect();
            let text = format!(
                "not read, and not in the file: {} (--vector-column and --id-column choose others)",
                names.join(", ")
            );
            remark(out, "note:", Tone::Accent, &text)?;
        }
        Ok(())
    }

    fn lists_in_words(&self) -> String {
        if self.lists == 1 {
            return "1: every search looks at all vectors".to_owned();
        }
        let share = 100.0 * self.second_entries as f64 / (self.vectors as f64).max(1.0);
        let lists = human::count(self.lists.into());
        format!("{lists}; {share:.0} % of the vectors are in two of them")
    }

    fn kernels_in_words(&self) -> String {
        let Some(first) = self.kernels.first() else {
            return "none".to_owned();
        };
        let builds: Vec<_> = self.kernels.iter().map(PackedKernel::in_words).collect();
        format!("{}: {}", first.role, builds.join(", "))
    }

    /// What the choice of `--vectors` means for size and recall.
    fn kept_in_words(&self) -> String {
        let kept = match self.kept.as_str() {
            "i8" => "Vectors are kept as i8: one byte a component and a scale for each vector.",
            "f16" => "Vectors are kept as i8 and, for the final order of hits, as f16.",
            _ => "Vectors are kept as i8 and, for the final order of hits, as f32: as they came.",
        };
        let measured = match &self.recall {
            Some(recall) => recall.in_words(),
            None => "Recall was not measured.".to_owned(),
        };
        let short = self
            .recall
            .as_ref()
            .is_none_or(|recall| recall.ceiling < NEARLY_ALL);
        let remedy = if self.kept == "i8" && short {
            let cost = human::counted(self.bytes_for_f16, "byte");
            format!(" --vectors f16 reaches further, for {cost} more a vector.")
        } else {
            String::new()
        };
        format!("{kept} {measured}{remedy}")
    }
}

impl MeasuredRecall {
    fn in_words(&self) -> String {
        let ceiling = human::recall(self.ceiling);
        let reached = match self.default {
            Some(recall) => format!(
                "{} at the default effort, {ceiling} at the highest.",
                human::recall(recall)
            ),
            None => format!("{ceiling} at the highest effort; queries search exactly by default."),
        };
        format!(
            "Recall@{} to count on, measured against the input: {reached}",
            self.k
        )
    }
}

impl PackedKernel {
    fn in_words(&self) -> String {
        let features = match self.features.as_slice() {
            [] => "any engine".to_owned(),
            features => features.join("+"),
        };
        format!("{features} {}", human::bytes(self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(kept: &str, recall: Option<(Option<f64>, f64)>) -> PackReport {
        PackReport {
            file: "out.rvf".to_owned(),
            vectors: 8_192,
            dimension: 384,
            lists: 120,
            second_entries: 4_096,
            metric: "cosine".to_owned(),
            kept: kept.to_owned(),
            ids: "none".to_owned(),
            bytes: 3_700_000,
            bytes_per_vector: 451.7,
            bytes_as_f32: 12_582_912,
            bytes_for_f16: 772,
            recall: recall.map(|(default, ceiling)| MeasuredRecall {
                k: 10,
                default,
                ceiling,
                queries: 200,
            }),
            kernels: Vec::new(),
            ignored_columns: Vec::new(),
            seconds: 1.0,
        }
    }

    #[test]
    fn the_choice_of_vectors_is_told_with_what_was_measured() {
        let text = report("i8", Some((Some(0.9541), 0.9923))).kept_in_words();
        for part in [
            "i8",
            "Recall@10 to count on",
            "0.954 at the default effort",
            "0.992",
            "--vectors f16",
            "772 bytes",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let text = report("i8", Some((None, 0.91))).kept_in_words();
        assert!(
            text.contains("0.910") && text.contains("exactly by default"),
            "{text}"
        );
        assert!(report("i8", None).kept_in_words().contains("not measured"));
    }

    #[test]
    fn lists_are_told_with_what_is_in_two_of_them() {
        let mut report = report("i8", None);
        assert_eq!(
            report.lists_in_words(),
            "120; 50 % of the vectors are in two of them"
        );
        report.lists = 1;
        assert!(report.lists_in_words().contains("all vectors"));
    }

    #[test]
    fn what_gains_nothing_is_not_advised() {
        assert!(
            !report("i8", Some((Some(1.0), 1.0)))
                .kept_in_words()
                .contains("--vectors")
        );
        assert!(
            !report("f16", Some((Some(0.95), 0.98)))
                .kept_in_words()
                .contains("--vectors")
        );
    }
}
