//! What a search is asked for.

use crate::index::{Index, Vectors};
use crate::{Error, memory, query};

/// The most hits, and the most candidates of a pool.
pub const MAX_POOL: u32 = 65_536;
/// The most ranges that a step may ask for.
pub const MAX_NEEDS: u32 = 4_096;

/// How a query is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    /// By the codes, then by the integer vectors.
    Coded = 0,
    /// By the distance of every live vector.
    Exact = 1,
    /// Not at all: the caller uses the block functions.
    Blocks = 2,
}

/// The parameters of a query. [`Params::new`] gives a good start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// Hits that are wanted, 1 to 65,536.
    pub k: u32,
    /// How the query is answered.
    pub mode: Mode,
    /// Lists to visit; 0: all. Layout 1 has one list.
    pub probes: u32,
    /// Width of the bounds, 0 to 16: more is slower and finds more.
    pub slack: f32,
    /// Candidates that are ranked by their integer vectors, k to 65,536; k where vectors are i8.
    pub pool: u32,
    /// Only vectors whose bit is set in [`Region::Filter`](crate::Region::Filter) are live.
    pub filter: bool,
    /// Vectors whose bit is set in [`Region::Deletes`](crate::Region::Deletes) are not live.
    pub deletes: bool,
    /// No range that is asked for is longer than this; at least [`Index::least_window`].
    pub window: u32,
    /// No step asks for more ranges than this, 4 to 4,096.
    pub max_needs: u32,
}

impl Params {
    /// Coded search for `k` hits over everything, for data that are all at hand.
    #[must_use]
    pub const fn new(k: u32) -> Self {
        Self {
            k,
            mode: Mode::Coded,
            probes: 0,
            slack: 1.0,
            pool: k,
            filter: false,
            deletes: false,
            window: u32::MAX,
            max_needs: 4,
        }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::BadParam`] or [`Error::Window`].
    pub fn check(&self, index: &Index) -> Result<(), Error> {
        let pool_fits = match index.vectors() {
            Vectors::I8 => self.pool == self.k,
            Vectors::F16 | Vectors::F32 => self.pool >= self.k,
        };
        if self.k == 0
            || !pool_fits
            || self.pool > MAX_POOL
            || !(self.slack >= 0.0 && self.slack <= 16.0)
            || self.max_needs.wrapping_sub(4) > MAX_NEEDS - 4
        {
            return Err(Error::BadParam);
        }
        if self.window < index.least_window() {
            return Err(Error::Window);
        }
        Ok(())
    }

    /// Places in the pool.
    pub(crate) const fn pool_places(&self) -> usize {
        match self.mode {
            Mode::Coded => self.pool as usize,
            Mode::Exact | Mode::Blocks => self.k as usize,
        }
    }

    /// Places in the heap of estimates.
    pub(crate) const fn estimate_places(&self) -> usize {
        match self.mode {
            Mode::Coded => self.k as usize,
            Mode::Exact | Mode::Blocks => 0,
        }
    }

    /// Places in the buffer of candidates: C of K-SCAN-1.
    pub(crate) const fn buffer_places(&self) -> usize {
        match self.mode {
            Mode::Coded => 512 + 16 * self.pool as usize,
            Mode::Exact | Mode::Blocks => 0,
        }
    }
}

/// How much memory a query needs, in words of 8 bytes. The parameters must have passed [`Params::check`].
#[must_use]
pub fn state_len(index: &Index, params: &Params) -> usize {
    let mut need = memory::Measure::default();
    query::carve(&mut need, index, params);
    need.words()
}
