//! What a pack is doing: phases, progress, cancelling.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::error::PackError;

/// A part of the work, in the order in which they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Reads the input, stores the vectors and sums their mean. Counted in rows.
    Store,
    /// Indexes the ids, or looks for the rows that share one. Counted in rows.
    Ids,
    /// Finds centroids for lists of vectors. Counted in comparisons of a row with them all.
    Cluster,
    /// Finds the lists of each row. Counted in rows.
    Assign,
    /// Computes the codes of the stored vectors. Counted in entries of lists.
    Code,
    /// Brings the vectors into the order of the lists. Counted in rows.
    Arrange,
    /// Searches with rows held out as queries, at several efforts. Counted in searches.
    Search,
    /// Reads the input again to search it exactly. Counted in rows.
    Exact,
    /// Writes digests, manifest and root, and brings all to the disk. Counted as one.
    Commit,
}

impl Phase {
    /// A short name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Ids => "ids",
            Self::Cluster => "cluster",
            Self::Assign => "assign",
            Self::Code => "code",
            Self::Arrange => "arrange",
            Self::Search => "search",
            Self::Exact => "exact",
            Self::Commit => "commit",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How far a phase is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The phase.
    pub phase: Phase,
    /// What is done of it.
    pub done: u64,
    /// What there is to do, if that is known.
    pub total: Option<u64>,
}

pub(crate) type Callback<'a> = Box<dyn FnMut(Progress) + Send + 'a>;

/// Tells how far the work is, looks whether it is cancelled, and takes the time of the phases.
pub(crate) struct Reporter<'p, 'a> {
    callback: Option<&'p mut Callback<'a>>,
    cancel: Option<Arc<AtomicBool>>,
    phase: Option<(Phase, Clock, Option<u64>)>,
    done: u64,
    times: Vec<(Phase, Duration)>,
}

impl<'p, 'a> Reporter<'p, 'a> {
    pub(crate) fn new(
        callback: Option<&'p mut Callback<'a>>,
        cancel: Option<Arc<AtomicBool>>,
    ) -> Self {
        Self {
            callback,
            cancel,
            phase: None,
            done: 0,
            times: Vec::new(),
        }
    }

    /// Ends the phase before and starts this one.
    pub(crate) fn start(&mut self, phase: Phase, total: Option<u64>) -> Result<(), PackError> {
        self.end_phase();
        self.phase = Some((phase, Clock::start(), total));
        self.done(0)
    }

    /// Says how much of the phase is done. An error if the work is cancelled.
    pub(crate) fn done(&mut self, done: u64) -> Result<(), PackError> {
        self.done = done;
        if self
            .cancel
            .as_ref()
            .is_some_and(|flag| flag.load(Ordering::Relaxed))
        {
            return Err(PackError::Cancelled);
        }
        if let (Some(callback), Some((phase, _, total))) = (&mut self.callback, self.phase) {
            callback(Progress { phase, done, total });
        }
        Ok(())
    }

    /// Says that so much more of the phase is done.
    pub(crate) fn advance(&mut self, more: u64) -> Result<(), PackError> {
        self.done(self.done + more)
    }

    /// The phases and how long they took.
    pub(crate) fn finish(mut self) -> Vec<(Phase, Duration)> {
        self.end_phase();
        self.times
    }

    fn end_phase(&mut self) {
        if let Some((phase, start, _)) = self.phase.take() {
            self.times.push((phase, start.elapsed()));
        }
    }
}

/// When a phase started. WebAssembly has no clock of its own: there every phase takes no time.
#[derive(Debug, Clone, Copy)]
struct Clock(#[cfg(not(target_family = "wasm"))] std::time::Instant);

impl Clock {
    #[cfg(not(target_family = "wasm"))]
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    #[cfg(not(target_family = "wasm"))]
    fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    #[cfg(target_family = "wasm")]
    const fn start() -> Self {
        Self()
    }

    #[cfg(target_family = "wasm")]
    const fn elapsed(self) -> Duration {
        Duration::ZERO
    }
}
