//! Vectors to pack, the same every time.

/// A generator of numbers.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 ^ (self.0 >> 29)
    }

    /// −1 to 1.
    pub fn uniform(&mut self) -> f32 {
        (self.next() >> 40) as f32 / 8_388_608.0 - 1.0
    }

    /// Next to normal: a sum of uniform numbers.
    pub fn normal(&mut self) -> f32 {
        (0..6).map(|_| self.uniform()).sum()
    }
}

/// Vectors around centres, as embeddings are: rows × dimension values.
pub fn clustered(rows: usize, dimension: usize) -> Vec<f32> {
    let mut numbers = Numbers::new(7 + dimension as u64);
    let centres: Vec<f32> = (0..12 * dimension).map(|_| numbers.normal()).collect();
    let mut vectors = Vec::with_capacity(rows * dimension);
    for row in 0..rows {
        let centre = &centres[row % 12 * dimension..][..dimension];
        vectors.extend(centre.iter().map(|c| 0.25 + c + 0.6 * numbers.normal()));
    }
    vectors
}

/// Whole numbers, −127 to 127.
pub fn integers(rows: usize, dimension: usize) -> Vec<f32> {
    let mut numbers = Numbers::new(3);
    (0..rows * dimension)
        .map(|_| (numbers.next() % 255) as f32 - 127.0)
        .collect()
}
