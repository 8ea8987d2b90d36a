//! The table of measured efforts, held against recall counted another way.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails has to say where"
)]

mod common;

use common::data::{Numbers, clustered};
use common::{Effort, File, INDEX, QUANT, read};
use rvf_microkernel::{Backend, HEAD_LEN, Hit, Index, Params, Regions, search, state_len};
use rvf_pack::source::MemorySource;
use rvf_pack::{Metric, PackReport, Packer, VectorKind};

fn pack(metric: Metric, kind: VectorKind, dimension: usize, vectors: &[f32]) -> (File, PackReport) {
    pack_with(Packer::new(), metric, kind, dimension, vectors)
}

fn pack_with(
    packer: Packer<'_>,
    metric: Metric,
    kind: VectorKind,
    dimension: usize,
    vectors: &[f32],
) -> (File, PackReport) {
    let mut source = MemorySource::new(dimension, vectors, None).unwrap();
    let (file, report) = packer
        .metric(metric)
        .vectors(kind)
        .pack_to_vec(&mut source)
        .unwrap();
    (read(&file), report)
}

/// How many rows are held out.
const HELD_OUT: usize = 400;

/// The rows that are held out: those with the least hash of their number, the least first.
fn held_out(rows: usize) -> Vec<usize> {
    let mut hashes: Vec<(u64, usize)> = (0..rows)
        .map(|row| {
            let mut z = (row as u64).wrapping_add(0x9E37_79B9_7F4A_7C15);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            (z ^ (z >> 31), row)
        })
        .collect();
    hashes.sort();
    hashes
        .into_iter()
        .take(HELD_OUT)
        .map(|(_, row)| row)
        .collect()
}

fn distance(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let pairs = || a.iter().zip(b).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    let dot = || pairs().map(|(a, b)| a * b).sum::<f64>();
    let norm = |x: &[f32]| x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
    match metric {
        Metric::L2 => pairs().map(|(a, b)| (a - b).powi(2)).sum(),
        Metric::InnerProduct => -dot(),
        Metric::Cosine => 1.0 - dot() / (norm(a) * norm(b)).sqrt(),
    }
}

/// Hits of the same searches, one at a time, counted by distances in f64; as a share of those that were asked for, of which the
/// number is the second.
fn recount(file: &File, metric: Metric, vectors: &[f32], effort: &Effort) -> (f64, f64) {
    let index = Index::parse(file.payload(INDEX)).unwrap();
    let mut params = Params::new(effort.k);
    (params.slack, params.pool, params.filter) = (effort.slack, effort.pool, true);
    params.probes = effort.probes;
    let rows_of_vectors = file.rows_of_vectors();
    let k = effort.k as usize;
    let row = |row: usize| &vectors[row * file.dimension..][..file.dimension];
    // Of few queries a multiple of the hits is told.
    let mut queries = held_out(file.rows);
    queries.truncate(effort.total as usize / k);
    let asked = (queries.len() * k) as f64;
    let mut hits = 0;
    for own in queries {
        let mut live = vec![0xFF; file.rows.div_ceil(8)];
        let number = rows_of_vectors.iter().position(|row| *row == own).unwrap();
        live[number / 8] ^= 1 << (number % 8);
        let regions = Regions {
            index: file.payload(INDEX),
            quant: file.payload(QUANT),
            vec_i8: file.vec(0).unwrap(),
            vec_float: if file.vectors == 0 {
                &[]
            } else {
                file.vec(file.vectors.into()).unwrap()
            },
            filter: &live,
        };
        let mut found = vec![Hit::default(); k];
        let mut memory = vec![0; state_len(&index, &params).unwrap()];
        let (count, _) = search(
            &index,
            &file.payload(INDEX)[HEAD_LEN..],
            &mut regions.clone(),
            &params,
            row(own),
            Backend::scalar(),
            &mut memory,
            &mut found,
        )
        .unwrap();
        let others = (0..file.rows).filter(|other| *other != own);
        let mut distances: Vec<f64> = others
            .map(|other| distance(metric, row(own), row(other)))
            .collect();
        distances.sort_by(f64::total_cmp);
        let limit = distances[k - 1] + distances[k - 1].abs() * 1e-6 + 1e-7;
        hits += found[..count]
            .iter()
            .filter(|hit| distance(metric, row(own), row(hit.row as usize)) <= limit)
            .count();
    }
    (hits as f64 / asked, asked)
}

