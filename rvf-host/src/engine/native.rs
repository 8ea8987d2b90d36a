//! The native twin: the same kernel source, linked into this host.

use rvf_microkernel as kernel;
use rvf_microkernel::{Backend, Data, Need, Params, Region, Step};
use rvf_types::SegmentHash;

use super::Task;
use crate::answer::{Hit, Stats};
use crate::checked::{CheckedFile, Place, Span};
use crate::error::HostError;
use crate::query::Plan;
use crate::reader::Reader;

/// Where the source is not in memory, ranges of at most so many bytes are asked for, or more where the kernel must.
const WINDOW: u32 = 1 << 20;
/// Bytes of ranges that are read for one step.
const ARENA: usize = 16 << 20;
const MAX_NEEDS: u32 = kernel::MAX_NEEDS;

/// A kernel that this host has a native twin of, by the hash of its module.
pub(crate) fn twin_of(hash: &SegmentHash) -> Option<&'static kernel::prebuilt::Kernel> {
    kernel::prebuilt::known(&hash.0)
}

/// The twin for one file.
#[derive(Debug)]
pub(crate) struct NativeEngine {
    index: kernel::Index,
    backend: Backend,
    /// Number of the segment of each region of the file.
    regions: [Option<usize>; Region::COUNT],
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
        let head = reader.index_head_bytes()?;
        let index = kernel::Index::parse(&head).map_err(kernel_error)?;
        Ok(Self {
            index,
            backend,
            regions: reader.regions()?,
        })
    }

    pub(crate) const fn backend_name(&self) -> &'static str {
        self.backend.name()
    }
}

/// The memory of one thread's queries.
#[derive(Debug)]
pub(crate) struct NativeSession {
    index: kernel::Index,
    backend: Backend,
    regions: [Option<usize>; Region::COUNT],
    state: Vec<u64>,
    hits: Vec<kernel::Hit>,
    fed: Vec<Fed>,
    arena: Vec<u8>,
}

impl NativeSession {
    pub(crate) fn new(engine: &NativeEngine) -> Self {
        Self {
            index: engine.index,
            backend: engine.backend,
            regions: engine.regions,
            state: Vec::new(),
            hits: Vec::new(),
            fed: Vec::new(),
            arena: Vec::new(),
        }
    }

    fn params(&self, task: &Task<'_>, in_place: bool) -> Params {
        let mut params = Params::new(task.k);
        match task.plan {
            Plan::Exact => params.mode = kernel::Mode::Exact,
            Plan::Coded {
                probes,
                slack,
                pool,
                ..
            } => {
                params.probes = probes;
                params.slack = slack;
                params.pool = pool;
            }
        }
        params.filter = task.filter.is_some();
        params.window = if in_place {
            u32::MAX
        } else {
            WINDOW.max(self.index.least_window())
        };
        params.max_needs = MAX_NEEDS;
        params
    }

    pub(crate) fn search(
        &mut self,
        reader: &Reader,
        task: &Task<'_>,
        hits: &mut Vec<Hit>,
    ) -> Result<Stats, HostError> {
        let file = reader.file();
        let params = self.params(task, file.is_in_place());
        let words = kernel::state_len(&self.index, &params).map_err(kernel_error)?;
        if self.state.len() < words {
            self.state.resize(words, 0);
        }
        let mut query = kernel::Query::begin(
            &self.index,
            &params,
            task.vector,
            self.backend,
            &mut self.state,
        )
        .map_err(kernel_error)?;
        let mut stats = Stats::default();
        self.fed.clear();
        loop {
            stats.steps = stats.steps.saturating_add(1);
            let step = if file.is_in_place() {
                query.step(&mut InPlace::new(file, &self.regions, task.filter))
            } else {
                query.step(&mut Copied::new(&self.fed, &self.arena, task.filter))
            };
            match step.map_err(kernel_error)? {
                Step::Done => break,
                Step::Needs(_) => {
                    stats.fed_bytes += if file.is_in_place() {
                        check_in_place(file, &self.regions, query.needs())?
                    } else {
                        copy(
                            file,
                            &self.regions,
                            query.needs(),
                            &mut self.fed,
                            &mut self.arena,
                        )?
                    };
                }
            }
        }
        self.hits.resize(task.k as usize, kernel::Hit::default());
        let count = query.results(&mut self.hits).map_err(kernel_error)?;
        hits.extend(self.hits.iter().take(count).map(|hit| Hit {
            row: hit.row,
            distance: hit.distance,
        }));
        let counts = query.stats();
        stats.scanned = counts.scanned;
        stats.second_looks = counts.second_looks;
        stats.ranked = counts.ranked;
        stats.float_distances = counts.float_distances;
        Ok(stats)
    }
}

