//! The exports of the module: plain functions over numbers.
//!
//! An instance holds one store or one packing. A function that can fail answers a negative code
//! ([`Error::code`](crate::Error::code)), and `error_ptr` and `error_len` say where the reason stands. Addresses are those of
//! `alloc`; what stands there is not kept, save by `store_adopt`, which takes its buffer over.
#![allow(
    unsafe_code,
    reason = "the host passes addresses of linear memory, and its one thread has the state to itself"
)]

use std::cell::UnsafeCell;
use std::slice::{from_raw_parts, from_raw_parts_mut};

use rvf_pack::{Phase, Progress};
use rvf_types::{IdKind, Metric, VectorKind};

use crate::error::{Error, reserved};
use crate::{Ids, Packing, Request, Store, Wish};

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Is told how far a pack is: the number of the phase, what is done and what there is to do (−1 where that is not
    /// known). 0 ends the pack.
    safe fn progress(phase: u32, done: f64, total: f64) -> u32;
    /// Writes `count` rows of a packing, from this one on, to the address. 0 if it can't. A pack asks for all rows in
    /// order, and may start again.
    safe fn rows(first: u32, count: u32, address: usize) -> u32;
}

/// What the module holds between two calls.
struct State {
    store: Option<Store>,
    packing: Option<Packing<'static>>,
    file: Vec<u8>,
    ids: Vec<u8>,
    error: String,
    cursor: u32,
    found: Found,
}

/// Where the answer of the last search stands, and what it cost.
#[derive(Clone, Copy)]
struct Found {
    hits: usize,
    scanned: u32,
    ranked: u32,
    recall: f64,
}

struct Global(UnsafeCell<State>);

// SAFETY: the module has no threads.
unsafe impl Sync for Global {}

static STATE: Global = Global(UnsafeCell::new(State {
    store: None,
    packing: None,
    file: Vec::new(),
    ids: Vec::new(),
    error: String::new(),
    cursor: 0,
    found: Found {
        hits: 0,
        scanned: 0,
        ranked: 0,
        recall: f64::NAN,
    },
}));

fn state() -> &'static mut State {
    // SAFETY: exports are called one after the other, none calls another, and what is imported must not call back.
    unsafe { &mut *STATE.0.get() }
}

/// Keeps the reason of an error and answers its code.
fn answer(result: Result<f64, Error>) -> f64 {
    match result {
        Ok(value) => value,
        Err(error) => {
            state().error = error.to_string();
            error.code().into()
        }
    }
}

fn store() -> Result<&'static mut Store, Error> {
    let store = state().store.as_mut();
    store.ok_or_else(|| Error::Fault(String::from("there is no store yet")))
}

fn metric(number: u32) -> Metric {
    match number {
        0 => Metric::L2,
        1 => Metric::InnerProduct,
        _ => Metric::Cosine,
    }
}

fn vectors(number: u32) -> VectorKind {
    match number {
        0 => VectorKind::I8,
        1 => VectorKind::F16,
        _ => VectorKind::F32,
    }
}

/// Values at an address of `alloc`.
fn floats(address: usize, count: usize) -> Result<&'static mut [f32], Error> {
    if address == 0 || !address.is_multiple_of(4) {
        return Err(Error::Fault(format!(
            "no values can stand at address {address}"
        )));
    }
    // SAFETY: the host has them there, in a buffer of `alloc`, and nobody else reads or writes them during the call.
    Ok(unsafe { from_raw_parts_mut(address as *mut f32, count) })
}

fn bytes(address: usize, length: usize) -> &'static [u8] {
    if address == 0 {
        return &[];
    }
    // SAFETY: as above; bytes lie anywhere.
    unsafe { from_raw_parts(address as *const u8, length) }
}

macro_rules! exports {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) -> f64 $body:block)*) => {
        $(
            $(#[$doc])*
            // SAFETY: no other symbol has this name.
            #[unsafe(no_mangle)]
            extern "C" fn $name($($arg: $type),*) -> f64 {
                let work = || $body;
                answer(work())
            }
        )*
    };
}

