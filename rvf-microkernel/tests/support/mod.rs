//! Data for the tests, and ways to run a query.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests"
)]

use std::collections::HashMap;

use rvf_microkernel::{
    Backend, Data, Error, Hit, Index, Need, Params, Query, Region, Regions, Step, search, state_len,
};

use crate::naive::File;
use crate::naive::search::{Ask, Hits, Stats};

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

/// Hits with the bits of their distances.
pub(crate) fn bits(hits: &Hits) -> Vec<(u32, u32)> {
    hits.iter().map(|hit| (hit.0, hit.1.to_bits())).collect()
}

pub(crate) fn regions<'a>(file: &'a File, ask: &Ask<'a>) -> Regions<'a> {
    Regions {
        index: &file.index,
        quant: &file.quant,
        vec_i8: &file.vec_i8,
        vec_float: &file.vec_float,
        filter: ask.filter.unwrap_or_default(),
        deletes: ask.deletes.unwrap_or_default(),
    }
}

fn pairs(hits: &[Hit]) -> Hits {
    hits.iter().map(|hit| (hit.row, hit.distance)).collect()
}

/// A search with everything at hand.
pub(crate) fn run<'a>(
    file: &File,
    q: &[f32],
    params: Params,
    backend: Backend,
    data: &mut impl Data<'a>,
) -> Result<(Hits, Stats), Error> {
    let index = Index::parse(&file.index)?;
    // Memory that holds garbage must do.
    let mut memory = vec![0xA5A5_5A5A_A5A5_5A5A; state_len(&index, &params)?];
    let mut hits = vec![Hit::default(); params.k as usize];
    let (n, stats) = search(&index, data, &params, q, backend, &mut memory, &mut hits)?;
    Ok((
        pairs(&hits[..n]),
        [
            stats.scanned,
            stats.second_looks,
            stats.ranked,
            stats.float_distances,
        ],
    ))
}

/// Gives only what was asked for at the last step, and forgets it when new needs are written down.
struct Fed<'a> {
    all: Regions<'a>,
    fed: Vec<Need>,
}

impl<'a> Data<'a> for Fed<'a> {
    fn get(&mut self, region: Region, offset: u64, len: u32) -> Option<&'a [u8]> {
        let end = offset + u64::from(len);
        let inside = |need: &Need| {
            need.region == region
                && need.offset <= offset
                && end <= need.offset + u64::from(need.len)
        };
        if self.fed.iter().any(inside) {
            self.all.get(region, offset, len)
        } else {
            None
        }
    }

    fn before_needs(&mut self) {
        self.fed.clear();
    }
}

/// A search that is fed the first `feed` ranges of each step (and the bitmaps that belong to them).
pub(crate) fn run_starved(
    file: &File,
    q: &[f32],
    params: Params,
    backend: Backend,
    ask: &Ask<'_>,
    feed: usize,
) -> Result<(Hits, Stats), Error> {
    let index = Index::parse(&file.index)?;
    let mut memory = vec![u64::MAX; state_len(&index, &params)?];
    let mut hits = vec![Hit::default(); params.k as usize];
    let mut query = Query::begin(&index, &params, q, backend, &mut memory)?;
    let mut data = Fed {
        all: regions(file, ask),
        fed: Vec::new(),
    };
    let lengths: HashMap<u32, usize> = [
        (Region::Index, file.index.len()),
        (Region::Quant, file.quant.len()),
        (Region::VecI8, file.vec_i8.len()),
        (Region::VecFloat, file.vec_float.len()),
        (Region::Filter, file.rows.div_ceil(8)),
        (Region::Deletes, file.rows.div_ceil(8)),
    ]
    .map(|(region, len)| (region as u32, len))
    .into();
    while let Step::Needs(n) = query.step(&mut data)? {
        let needs = query.needs();
        assert!(n >= 1 && n <= params.max_needs && needs.len() == n as usize);
        for need in needs {
            assert!(need.len >= 1 && need.len <= params.window);
            assert!(need.offset + u64::from(need.len) <= lengths[&(need.region as u32)] as u64);
        }
        let bitmaps = needs
            .iter()
            .skip(feed)
            .take_while(|need| matches!(need.region, Region::Filter | Region::Deletes))
            .count();
        data.fed = needs.iter().take(feed + bitmaps).copied().collect();
    }
    let n = query.results(&mut hits)?;
    let stats = query.stats();
    Ok((
        pairs(&hits[..n]),
        [
            stats.scanned,
            stats.second_looks,
            stats.ranked,
            stats.float_distances,
        ],
    ))
}
