//! `rvf query`

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rvf_host::{
    Answer, Effort, HostError, IdBuf, OpenOptions, Plan, Query, Reader, RowSet, Session,
};
use rvf_types::IdKind;

use crate::failure::{self, Failure};
use crate::queries;
use crate::report::query::{self, Hit, HitId};
use crate::view::{Out, shown_path};

#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("what").required(true).args(["vectors", "vector", "like"]),
    group = clap::ArgGroup::new("effort").args(["recall", "probes", "exact"]),
    override_usage = "rvf query [OPTIONS] <FILE> <--vectors Q.npy | --vector '[…]' | --like ID>",
    after_help = "\
Examples, on the sample that comes with the source:
  rvf pack samples/wordnet-8k/base.i8.npy \\
      --ids samples/wordnet-8k/ids.txt -o wordnet.rvf
  rvf query wordnet.rvf --like ocean.n -k 5
  rvf query wordnet.rvf --vectors samples/wordnet-8k/queries.i8.npy --json

With --json each query gives one line:
  {\"query\":0,\"hits\":[{\"row\":17,\"id\":\"sea.n\",\"distance\":0.123}],\"engine\":\"native\",\"micros\":40}"
)]
pub(crate) struct Args {
    /// The .rvf file to search
    file: PathBuf,

    /// Search for every vector of a file: .npy, .fvecs, .bvecs, .jsonl or .csv
    #[arg(long, value_name = "Q.npy")]
    vectors: Option<PathBuf>,

    /// Search for this vector, a JSON array; - reads vectors from standard input, one a line
    #[arg(long, value_name = "[…]", allow_hyphen_values = true)]
    vector: Option<String>,

    /// Search for what is like the vector with this id (row, in a file without ids); it is left out itself
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    like: Option<String>,

    /// How many hits each query gives
    #[arg(short, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    k: u32,

    /// The share of the true hits to find, by what was measured when packing
    /// [default: what the file was packed for, else 0.95; where the file does not reach that, exact search]
    #[arg(long, value_name = "R", value_parser = parse_recall)]
    recall: Option<f64>,

    /// Search this many of the lists that the file keeps its vectors in
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    probes: Option<u32>,

    /// Compare with every vector as stored
    #[arg(long)]
    exact: bool,

    /// Search only among the ids in this text file, one a line (rows, in a file without ids)
    #[arg(long, value_name = "FILE")]
    filter: Option<PathBuf>,

    #[command(flatten)]
    engine: super::EngineArgs,

    /// Compute each distance again from the vectors, and refuse an answer with a wrong one
    #[arg(long, help_heading = "Advanced")]
    check: bool,

    /// Print one JSON object for each query, on a line of its own
    #[arg(long)]
    json: bool,
}

pub(crate) fn parse_recall(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(recall) if recall > 0.0 && recall <= 1.0 => Ok(recall),
        _ => Err("expected a number above 0, and at most 1".to_owned()),
    }
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<(), Failure> {
    let options = OpenOptions::new()
        .io(args.engine.io.io.into())
        .engine(args.engine.wanted()?)
        .check_answers(args.check);
    let reader = super::open(&args.file, &options)?;
    let fail = |error| super::about(&args.file, error);
    let filter = match &args.filter {
        Some(path) => Some(filter(path, &reader)?),
        None => None,
    };
    let mut searcher = Searcher {
        args,
        warnings: warnings(&reader).map_err(fail)?,
        session: reader.session().map_err(fail)?,
        reader: &reader,
        filter,
        answer: Answer::new(),
    };
    if !args.json {
        searcher.print_warnings();
    }
    if let Some(id) = &args.like {
        return searcher.like(id, out);
    }
    let source = match (&args.vectors, args.vector.as_deref()) {
        (Some(path), _) => {
            return queries::from_file(path, |query, vector| {
                searcher.vector(query, vector, Some(path), out)
            });
        }
        (None, vector) => vector.unwrap_or("-"),
    };
    if source == "-" {
        return queries::from_stream(io::stdin().lock(), |query, vector| {
            let more = searcher.vector(query, vector, Some(Path::new("standard input")), out)?;
            // Whoever writes the next query may wait for this answer.
            out.flush()?;
            Ok(more)
        });
    }
    searcher
        .vector(0, &queries::from_text(source)?, None, out)
        .map(drop)
}

/// An open file and what is asked of it.
struct Searcher<'r> {
    args: &'r Args,
    reader: &'r Reader,
    session: Session<'r>,
    filter: Option<RowSet>,
    warnings: Vec<String>,
    answer: Answer,
}

