//! Answering queries with a module.

use rvf_microkernel::Region;
use rvf_types::IndexHead;

use super::budget::{
    RegionOf, Touched, check_caps, check_task, feed_limit, least_window, memory_limit, regions,
    work,
};
use super::instance::Kernel;
use super::layout::{CONTEXT, Cursor, Fixed, HIT, NEED, PARAMS, Places, STATS};
use super::{Fault, Sandbox};
use crate::answer::{Hit, Stats};
use crate::checked::Span;
use crate::engine::Task;
use crate::error::HostError;
use crate::module::Module;
use crate::query::Plan;
use crate::reader::Reader;

/// The arena is at most so long, if the kernel does not need more: a module's memory costs page faults.
const ARENA: usize = 1 << 20;
/// Ranges that a step may ask for.
const MAX_NEEDS: u32 = 1024;
/// A vector region is made resident once a session has answered so many queries, or at once if it is small.
const WARM_QUERIES: u32 = 8;
const SMALL_REGION: u64 = 1 << 20;

/// An instance of the module with a file open in it.
#[derive(Debug)]
pub(crate) struct SandboxSession {
    kernel: Kernel,
    module: Module,
    fixed: Fixed,
    /// Behind what stands in the memory for good.
    base: usize,
    regions: Vec<RegionOf>,
    resident_bytes: u64,
    answered: u32,
    spans: Vec<(Span, usize)>,
    needs: Vec<Need>,
    /// The rows of an answer, sorted.
    rows: Vec<u32>,
}

/// A need, as a module wrote it down.
#[derive(Debug, Clone, Copy)]
struct Need {
    region: u32,
    len: u32,
    offset: u64,
}

impl SandboxSession {
    pub(crate) fn new(reader: &Reader, sandbox: &Sandbox) -> Result<Self, HostError> {
        let module = sandbox.module;
        let fault = |fault| module.fault(fault);
        let limits = &reader.options().limits;
        let regions = regions(reader)?;
        let limit = memory_limit(limits, &regions);
        let fuel = limits.fuel_for(&work(reader, 1, &Plan::Exact));
        let mut kernel = Kernel::new(sandbox, limit, fuel).map_err(fault)?;
        check_caps(reader, kernel.caps).map_err(fault)?;

        let mut cursor = Cursor::new(kernel.heap_base, limit);
        let fixed = (|| {
            Ok(Fixed {
                index: cursor.take(IndexHead::LEN)?,
                context: cursor.take(CONTEXT)?,
                params: cursor.take(PARAMS)?,
            })
        })()
        .map_err(fault)?;
        kernel.reach(cursor.end()).map_err(fault)?;
        kernel
            .write(fixed.index, &reader.index_head_bytes()?)
            .map_err(fault)?;
        kernel
            .open(fixed.index, IndexHead::LEN, fixed.context, CONTEXT)
            .map_err(fault)?;
        Ok(Self {
            kernel,
            module,
            fixed,
            base: cursor.end(),
            regions,
            resident_bytes: 0,
            answered: 0,
            spans: Vec::new(),
            needs: Vec::new(),
            rows: Vec::new(),
        })
    }

    pub(crate) fn search(
        &mut self,
        reader: &Reader,
        task: &Task<'_>,
        hits: &mut Vec<Hit>,
    ) -> Result<Stats, HostError> {
        let limits = &reader.options().limits;
        let pool = match task.plan {
            Plan::Exact => task.k,
            Plan::Coded { pool, .. } => pool,
        };
        let module = self.module;
        let fault = |fault| module.fault(fault);
        let fuel = limits.fuel_for(&work(reader, task.k, &task.plan));
        self.kernel.refuel(fuel).map_err(fault)?;
        check_task(task, self.kernel.caps).map_err(fault)?;
        self.make_resident(reader, task)?;

        let window_least = least_window(reader);
        let (places, window) = self
            .place(reader, task, pool, window_least)
            .map_err(fault)?;
        let mut stats = Stats::default();
        self.run(reader, task, &places, window, &mut stats)?;
        self.take_hits(reader, task, &places, hits).map_err(fault)?;
        self.take_stats(&places, &mut stats).map_err(fault)?;
        stats.fuel = Some(self.kernel.spent());
        stats.module_memory = Some(self.kernel.memory_size() as u64);
        self.answered = self.answered.saturating_add(1);
        Ok(stats)
    }

