//! What is asked.

use crate::effort::Effort;
use crate::ids::Id;
use crate::rows::RowSet;

/// What hits are to be near to.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Target<'a> {
    /// A vector of the file's dimension.
    Vector(&'a [f32]),
    /// The vector of a row, as stored.
    Row(u32),
    /// The vector of the row that has an id, as stored.
    Id(Id<'a>),
}

/// A question to a file.
///
/// ```
/// # use rvf_host::{Effort, Query};
/// let vector = [0.1, 0.2, 0.3];
/// let query = Query::vector(&vector).k(5).effort(Effort::Recall(0.99));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    pub(crate) target: Target<'a>,
    pub(crate) k: u32,
    pub(crate) effort: Effort,
    pub(crate) filter: Option<&'a RowSet>,
    pub(crate) without_itself: bool,
}

impl<'a> Query<'a> {
    /// The ten rows that are nearest to a target.
    #[must_use]
    pub const fn new(target: Target<'a>) -> Self {
        Self {
            target,
            k: 10,
            effort: Effort::Default,
            filter: None,
            without_itself: false,
        }
    }

    /// The ten rows that are nearest to a vector.
    #[must_use]
    pub const fn vector(vector: &'a [f32]) -> Self {
        Self::new(Target::Vector(vector))
    }

    /// The ten rows that are nearest to a row; it is one of them.
    #[must_use]
    pub const fn like_row(row: u32) -> Self {
        Self::new(Target::Row(row))
    }

    /// The ten rows that are nearest to the row with an id; it is one of them.
    #[must_use]
    pub const fn like_id(id: Id<'a>) -> Self {
        Self::new(Target::Id(id))
    }

    /// Asks for `k` hits, 1 to 65,536.
    #[must_use]
    pub const fn k(mut self, k: u32) -> Self {
        self.k = k;
        self
    }

    /// Says how hard to search.
    #[must_use]
    pub const fn effort(mut self, effort: Effort) -> Self {
        self.effort = effort;
        self
    }

    /// Only rows of this set can be hits.
    #[must_use]
    pub const fn filter(mut self, rows: &'a RowSet) -> Self {
        self.filter = Some(rows);
        self
    }

    /// Leaves the row out that the query is made of. It means nothing for a vector.
    #[must_use]
    pub const fn without_itself(mut self) -> Self {
        self.without_itself = true;
        self
    }
}
