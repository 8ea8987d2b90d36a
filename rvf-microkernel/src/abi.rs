//! The exports of the wasm module (kernel.md, section 7): thin wrappers over [`Query`].
//!
//! The module has no state of its own: contexts and queries live in memory that the host gives.
#![allow(unsafe_code, reason = "the host passes addresses of linear memory")]

use core::arch::wasm32::memory_size;
use core::mem::{MaybeUninit, offset_of};
use core::slice::from_raw_parts;

use crate::Error;
use crate::backend::Backend;
use crate::data::{Data, Need, Region};
use crate::index::{HEAD_LEN, Index, LAYOUT};
use crate::machine::{Phase, Step};
use crate::memory::View;
use crate::params::Settings;
use crate::query::{Hit, Query, Stats};

/// The version of this interface.
const ABI: i32 = 0x2_0002;
/// The answer of a call that has nothing to tell.
const OK: i32 = 0;
/// Bytes of a context.
const CONTEXT_LEN: u32 = 256;
/// Bytes of the parameters.
const PARAMS_LEN: u32 = 64;
/// What a handle's tag is, xor its address and where the tag stands in it.
const TAG: u32 = u32::from_le_bytes(*b"RVFt");
const CONTEXT_TAG: u32 = TAG ^ CONTEXT_TAG_AT;
const STATE_TAG: u32 = TAG ^ STATE_TAG_AT;
const CONTEXT_TAG_AT: u32 = offset_of!(Context, tag) as u32;
const STATE_TAG_AT: u32 = offset_of!(State, tag) as u32;
const _: () = assert!(
    !CONTEXT_TAG_AT.abs_diff(STATE_TAG_AT).is_multiple_of(16),
    "no word may be the tag of both kinds of handle"
);

/// An open file.
#[repr(C, align(16))]
struct Context {
    index: Index,
    mean: u32,
    /// Address and length of each region that is in memory; the length is 0 for one that is not.
    resident: [(u32, u32); Region::COUNT],
    tag: u32,
}

const _: () = assert!(size_of::<Context>() <= CONTEXT_LEN as usize);

/// A range that the host brought.
#[derive(Clone, Copy)]
#[repr(C)]
struct Fed {
    need: Need,
    address: u32,
}

/// A query under way.
#[repr(C, align(16))]
struct State {
    query: Query<'static>,
    feeding: Feeding,
    tag: u32,
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
    #[inline(always)]
    fn get(&mut self, region: Region, offset: u64, len: u32) -> Option<&'static [u8]> {
        // SAFETY: the context is one that `query_begin` checked, and outlives the query by the interface's rules.
        let (address, length) = unsafe { (*self.context).resident[region as usize] };
        let end = offset + u64::from(len);
        let mut start = address.wrapping_add(offset as u32);
        if end > u64::from(length) {
            let mut left = self.fed_count;
            loop {
                if left == 0 {
                    return None;
                }
                left -= 1;
                // SAFETY: the cursor is below `fed_count`, and that many ranges were fed.
                let Fed { need, address } = unsafe { &*self.fed.add(self.cursor as usize) };
                let inside = offset.wrapping_sub(need.offset);
                if need.region == region
                    && inside <= u64::from(need.len)
                    && end <= need.offset + u64::from(need.len)
                {
                    start = *address + inside as u32;
                    break;
                }
                self.cursor += 1;
                if self.cursor == self.fed_count {
                    self.cursor = 0;
                }
            }
        }
        // SAFETY: resident regions and fed ranges lie inside the memory, checked when they were announced, and the
        // host leaves them alone during a step.
        Some(unsafe { from_raw_parts(start as *const u8, len as usize) })
    }

    /// A module has no instruction for this, so it reads a byte of each line: the processor does so side by side.
    #[inline(always)]
    fn prefetch(&mut self, region: Region, offset: u64, len: u32) {
        // SAFETY: see `get`; what is read lies in the resident region. (Its offsets have 32 bits. One that has more may be
        // mistaken for another, which is of no harm.)
        unsafe {
            let (address, length) = (*self.context).resident[region as usize];
            let end = (offset as u32).wrapping_add(len);
            // From the start of a line, so that the last one is read too.
            let mut at = offset as u32 & !63;
            // Up to a multiple of 64 it can't wrap around, since a region is shorter than the memory.
            let end = end.min(length & !63);
            while at < end {
                (address.wrapping_add(at) as *const u8).read_volatile();
                at += 64;
            }
        }
    }

    fn before_needs(&mut self) {
        self.fed_count = 0;
        self.cursor = 0;
    }
}

/// Returns a code unless it is [`OK`].
macro_rules! pass {
    ($code:expr) => {
        let code = $code;
        if code != OK {
            return code;
        }
    };
}

/// Bytes of memory behind any buffer: those of a vector register (K-ABI-7).
const MARGIN: u64 = 16;

