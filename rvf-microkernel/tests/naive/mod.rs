//! spec/kernel.md once more, in the plainest words: vectors, loops, no cleverness. It shares no code with the crate,
//! and the tests hold the crate against it.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests"
)]

pub(crate) mod code;
pub(crate) mod distance;
pub(crate) mod lists;
pub(crate) mod pack;
pub(crate) mod query;
pub(crate) mod scan;
pub(crate) mod search;

/// The three metrics, as format.md numbers them.
pub(crate) const METRICS: [u8; 3] = [0, 1, 2];
/// i8, f16, f32.
pub(crate) const KINDS: [u8; 3] = [0, 1, 2];

/// The payloads of a file, and what they are about.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) index: Vec<u8>,
    pub(crate) quant: Vec<u8>,
    pub(crate) vec_i8: Vec<u8>,
    pub(crate) vec_float: Vec<u8>,
    pub(crate) rows: usize,
    pub(crate) lists: usize,
    pub(crate) d: usize,
    pub(crate) metric: u8,
    pub(crate) kind: u8,
    pub(crate) seed: u64,
}

/// K-NUM-2.
pub(crate) fn s16(values: &[f32]) -> f32 {
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
    (l[0] + l[2]) + (l[1] + l[3])
}

pub(crate) fn products(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a * b).collect()
}

/// K-ROT.
pub(crate) fn rotate(u: &[f32], seed: u64) -> Vec<f32> {
    let d = u.len();
    let mut x = seed;
    let mut r = Vec::new();
    for (i, &value) in u.iter().enumerate() {
        if i % 4 == 0 {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
        }
        let is_negated = x & 1 << (16 * (i % 4) + 15) != 0;
        r.push(if is_negated { -value } else { value });
    }
    let mut m = 0;
    while 2_usize << m <= d {
        m += 1;
    }
    let p = 1 << m;
    hadamard(&mut r[..p], m);
    if p != d {
        hadamard(&mut r[d - p..], m);
    }
    r
}

fn hadamard(values: &mut [f32], m: i32) {
    let p = values.len();
    let s = if m % 2 == 0 {
        2.0_f32.powi(-m / 2)
    } else {
        2.0_f32.powi(-(m - 1) / 2) * 0.707_106_77
    };
    for value in &mut *values {
        *value *= s;
    }
    let mut h = 1;
    while h < p {
        for j in 0..p {
            if j & h == 0 {
                let (a, b) = (values[j], values[j + h]);
                values[j] = a + b;
                values[j + h] = a - b;
            }
        }
        h *= 2;
    }
}

/// The value of an f16, an exponent of 31 being an exponent like any other.
pub(crate) fn f16_to_f32(h: u16) -> f32 {
    let sign = if h >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(h >> 10 & 31);
    let fraction = f64::from(h & 1023);
    let value = if exponent == 0 {
        fraction * 2.0_f64.powi(-24)
    } else {
        (1024.0 + fraction) * 2.0_f64.powi(exponent - 25)
    };
    (sign * value) as f32
}

/// The nearest f16, ties to even. The value is in range.
pub(crate) fn f32_to_f16(x: f32) -> u16 {
    let sign = if x.is_sign_negative() { 0x8000 } else { 0 };
    let magnitude = x.abs();
    // The bits of an f16 count up with its value, so the nearest one is found by halving.
    let (mut low, mut high) = (0_u16, 0x7BFF);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if f16_to_f32(middle) <= magnitude {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    let below = f64::from(magnitude) - f64::from(f16_to_f32(low));
    let above = f64::from(f16_to_f32(low + 1)) - f64::from(magnitude);
    sign | if above < below || (above == below && low & 1 == 1) {
        low + 1
    } else {
        low
    }
}

/// Zeros up to the next multiple of `step`.
pub(crate) fn fill(bytes: &mut Vec<u8>, step: usize) {
    bytes.resize(bytes.len().next_multiple_of(step), 0);
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(crate) fn f32_at(bytes: &[u8], at: usize) -> f32 {
    f32::from_bits(u32_at(bytes, at))
}