/// The span of a need; none for the filter, which is in memory.
fn span(regions: &[Option<usize>; Region::COUNT], need: &Need) -> Result<Option<Span>, HostError> {
    if matches!(need.region, Region::Filter | Region::Deletes) {
        return Ok(None);
    }
    let segment = regions.get(need.region as usize).copied().flatten();
    let segment = segment.ok_or_else(|| kernel_error(kernel::Error::BadData))?;
    let len = usize::try_from(need.len).map_err(|_| kernel_error(kernel::Error::BadData))?;
    Ok(Some(Span {
        segment,
        from: need.offset,
        len,
    }))
}

/// Checks what is needed; the kernel then finds it in place.
fn check_in_place(
    file: &CheckedFile,
    regions: &[Option<usize>; Region::COUNT],
    needs: &[Need],
) -> Result<u64, HostError> {
    let mut spans = Vec::with_capacity(needs.len());
    for need in needs {
        spans.extend(span(regions, need)?);
    }
    not_empty(spans.len())?;
    file.check(&spans)?;
    Ok(spans.iter().map(|span| span.len as u64).sum())
}

/// The kernel asks for nothing that it could be given: it would ask again and again.
fn not_empty(spans: usize) -> Result<(), HostError> {
    if spans > 0 {
        Ok(())
    } else {
        Err(kernel_error(kernel::Error::BadData))
    }
}

/// A range that was read into the arena.
#[derive(Debug, Clone, Copy)]
struct Fed {
    region: Region,
    offset: u64,
    len: usize,
    at: usize,
}

/// Reads a leading part of what is needed.
fn copy(
    file: &CheckedFile,
    regions: &[Option<usize>; Region::COUNT],
    needs: &[Need],
    fed: &mut Vec<Fed>,
    arena: &mut Vec<u8>,
) -> Result<u64, HostError> {
    fed.clear();
    let mut spans = Vec::with_capacity(needs.len());
    let mut end = 0;
    for need in needs {
        let Some(span) = span(regions, need)? else {
            continue;
        };
        if end > 0 && end + span.len > ARENA {
            break;
        }
        spans.push((span, end));
        fed.push(Fed {
            region: need.region,
            offset: need.offset,
            len: span.len,
            at: end,
        });
        end += span.len;
    }
    not_empty(spans.len())?;
    if arena.len() < end {
        arena.resize(end, 0);
    }
    file.copy(&spans, arena)?;
    Ok(end as u64)
}

/// Regions in place: what is not checked yet is not at hand.
struct InPlace<'a> {
    places: [Option<Place<'a>>; Region::COUNT],
    filter: Option<&'a [u8]>,
}

impl<'a> InPlace<'a> {
    fn new(
        file: &'a CheckedFile,
        regions: &[Option<usize>; Region::COUNT],
        filter: Option<&'a [u8]>,
    ) -> Self {
        Self {
            places: regions.map(|segment| file.place(segment?)),
            filter,
        }
    }
}

impl<'a> Data<'a> for InPlace<'a> {
    #[inline]
    fn get(&mut self, region: Region, offset: u64, len: u32) -> Option<&'a [u8]> {
        if region == Region::Filter {
            return bitmap(self.filter, offset, len);
        }
        let place = self.places.get(region as usize).and_then(Option::as_ref);
        place?.get(offset, len as usize)
    }
}

/// Ranges that were copied for one step.
struct Copied<'a> {
    fed: &'a [Fed],
    arena: &'a [u8],
    filter: Option<&'a [u8]>,
    /// Where the last range was found: the next one is most often there or behind.
    last: usize,
}

impl<'a> Copied<'a> {
    const fn new(fed: &'a [Fed], arena: &'a [u8], filter: Option<&'a [u8]>) -> Self {
        Self {
            fed,
            arena,
            filter,
            last: 0,
        }
    }
}

impl<'a> Data<'a> for Copied<'a> {
    fn get(&mut self, region: Region, offset: u64, len: u32) -> Option<&'a [u8]> {
        if region == Region::Filter {
            return bitmap(self.filter, offset, len);
        }
        let (before, from) = self
            .fed
            .split_at_checked(self.last)
            .unwrap_or((self.fed, &[]));
        for (number, fed) in (self.last..).zip(from).chain((0..).zip(before)) {
            if fed.region != region {
                continue;
            }
            let Some(within) = offset
                .checked_sub(fed.offset)
                .and_then(|within| usize::try_from(within).ok())
            else {
                continue;
            };
            let inside = within
                .checked_add(len as usize)
                .is_some_and(|end| end <= fed.len);
            if inside {
                self.last = number;
                return self.arena.get(fed.at + within..)?.get(..len as usize);
            }
        }
        None
    }

    fn before_needs(&mut self) {
        // The next step's ranges take the place of these.
        self.fed = &[];
    }
}

fn bitmap(filter: Option<&[u8]>, offset: u64, len: u32) -> Option<&[u8]> {
    let from = usize::try_from(offset).ok()?;
    filter?.get(from..)?.get(..len as usize)
}

pub(crate) fn kernel_error(error: kernel::Error) -> HostError {
    HostError::Kernel { error }
}
