//! A search by kernel.md, sections 4 to 6.

use super::pack::float_stride;
use super::{File, f16_to_f32, f32_at, products, rotate, s16, u32_at};

/// Row and distance.
pub(crate) type Hits = Vec<(u32, f32)>;

/// Rows scanned, second looks, integer distances, float distances.
pub(crate) type Stats = [u32; 4];

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Ask<'a> {
    pub(crate) k: usize,
    pub(crate) slack: f32,
    pub(crate) pool: usize,
    pub(crate) filter: Option<&'a [u8]>,
    pub(crate) deletes: Option<&'a [u8]>,
}

impl Ask<'_> {
    fn live(&self, n: usize) -> bool {
        let bit = |bytes: &[u8]| bytes[n / 8] >> (n % 8) & 1 == 1;
        self.filter.is_none_or(bit) && !self.deletes.is_some_and(bit)
    }
}

/// K-QRY-5: step, components, N16.
fn integer_query(q: &[f32]) -> (f64, Vec<i64>, f64) {
    let m = q.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    if m < 2.0_f32.powi(-100) {
        return (0.0, vec![0; q.len()], 0.0);
    }
    let mut step = 1.0_f64;
    while step * 32768.0 <= f64::from(m) {
        step *= 2.0;
    }
    while step * 16384.0 > f64::from(m) {
        step /= 2.0;
    }
    let q16: Vec<i64> = q
        .iter()
        .map(|&v| {
            (f64::from(v) / step)
                .round_ties_even()
                .clamp(-32767.0, 32767.0) as i64
        })
        .collect();
    let n16: i64 = q16.iter().map(|v| v * v).sum();
    (step, q16, n16 as f64)
}

fn tidy(d: f64, metric: u8) -> f32 {
    let d = if metric != 1 && d <= 0.0 { 0.0 } else { d } as f32;
    if d.is_nan() {
        f32::INFINITY
    } else if d == 0.0 {
        0.0
    } else {
        d
    }
}

/// K-DIST-1.
pub(crate) fn integer_distance(file: &File, q: &[f32], record: &[u8]) -> f32 {
    let (b, q16, n16) = integer_query(q);
    let a = f64::from(f32_at(record, 4));
    let s = f64::from(u32_at(record, 8));
    let dot: i64 = q16
        .iter()
        .enumerate()
        .map(|(i, v)| i64::from(record[12 + i] as i8) * v)
        .sum();
    let dot = dot as f64;
    let d = match file.metric {
        0 => ((a * a) * s + (b * b) * n16) - ((2.0 * a) * b) * dot,
        1 => -((a * b) * dot),
        _ if s == 0.0 || n16 == 0.0 => f64::INFINITY,
        _ => 1.0 - dot / (s.sqrt() * n16.sqrt()),
    };
    tidy(d, file.metric)
}

/// K-DIST-2.
pub(crate) fn float_distance(file: &File, q: &[f32], record: &[u8]) -> f32 {
    let x: Vec<f32> = (0..file.d)
        .map(|i| {
            if file.kind == 1 {
                f16_to_f32(u16::from_le_bytes([record[4 + 2 * i], record[5 + 2 * i]]))
            } else {
                f32_at(record, 4 + 4 * i)
            }
        })
        .collect();
    let d = match file.metric {
        0 => f64::from(s16(&x
            .iter()
            .zip(q)
            .map(|(x, q)| (x - q) * (x - q))
            .collect::<Vec<_>>())),
        1 => -f64::from(s16(&products(&x, q))),
        _ => {
            let n = f64::from(s16(&products(&x, &x)));
            if n == 0.0 {
                f64::INFINITY
            } else {
                let dot = f64::from(s16(&products(&x, q)));
                1.0 - dot / (n.sqrt() * f64::from(s16(&products(q, q))).sqrt())
            }
        }
    };
    tidy(d, file.metric)
}

fn i8_record(file: &File, n: usize) -> &[u8] {
    let stride = 12 + 4 * file.d.div_ceil(4);
    &file.vec_i8[n * stride..(n + 1) * stride]
}

fn float_record(file: &File, n: usize) -> &[u8] {
    let stride = float_stride(file.kind, file.d);
    &file.vec_float[n * stride..(n + 1) * stride]
}

fn order(hits: &mut Hits) {
    hits.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
}

/// The exact mode.
pub(crate) fn exact(file: &File, q: &[f32], ask: &Ask<'_>) -> (Hits, Stats) {
    let mut hits = Hits::new();
    let mut stats = [file.rows as u32, 0, 0, 0];
    for n in (0..file.rows).filter(|&n| ask.live(n)) {
        if file.kind == 0 {
            stats[2] += 1;
            let record = i8_record(file, n);
            hits.push((u32_at(record, 0), integer_distance(file, q, record)));
        } else {
            stats[3] += 1;
            let record = float_record(file, n);
            hits.push((u32_at(record, 0), float_distance(file, q, record)));
        }
    }
    order(&mut hits);
    hits.truncate(ask.k);
    (hits, stats)
}

