//! What a packer writes: format.md, sections 6 and 7.

use super::code::{Around, Entry, list_bytes};
use super::{File, f16_to_f32, f32_to_f16, fill, products, s16};

/// Which rows stand in which list.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Each list's own rows: each row of the input in one list.
    pub(crate) own: Vec<Vec<usize>>,
    /// Each list's second entries: each row once at most, and not in its own list.
    pub(crate) second: Vec<Vec<usize>>,
}

impl Plan {
    /// One list, in the order of the rows.
    pub(crate) fn one(rows: usize) -> Self {
        Self {
            own: vec![(0..rows).collect()],
            second: vec![Vec::new()],
        }
    }
}

/// The number of bytes of a record of the most exact kind.
pub(crate) fn float_stride(kind: u8, d: usize) -> usize {
    if kind == 1 {
        4 + 4 * d.div_ceil(2)
    } else {
        4 + 4 * d
    }
}

/// R-VEC-3.
fn quantise(x: &[f32]) -> (f32, Vec<i8>) {
    let m = x.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let scale = if m < 2.0_f32.powi(-100) {
        return (0.0, vec![0; x.len()]);
    } else if x.iter().all(|v| v.fract() == 0.0) && m <= 127.0 {
        1.0
    } else {
        f32::from_bits((m / 127.0).to_bits().next_multiple_of(256))
    };
    let components = x
        .iter()
        .map(|v| (v / scale).round_ties_even().clamp(-127.0, 127.0) as i8)
        .collect();
    (scale, components)
}

/// R-VEC-1: the record of a vector, and the vector that it stands for.
fn i8_record(row: u32, x: &[f32]) -> (Vec<u8>, Vec<f32>) {
    let (scale, components) = quantise(x);
    let squares: u32 = components
        .iter()
        .map(|&c| (i32::from(c) * i32::from(c)) as u32)
        .sum();
    let mut record = Vec::new();
    record.extend(row.to_le_bytes());
    record.extend(scale.to_le_bytes());
    record.extend(squares.to_le_bytes());
    record.extend(components.iter().map(|&c| c as u8));
    fill(&mut record, 4);
    let point = components.iter().map(|&c| scale * f32::from(c)).collect();
    (record, point)
}

/// R-VEC-5: the record of a vector (none where vectors are i8), and the vector as it is then.
fn float_record(row: u32, x: &[f32], kind: u8) -> (Vec<u8>, Vec<f32>) {
    let mut x = x.to_vec();
    let mut record = Vec::new();
    if kind != 0 {
        record.extend(row.to_le_bytes());
    }
    for v in &mut x {
        if kind == 1 {
            let half = f32_to_f16(*v);
            record.extend(half.to_le_bytes());
            *v = f16_to_f32(half);
        } else if kind == 2 {
            record.extend(v.to_le_bytes());
        }
    }
    fill(&mut record, 4);
    (record, x)
}

/// A vector of the input as it is written.
struct Stored {
    i8: Vec<u8>,
    float: Vec<u8>,
    /// x̂ of K-CODE-1.
    x: Vec<f32>,
}

fn store(row: usize, input: &[f32], metric: u8, kind: u8) -> Stored {
    let (float, x) = float_record(row as u32, input, kind);
    let (i8, point) = i8_record(row as u32, &x);
    let mut x = if kind == 0 { point } else { x };
    if metric == 2 {
        let factor = 1.0 / s16(&products(&x, &x)).sqrt();
        x.iter_mut().for_each(|v| *v *= factor);
    }
    Stored { i8, float, x }
}

/// K-CODE-1.
fn mean(stored: &[Stored], d: usize) -> Vec<f32> {
    (0..d)
        .map(|i| {
            let runs: Vec<f64> = stored
                .chunks(4096)
                .map(|run| run.iter().map(|stored| f64::from(stored.x[i])).sum())
                .collect();
            (runs.iter().sum::<f64>() / stored.len() as f64) as f32
        })
        .collect()
}

