//! What the tests of the whole share: engines, data, a naive search, and two hosts that are written from the spec alone.
#![allow(
    dead_code,
    reason = "each test of the whole uses its own part of this module"
)]

pub(crate) mod data;
pub(crate) mod engines;
pub(crate) mod naive;
pub(crate) mod plain_host;
pub(crate) mod random;
