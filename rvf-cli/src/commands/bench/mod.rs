//! `rvf bench`

mod lane;
mod truth;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rvf_host::{Answer, Effort, Hit, HostError, OpenOptions, Plan, Query, Reader};
use rvf_pack::source::read_matrix_i32;

use self::lane::Lane;
use self::truth::{Truth, true_rows};
use super::EngineName;
use crate::failure::Failure;
use crate::memory;
use crate::progress::{Progress, Unit};
use crate::report::bench::{BenchReport, EffortResult, EngineResult, ModuleLoad, Ratio};
use crate::stats::{mean, median, percentile};
use crate::view::Out;

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "rvf bench [OPTIONS] <FILE> --vectors <Q.npy>",
    after_help = "\
Examples, on the sample that comes with the source:
  rvf pack samples/wordnet-8k/base.i8.npy \\
      --ids samples/wordnet-8k/ids.txt -o wordnet.rvf
  rvf bench wordnet.rvf --vectors samples/wordnet-8k/queries.i8.npy \\
      --truth samples/wordnet-8k/truth.i32.npy

One thread. Each round runs every engine at every effort, so that what else the
machine does falls on all alike; the figures are medians of the rounds."
)]
pub(crate) struct Args {
    /// The .rvf file
    file: PathBuf,

    /// The queries: .npy, .fvecs, .bvecs, .jsonl or .csv
    #[arg(long, value_name = "Q.npy")]
    vectors: PathBuf,

    /// The true neighbours of each query, as rows, best first: .npy (i32, i64) or .ivecs
    /// [default: found by exact search over the vectors as stored]
    #[arg(long, value_name = "T.npy")]
    truth: Option<PathBuf>,

    /// How many hits each query gives
    #[arg(short, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    k: u32,

    /// Measure what these wishes for recall get, separated by commas
    /// [default: 0.9,0.95,0.99, as far as the file reaches them]
    #[arg(long, value_name = "R,…", value_delimiter = ',', value_parser = super::query::parse_recall)]
    recall: Option<Vec<f64>>,

    /// Measure this engine alone; auto measures every one that can run the file
    #[arg(long, value_enum, default_value_t = EngineName::Auto, value_name = "auto|native|wasmi", hide_possible_values = true)]
    engine: EngineName,

    /// Use the first N queries
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    queries: u32,

    /// Measure this many times
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,

    #[command(flatten)]
    io: super::IoArgs,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<(), Failure> {
    let reader = super::open(&args.file, &OpenOptions::new().io(args.io.io.into()))?;
    let queries = queries(args)?;
    let (lanes, mut notes) = Lane::all(args, &reader)?;
    if cfg!(debug_assertions) {
        notes.push(
            "this program was built without optimisation; build it with --release".to_owned(),
        );
    }
    let efforts = efforts(&reader, args.k, args.recall.as_deref(), &mut notes);
    let mut bench = Bench {
        args,
        progress: Progress::new(false),
        k: args.k.min(reader.rows()),
        queries,
        lanes,
        efforts,
        same_answers: true,
        notes,
    };
    let truth = bench.truth()?;
    let found = bench.check(&truth)?;
    let times = bench.measure()?;
    let report = bench.report(&reader, &found, &times);
    if args.json {
        out.json(&report)?;
    } else {
        report.print(out)?;
    }
    if report.same_answers {
        Ok(())
    } else {
        Err(Failure::said())
    }
}

fn queries(args: &Args) -> Result<Vec<Vec<f32>>, Failure> {
    let most = args.queries as usize;
    let mut queries = Vec::new();
    crate::queries::from_file(&args.vectors, |_, vector| {
        queries.push(vector.to_vec());
        Ok(queries.len() < most)
    })?;
    Ok(queries)
}

/// A run of an engine at an effort ends after this time, if it has come so far:
const LONGEST_RUN: Duration = Duration::from_millis(250);
const LEAST_QUERIES: usize = 10;
/// So does the comparison of an engine's answers with those of the first engine.
const LONGEST_CHECK: Duration = Duration::from_secs(1);

/// An effort, and what it is called.
#[derive(Debug, Clone)]
struct Named {
    name: String,
    effort: Effort,
    recall_when_packed: Option<f64>,
}

/// Those efforts that the file lists for this k and that answer a wish or some usual one, and exact search. Of wishes that
/// the file does not reach a note is made.
fn efforts(reader: &Reader, k: u32, wishes: Option<&[f64]>, notes: &mut Vec<String>) -> Vec<Named> {
    const USUAL: [f64; 3] = [0.9, 0.95, 0.99];
    let listed = &reader.manifest().efforts;
    let ks = listed.iter().map(|effort| effort.k);
    // R-MAN-8: the least listed k that is not below the wished one, else the largest.
    let listed_k = ks.clone().filter(|listed| *listed >= k).min().or(ks.max());
    let of_k: Vec<_> = listed
        .iter()
        .filter(|effort| Some(effort.k) == listed_k)
        .collect();
    let mut named: Vec<Named> = Vec::new();
    let mut add = |name: String, recall: f64| {
        // Of the wishes that one entry answers, the highest names it.
        if named
            .last()
            .is_some_and(|last| last.recall_when_packed == Some(recall))
        {
            named.pop();
        }
        named.push(Named {
            name,
            effort: Effort::Recall(recall),
            recall_when_packed: Some(recall),
        });
    };
    let mut sorted = wishes.unwrap_or(&USUAL).to_vec();
    sorted.sort_by(f64::total_cmp);
    for wish in sorted {
        if let Some(effort) = of_k.iter().find(|effort| effort.recall() >= wish) {
            add(format!("recall {wish}"), effort.recall());
        } else if wishes.is_some() {
            notes.push(match of_k.last() {
                Some(last) => format!(
                    "a recall of {wish} is above what this file reaches, {:.3}",
                    last.recall()
                ),
                None => format!("no recall was measured when this file was packed: {wish} is not known to be reached"),
            });
        }
    }
    if let Some(last) = of_k.last() {
        add("ceiling".to_owned(), last.recall());
    }
    named.push(Named {
        name: "exact".to_owned(),
        effort: Effort::Exact,
        recall_when_packed: None,
    });
    named
}

/// A measurement in the making.
struct Bench<'a> {
    args: &'a Args,
    progress: Progress,
    k: u32,
    queries: Vec<Vec<f32>>,
    lanes: Vec<Lane>,
    efforts: Vec<Named>,
    same_answers: bool,
    notes: Vec<String>,
}

