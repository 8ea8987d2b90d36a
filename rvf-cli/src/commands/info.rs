//! `rvf info`

use std::path::{Path, PathBuf};

use rvf_host::{Module, OpenOptions, Reader};
use rvf_types::wasm::WasmKind;
use rvf_types::{Effort, SegmentEntry, SegmentType, WasmFeatures, header, limits};

use crate::failure::Failure;
use crate::report::info::{Format, InfoReport, Kernel, Lineage, Recall, Segment};
use crate::view::Out;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples, on the sample that comes with the source:
  rvf pack samples/wordnet-8k/base.i8.npy \\
      --ids samples/wordnet-8k/ids.txt -o wordnet.rvf
  rvf info wordnet.rvf
  rvf info wordnet.rvf --json")]
pub(crate) struct Args {
    /// The .rvf file
    file: PathBuf,

    #[command(flatten)]
    io: super::IoArgs,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<(), Failure> {
    let options = OpenOptions::new().io(args.io.io.into());
    let reader = super::open(&args.file, &options)?;
    let report = report_of(&args.file, &reader);
    if args.json {
        return out.json(&report);
    }
    report.print(out)
}

fn report_of(path: &Path, reader: &Reader) -> InfoReport {
    let (manifest, record) = (reader.manifest(), reader.record());
    let mut warnings: Vec<_> = reader.warnings().iter().map(ToString::to_string).collect();
    let kernels = match reader.modules() {
        Ok(modules) => modules
            .iter()
            .map(|module| kernel(module, reader))
            .collect(),
        Err(error) => {
            warnings.push(format!("the code inside can't be told: {error}"));
            Vec::new()
        }
    };
    let lists = match reader.lists() {
        Ok(lists) => lists,
        Err(error) => {
            warnings.push(format!("the lists can't be told: {error}"));
            Vec::new()
        }
    };
    let entries = lists
        .iter()
        .map(|list| u64::from(list.own) + u64::from(list.second))
        .sum();
    let per_vector = |count: u64| {
        #[expect(clippy::cast_precision_loss, reason = "a mean, for people")]
        let count = count as f64;
        count / f64::from(reader.rows())
    };
    InfoReport {
        file: path.to_string_lossy().into_owned(),
        bytes: reader.file_length(),
        format: Format {
            version: FORMAT_VERSION,
            minor: record.minor_version,
            draft: record.flags.is_draft(),
            generation: record.generation,
        },
        vectors: reader.rows().into(),
        dimension: reader.dimension(),
        metric: manifest.head.metric.name().to_owned(),
        kept: manifest.head.vectors.name().to_owned(),
        ids: manifest.head.id_kind.name().to_owned(),
        lists: manifest.head.lists,
        entries_per_vector: (!lists.is_empty()).then(|| per_vector(entries)),
        bytes_per_vector: per_vector(reader.file_length()),
        segments: segments(reader),
        kernels,
        recall: manifest.efforts.iter().map(recall).collect(),
        lineage: Lineage {
            operation: manifest.head.operation.name().to_owned(),
            parent: manifest.head.lineage.map(|hash| hash.to_string()),
            predecessor: manifest
                .head
                .predecessor
                .map(|before| before.hash.to_string()),
        },
        properties: manifest.properties.clone(),
        warnings,
    }
}

/// Every byte of the file is in one of these, an uncommitted tail too.
fn segments(reader: &Reader) -> Vec<Segment> {
    let record = reader.record();
    let segment =
        |kind: &str, what: &str, id: u64, offset: u64, bytes: u64, hash: String| Segment {
            kind: kind.to_owned(),
            what: what.to_owned(),
            id,
            offset,
            bytes,
            hash,
        };
    let root = segment("ROOT", "root", 0, 0, limits::ROOT_LEN, String::new());
    let mut all = vec![root];
    for entry in &reader.manifest().entries {
        let bytes = entry.end().unwrap_or(u64::MAX).saturating_sub(entry.offset);
        let kind = entry.kind.to_string();
        let what = what_is(entry);
        all.push(segment(
            &kind,
            &what,
            entry.id,
            entry.offset,
            bytes,
            entry.hash.to_string(),
        ));
    }
    for dead in &reader.manifest().dead {
        all.push(segment(
            "DEAD",
            "no longer used",
            0,
            dead.offset,
            dead.length,
            dead.hash.to_string(),
        ));
    }
    let bytes = header::extent(record.manifest_length).unwrap_or(u64::MAX);
    let hash = record.manifest_hash.to_string();
    all.push(segment(
        "MANIFEST",
        "manifest",
        0,
        record.manifest_offset,
        bytes,
        hash,
    ));
    let tail = reader.file_length().saturating_sub(record.committed_length);
    if tail > 0 {
        all.push(segment(
            "TAIL",
            "uncommitted",
            0,
            record.committed_length,
            tail,
            String::new(),
        ));
    }
    all.sort_by_key(|segment| segment.offset);
    all
}

fn what_is(entry: &SegmentEntry) -> String {
    let kernel = |kind: WasmKind| {
        let build = if kind.required.contains(WasmFeatures::SIMD) {
            "simd"
        } else {
            "scalar"
        };
        format!("{}, {build}", kind.role)
    };
    match entry.kind {
        SegmentType::VEC => match entry.vector_kind() {
            Some(kind) => format!("vectors, {kind}"),
            None => "vectors".to_owned(),
        },
        SegmentType::INDEX => "index".to_owned(),
        SegmentType::QUANT => "codes, 1 bit".to_owned(),
        SegmentType::IDS => "ids".to_owned(),
        SegmentType::ORDER => "order of the vectors".to_owned(),
        SegmentType::DIGEST => "digests".to_owned(),
        SegmentType::WASM => entry
            .wasm_kind()
            .map_or_else(|| "module".to_owned(), kernel),
        other => format!("unknown, {other}"),
    }
}

fn kernel(module: &Module, reader: &Reader) -> Kernel {
    // A module is known by the hash of its code, not by the hash that its header states.
    let problem = module.read(reader).err().map(|error| error.to_string());
    let kind = module.header.kind;
    Kernel {
        role: kind.role.name().to_owned(),
        target: kind.target.name().to_owned(),
        features: kind.required.names().map(str::to_owned).collect(),
        bytes: module.header.bytecode_size.into(),
        priority: module.header.priority,
        offset: module.offset,
        hash: module.header.hash.to_string(),
        known: module
            .known
            .map(str::to_owned)
            .filter(|_| problem.is_none()),
        problem,
    }
}

fn recall(effort: &Effort) -> Recall {
    Recall {
        k: effort.k,
        recall: effort.recall(),
        hits: effort.hits,
        total: effort.total,
        probes: effort.probes,
        slack: effort.slack,
        pool: effort.pool,
        rows_scanned: effort.scanned,
        rows_ranked: effort.ranked,
    }
}

/// The version that a file must have to be opened at all.
const FORMAT_VERSION: u8 = 2;
