//! The native twin: the same kernel source, linked into this host.

mod exact;
mod ranges;

use std::sync::Arc;

use rvf_microkernel as kernel;
use rvf_microkernel::{Backend, Params, Region};
use rvf_types::SegmentHash;

use super::Task;
use crate::answer::{Hit, Stats};
use crate::effort::Plan;
use crate::error::HostError;
use crate::reader::Reader;

use ranges::{Copies, Source};

/// Where the source is not in memory, ranges of at most so many bytes are asked for, or more where the kernel must.
const WINDOW: u32 = 1 << 20;
/// Bytes of ranges that are read for one step.
const ARENA: usize = 16 << 20;
const MAX_NEEDS: u32 = kernel::MAX_NEEDS;

/// Number of the segment of each region of a file.
type Regions = [Option<usize>; Region::COUNT];

/// A kernel that this host has a native twin of, by the hash of its module.
pub(crate) fn twin_of(hash: &SegmentHash) -> Option<&'static kernel::prebuilt::Kernel> {
    kernel::prebuilt::known(&hash.0)
}

/// The twin for one file.
#[derive(Debug, Clone)]
pub(crate) struct NativeEngine {
    index: kernel::Index,
    mean: Arc<[u8]>,
    backend: Backend,
    regions: Regions,
}

impl NativeEngine {
    pub(crate) fn new(reader: &Reader, backend: Option<&str>) -> Result<Self, HostError> {
        let backend = match backend {
            None => Backend::best(),
            Some(name) => Backend::by_name(name).ok_or_else(|| HostError::Backend {
                name: name.to_owned(),
                available: super::native_backends(),
            })?,
        };
        let start = reader.index_start()?;
        Ok(Self {
            index: kernel::Index::parse(&start).map_err(kernel_error)?,
            mean: start.get(kernel::HEAD_LEN..).unwrap_or_default().into(),
            backend,
            regions: reader.regions()?,
        })
    }

    pub(crate) const fn backend_name(&self) -> &'static str {
        self.backend.name()
    }

    fn params(&self, task: &Task<'_>, in_place: bool) -> Params {
        let mut params = Params::new(task.k);
        params.max_needs = MAX_NEEDS;
        match task.plan {
            Plan::Exact => params.mode = kernel::Mode::Blocks,
            Plan::Coded {
                probes,
                slack,
                pool,
                ..
            } => {
                params.probes = probes;
                params.slack = slack;
                params.pool = pool;
                params.filter = task.filter.is_some();
                if !in_place {
                    params.window = WINDOW.max(self.index.least_window(params.filter));
                }
            }
        }
        params
    }
}

/// The memory of one thread's queries.
#[derive(Debug)]
pub(crate) struct NativeSession {
    engine: NativeEngine,
    state: Vec<u64>,
    hits: Vec<kernel::Hit>,
    copies: Copies,
}

impl NativeSession {
    pub(crate) fn new(engine: &NativeEngine) -> Self {
        Self {
            engine: engine.clone(),
            state: Vec::new(),
            hits: Vec::new(),
            copies: Copies::default(),
        }
    }

    pub(crate) fn search(
        &mut self,
        reader: &Reader,
        task: &Task<'_>,
        hits: &mut Vec<Hit>,
    ) -> Result<Stats, HostError> {
        let file = reader.file();
        let engine = &self.engine;
        let params = engine.params(task, file.is_in_place());
        // What was there before is not cleared: a query writes each part of its memory before it reads it.
        let words = kernel::state_len(&engine.index, &params).map_err(kernel_error)?;
        if self.state.len() < words {
            self.state.resize(words, 0);
        }
        let mut query = kernel::Query::begin(
            &engine.index,
            &engine.mean,
            &params,
            task.vector,
            engine.backend,
            &mut self.state,
        )
        .map_err(kernel_error)?;
        let mut stats = Stats::default();
        match task.plan {
            Plan::Exact => {
                let arena = &mut self.copies.arena;
                exact::run(reader, task.filter, &mut query, arena, &mut stats)?;
            }
            Plan::Coded { .. } => {
                let source = Source {
                    file,
                    regions: &engine.regions,
                    filter: task.filter,
                };
                ranges::run(&source, &mut query, &mut self.copies, &mut stats)?;
            }
        }
        let most = task.k as usize;
        if self.hits.len() < most {
            self.hits.resize(most, kernel::Hit::default());
        }
        let place = self.hits.get_mut(..most).unwrap_or_default();
        let count = query.results(place).map_err(kernel_error)?;
        hits.extend(self.hits.iter().take(count).map(|hit| Hit {
            row: hit.row,
            distance: hit.distance,
        }));
        Ok(stats)
    }
}

pub(crate) fn kernel_error(error: kernel::Error) -> HostError {
    HostError::Kernel { error }
}