/// What the first engine found at one effort, and what it took.
#[derive(Debug, Clone, Copy)]
struct Found {
    recall: f64,
    /// Lists that were visited; none in exact search and where the file has one.
    probes: Option<u32>,
    rows_scanned: f64,
    rows_ranked: f64,
    float_distances: f64,
}

/// The times of one engine at one effort.
#[derive(Debug, Clone, Default)]
struct Times {
    p50: Vec<f64>,
    p99: Vec<f64>,
    mean: Vec<f64>,
    fuel: Option<f64>,
    queries: u64,
}

/// All times: of each effort on each lane, and of each lane's start.
#[derive(Debug)]
struct AllTimes {
    searches: Vec<Vec<Times>>,
    starts: Vec<Starts>,
}

#[derive(Debug, Clone, Default)]
struct Starts {
    open: Vec<f64>,
    load: Vec<f64>,
    first_answer: Vec<f64>,
}

impl Bench<'_> {
    fn about(&self, error: HostError) -> Failure {
        super::about(&self.args.file, error)
    }

    /// The true neighbours of each query: given, or found by exact search on the first lane.
    fn truth(&mut self) -> Result<Vec<Truth>, Failure> {
        let given = match &self.args.truth {
            Some(path) => Some((path, read_matrix_i32(path)?)),
            None => None,
        };
        let Some(lane) = self.lanes.first() else {
            return Err(Failure::new("no engine to search with"));
        };
        let file_rows = lane.reader.rows();
        let mut session = lane.reader.session().map_err(|error| self.about(error))?;
        let total = self.queries.len() as u64;
        let mut truths = Vec::with_capacity(self.queries.len());
        for (number, vector) in (0_u64..).zip(&self.queries) {
            let truth = match &given {
                None => Truth::computed(&mut session, vector, self.k),
                Some((path, matrix)) => {
                    let rows = true_rows(path, matrix, number, self.k, file_rows)?;
                    Truth::given(&mut session, vector, rows, file_rows)
                }
            };
            truths.push(truth.map_err(|error| self.about(error))?);
            self.progress
                .update("truth", Unit::Searches, number + 1, total);
        }
        Ok(truths)
    }

    /// What each effort finds; and sees whether all engines give the same answers. It warms everything up, too.
    fn check(&mut self, truths: &[Truth]) -> Result<Vec<Found>, Failure> {
        let mut all = Vec::new();
        let total = (self.efforts.len() * self.lanes.len()) as u64;
        let mut done = 0;
        for effort in &self.efforts {
            let mut first: Option<Vec<Vec<Hit>>> = None;
            let mut found = Found {
                recall: 0.0,
                probes: None,
                rows_scanned: 0.0,
                rows_ranked: 0.0,
                float_distances: 0.0,
            };
            for lane in &self.lanes {
                let mut session = lane.reader.session().map_err(|error| self.about(error))?;
                let mut answers = Vec::with_capacity(self.queries.len());
                let mut counts = Counts::default();
                let run = Instant::now();
                for vector in &self.queries {
                    // The recall is that of the first engine; the others are compared with it, slow ones on a part.
                    let enough = first.is_some() && answers.len() >= LEAST_QUERIES;
                    if enough && run.elapsed() > LONGEST_CHECK {
                        break;
                    }
                    let query = Query::vector(vector).k(self.k).effort(effort.effort);
                    let answer = session.search(&query).map_err(|error| self.about(error))?;
                    counts.add(&answer);
                    answers.push(answer.hits);
                }
                match &first {
                    None => {
                        let hits = answers
                            .iter()
                            .zip(truths)
                            .map(|(hits, truth)| hits.iter().filter(|hit| truth.holds(hit)).count())
                            .sum();
                        found = counts.found(hits, truths.len() * self.k as usize, &lane.reader);
                        first = Some(answers);
                    }
                    Some(first) => self.same_answers &= first.starts_with(&answers),
                }
                done += 1;
                self.progress.update("checking", Unit::Steps, done, total);
            }
            all.push(found);
        }
        Ok(all)
    }

    fn measure(&mut self) -> Result<AllTimes, Failure> {
        let mut all = AllTimes {
            searches: vec![vec![Times::default(); self.lanes.len()]; self.efforts.len()],
            starts: vec![Starts::default(); self.lanes.len()],
        };
        let rounds = u64::from(self.args.rounds);
        let total = rounds * (self.efforts.len() * self.lanes.len()) as u64;
        let mut done = 0;
        for _ in 0..rounds {
            for (lane, starts) in self.lanes.iter().zip(&mut all.starts) {
                self.start(lane, starts)
                    .map_err(|error| self.about(error))?;
            }
            for (effort, times) in self.efforts.iter().zip(&mut all.searches) {
                for (lane, times) in self.lanes.iter().zip(times) {
                    self.search(lane, effort, times)
                        .map_err(|error| self.about(error))?;
                    done += 1;
                    self.progress.update("measuring", Unit::Steps, done, total);
                }
            }
        }
        Ok(all)
    }

    /// Opens the file anew, makes the engine ready, and asks for one answer.
    fn start(&self, lane: &Lane, starts: &mut Starts) -> Result<(), HostError> {
        let start = Instant::now();
        let reader = Reader::open_path(&self.args.file, &lane.options)?;
        starts.open.push(millis(start));
        let load = Instant::now();
        reader.engine()?;
        starts.load.push(millis(load));
        if let Some(vector) = self.queries.first() {
            reader.search(&Query::vector(vector).k(self.k))?;
        }
        starts.first_answer.push(millis(start));
        Ok(())
    }

    fn search(&self, lane: &Lane, effort: &Named, times: &mut Times) -> Result<(), HostError> {
        let mut session = lane.reader.session()?;
        let mut answer = Answer::new();
        let mut micros = Vec::with_capacity(self.queries.len());
        let mut fuel = Vec::new();
        let run = Instant::now();
        for vector in &self.queries {
            if micros.len() >= LEAST_QUERIES && run.elapsed() > LONGEST_RUN {
                break;
            }
            let query = Query::vector(vector).k(self.k).effort(effort.effort);
            let start = Instant::now();
            session.search_into(&query, &mut answer)?;
            micros.push(millis(start) * 1e3);
            #[expect(clippy::cast_precision_loss, reason = "a mean, for people")]
            fuel.extend(answer.stats.fuel.map(|fuel| fuel as f64));
        }
        times.p50.push(percentile(&micros, 0.5));
        times.p99.push(percentile(&micros, 0.99));
        times.mean.push(mean(&micros));
        times.fuel = (!fuel.is_empty()).then(|| mean(&fuel));
        times.queries = micros.len() as u64;
        Ok(())
    }

    fn report(&self, reader: &Reader, found: &[Found], times: &AllTimes) -> BenchReport {
        let efforts: Vec<_> = self
            .efforts
            .iter()
            .zip(found)
            .zip(&times.searches)
            .map(|((effort, found), times)| EffortResult {
                effort: effort.name.clone(),
                recall: found.recall,
                recall_when_packed: effort.recall_when_packed,
                probes: found.probes,
                rows_scanned: found.rows_scanned,
                rows_ranked: found.rows_ranked,
                float_distances: found.float_distances,
                engines: self
                    .lanes
                    .iter()
                    .zip(times)
                    .map(|(lane, times)| result(lane, times))
                    .collect(),
            })
            .collect();
        let modules = self
            .lanes
            .iter()
            .zip(&times.starts)
            .filter_map(|(lane, starts)| {
                Some(ModuleLoad {
                    engine: lane.name.clone(),
                    bytes: lane.module_bytes?,
                    load_ms: median(&starts.load),
                })
            });
        let first = times.starts.first().cloned().unwrap_or_default();
        BenchReport {
            file: self.args.file.to_string_lossy().into_owned(),
            vectors: reader.rows().into(),
            dimension: reader.dimension(),
            metric: reader.head().metric.name().to_owned(),
            k: self.k,
            queries: self.queries.len() as u64,
            rounds: self.args.rounds,
            truth: if self.args.truth.is_some() {
                "given"
            } else {
                "computed"
            }
            .to_owned(),
            ratios: efforts.iter().flat_map(ratios).collect(),
            efforts,
            modules: modules.collect(),
            open_ms: median(&first.open),
            first_answer_ms: median(&first.first_answer),
            peak_memory_bytes: memory::peak(),
            same_answers: self.same_answers,
            notes: self.notes.clone(),
        }
    }
}

