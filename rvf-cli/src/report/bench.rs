//! What a measurement has found.

use std::time::Duration;

use serde::Serialize;

use super::{field, remark};
use crate::failure::Failure;
use crate::view::{Align, Cell, Out, Table, Tone, human, neutral};

/// What `rvf bench` says of a file. Times are those of one thread, medians of the rounds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BenchReport {
    pub(crate) file: String,
    pub(crate) vectors: u64,
    pub(crate) dimension: u32,
    pub(crate) metric: String,
    pub(crate) k: u32,
    pub(crate) queries: u64,
    pub(crate) rounds: u32,
    /// "given", or "computed": exact search over the vectors as stored.
    pub(crate) truth: String,
    pub(crate) efforts: Vec<EffortResult>,
    pub(crate) ratios: Vec<Ratio>,
    pub(crate) modules: Vec<ModuleLoad>,
    pub(crate) open_ms: f64,
    pub(crate) first_answer_ms: f64,
    /// The most memory that this process took, all engines together; `null` where the system doesn't tell.
    pub(crate) peak_memory_bytes: Option<u64>,
    /// Every engine gave the same hits and distances.
    pub(crate) same_answers: bool,
    pub(crate) notes: Vec<String>,
}

/// One effort, on every engine.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct EffortResult {
    pub(crate) effort: String,
    /// Against the truth of this run.
    pub(crate) recall: f64,
    /// What the file says it was measured to do.
    pub(crate) recall_when_packed: Option<f64>,
    /// Lists that were visited; `null` in exact search, and where the file has one list.
    pub(crate) probes: Option<u32>,
    /// Codes that were looked at, those of centroids among them, a query.
    pub(crate) rows_scanned: f64,
    /// Integer distances a query.
    pub(crate) rows_ranked: f64,
    /// Float distances a query.
    pub(crate) float_distances: f64,
    pub(crate) engines: Vec<EngineResult>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct EngineResult {
    pub(crate) engine: String,
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
    pub(crate) mean_micros: f64,
    pub(crate) queries_per_second: f64,
    /// What the sandbox counted, the mean of the queries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fuel_per_query: Option<f64>,
    /// How many queries a round took: a slow engine gets through fewer.
    pub(crate) queries: u64,
}

/// How many times as long one engine takes as another, by the medians of one effort.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ratio {
    pub(crate) effort: String,
    pub(crate) slower: String,
    pub(crate) faster: String,
    pub(crate) times: f64,
}

/// How long a module takes from bytes in the file to ready to search.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ModuleLoad {
    pub(crate) engine: String,
    pub(crate) bytes: u64,
    pub(crate) load_ms: f64,
}

impl BenchReport {
    pub(crate) fn print(&self, out: &mut Out) -> Result<(), Failure> {
        let name = out.paint(Tone::Title, &neutral(&self.file));
        out.line(name)?;
        let vectors = format!(
            "{} of {}, {}",
            human::count(self.vectors),
            human::counted(self.dimension.into(), "dimension"),
            self.metric
        );
        field(out, "vectors", &vectors)?;
        let queries = format!(
            "{}, k = {}, {}, one thread",
            human::count(self.queries),
            human::count(self.k.into()),
            human::counted(self.rounds.into(), "round")
        );
        field(out, "queries", &queries)?;
        let truth = match self.truth.as_str() {
            "given" => "as given",
            _ => "computed here, over the vectors as stored",
        };
        field(out, "truth", truth)?;
        out.blank()?;
        out.table(&self.efforts_table())?;
        self.print_ratios(out)?;
        self.print_costs(out)?;
        out.blank()?;
        if !self.same_answers {
            let text = "the engines gave different answers; don't trust this file's kernel";
            remark(out, "error:", Tone::Bad, text)?;
        } else if self
            .efforts
            .first()
            .is_some_and(|effort| effort.engines.len() > 1)
        {
            let same = "  Every engine gave the same hits and the same distances.";
            let same = out.paint(Tone::Dim, same);
            out.line(same)?;
        }
        if self
            .all_engines()
            .any(|engine| engine.queries < self.queries)
        {
            let text = "a run of an engine ends after a quarter of a second; slow ones were timed on fewer queries";
            remark(out, "note:", Tone::Accent, text)?;
        }
        for note in &self.notes {
            remark(out, "note:", Tone::Accent, &neutral(note))?;
        }
        Ok(())
    }

    fn all_engines(&self) -> impl Iterator<Item = &EngineResult> {
        self.efforts.iter().flat_map(|effort| &effort.engines)
    }

