//! Vectors that are in memory already.

use std::borrow::Cow;

use super::error::{Place, SourceError, SourceProblem};
use super::fixed::{check_row_count, checked_dimension};
use super::id::{Id, IdRule};
use super::{Batch, Source, SourceInfo, SourceType};

/// A source over vectors in memory, owned or borrowed.
///
/// ```
/// use rvf_pack::source::{Batch, MemorySource, Source};
///
/// # fn main() -> Result<(), rvf_pack::source::SourceError> {
/// let mut rows = MemorySource::new(2, vec![1.0, 2.0, 3.0, 4.0], None)?;
/// let mut batch = Batch::default();
/// assert_eq!(rows.next_batch(10, &mut batch)?, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct MemorySource<'a> {
    info: SourceInfo,
    vectors: Cow<'a, [f32]>,
    ids: Option<Cow<'a, [Id]>>,
    rows: usize,
    next_row: usize,
}

impl<'a> MemorySource<'a> {
    /// A source of `vectors`, rows × dimension values, with one id for each row if there are any.
    ///
    /// # Errors
    ///
    /// The dimension is out of range, the counts do not agree, there are no rows, a value is not finite, or the
    /// ids are not all numbers or all texts of an allowed length.
    pub fn new(
        dimension: usize,
        vectors: impl Into<Cow<'a, [f32]>>,
        ids: Option<Cow<'a, [Id]>>,
    ) -> Result<Self, SourceError> {
        let vectors = vectors.into();
        let fail = |place, problem| SourceError::new(None, place, problem);
        checked_dimension(dimension as u64).map_err(|p| fail(Place::default(), p))?;
        let rows = vectors.len() / dimension;
        if !vectors.len().is_multiple_of(dimension) {
            let problem = SourceProblem::Length {
                what: "values, a whole number of rows",
                expected: (rows * dimension) as u64,
                found: vectors.len() as u64,
            };
            return Err(fail(Place::default(), problem));
        }
        check_row_count(rows as u64).map_err(|p| fail(Place::default(), p))?;
        if let Some(index) = vectors.iter().position(|value| !value.is_finite()) {
            let place = Place {
                row: Some((index / dimension) as u64),
                component: Some((index % dimension) as u64),
                ..Place::default()
            };
            let value = vectors.get(index).map(f32::to_string).unwrap_or_default();
            return Err(fail(place, SourceProblem::NotFinite { value }));
        }
        if let Some(ids) = &ids {
            check_ids(ids, rows)?;
        }
        let info = SourceInfo {
            dimension,
            rows: Some(rows as u64),
            has_ids: ids.is_some(),
            dtype: SourceType::F32,
            ignored_columns: Vec::new(),
        };
        Ok(Self {
            info,
            vectors,
            ids,
            rows,
            next_row: 0,
        })
    }
}

fn check_ids(ids: &[Id], rows: usize) -> Result<(), SourceError> {
    if ids.len() != rows {
        let problem = SourceProblem::Length {
            what: "ids, one for each row",
            expected: rows as u64,
            found: ids.len() as u64,
        };
        return Err(SourceError::new(None, Place::default(), problem));
    }
    let mut rule = IdRule::new(None);
    for (row, id) in ids.iter().enumerate() {
        let place = Place::row(row as u64, None);
        rule.check(id, &place)
            .map_err(|problem| SourceError::new(None, place, problem))?;
    }
    Ok(())
}

impl Source for MemorySource<'_> {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_batch(&mut self, max_rows: usize, batch: &mut Batch) -> Result<usize, SourceError> {
        batch.start(self.next_row as u64);
        let end = self.rows.min(self.next_row.saturating_add(max_rows.max(1)));
        let dimension = self.info.dimension;
        if let Some(vectors) = self.vectors.get(self.next_row * dimension..end * dimension) {
            batch.vectors.extend_from_slice(vectors);
        }
        if let Some(ids) = self
            .ids
            .as_ref()
            .and_then(|ids| ids.get(self.next_row..end))
        {
            batch.ids.extend_from_slice(ids);
        }
        let count = end - self.next_row;
        self.next_row = end;
        Ok(count)
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.next_row = 0;
        Ok(())
    }
}
