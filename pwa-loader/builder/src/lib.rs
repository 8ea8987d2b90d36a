//! The builder of the JavaScript library (`pwa-loader/lib`): one WebAssembly module that
//!
//! - packs rows into the bytes of an `.rvf` file ([`Packing`]): the code of `rvf-pack`, so the same bytes as `rvf pack`,
//! - holds rows in memory and searches them ([`Store`]), with the kernel's own source.
//!
//! It is part of the library and not of a file. The exports are plain functions over numbers (`abi.rs`, for the wasm32
//! target alone). It imports two functions: one that it tells how far a pack is, and one that gives the rows for it.
//!
//! Natively it is an ordinary crate, so that its tests run anywhere.

#[cfg(target_arch = "wasm32")]
mod abi;
mod base;
mod bits;
mod effort;
mod error;
mod packing;
mod scan;
mod store;

pub use error::Error;
pub use packing::{Give, Ids, Packing, Wish};
pub use store::{Found, Request, Store};