/// The coded search.
pub(crate) fn coded(file: &File, q: &[f32], ask: &Ask<'_>) -> (Hits, Stats) {
    let d = file.d;
    let df = d as f32;
    let words = d.div_ceil(64);
    let mean: Vec<f32> = (0..d).map(|i| f32_at(&file.index, 128 + 4 * i)).collect();

    // K-QRY-2
    let norm = s16(&products(q, q));
    let unit: Vec<f32> = if file.metric == 2 {
        let factor = 1.0 / norm.sqrt();
        q.iter().map(|v| v * factor).collect()
    } else {
        q.to_vec()
    };
    let u: Vec<f32> = unit.iter().zip(&mean).map(|(q, c)| q - c).collect();
    let delta2 = s16(&products(&u, &u));
    let v = rotate(&u, file.seed);
    let base = match file.metric {
        0 => delta2,
        1 => -s16(&products(&mean, &unit)),
        _ => delta2 * 0.5,
    };

    // K-QRY-3
    let t = 0.9957_f32 * (delta2.sqrt() / df.sqrt());
    let m: Vec<f32> = v
        .iter()
        .map(|v| if v.abs() > t { 3.0 } else { 1.0 })
        .collect();
    let sign: Vec<bool> = v.iter().map(|v| *v >= 0.0).collect();
    let low: Vec<bool> = sign
        .iter()
        .zip(&m)
        .map(|(s, m)| if *m == 3.0 { *s } else { !*s })
        .collect();

    // K-QRY-4
    let absolute: Vec<f32> = v.iter().map(|v| v.abs()).collect();
    let g1 = s16(&absolute) / df;
    let m2 = m.iter().map(|m| (m * m) as u32).sum::<u32>() as f32;
    let g2 = s16(&products(&absolute, &m)) / m2;
    let positive = |x: f32| if x > 0.0 { x } else { 0.0 };
    let e1 = ask.slack * positive(1.364 * delta2 - g1 * g1 * df).sqrt();
    let e2 = ask.slack * positive(1.364 * delta2 - g2 * g2 * m2).sqrt();

    let capacity = 512 + 16 * ask.pool;
    let mut stats = [0; 4];
    let mut estimates: Vec<f32> = Vec::new();
    let mut buffer: Vec<(usize, f32)> = Vec::new();
    // Distance, row, number; sorted.
    let mut pool: Vec<(f32, u32, usize)> = Vec::new();
    let bound = |estimates: &Vec<f32>| {
        if estimates.len() < ask.k {
            f32::INFINITY
        } else {
            estimates[ask.k - 1]
        }
    };
    let rank = |buffer: &mut Vec<(usize, f32)>,
                pool: &mut Vec<(f32, u32, usize)>,
                t: f32,
                stats: &mut Stats| {
        for (n, lower) in buffer.drain(..) {
            if lower > t {
                continue;
            }
            if pool.len() == ask.pool && lower + base > pool[ask.pool - 1].0 {
                continue;
            }
            stats[2] += 1;
            let record = i8_record(file, n);
            pool.push((integer_distance(file, q, record), u32_at(record, 0), n));
            pool.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            pool.truncate(ask.pool);
        }
    };

    let mut start = 0;
    while start < file.rows {
        let count = 32.min(file.rows - start);
        let group = &file.quant[start * (8 * words + 4)..][..count * (8 * words + 4)];
        let t = bound(&estimates);
        for i in 0..count {
            stats[0] += 1;
            let code = &group[i * 8 * words..][..8 * words];
            let bit = |j: usize| code[j / 8] >> (j % 8) & 1 == 1;
            let word = u32_at(group, count * 8 * words + 4 * i);
            let beta = f32::from_bits(word >> 14 << 14);
            let alpha = f32::from_bits((word % (1 << 14)) << 17);
            // Bits above the dimension are zero in the planes, so set ones there count.
            let ones = |plane: &[bool]| {
                (0..64 * words)
                    .filter(|&j| bit(j) != *plane.get(j).unwrap_or(&false))
                    .count() as i32
            };
            let h1 = ones(&sign);
            let lower1 = beta - alpha * ((g1 * df + e1) - (2.0 * g1) * h1 as f32);
            if lower1.partial_cmp(&t).is_none_or(std::cmp::Ordering::is_gt) {
                continue;
            }
            stats[1] += 1;
            let h0 = ones(&low);
            let s = g2 * (3 * d as i32 - 4 * h1 - 2 * h0) as f32;
            let estimate = beta - alpha * s;
            let lower = beta - alpha * (s + e2);
            if lower.partial_cmp(&t).is_none_or(std::cmp::Ordering::is_gt) || !ask.live(start + i) {
                continue;
            }
            if !estimate.is_nan() {
                estimates.push(estimate);
                estimates.sort_by(f32::total_cmp);
                estimates.truncate(ask.k);
            }
            buffer.push((start + i, lower));
        }
        if capacity - buffer.len() < 32 {
            let t = bound(&estimates);
            buffer.retain(|entry| entry.1 <= t);
            if buffer.len() > capacity / 2 {
                rank(&mut buffer, &mut pool, t, &mut stats);
            }
        }
        start += count;
    }
    rank(&mut buffer, &mut pool, bound(&estimates), &mut stats);

    let mut hits: Hits = pool
        .iter()
        .map(|&(distance, row, n)| {
            if file.kind == 0 {
                (row, distance)
            } else {
                stats[3] += 1;
                (row, float_distance(file, q, float_record(file, n)))
            }
        })
        .collect();
    order(&mut hits);
    hits.truncate(ask.k);
    (hits, stats)
}
