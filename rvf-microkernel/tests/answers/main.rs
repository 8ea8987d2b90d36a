//! The crate gives the answers of the naive search, bit for bit, with every instruction set.

#[path = "../naive/mod.rs"]
mod naive;
#[path = "../support/mod.rs"]
mod support;

mod extremes;
mod feeding;
mod lists;
mod matrix;
