//! A large file is searched by a host that is held to little memory, as on a small device.
//!
//! ```text
//! cargo run --release -p rvf-host --example large_file -- 1.0
//! ```
//!
//! The number is the size in GB (10⁹ bytes; 1 unless said). The example makes a file of that size in the folder for
//! temporary files, from vectors that are drawn and never held all together: 384 components as i8, some 450 bytes a
//! vector with its code. Then a second process opens it with plain reads, with the limits for embedded hosts (4 MiB of
//! kernel memory, nothing resident) and a cache of 1 MiB, and searches it by the code that travels in it, in wasmi, in
//! both builds. The native twin must give the same hits, bit for bit. The figures are printed; the file is deleted.
//!
//! 1 GB takes a minute or two and that much space. `TMPDIR` says where.

use std::error::Error;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rvf_host::{
    Answer, Build, ByteSource, Effort, Engine, FileReads, Limits, OpenOptions, Query, Reader,
};
use rvf_pack::Packer;
use rvf_pack::source::{Batch, MemorySource, Source, SourceError, SourceInfo};

const DIMENSION: usize = 384;
/// Bytes of the file for each vector: 396 of the i8 record, 52 of the code, and the digests of their blocks.
const BYTES_PER_VECTOR: f64 = 449.6;
/// Kernel memory of an embedded host.
const MEMORY: u64 = 4 << 20;
const CACHE: usize = 1 << 20;
const CODED_QUERIES: u64 = 5;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        [] => make_and_search(1.0),
        ["search", path, rows] => rows
            .parse()
            .map_err(Into::into)
            .and_then(|rows| search(Path::new(path), rows)),
        [size] => size
            .parse()
            .map_err(|_| format!("{size}: expected a size in GB, such as 1.0").into())
            .and_then(make_and_search),
        _ => Err("expected one argument, the size in GB".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("large_file: {error}");
            ExitCode::FAILURE
        }
    }
}

fn make_and_search(gigabytes: f64) -> Result<()> {
    let rows = (gigabytes * 1e9 / BYTES_PER_VECTOR).ceil();
    if !(1.0..=f64::from(u32::MAX)).contains(&rows) {
        return Err(format!("{gigabytes} GB: expected more than nothing, and at most 1900").into());
    }
    let rows = rows as u64;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("large.rvf");
    let start = Instant::now();
    let report = Packer::new().pack_to_path(&mut Tree::new(rows)?, &path)?;
    println!(
        "packed {} rows of {DIMENSION} components into {:.3} GB in {:.1} s",
        report.rows,
        report.file_length as f64 / 1e9,
        start.elapsed().as_secs_f64()
    );
    // In a process of its own, so that its peak of memory is that of searching.
    let status = Command::new(std::env::current_exe()?)
        .arg("search")
        .arg(&path)
        .arg(rows.to_string())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err("the search failed".into())
    }
}

/// Vectors that are the leaves of a tree: a row is near to those that share most of its path from the root, as documents
/// on one subject are near. Each comes from its number alone: no two passes differ, and nothing is held in memory.
struct Tree {
    info: SourceInfo,
    rows: u64,
    next: u64,
}

impl Tree {
    /// Each node has eight children, and their parts of the vector are so much smaller than its own.
    const BRANCH_BITS: u32 = 3;
    const DEPTH: u32 = 7;
    const SHRINK: f32 = 0.75;
    const WORDS: u64 = DIMENSION as u64 / 8;

    fn new(rows: u64) -> Result<Self> {
        // A description can't be made anew outside its crate, so it is taken from a source that has one.
        let one = MemorySource::new(DIMENSION, vec![0.0; DIMENSION], None)?;
        let mut info = one.info().clone();
        info.rows = Some(rows);
        Ok(Self {
            info,
            rows,
            next: 0,
        })
    }

    /// Appends the vector of a row; rows behind the last one are the queries.
    fn draw(row: u64, out: &mut Vec<f32>) {
        let path = splitmix64(row);
        let mut vector = [0.0_f32; DIMENSION];
        let mut factor = 1.0;
        for level in 0..=Self::DEPTH {
            // A node is named by the path to it; the last one is the row's own.
            let bits = Self::BRANCH_BITS * level;
            let node = if level == Self::DEPTH {
                splitmix64(!row)
            } else {
                splitmix64(u64::from(level) << 32 | (path & ((1 << bits) - 1)))
            };
            for (word, part) in (0..Self::WORDS).zip(vector.chunks_exact_mut(8)) {
                let random = splitmix64(node.wrapping_add(word)).to_le_bytes();
                for (component, byte) in part.iter_mut().zip(random) {
                    *component += factor * f32::from(byte.cast_signed());
                }
            }
            factor *= Self::SHRINK;
        }
        out.extend_from_slice(&vector);
    }
}

