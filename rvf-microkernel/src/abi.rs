//! The exports of the wasm module (kernel.md, section 7): thin wrappers over [`Query`].
//!
//! The module has no state of its own: contexts and queries live in memory that the host gives.
#![allow(unsafe_code, reason = "the host passes addresses of linear memory")]

use core::arch::wasm32::memory_size;
use core::slice::from_raw_parts;

use crate::Error;
use crate::backend::Backend;
use crate::data::{Data, Need, Region};
use crate::index::{Index, LAYOUT};
use crate::machine::Step;
use crate::memory::View;
use crate::params::Settings;
use crate::query::{Arrays, Hit, Query, Stats};

/// The version of this interface.
const ABI: i32 = 0x2_0001;
/// Bytes of a context.
const CONTEXT_LEN: u32 = 256;
/// Bytes of the parameters.
const PARAMS_LEN: u32 = 64;
/// What a handle's first word is, xor its address.
const CONTEXT_TAG: u32 = u32::from_le_bytes(*b"RVFc");
const STATE_TAG: u32 = u32::from_le_bytes(*b"RVFq");

/// An open file.
#[repr(C, align(16))]
struct Context {
    tag: u32,
    index: Index,
    /// Address and length of each region that is in memory; the length is 0 for one that is not.
    resident: [(u32, u32); Region::COUNT],
}

const _: () = assert!(size_of::<Context>() <= CONTEXT_LEN as usize);

/// A range that the host brought.
#[derive(Clone, Copy)]
#[repr(C)]
struct Fed {
    need: Need,
    address: u64,
}

/// A query under way.
#[repr(C, align(16))]
struct State {
    tag: u32,
    feeding: Feeding,
    query: Query<'static>,
}

#[repr(C)]
struct Feeding {
    context: *const Context,
    /// The places for fed ranges.
    fed: *mut Fed,
    /// How many are fed, and how many are needed.
    fed_count: u32,
    needed: u32,
    /// The range that held what was asked for last: ranges are used in the order in which they are fed.
    cursor: u32,
}

impl Data<'static> for Feeding {
    fn get(
        &mut self,
        region: Region,
        offset: u64,
        len: u32,
    ) -> Result<Option<&'static [u8]>, Error> {
        // SAFETY: the context is one that `query_begin` checked, and outlives the query by the interface's rules.
        let context = unsafe { &*self.context };
        let end = offset + u64::from(len);
        let mut start = None;
        if let Some(&(address, length)) = context.resident.get(region as usize)
            && end <= u64::from(length)
        {
            start = Some(address.wrapping_add(offset as u32));
        }
        for _ in 0..self.fed_count {
            if start.is_some() {
                break;
            }
            // SAFETY: the cursor is below `fed_count`, and that many ranges were fed.
            let Fed { need, address } = unsafe { *self.fed.add(self.cursor as usize) };
            if need.region == region
                && need.offset <= offset
                && end <= need.offset + u64::from(need.len)
            {
                start = Some((address as u32).wrapping_add((offset - need.offset) as u32));
            } else {
                self.cursor += 1;
                if self.cursor >= self.fed_count {
                    self.cursor = 0;
                }
            }
        }
        // SAFETY: resident regions and fed ranges lie inside the memory, checked when they were announced, and the
        // host leaves them alone during a step.
        Ok(start.map(|address| unsafe { from_raw_parts(address as *const u8, len as usize) }))
    }

    fn before_needs(&mut self) {
        self.fed_count = 0;
        self.cursor = 0;
    }
}

/// Checks that a buffer lies inside the memory, and not at 0.
fn check(address: u32, len: u64, align: u32) -> Result<(), Error> {
    let end = u64::from(address) + len;
    if address == 0 || address % align != 0 || end > (memory_size::<0>() as u64) << 16 {
        return Err(Error::BadPointer);
    }
    Ok(())
}

fn bytes(address: u32, len: u64) -> Result<&'static [u8], Error> {
    check(address, len, 1)?;
    // SAFETY: just checked.
    Ok(unsafe { from_raw_parts(address as *const u8, len as usize) })
}

/// The context or state at an address, if its tag is right.
fn handle<T>(address: u32, tag: u32) -> Result<&'static mut T, Error> {
    check(address, size_of::<T>() as u64, 16)?;
    // SAFETY: inside the memory and aligned.
    if unsafe { *(address as *const u32) } ^ address != tag {
        return Err(Error::BadHandle);
    }
    // SAFETY: the tag says that `open` or `query_begin` wrote one here. No other reference to it is in use, since
    // the exports are called one after the other.
    Ok(unsafe { &mut *(address as *mut T) })
}

