//! The scan of lists and the ranking: K-SCAN and K-RANK.

use std::cmp::Ordering;

use super::lists::{BadData, List, bytes};
use super::query::Planes;
use super::search::Stats;
use super::u32_at;

/// A ≤ b, and neither is NaN.
fn at_most(a: f32, b: f32) -> bool {
    matches!(a.partial_cmp(&b), Some(Ordering::Less | Ordering::Equal))
}

/// What was ranked: vector number, what orders equal distances, distance.
pub(crate) type Ranked = (usize, u32, f32);

/// The state of K-SCAN-1, and what decides about an entry.
pub(crate) struct Scan<'a> {
    pub(crate) planes: &'a Planes,
    pub(crate) d: usize,
    /// Vector numbers lie below this.
    pub(crate) limit: usize,
    pub(crate) k: usize,
    pub(crate) p: usize,
    pub(crate) capacity: usize,
    /// Is the vector wanted? The second argument: it is a second entry.
    pub(crate) wanted: &'a dyn Fn(usize, bool) -> bool,
    /// What orders equal distances, and the distance of a vector.
    pub(crate) distance: &'a dyn Fn(usize) -> Result<(u32, f32), BadData>,
    pub(crate) estimates: Vec<f32>,
    pub(crate) buffer: Vec<(usize, f32)>,
    /// Sorted.
    pub(crate) pool: Vec<Ranked>,
    pub(crate) stats: &'a mut Stats,
}

impl Scan<'_> {
    fn bound(&self) -> f32 {
        if self.estimates.len() < self.k {
            f32::INFINITY
        } else {
            self.estimates[self.k - 1]
        }
    }

    fn list(&mut self, list: &List<'_>) -> Result<(), BadData> {
        let words = self.d.div_ceil(64);
        let mut at = list.offset;
        let total = list.own + list.second;
        for start in (0..total).step_by(32) {
            let count = 32.min(total - start);
            let numbered = start + count > list.own;
            let tiles = count.div_ceil(4);
            let codes = tiles * 32 * words;
            let len = codes + 16 * tiles + if numbered { 16 * tiles } else { 0 };
            let group = bytes(list.region, at, len)?;
            at += len as u64;
            let t = self.bound();
            for i in 0..count {
                let second = start + i >= list.own;
                let number = if second {
                    u32_at(group, codes + 16 * tiles + 4 * i) as usize
                } else {
                    list.first + start + i
                };
                let code: Vec<u64> = (0..words)
                    .map(|w| {
                        let at = (i / 4) * 32 * words + 32 * w + 8 * (i % 4);
                        u64::from(u32_at(group, at)) | u64::from(u32_at(group, at + 4)) << 32
                    })
                    .collect();
                let word = u32_at(group, codes + 4 * i);
                self.entry(&code, word, (number, second), list.base, t)?;
            }
            self.end_of_group()?;
        }
        Ok(())
    }

    /// K-SCAN-2 to K-SCAN-4.
    fn entry(
        &mut self,
        code: &[u64],
        word: u32,
        (n, second): (usize, bool),
        b: f32,
        t: f32,
    ) -> Result<(), BadData> {
        let planes = self.planes;
        let beta = f32::from_bits(word >> 14 << 14);
        let alpha = f32::from_bits((word % (1 << 14)) << 17);
        let ones = |plane: &[u64]| -> i32 {
            let bits = code.iter().zip(plane).map(|(z, p)| (z ^ p).count_ones());
            bits.sum::<u32>() as i32
        };
        self.stats[0] += 1;
        let h1 = ones(&planes.sign);
        let df = self.d as f32;
        let lower = beta - alpha * ((planes.g1 * df + planes.e1) - (2.0 * planes.g1) * h1 as f32);
        if !at_most(lower, t - b) {
            return Ok(());
        }
        self.stats[1] += 1;
        let h0 = ones(&planes.low);
        let s = planes.g2 * (3 * self.d as i32 - 4 * h1 - 2 * h0) as f32;
        let estimate = (beta - alpha * s) + b;
        let lower = (beta - alpha * (s + planes.e2)) + b;
        if !at_most(lower, t) {
            return Ok(());
        }
        if n >= self.limit {
            return Err(BadData);
        }
        if !(self.wanted)(n, second) {
            return Ok(());
        }
        if !estimate.is_nan() {
            self.estimates.push(estimate);
            self.estimates.sort_by(f32::total_cmp);
            self.estimates.truncate(self.k);
        }
        self.buffer.push((n, lower));
        Ok(())
    }

    /// K-SCAN-5.
    fn end_of_group(&mut self) -> Result<(), BadData> {
        if self.capacity - self.buffer.len() < 32 {
            self.rank()?;
        }
        Ok(())
    }

    /// K-RANK-1.
    fn rank(&mut self) -> Result<(), BadData> {
        let t = self.bound();
        for (n, lower) in std::mem::take(&mut self.buffer) {
            if lower > t {
                continue;
            }
            if self.pool.len() == self.p && lower > self.pool[self.p - 1].2 {
                continue;
            }
            self.stats[2] += 1;
            let (tie, distance) = (self.distance)(n)?;
            self.pool.push((n, tie, distance));
            self.pool
                .sort_by(|a, b| a.2.total_cmp(&b.2).then(a.1.cmp(&b.1)));
            self.pool.truncate(self.p);
        }
        Ok(())
    }
}

/// A scan of lists and the ranking: the pool.
pub(crate) fn scan(mut scan: Scan<'_>, lists: &[List<'_>]) -> Result<Vec<Ranked>, BadData> {
    for list in lists {
        scan.list(list)?;
    }
    scan.rank()?;
    Ok(scan.pool)
}