/// The table counts on no more than was found, nor on much less: the more was missed and the fewer were asked, the less. The
/// last effort for a number of hits counts on all.
fn check_hits(file: &File, effort: &Effort, (found, asked): (f64, f64)) {
    let counted_on = f64::from(effort.hits) / f64::from(effort.total);
    let missed = 1.0 - found;
    // What fewer probes find is taken from a search with more; and f32 and f64 may order two rows differently that are next
    // to equally far.
    let apart = 0.005 + 1.0 / asked;
    assert!(counted_on <= found + apart, "{effort:?}: {found}");
    let last = file.efforts.iter().rfind(|other| other.k == effort.k);
    let least = if last == Some(effort) {
        found
    } else {
        // Three standard errors of hits that are found or missed one by one.
        let farther = if effort.k == 1 { 1.75 } else { 1.5 };
        1.0 - farther * missed - 3.0 * (missed * f64::from(effort.k) / asked).sqrt()
    };
    assert!(counted_on >= least - apart, "{effort:?}: {found}");
}

fn check_table(file: &File, report: &PackReport) {
    let hits: Vec<u32> = [1, 10, 100]
        .into_iter()
        .filter(|k| (*k as usize) < file.rows)
        .collect();
    let mut listed: Vec<u32> = file.efforts.iter().map(|effort| effort.k).collect();
    assert!(listed.is_sorted());
    listed.dedup();
    assert_eq!(listed, hits);
    assert_eq!(report.efforts.len(), file.efforts.len());
    assert_eq!(
        report.queries as usize,
        if file.rows == 1 {
            0
        } else {
            file.rows.min(HELD_OUT)
        }
    );
    for same_k in file.efforts.chunk_by(|a, b| a.k == b.k) {
        for pair in same_k.windows(2) {
            let recall = |effort: &Effort| f64::from(effort.hits) / f64::from(effort.total);
            assert!(recall(&pair[0]) < recall(&pair[1]));
        }
        for effort in same_k {
            assert!(effort.hits <= effort.total && effort.total > 0);
            if file.lists == 1 {
                assert_eq!(
                    (effort.probes, effort.scanned as usize),
                    (0, file.rows),
                    "all are visited"
                );
            } else {
                assert!((1..=file.lists).contains(&(effort.probes as usize)));
            }
            assert!(if file.vectors == 0 {
                effort.pool == effort.k
            } else {
                effort.pool > effort.k
            });
        }
    }
}

#[test]
fn the_hits_that_are_counted_on_are_those_of_another_count_or_a_little_fewer() {
    let vectors = clustered(3_000, 48);
    for (metric, kind) in [
        (Metric::Cosine, VectorKind::I8),
        (Metric::L2, VectorKind::F16),
        (Metric::InnerProduct, VectorKind::F32),
        (Metric::L2, VectorKind::I8),
    ] {
        let (file, report) = pack(metric, kind, 48, &vectors);
        check_table(&file, &report);
        for effort in &file.efforts {
            let recount = recount(&file, metric, &vectors, effort);
            check_hits(&file, effort, recount);
        }
        let ceiling = report.ceiling(10).unwrap();
        let least = if kind == VectorKind::I8 { 0.97 } else { 0.999 };
        assert!(ceiling >= least, "{metric} {kind}: {ceiling}");
    }
}