impl Searcher<'_> {
    /// Answers for one vector; false when nobody reads the answers any more.
    fn vector(
        &mut self,
        query: u64,
        vector: &[f32],
        from: Option<&Path>,
        out: &mut Out,
    ) -> Result<bool, Failure> {
        let title = from.map(|_| format!("query {query}"));
        self.search(query, Query::vector(vector), title, out)
            .map_err(|failure| match from {
                Some(path) => {
                    failure.prefix(&format!("{}, query {query} (from 0)", shown_path(path)))
                }
                None => failure,
            })?;
        Ok(!out.is_closed())
    }

    /// Answers for a vector of the file itself.
    fn like(&mut self, id: &str, out: &mut Out) -> Result<(), Failure> {
        let fail = |error| super::about(&self.args.file, error);
        let id = self.reader.parse_id(id).map_err(fail)?;
        let row = self.reader.row_of(id).map_err(fail)?;
        let title = match self.reader.head().id_kind {
            IdKind::None => format!("like row {row}"),
            _ => format!("like {id} (row {row})"),
        };
        self.search(0, Query::like_row(row).without_itself(), Some(title), out)
    }

    fn search(
        &mut self,
        number: u64,
        query: Query<'_>,
        title: Option<String>,
        out: &mut Out,
    ) -> Result<(), Failure> {
        let fail = |error| super::about(&self.args.file, error);
        let mut query = query.k(self.args.k).effort(self.args.effort());
        if let Some(filter) = &self.filter {
            query = query.filter(filter);
        }
        let start = Instant::now();
        self.session
            .search_into(&query, &mut self.answer)
            .map_err(fail)?;
        let micros = start.elapsed().as_secs_f64() * 1e6;
        let hits = self.answer.hits.iter().map(|hit| {
            let id = match self.reader.id(hit.row)? {
                IdBuf::U64(id) => HitId::Number(id),
                IdBuf::Utf8(id) => HitId::Text(id),
            };
            Ok(Hit {
                row: hit.row,
                id,
                distance: hit.distance,
            })
        });
        let report = query::Answer {
            query: number,
            hits: hits.collect::<Result<_, _>>().map_err(fail)?,
            engine: self.answer.engine.name,
            micros: (micros * 10.0).round() / 10.0,
            build: self.answer.engine.variant,
            exact: self.answer.plan == Plan::Exact,
            recall: match self.answer.plan {
                Plan::Coded { recall, .. } => recall,
                Plan::Exact => None,
            },
            lists: match (self.reader.head().lists, self.answer.plan) {
                (1, _) | (_, Plan::Exact) => None,
                (all, Plan::Coded { probes: 0, .. }) => Some(all),
                (all, Plan::Coded { probes, .. }) => Some(probes.min(all)),
            },
            warnings: &self.warnings,
            title,
        };
        if self.args.json {
            return out.json(&report);
        }
        if number > 0 {
            out.blank()?;
        }
        let named = self.reader.head().id_kind != IdKind::None;
        report.print(named, out)
    }

    /// On standard error, so that standard output holds answers alone.
    fn print_warnings(&self) {
        for warning in &self.warnings {
            failure::warn(warning);
        }
    }
}

impl Args {
    fn effort(&self) -> Effort {
        match (self.recall, self.probes) {
            _ if self.exact => Effort::Exact,
            (Some(recall), _) => Effort::Recall(recall),
            (None, Some(probes)) => Effort::Probes(probes),
            (None, None) => Effort::Default,
        }
    }
}

fn warnings(reader: &Reader) -> Result<Vec<String>, HostError> {
    let mut warnings: Vec<_> = reader.warnings().iter().map(ToString::to_string).collect();
    let engine = reader.engine()?.info();
    if !engine.known {
        let hash = engine
            .kernel
            .map_or(String::new(), |hash| format!(" {hash}"));
        warnings.push(format!(
            "this program doesn't know the file's kernel{hash}; it runs in the sandbox, and --check compares its distances"
        ));
    }
    Ok(warnings)
}

/// The rows that a text file lists.
fn filter(path: &Path, reader: &Reader) -> Result<RowSet, Failure> {
    let mut rows = RowSet::new(reader.rows());
    for (line, text) in queries::read_lines(path)? {
        let row = reader.parse_id(&text).and_then(|id| reader.row_of(id));
        let row = row.map_err(|error| {
            Failure::from(error).prefix(&format!("{}, line {line}", shown_path(path)))
        })?;
        rows.insert(row);
    }
    Ok(rows)
}
