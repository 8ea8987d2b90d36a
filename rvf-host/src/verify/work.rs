//! Sharing out work between threads, and collecting what it finds.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rvf_types::FormatError;

use super::Finding;
use crate::error::HostError;

/// Findings of several threads.
pub(super) struct Findings {
    found: Mutex<(Vec<Finding>, u64)>,
    most: usize,
}

impl Findings {
    pub(super) fn new(most: usize) -> Self {
        Self {
            found: Mutex::new((Vec::new(), 0)),
            most,
        }
    }

    pub(super) fn add(&self, finding: Finding) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.0.len() < self.most {
            found.0.push(finding);
        } else {
            found.1 += 1;
        }
    }

    pub(super) fn fault(&self, error: &FormatError) {
        self.add(Finding::fault(error));
    }

    /// Whether `result` is free of fault; a fault is added.
    pub(super) fn passes<T>(&self, result: Result<T, FormatError>) -> Option<T> {
        result.map_err(|error| self.fault(&error)).ok()
    }

    /// The findings in the order of the file, and how many more there are.
    pub(super) fn into_sorted(self) -> (Vec<Finding>, u64) {
        let (mut found, more) = self
            .found
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        found.sort_by(|a, b| (a.offset, a.rule, &a.what).cmp(&(b.offset, b.rule, &b.what)));
        (found, more)
    }
}

/// Threads that take tasks from one list.
pub(super) struct Pool {
    threads: usize,
}

impl Pool {
    pub(super) fn new(threads: Option<NonZero<usize>>) -> Self {
        let threads = threads.map_or_else(
            || thread::available_parallelism().map_or(1, NonZero::get),
            NonZero::get,
        );
        Self { threads }
    }

    /// Runs `task` on each number below `count`. Ends with the first error; tasks that have begun are ended.
    pub(super) fn run(
        &self,
        count: usize,
        task: impl Fn(usize) -> Result<(), HostError> + Sync,
    ) -> Result<(), HostError> {
        let next = AtomicUsize::new(0);
        let failed = Mutex::new(None);
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    break;
                }
                if let Err(error) = task(number) {
                    next.store(count, Ordering::Relaxed);
                    failed
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .get_or_insert(error);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.threads.min(count) {
                // Where no thread can be started, those that run do its work.
                let _ = thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}