impl Source for Tree {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_batch(
        &mut self,
        max_rows: usize,
        batch: &mut Batch,
    ) -> std::result::Result<usize, SourceError> {
        batch.first_row = self.next;
        batch.vectors.clear();
        batch.ids.clear();
        batch.lines.clear();
        let end = self.rows.min(self.next.saturating_add(max_rows as u64));
        for row in self.next..end {
            Self::draw(row, &mut batch.vectors);
        }
        let count = end - self.next;
        self.next = end;
        Ok(count as usize)
    }

    fn rewind(&mut self) -> std::result::Result<(), SourceError> {
        self.next = 0;
        Ok(())
    }
}

fn splitmix64(state: u64) -> u64 {
    let z = state.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Plain reads of a file, counted.
#[derive(Debug)]
struct Counted {
    file: FileReads,
    bytes: Arc<AtomicU64>,
}

impl ByteSource for Counted {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.bytes.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        self.file.read_at(offset, buffer)
    }
}

/// What an engine did with one query.
struct Done {
    answer: Answer,
    time: Duration,
    read: u64,
}

/// Asks some coded queries and an exact one.
fn ask(path: &Path, rows: u64, engine: Engine) -> Result<Vec<Done>> {
    let bytes = Arc::new(AtomicU64::new(0));
    let source = Counted {
        file: FileReads::new(File::open(path)?)?,
        bytes: Arc::clone(&bytes),
    };
    let options = OpenOptions::new()
        .engine(engine)
        .limits(Limits::embedded())
        .cache_bytes(CACHE);
    let reader = Reader::open(source, &options)?;
    let mut session = reader.session()?;
    let mut all = Vec::new();
    for number in 0..=CODED_QUERIES {
        let mut vector = Vec::new();
        // The exact query is the first one once more.
        Tree::draw(rows + number % CODED_QUERIES, &mut vector);
        let effort = if number == CODED_QUERIES {
            Effort::Exact
        } else {
            Effort::Default
        };
        let before = bytes.load(Ordering::Relaxed);
        let start = Instant::now();
        let answer = session.search(&Query::vector(&vector).effort(effort))?;
        all.push(Done {
            answer,
            time: start.elapsed(),
            read: bytes.load(Ordering::Relaxed) - before,
        });
    }
    Ok(all)
}

fn search(path: &Path, rows: u64) -> Result<()> {
    let engines = [
        Engine::Wasmi { build: Build::Simd },
        Engine::Wasmi {
            build: Build::Scalar,
        },
        Engine::Native { backend: None },
    ];
    println!(
        "{:<16} {:>6} {:>10} {:>9} {:>9} {:>8} {:>11} {:>13}",
        "engine", "query", "ms", "MB read", "MB fed", "steps", "memory KiB", "fuel, million"
    );
    let mut first: Option<Vec<Done>> = None;
    for engine in engines {
        let done = ask(path, rows, engine)?;
        for (number, done) in done.iter().enumerate() {
            print_line(number as u64, done);
            if let Some(memory) = done.answer.stats.module_memory
                && memory > MEMORY
            {
                return Err(
                    format!("{memory} bytes of kernel memory, the limit is {MEMORY}").into(),
                );
            }
        }
        if let Some(peak) = peak_memory() {
            println!("{:<16} peak of the process so far: {peak}", "");
        }
        match &first {
            None => first = Some(done),
            Some(first) => same_hits(first, &done)?,
        }
    }
    println!("all engines gave the same hits, bit for bit");
    if let Some([coded, .., exact]) = first.as_deref() {
        let of_exact = &exact.answer.hits;
        let found = coded
            .answer
            .hits
            .iter()
            .filter(|hit| of_exact.contains(hit));
        println!(
            "of the 10 nearest to the first query, the coded search found {}; it was asked for {:?}",
            found.count(),
            coded.answer.plan
        );
    }
    Ok(())
}

fn print_line(number: u64, done: &Done) {
    let Done { answer, time, read } = done;
    let stats = &answer.stats;
    let number_or = |value: Option<u64>, divisor: f64| match value {
        Some(value) => format!("{:.1}", value as f64 / divisor),
        None => "-".to_owned(),
    };
    println!(
        "{:<16} {:>6} {:>10.1} {:>9.1} {:>9.1} {:>8} {:>11} {:>13}",
        answer.engine.to_string(),
        if number == CODED_QUERIES {
            "exact"
        } else {
            "coded"
        },
        time.as_secs_f64() * 1e3,
        *read as f64 / 1e6,
        stats.fed_bytes as f64 / 1e6,
        stats.steps,
        number_or(stats.module_memory, 1024.0),
        number_or(stats.fuel, 1e6),
    );
}

fn same_hits(a: &[Done], b: &[Done]) -> Result<()> {
    let bits = |done: &Done| -> Vec<(u32, u32)> {
        let hits = done.answer.hits.iter();
        hits.map(|hit| (hit.row, hit.distance.to_bits())).collect()
    };
    for (number, (a, b)) in a.iter().zip(b).enumerate() {
        if bits(a) != bits(b) {
            let (a, b) = (a.answer.engine, b.answer.engine);
            return Err(format!("{a} and {b} differ in the answer to query {number}").into());
        }
    }
    Ok(())
}

/// The most memory that the process has had, as Linux says it.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}
