//! A search by kernel.md, section 6.

use std::cmp::Ordering;

use super::distance::{centroid_distance, float_distance, integer_distance};
use super::pack::float_stride;
use super::query::Planes;
pub(crate) use super::query::Ask;
use super::{File, f32_at, u32_at};

/// Row and distance.
pub(crate) type Hits = Vec<(u32, f32)>;

/// Rows scanned, second looks, integer distances, float distances.
pub(crate) type Stats = [u32; 4];

/// K-ABI-6, or a range that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadData;

pub(crate) type Answer = Result<(Hits, Stats), BadData>;

fn bytes(region: &[u8], at: u64, len: usize) -> Result<&[u8], BadData> {
    let at = usize::try_from(at).map_err(|_| BadData)?;
    let end = at.checked_add(len).ok_or(BadData)?;
    region.get(at..end).ok_or(BadData)
}

/// An i8 or float record, the row of which is in range.
fn record<'a>(file: &File, region: &'a [u8], stride: usize, n: usize) -> Result<&'a [u8], BadData> {
    let record = bytes(region, (n * stride) as u64, stride)?;
    let row = u32_at(record, 0) as usize;
    if row >= file.rows || (file.lists == 1 && row != n) {
        return Err(BadData);
    }
    Ok(record)
}

fn i8_stride(file: &File) -> usize {
    12 + 4 * file.d.div_ceil(4)
}

fn i8_record(file: &File, n: usize) -> Result<&[u8], BadData> {
    record(file, &file.vec_i8, i8_stride(file), n)
}

fn float_record(file: &File, n: usize) -> Result<&[u8], BadData> {
    record(file, &file.vec_float, float_stride(file.kind, file.d), n)
}

fn order(hits: &mut Hits) {
    hits.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
}

/// A ≤ b, and neither is NaN.
fn at_most(a: f32, b: f32) -> bool {
    matches!(a.partial_cmp(&b), Some(Ordering::Less | Ordering::Equal))
}

/// The exact mode.
pub(crate) fn exact(file: &File, q: &[f32], ask: &Ask<'_>) -> Answer {
    let mut hits = Hits::new();
    let mut stats = [file.rows as u32, 0, 0, 0];
    for n in (0..file.rows).filter(|&n| ask.live(n)) {
        if file.kind == 0 {
            stats[2] += 1;
            let record = i8_record(file, n)?;
            hits.push((u32_at(record, 0), integer_distance(file, q, record)));
        } else {
            stats[3] += 1;
            let record = float_record(file, n)?;
            hits.push((u32_at(record, 0), float_distance(file, q, record)));
        }
    }
    order(&mut hits);
    hits.truncate(ask.k);
    Ok((hits, stats))
}

/// An entry of the list directory, or the centroids as a list.
#[derive(Debug)]
struct List<'a> {
    region: &'a [u8],
    offset: u64,
    own: usize,
    second: usize,
    first: usize,
    base: f32,
}

impl List<'_> {
    fn owns(&self, n: usize) -> bool {
        self.first <= n && n < self.first + self.own
    }
}

/// Where the parts of the INDEX are.
fn directory(file: &File) -> usize {
    (128 + 4 * file.d).next_multiple_of(64)
}

fn centroid_codes(file: &File) -> usize {
    (directory(file) + 32 * file.lists).next_multiple_of(64)
}

fn centroid_records(file: &File) -> usize {
    let (full, rest) = (file.lists / 32, file.lists % 32);
    let words = file.d.div_ceil(64);
    let group = |m: usize| m.div_ceil(4) * 32 * words + 4 * m;
    (centroid_codes(file) + full * group(32) + group(rest)).next_multiple_of(64)
}

fn list(file: &File, l: usize, base: f32) -> Result<List<'_>, BadData> {
    let entry = bytes(&file.index, (directory(file) + 32 * l) as u64, 32)?;
    let list = List {
        region: &file.quant,
        offset: u64::from(u32_at(entry, 0)) | u64::from(u32_at(entry, 4)) << 32,
        own: u32_at(entry, 8) as usize,
        second: u32_at(entry, 12) as usize,
        first: u32_at(entry, 16) as usize,
        base,
    };
    if list.first + list.own > file.rows || list.second > file.rows {
        return Err(BadData);
    }
    Ok(list)
}

/// Number, row and distance of what was ranked.
type Ranked = (usize, u32, f32);