/// What the queries of a run took, all together.
#[derive(Debug, Default)]
struct Counts {
    queries: u64,
    scanned: u64,
    ranked: u64,
    floats: u64,
    probes: Option<u32>,
}

impl Counts {
    fn add(&mut self, answer: &Answer) {
        self.queries += 1;
        self.scanned += u64::from(answer.stats.scanned);
        self.ranked += u64::from(answer.stats.ranked);
        self.floats += u64::from(answer.stats.float_distances);
        self.probes = match answer.plan {
            Plan::Coded { probes, .. } => Some(probes),
            Plan::Exact => None,
        };
    }

    /// `hits` of `wanted` were found.
    #[expect(clippy::cast_precision_loss, reason = "counts, far below 2^53")]
    fn found(&self, hits: usize, wanted: usize, reader: &Reader) -> Found {
        let lists = reader.head().lists;
        let mean = |sum: u64| sum as f64 / self.queries.max(1) as f64;
        Found {
            recall: hits as f64 / wanted as f64,
            probes: self
                .probes
                .filter(|_| lists > 1)
                .map(|probes| match probes {
                    0 => lists,
                    probes => probes.min(lists),
                }),
            rows_scanned: mean(self.scanned),
            rows_ranked: mean(self.ranked),
            float_distances: mean(self.floats),
        }
    }
}

