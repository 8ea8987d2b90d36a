//! What is read: nothing but what was asked for.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod common;

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use common::Spec;
use rvf_host::{Build, ByteSource, Effort, Engine, Io, Limits, OpenOptions, Query, Reader};
use rvf_microkernel as kernel;
use rvf_pack::VectorKind;
use rvf_types::{Manifest, Root, SegmentEntry, SegmentType};

/// A source that counts bytes and fails each read of a byte that is not allowed.
#[derive(Debug, Clone)]
struct Guarded(Arc<Guard>);

#[derive(Debug)]
struct Guard {
    file: Vec<u8>,
    /// One for each byte.
    allowed: Mutex<Vec<bool>>,
    guarding: AtomicBool,
    bytes: AtomicU64,
}

impl Guarded {
    fn new(file: Vec<u8>) -> Self {
        let allowed = Mutex::new(vec![false; file.len()]);
        Self(Arc::new(Guard {
            file,
            allowed,
            guarding: AtomicBool::new(true),
            bytes: AtomicU64::new(0),
        }))
    }

    fn allow(&self, range: Range<u64>) {
        self.0.allowed.lock().unwrap()[range.start as usize..range.end as usize].fill(true);
    }

    fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }
}

impl ByteSource for Guarded {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.file.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let range = offset as usize..offset as usize + buffer.len();
        if self.0.guarding.load(Ordering::Relaxed)
            && !self.0.allowed.lock().unwrap()[range.clone()]
                .iter()
                .all(|ok| *ok)
        {
            return Err(io::Error::other(format!("nobody asked for {range:?}")));
        }
        self.0
            .bytes
            .fetch_add(buffer.len() as u64, Ordering::Relaxed);
        buffer.copy_from_slice(&self.0.file[range]);
        Ok(())
    }
}

/// The file's manifest.
fn entries(file: &[u8]) -> (Vec<SegmentEntry>, Range<u64>) {
    let record = *Root::parse(&file[..4096]).unwrap().record();
    let at = record.manifest_offset;
    let payload = &file[at as usize + 64..][..record.manifest_length as usize];
    (
        Manifest::parse(payload, 0).unwrap().entries().collect(),
        at..at + 64 + record.manifest_length,
    )
}

/// Header and digest table (or the payload it is built from) of a segment.
fn allow_table(guard: &Guarded, entry: &SegmentEntry) {
    guard.allow(entry.offset..entry.offset + 64);
    if entry.table == 0 {
        guard.allow(entry.payload_offset()..entry.payload_offset() + entry.payload_length);
    } else {
        guard.allow(entry.table..entry.table + entry.table_length());
    }
}

/// The blocks that hold a range.
fn allow_blocks(guard: &Guarded, entry: &SegmentEntry, from: u64, len: u64) {
    let size = 1 << entry.block_log;
    let start = from / size * size;
    let end = ((from + len).div_ceil(size) * size).min(entry.payload_length);
    guard.allow(entry.payload_offset() + start..entry.payload_offset() + end);
}

/// What the kernel itself asks for, found by driving it over the file's bytes with windows of another size than the
/// host uses.
struct Asked<'a> {
    regions: kernel::Regions<'a>,
    known: BTreeSet<(u32, u64, u32)>,
}

impl<'a> kernel::Data<'a> for Asked<'a> {
    fn get(&mut self, region: kernel::Region, offset: u64, len: u32) -> Option<&'a [u8]> {
        let inside = |(r, o, l): &(u32, u64, u32)| {
            *r == region as u32 && *o <= offset && offset + u64::from(len) <= o + u64::from(*l)
        };
        self.known
            .iter()
            .any(inside)
            .then(|| self.regions.get(region, offset, len))
            .flatten()
    }
}

fn needs_of(
    file: &[u8],
    entries: &[SegmentEntry],
    query: &[f32],
    params: &kernel::Params,
) -> BTreeSet<(u32, u64, u32)> {
    let payload = |entry: Option<&SegmentEntry>| -> &[u8] {
        entry.map_or(&[], |entry| {
            &file[entry.payload_offset() as usize..][..entry.payload_length as usize]
        })
    };
    let of = |kind| payload(entries.iter().find(|entry| entry.kind == kind));
    let vec = |kinds: &[VectorKind]| {
        payload(entries.iter().find(|entry| {
            entry
                .vector_kind()
                .is_some_and(|kind| kinds.contains(&kind))
        }))
    };
    let regions = kernel::Regions {
        index: of(SegmentType::INDEX),
        quant: of(SegmentType::QUANT),
        vec_i8: vec(&[VectorKind::I8]),
        vec_float: vec(&[VectorKind::F16, VectorKind::F32]),
        ..kernel::Regions::default()
    };
    let index = kernel::Index::parse(regions.index).unwrap();
    let mut memory = vec![0; kernel::state_len(&index, params).unwrap()];
    let mut search = kernel::Query::begin(
        &index,
        &regions.index[kernel::HEAD_LEN..],
        params,
        query,
        kernel::Backend::scalar(),
        &mut memory,
    )
    .unwrap();
    let mut data = Asked {
        regions,
        known: BTreeSet::new(),
    };
    while let kernel::Step::Needs(_) = search.step(&mut data).unwrap() {
        data.known.extend(
            search
                .needs()
                .iter()
                .map(|need| (need.region as u32, need.offset, need.len)),
        );
    }
    data.known
}

