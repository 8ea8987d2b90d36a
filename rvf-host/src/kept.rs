//! What a session leaves for the next one: the memory of its queries.

use crate::engine::EngineSession;
use crate::error::HostError;
use crate::reader::Reader;
use crate::rows::RowSet;

/// The memory of the queries of one thread.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// None before the first query, and after one that failed.
    pub(crate) engine: Option<EngineSession>,
    pub(crate) filter: Filter,
    /// The query's vector, where it comes from the file.
    pub(crate) vector: Vec<f32>,
    /// The rows of an answer.
    pub(crate) rows: Vec<u32>,
}

/// The last filter, by vector number. Queries with the same one follow each other, and turning it takes a pass over the
/// rows that it holds.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    rows: Vec<u8>,
    numbers: Vec<u8>,
    live: u32,
}

impl Filter {
    /// Makes this the filter of a set of rows: gives the bitmap by vector number and how many rows are in it.
    pub(crate) fn of(&mut self, reader: &Reader, rows: &RowSet) -> Result<(&[u8], u32), HostError> {
        if self.rows != rows.as_bytes() {
            self.rows.clear();
            reader.live_numbers(rows, &mut self.numbers)?;
            // Bits behind the last row are none that a set holds.
            self.live = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            self.rows.extend_from_slice(rows.as_bytes());
        }
        Ok((&self.numbers, self.live))
    }
}
