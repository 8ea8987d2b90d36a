//! Distances: kernel.md, section 5.

use super::query::Integers;
use super::{File, f16_to_f32, f32_at, products, s16, u32_at};

/// K-NUM-3, and what becomes of results that are not above zero.
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

/// Scale, sum of squares and dot product of an i8 record.
fn parts(q: &Integers, record: &[u8]) -> (f64, f64, f64) {
    let dot: i64 = q
        .q16
        .iter()
        .enumerate()
        .map(|(i, v)| i64::from(record[12 + i] as i8) * v)
        .sum();
    let a = f64::from(f32_at(record, 4));
    let s = f64::from(u32_at(record, 8));
    (a, s, dot as f64)
}

/// K-DIST-1.
pub(crate) fn integer_distance(file: &File, q: &[f32], record: &[u8]) -> f32 {
    let q = Integers::new(q);
    let (a, s, dot) = parts(&q, record);
    let (b, n16) = (q.step, q.n16);
    let d = match file.metric {
        0 => ((a * a) * s + (b * b) * n16) - ((2.0 * a) * b) * dot,
        1 => -((a * b) * dot),
        _ if s == 0.0 || n16 == 0.0 => f64::INFINITY,
        _ => 1.0 - dot / (s.sqrt() * n16.sqrt()),
    };
    tidy(d, file.metric)
}

/// K-DIST-4.
pub(crate) fn centroid_distance(file: &File, q: &[f32], record: &[u8]) -> f32 {
    if file.metric != 2 {
        return integer_distance(file, q, record);
    }
    let q = Integers::new(q);
    let (a, s, dot) = parts(&q, record);
    let n16 = q.n16;
    let b = 1.0 / n16.sqrt();
    let d = (((a * a) * s + (b * b) * n16) - ((2.0 * a) * b) * dot) * 0.5;
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
        0 => {
            let squares: Vec<f32> = x.iter().zip(q).map(|(x, q)| (x - q) * (x - q)).collect();
            f64::from(s16(&squares))
        }
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
