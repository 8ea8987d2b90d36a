//! What a search is asked for.
#![allow(
    unsafe_code,
    reason = "a query is laid out nowhere to learn its length"
)]

use core::mem::MaybeUninit;

use crate::Error;
use crate::backend::Backend;
use crate::index::{Index, MAX_LISTS, Vectors};
use crate::query::Query;

/// The most hits, and the most candidates of a pool.
pub const MAX_POOL: u32 = 65_536;
/// The most ranges that a step may ask for.
pub const MAX_NEEDS: u32 = 4_096;

/// How a query is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Mode {
    /// By the codes, then by the integer vectors, then by the float vectors if the file has them.
    Coded = 0,
    /// Not at all: the caller brings the records, with [`Query::offer_block`].
    Blocks = 1,
}

/// The parameters of a query. [`Params::new`] gives a good start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// Hits that are wanted, 1 to 65,536.
    pub k: u32,
    /// How the query is answered.
    pub mode: Mode,
    /// Lists to visit, 0 to 65,536; 0: all.
    pub probes: u32,
    /// Width of the bounds, 0 to 16: more is slower and finds more.
    pub slack: f32,
    /// Candidates that are ranked by their integer vectors, k to 65,536; k where vectors are i8.
    pub pool: u32,
    /// Only vectors whose bit is set in [`Region::Filter`](crate::Region::Filter) are live.
    pub filter: bool,
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
            window: u32::MAX,
            max_needs: 4,
        }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::BadParam`] or [`Error::Window`].
    pub fn check(&self, index: &Index) -> Result<(), Error> {
        Settings::from(*self).check(index)
    }
}

/// How much memory a query needs, in words of 8 bytes.
///
/// # Errors
/// Those of [`Params::check`].
pub fn state_len(index: &Index, params: &Params) -> Result<usize, Error> {
    params.check(index)?;
    let mut place = MaybeUninit::uninit();
    let settings = Settings::from(*params);
    // SAFETY: the parameters are checked.
    let end = unsafe {
        Query::set_up(
            &mut place,
            index,
            &settings,
            Backend::scalar(),
            core::ptr::null_mut(),
        )
    };
    Ok(end.addr() / 8)
}

/// The parameters as the wasm interface has them.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Settings {
    pub(crate) k: u32,
    pub(crate) mode: u32,
    pub(crate) probes: u32,
    pub(crate) slack: f32,
    pub(crate) pool: u32,
    pub(crate) flags: u32,
    pub(crate) window: u32,
    pub(crate) max_needs: u32,
}

pub(crate) const BLOCKS: u32 = Mode::Blocks as u32;

impl From<Params> for Settings {
    fn from(params: Params) -> Self {
        Self {
            k: params.k,
            mode: params.mode as u32,
            probes: params.probes,
            slack: params.slack,
            pool: params.pool,
            flags: u32::from(params.filter),
            window: params.window,
            max_needs: params.max_needs,
        }
    }
}

impl Settings {
    /// L: how many lists are visited.
    pub(crate) fn lists(&self, index: &Index) -> u32 {
        // 0 stands for all.
        self.probes.wrapping_sub(1).min(index.lists() - 1) + 1
    }

    pub(crate) fn check(&self, index: &Index) -> Result<(), Error> {
        // The greatest pool is k where vectors are i8.
        let most = if index.vectors() == Vectors::I8 {
            self.k
        } else {
            MAX_POOL
        };
        // `|` and not `||`: jumps would take more room in the module.
        if (self.k.wrapping_sub(1) >= MAX_POOL)
            | (self.pool < self.k)
            | (self.pool > most)
            | (self.mode > BLOCKS)
            | (self.flags > 1)
            | (self.probes > MAX_LISTS)
            | !((self.slack >= 0.0) & (self.slack <= 16.0))
            | (self.max_needs.wrapping_sub(4) > MAX_NEEDS - 4)
        {
            return Err(Error::BadParam);
        }
        if self.window < index.least_window(self.flags != 0) {
            return Err(Error::Window);
        }
        Ok(())
    }
}
