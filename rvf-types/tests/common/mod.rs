//! A small file with every kind of segment, made with the crate's writers.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that fails")]

use rvf_types::wasm::WasmKind;
use rvf_types::{
    DeadExtent, Effort, FormatError, IdKind, Index, IndexHead, ListEntry, Manifest, ManifestBuf,
    ManifestHead, Metric, Order, Role, RootRecord, SegmentEntry, SegmentFlags, SegmentHeader,
    SegmentType, TableBuilder, Target, VectorKind, WasmFeatures, WasmHeader, digest, header, ids,
    index, order, quant, root, vec,
};
use std::collections::HashSet;

pub(crate) const ROWS: u32 = 70;
pub(crate) const DIMENSION: u32 = 5;

/// A file and what it was made from, so that a test can change a part and write it again.
pub(crate) struct Sample {
    pub(crate) file: Vec<u8>,
    pub(crate) manifest: ManifestBuf,
    pub(crate) record: RootRecord,
}

/// The offset of the one live segment of a type (of an element type).
pub(crate) fn entry(manifest: &ManifestBuf, kind: SegmentType, sub_kind: u32) -> usize {
    manifest
        .entries
        .iter()
        .position(|entry| entry.kind == kind && entry.sub_kind == sub_kind)
        .unwrap()
}

fn table(payload: &[u8], log: u8) -> Vec<u8> {
    let mut table = TableBuilder::new(log).unwrap();
    table.update(payload);
    table.finish()
}

/// Appends a segment and gives its entry.
pub(crate) fn append(
    file: &mut Vec<u8>,
    header: SegmentHeader,
    sub_kind: u32,
    log: u8,
    payload: &[u8],
) -> SegmentEntry {
    let offset = file.len() as u64;
    let (header, hash) = header.sealed(&table(payload, log));
    file.extend_from_slice(&header.to_bytes());
    file.extend_from_slice(payload);
    file.resize(file.len() + header::padding(payload.len() as u64), 0);
    SegmentEntry::new(&header, sub_kind, log, offset, hash)
}

/// Appends the manifest and puts the root in place.
pub(crate) fn commit(mut file: Vec<u8>, manifest: ManifestBuf) -> Sample {
    let payload = manifest.to_bytes().unwrap();
    commit_payload(&mut file, manifest, &payload)
}

/// As `commit`, with a payload of the caller's: for manifests that no writer makes.
pub(crate) fn commit_payload(file: &mut Vec<u8>, manifest: ManifestBuf, payload: &[u8]) -> Sample {
    let id = manifest
        .entries
        .iter()
        .map(|entry| entry.id)
        .max()
        .unwrap_or(0)
        + 1;
    let length = payload.len() as u64;
    let own = append(
        file,
        SegmentHeader::new(SegmentType::MANIFEST, id, length),
        0,
        16,
        payload,
    );
    let record = RootRecord::new(
        manifest.head.generation,
        file.len() as u64,
        own.offset,
        own.payload_length,
        own.hash,
    );
    file[..4096].copy_from_slice(&root::page(&record));
    Sample {
        file: core::mem::take(file),
        manifest,
        record,
    }
}