fn context(address: u32) -> Result<&'static mut Context, Error> {
    handle(address, CONTEXT_TAG)
}

fn state(address: u32) -> Result<&'static mut State, Error> {
    handle(address, STATE_TAG)
}

fn answer(result: Result<u32, Error>) -> i32 {
    match result {
        Ok(value) => value as i32,
        Err(error) => error.code(),
    }
}

fn params(address: u32) -> Result<Params, Error> {
    let bytes = bytes(address, u64::from(PARAMS_LEN))?;
    let mode = match u32_at(bytes, 4) {
        0 => Mode::Coded,
        1 => Mode::Exact,
        2 => Mode::Blocks,
        _ => return Err(Error::BadParam),
    };
    let flags = u32_at(bytes, 20);
    if flags > 3
        || u64_at(bytes, 32) | u64_at(bytes, 40) | u64_at(bytes, 48) | u64_at(bytes, 56) != 0
    {
        return Err(Error::BadParam);
    }
    Ok(Params {
        k: u32_at(bytes, 0),
        mode,
        probes: u32_at(bytes, 8),
        slack: f32_at(bytes, 12),
        pool: u32_at(bytes, 16),
        filter: flags & 1 != 0,
        deletes: flags & 2 != 0,
        window: u32_at(bytes, 24),
        max_needs: u32_at(bytes, 28),
    })
}

/// How the memory of a query is cut: bytes of the state, of the fed ranges, and of the arrays.
fn sizes(index: &Index, params: &Params) -> (u32, u32, u32) {
    (
        size_of::<State>() as u32,
        params.max_needs * size_of::<Fed>() as u32,
        state_len(index, params) as u32 * 8,
    )
}

fn open(index: u32, index_len: u32, ctx: u32, ctx_len: u32) -> Result<u32, Error> {
    let head = bytes(index, u64::from(index_len))?;
    check(ctx, u64::from(ctx_len), 16)?;
    if ctx_len < CONTEXT_LEN {
        return Err(Error::SmallBuffer);
    }
    let index = Index::parse(head)?;
    // SAFETY: inside the memory and aligned.
    unsafe {
        (ctx as *mut Context).write(Context {
            tag: CONTEXT_TAG ^ ctx,
            index,
            resident: [(0, 0); Region::COUNT],
        });
    }
    Ok(0)
}

fn resident(ctx: u32, region: u32, address: u32, len: u32) -> Result<u32, Error> {
    let context = context(ctx)?;
    check(address, u64::from(len), 1)?;
    let place = context
        .resident
        .get_mut(region as usize)
        .ok_or(Error::BadParam)?;
    *place = (address, len);
    Ok(0)
}

fn query_size(ctx: u32, address: u32) -> Result<u32, Error> {
    let index = &context(ctx)?.index;
    let params = params(address)?;
    params.check(index)?;
    let (state, fed, arrays) = sizes(index, &params);
    Ok(state + fed + arrays)
}

fn query_begin(ctx: u32, address: u32, vector: u32, memory: u32, len: u32) -> Result<u32, Error> {
    let context = context(ctx)?;
    let params = params(address)?;
    params.check(&context.index)?;
    let vector = bytes(vector, u64::from(context.index.dimension()) * 4)?;
    check(memory, u64::from(len), 16)?;
    let (state, fed, arrays) = sizes(&context.index, &params);
    if len < state + fed + arrays {
        return Err(Error::SmallBuffer);
    }
    let fed_address = memory + state;
    // SAFETY: the arrays lie inside the memory, behind the state and the fed ranges.
    let arrays = unsafe {
        core::slice::from_raw_parts_mut((fed_address + fed) as *mut u64, arrays as usize / 8)
    };
    let vector = (0..context.index.dimension() as usize).map(|i| f32_at(vector, i * 4));
    let query = Query::begin_with(context.index, params, vector, Backend::compiled(), arrays)?;
    // SAFETY: inside the memory and aligned.
    unsafe {
        (memory as *mut State).write(State {
            tag: STATE_TAG ^ memory,
            feeding: Feeding {
                context,
                fed: fed_address as *mut Fed,
                fed_count: 0,
                needed: 0,
                cursor: 0,
            },
            query,
        });
    }
    Ok(0)
}

fn query_step(address: u32) -> Result<u32, Error> {
    let State { feeding, query, .. } = state(address)?;
    if feeding.needed != 0 && feeding.fed_count == 0 {
        return Err(Error::State);
    }
    feeding.needed = match query.step(feeding)? {
        Step::Done => 0,
        Step::Needs(count) => count,
    };
    Ok(feeding.needed)
}

