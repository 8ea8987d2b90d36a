//! The kernel, run over what is in memory.

use rvf_microkernel::{Backend, Data, Hit, Index, Mode, Params, Query, Stats, Step, state_len};

use crate::error::{Error, reserved};

/// The memory of queries, kept from one to the next.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    state: Vec<u64>,
    hits: Vec<Hit>,
    stats: Stats,
}

/// What is searched: an index, its mean, and the query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) index: &'a Index,
    pub(crate) mean: &'a [u8],
    pub(crate) vector: &'a [f32],
    /// The row that its first one is in the store.
    pub(crate) first_row: u32,
}

impl Scanner {
    /// Forgets the hits of the query before.
    pub(crate) fn clear(&mut self) {
        self.hits.clear();
        self.stats = Stats::default();
    }

    /// The k best hits of all parts, and what they cost.
    pub(crate) fn finish(&mut self, k: usize) -> (&[Hit], Stats) {
        self.hits.sort_unstable_by(|a, b| {
            a.distance
                .total_cmp(&b.distance)
                .then_with(|| a.row.cmp(&b.row))
        });
        self.hits.truncate(k);
        (&self.hits, self.stats)
    }

    /// Searches the codes of a part.
    pub(crate) fn coded<'a, D: Data<'a>>(
        &mut self,
        part: Part<'_>,
        params: &Params,
        data: &mut D,
    ) -> Result<(), Error> {
        self.run(part, params, |query| match query.step(data)? {
            Step::Done => Ok(0),
            Step::Needs(_) => Err(rvf_microkernel::Error::BadData.into()),
        })
    }

    /// Searches records, all of them.
    pub(crate) fn exact<'a>(
        &mut self,
        part: Part<'_>,
        k: u32,
        records: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), Error> {
        let params = Params {
            mode: Mode::Blocks,
            ..Params::new(k)
        };
        let length = part.index.record_len() as usize;
        self.run(part, &params, |query| {
            let mut offered = 0;
            for run in records {
                query.offer_block(run)?;
                offered += run.len() / length.max(1);
            }
            Ok(offered)
        })
    }

    fn run(
        &mut self,
        part: Part<'_>,
        params: &Params,
        work: impl FnOnce(&mut Query<'_>) -> Result<usize, Error>,
    ) -> Result<(), Error> {
        let words = state_len(part.index, params)?;
        if self.state.len() < words {
            self.state = reserved(words)?;
            self.state.resize(words, 0);
        }
        let mut query = Query::begin(
            part.index,
            part.mean,
            params,
            part.vector,
            Backend::best(),
            &mut self.state,
        )?;
        let offered = work(&mut query)?;
        let count = query.hit_count()? as usize;
        let before = self.hits.len();
        self.hits.try_reserve(count).map_err(|_| Error::Memory)?;
        self.hits.resize(before + count, Hit::default());
        let found = self.hits.get_mut(before..).unwrap_or_default();
        query.results(found)?;
        for hit in found {
            hit.row += part.first_row;
        }
        let stats = query.stats();
        self.stats.scanned += stats.scanned + offered as u32;
        self.stats.ranked += stats.ranked.max(stats.float_distances) + offered as u32;
        Ok(())
    }
}
