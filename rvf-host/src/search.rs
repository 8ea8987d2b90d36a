//! Searching an open file.

use std::sync::PoisonError;

use rvf_types::{Metric, VectorKind};

use crate::answer::{Answer, Hit};
use crate::check::{AnswerCheck, sum16};
use crate::effort::{MAX_K, Plan, parameter};
use crate::engine::{Task, WrongRow};
use crate::error::HostError;
use crate::kept::Kept;
use crate::query::{Query, Target};
use crate::reader::Reader;
use crate::rows::RowSet;

/// A searcher for one thread: it keeps the memory of a query for the next one.
#[derive(Debug)]
pub struct Session<'r> {
    reader: &'r Reader,
    kept: Kept,
    check: Option<AnswerCheck>,
}

impl Reader {
    /// Answers a query. It can be called from several threads at once.
    ///
    /// For many queries from one thread, [`Reader::session`] saves a little; [`Reader::search_batch`] spreads them over
    /// threads.
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
        let mut kept = idle.unwrap_or_default();
        if kept.engine.is_none() {
            kept.engine = Some(self.engine()?.session(self)?);
        }
        let check = self.options().check_answers.then(AnswerCheck::default);
        Ok(Session {
            reader: self,
            kept,
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
        let Kept {
            engine: idle,
            filter,
            vector: own_vector,
            rows,
        } = &mut self.kept;
        let own_row = match query.target {
            Target::Vector(_) => None,
            Target::Row(row) => Some(row),
            Target::Id(id) => Some(reader.row_of(id)?),
        };
        if let Some(row) = own_row {
            reader.vector_into(row, own_vector)?;
        }
        let vector = match query.target {
            Target::Vector(vector) => vector,
            Target::Row(_) | Target::Id(_) => own_vector,
        };
        check_vector(reader, vector)?;
        let filter = match query.filter {
            Some(rows) if rows.rows() != reader.rows() => {
                return Err(HostError::Filter {
                    expected: reader.rows().into(),
                    found: rows.rows().into(),
                });
            }
            Some(rows) => Some(filter.of(reader, rows)?),
            None => None,
        };
        let left_out = own_row.filter(|_| query.without_itself);
        // One hit more than is wanted, with the effort for those that are wanted.
        let k = if left_out.is_some() {
            (query.k + 1).min(MAX_K)
        } else {
            query.k
        };
        let live = filter.map(|(_, live)| live);
        let plan = query.effort.plan(query.k, reader, live)?;
        let plan = plan.with_room_for(k, reader.head().vectors);
        if matches!(plan, Plan::Coded { .. }) {
            reader.check_lists()?;
        }
        let task = Task {
            vector,
            k,
            plan,
            filter: filter.map(|(bits, _)| bits),
        };
        let chosen = reader.engine()?;
        // A session whose query failed is dropped: a module may have left its memory in any state.
        let mut engine = match idle.take() {
            Some(engine) => engine,
            None => chosen.session(reader)?,
        };
        answer.stats = engine.search(reader, &task, &mut answer.hits)?;
        if let Some(wrong) = wrong_row(&answer.hits, query.filter, rows) {
            return Err(chosen.wrong_row(reader, wrong));
        }
        if let Some(check) = &mut self.check {
            check.run(reader, vector, &answer.hits)?;
        }
        *idle = Some(engine);
        if let Some(row) = left_out {
            answer.hits.retain(|hit: &Hit| hit.row != row);
            answer.hits.truncate(query.k as usize);
        }
        answer.engine = *chosen.info();
        answer.plan = plan;
        Ok(())
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.reader
            .idle()
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(std::mem::take(&mut self.kept));
    }
}

/// The first row of an answer that can't be there: it is there already, or the filter leaves it out.
fn wrong_row(hits: &[Hit], filter: Option<&RowSet>, rows: &mut Vec<u32>) -> Option<WrongRow> {
    if let Some(filter) = filter
        && let Some(hit) = hits.iter().find(|hit| !filter.contains(hit.row))
    {
        return Some(WrongRow::NotInFilter(hit.row));
    }
    rows.clear();
    rows.extend(hits.iter().map(|hit| hit.row));
    rows.sort_unstable();
    let mut pairs = rows.iter().zip(rows.iter().skip(1));
    pairs
        .find(|(row, next)| row == next)
        .map(|(&row, _)| WrongRow::Twice(row))
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
        && f64::from(sum16(vector, vector, |x, _| x * x)) < rvf_types::limits::ZERO_VECTOR_SUM
    {
        return Err(HostError::ZeroQuery);
    }
    Ok(())
}