    fn efforts_table(&self) -> Table {
        let recall = format!("recall@{}", self.k);
        let fuel = self
            .all_engines()
            .any(|engine| engine.fuel_per_query.is_some());
        let probes = self.efforts.iter().any(|effort| effort.probes.is_some());
        let mut columns = vec![("effort", Align::Left), (recall.as_str(), Align::Right)];
        if probes {
            columns.push(("probes", Align::Right));
        }
        columns.extend([
            ("scanned", Align::Right),
            ("compared", Align::Right),
            ("engine", Align::Left),
            ("p50", Align::Right),
            ("p99", Align::Right),
            ("queries/s", Align::Right),
        ]);
        if fuel {
            columns.push(("fuel", Align::Right));
        }
        let mut table = Table::new(&columns);
        for effort in &self.efforts {
            let compared = effort.rows_ranked + effort.float_distances;
            for (index, engine) in effort.engines.iter().enumerate() {
                // What is the same for all engines is said once.
                let first = |text: String| if index == 0 { text } else { String::new() };
                let mut cells = vec![
                    Cell::new(first(effort.effort.clone())),
                    Cell::toned(Tone::Accent, first(human::recall(effort.recall))),
                ];
                if probes {
                    let probes = effort.probes.map(|probes| human::count(probes.into()));
                    cells.push(Cell::new(first(probes.unwrap_or_default())));
                }
                cells.extend([
                    Cell::toned(Tone::Dim, first(human::count(whole(effort.rows_scanned)))),
                    Cell::toned(Tone::Dim, first(human::count(whole(compared)))),
                    Cell::new(&engine.engine),
                    Cell::new(micros(engine.p50_micros)),
                    Cell::new(micros(engine.p99_micros)),
                    Cell::new(human::count(whole(engine.queries_per_second))),
                ]);
                if fuel {
                    let fuel = engine.fuel_per_query.map(|fuel| human::count(whole(fuel)));
                    cells.push(Cell::toned(Tone::Dim, fuel.unwrap_or_default()));
                }
                table.row(cells);
            }
        }
        table
    }

    /// A line for each pair of engines, a column for each effort.
    fn print_ratios(&self, out: &mut Out) -> Result<(), Failure> {
        if self.ratios.is_empty() {
            return Ok(());
        }
        out.heading("Ratios", "of the p50 times, by recall")?;
        let mut columns = vec![("", Align::Left)];
        let names = self.efforts.iter().map(|effort| short(&effort.effort));
        columns.extend(names.map(|name| (name, Align::Right)));
        let mut table = Table::new(&columns);
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for ratio in &self.ratios {
            let pair = (ratio.slower.as_str(), ratio.faster.as_str());
            if !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
        for (slower, faster) in pairs {
            let mut cells = vec![Cell::new(format!("{slower} / {faster}"))];
            for effort in &self.efforts {
                let ratio = self.ratios.iter().find(|ratio| {
                    ratio.effort == effort.effort
                        && ratio.slower == slower
                        && ratio.faster == faster
                });
                let times = ratio.map(|ratio| format!("{:.2}×", ratio.times));
                cells.push(Cell::new(times.unwrap_or_default()));
            }
            table.row(cells);
        }
        out.table(&table)
    }

    fn print_costs(&self, out: &mut Out) -> Result<(), Failure> {
        out.heading("Start and memory", "")?;
        let mut table = Table::new(&[("", Align::Left), ("", Align::Right), ("", Align::Left)]);
        let mut row = |what: &str, value: String, note: String| {
            table.row(vec![
                Cell::new(what),
                Cell::new(value),
                Cell::toned(Tone::Dim, note),
            ]);
        };
        row("open", millis(self.open_ms), String::new());
        row(
            "open and first answer",
            millis(self.first_answer_ms),
            String::new(),
        );
        for module in &self.modules {
            let what = format!("load module, {}", module.engine);
            row(
                &what,
                millis(module.load_ms),
                format!("of {}", human::bytes(module.bytes)),
            );
        }
        match self.peak_memory_bytes {
            Some(bytes) => row(
                "peak memory",
                human::bytes(bytes),
                "all engines, mapped file included".to_owned(),
            ),
            None => row(
                "peak memory",
                "-".to_owned(),
                "not told by this system".to_owned(),
            ),
        }
        out.table(&table)
    }
}

/// An effort's name for the head of a narrow column.
fn short(effort: &str) -> &str {
    effort.strip_prefix("recall ").unwrap_or(effort)
}

fn micros(value: f64) -> String {
    human::duration(Duration::from_secs_f64((value / 1e6).max(0.0)))
}

fn millis(value: f64) -> String {
    micros(value * 1e3)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate or a mean count, shown without decimals; `as` saturates"
)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}
