//! Random numbers that are the same on every machine.

/// splitmix64.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Evenly spread over 0 to `bound` − 1.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.word() % bound as u64) as usize
    }

    /// Evenly spread over 0 to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Close to a normal distribution of mean 0 and variance 1: twelve even numbers, summed. No function of the
    /// platform's mathematical library is in it.
    pub(crate) fn normal(&mut self) -> f32 {
        let mut sum = 0.0;
        for _ in 0..3 {
            let word = self.word();
            for part in 0..4 {
                sum += f64::from((word >> (16 * part)) as u16) + 0.5;
            }
        }
        (sum / 65_536.0 - 6.0) as f32
    }

    pub(crate) fn normals(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.normal()).collect()
    }
}