/// The state of K-SCAN-1, and what decides about an entry.
struct Scan<'a> {
    planes: &'a Planes,
    d: usize,
    /// Vector numbers lie below this.
    limit: usize,
    k: usize,
    p: usize,
    capacity: usize,
    /// Is the vector wanted? The second argument: it is a second entry.
    wanted: &'a dyn Fn(usize, bool) -> bool,
    /// Row and distance of a vector.
    distance: &'a dyn Fn(usize) -> Result<(u32, f32), BadData>,
    estimates: Vec<f32>,
    buffer: Vec<(usize, f32)>,
    /// Sorted.
    pool: Vec<Ranked>,
    stats: &'a mut Stats,
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
            let codes = count.div_ceil(4) * 32 * words;
            let len = codes + 4 * count + if numbered { 4 * count } else { 0 };
            let group = bytes(list.region, at, len)?;
            at += len as u64;
            let t = self.bound();
            for i in 0..count {
                let number = if numbered {
                    u32_at(group, codes + 4 * count + 4 * i) as usize
                } else {
                    list.first + start + i
                };
                if number >= self.limit {
                    return Err(BadData);
                }
                let code: Vec<u64> = (0..words)
                    .map(|w| {
                        let at = (i / 4) * 32 * words + 32 * w + 8 * (i % 4);
                        u64::from(u32_at(group, at)) | u64::from(u32_at(group, at + 4)) << 32
                    })
                    .collect();
                let word = u32_at(group, codes + 4 * i);
                let second = start + i >= list.own;
                self.entry(&code, word, number, second, list.base, t);
            }
            self.end_of_group()?;
        }
        Ok(())
    }

    /// K-SCAN-2 to K-SCAN-4.
    fn entry(&mut self, code: &[u64], word: u32, n: usize, second: bool, b: f32, t: f32) {
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
            return;
        }
        self.stats[1] += 1;
        let h0 = ones(&planes.low);
        let s = planes.g2 * (3 * self.d as i32 - 4 * h1 - 2 * h0) as f32;
        let estimate = (beta - alpha * s) + b;
        let lower = (beta - alpha * (s + planes.e2)) + b;
        if !at_most(lower, t) || !(self.wanted)(n, second) {
            return;
        }
        if !estimate.is_nan() {
            self.estimates.push(estimate);
            self.estimates.sort_by(f32::total_cmp);
            self.estimates.truncate(self.k);
        }
        self.buffer.push((n, lower));
    }

    /// K-SCAN-5.
    fn end_of_group(&mut self) -> Result<(), BadData> {
        if self.capacity - self.buffer.len() < 32 {
            let t = self.bound();
            self.buffer.retain(|entry| at_most(entry.1, t));
            if self.buffer.len() > self.capacity / 2 {
                self.rank()?;
            }
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
            let (row, distance) = (self.distance)(n)?;
            self.pool.push((n, row, distance));
            self.pool
                .sort_by(|a, b| a.2.total_cmp(&b.2).then(a.1.cmp(&b.1)));
            self.pool.truncate(self.p);
        }
        Ok(())
    }
}

/// A scan of lists and the ranking: the pool.
fn scan(mut scan: Scan<'_>, lists: &[List<'_>]) -> Result<Vec<Ranked>, BadData> {
    for list in lists {
        scan.list(list)?;
    }
    scan.rank()?;
    Ok(scan.pool)
}

/// K-SCAN-1.
fn capacity(file: &File, ask: &Ask<'_>) -> usize {
    let visits = ask.visits(file.lists);
    512 + 16 * ask.pool.max(if file.lists == 1 { 0 } else { visits })
}

/// K-PROBE: the lists that are visited, in order, with their bases.
fn probe(
    file: &File,
    q: &[f32],
    ask: &Ask<'_>,
    planes: &Planes,
    stats: &mut Stats,
) -> Result<Vec<(usize, f32)>, BadData> {
    if file.lists == 1 {
        return Ok(vec![(0, planes.base)]);
    }
    let visits = ask.visits(file.lists);
    let stride = i8_stride(file);
    let distance = |l: usize| {
        let at = centroid_records(file) + l * stride;
        let record = bytes(&file.index, at as u64, stride)?;
        if u32_at(record, 0) as usize != l {
            return Err(BadData);
        }
        Ok((l as u32, centroid_distance(file, q, record)))
    };
    let centroids = List {
        region: &file.index,
        offset: centroid_codes(file) as u64,
        own: file.lists,
        second: 0,
        first: 0,
        base: planes.base,
    };
    let pool = scan(
        Scan {
            planes,
            d: file.d,
            limit: file.lists,
            k: visits,
            p: visits,
            capacity: capacity(file, ask),
            wanted: &|_, _| true,
            distance: &distance,
            estimates: Vec::new(),
            buffer: Vec::new(),
            pool: Vec::new(),
            stats,
        },
        &[centroids],
    )?;
    Ok(pool
        .iter()
        .map(|&(l, _, distance)| (l, distance))
        .collect())
}

/// The lists that a coded search visits, in order.
pub(crate) fn visited(file: &File, q: &[f32], ask: &Ask<'_>) -> Result<Vec<usize>, BadData> {
    let planes = Planes::new(file, q, ask.slack);
    let lists = probe(file, q, ask, &planes, &mut [0; 4])?;
    Ok(lists.iter().map(|&(l, _)| l).collect())
}

/// The coded search.
pub(crate) fn coded(file: &File, q: &[f32], ask: &Ask<'_>) -> Answer {
    bytes(&file.index, 128, 4 * file.d)?;
    let planes = Planes::new(file, q, ask.slack);
    if !planes.delta2.is_finite() {
        return Err(BadData);
    }
    let mut stats = [0; 4];
    let lists = probe(file, q, ask, &planes, &mut stats)?
        .into_iter()
        .map(|(l, base)| list(file, l, base))
        .collect::<Result<Vec<_>, _>>()?;
    let pool = scan(
        Scan {
            planes: &planes,
            d: file.d,
            limit: file.rows,
            k: ask.k,
            p: ask.pool,
            capacity: capacity(file, ask),
            wanted: &|n, second| {
                !(second && lists.iter().any(|list| list.owns(n))) && ask.live(n)
            },
            distance: &|n| {
                let record = i8_record(file, n)?;
                Ok((u32_at(record, 0), integer_distance(file, q, record)))
            },
            estimates: Vec::new(),
            buffer: Vec::new(),
            pool: Vec::new(),
            stats: &mut stats,
        },
        &lists,
    )?;

    // K-RANK-3
    let mut hits = Hits::new();
    for (n, row, distance) in pool {
        if file.kind == 0 {
            hits.push((row, distance));
        } else {
            stats[3] += 1;
            hits.push((row, float_distance(file, q, float_record(file, n)?)));
        }
    }
    order(&mut hits);
    hits.truncate(ask.k);
    Ok((hits, stats))
}
