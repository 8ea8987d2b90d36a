//! Coded search: the kernel says which ranges it needs, and finds them in place or in copies, checked.

use rvf_microkernel as kernel;
use rvf_microkernel::{Data, Need, Region, Step};

use super::{ARENA, Regions, kernel_error};
use crate::answer::Stats;
use crate::checked::{CheckedFile, Place, Span};
use crate::error::HostError;

/// Where a query's ranges come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) file: &'a CheckedFile,
    pub(super) regions: &'a Regions,
    /// By vector number; it stands in memory.
    pub(super) filter: Option<&'a [u8]>,
}

/// What is kept of the ranges that were read for one step.
#[derive(Debug, Default)]
pub(super) struct Copies {
    fed: Vec<Fed>,
    spans: Vec<(Span, usize)>,
    pub(super) arena: Vec<u8>,
}

/// A range that was read into the arena.
#[derive(Debug, Clone, Copy)]
struct Fed {
    region: Region,
    offset: u64,
    len: usize,
    at: usize,
}

/// Steps until the query is done.
pub(super) fn run(
    source: &Source<'_>,
    query: &mut kernel::Query<'_>,
    copies: &mut Copies,
    stats: &mut Stats,
) -> Result<(), HostError> {
    let in_place = source.file.is_in_place();
    copies.fed.clear();
    loop {
        stats.steps = stats.steps.saturating_add(1);
        let step = if in_place {
            query.step(&mut InPlace::new(source))
        } else {
            query.step(&mut Copied::new(copies, source.filter))
        };
        match step.map_err(kernel_error)? {
            Step::Done => break,
            Step::Needs(_) if in_place => {
                stats.fed_bytes += source.check_in_place(query.needs())?;
            }
            Step::Needs(_) => stats.fed_bytes += copies.read(source, query.needs())?,
        }
    }
    let counts = query.stats();
    stats.scanned = counts.scanned;
    stats.second_looks = counts.second_looks;
    stats.ranked = counts.ranked;
    stats.float_distances = counts.float_distances;
    Ok(())
}

impl Source<'_> {
    /// The span of a need; none for the filter, which is in memory.
    fn span(&self, need: &Need) -> Result<Option<Span>, HostError> {
        if need.region == Region::Filter {
            return Ok(None);
        }
        let segment = self.regions.get(need.region as usize).copied().flatten();
        let segment = segment.ok_or_else(|| kernel_error(kernel::Error::BadData))?;
        let len = usize::try_from(need.len).map_err(|_| kernel_error(kernel::Error::BadData))?;
        Ok(Some(Span {
            segment,
            from: need.offset,
            len,
        }))
    }

    /// Checks what is needed; the kernel then finds it in place.
    fn check_in_place(&self, needs: &[Need]) -> Result<u64, HostError> {
        let mut spans = Vec::with_capacity(needs.len());
        for need in needs {
            spans.extend(self.span(need)?);
        }
        not_empty(spans.len())?;
        self.file.check(&spans)?;
        Ok(spans.iter().map(|span| span.len as u64).sum())
    }
}

impl Copies {
    /// Reads a leading part of what is needed.
    fn read(&mut self, source: &Source<'_>, needs: &[Need]) -> Result<u64, HostError> {
        self.fed.clear();
        self.spans.clear();
        let mut end = 0;
        for need in needs {
            let Some(span) = source.span(need)? else {
                continue;
            };
            if end > 0 && end + span.len > ARENA {
                break;
            }
            self.spans.push((span, end));
            self.fed.push(Fed {
                region: need.region,
                offset: need.offset,
                len: span.len,
                at: end,
            });
            end += span.len;
        }
        not_empty(self.spans.len())?;
        if self.arena.len() < end {
            self.arena.resize(end, 0);
        }
        source.file.copy(&self.spans, &mut self.arena)?;
        Ok(end as u64)
    }
}

/// The kernel asks for nothing that it could be given: it would ask again and again.
fn not_empty(spans: usize) -> Result<(), HostError> {
    if spans > 0 {
        Ok(())
    } else {
        Err(kernel_error(kernel::Error::BadData))
    }
}

/// Regions in place: what is not checked yet is not at hand.
struct InPlace<'a> {
    places: [Option<Place<'a>>; Region::COUNT],
    filter: Option<&'a [u8]>,
}

impl<'a> InPlace<'a> {
    fn new(source: &Source<'a>) -> Self {
        Self {
            places: source.regions.map(|segment| source.file.place(segment?)),
            filter: source.filter,
        }
    }
}

impl<'a> Data<'a> for InPlace<'a> {
    #[inline]
    fn get(&mut self, region: Region, offset: u64, len: u32) -> Option<&'a [u8]> {
        match self.places.get(region as usize)? {
            Some(place) => place.get(offset, len as usize),
            None if region == Region::Filter => bitmap(self.filter, offset, len),
            None => None,
        }
    }

    #[inline]
    fn prefetch(&mut self, region: Region, offset: u64, len: u32) {
        if let Some(bytes) = self.get(region, offset, len) {
            kernel::prefetch(bytes);
        }
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
    fn new(copies: &'a Copies, filter: Option<&'a [u8]>) -> Self {
        Self {
            fed: &copies.fed,
            arena: &copies.arena,
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