/// Some point for a list: the middle of its own vectors. An empty list has the zero vector, or one of the rows.
fn centre(list: usize, own: &[usize], stored: &[Stored], d: usize) -> Vec<f32> {
    if own.is_empty() {
        let row = &stored[list * 31 % stored.len()].x;
        return row.iter().map(|v| v * (list % 2) as f32).collect();
    }
    (0..d)
        .map(|i| {
            let sum: f64 = own.iter().map(|&row| f64::from(stored[row].x[i])).sum();
            (sum / own.len() as f64) as f32
        })
        .collect()
}

/// A file of these vectors with one list.
pub(crate) fn pack(input: &[Vec<f32>], metric: u8, kind: u8, seed: u64) -> File {
    pack_lists(input, metric, kind, seed, &Plan::one(input.len()))
}

/// A file of these vectors in these lists.
pub(crate) fn pack_lists(input: &[Vec<f32>], metric: u8, kind: u8, seed: u64, plan: &Plan) -> File {
    let (rows, d, lists) = (input.len(), input[0].len(), plan.own.len());
    let stored: Vec<Stored> = input
        .iter()
        .enumerate()
        .map(|(row, x)| store(row, x, metric, kind))
        .collect();
    let mean = mean(&stored, d);

    // Vector numbers: list after list.
    let order: Vec<usize> = plan.own.concat();
    let mut number = vec![u32::MAX; rows];
    for (n, &row) in order.iter().enumerate() {
        number[row] = n as u32;
    }
    assert!(order.len() == rows && number.iter().all(|&n| n != u32::MAX));

    let mut centroids = Vec::new();
    let mut centroid_records = Vec::new();
    for (list, own) in plan.own.iter().enumerate() {
        let (record, point) = i8_record(list as u32, &centre(list, own, &stored, d));
        centroid_records.extend(record);
        centroids.push(if lists == 1 { mean.clone() } else { point });
    }

    let mut quant = Vec::new();
    let mut directory = Vec::new();
    let mut first = 0;
    for (centroid, (own, second)) in centroids.iter().zip(plan.own.iter().zip(&plan.second)) {
        let around = Around::new(centroid, &mean, metric, seed);
        let members: Vec<usize> = own.iter().chain(second).copied().collect();
        let entries: Vec<Entry> = members
            .iter()
            .map(|&row| around.encode(&stored[row].x))
            .collect();
        let numbers: Vec<u32> = members.iter().map(|&row| number[row]).collect();

        directory.extend((quant.len() as u64).to_le_bytes());
        directory.extend((own.len() as u32).to_le_bytes());
        directory.extend((second.len() as u32).to_le_bytes());
        directory.extend((first as u32).to_le_bytes());
        fill(&mut directory, 32);
        quant.extend(list_bytes(&entries, own.len(), &numbers));
        first += own.len();
    }

    let mut index = Vec::new();
    index.extend(b"RVFI");
    index.extend([2, 0, 0, 0]);
    index.extend((rows as u32).to_le_bytes());
    index.extend((d as u32).to_le_bytes());
    index.extend([metric, kind, 0, 0]);
    index.extend((lists as u32).to_le_bytes());
    index.extend((d.div_ceil(64) as u32).to_le_bytes());
    index.extend((12 + 4 * d.div_ceil(4) as u32).to_le_bytes());
    index.extend(seed.to_le_bytes());
    index.resize(128, 0);
    mean.iter().for_each(|m| index.extend(m.to_le_bytes()));
    fill(&mut index, 64);
    index.extend(directory);
    if lists > 1 {
        fill(&mut index, 64);
        let at = (index.len() as u64).to_le_bytes();
        index[0x28..0x30].copy_from_slice(&at);
        let around = Around::new(&mean, &mean, metric, seed);
        let codes: Vec<Entry> = centroids.iter().map(|c| around.encode(c)).collect();
        index.extend(list_bytes(&codes, lists, &[]));
        let at = (index.len() as u64).to_le_bytes();
        index[0x30..0x38].copy_from_slice(&at);
        index.extend(centroid_records);
    }

    File {
        index,
        quant,
        vec_i8: order
            .iter()
            .flat_map(|&row| stored[row].i8.clone())
            .collect(),
        vec_float: order
            .iter()
            .flat_map(|&row| stored[row].float.clone())
            .collect(),
        rows,
        lists,
        d,
        metric,
        kind,
        seed,
    }
}