/// Checks that a buffer lies inside the memory, and not at 0.
#[inline(never)]
fn check(address: u32, len: u64) -> i32 {
    if address == 0 || u64::from(address) + len + MARGIN > (memory_size::<0>() as u64) << 16 {
        return Error::BadPointer.code();
    }
    OK
}

/// As [`check`], for what must be aligned.
fn check_aligned(address: u32, len: u32) -> i32 {
    if address % 16 != 0 {
        return Error::BadPointer.code();
    }
    check(address, u64::from(len))
}

/// Checks that a context or state is at an address: that its tag, which is so many bytes behind it, is right.
#[inline(never)]
fn check_handle(address: u32, tag_at: u32) -> i32 {
    if address % 16 != 0 {
        return Error::BadPointer.code();
    }
    let tag = address.wrapping_add(tag_at);
    pass!(check(tag, 4));
    // SAFETY: inside the memory and aligned.
    if unsafe { *(tag as *const u32) } ^ address != TAG ^ tag_at {
        return Error::BadHandle.code();
    }
    OK
}

#[inline(always)]
fn check_context(address: u32) -> i32 {
    check_handle(address, CONTEXT_TAG_AT)
}

#[inline(never)]
fn check_state(address: u32) -> i32 {
    check_handle(address, STATE_TAG_AT)
}

/// The state at an address that [`check_state`] checked: `query_begin` wrote one there.
///
/// No other reference to it is in use, since the exports are called one after the other.
#[inline(always)]
unsafe fn state(address: u32) -> &'static mut State {
    // SAFETY: the caller's promise.
    unsafe { &mut *(address as *mut State) }
}

/// Checks the context and the parameters, writes a query that has no vector yet at `place`, with its memory behind
/// the address `memory`, and answers how many bytes it needs in all.
#[inline(never)]
fn prepare(ctx: u32, params: u32, place: &mut MaybeUninit<State>, memory: u32) -> i32 {
    pass!(check_context(ctx));
    pass!(check(params, u64::from(PARAMS_LEN)));
    // SAFETY: inside the memory; `check_context` checked the context.
    unsafe {
        let context = ctx as *const Context;
        let settings = params as *const Settings;
        if let Err(error) = (*settings).check(&(*context).index) {
            return error.code();
        }
        let place = place.as_mut_ptr();
        (*place).feeding.context = context;
        (*place).feeding.needed = 0;
        (*place).feeding.before_needs();
        let fed = memory + size_of::<State>() as u32;
        (*place).feeding.fed = fed as *mut Fed;
        let end = Query::set_up(
            &mut *(&raw mut (*place).query).cast(),
            &(*context).index,
            &*settings,
            Backend::scalar(),
            (fed + (*settings).max_needs * size_of::<Fed>() as u32) as *mut u8,
        );
        (end as u32 - memory) as i32
    }
}

fn open(index: u32, index_len: u32, ctx: u32, ctx_len: u32) -> i32 {
    pass!(check(index, u64::from(index_len)));
    pass!(check_aligned(ctx, ctx_len));
    if ctx_len < CONTEXT_LEN {
        return Error::SmallBuffer.code();
    }
    // SAFETY: inside the memory and aligned.
    unsafe {
        let context = ctx as *mut Context;
        let place = &mut *(&raw mut (*context).index).cast::<MaybeUninit<Index>>();
        (*context).tag = 0;
        let head = from_raw_parts(index as *const u8, index_len as usize);
        if let Err(error) = Index::parse_into(head, place) {
            return error.code();
        }
        // The regions are not in memory yet.
        (&raw mut (*context).resident).write_bytes(0, 1);
        (*context).mean = index + HEAD_LEN as u32;
        if (index_len as usize) < HEAD_LEN + (*context).index.mean_len() {
            return Error::BadIndex.code();
        }
        (*context).tag = CONTEXT_TAG ^ ctx;
    }
    OK
}

fn resident(ctx: u32, region: u32, address: u32, len: u32) -> i32 {
    pass!(check_context(ctx));
    pass!(check(address, u64::from(len)));
    if region >= Region::COUNT as u32 {
        return Error::BadParam.code();
    }
    // SAFETY: `check_context` checked the context.
    unsafe { (*(ctx as *mut Context)).resident[region as usize] = (address, len) };
    OK
}

fn query_size(ctx: u32, params: u32) -> i32 {
    prepare(ctx, params, &mut MaybeUninit::uninit(), 0)
}

