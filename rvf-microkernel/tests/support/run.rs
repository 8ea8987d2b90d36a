//! Ways to run a query.

use rvf_microkernel::{
    Backend, Data, Error, Hit, Index, Mode, Need, Params, Query, Region, Regions, Step, search,
    state_len,
};

use crate::naive::File;
use crate::naive::pack::float_stride;
use crate::naive::search::{Ask, Hits, Stats};

/// Hits with the bits of their distances.
pub(crate) fn bits(hits: &Hits) -> Vec<(u32, u32)> {
    hits.iter().map(|hit| (hit.0, hit.1.to_bits())).collect()
}

/// The mean's bytes, as far as the file has them.
pub(crate) fn mean(file: &File) -> &[u8] {
    file.index.get(128..128 + 4 * file.d).unwrap_or_default()
}

pub(crate) fn regions<'a>(file: &'a File, ask: &Ask<'a>) -> Regions<'a> {
    Regions {
        index: &file.index,
        quant: &file.quant,
        vec_i8: &file.vec_i8,
        vec_float: &file.vec_float,
        filter: ask.filter.unwrap_or_default(),
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
    let (n, stats) = search(
        &index,
        mean(file),
        data,
        &params,
        q,
        backend,
        &mut memory,
        &mut hits,
    )?;
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

/// Exact search: a query that is offered the records of the live vectors, `block` at once.
pub(crate) fn run_blocks(
    file: &File,
    q: &[f32],
    params: Params,
    backend: Backend,
    ask: &Ask<'_>,
    block: usize,
) -> Result<(Hits, Stats), Error> {
    let index = Index::parse(&file.index)?;
    let mut memory = vec![0x5A5A_A5A5_5A5A_A5A5; state_len(&index, &params)?];
    let mut hits = vec![Hit::default(); params.k as usize];
    let mut query = Query::begin(&index, mean(file), &params, q, backend, &mut memory)?;
    assert_eq!(query.step(&mut Regions::default()), Ok(Step::Done));
    for records in live_records(file, ask)?.chunks(block * index.record_len() as usize) {
        query.offer_block(records)?;
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

/// The records of the most exact kind, of the live vectors.
pub(crate) fn live_records(file: &File, ask: &Ask<'_>) -> Result<Vec<u8>, Error> {
    let (records, stride) = if file.kind == 0 {
        (&file.vec_i8, 12 + 4 * file.d.div_ceil(4))
    } else {
        (&file.vec_float, float_stride(file.kind, file.d))
    };
    let mut live = Vec::new();
    for n in (0..file.rows).filter(|&n| ask.live(n)) {
        let record = records.get(n * stride..(n + 1) * stride);
        live.extend(record.ok_or(Error::BadData)?);
    }
    Ok(live)
}

/// Gives only what was asked for at the last step, and forgets it when new needs are written down.
pub(crate) struct Fed<'a> {
    pub(crate) all: Regions<'a>,
    pub(crate) fed: Vec<Need>,
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

/// More steps than any query of the tests takes.
const STEPS: usize = 200_000;

/// A search that is fed the filter of each step and the first `feed` ranges behind it. Ranges that the file does
/// not have are bad data, as they are for a host.
pub(crate) fn run_starved(
    file: &File,
    q: &[f32],
    params: Params,
    backend: Backend,
    ask: &Ask<'_>,
    feed: usize,
) -> Result<(Hits, Stats), Error> {
    run_watched(file, q, params, backend, ask, feed, &mut |_| ())
}

/// The same, and `watch` sees the needs of each step.
pub(crate) fn run_watched(
    file: &File,
    q: &[f32],
    params: Params,
    backend: Backend,
    ask: &Ask<'_>,
    feed: usize,
    watch: &mut dyn FnMut(&[Need]),
) -> Result<(Hits, Stats), Error> {
    let index = Index::parse(&file.index)?;
    let mut memory = vec![u64::MAX; state_len(&index, &params)?];
    let mut hits = vec![Hit::default(); params.k as usize];
    let mut query = Query::begin(&index, mean(file), &params, q, backend, &mut memory)?;
    let mut data = Fed {
        all: regions(file, ask),
        fed: Vec::new(),
    };
    let mut steps = 0;
    while let Step::Needs(n) = query.step(&mut data)? {
        steps += 1;
        assert!(steps < STEPS, "the query does not get on");
        let needs = query.needs();
        assert!(n >= 1 && n <= params.max_needs && needs.len() == n as usize);
        watch(needs);
        for need in needs {
            assert!(need.len >= 1 && need.len <= params.window, "{need:?}");
            if data.all.get(need.region, need.offset, need.len).is_none() {
                return Err(Error::BadData);
            }
        }
        for (i, need) in needs.iter().enumerate() {
            if need.region == Region::Filter {
                assert_eq!(i, 0, "K-ABI-4: the filter stands before the groups");
                assert_eq!((need.offset, need.len as usize), (0, file.rows.div_ceil(8)));
            }
        }
        let filter = usize::from(needs[0].region == Region::Filter);
        data.fed = needs.iter().take(filter + feed).copied().collect();
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

/// K-ABI-3.
pub(crate) fn least_window(file: &File, ask: &Ask<'_>) -> u32 {
    let group = 256 * file.d.div_ceil(64) + 256;
    let bitmap = if ask.filter.is_some() {
        file.rows.div_ceil(8)
    } else {
        0
    };
    group.max(bitmap) as u32
}

/// The parameters of a question, for data that are all at hand.
pub(crate) fn params(ask: &Ask<'_>, mode: Mode) -> Params {
    Params {
        mode,
        probes: ask.probes as u32,
        slack: ask.slack,
        pool: ask.pool as u32,
        filter: ask.filter.is_some(),
        ..Params::new(ask.k as u32)
    }
}