fn millis(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

fn result(lane: &Lane, times: &Times) -> EngineResult {
    let mean = median(&times.mean);
    EngineResult {
        engine: lane.name.clone(),
        p50_micros: median(&times.p50),
        p99_micros: median(&times.p99),
        mean_micros: mean,
        queries_per_second: 1e6 / mean,
        fuel_per_query: times.fuel,
        queries: times.queries,
    }
}

/// WebAssembly against native, and scalar against SIMD, at one effort.
fn ratios(effort: &EffortResult) -> Vec<Ratio> {
    let kind = |name: &'static str, scalar: bool| {
        effort.engines.iter().find(move |engine| {
            engine.engine.starts_with(name) && engine.engine.ends_with("scalar") == scalar
        })
    };
    let pairs = [
        (kind("wasmi", false), kind("native", false)),
        (kind("wasmi", true), kind("native", true)),
        (kind("wasmi", true), kind("wasmi", false)),
        (kind("native", true), kind("native", false)),
    ];
    let ratio = |(slower, faster): (Option<&EngineResult>, Option<&EngineResult>)| {
        let (slower, faster) = (slower?, faster?);
        Some(Ratio {
            effort: effort.effort.clone(),
            slower: slower.engine.clone(),
            faster: faster.engine.clone(),
            times: slower.p50_micros / faster.p50_micros,
        })
    };
    pairs.into_iter().filter_map(ratio).collect()
}
