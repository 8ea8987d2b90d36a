//! RVF.