#[test]
fn a_query_reads_the_blocks_that_the_kernel_asks_for_and_no_other_byte() {
    for kept in [VectorKind::I8, VectorKind::F16] {
        let spec = Spec::new(6_000, 128).kept(kept);
        let file = spec.pack();
        let query = spec.queries(1).remove(0);
        let (entries, manifest) = entries(&file);
        let effort = Effort::Manual {
            probes: 0,
            slack: 1.0,
            pool: 10,
        };
        let mut params = kernel::Params::new(10);
        params.window = 1 << 16;
        let needs = needs_of(&file, &entries, &query, &params);

        let mut answers = Vec::new();
        for engine in [Engine::Auto, Engine::Wasmi { build: Build::Simd }] {
            let guard = Guarded::new(file.clone());
            guard.allow(0..4096);
            guard.allow(manifest.clone());
            for entry in &entries {
                match entry.kind {
                    SegmentType::INDEX
                    | SegmentType::WASM
                    | SegmentType::QUANT
                    | SegmentType::VEC => allow_table(&guard, entry),
                    _ => {}
                }
            }
            for &(region, offset, len) in &needs {
                let entry = entries.iter().find(|entry| match region {
                    0 => entry.kind == SegmentType::INDEX,
                    1 => entry.kind == SegmentType::QUANT,
                    2 => entry.vector_kind() == Some(VectorKind::I8),
                    _ => entry
                        .vector_kind()
                        .is_some_and(|kind| kind != VectorKind::I8),
                });
                allow_blocks(&guard, entry.unwrap(), offset, len.into());
            }
            // Nothing is resident: the module gets what it needs and nothing else.
            let options = OpenOptions::new().engine(engine).limits(Limits::embedded());
            let reader = Reader::open(guard.clone(), &options).unwrap();
            let answer = reader
                .search(&Query::vector(&query).effort(effort))
                .unwrap();
            assert_eq!(answer.hits.len(), 10);
            assert!(
                guard.bytes() < file.len() as u64 / 2,
                "{} of {}",
                guard.bytes(),
                file.len()
            );
            assert!(answer.stats.fed_bytes > 0);
            // The guard is no dummy: exact search reads all vectors, which nobody allowed.
            let error = reader
                .search(&Query::vector(&query).effort(Effort::Exact))
                .unwrap_err();
            assert!(error.to_string().contains("nobody asked"), "{error}");
            answers.push(answer.hits);
        }
        assert_eq!(answers[0], answers[1]);
    }
}

#[test]
fn opening_reads_the_root_and_the_manifest_alone() {
    let file = Spec::new(2_000, 32).pack();
    let (_, manifest) = entries(&file);
    let guard = Guarded::new(file);
    guard.allow(0..4096);
    guard.allow(manifest);
    let reader = Reader::open(guard.clone(), &OpenOptions::new()).unwrap();
    assert_eq!(reader.rows(), 2_000);
    assert!(guard.bytes() < 10_000, "{}", guard.bytes());
}

#[test]
fn a_file_much_larger_than_the_kernels_memory_is_searched() {
    // 20 MB of vectors; the module may have 1 MiB.
    let spec = Spec::new(20_000, 500).kept(VectorKind::F16);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), spec.pack()).unwrap();
    let limits = Limits::embedded().memory(1 << 20);
    let small = OpenOptions::new()
        .engine(Engine::Wasmi { build: Build::Best })
        .limits(limits)
        .io(Io::Read)
        .cache_bytes(1 << 20);
    let small = Reader::open_path(file.path(), &small).unwrap();
    let plain = Reader::open_path(file.path(), &OpenOptions::new()).unwrap();
    for effort in [Effort::Exact, Effort::Slack(1.0)] {
        for vector in spec.queries(2) {
            let query = Query::vector(&vector).effort(effort);
            let answer = small.search(&query).unwrap();
            assert_eq!(answer.hits, plain.search(&query).unwrap().hits);
            assert!(answer.stats.module_memory.unwrap() <= 1 << 20);
        }
    }
    // What can't fit is refused, with what it would take.
    let error = small
        .search(
            &Query::vector(&spec.queries(1)[0])
                .k(60_000)
                .effort(Effort::Exact),
        )
        .unwrap_err();
    assert!(error.to_string().contains("limit"), "{error}");
}
