//! The formulas of spec/format.md and spec/kernel.md, one operation after the other.

/// K-NUM-2.
pub fn s16(values: &[f32]) -> f32 {
    let mut l = [0.0_f32; 16];
    for (i, value) in values.iter().enumerate() {
        l[i % 16] += value;
    }
    for j in 0..8 {
        l[j] += l[j + 8];
    }
    for j in 0..4 {
        l[j] += l[j + 4];
    }
    l[0] += l[2];
    l[1] += l[3];
    l[0] + l[1]
}

pub struct I8Record {
    pub scale: f32,
    pub components: Vec<i8>,
}

/// R-VEC-3, and R-LIM-1 for a file that keeps i8 alone.
pub fn quantise(x: &[f32]) -> I8Record {
    let m = x
        .iter()
        .fold(0.0_f32, |m, x| if x.abs() > m { x.abs() } else { m });
    // The largest scale of 16 significant bits for which 127 times it is at most 10^15.
    let step = 2.0_f32.powi(27);
    let most = (1e15 / 127.0 / f64::from(step)).floor() as f32 * step;
    let scale = if m < 2.0_f32.powi(-100) {
        0.0
    } else if m <= 127.0 && x.iter().all(|x| x.trunc() == *x) {
        1.0
    } else {
        let bits = (m / 127.0).to_bits();
        f32::from_bits(if bits % 256 == 0 {
            bits
        } else {
            bits - bits % 256 + 256
        })
        .min(most)
    };
    let component = |x: &f32| match scale {
        0.0 => 0,
        _ => (x / scale).round_ties_even().clamp(-127.0, 127.0) as i8,
    };
    I8Record {
        scale,
        components: x.iter().map(component).collect(),
    }
}

impl I8Record {
    pub fn vector(&self) -> Vec<f32> {
        self.components
            .iter()
            .map(|c| self.scale * f32::from(*c))
            .collect()
    }

    pub fn bytes(&self, row: u32) -> Vec<u8> {
        let sum: u32 = self
            .components
            .iter()
            .map(|c| u32::from(c.unsigned_abs()).pow(2))
            .sum();
        let mut bytes = row.to_le_bytes().to_vec();
        bytes.extend(self.scale.to_le_bytes());
        bytes.extend(sum.to_le_bytes());
        bytes.extend(self.components.iter().map(|c| *c as u8));
        bytes.resize(12 + self.components.len().div_ceil(4) * 4, 0);
        bytes
    }
}

/// An f32 rounded to f16, to nearest, ties to even: bit by bit, for finite values within range.
pub fn to_half(value: f32) -> u16 {
    let sign = ((value.to_bits() >> 31) as u16) << 15;
    let magnitude = f64::from(value.abs());
    // The spacing of f16 around the value: 2^(e − 10), and at least 2^−24.
    let exponent = if magnitude == 0.0 {
        -14
    } else {
        (magnitude.log2().floor() as i32).max(-14)
    };
    let spacing = 2.0_f64.powi(exponent - 10);
    let steps = (magnitude / spacing).round_ties_even() as u32;
    // Steps of a normal number are 1024 to 2048: 2048 carries into the exponent by itself.
    sign | (((exponent + 14) as u32 * 1024) + steps) as u16
}

pub fn from_half(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let magnitude = match exponent {
        0 => fraction * 2.0_f64.powi(-24),
        _ => (1.0 + fraction / 1024.0) * 2.0_f64.powi(exponent - 15),
    };
    (if bits >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }) as f32
}

/// K-CODE-1 of one row: x̂ of x′.
pub fn unit(metric: u8, x: &[f32]) -> Vec<f32> {
    if metric != 2 {
        return x.to_vec();
    }
    let squares: Vec<f32> = x.iter().map(|x| x * x).collect();
    let factor = 1.0 / s16(&squares).sqrt();
    x.iter().map(|x| x * factor).collect()
}

