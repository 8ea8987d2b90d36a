//! What the packer writes, held against a second reading of the format.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails has to say where"
)]

mod common;

use common::arithmetic::{bias, code, from_half, id_hash, mean, quantise, to_half, unit};
use common::data::{clustered, integers};
use common::{DIGEST, File, IDS, Index, ORDER, WASM, f32_at, read, u16_at, u32_at, u64_at};
use rvf_pack::source::{Id, MemorySource};
use rvf_pack::{Metric, Packer, VectorKind};

const METRICS: [Metric; 3] = [Metric::L2, Metric::InnerProduct, Metric::Cosine];
const KINDS: [VectorKind; 3] = [VectorKind::I8, VectorKind::F16, VectorKind::F32];

fn pack(packer: Packer<'_>, dimension: usize, vectors: &[f32]) -> Vec<u8> {
    let mut source = MemorySource::new(dimension, vectors, None).unwrap();
    { packer }.pack_to_vec(&mut source).unwrap().0
}

/// Checks every record, code and correction word, and the mean, of a file packed from `vectors`.
fn check_vectors(file: &File, vectors: &[f32]) {
    let dimension = file.dimension;
    let rows: Vec<&[f32]> = vectors.chunks(dimension).collect();
    assert_eq!(file.rows, rows.len());
    let mut places = vec![usize::MAX; rows.len()];
    for (place, row) in file.rows_of_vectors().into_iter().enumerate() {
        places[row] = place;
    }
    if file.lists == 1 {
        assert!(places.is_sorted() && file.of_kind(ORDER).is_empty());
    } else {
        let order = file
            .payload(ORDER)
            .chunks(4)
            .map(|bytes| u32_at(bytes, 0) as usize);
        assert!(order.eq(places.iter().copied()));
    }
    let stored: Vec<Vec<f32>> = rows
        .iter()
        .zip(&places)
        .enumerate()
        .map(|(row, (x, place))| check_row(file, *place, row, x))
        .collect();
    let units: Vec<Vec<f32>> = stored.iter().map(|x| unit(file.metric, x)).collect();
    let index = file.index();
    assert_eq!(index.mean, mean(&units));
    check_codes(file, &index, &units);
    check_biases(file, &index, &units);
    check_lists(file, &index);
}

/// Checks the records of a row and returns x′.
fn check_row(file: &File, place: usize, row: usize, x: &[f32]) -> Vec<f32> {
    let number = row as u32;
    let from_floats = |stride: usize, payload: &[u8], expected: Vec<u8>| {
        let record = &payload[place * stride..][..stride];
        assert_eq!(u32_at(record, 0), number);
        assert_eq!(record[4..][..expected.len()], expected);
        assert!(record[4 + expected.len()..].iter().all(|byte| *byte == 0));
    };
    let mut stored = x.to_vec();
    match file.vectors {
        1 => {
            let halves: Vec<u16> = x.iter().map(|x| to_half(*x)).collect();
            let bytes = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
            from_floats(
                4 + file.dimension.div_ceil(2) * 4,
                file.vec(1).unwrap(),
                bytes,
            );
            stored = halves.into_iter().map(from_half).collect();
        }
        2 => from_floats(
            4 + file.dimension * 4,
            file.vec(2).unwrap(),
            x.iter().flat_map(|x| x.to_le_bytes()).collect(),
        ),
        _ => assert_eq!(file.of_kind(common::VEC).len(), 1),
    }
    let record = quantise(&stored);
    let stride = 12 + file.dimension.div_ceil(4) * 4;
    assert_eq!(
        file.vec(0).unwrap()[place * stride..][..stride],
        record.bytes(number)
    );
    if file.vectors == 0 {
        record.vector()
    } else {
        stored
    }
}

/// Checks the code of each entry, and those of the centroids.
fn check_codes(file: &File, index: &Index, units: &[Vec<f32>]) {
    let rows = file.rows_of_vectors();
    for list in &index.lists {
        assert_eq!(list.entries.len(), list.codes.len());
        for (number, found) in list.entries.iter().zip(&list.codes) {
            let unit = &units[rows[*number]];
            let bias = bias(file.metric, list.weight);
            assert_eq!(
                *found,
                code(
                    file.metric,
                    index.seed,
                    unit,
                    &list.centroid,
                    &index.mean,
                    bias
                )
            );
        }
    }
    for (list, found) in index.lists.iter().zip(&index.centroid_codes) {
        let mean = &index.mean;
        assert_eq!(
            *found,
            code(
                file.metric,
                index.seed,
                &list.centroid,
                mean,
                mean,
                -bias(file.metric, list.weight)
            )
        );
    }
}

