//! The test vectors of the specification (`spec/vectors`), on every engine that this machine has.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails has to say where"
)]

#[path = "../whole/mod.rs"]
mod whole;

mod answers;
mod cases;
mod facts;
mod invalid;
