//! The true neighbours of the queries.

use std::collections::HashSet;
use std::path::Path;

use rvf_host::{Effort, Hit, HostError, Query, RowSet, Session};
use rvf_pack::source::Matrix;

use crate::failure::Failure;
use crate::view::shown_path;

/// What counts as a hit for one query.
#[derive(Debug, Default)]
pub(super) struct Truth {
    rows: HashSet<u32>,
    /// A row at this distance ties with the last true neighbour; below it all are true if the truth was computed here.
    last: f32,
    computed: bool,
}

impl Truth {
    /// That of exact search over the vectors as stored.
    pub(super) fn computed(
        session: &mut Session<'_>,
        vector: &[f32],
        k: u32,
    ) -> Result<Self, HostError> {
        let query = Query::vector(vector).effort(Effort::Exact).k(k);
        let hits = session.search(&query)?.hits;
        Ok(Self {
            last: hits.last().map_or(f32::INFINITY, |hit| hit.distance),
            computed: true,
            ..Self::default()
        })
    }

    /// These rows of a file of `of` rows, best first.
    pub(super) fn given(
        session: &mut Session<'_>,
        vector: &[f32],
        rows: Vec<u32>,
        of: u32,
    ) -> Result<Self, HostError> {
        let only = RowSet::from_rows(of, rows.last().copied());
        let query = Query::vector(vector)
            .effort(Effort::Exact)
            .k(1)
            .filter(&only);
        let hits = session.search(&query)?.hits;
        Ok(Self {
            rows: rows.into_iter().collect(),
            last: hits.first().map_or(f32::NAN, |hit| hit.distance),
            computed: false,
        })
    }

    pub(super) fn holds(&self, hit: &Hit) -> bool {
        if self.computed {
            return hit.distance <= self.last;
        }
        self.rows.contains(&hit.row) || hit.distance.to_bits() == self.last.to_bits()
    }
}

/// The first k true neighbours of a query, checked against the file's rows.
pub(super) fn true_rows(
    path: &Path,
    matrix: &Matrix<i32>,
    query: u64,
    k: u32,
    rows: u32,
) -> Result<Vec<u32>, Failure> {
    let fail = |problem: String| {
        Failure::new(format!("{}: {problem}", shown_path(path))).remedy(
            "give the truth that belongs to these queries and this file, or leave --truth out",
        )
    };
    let of_query = usize::try_from(query)
        .ok()
        .and_then(|query| matrix.row(query));
    let of_query = of_query.ok_or_else(|| {
        fail(format!(
            "expected a row for each query, found {} rows",
            matrix.rows
        ))
    })?;
    let nearest = of_query.get(..k as usize).ok_or_else(|| {
        fail(format!(
            "expected at least {k} neighbours for each query, found {}",
            matrix.dimension
        ))
    })?;
    nearest
        .iter()
        .map(|row| {
            let row_in_file = u32::try_from(*row).ok().filter(|row| *row < rows);
            row_in_file.ok_or_else(|| {
                fail(format!(
                    "row {query} (from 0): expected rows from 0 to {}, found {row}",
                    rows - 1
                ))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(row: u32, distance: f32) -> Hit {
        Hit { row, distance }
    }

    #[test]
    fn a_tie_with_the_last_true_neighbour_is_a_hit() {
        let given = Truth {
            rows: HashSet::from([3, 5]),
            last: 0.5,
            computed: false,
        };
        assert!(
            given.holds(&hit(3, 0.1)) && given.holds(&hit(5, 0.5)) && given.holds(&hit(9, 0.5))
        );
        assert!(!given.holds(&hit(9, 0.4)) && !given.holds(&hit(9, 0.6)));
        let computed = Truth {
            last: 0.5,
            computed: true,
            ..Truth::default()
        };
        assert!(computed.holds(&hit(9, 0.4)) && computed.holds(&hit(9, 0.5)));
        assert!(!computed.holds(&hit(9, 0.6)));
    }
}