/// Each list has about half of the mean squared distance of its own vectors from its centroid as its bias (K-CODE-6).
fn check_biases(file: &File, index: &Index, units: &[Vec<f32>]) {
    let rows = file.rows_of_vectors();
    let distance = |x: &[f32], c: &[f32]| {
        let pairs = x.iter().zip(c).map(|(x, c)| f64::from(*x) - f64::from(*c));
        pairs.map(|apart| apart * apart).sum::<f64>()
    };
    for list in &index.lists {
        let (scale, weight) = list.weight;
        let unit = f64::from(scale).powi(2);
        if file.metric == 1 || unit == 0.0 {
            assert_eq!(weight, 0);
            continue;
        }
        let own = &list.entries[..list.own];
        let distances = own
            .iter()
            .map(|n| distance(&units[rows[*n]], &list.centroid));
        let expected = distances.sum::<f64>() / own.len() as f64 / 2.0;
        if list.own > 0 && expected / unit < 4e9 {
            let found = unit * f64::from(weight);
            let nearly = unit + 1e-3 * expected;
            assert!((found - expected).abs() <= nearly, "{found} {expected}");
        }
    }
}

/// Each vector is in one list of its own, in the order of the rows, and at most once in another (R-QNT-4).
fn check_lists(file: &File, index: &Index) {
    let rows = file.rows_of_vectors();
    let mut second = vec![false; rows.len()];
    for list in &index.lists {
        let (own, others) = list.entries.split_at(list.own);
        assert!(own.windows(2).all(|pair| rows[pair[0]] < rows[pair[1]]));
        assert!(others.windows(2).all(|pair| pair[0] < pair[1]));
        for number in others {
            assert!(!own.contains(number) && !second[*number]);
            second[*number] = true;
        }
    }
}

#[test]
fn lists_hold_each_vector_and_its_code_around_their_centroid() {
    for (rows, dimension, lists) in [
        (2, 3, 2),
        (40, 5, 40),
        (300, 64, 7),
        (500, 65, 20),
        (600, 100, 3),
    ] {
        let vectors = clustered(rows, dimension);
        for metric in METRICS {
            for kind in KINDS {
                let packer = Packer::new().metric(metric).vectors(kind).lists(lists);
                let file = read(&pack(packer, dimension, &vectors));
                assert_eq!(file.lists, lists as usize);
                check_vectors(&file, &vectors);
            }
        }
    }
}

#[test]
fn equal_vectors_fill_lists_as_they_can() {
    let vectors = [1.0, 2.0, 3.0].repeat(100);
    let file = read(&pack(
        Packer::new().metric(Metric::L2).lists(9),
        3,
        &vectors,
    ));
    check_vectors(&file, &vectors);
}

#[test]
fn every_record_code_and_mean_is_that_of_the_text() {
    for (rows, dimension) in [(1, 1), (33, 3), (70, 64), (100, 65), (257, 100), (40, 384)] {
        let vectors = clustered(rows, dimension);
        for metric in METRICS {
            for kind in KINDS {
                let file = read(&pack(
                    Packer::new().metric(metric).vectors(kind),
                    dimension,
                    &vectors,
                ));
                assert_eq!(
                    (file.metric, file.vectors, file.id_kind),
                    (metric.byte(), kind.byte(), 0)
                );
                check_vectors(&file, &vectors);
            }
        }
    }
}

#[test]
fn the_mean_is_summed_in_runs() {
    let vectors = clustered(9_000, 5);
    let file = read(&pack(
        Packer::new().metric(Metric::L2).measure(false),
        5,
        &vectors,
    ));
    check_vectors(&file, &vectors);
}

#[test]
fn integers_are_kept_as_they_are() {
    let vectors = integers(200, 30);
    let file = read(&pack(Packer::new().metric(Metric::L2), 30, &vectors));
    check_vectors(&file, &vectors);
    let stride = 12 + 32;
    for (record, x) in file.vec(0).unwrap().chunks(stride).zip(vectors.chunks(30)) {
        assert_eq!(f32_at(record, 4), 1.0);
        assert!(
            record[12..42]
                .iter()
                .zip(x)
                .all(|(byte, x)| f32::from(*byte as i8) == *x)
        );
    }
}

