//! A whole search in one call, for data that are all in memory.

use crate::backend::Backend;
use crate::data::{Data, Need};
use crate::machine::Step;
use crate::{Error, Hit, Index, Params, Query, Stats};

/// Searches data that are all at hand, writes the hits in order and answers how many there are.
///
/// The mean is that of [`Query::begin`]. `memory` has at least [`state_len`](crate::state_len) words.
///
/// # Errors
/// Those of [`Query::begin`] and [`Query::step`]; [`Error::BadData`] if a region is shorter than the index says.
#[allow(clippy::too_many_arguments, reason = "each is a part of its own")]
pub fn search<'a, D: Data<'a>>(
    index: &Index,
    mean: &[u8],
    data: &mut D,
    params: &Params,
    vector: &[f32],
    backend: Backend,
    memory: &mut [u64],
    out: &mut [Hit],
) -> Result<(usize, Stats), Error> {
    let mut query = Query::begin(index, mean, params, vector, backend, memory)?;
    match query.step(data)? {
        Step::Done => Ok((query.results(out)?, query.stats())),
        Step::Needs(_) => Err(Error::BadData),
    }
}

const _: () = assert!(size_of::<Need>() == 16 && size_of::<Hit>() == 8);
