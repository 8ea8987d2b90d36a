//! rvf
fn main() {}