#[test]
fn the_largest_dimension_and_the_largest_components_fit() {
    for metric in METRICS {
        let mut vectors = clustered(3, 65_536);
        vectors[5] = 1e15;
        vectors[65_536 + 9] = -1e15;
        vectors[2 * 65_536..].fill(1e15);
        let file = read(&pack(Packer::new().metric(metric), 65_536, &vectors));
        check_vectors(&file, &vectors);
    }
    let file = read(&pack(
        Packer::new().vectors(VectorKind::F16),
        2,
        &[65_504.0, -65_504.0, 1e-7, 6e-5],
    ));
    check_vectors(&file, &[65_504.0, -65_504.0, 1e-7, 6e-5]);
}

#[test]
fn equal_vectors_and_vectors_of_zeros_have_codes() {
    for metric in METRICS {
        let vectors = [0.5, -2.0, 3.0].repeat(100);
        check_vectors(
            &read(&pack(Packer::new().metric(metric), 3, &vectors)),
            &vectors,
        );
    }
    let vectors = [
        vec![0.0; 8],
        clustered(3, 4),
        vec![1e-35, -1e-35, 0.0, -0.0],
    ]
    .concat();
    for metric in [Metric::L2, Metric::InnerProduct] {
        check_vectors(
            &read(&pack(Packer::new().metric(metric), 4, &vectors)),
            &vectors,
        );
    }
}

/// The row of an id, found as a reader finds it.
fn find(file: &File, id: &[u8]) -> Option<u32> {
    let ids = file.payload(IDS);
    let entries = &ids[u64_at(ids, 0x10) as usize..];
    let hash = id_hash(id);
    let rows = entries
        .chunks(8)
        .filter(|entry| u32_at(entry, 0) == hash)
        .map(|entry| u32_at(entry, 4));
    rows.filter(|row| stored_id(file, *row as usize) == id)
        .max()
}

/// The bytes of a row's id.
fn stored_id(file: &File, row: usize) -> &[u8] {
    let ids = file.payload(IDS);
    if file.id_kind == 1 {
        return &ids[64 + row * 8..][..8];
    }
    let strings = &ids[64 + (file.rows.div_ceil(64) + 1) * 8..];
    let mut at = u64_at(ids, 64 + row / 64 * 8) as usize;
    for _ in 0..row % 64 {
        at += 2 + u16_at(strings, at) as usize;
    }
    &strings[at + 2..][..u16_at(strings, at) as usize]
}

fn check_ids(ids: &[Id]) {
    let rows = ids.len();
    let file = read(&pack(
        Packer::new().ids(ids.to_vec()).measure(false),
        2,
        &clustered(rows, 2),
    ));
    let payload = file.payload(IDS);
    let texts = matches!(ids[0], Id::Text(_));
    assert_eq!(
        payload[..8],
        [b'R', b'V', b'F', b'D', 1, 0, 1 + u8::from(texts), 0]
    );
    assert_eq!(file.id_kind, payload[6]);
    assert_eq!(u64_at(payload, 8) as usize, rows);
    assert!(payload[0x20..64].iter().all(|byte| *byte == 0));
    let index = u64_at(payload, 0x10) as usize;
    assert_eq!(index % 8, 0);
    assert_eq!(payload.len(), index + rows * 8);
    let entries: Vec<(u32, u32)> = payload[index..]
        .chunks(8)
        .map(|e| (u32_at(e, 0), u32_at(e, 4)))
        .collect();
    assert!(entries.is_sorted());
    for (row, id) in ids.iter().enumerate() {
        let bytes = match id {
            Id::U64(number) => number.to_le_bytes().to_vec(),
            Id::Text(text) => text.as_bytes().to_vec(),
        };
        assert_eq!(stored_id(&file, row), bytes);
        assert_eq!(find(&file, &bytes), Some(row as u32));
    }
    let length = u64_at(payload, 0x18) as usize;
    let runs = rows.div_ceil(64);
    if texts {
        assert_eq!(u64_at(payload, 64 + runs * 8) as usize, length);
        let end = 64 + (runs + 1) * 8 + length;
        assert!(index - end < 8 && payload[end..index].iter().all(|byte| *byte == 0));
    } else {
        assert_eq!((length, index), (0, 64 + rows * 8));
    }
}