    /// Copies regions into the memory for good, as far as the budget allows: those that this query reads whole, and
    /// the others once there were enough queries for it to pay.
    fn make_resident(&mut self, reader: &Reader, task: &Task<'_>) -> Result<(), HostError> {
        let module = self.module;
        let fault = |fault| module.fault(fault);
        let budget = reader.options().limits.resident as u64;
        let coded = matches!(task.plan, Plan::Coded { .. });
        for number in 0..self.regions.len() {
            let Some(region) = self.regions.get(number).copied() else {
                break;
            };
            let scanned = match region.number {
                Region::Index => true,
                Region::Quant => coded,
                _ => region.len <= SMALL_REGION || self.answered >= WARM_QUERIES,
            };
            let fits = self.resident_bytes.saturating_add(region.len) <= budget;
            if region.resident || !scanned || !fits {
                continue;
            }
            let span = reader.file().whole(region.segment)?;
            let mut cursor = Cursor::new(self.base, self.kernel.memory_limit());
            let Ok(at) = cursor.take(span.len) else {
                continue;
            };
            if self.kernel.reach(cursor.end()).is_err() {
                // The module's own maximum: what is not resident is fed.
                continue;
            }
            if let Some(place) = self.kernel.bytes_mut(at, span.len) {
                reader.file().read(span, place)?;
            }
            self.kernel
                .resident(self.fixed.context, region.number as u32, at, span.len)
                .map_err(fault)?;
            self.base = cursor.end();
            self.resident_bytes = self.resident_bytes.saturating_add(region.len);
            if let Some(region) = self.regions.get_mut(number) {
                region.resident = true;
            }
        }
        Ok(())
    }

    /// Writes the parameters and finds places for what the query needs.
    fn place(
        &mut self,
        reader: &Reader,
        task: &Task<'_>,
        pool: u32,
        window_least: usize,
    ) -> Result<(Places, u32), Fault> {
        let limit = self.kernel.memory_limit();
        // The state's size is the module's word; it may depend on all parameters but the window, which is not
        // known before. So it is asked for with the least window, which does not change the state.
        self.write_params(task, pool, window_least)?;
        let state_len = self
            .kernel
            .query_size(self.fixed.context, self.fixed.params)?;
        let state_len = usize::try_from(state_len).unwrap_or(usize::MAX);
        let mut cursor = Cursor::new(self.base, limit);
        let state = cursor.take(state_len)?;
        let vector = cursor.take(reader.dimension() as usize * 4)?;
        let hits = cursor.take(task.k as usize * HIT)?;
        let stats = cursor.take(STATS)?;

        // A step can be fed as soon as one range of rows and its parts of the bitmaps fit.
        let arena_least = 3 * window_least + 64;
        let arena_len = cursor.left().saturating_sub(64).min(ARENA.max(arena_least));
        if arena_len < arena_least {
            let needed = (cursor.end() as u64).saturating_add(arena_least as u64);
            return Err(Fault::Memory {
                needed,
                limit: limit as u64,
            });
        }
        let window = (arena_len / 4).max(window_least);
        let (arena, arena_len, window) = match self.grow_for(cursor, arena_len) {
            Ok(at) => (at, arena_len, window),
            // The module's own maximum may be lower: what is there must do.
            Err(_) => (
                self.grow_for(cursor, arena_least)?,
                arena_least,
                window_least,
            ),
        };
        let places = Places {
            state,
            state_len,
            vector,
            hits,
            stats,
            arena,
            arena_len,
        };
        self.write_params(task, pool, window)?;
        let words: Vec<u8> = task.vector.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.kernel.write(vector, &words)?;
        Ok((places, u32::try_from(window).unwrap_or(u32::MAX)))
    }

    fn grow_for(&mut self, mut cursor: Cursor, arena_len: usize) -> Result<usize, Fault> {
        let arena = cursor.take(arena_len)?;
        self.kernel.reach(cursor.end())?;
        Ok(arena)
    }

    fn write_params(&mut self, task: &Task<'_>, pool: u32, window: usize) -> Result<(), Fault> {
        let (mode, probes, slack) = match task.plan {
            Plan::Exact => (1, 0, 0.0),
            Plan::Coded { probes, slack, .. } => (0, probes, slack),
        };
        let window = u32::try_from(window).unwrap_or(u32::MAX);
        let words = [
            task.k,
            mode,
            probes,
            slack.to_bits(),
            pool,
            task.filter.is_some().into(),
            window,
            MAX_NEEDS,
        ];
        let mut bytes = [0; PARAMS];
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        self.kernel.write(self.fixed.params, &bytes)
    }

