//! Readers of vectors from files.