fn query_begin(ctx: u32, params: u32, vector: u32, memory: u32, len: u32) -> i32 {
    pass!(check_aligned(memory, len));
    let mut size = size_of::<State>() as i32;
    // SAFETY: the memory holds a state, and behind it what `prepare` lays out is used only if there is room.
    unsafe {
        if len >= size as u32 {
            // No handle until the vector is taken.
            (&raw mut (*(memory as *mut State)).tag).write(0);
            size = prepare(
                ctx,
                params,
                &mut *(memory as *mut MaybeUninit<State>),
                memory,
            );
            if size < 0 {
                return size;
            }
        }
        if len < size as u32 {
            return Error::SmallBuffer.code();
        }
        let state = state(memory);
        let len = state.query.index.mean_len();
        pass!(check(vector, len as u64));
        let mean = (*state.feeding.context).mean as *const u8;
        let mean = View::new(from_raw_parts(mean, len));
        if let Err(error) = state.query.take_vector(vector as *const u8, mean) {
            return error.code();
        }
        state.tag = STATE_TAG ^ memory;
    }
    OK
}

fn query_step(address: u32) -> i32 {
    pass!(check_state(address));
    // SAFETY: just checked.
    let State { feeding, query, .. } = unsafe { state(address) };
    if feeding.needed != 0 && feeding.fed_count == 0 {
        return Error::State.code();
    }
    match query.step(feeding) {
        Ok(Step::Done) => feeding.needed = 0,
        Ok(Step::Needs(count)) => feeding.needed = count,
        Err(error) => return error.code(),
    }
    feeding.needed as i32
}

fn query_feed(address: u32, i: u32, data: u32) -> i32 {
    pass!(check_state(address));
    // SAFETY: just checked.
    let State { feeding, query, .. } = unsafe { state(address) };
    // In order, and only what the last step asked for.
    if i >= feeding.needed || i != feeding.fed_count {
        return Error::State.code();
    }
    // SAFETY: that many ranges are needed, and there is a place for each.
    unsafe {
        let need = query.needs.at(i as usize);
        pass!(check(data, u64::from(need.len)));
        *feeding.fed.add(i as usize) = Fed {
            need,
            address: data,
        };
    }
    feeding.fed_count = i + 1;
    OK
}

fn query_needs(address: u32) -> i32 {
    pass!(check_state(address));
    // SAFETY: just checked.
    unsafe { state(address) }.query.needs().as_ptr() as i32
}

fn query_results(address: u32, out: u32, max: u32) -> i32 {
    pass!(check_state(address));
    // SAFETY: just checked.
    let query = unsafe { &mut state(address).query };
    if query.cursor.phase != Phase::Done {
        return Error::State.code();
    }
    let count = max.min(query.settings.k).min(query.pool.len as u32);
    pass!(check(out, u64::from(count) * 8));
    let mut place = out as *mut Hit;
    query.for_each_hit(count as usize, |hit| {
        // SAFETY: no more than `count` are taken.
        unsafe { place.write_unaligned(hit) };
        place = place.wrapping_add(1);
    });
    count as i32
}

fn query_stats(address: u32, out: u32) -> i32 {
    pass!(check_state(address));
    pass!(check(out, size_of::<Stats>() as u64));
    // SAFETY: just checked.
    unsafe { (out as *mut Stats).write_unaligned(state(address).query.stats) };
    OK
}

fn block(address: u32, records: u32, count: u32) -> i32 {
    pass!(check_state(address));
    // SAFETY: just checked.
    let query = unsafe { &mut state(address).query };
    if query.cursor.phase != Phase::Done {
        return Error::State.code();
    }
    let len = u64::from(count) * u64::from(query.index.record_len());
    pass!(check(records, len));
    // SAFETY: inside the memory; a query that began has its vector.
    if !unsafe { query.offer_records(from_raw_parts(records as *const u8, len as usize)) } {
        return Error::BadData.code();
    }
    OK
}

macro_rules! exports {
    ($($name:ident($($arg:ident),*) => $inner:ident;)*) => {
        $(
            #[doc = concat!("See `", stringify!($inner), "` in kernel.md, section 7.")]
            // SAFETY: no other symbol has a name of this prefix.
            #[unsafe(no_mangle)]
            extern "C" fn $name($($arg: u32),*) -> i32 {
                $inner($($arg),*)
            }
        )*
    };
}

exports! {
    rvf_open(index, index_len, ctx, ctx_len) => open;
    rvf_resident(ctx, region, address, len) => resident;
    rvf_size(ctx, params) => query_size;
    rvf_begin(ctx, params, vector, state, state_len) => query_begin;
    rvf_step(state) => query_step;
    rvf_needs(state) => query_needs;
    rvf_feed(state, i, address) => query_feed;
    rvf_results(state, out, max) => query_results;
    rvf_stats(state, out) => query_stats;
    rvf_block(state, records, count) => block;
}

/// The version of the interface.
// SAFETY: no other symbol has a name of this prefix.
#[unsafe(no_mangle)]
extern "C" fn rvf_abi() -> i32 {
    ABI
}

/// What this module can do: bits of kernel.md, section 7.
// SAFETY: no other symbol has a name of this prefix.
#[unsafe(no_mangle)]
extern "C" fn rvf_caps() -> i32 {
    0xFEA | (LAYOUT as i32) << 16 | cfg!(target_feature = "simd128") as i32
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
