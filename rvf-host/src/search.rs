//! Searching an open file.

use std::sync::PoisonError;

use rvf_types::{Metric, VectorKind};

use crate::answer::{Answer, Hit};
use crate::check::AnswerCheck;
use crate::engine::{EngineSession, Task};
use crate::error::HostError;
use crate::query::{MAX_K, Query, Target, parameter};
use crate::reader::Reader;

/// A searcher for one thread: it keeps the memory of a query for the next one.
#[derive(Debug)]
pub struct Session<'r> {
    reader: &'r Reader,
    engine: Option<EngineSession>,
    /// The query's vector, where it comes from the file.
    vector: Vec<f32>,
    check: Option<AnswerCheck>,
}

impl Reader {
    /// Answers a query. It can be called from several threads at once.
    ///
    /// For many queries from one thread, [`Reader::session`] saves a little.
    ///
    /// # Errors
    /// For a query that can't be answered as asked (dimension, values, k, row or id, filter, recall above the ceiling),
    /// for damage that it comes upon, and for a module that breaks the rules of the sandbox.
    pub fn search(&self, query: &Query<'_>) -> Result<Answer, HostError> {
        let mut answer = Answer::new();
        self.session()?.search_into(query, &mut answer)?;
        Ok(answer)
    }

    /// A searcher for one thread.
    ///
    /// # Errors
    /// As [`Reader::engine`].
    pub fn session(&self) -> Result<Session<'_>, HostError> {
        let idle = self
            .idle()
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let engine = match idle {
            Some(engine) => engine,
            None => self.engine()?.session(self)?,
        };
        let check = self.options().check_answers.then(AnswerCheck::default);
        Ok(Session {
            reader: self,
            engine: Some(engine),
            vector: Vec::new(),
            check,
        })
    }
}

impl Session<'_> {
    /// Answers a query.
    ///
    /// # Errors
    /// As [`Reader::search`].
    pub fn search(&mut self, query: &Query<'_>) -> Result<Answer, HostError> {
        let mut answer = Answer::new();
        self.search_into(query, &mut answer)?;
        Ok(answer)
    }

    /// Answers a query into an answer that was used before: nothing is allocated once the session is warm.
    ///
    /// # Errors
    /// As [`Reader::search`]; the answer's hits are then empty.
    pub fn search_into(&mut self, query: &Query<'_>, answer: &mut Answer) -> Result<(), HostError> {
        answer.hits.clear();
        let result = self.run(query, answer);
        if result.is_err() {
            answer.hits.clear();
        }
        result
    }

    fn run(&mut self, query: &Query<'_>, answer: &mut Answer) -> Result<(), HostError> {
        let reader = self.reader;
        if !(1..=MAX_K).contains(&query.k) {
            return Err(parameter("k", "1 to 65536", query.k.into()));
        }
        let own_row = match query.target {
            Target::Vector(_) => None,
            Target::Row(row) => Some(row),
            Target::Id(id) => Some(reader.row_of(id)?),
        };
        if let Some(row) = own_row {
            reader.vector_into(row, &mut self.vector)?;
        }
        let vector = match query.target {
            Target::Vector(vector) => vector,
            Target::Row(_) | Target::Id(_) => &self.vector,
        };
        check_vector(reader, vector)?;
        let filter = match query.filter {
            Some(rows) if rows.rows() != reader.rows() => {
                return Err(HostError::Filter {
                    expected: reader.rows().into(),
                    found: rows.rows().into(),
                });
            }
            Some(rows) => Some(rows.as_bytes()),
            None => None,
        };
        let left_out = own_row.filter(|_| query.without_itself);
        let k = if left_out.is_some() {
            (query.k + 1).min(MAX_K)
        } else {
            query.k
        };

        let plan = query.effort.plan(k, reader)?;
        let task = Task {
            vector,
            k,
            plan,
            filter,
        };
        // A session whose query failed is dropped: a module may have left its memory in any state.
        let mut engine = match self.engine.take() {
            Some(engine) => engine,
            None => reader.engine()?.session(reader)?,
        };
        answer.stats = engine.search(reader, &task, &mut answer.hits)?;
        if let Some(check) = &mut self.check {
            check.run(reader, vector, &answer.hits)?;
        }
        self.engine = Some(engine);
        if let Some(row) = left_out {
            answer.hits.retain(|hit: &Hit| hit.row != row);
            answer.hits.truncate(query.k as usize);
        }
        answer.engine = *reader.engine()?.info();
        answer.plan = plan;
        Ok(())
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            self.reader
                .idle()
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(engine);
        }
    }
}

/// K-QRY-1, before any engine sees the vector.
fn check_vector(reader: &Reader, vector: &[f32]) -> Result<(), HostError> {
    let dimension = reader.dimension();
    if vector.len() != dimension as usize {
        return Err(HostError::Dimension {
            expected: dimension,
            found: vector.len(),
        });
    }
    let in_range = |value: f32| rvf_types::vec::is_component(value, VectorKind::F32);
    if let Some((index, &value)) = vector
        .iter()
        .enumerate()
        .find(|(_, value)| !in_range(**value))
    {
        return Err(HostError::Component { index, value });
    }
    // N of K-QRY-1 in the order of K-NUM-2: a vector at the limit is refused by every engine or by none.
    if reader.head().metric == Metric::Cosine
        && f64::from(crate::check::sum16(vector.iter().map(|x| x * x)))
            < rvf_types::limits::ZERO_VECTOR_SUM
    {
        return Err(HostError::ZeroQuery);
    }
    Ok(())
}