#[test]
fn ids_are_found_by_row_and_by_hash() {
    for rows in [1, 63, 64, 65, 5_000] {
        let number = |row: u64| row.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        check_ids(
            &(0..rows)
                .map(|row| Id::U64(number(row)))
                .collect::<Vec<_>>(),
        );
        let text = |row: u64| format!("{}{}", "é".repeat(row as usize % 200), row);
        check_ids(&(0..rows).map(|row| Id::Text(text(row))).collect::<Vec<_>>());
    }
    check_ids(&[Id::Text("x".repeat(512)), Id::Text("y".into())]);
}

#[test]
fn segments_stand_in_order_with_the_blocks_that_the_constants_say() {
    let rows = 9_000;
    let ids = (0..rows as u64).map(Id::U64).collect();
    let packer = Packer::new()
        .ids(ids)
        .vectors(VectorKind::F16)
        .metric(Metric::L2)
        .measure(false)
        .lists(20);
    let file = read(&pack(packer, 70, &clustered(rows, 70)));
    let order: Vec<(u8, u8, bool)> = file
        .segments
        .iter()
        .filter(|s| s.kind != WASM)
        .map(|s| (s.kind, s.block_log, s.has_table))
        .collect();
    assert_eq!(
        order,
        [
            (0x02, rvf_pack::WHOLE_BLOCK_LOG, false),
            (0x06, *rvf_pack::SCAN_BLOCK_LOGS.start(), true),
            (0x01, *rvf_pack::POINT_BLOCK_LOGS.start(), true),
            (0x01, *rvf_pack::POINT_BLOCK_LOGS.start(), true),
            (0x83, rvf_pack::WHOLE_BLOCK_LOG, false),
            (0x82, *rvf_pack::POINT_BLOCK_LOGS.start(), true),
            (0x81, 16, false),
        ]
    );
    assert_eq!(
        file.of_kind(common::VEC)
            .iter()
            .map(|s| s.sub_kind)
            .collect::<Vec<_>>(),
        [0, 1]
    );
    // Small payloads are one block each, whose digest need not be stored.
    let file = read(&pack(Packer::new(), 3, &clustered(20, 3)));
    assert!(file.of_kind(DIGEST).is_empty());
    assert!(
        file.segments
            .iter()
            .all(|segment| segment.block_log == 16 && !segment.has_table)
    );
}

#[test]
fn properties_and_time_are_in_the_file_if_asked_for() {
    let packer = Packer::new()
        .property("b", "")
        .property("a", "ä\n")
        .property("a", "second")
        .timestamp(77);
    let bytes = pack(packer, 1, &[1.0, 2.0]);
    let file = read(&bytes);
    let expected =
        [("a", "second"), ("b", "")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(file.properties, expected);
    assert!(
        file.segments
            .iter()
            .all(|segment| u64_at(&bytes, segment.offset + 0x18) == 77)
    );
    assert_eq!(u64_at(&bytes, 0x18), 0, "the root has none");
    let file = read(&pack(Packer::new(), 1, &[1.0, 2.0]));
    assert!(file.properties.is_empty());
}

#[test]
fn a_file_carries_a_kernel_with_simd_and_one_for_every_engine() {
    let file = read(&pack(Packer::new(), 1, &[1.0, 2.0]));
    let modules = file.of_kind(WASM);
    assert_eq!(modules.len(), 2);
    for (priority, module) in modules.iter().enumerate() {
        let (header, bytecode) = module.payload.split_at(64);
        assert_eq!(u32_at(header, 0), 0x5256_574D);
        assert_eq!(
            (u16_at(header, 4), header[6], header[7]),
            (1, 0, 0),
            "a kernel for wasm32"
        );
        let features = u16_at(header, 8);
        // Bit 0 is SIMD, bit 1 bulk memory.
        assert_eq!(features & !2, u16::from(priority == 0));
        assert_eq!(module.sub_kind, u32::from(features) << 16);
        assert_eq!(u32_at(header, 12) as usize, bytecode.len());
        assert_eq!(&bytecode[..8], b"\0asm\x01\0\0\0");
        assert_eq!(header[0x18..0x38], common::shake(&[bytecode], 32));
        assert_eq!(usize::from(header[0x38]), priority);
    }
}
