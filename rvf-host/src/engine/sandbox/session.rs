//! Answering queries with a module.

use rvf_microkernel::Mode;

use super::budget::{
    RegionOf, check_caps, check_task, feed_limit, least_window, memory_limit, regions, work,
};
use super::instance::Kernel;
use super::layout::{CONTEXT, Cursor, Fixed, HIT, PARAMS, Places, STATS};
use super::{Fault, Sandbox};
use crate::answer::{Hit, Stats};
use crate::checked::Span;
use crate::effort::Plan;
use crate::engine::Task;
use crate::error::HostError;
use crate::module::Module;
use crate::reader::Reader;

/// The arena is at most so long, if the kernel does not need more: a module's memory costs page faults.
const ARENA: usize = 1 << 20;
/// Ranges that a step may ask for.
pub(super) const MAX_NEEDS: u32 = 1024;

/// An instance of the module with a file open in it.
#[derive(Debug)]
pub(crate) struct SandboxSession {
    pub(super) kernel: Kernel,
    pub(super) module: Module,
    pub(super) fixed: Fixed,
    /// Behind what stands in the memory for good.
    pub(super) base: usize,
    pub(super) regions: Vec<RegionOf>,
    /// Where filters are put, once there was one.
    pub(super) filter: Option<usize>,
    pub(super) resident_bytes: u64,
    pub(super) answered: u32,
    pub(super) spans: Vec<(Span, usize)>,
    pub(super) needs: Vec<Need>,
}

/// A need, as a module wrote it down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    pub(super) region: u32,
    pub(super) len: u32,
    pub(super) offset: u64,
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
        let start = reader.index_start()?;
        let fixed = (|| {
            Ok(Fixed {
                index: cursor.take(start.len())?,
                context: cursor.take(CONTEXT)?,
                params: cursor.take(PARAMS)?,
            })
        })()
        .map_err(fault)?;
        kernel.reach(cursor.end()).map_err(fault)?;
        kernel.write(fixed.index, &start).map_err(fault)?;
        kernel
            .open(fixed.index, start.len(), fixed.context, CONTEXT)
            .map_err(fault)?;
        Ok(Self {
            kernel,
            module,
            fixed,
            base: cursor.end(),
            regions,
            filter: None,
            resident_bytes: 0,
            answered: 0,
            spans: Vec::new(),
            needs: Vec::new(),
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
        if let (Some(filter), Plan::Coded { .. }) = (task.filter, task.plan) {
            self.put_filter(filter).map_err(fault)?;
        }
        self.make_resident(reader, task)?;

        let (places, window) = self
            .place(reader, task, pool, least_window(reader, task))
            .map_err(fault)?;
        let mut stats = Stats::default();
        self.kernel
            .query_begin(
                self.fixed.context,
                self.fixed.params,
                places.vector,
                places.state,
                places.state_len,
            )
            .map_err(fault)?;
        match task.plan {
            Plan::Exact => self.offer_all(reader, task, &places, &mut stats)?,
            Plan::Coded { .. } => {
                self.run(reader, task, &places, window, &mut stats)?;
                self.take_stats(&places, &mut stats).map_err(fault)?;
            }
        }
        self.take_hits(reader, task, &places, hits).map_err(fault)?;
        stats.fuel = Some(self.kernel.spent());
        stats.module_memory = Some(self.kernel.memory_size() as u64);
        self.answered = self.answered.saturating_add(1);
        Ok(stats)
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

        // The filter is resident: a host gets on by feeding one range (K-ABI-1).
        let arena_least = window_least + 64;
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
            Plan::Exact => (Mode::Blocks, 0, 0.0),
            Plan::Coded { probes, slack, .. } => (Mode::Coded, probes, slack),
        };
        let filter = mode == Mode::Coded && task.filter.is_some();
        let window = u32::try_from(window).unwrap_or(u32::MAX);
        let words = [
            task.k,
            mode as u32,
            probes,
            slack.to_bits(),
            pool,
            filter.into(),
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
            self.check_needs(window).map_err(fault)?;
            let placed = self.place_needs(places);
            touched = touched.saturating_add(self.touched(placed));
            if touched > fed_limit {
                return Err(fault(Fault::Data {
                    fed: touched,
                    limit: fed_limit,
                }));
            }
            stats.fed_bytes += self.feed(reader, places, placed)?;
        }
    }
}

pub(super) fn lie(call: &'static str, what: &'static str, found: u64, bound: u64) -> Fault {
    Fault::Lie {
        call,
        what,
        found,
        bound,
    }
}
