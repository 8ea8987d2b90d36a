//! Where the host puts what in a module's memory.
//!
//! Behind `__heap_base` come, in this order: the INDEX head and the mean, the context, the parameters; the resident regions and the filter; and
//! for each query its state, vector, hits and stats, and the arena that ranges are fed through.

use super::Fault;

/// Alignment of everything that the host puts into the memory.
pub(super) const ALIGN: usize = 16;
/// Bytes of a context.
pub(super) const CONTEXT: usize = 256;
/// Bytes of the parameters.
pub(super) const PARAMS: usize = 64;
/// Bytes of the stats.
pub(super) const STATS: usize = 16;
/// Bytes of a hit.
pub(super) const HIT: usize = 8;
/// Bytes of a need.
pub(super) const NEED: usize = 16;

/// Gives out places one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor {
    at: usize,
    limit: usize,
}

impl Cursor {
    pub(super) const fn new(at: usize, limit: usize) -> Self {
        Self { at, limit }
    }

    /// The place of the next `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> Result<usize, Fault> {
        let start = self.at.checked_next_multiple_of(ALIGN);
        let end = start.and_then(|start| start.checked_add(len));
        match (start, end) {
            (Some(start), Some(end)) if end <= self.limit => {
                self.at = end;
                Ok(start)
            }
            _ => Err(Fault::Memory {
                needed: (self.at as u64).saturating_add(len as u64),
                limit: self.limit as u64,
            }),
        }
    }

    /// Bytes that are left.
    pub(super) const fn left(&self) -> usize {
        self.limit.saturating_sub(self.at)
    }

    /// Where what was given out ends.
    pub(super) const fn end(&self) -> usize {
        self.at
    }
}

/// What of a file stands in a module's memory for good.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fixed {
    pub(super) index: usize,
    pub(super) context: usize,
    pub(super) params: usize,
}

/// The places of one query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    pub(super) state: usize,
    pub(super) state_len: usize,
    pub(super) vector: usize,
    pub(super) hits: usize,
    pub(super) stats: usize,
    pub(super) arena: usize,
    pub(super) arena_len: usize,
}

impl Places {
    /// Gives out places in the arena.
    pub(super) const fn arena(&self) -> Cursor {
        Cursor::new(self.arena, self.arena.saturating_add(self.arena_len))
    }
}
