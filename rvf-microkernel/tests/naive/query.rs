//! What is asked, and what a query is turned into: kernel.md, section 4.

use super::{File, f32_at, products, rotate, s16};

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Ask<'a> {
    pub(crate) k: usize,
    /// Lists to visit; 0: all.
    pub(crate) probes: usize,
    pub(crate) slack: f32,
    pub(crate) pool: usize,
    pub(crate) filter: Option<&'a [u8]>,
}

impl Ask<'_> {
    /// All lists, a slack of 1, a pool of k, every vector.
    pub(crate) fn new(k: usize) -> Self {
        Self {
            k,
            probes: 0,
            slack: 1.0,
            pool: k,
            filter: None,
        }
    }

    pub(crate) fn live(&self, n: usize) -> bool {
        self.filter.is_none_or(|bytes| {
            bytes
                .get(n / 8)
                .is_some_and(|byte| byte >> (n % 8) & 1 == 1)
        })
    }

    /// L: how many lists are visited.
    pub(crate) fn visits(&self, lists: usize) -> usize {
        if self.probes == 0 {
            lists
        } else {
            lists.min(self.probes)
        }
    }
}

/// K-QRY-5.
#[derive(Debug)]
pub(crate) struct Integers {
    pub(crate) step: f64,
    pub(crate) q16: Vec<i64>,
    pub(crate) n16: f64,
}

impl Integers {
    pub(crate) fn new(q: &[f32]) -> Self {
        let m = q.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        if m < 2.0_f32.powi(-100) {
            return Self {
                step: 0.0,
                q16: vec![0; q.len()],
                n16: 0.0,
            };
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
        Self {
            step,
            q16,
            n16: n16 as f64,
        }
    }
}

/// K-QRY-2 to K-QRY-4.
#[derive(Debug, Clone)]
pub(crate) struct Planes {
    pub(crate) delta2: f32,
    pub(crate) base: f32,
    /// The planes are cut into words as codes are.
    pub(crate) sign: Vec<u64>,
    pub(crate) low: Vec<u64>,
    pub(crate) g1: f32,
    pub(crate) g2: f32,
    pub(crate) e1: f32,
    pub(crate) e2: f32,
}

impl Planes {
    pub(crate) fn new(file: &File, q: &[f32], slack: f32) -> Self {
        let d = file.d;
        let df = d as f32;
        let mean: Vec<f32> = (0..d).map(|i| f32_at(&file.index, 128 + 4 * i)).collect();

        // K-QRY-2
        let norm = s16(&products(q, q));
        let unit: Vec<f32> = if file.metric == 2 {
            let factor = 1.0 / norm.sqrt();
            q.iter().map(|v| v * factor).collect()
        } else {
            q.to_vec()
        };
        let u: Vec<f32> = unit.iter().zip(&mean).map(|(q, m)| q - m).collect();
        let delta2 = s16(&products(&u, &u));
        let v = rotate(&u, file.seed);
        let base = match file.metric {
            0 => delta2,
            1 => -s16(&products(&mean, &unit)),
            _ => delta2 * 0.5,
        };

        // K-QRY-3
        let t = 0.9957_f32 * (delta2.sqrt() / df.sqrt());
        let mut m = vec![1.0_f32; d];
        let mut sign = vec![0_u64; d.div_ceil(64)];
        let mut low = sign.clone();
        for i in 0..d {
            let mut bit = v[i] >= 0.0;
            sign[i / 64] |= u64::from(bit) << (i % 64);
            if v[i].abs() > t {
                m[i] = 3.0;
            } else {
                bit = !bit;
            }
            low[i / 64] |= u64::from(bit) << (i % 64);
        }

        // K-QRY-4
        let absolute: Vec<f32> = v.iter().map(|v| v.abs()).collect();
        let g1 = s16(&absolute) / df;
        let m2 = m.iter().map(|m| (m * m) as u32).sum::<u32>() as f32;
        let g2 = s16(&products(&absolute, &m)) / m2;
        let positive = |x: f32| if x > 0.0 { x } else { 0.0 };
        Self {
            delta2,
            base,
            sign,
            low,
            g1,
            g2,
            e1: slack * positive(1.364 * delta2 - g1 * g1 * df).sqrt(),
            e2: slack * positive(1.364 * delta2 - g2 * g2 * m2).sqrt(),
        }
    }
}
