//! Codes and how they stand in a list: K-CODE-2 to K-CODE-5, R-QNT-1 to R-QNT-4.

use super::{fill, rotate};

/// The code of an entry, and its correction word.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    code: Vec<u64>,
    word: u32,
}

/// What all entries of a list have in common.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    centroid: &'a [f32],
    /// R(c − m)
    t: Vec<f32>,
    metric: u8,
    seed: u64,
}

impl<'a> Around<'a> {
    pub(crate) fn new(centroid: &'a [f32], mean: &[f32], metric: u8, seed: u64) -> Self {
        let t: Vec<f32> = centroid.iter().zip(mean).map(|(c, m)| c - m).collect();
        Self {
            centroid,
            t: rotate(&t, seed),
            metric,
            seed,
        }
    }

    /// K-CODE-2 to K-CODE-4.
    pub(crate) fn encode(&self, x: &[f32]) -> Entry {
        let u: Vec<f32> = x.iter().zip(self.centroid).map(|(x, c)| x - c).collect();
        let r = rotate(&u, self.seed);
        let mut code = vec![0_u64; r.len().div_ceil(64)];
        let (mut rho2, mut rho1, mut sigma) = (0.0_f64, 0.0_f64, 0.0_f64);
        for (i, (&r, &t)) in r.iter().zip(&self.t).enumerate() {
            let (r, t) = (f64::from(r), f64::from(t));
            rho2 += r * r;
            rho1 += r.abs();
            if r >= 0.0 {
                code[i / 64] |= 1 << (i % 64);
                sigma += t;
            } else {
                sigma += -t;
            }
        }
        let kappa = if self.metric == 0 { 2.0 } else { 1.0 };
        let alpha = if rho1 == 0.0 {
            0.0
        } else {
            (kappa * rho2) / rho1
        };
        let gamma = match self.metric {
            0 => rho2,
            1 => {
                let mut sum = 0.0_f64;
                for (&u, &c) in u.iter().zip(self.centroid) {
                    sum += f64::from(u) * f64::from(c);
                }
                -sum
            }
            _ => rho2 / 2.0,
        };
        let beta = gamma + alpha * sigma;
        Entry {
            code,
            word: round_bits(beta, 14).wrapping_add(round_bits(alpha, 17) >> 17),
        }
    }
}

fn round_bits(x: f64, shift: u32) -> u32 {
    let bits = u64::from((x as f32).to_bits());
    let step = 1_u64 << shift;
    let (low, rest) = (bits / step, bits % step);
    let up = rest * 2 > step || (rest * 2 == step && low % 2 == 1);
    ((low + u64::from(up)) * step) as u32
}

/// R-QNT-1: the bytes of a list whose first `own` entries are its own, with the zeros behind it. `numbers` are those
/// of all entries.
pub(crate) fn list_bytes(entries: &[Entry], own: usize, numbers: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (g, group) in entries.chunks(32).enumerate() {
        for tile in group.chunks(4) {
            for w in 0..tile[0].code.len() {
                for i in 0..4 {
                    let word = tile.get(i).map_or(0, |entry| entry.code[w]);
                    bytes.extend(word.to_le_bytes());
                }
            }
        }
        // The codes end on a multiple of 32 bytes, so this fills up the last tile of words and of numbers.
        for entry in group {
            bytes.extend(entry.word.to_le_bytes());
        }
        fill(&mut bytes, 16);
        let (start, end) = (32 * g, 32 * g + group.len());
        if end > own {
            for number in &numbers[start..end] {
                bytes.extend(number.to_le_bytes());
            }
            fill(&mut bytes, 16);
        }
    }
    fill(&mut bytes, 64);
    bytes
}