/// K-CODE-1: the mean.
pub fn mean(rows: &[Vec<f32>]) -> Vec<f32> {
    (0..rows[0].len())
        .map(|i| {
            let mut total = 0.0_f64;
            for run in rows.chunks(4096) {
                let mut sum = 0.0_f64;
                for row in run {
                    sum += f64::from(row[i]);
                }
                total += sum;
            }
            (total / rows.len() as f64) as f32
        })
        .collect()
}

/// K-ROT.
pub fn rotate(seed: u64, u: &[f32]) -> Vec<f32> {
    let mut r = u.to_vec();
    let mut x = seed;
    for run in r.chunks_mut(4) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        for (part, value) in x.to_le_bytes().chunks(2).zip(run) {
            if part[1] >= 128 {
                *value = -*value;
            }
        }
    }
    let m = r.len().ilog2();
    let p = 1 << m;
    transform(&mut r[..p], m);
    if r.len() != p {
        let from = r.len() - p;
        transform(&mut r[from..], m);
    }
    r
}

fn transform(values: &mut [f32], m: u32) {
    let s = match m % 2 {
        0 => 2.0_f32.powi(-(m as i32) / 2),
        _ => 2.0_f32.powi(-(m as i32 - 1) / 2) * f32::from_bits(0x3F35_04F3),
    };
    values.iter_mut().for_each(|value| *value *= s);
    let mut h = 1;
    while h < values.len() {
        for j in (0..values.len()).filter(|j| j & h == 0) {
            let (a, b) = (values[j], values[j + h]);
            values[j] = a + b;
            values[j + h] = a - b;
        }
        h *= 2;
    }
}

/// K-CODE-6, of a scale and s − Q.
pub fn bias(metric: u8, (scale, weight): (f32, u32)) -> f64 {
    let squared = f64::from(scale) * f64::from(scale) * f64::from(weight);
    match metric {
        0 => squared,
        1 => 0.0,
        _ => squared / 2.0,
    }
}

/// K-CODE-2 to K-CODE-4 and K-CODE-6: the words of the code, and the correction word.
pub fn code(
    metric: u8,
    seed: u64,
    unit: &[f32],
    centroid: &[f32],
    mean: &[f32],
    bias: f64,
) -> (Vec<u64>, u32) {
    let less = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x - y).collect::<Vec<f32>>();
    let u = less(unit, centroid);
    let r = rotate(seed, &u);
    let t = rotate(seed, &less(centroid, mean));
    let mut words = vec![0; r.len().div_ceil(64)];
    let (mut rho2, mut rho1, mut dot, mut sigma) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
    for (i, (value, t)) in r.iter().zip(&t).enumerate() {
        if *value >= 0.0 {
            words[i / 64] |= 1 << (i % 64);
            sigma += f64::from(*t);
        } else {
            sigma += f64::from(-*t);
        }
        rho2 += f64::from(*value) * f64::from(*value);
        rho1 += f64::from(value.abs());
    }
    for (u, c) in u.iter().zip(centroid) {
        dot += f64::from(*u) * f64::from(*c);
    }
    let kappa = if metric == 0 { 2.0 } else { 1.0 };
    let alpha = if rho1 == 0.0 {
        0.0
    } else {
        kappa * rho2 / rho1
    };
    let gamma = match metric {
        0 => rho2,
        1 => -dot,
        _ => rho2 / 2.0,
    };
    let beta = (gamma + alpha * sigma) - bias;
    (
        words,
        round_bits(beta as f32, 14) + round_bits(alpha as f32, 17) / (1 << 17),
    )
}

fn round_bits(value: f32, count: u32) -> u32 {
    let bits = u64::from(value.to_bits());
    let step = 1_u64 << count;
    let (below, rest) = (bits / step, bits % step);
    let up = rest > step / 2 || (rest == step / 2 && below % 2 == 1);
    ((below + u64::from(up)) * step) as u32
}

/// R-IDS-3.
pub fn id_hash(bytes: &[u8]) -> u32 {
    let mut x = 0xCBF2_9CE4_8422_2325_u64;
    for byte in bytes {
        x = (x ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3);
    }
    x ^= x >> 33;
    x = x.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    x ^= x >> 33;
    (x >> 32) as u32
}
