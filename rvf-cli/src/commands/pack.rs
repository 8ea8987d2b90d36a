//! `rvf pack`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rvf_pack::source::{self, IdType, SourceOptions};
use rvf_pack::{Module, PackError, Packer, Phase};
use rvf_types::wasm::{self, ModuleError};
use rvf_types::{Role, VectorKind, WasmFeatures, WasmHeader, vec};

use super::query::parse_recall;
use crate::failure::Failure;
use crate::progress::{Progress, Unit};
use crate::report::pack::{MeasuredRecall, PackReport, PackedKernel};
use crate::target::{self, plain_io};
use crate::view::{Out, shown_path};

#[derive(Debug, clap::Args)]
#[command(
    override_usage = "rvf pack [OPTIONS] <INPUT> -o <OUT.rvf>",
    after_help = "\
Examples, on the sample that comes with the source:
  rvf pack samples/wordnet-8k/base.i8.npy \\
      --ids samples/wordnet-8k/ids.txt -o wordnet.rvf
  rvf pack samples/wordnet-8k/base.i8.npy --metric ip --vectors f16 -o ip.rvf"
)]
pub(crate) struct Args {
    /// Vectors: .npy (f16, f32, f64, i8, u8), .fvecs, .bvecs, .jsonl or .csv
    input: PathBuf,

    /// The file to write
    #[arg(short, long, value_name = "OUT.rvf")]
    output: PathBuf,

    /// The distance: 1 − cosine, minus the inner product, or the squared Euclidean distance
    #[arg(long, value_enum, default_value_t = Metric::Cosine, value_name = "cosine|ip|l2", hide_possible_values = true)]
    metric: Metric,

    /// What is kept of each vector: i8 alone (smallest), or f16 or f32 beside it (more exact)
    #[arg(long, value_enum, default_value_t = Kept::I8, value_name = "i8|f16|f32", hide_possible_values = true)]
    vectors: Kept,

    /// Lists that vectors are divided into; 1: every search looks at all [default: what is found to be fastest]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    lists: Option<u32>,

    /// The recall of ten hits that the lists are made for, and that the file must be measured to reach: above 0, at most 1
    #[arg(long, value_name = "R", value_parser = parse_recall)]
    recall: Option<f64>,

    /// Ids, one a line, in the order of the rows
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,

    /// .csv, .jsonl: column or field with the vector [default: vector, embedding or values]
    #[arg(long, value_name = "NAME")]
    vector_column: Option<String>,

    /// .csv, .jsonl: column or field with the id [default: id, where there is one]
    #[arg(long, value_name = "NAME", conflicts_with = "ids")]
    id_column: Option<String>,

    /// Keep no ids: the id of a vector is its row
    #[arg(long, conflicts_with_all = ["ids", "id_column"])]
    no_ids: bool,

    /// .csv, .jsonl: take every id as text, though it be a number
    #[arg(long, conflicts_with_all = ["ids", "no_ids"])]
    ids_as_text: bool,

    /// .csv: whether the first line names the columns [default: yes, unless it has numbers alone]
    #[arg(long, value_enum, value_name = "yes|no", hide_possible_values = true)]
    header: Option<Answer>,

    /// Threads; the file is the same with any number [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,

    /// Replace the output if it exists
    #[arg(short, long)]
    force: bool,

    /// Put this WebAssembly kernel into the file in place of the built-in ones (repeatable)
    #[arg(long, value_name = "FILE.wasm")]
    kernel: Vec<PathBuf>,

    /// Print nothing unless it fails
    #[arg(short, long)]
    quiet: bool,

    /// Print the summary as one JSON object
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Metric {
    Cosine,
    Ip,
    L2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Answer {
    Yes,
    No,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kept {
    I8,
    F16,
    F32,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<(), Failure> {
    let start = Instant::now();
    // Before any work: what can't be written needs no reading.
    target::check(&args.output, args.force)?;
    let options = SourceOptions {
        vector_field: args.vector_column.clone(),
        id_field: args.id_column.clone(),
        ignore_ids: args.no_ids || args.ids.is_some(),
        id_type: args.ids_as_text.then_some(IdType::Text),
        csv_header: args.header.map(|answer| answer == Answer::Yes),
        ..SourceOptions::default()
    };
    let mut rows = source::open(&args.input, &options)?;
    let modules = modules(&args.kernel)?;
    let kernels = describe(&modules)?;
    let mut progress = Progress::new(args.quiet);
    let mut packer = Packer::new()
        .metric(args.metric.into())
        .vectors(args.vectors.into())
        .modules(modules)
        .threads(args.threads.map_or(0, usize::from))
        .force(args.force)
        .cancel(cancelled_by_signal())
        .timestamp_from_environment()?
        .progress(move |now| {
            let (phase, unit) = in_words(now.phase);
            progress.update(phase, unit, now.done, now.total.unwrap_or(0));
        });
    if let Some(lists) = args.lists {
        packer = packer.lists(lists);
    }
    if let Some(recall) = args.recall {
        packer = packer.recall(recall);
    }
    if let Some(path) = &args.ids {
        packer = packer.ids(source::read_ids(path)?);
    }
    let packed = packer
        .pack_to_path(rows.as_mut(), &args.output)
        .map_err(|error| failure(error, args))?;
    // Takes the progress bar off the screen.
    drop(packer);
    if args.quiet {
        return Ok(());
    }
    let report = report_of(args, &packed, kernels, start.elapsed());
    if args.json {
        return out.json(&report);
    }
    report.print(out)
}

/// A flag that the first signal to end (or the closing of the console) sets, so that the unfinished file is taken away.
/// A second one ends the program at once.
fn cancelled_by_signal() -> Arc<AtomicBool> {
    // As shells count it: 128 and the number of SIGINT.
    const INTERRUPTED: i32 = 130;
    let flag = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&flag);
    let set = ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED);
        }
    });
    // Without a handler a signal ends the program as ever: no reason not to pack.
    drop(set);
    flag
}