fn query_feed(address: u32, i: u32, data: u32) -> Result<u32, Error> {
    let State { feeding, query, .. } = state(address)?;
    let need = *query.needs().get(i as usize).ok_or(Error::BadParam)?;
    // In order; needs of an earlier step are none any more.
    if feeding.needed == 0 || i != feeding.fed_count {
        return Err(Error::State);
    }
    check(data, u64::from(need.len), 1)?;
    // SAFETY: there is a place for each of the most needs.
    unsafe {
        *feeding.fed.add(i as usize) = Fed {
            need,
            address: u64::from(data),
        };
    }
    feeding.fed_count += 1;
    Ok(0)
}

fn query_results(address: u32, out: u32, max: u32) -> Result<u32, Error> {
    let query = &mut state(address)?.query;
    let count = query.hit_count()?.min(max);
    check(out, u64::from(count) * 8, 1)?;
    let mut place = out as *mut Hit;
    query.for_each_hit(count as usize, |hit| {
        // SAFETY: no more than `count` are taken.
        unsafe { place.write_unaligned(hit) };
        place = place.wrapping_add(1);
    })?;
    Ok(count)
}

fn query_stats(address: u32, out: u32) -> Result<u32, Error> {
    let stats = state(address)?.query.stats();
    check(out, 16, 1)?;
    // SAFETY: just checked.
    unsafe { (out as *mut crate::Stats).write_unaligned(stats) };
    Ok(0)
}

fn block_distances(address: u32, records: u32, count: u32, out: u32) -> Result<u32, Error> {
    let query = &state(address)?.query;
    let len = query.index.record_len();
    let records = bytes(records, u64::from(count) * u64::from(len))?;
    check(out, u64::from(count) * 8, 1)?;
    let mut place = out as *mut Hit;
    for record in records.chunks_exact(len as usize) {
        let hit = query.block_distance(record)?;
        // SAFETY: there are `count` records and as many places.
        unsafe { place.write_unaligned(hit) };
        place = place.wrapping_add(1);
    }
    Ok(0)
}

fn topk_merge(address: u32, pairs: u32, count: u32) -> Result<u32, Error> {
    let query = &mut state(address)?.query;
    for pair in bytes(pairs, u64::from(count) * 8)?.chunks_exact(8) {
        query.merge(Hit {
            row: u32_at(pair, 0),
            distance: f32_at(pair, 4),
        })?;
    }
    Ok(0)
}

const _: () = assert!(GROUP == 32 && HEAD_LEN == 128);

macro_rules! exports {
    ($($name:ident($($arg:ident),*) => $inner:ident;)*) => {
        $(
            #[doc = concat!("See `", stringify!($inner), "` in kernel.md, section 7.")]
            // SAFETY: no other symbol has a name of this prefix.
            #[unsafe(no_mangle)]
            pub extern "C" fn $name($($arg: u32),*) -> i32 {
                answer($inner($($arg),*))
            }
        )*
    };
}

exports! {
    rvf_open(index, index_len, ctx, ctx_len) => open;
    rvf_resident(ctx, region, address, len) => resident;
    rvf_query_size(ctx, params) => query_size;
    rvf_query_begin(ctx, params, vector, state, state_len) => query_begin;
    rvf_query_step(state) => query_step;
    rvf_query_feed(state, i, address) => query_feed;
    rvf_query_results(state, out, max) => query_results;
    rvf_query_stats(state, out) => query_stats;
    rvf_block_distances(state, records, count, out) => block_distances;
    rvf_topk_merge(state, pairs, count) => topk_merge;
}

/// The version of the interface.
// SAFETY: no other symbol has a name of this prefix.
#[unsafe(no_mangle)]
pub extern "C" fn rvf_abi() -> i32 {
    ABI
}

/// What this module can do: bits of kernel.md, section 7.
// SAFETY: no other symbol has a name of this prefix.
#[unsafe(no_mangle)]
pub extern "C" fn rvf_caps() -> i32 {
    0xFFE | (LAYOUT as i32) << 16 | cfg!(target_feature = "simd128") as i32
}

/// The address of the first range that the last step asked for.
// SAFETY: no other symbol has a name of this prefix.
#[unsafe(no_mangle)]
pub extern "C" fn rvf_query_needs(address: u32) -> i32 {
    answer(state(address).map(|state| state.query.needs().as_ptr() as u32))
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
