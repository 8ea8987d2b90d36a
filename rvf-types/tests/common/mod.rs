//! A small file with every kind of segment, made with the crate's writers.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that fails")]

use rvf_types::wasm::WasmKind;
use rvf_types::{
    DeadExtent, Effort, IdKind, IndexHead, ManifestBuf, Metric, Role, RootRecord, SegmentEntry,
    SegmentFlags, SegmentHeader, SegmentType, TableBuilder, Target, VectorKind, WasmFeatures,
    WasmHeader, digest, header, ids, index, quant, root, vec,
};

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
        manifest.generation,
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

/// The payloads that rows and dimension ask for.
pub(crate) fn payloads(vectors: VectorKind, id_kind: IdKind) -> Vec<(SegmentType, u32, Vec<u8>)> {
    let head = IndexHead::new(
        ROWS,
        DIMENSION,
        Metric::Cosine,
        vectors,
        0x1234_5678_9ABC_DEF0,
    );
    let mean: Vec<f32> = (0..DIMENSION).map(|i| i as f32 * 0.25 - 0.5).collect();
    let mut out = vec![(SegmentType::INDEX, 0, index::write(&head, &mean).unwrap())];

    let mut codes = vec![0; quant::list_length(ROWS, DIMENSION) as usize];
    let mut records = vec![0; vec::payload_length(VectorKind::I8, ROWS, DIMENSION) as usize];
    let mut halves = vec![0; vec::payload_length(VectorKind::F16, ROWS, DIMENSION) as usize];
    let mut floats = vec![0; vec::payload_length(VectorKind::F32, ROWS, DIMENSION) as usize];
    let place = |kind, row| {
        let from = vec::record_offset(kind, row, DIMENSION) as usize;
        from..from + vec::stride(kind, DIMENSION) as usize
    };
    for row in 0..ROWS {
        let (code, correction) = quant::row_offsets(ROWS, DIMENSION, row).unwrap();
        codes[code as usize] = row as u8 & 0b11111;
        codes[correction as usize..][..4].copy_from_slice(&0x3F80_1FC0_u32.to_le_bytes());
        let components: Vec<i8> = (0..DIMENSION as i8).map(|i| i * 7 - row as i8).collect();
        let wide: Vec<f32> = components.iter().map(|&c| c.into()).collect();
        vec::write_i8(
            &mut records[place(VectorKind::I8, row)],
            row,
            1.0,
            &components,
        )
        .unwrap();
        vec::write_f16(
            &mut halves[place(VectorKind::F16, row)],
            row,
            &[0x3C00; DIMENSION as usize],
        )
        .unwrap();
        vec::write_f32(&mut floats[place(VectorKind::F32, row)], row, &wide).unwrap();
    }
    out.push((SegmentType::QUANT, 0, codes));
    out.push((SegmentType::VEC, 0, records));
    match vectors {
        VectorKind::I8 => {}
        VectorKind::F16 => out.push((SegmentType::VEC, 1, halves)),
        VectorKind::F32 => out.push((SegmentType::VEC, 2, floats)),
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

/// A valid file. Its QUANT segment has a stored digest table; an ancillary segment of an unknown type is among the others.
pub(crate) fn sample(vectors: VectorKind, id_kind: IdKind) -> Sample {
    let mut file = vec![0; 4096];
    let mut manifest = ManifestBuf::new(ROWS, DIMENSION, Metric::Cosine, vectors, id_kind);
    let mut tables = Vec::new();
    for (kind, sub_kind, payload) in payloads(vectors, id_kind) {
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
    manifest.generation = 2;
    manifest.predecessor = Some(rvf_types::Predecessor {
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
pub(crate) fn open(file: &[u8]) -> Result<rvf_types::Root, rvf_types::FormatError> {
    use rvf_types::{DigestTable, Manifest, Root};
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
        check_content(&manifest, &entry, payload)?;
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
    manifest: &rvf_types::Manifest<'_>,
    entry: &SegmentEntry,
    payload: &[u8],
) -> Result<(), rvf_types::FormatError> {
    let head = manifest.head();
    let at = entry.payload_offset();
    match entry.kind {
        SegmentType::INDEX => index::Index::parse(payload, at, head).map(drop),
        SegmentType::QUANT => quant::check_list(payload, head.rows, head.dimension, at),
        SegmentType::VEC => {
            let kind = entry.vector_kind().unwrap();
            let stride = vec::stride(kind, head.dimension) as usize;
            for (record, number) in payload.chunks(stride).zip(0..) {
                if kind == VectorKind::I8 {
                    vec::I8Record::parse(record, head.dimension, at)?.check(number, at)?;
                } else {
                    vec::FloatRecord::parse(record, kind, head.dimension, at)?.check(number, at)?;
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