exports! {
    /// A buffer of so many bytes, on a multiple of 8.
    fn alloc(length: usize) -> f64 {
        let mut buffer: Vec<u8> = reserved(length.max(1))?;
        let address = buffer.as_mut_ptr().addr();
        std::mem::forget(buffer);
        Ok(address as f64)
    }

    /// Gives a buffer back.
    fn release(address: usize, length: usize) -> f64 {
        // SAFETY: `alloc` made it with this capacity.
        drop(unsafe { Vec::from_raw_parts(address as *mut u8, 0, length.max(1)) });
        Ok(0.0)
    }

    /// Where the reason of the last error stands.
    fn error_ptr() -> f64 {
        Ok(state().error.as_ptr().addr() as f64)
    }

    fn error_len() -> f64 {
        Ok(state().error.len() as f64)
    }

    /// An empty store. Metric: 0 L2, 1 inner product, 2 cosine; vectors: 0 i8, 1 f16, 2 f32.
    fn store_new(dimension: usize, metric_number: u32, vectors_number: u32) -> f64 {
        let store = Store::new(dimension, metric(metric_number), vectors(vectors_number))?;
        state().store = Some(store);
        Ok(0.0)
    }

    /// Appends `count` rows, and writes over them. Answers the number of the first.
    fn store_insert(address: usize, count: usize) -> f64 {
        let store = store()?;
        let values = count.checked_mul(store.dimension()).ok_or(Error::Memory)?;
        Ok(store.insert(floats(address, values)?)?.into())
    }

    /// Forgets the newest rows, all from this one on.
    fn store_truncate(rows: u32) -> f64 {
        store()?.truncate(rows);
        Ok(0.0)
    }

    /// Whether it was there: 1 or 0.
    fn store_delete(row: u32) -> f64 {
        Ok(u32::from(store()?.delete(row)).into())
    }

    /// Writes the vector of a row to the address. Whether there is one: 1 or 0.
    fn store_vector(row: u32, address: usize) -> f64 {
        let store = store()?;
        let vector = floats(address, store.dimension())?;
        Ok(u32::from(store.vector(row, vector)).into())
    }

    /// Writes the vectors of live rows, from this row on, to the address: `most` of them. Answers how many;
    /// `store_cursor` says with which row to go on.
    fn store_export(from: u32, address: usize, most: usize) -> f64 {
        let store = store()?;
        let values = most.checked_mul(store.dimension()).ok_or(Error::Memory)?;
        let (count, next) = store.export(from, floats(address, values)?);
        state().cursor = next;
        Ok(count.into())
    }

    fn store_cursor() -> f64 {
        Ok(state().cursor.into())
    }

    /// Takes a file as the base. The buffer belongs to the store from now on, error or not.
    fn store_adopt(address: usize, length: usize, check: u32) -> f64 {
        // SAFETY: `alloc` made it with this capacity, and the host has filled it.
        let file = unsafe { Vec::from_raw_parts(address as *mut u8, length, length.max(1)) };
        store()?.adopt(file, check != 0)?;
        Ok(0.0)
    }

    fn store_base_ptr() -> f64 {
        Ok(store()?.base().as_ptr().addr() as f64)
    }

    fn store_base_len() -> f64 {
        Ok(store()?.base().len() as f64)
    }

    /// Brings the ids of the base's rows to `store_ids_ptr`. 0: there are none; 1: numbers, 8 bytes each; 2: texts,
    /// each behind its length in two bytes.
    fn store_ids() -> f64 {
        let (kind, ids) = store()?.base_ids()?;
        state().ids = ids;
        Ok(match kind {
            IdKind::None => 0.0,
            IdKind::U64 => 1.0,
            IdKind::Utf8 => 2.0,
        })
    }

    fn store_ids_ptr() -> f64 {
        Ok(state().ids.as_ptr().addr() as f64)
    }

    fn store_ids_len() -> f64 {
        Ok(state().ids.len() as f64)
    }

    /// Rows, deleted ones among them.
    fn store_rows() -> f64 {
        Ok(store()?.rows().into())
    }

    fn store_base_rows() -> f64 {
        Ok(store()?.base_rows().into())
    }

    fn store_live() -> f64 {
        Ok(store()?.live().into())
    }

    fn store_bytes() -> f64 {
        Ok(store()?.bytes() as f64)
    }

    fn store_compact() -> f64 {
        store()?.compact();
        Ok(0.0)
    }

    fn store_prepare() -> f64 {
        store()?.prepare()?;
        Ok(0.0)
    }

    /// Searches. `recall` and `slack` are NaN, `probes` and `pool` −1 where none is wished; `filter` is 0 without one. Answers how many hits
    /// there are: a row and a distance each, at `found_hits` until the next call.
    fn store_search(
        vector: usize,
        k: u32,
        more: u32,
        recall: f64,
        probes: i32,
        slack: f64,
        pool: i32,
        exact: u32,
        filter: usize,
        filter_length: usize
    ) -> f64 {
        let store = store()?;
        let request = Request {
            vector: floats(vector, store.dimension())?,
            k,
            more,
            recall: (!recall.is_nan()).then_some(recall),
            probes: u32::try_from(probes).ok(),
            slack: (!slack.is_nan()).then_some(slack as f32),
            pool: u32::try_from(pool).ok(),
            exact: exact != 0,
            filter: (filter != 0).then(|| bytes(filter, filter_length)),
        };
        let found = store.search(&request)?;
        let count = found.hits.len();
        state().found = Found {
            hits: found.hits.as_ptr().addr(),
            scanned: found.stats.scanned,
            ranked: found.stats.ranked,
            recall: found.recall.unwrap_or(f64::NAN),
        };
        Ok(count as f64)
    }

    fn found_hits() -> f64 {
        Ok(state().found.hits as f64)
    }

    fn found_scanned() -> f64 {
        Ok(state().found.scanned.into())
    }

    fn found_ranked() -> f64 {
        Ok(state().found.ranked.into())
    }

    /// The recall that the last search was measured to reach; NaN where it is not known.
    fn found_recall() -> f64 {
        Ok(state().found.recall)
    }

    /// Starts to pack so many rows.
    fn pack_new(dimension: usize, metric_number: u32, vectors_number: u32, count: u32) -> f64 {
        let metric = metric(metric_number);
        let give = move |first: u32, values: &mut [f32]| {
            let rows_here = values.len() / dimension;
            rows(first, rows_here as u32, values.as_mut_ptr().addr()) != 0
        };
        let vectors = vectors(vectors_number);
        let packing = Packing::new(dimension, metric, vectors, count, Box::new(give))?;
        state().packing = Some(packing);
        Ok(0.0)
    }

    /// Gives the rows numbers for ids, 8 bytes each.
    fn pack_numbers(address: usize, count: usize) -> f64 {
        let mut numbers = reserved(count)?;
        let length = count.checked_mul(8).ok_or(Error::Memory)?;
        let places = bytes(address, length).as_chunks().0;
        numbers.extend(places.iter().map(|bytes| u64::from_le_bytes(*bytes)));
        packing()?.set_ids(Ids::Numbers(numbers));
        Ok(0.0)
    }

    /// Gives the rows texts for ids: all of them, one after the other, and where each ends.
    fn pack_texts(address: usize, length: usize, ends_address: usize, count: usize) -> f64 {
        let mut owned = reserved(length)?;
        owned.extend_from_slice(bytes(address, length));
        let texts = String::from_utf8(owned)
            .map_err(|_| Error::Request(String::from("expected ids of UTF-8, found other bytes")))?;
        let mut ends = reserved(count)?;
        let length = count.checked_mul(4).ok_or(Error::Memory)?;
        let places = bytes(ends_address, length).as_chunks().0;
        ends.extend(places.iter().map(|bytes| u32::from_le_bytes(*bytes)));
        packing()?.set_ids(Ids::Texts(texts, ends));
        Ok(0.0)
    }

    /// Packs. `recall` is NaN where none is wished. The file then stands at `pack_ptr`.
    fn pack_finish(recall: f64, quick: u32) -> f64 {
        let Some(packing) = state().packing.take() else {
            return Err(Error::Fault(String::from("there is nothing to pack")));
        };
        let wish = Wish {
            recall: (!recall.is_nan()).then_some(recall),
            quick: quick != 0,
        };
        state().file = packing.finish(wish, |now| {
            let Progress { phase, done, total } = now;
            let total = total.map_or(-1.0, |total| total as f64);
            progress(number(phase), done as f64, total) != 0
        })?;
        Ok(0.0)
    }

    fn pack_ptr() -> f64 {
        Ok(state().file.as_ptr().addr() as f64)
    }

    fn pack_len() -> f64 {
        Ok(state().file.len() as f64)
    }
}

fn packing() -> Result<&'static mut Packing<'static>, Error> {
    let packing = state().packing.as_mut();
    packing.ok_or_else(|| Error::Fault(String::from("there is nothing to pack")))
}

/// The number of a phase, in the order in which they come.
fn number(phase: Phase) -> u32 {
    match phase {
        Phase::Store => 0,
        Phase::Ids => 1,
        Phase::Cluster => 2,
        Phase::Assign => 3,
        Phase::Code => 4,
        Phase::Arrange => 5,
        Phase::Search => 6,
        Phase::Exact => 7,
        Phase::Commit => 8,
        _ => 9,
    }
}