#[test]
fn with_lists_too_the_hits_that_are_counted_on_are_those_of_another_count_or_a_little_fewer() {
    let vectors = clustered(3_000, 40);
    for (metric, kind) in [
        (Metric::Cosine, VectorKind::I8),
        (Metric::InnerProduct, VectorKind::F16),
        (Metric::L2, VectorKind::F32),
    ] {
        let packer = Packer::new().lists(50);
        let (file, report) = pack_with(packer, metric, kind, 40, &vectors);
        assert_eq!((file.lists, report.lists), (50, 50));
        check_table(&file, &report);
        for effort in &file.efforts {
            let recount = recount(&file, metric, &vectors, effort);
            check_hits(&file, effort, recount);
        }
        let ceiling = report.ceiling(10).unwrap();
        assert!(ceiling >= 0.96, "{metric} {kind}: {ceiling}");
    }
}

/// Vectors around many centres, or around none.
fn spread(numbers: &mut Numbers, rows: usize, dimension: usize, centres: &[f32]) -> Vec<f32> {
    let mut vectors = Vec::new();
    for _ in 0..rows {
        let centre = numbers.next() as usize % (centres.len() / dimension).max(1) * dimension;
        let value = |i: usize| centres.get(centre + i).copied().unwrap_or(0.0);
        vectors.extend((0..dimension).map(|i| value(i) + 0.5 * numbers.normal()));
    }
    vectors
}

#[test]
fn lists_are_made_where_they_help_and_keep_what_is_promised_to_other_queries() {
    let dimension = 32;
    let mut numbers = Numbers::new(11);
    let centres: Vec<f32> = (0..200 * dimension).map(|_| numbers.normal()).collect();
    let vectors = spread(&mut numbers, 12_000, dimension, &centres);
    let queries = spread(&mut numbers, 400, dimension, &centres);
    let (file, report) = pack(Metric::L2, VectorKind::F16, dimension, &vectors);
    assert!(report.lists > 50, "{}", report.lists);
    check_table(&file, &report);
    let index = Index::parse(file.payload(INDEX)).unwrap();
    for recall in [0.8, 0.9, 0.95, 0.99] {
        let effort = report.effort_for(10, recall).unwrap();
        assert!(effort.scanned < 6_000, "{effort:?}");
        let mut params = Params::new(10);
        (params.probes, params.slack, params.pool) = (effort.probes, effort.slack, effort.pool);
        let mut memory = vec![0; state_len(&index, &params).unwrap()];
        let mut found = [Hit::default(); 10];
        let mut hits = 0;
        for query in queries.chunks(dimension) {
            let mut regions = Regions {
                index: file.payload(INDEX),
                quant: file.payload(QUANT),
                vec_i8: file.vec(0).unwrap(),
                vec_float: file.vec(1).unwrap(),
                filter: &[],
            };
            let mean = &file.payload(INDEX)[HEAD_LEN..];
            let backend = Backend::best();
            let answer = search(
                &index,
                mean,
                &mut regions,
                &params,
                query,
                backend,
                &mut memory,
                &mut found,
            );
            let count = answer.unwrap().0;
            let rows = vectors.chunks(dimension);
            let mut distances: Vec<f64> =
                rows.map(|row| distance(Metric::L2, query, row)).collect();
            let of_hit = |hit: &Hit| distances[hit.row as usize];
            let of_hits: Vec<f64> = found[..count].iter().map(of_hit).collect();
            distances.sort_by(f64::total_cmp);
            hits += of_hits
                .iter()
                .filter(|distance| **distance <= distances[9] * (1.0 + 1e-6))
                .count();
        }
        let measured = hits as f64 / 4_000.0;
        // The promise, and twice the error of so few queries.
        let least = recall - (1.0_f64 - recall).min(0.01) - 0.01;
        assert!(measured >= least, "{recall}: {measured} {effort:?}");
    }

    let vectors = spread(&mut numbers, 6_000, 64, &[]);
    let (file, report) = pack(Metric::L2, VectorKind::I8, 64, &vectors);
    assert_eq!(report.lists, 1);
    check_table(&file, &report);
}

#[test]
fn efforts_are_listed_for_as_many_hits_as_there_are_other_rows() {
    for rows in [1, 2, 10, 11, 101] {
        let (file, report) = pack(Metric::L2, VectorKind::I8, 4, &clustered(rows, 4));
        check_table(&file, &report);
    }
}

