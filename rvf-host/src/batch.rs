//! Many queries at once.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::answer::Answer;
use crate::error::HostError;
use crate::query::Query;
use crate::reader::Reader;

impl Reader {
    /// Answers queries side by side, on as many threads as the machine runs at once; the answers are those of
    /// [`Reader::search`], in the order of the queries.
    ///
    /// ```no_run
    /// # use rvf_host::{OpenOptions, Query, Reader};
    /// # fn main() -> Result<(), rvf_host::HostError> {
    /// # let (reader, vectors) = (Reader::open_path("words.rvf", &OpenOptions::new())?, vec![vec![0.0; 384]; 100]);
    /// let queries: Vec<Query<'_>> = vectors.iter().map(|vector| Query::vector(vector).k(5)).collect();
    /// for answer in reader.search_batch(&queries)? {
    ///     println!("{:?}", answer.hits);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// That of the first query, in their order, that can't be answered; see [`Reader::search`].
    pub fn search_batch(&self, queries: &[Query<'_>]) -> Result<Vec<Answer>, HostError> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let work = Batch {
            reader: self,
            queries,
            next: AtomicUsize::new(0),
            done: Mutex::new(Vec::with_capacity(queries.len())),
        };
        thread::scope(|scope| {
            for _ in 1..threads.min(queries.len()) {
                // Where no thread can be started, this one does its work.
                let _ = thread::Builder::new().spawn_scoped(scope, || work.run());
            }
            work.run();
        });
        let mut done = work
            .done
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        done.sort_unstable_by_key(|(number, _)| *number);
        done.into_iter().map(|(_, answer)| answer).collect()
    }
}

struct Batch<'a> {
    reader: &'a Reader,
    queries: &'a [Query<'a>],
    /// The next query that nobody has taken. They are taken in order: when one fails, all before it are answered.
    next: AtomicUsize,
    done: Mutex<Vec<(usize, Result<Answer, HostError>)>>,
}

impl Batch<'_> {
    /// Queries that are taken at a time: enough to keep the lock free, few enough to end together.
    const TAKEN: usize = 8;

    fn run(&self) {
        let mut session = None;
        loop {
            let first = self.next.fetch_add(Self::TAKEN, Ordering::Relaxed);
            let queries = self
                .queries
                .iter()
                .enumerate()
                .skip(first)
                .take(Self::TAKEN);
            let mut answers = Vec::with_capacity(Self::TAKEN);
            let mut failed = false;
            for (number, query) in queries {
                let answer = match &mut session {
                    Some(session) => session,
                    None => match self.reader.session() {
                        Ok(opened) => session.insert(opened),
                        Err(error) => {
                            answers.push((number, Err(error)));
                            failed = true;
                            break;
                        }
                    },
                }
                .search(query);
                failed = answer.is_err();
                answers.push((number, answer));
                if failed {
                    break;
                }
            }
            let over = answers.len() < Self::TAKEN;
            self.done
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(answers);
            if failed {
                self.next.fetch_max(self.queries.len(), Ordering::Relaxed);
            }
            if over {
                return;
            }
        }
    }
}
