//! Data for the tests, and ways to run a query.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests"
)]

pub(crate) mod agree;
pub(crate) mod plan;
pub(crate) mod rng;
pub(crate) mod run;

#[allow(unused_imports, reason = "each test uses a part")]
pub(crate) use agree::Question;
#[allow(unused_imports, reason = "each test uses a part")]
pub(crate) use plan::plan;
pub(crate) use rng::Rng;
#[allow(unused_imports, reason = "each test uses a part")]
pub(crate) use run::{
    bits, least_window, mean, params, regions, run, run_blocks, run_starved, run_watched,
};