/// How the vectors of a sample stand in lists: own vectors, and the numbers of the second entries.
pub(crate) type Lists<'a> = &'a [(u32, &'a [u32])];

/// One list that holds every vector.
pub(crate) const ONE: Lists<'_> = &[(ROWS, &[])];
/// Lists with and without own vectors and second entries; groups that have both, one of them, and none.
pub(crate) const FOUR: Lists<'_> = &[(40, &[69, 45, 41]), (0, &[0, 7]), (30, &[1]), (0, &[])];

/// The row of a vector: with one list its number.
pub(crate) fn row_of(number: u32, lists: Lists<'_>) -> u32 {
    if lists.len() > 1 {
        (number * 3 + 1) % ROWS
    } else {
        number
    }
}

pub(crate) fn head(vectors: VectorKind, id_kind: IdKind, lists: Lists<'_>) -> ManifestHead {
    let count = lists.len() as u32;
    ManifestHead::new(ROWS, DIMENSION, count, Metric::Cosine, vectors, id_kind)
}

/// The list directory.
pub(crate) fn directory(lists: Lists<'_>) -> Vec<ListEntry> {
    let mut out: Vec<ListEntry> = Vec::new();
    for &(own, second) in lists {
        let second = second.len() as u32;
        out.push(match out.last() {
            None => ListEntry {
                offset: 0,
                own,
                second,
                first: 0,
            },
            Some(before) => before.next(DIMENSION, own, second).unwrap(),
        });
    }
    out
}

const CORRECTION: u32 = 0x3F80_1FC0;

fn index_payload(vectors: VectorKind, lists: Lists<'_>) -> Vec<u8> {
    let count = lists.len() as u32;
    let seed = 0x1234_5678_9ABC_DEF0;
    let head = IndexHead::new(ROWS, DIMENSION, Metric::Cosine, vectors, count, seed);
    let mean: Vec<f32> = (0..DIMENSION).map(|i| i as f32 * 0.25 - 0.5).collect();
    let (mut codes, mut records) = (Vec::new(), Vec::new());
    if count > 1 {
        let words: Vec<u64> = (0..u64::from(count)).map(|list| list & 0b11111).collect();
        codes =
            quant::write_list(DIMENSION, &words, &vec![CORRECTION; words.len()], 0, &[]).unwrap();
        let stride = vec::stride(VectorKind::I8, DIMENSION) as usize;
        records = vec![0; stride * count as usize];
        for (record, list) in records.chunks_mut(stride).zip(0..) {
            vec::write_i8(record, list, 0.5, &[list as i8 + 1; DIMENSION as usize]).unwrap();
        }
    }
    index::write(&head, &mean, &directory(lists), &codes, &records).unwrap()
}

fn quant_payload(lists: Lists<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    for (entry, (own, second)) in directory(lists).iter().zip(lists) {
        let numbers = (entry.first..entry.first + own).chain(second.iter().copied());
        let words: Vec<u64> = numbers.map(|number| u64::from(number) & 0b11111).collect();
        let corrections = vec![CORRECTION; words.len()];
        out.extend(
            quant::write_list(DIMENSION, &words, &corrections, entry.first, second).unwrap(),
        );
    }
    out
}

/// The payloads that rows, dimension and lists ask for.
pub(crate) fn payloads(
    vectors: VectorKind,
    id_kind: IdKind,
    lists: Lists<'_>,
) -> Vec<(SegmentType, u32, Vec<u8>)> {
    let mut out = vec![
        (SegmentType::INDEX, 0, index_payload(vectors, lists)),
        (SegmentType::QUANT, 0, quant_payload(lists)),
    ];
    let mut records = vec![0; vec::payload_length(VectorKind::I8, ROWS, DIMENSION) as usize];
    let mut halves = vec![0; vec::payload_length(VectorKind::F16, ROWS, DIMENSION) as usize];
    let mut floats = vec![0; vec::payload_length(VectorKind::F32, ROWS, DIMENSION) as usize];
    let place = |kind, row| {
        let from = vec::record_offset(kind, row, DIMENSION) as usize;
        from..from + vec::stride(kind, DIMENSION) as usize
    };
    for number in 0..ROWS {
        let row = row_of(number, lists);
        let components: Vec<i8> = (0..DIMENSION as i8).map(|i| i * 7 - row as i8).collect();
        let wide: Vec<f32> = components.iter().map(|&c| c.into()).collect();
        let half = [0x3C00; DIMENSION as usize];
        let record = &mut records[place(VectorKind::I8, number)];
        vec::write_i8(record, row, 1.0, &components).unwrap();
        vec::write_f16(&mut halves[place(VectorKind::F16, number)], row, &half).unwrap();
        vec::write_f32(&mut floats[place(VectorKind::F32, number)], row, &wide).unwrap();
    }
    out.push((SegmentType::VEC, 0, records));
    match vectors {
        VectorKind::I8 => {}
        VectorKind::F16 => out.push((SegmentType::VEC, 1, halves)),
        VectorKind::F32 => out.push((SegmentType::VEC, 2, floats)),
    }
    if lists.len() > 1 {
        let rows: Vec<u32> = (0..ROWS).map(|number| row_of(number, lists)).collect();
        out.push((SegmentType::ORDER, 0, order::write(&rows).unwrap()));
    }
    match id_kind {
        IdKind::None => {}
        IdKind::U64 => {
            let numbers: Vec<u64> = (0..ROWS).map(|row| u64::from(row) * 1_000_003).collect();
            out.push((SegmentType::IDS, 0, ids::write_u64(&numbers).unwrap()));
        }
        IdKind::Utf8 => out.push((SegmentType::IDS, 0, ids::write_utf8(&names()).unwrap())),
    }
    out.push((SegmentType::WASM, module_header().kind.word(), module()));
    out
}

pub(crate) fn names() -> Vec<String> {
    (0..ROWS).map(|row| format!("id-{row}-é")).collect()
}

pub(crate) fn module_header() -> WasmHeader {
    WasmHeader {
        kind: WasmKind {
            role: Role::Microkernel,
            target: Target::Wasm32,
            required: WasmFeatures::NONE,
        },
        exports: 0,
        bytecode_size: 8,
        min_pages: 0,
        max_pages: 0,
        tables: 0,
        hash: digest::plain_hash(b"\0asm\x01\0\0\0"),
        priority: 1,
    }
}

fn module() -> Vec<u8> {
    let mut out = module_header().to_bytes().to_vec();
    out.extend_from_slice(b"\0asm\x01\0\0\0");
    out
}

pub(crate) fn efforts(vectors: VectorKind) -> Vec<Effort> {
    let effort = |k: u32, hits, pool| Effort {
        k,
        probes: 0,
        slack: 2.0,
        pool: if vectors == VectorKind::I8 { k } else { pool },
        hits,
        total: 1000,
        scanned: ROWS,
        ranked: 9,
    };
    vec![
        effort(1, 950, 4),
        effort(10, 900, 20),
        effort(10, 990, 40),
        effort(100, 980, 200),
    ]
}

/// A valid file of one list.
pub(crate) fn sample(vectors: VectorKind, id_kind: IdKind) -> Sample {
    sample_of(vectors, id_kind, ONE)
}

/// A valid file. Its QUANT segment has a stored digest table; an ancillary segment of an unknown type is among the others.
pub(crate) fn sample_of(vectors: VectorKind, id_kind: IdKind, lists: Lists<'_>) -> Sample {
    let mut file = vec![0; 4096];
    let mut manifest = ManifestBuf::new(head(vectors, id_kind, lists));
    let mut tables = Vec::new();
    for (kind, sub_kind, payload) in payloads(vectors, id_kind, lists) {
        let id = manifest.entries.len() as u64 + 1;
        let header = SegmentHeader::new(kind, id, payload.len() as u64);
        let log = if kind == SegmentType::QUANT { 10 } else { 12 };
        if kind == SegmentType::QUANT {
            tables = table(&payload, log);
        }
        manifest
            .entries
            .push(append(&mut file, header, sub_kind, log, &payload));
    }
    let id = manifest.entries.len() as u64 + 1;
    let mut unknown = SegmentHeader::new(SegmentType(0x77), id, 3);
    unknown.flags = SegmentFlags::ANCILLARY;
    manifest
        .entries
        .push(append(&mut file, unknown, 0, 20, b"abc"));
    let digest = SegmentHeader::new(SegmentType::DIGEST, id + 1, tables.len() as u64);
    let digest = append(&mut file, digest, 0, 16, &tables);
    let quant = entry(&manifest, SegmentType::QUANT, 0);
    manifest.entries[quant].table = digest.payload_offset();
    manifest.entries.push(digest);
    manifest.efforts = efforts(vectors);
    manifest
        .properties
        .insert("rvf.title".into(), "A small file".into());
    manifest.properties.insert("a".into(), String::new());
    commit(file, manifest)
}

/// A file of a second generation, with two dead extents: the first manifest and a segment.
pub(crate) fn second_generation() -> Sample {
    let first = sample(VectorKind::I8, IdKind::U64);
    let mut manifest = first.manifest.clone();
    let gone = manifest
        .entries
        .remove(entry(&manifest, SegmentType(0x77), 0));
    manifest.head.generation = 2;
    manifest.head.predecessor = Some(rvf_types::Predecessor {
        offset: first.record.manifest_offset,
        payload_length: first.record.manifest_length,
        hash: first.record.manifest_hash,
    });
    let extent = |offset, length, hash, block_log| DeadExtent {
        offset,
        length: header::extent(length).unwrap(),
        hash,
        block_log,
    };
    manifest.dead = vec![
        extent(gone.offset, gone.payload_length, gone.hash, gone.block_log),
        extent(
            first.record.manifest_offset,
            first.record.manifest_length,
            first.record.manifest_hash,
            16,
        ),
    ];
    let mut file = first.file;
    let id = 100;
    manifest.entries.push(append(
        &mut file,
        SegmentHeader::new(SegmentType::DIGEST, id, 0),
        0,
        16,
        &[],
    ));
    commit(file, manifest)
}

/// Opens a file as a reader does: root, manifest, and every byte of every live segment.
pub(crate) fn open(file: &[u8]) -> Result<rvf_types::Root, FormatError> {
    use rvf_types::{DigestTable, Root};
    let cut = |from: u64, len: u64| &file[from as usize..(from + len) as usize];
    let root = Root::parse(file)?;
    root.check_file_length(file.len() as u64)?;
    let record = root.record();
    let at = record.manifest_offset;
    let header = SegmentHeader::parse(cut(at, 64), at)?;
    record.check_manifest_header(&header)?;
    let payload = cut(at + 64, header.payload_length);
    digest::check_payload(&header, payload, 16, &record.manifest_hash, at)?;
    header::check_padding(
        cut(
            at + 64 + header.payload_length,
            header::padding(header.payload_length) as u64,
        ),
        at,
    )?;
    let manifest = Manifest::parse(payload, at + 64)?;
    manifest.check_file(record, header.id)?;
    for entry in manifest.entries() {
        let header = SegmentHeader::parse(cut(entry.offset, 64), entry.offset)?;
        entry.check_header(&header)?;
        let payload = cut(entry.payload_offset(), entry.payload_length);
        let built = table(payload, entry.block_log);
        let stored = if entry.table == 0 {
            built.clone()
        } else {
            cut(entry.table, entry.table_length()).to_vec()
        };
        let table =
            DigestTable::check(&header, stored, entry.block_log, &entry.hash, entry.offset)?;
        for number in 0..table.blocks() {
            let (from, len) = table.block_extent(number).unwrap();
            table.check_block(
                number,
                &payload[from as usize..(from + len) as usize],
                entry.offset,
            )?;
        }
        let end = entry.payload_offset() + entry.payload_length;
        header::check_padding(cut(end, header::padding(entry.payload_length) as u64), end)?;
        check_content(&manifest, &entry, file)?;
    }
    for dead in manifest.dead() {
        let header = SegmentHeader::parse(cut(dead.offset, 64), dead.offset)?;
        dead.check_header(&header)?;
        let end = dead.offset + 64 + header.payload_length;
        digest::check_payload(
            &header,
            cut(dead.offset + 64, header.payload_length),
            dead.block_log,
            &dead.hash,
            dead.offset,
        )?;
        header::check_padding(cut(end, header::padding(header.payload_length) as u64), end)?;
    }
    Ok(root)
}

/// The rules of a payload's own content.
pub(crate) fn check_content(
    manifest: &Manifest<'_>,
    entry: &SegmentEntry,
    file: &[u8],
) -> Result<(), FormatError> {
    let head = manifest.head();
    let at = entry.payload_offset();
    let payload_of = |entry: &SegmentEntry| {
        &file[entry.payload_offset() as usize..][..entry.payload_length as usize]
    };
    let payload = payload_of(entry);
    match entry.kind {
        SegmentType::INDEX => index::Index::parse(payload, at, head).map(drop),
        SegmentType::QUANT => {
            let index = manifest.find(SegmentType::INDEX).unwrap();
            let index = Index::parse(payload_of(&index), index.payload_offset(), head)?;
            quant::check_payload_length(entry.payload_length, index.quant_length(), at)?;
            check_lists(payload, &index, at)
        }
        SegmentType::ORDER => {
            let numbers = Order::parse(payload, at, head.rows)?;
            numbers.check(&mut [0xFF; 9])?;
            // Less memory takes more passes, and gives the same answer.
            numbers.check(&mut [0xFF; 2])
        }
        SegmentType::VEC => {
            let kind = entry.vector_kind().unwrap();
            let stride = vec::stride(kind, head.dimension) as usize;
            let order = manifest.find(SegmentType::ORDER);
            let order = order
                .map(|entry| Order::parse(payload_of(&entry), entry.payload_offset(), head.rows))
                .transpose()?;
            for (bytes, number) in payload.chunks(stride).zip(0..) {
                let row = if kind == VectorKind::I8 {
                    let record = vec::I8Record::parse(bytes, head.dimension, at)?;
                    record.check(at)?;
                    record.row
                } else {
                    let record = vec::FloatRecord::parse(bytes, kind, head.dimension, at)?;
                    record.check(at)?;
                    record.row
                };
                match &order {
                    Some(order) => order.check_record(row, number, at)?,
                    None => vec::check_row(row, number, at)?,
                }
            }
            Ok(())
        }
        SegmentType::IDS => ids::Ids::parse(payload, at, head)?.check(),
        SegmentType::WASM => {
            let header = WasmHeader::parse(payload, entry.payload_length, at)?;
            header.check_entry(entry.wasm_kind().unwrap(), at)?;
            header.check_bytecode(&payload[64..], at)?;
            #[cfg(feature = "wasm")]
            if let Err(error) = rvf_types::wasm::check_module(&header, &payload[64..]) {
                let rule = error.rule();
                return Err(rvf_types::FormatError::Other {
                    rule,
                    what: "module",
                    offset: at,
                });
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Codes and vector numbers of every list.
fn check_lists(payload: &[u8], index: &Index<'_>, at: u64) -> Result<(), FormatError> {
    let (rows, dimension) = (index.head().rows, index.head().dimension);
    let mut seen = HashSet::new();
    for list in index.lists() {
        let from = list.offset as usize;
        let len = quant::padded_length(list.own, list.second, dimension) as usize;
        let (bytes, at) = (&payload[from..from + len], at + list.offset);
        quant::check_list(bytes, list.own, list.second, dimension, at)?;
        for group in quant::groups(list.own, list.second, dimension) {
            let view = quant::GroupView::new(group, &bytes[group.tiles as usize..], at)?;
            view.check_numbers(&list, rows)?;
            for number in view.numbers().skip(group.own as usize) {
                if !seen.insert(number) {
                    return Err(FormatError::Other {
                        rule: "R-QNT-4",
                        what: "a vector has two second entries",
                        offset: at,
                    });
                }
            }
        }
    }
    Ok(())
}