/// The failure of a pack. What is wrong with the ids of a file is told with the name of that file, and the line.
fn failure(mut error: PackError, args: &Args) -> Failure {
    let Some(path) = &args.ids else {
        return Failure::from_error(&error);
    };
    let places = match &mut error {
        PackError::IdCount { .. } => Vec::new(),
        PackError::BadId { place, .. } => vec![place],
        PackError::DuplicateId { first, second, .. } => vec![first, second],
        _ => return Failure::from_error(&error),
    };
    if source::ids_stand_in_lines(path) {
        for place in places {
            place.line = place.row.map(|row| row + 1);
        }
    }
    Failure::from_error(&error).prefix(&shown_path(path))
}

/// The modules for the file: those that the user names, else the kernels of this version.
fn modules(paths: &[PathBuf]) -> Result<Vec<Module>, Failure> {
    if paths.is_empty() {
        return Ok(Module::kernels());
    }
    paths.iter().map(|path| module(path)).collect()
}

fn module(path: &Path) -> Result<Module, Failure> {
    let cannot_read = |error| {
        Failure::new(format!(
            "cannot read {}: {}",
            shown_path(path),
            plain_io(&error)
        ))
        .remedy("name a WebAssembly module that exists")
    };
    let bytecode = std::fs::read(path).map_err(cannot_read)?;
    let module = Module::new(Role::Microkernel, 0, bytecode);
    let header = header_of(&module)
        .map_err(|error| Failure::from_error(&error).prefix(&shown_path(path)))?;
    // As R-WASM-4 has it: hosts that have SIMD take the build that needs it.
    let priority = u8::from(!header.kind.required.contains(WasmFeatures::SIMD));
    Ok(Module { priority, ..module })
}

fn header_of(module: &Module) -> Result<WasmHeader, ModuleError> {
    wasm::derive(
        &module.bytecode,
        module.role,
        module.target,
        module.priority,
    )
}

fn describe(modules: &[Module]) -> Result<Vec<PackedKernel>, Failure> {
    let describe = |module: &Module| {
        let header = header_of(module).map_err(|error| Failure::from_error(&error))?;
        Ok(PackedKernel {
            role: module.role.name().to_owned(),
            features: header.kind.required.names().map(str::to_owned).collect(),
            bytes: module.bytecode.len() as u64,
            hash: header.hash.to_string(),
        })
    };
    modules.iter().map(describe).collect()
}

fn in_words(phase: Phase) -> (&'static str, Unit) {
    match phase {
        Phase::Store => ("reading", Unit::Rows),
        Phase::Ids => ("ids", Unit::Rows),
        Phase::Cluster => ("clustering", Unit::Rows),
        Phase::Assign => ("assigning", Unit::Rows),
        Phase::Code => ("coding", Unit::Rows),
        Phase::Arrange => ("arranging", Unit::Rows),
        Phase::Search => ("measuring", Unit::Searches),
        Phase::Exact => ("exact search", Unit::Rows),
        Phase::Commit => ("writing", Unit::Steps),
        _ => ("working", Unit::Steps),
    }
}

fn report_of(
    args: &Args,
    packed: &rvf_pack::PackReport,
    kernels: Vec<PackedKernel>,
    time: Duration,
) -> PackReport {
    PackReport {
        file: args.output.to_string_lossy().into_owned(),
        vectors: packed.rows.into(),
        dimension: packed.dimension,
        lists: packed.lists,
        second_entries: packed.second_entries.into(),
        metric: packed.metric.name().to_owned(),
        kept: packed.vectors.name().to_owned(),
        ids: packed.id_kind.name().to_owned(),
        bytes: packed.file_length,
        bytes_per_vector: packed.bytes_per_vector(),
        bytes_as_f32: u64::from(packed.rows) * u64::from(packed.dimension) * 4,
        bytes_for_f16: vec::stride(VectorKind::F16, packed.dimension).into(),
        recall: recall(packed, args.recall.unwrap_or(rvf_host::DEFAULT_RECALL)),
        kernels,
        ignored_columns: packed.ignored_columns.clone(),
        seconds: time.as_secs_f64(),
    }
}

/// The measured recall for ten hits, or for the most that were measured where that is less.
fn recall(packed: &rvf_pack::PackReport, wanted: f64) -> Option<MeasuredRecall> {
    const K: u32 = 10;
    let listed = packed.efforts.iter().map(|effort| effort.k);
    let k = listed.clone().filter(|k| *k <= K).max().or(listed.min())?;
    Some(MeasuredRecall {
        k,
        default: packed.effort_for(k, wanted).map(rvf_types::Effort::recall),
        ceiling: packed.ceiling(k)?,
        queries: packed.queries,
    })
}

impl From<Metric> for rvf_types::Metric {
    fn from(metric: Metric) -> Self {
        match metric {
            Metric::Cosine => Self::Cosine,
            Metric::Ip => Self::InnerProduct,
            Metric::L2 => Self::L2,
        }
    }
}

impl From<Kept> for VectorKind {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::I8 => Self::I8,
            Kept::F16 => Self::F16,
            Kept::F32 => Self::F32,
        }
    }
}