#[test]
fn few_rows_are_searched_whole() {
    for rows in [5, 40, 256] {
        for dimension in [2, 3, 8, 40] {
            for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
                let vectors = clustered(rows, dimension);
                let (file, _) = pack(metric, VectorKind::F32, dimension, &vectors);
                for effort in &file.efforts {
                    let (found, _) = recount(&file, metric, &vectors, effort);
                    // f32 and f64 may order two rows differently that are next to equally far.
                    assert!(found > 0.999, "{rows} x {dimension}, {metric}: {found}");
                    assert_eq!(effort.pool as usize, rows, "all may be scored by floats");
                }
                let (bytes, _) = pack(metric, VectorKind::I8, dimension, &vectors);
                for (effort, other) in bytes.efforts.iter().zip(&file.efforts) {
                    assert_eq!((effort.k, effort.pool), (other.k, other.k));
                    assert_eq!(effort.slack, 16.0);
                }
                assert_eq!(bytes.efforts.len(), file.efforts.len());
                let ks: Vec<u32> = file.efforts.iter().map(|effort| effort.k).collect();
                assert!(ks.is_sorted_by(|a, b| a < b), "one effort for each k");
            }
        }
    }
}

#[test]
fn ties_are_hits() {
    // Every vector has many twins: whichever of them are found, they are right.
    let mut vectors = clustered(50, 20);
    for _ in 0..6 {
        vectors.extend_from_within(..);
    }
    let (file, _) = pack(Metric::Cosine, VectorKind::F32, 20, &vectors);
    let last = file
        .efforts
        .iter()
        .rev()
        .find(|effort| effort.k == 10)
        .unwrap();
    assert_eq!(last.hits, last.total);
    let equal = [1.0, 2.0, 3.0].repeat(500);
    let (file, report) = pack(Metric::L2, VectorKind::I8, 3, &equal);
    check_table(&file, &report);
    // All of them are found by the cheapest already, on which nothing is counted that a sample can't tell.
    for k in [1, 10, 100] {
        let of_k = file.efforts.iter().filter(|effort| effort.k == k);
        let recall = |effort: &Effort| f64::from(effort.hits) / f64::from(effort.total);
        let recalls: Vec<f64> = of_k.map(recall).collect();
        let (last, before) = recalls.split_last().unwrap();
        assert!(*last == 1.0 && before.len() < 2, "{recalls:?}");
        let asked = [(1, 400.0), (10, 3_000.0), (100, 10_000.0)];
        let (_, asked) = asked.into_iter().find(|asked| asked.0 == k).unwrap();
        let least = 1.0 - 2.0 / asked - 1e-4;
        assert!(before.iter().all(|recall| *recall >= least), "{recalls:?}");
    }
}

#[test]
fn pools_grow_where_bytes_are_too_coarse() {
    // One large component leaves a byte few steps for all others.
    let mut numbers = Numbers::new(5);
    let mut vectors: Vec<f32> = (0..4_000 * 32).map(|_| numbers.normal()).collect();
    vectors
        .iter_mut()
        .step_by(32)
        .for_each(|first| *first = 400.0);
    let (i8s, _) = pack(Metric::L2, VectorKind::I8, 32, &vectors);
    let (f16s, report) = pack(Metric::L2, VectorKind::F16, 32, &vectors);
    check_table(&f16s, &report);
    let last = |file: &File| {
        file.efforts
            .iter()
            .rfind(|effort| effort.k == 10)
            .unwrap()
            .clone()
    };
    assert!(last(&f16s).pool > 26, "{:?}", last(&f16s));
    assert!(last(&i8s).hits * 2 < last(&f16s).hits);
}

#[test]
fn without_measuring_there_is_no_table() {
    let mut source = MemorySource::new(4, clustered(300, 4), None).unwrap();
    let (file, report) = Packer::new()
        .measure(false)
        .pack_to_vec(&mut source)
        .unwrap();
    assert!(read(&file).efforts.is_empty());
    assert_eq!((report.queries, report.ceiling(10)), (0, None));
}
