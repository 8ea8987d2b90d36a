//! Random data, the same each time.

/// A small random number generator (xorshift64*).
#[derive(Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// Roughly normal, −3 to 3.
    pub(crate) fn normal(&mut self) -> f32 {
        (0..6)
            .map(|_| (self.next() >> 40) as f32 / (1 << 24) as f32 - 0.5)
            .sum()
    }

    /// Rows around a few centres, some of them twice.
    pub(crate) fn clustered(&mut self, rows: usize, d: usize) -> Vec<Vec<f32>> {
        let centres: Vec<Vec<f32>> = (0..8)
            .map(|_| (0..d).map(|_| self.normal() * 2.0 + 0.3).collect())
            .collect();
        let mut out: Vec<Vec<f32>> = Vec::new();
        for _ in 0..rows {
            if !out.is_empty() && self.below(20) == 0 {
                let twin = out[self.below(out.len())].clone();
                out.push(twin);
            } else {
                let centre = &centres[self.below(8)];
                out.push(centre.iter().map(|c| c + self.normal()).collect());
            }
        }
        out
    }

    pub(crate) fn near(&mut self, input: &[Vec<f32>]) -> Vec<f32> {
        let row = &input[self.below(input.len())];
        row.iter().map(|v| v + self.normal() * 0.5).collect()
    }

    /// A bitmap in which one of `of` bits is one.
    pub(crate) fn rare(&mut self, rows: usize, of: usize) -> Vec<u8> {
        let mut bytes = vec![0; rows.div_ceil(8)];
        for n in 0..rows {
            if self.below(of) == 0 {
                bytes[n / 8] |= 1 << (n % 8);
            }
        }
        bytes
    }

    /// A bitmap in which one of `of` bits is zero.
    pub(crate) fn bitmap(&mut self, rows: usize, of: usize) -> Vec<u8> {
        let mut bytes = vec![0; rows.div_ceil(8)];
        for n in 0..rows {
            if self.below(of) != 0 {
                bytes[n / 8] |= 1 << (n % 8);
            }
        }
        bytes
    }
}