    /// Steps until the query is done; feeds what it needs.
    fn run(
        &mut self,
        reader: &Reader,
        task: &Task<'_>,
        places: &Places,
        window: u32,
        stats: &mut Stats,
    ) -> Result<(), HostError> {
        let module = self.module;
        let fault = |fault| module.fault(fault);
        let limits = &reader.options().limits;
        let fed_limit = feed_limit(
            &self.regions,
            reader.rows(),
            &work(reader, task.k, &task.plan),
        );
        let mut touched = 0_u64;
        self.kernel
            .query_begin(
                self.fixed.context,
                self.fixed.params,
                places.vector,
                places.state,
                places.state_len,
            )
            .map_err(fault)?;
        loop {
            stats.steps = stats.steps.saturating_add(1);
            if stats.steps > limits.steps {
                return Err(fault(Fault::Steps {
                    limit: limits.steps,
                }));
            }
            let count = self.kernel.query_step(places.state).map_err(fault)?;
            if count == 0 {
                return Ok(());
            }
            self.read_needs(places, count).map_err(fault)?;
            self.check_needs(task, window).map_err(fault)?;
            let placed = self.place_needs(places);
            touched = touched.saturating_add(self.touched(placed));
            if touched > fed_limit {
                return Err(fault(Fault::Data {
                    fed: touched,
                    limit: fed_limit,
                }));
            }
            stats.fed_bytes += self.feed(reader, task, places, placed)?;
        }
    }

    fn read_needs(&mut self, places: &Places, count: u32) -> Result<(), Fault> {
        const CALL: &str = "rvf_query_needs";
        if count > MAX_NEEDS {
            return Err(lie(
                "rvf_query_step",
                "the number of needs",
                count.into(),
                MAX_NEEDS.into(),
            ));
        }
        let at = self.kernel.query_needs(places.state)?;
        let len = count as usize * NEED;
        let size = self.kernel.memory_size() as u64;
        let bytes = self.kernel.bytes(at, len).ok_or_else(|| {
            lie(
                CALL,
                "the end of the needs",
                (at as u64).saturating_add(len as u64),
                size,
            )
        })?;
        self.needs.clear();
        let (needs, _) = bytes.as_chunks::<NEED>();
        self.needs.extend(needs.iter().map(|need| {
            let [r0, r1, r2, r3, l0, l1, l2, l3, offset @ ..] = *need;
            Need {
                region: u32::from_le_bytes([r0, r1, r2, r3]),
                len: u32::from_le_bytes([l0, l1, l2, l3]),
                offset: u64::from_le_bytes(offset),
            }
        }));
        Ok(())
    }

    /// Each need lies inside its region and is not longer than the window.
    fn check_needs(&self, task: &Task<'_>, window: u32) -> Result<(), Fault> {
        const CALL: &str = "rvf_query_needs";
        for need in &self.needs {
            let Some(region_len) = self.region_len(need.region, task) else {
                return Err(lie(
                    CALL,
                    "the region of a need",
                    need.region.into(),
                    Region::COUNT as u64 - 1,
                ));
            };
            if need.len == 0 || need.len > window {
                return Err(lie(
                    CALL,
                    "the length of a need",
                    need.len.into(),
                    window.into(),
                ));
            }
            let end = need.offset.checked_add(need.len.into());
            if end.is_none_or(|end| end > region_len) {
                return Err(lie(CALL, "the offset of a need", need.offset, region_len));
            }
        }
        Ok(())
    }

    fn region(&self, number: u32) -> Option<&RegionOf> {
        self.regions
            .iter()
            .find(|region| region.number as u32 == number)
    }

    fn region_len(&self, number: u32, task: &Task<'_>) -> Option<u64> {
        if number == Region::Filter as u32 {
            return task.filter.map(|filter| filter.len() as u64);
        }
        self.region(number).map(|region| region.len)
    }

    /// How many of the needs, from the first on, find room in the arena.
    fn place_needs(&self, places: &Places) -> usize {
        let mut cursor = places.arena();
        let fit = |need: &&Need| cursor.take(need.len as usize).is_ok();
        self.needs.iter().take_while(fit).count()
    }

    /// Bytes of the blocks that the first `placed` needs touch.
    fn touched(&self, placed: usize) -> u64 {
        let mut touched = Touched::default();
        for need in self.needs.iter().take(placed) {
            match self.region(need.region) {
                Some(region) => touched.count(region, need.offset, need.len),
                None => touched.count_bytes(need.len),
            }
        }
        touched.bytes()
    }

