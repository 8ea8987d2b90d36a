//! What a packer writes: format.md, sections 6 and 7, and K-CODE.

use super::{File, f16_to_f32, f32_to_f16, products, rotate, s16};

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
    let scale = if x.iter().all(|v| v.fract() == 0.0) && m <= 127.0 {
        1.0
    } else if m < 2.0_f32.powi(-100) {
        return (0.0, vec![0; x.len()]);
    } else {
        f32::from_bits((m / 127.0).to_bits().next_multiple_of(256))
    };
    let components = x
        .iter()
        .map(|v| (v / scale).round_ties_even().clamp(-127.0, 127.0) as i8)
        .collect();
    (scale, components)
}

fn round_bits(x: f64, shift: u32) -> u32 {
    let bits = u64::from((x as f32).to_bits());
    let step = 1_u64 << shift;
    let (low, rest) = (bits / step, bits % step);
    let up = rest * 2 > step || (rest * 2 == step && low % 2 == 1);
    ((low + u64::from(up)) * step) as u32
}

/// A file of these vectors.
pub(crate) fn pack(input: &[Vec<f32>], metric: u8, kind: u8, seed: u64) -> File {
    let rows = input.len();
    let d = input[0].len();
    let words = d.div_ceil(64);

    let mut vec_i8 = Vec::new();
    let mut vec_float = Vec::new();
    let mut stored = Vec::new();
    for (row, x) in input.iter().enumerate() {
        let row = row as u32;
        let mut x = x.clone();
        if kind == 1 {
            vec_float.extend(row.to_le_bytes());
            for v in &mut x {
                let half = f32_to_f16(*v);
                vec_float.extend(half.to_le_bytes());
                *v = f16_to_f32(half);
            }
            vec_float.resize(vec_float.len().next_multiple_of(4), 0);
        } else if kind == 2 {
            vec_float.extend(row.to_le_bytes());
            x.iter().for_each(|v| vec_float.extend(v.to_le_bytes()));
        }
        let (scale, components) = quantise(&x);
        let squares: u32 = components
            .iter()
            .map(|&c| (i32::from(c) * i32::from(c)) as u32)
            .sum();
        vec_i8.extend(row.to_le_bytes());
        vec_i8.extend(scale.to_le_bytes());
        vec_i8.extend(squares.to_le_bytes());
        vec_i8.extend(components.iter().map(|&c| c as u8));
        vec_i8.resize(vec_i8.len().next_multiple_of(4), 0);
        if kind == 0 {
            x = components.iter().map(|&c| scale * f32::from(c)).collect();
        }
        if metric == 2 {
            let factor = 1.0 / s16(&products(&x, &x)).sqrt();
            x.iter_mut().for_each(|v| *v *= factor);
        }
        stored.push(x);
    }

    let mean: Vec<f32> = (0..d)
        .map(|i| {
            let runs: Vec<f64> = stored
                .chunks(4096)
                .map(|run| run.iter().map(|x| f64::from(x[i])).sum())
                .collect();
            (runs.iter().sum::<f64>() / rows as f64) as f32
        })
        .collect();

    let mut quant = Vec::new();
    for group in stored.chunks(32) {
        let mut corrections = Vec::new();
        for x in group {
            let u: Vec<f32> = x.iter().zip(&mean).map(|(x, c)| x - c).collect();
            let r = rotate(&u, seed);
            let mut code = vec![0_u64; words];
            for (i, r) in r.iter().enumerate() {
                if *r >= 0.0 {
                    code[i / 64] |= 1 << (i % 64);
                }
            }
            code.iter()
                .for_each(|word| quant.extend(word.to_le_bytes()));
            let rho2: f64 = r.iter().map(|&r| f64::from(r) * f64::from(r)).sum();
            let rho1: f64 = r.iter().map(|&r| f64::from(r).abs()).sum();
            let kappa = if metric == 0 { 2.0 } else { 1.0 };
            let alpha = if rho1 == 0.0 {
                0.0
            } else {
                kappa * rho2 / rho1
            };
            let beta = match metric {
                0 => rho2,
                1 => -u
                    .iter()
                    .zip(&mean)
                    .map(|(&u, &c)| f64::from(u) * f64::from(c))
                    .sum::<f64>(),
                _ => rho2 / 2.0,
            };
            corrections.push(round_bits(beta, 14).wrapping_add(round_bits(alpha, 17) >> 17));
        }
        corrections
            .iter()
            .for_each(|word| quant.extend(word.to_le_bytes()));
    }

    let mut index = Vec::new();
    index.extend(b"RVFI");
    index.extend([1, 0, 0, 0]);
    index.extend((rows as u32).to_le_bytes());
    index.extend((d as u32).to_le_bytes());
    index.extend([metric, kind, 0, 0]);
    index.extend(1_u32.to_le_bytes());
    index.extend((words as u32).to_le_bytes());
    index.extend((12 + 4 * d.div_ceil(4) as u32).to_le_bytes());
    index.extend(seed.to_le_bytes());
    index.resize(128, 0);
    mean.iter().for_each(|c| index.extend(c.to_le_bytes()));
    index.resize(index.len().next_multiple_of(64), 0);
    index.extend(0_u64.to_le_bytes());
    index.extend((rows as u32).to_le_bytes());
    index.resize(index.len().next_multiple_of(32), 0);

    File {
        index,
        quant,
        vec_i8,
        vec_float,
        rows,
        d,
        metric,
        kind,
        seed,
    }
}
