//! RVF.

pub mod source;
