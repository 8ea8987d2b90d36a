//! Measures what recall a search of the file reaches at which effort (R-MAN-8).

mod exact;
mod sample;

pub(crate) use sample::{Sample, Sampler};
