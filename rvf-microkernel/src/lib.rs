//! The search engine of RVF.
//!
//! One source, without `std`, allocation or dependencies. Compiled to WebAssembly it travels in each file; linked
//! natively it is the fast twin of that module. What it computes is part of the format (`spec/kernel.md`): same
//! bytes in, same bits out, on every engine and with every instruction set.
//!
//! A search is a [`Query`]: a state machine that reads through a [`Data`] and says which ranges it needs.
//! [`search`] does it in one call where everything is in memory.
//!
//! ```no_run
//! # fn main() -> Result<(), rvf_microkernel::Error> {
//! # let (index_payload, regions, vector) = (&[0_u8; 128], rvf_microkernel::Regions::default(), [0.0_f32; 384]);
//! use rvf_microkernel::{Backend, HEAD_LEN, Hit, Index, Params, search, state_len};
//!
//! let index = Index::parse(index_payload)?;
//! let params = Params::new(10);
//! let mut memory = vec![0_u64; state_len(&index, &params)?];
//! let mut hits = [Hit::default(); 10];
//! let (count, _) = search(
//!     &index,
//!     &index_payload[HEAD_LEN..],
//!     &mut regions.clone(),
//!     &params,
//!     &vector,
//!     Backend::scalar(),
//!     &mut memory,
//!     &mut hits,
//! )?;
//! # Ok(())
//! # }
//! ```
#![no_std]

#[cfg(any(test, feature = "detect"))]
extern crate std;

#[cfg(all(feature = "wasm", target_arch = "wasm32"))]
mod abi;
mod backend;
mod data;
mod distance;
mod error;
mod heap;
mod index;
mod machine;
mod memory;
mod params;
#[cfg(feature = "prebuilt")]
pub mod prebuilt;
mod query;
mod roots;
mod rotate;
mod scan;
mod search;

pub use backend::Backend;
pub use data::{Data, Need, Region, Regions, prefetch};
pub use error::Error;
pub use index::{
    GROUP, HEAD_LEN, Index, LAYOUT, LIST_LEN, MAX_DIMENSION, MAX_LISTS, Metric, Vectors,
};
pub use machine::Step;
pub use params::{MAX_NEEDS, MAX_POOL, Mode, Params, state_len};
pub use query::{Hit, Query, Stats};
pub use rotate::rotate;
pub use search::search;