    /// Copies the first `placed` needs into the arena and hands them over; gives how many bytes.
    fn feed(
        &mut self,
        reader: &Reader,
        task: &Task<'_>,
        places: &Places,
        placed: usize,
    ) -> Result<u64, HostError> {
        let module = self.module;
        let fault = |fault| module.fault(fault);
        let mut cursor = places.arena();
        self.spans.clear();
        let mut bytes = 0_u64;
        let needs = std::mem::take(&mut self.needs);
        for need in needs.iter().take(placed) {
            let len = need.len as usize;
            let at = cursor.take(len).map_err(fault)?;
            if let Some(region) = self.region(need.region) {
                let span = Span {
                    segment: region.segment,
                    from: need.offset,
                    len,
                };
                self.spans.push((span, at - places.arena));
            } else {
                let from = usize::try_from(need.offset).unwrap_or(usize::MAX);
                let part = task
                    .filter
                    .and_then(|filter| filter.get(from..)?.get(..len))
                    .unwrap_or_default();
                self.kernel.write(at, part).map_err(fault)?;
            }
            bytes += len as u64;
        }
        if let Some(arena) = self.kernel.bytes_mut(places.arena, places.arena_len) {
            reader.file().copy(&self.spans, arena)?;
        }
        let mut cursor = places.arena();
        for (number, need) in (0..).zip(needs.iter().take(placed)) {
            let at = cursor.take(need.len as usize).map_err(fault)?;
            self.kernel
                .query_feed(places.state, number, at)
                .map_err(fault)?;
        }
        self.needs = needs;
        Ok(bytes)
    }

    /// Takes the hits over: each row exists and is there once, and they are in order.
    fn take_hits(
        &mut self,
        reader: &Reader,
        task: &Task<'_>,
        places: &Places,
        hits: &mut Vec<Hit>,
    ) -> Result<(), Fault> {
        const CALL: &str = "rvf_query_results";
        let count = self
            .kernel
            .query_results(places.state, places.hits, task.k)?;
        if count > task.k {
            return Err(lie(CALL, "the number of hits", count.into(), task.k.into()));
        }
        let size = self.kernel.memory_size() as u64;
        let bytes = self.kernel.bytes(places.hits, count as usize * HIT);
        let bytes =
            bytes.ok_or_else(|| lie(CALL, "the end of the hits", places.hits as u64, size))?;
        let mut before: Option<Hit> = None;
        for hit in bytes.as_chunks::<HIT>().0 {
            let [r0, r1, r2, r3, d0, d1, d2, d3] = *hit;
            let hit = Hit {
                row: u32::from_le_bytes([r0, r1, r2, r3]),
                distance: f32::from_le_bytes([d0, d1, d2, d3]),
            };
            if hit.row >= reader.rows() {
                return Err(lie(
                    CALL,
                    "the row of a hit",
                    hit.row.into(),
                    reader.rows().into(),
                ));
            }
            if hit.distance.is_nan() {
                return Err(lie(
                    CALL,
                    "a distance that is no number, in the row",
                    hit.row.into(),
                    0,
                ));
            }
            let in_order =
                before.is_none_or(|before| (before.distance, before.row) < (hit.distance, hit.row));
            if !in_order {
                return Err(lie(
                    CALL,
                    "the order of the hits is broken, or one is there twice; its row",
                    hit.row.into(),
                    0,
                ));
            }
            let filtered = task.filter.is_some_and(|filter| {
                filter
                    .get(hit.row as usize / 8)
                    .is_none_or(|byte| byte & (1 << (hit.row % 8)) == 0)
            });
            if filtered {
                return Err(lie(
                    CALL,
                    "a hit is not in the filter; its row",
                    hit.row.into(),
                    0,
                ));
            }
            before = Some(hit);
            hits.push(hit);
        }
        self.rows.clear();
        self.rows.extend(hits.iter().map(|hit| hit.row));
        self.rows.sort_unstable();
        match self
            .rows
            .windows(2)
            .find(|pair| pair.first() == pair.last())
        {
            Some(pair) => Err(lie(
                CALL,
                "a row is there twice in the hits; it",
                pair.first().copied().unwrap_or_default().into(),
                0,
            )),
            None => Ok(()),
        }
    }

    fn take_stats(&mut self, places: &Places, stats: &mut Stats) -> Result<(), Fault> {
        self.kernel.query_stats(places.state, places.stats)?;
        let bytes = self.kernel.bytes(places.stats, STATS).unwrap_or_default();
        let mut words = bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|word| u32::from_le_bytes(*word));
        let mut next = || words.next().unwrap_or_default();
        stats.scanned = next();
        stats.second_looks = next();
        stats.ranked = next();
        stats.float_distances = next();
        Ok(())
    }
}

fn lie(call: &'static str, what: &'static str, found: u64, bound: u64) -> Fault {
    Fault::Lie {
        call,
        what,
        found,
        bound,
    }
}
