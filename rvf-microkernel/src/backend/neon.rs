//! NEON, which every aarch64 processor has.

use core::arch::aarch64::*;

use super::{Group, Looks, Ones, Passed, STEP, Table, Term, scalar, wide};

pub(super) static TABLE: Table = Table {
    name: "neon",
    look,
    dot,
    sum,
    residual: scalar::residual,
    transform,
    planes: scalar::planes,
    integers: scalar::integers,
};

/// # Safety
/// See `Backend::look`.
#[target_feature(enable = "neon")]
unsafe fn look(
    group: &Group<'_>,
    signs: *const u64,
    lows: *const u64,
    looks: &Looks,
    out: &mut Passed,
) -> u32 {
    let (codes, corrections) = group.pointers();
    let Group { rows, words, .. } = *group;
    let mut ones: Ones = [0; 32];
    let places = ones.as_mut_ptr();
    let mut mask = 0;
    for start in (0..rows).step_by(4) {
        let tile = codes.wrapping_add(start * words * 8);
        let mut counts = [vdupq_n_u32(0); 2];
        for word in 0..words {
            // SAFETY: the tile and the plane have `words` words.
            unsafe {
                let plane = vreinterpretq_u8_u64(vdupq_n_u64(*signs.add(word)));
                for (half, count) in counts.iter_mut().enumerate() {
                    let code = vld1q_u8(tile.add(word * STEP + half * 16));
                    *count = vpadalq_u16(*count, vpaddlq_u8(vcntq_u8(veorq_u8(code, plane))));
                }
            }
        }
        // SAFETY: there are 32 places, and start ≤ 28.
        unsafe { vst1q_u32(places.add(start), vpaddq_u32(counts[0], counts[1])) };
        for row in start..rows.min(start + 4) {
            // SAFETY: row has a correction word, and its count was written.
            unsafe {
                let word = corrections.cast::<u32>().add(row).read_unaligned();
                let passes = looks.first(*places.add(row) as f32, u32::from_le(word));
                mask |= u32::from(passes) << row;
            }
        }
    }
    // SAFETY: the caller's promise; all rows were counted.
    unsafe {
        scalar::second_looks(group, mask, ones.as_ptr(), lows, looks, |looked| {
            out.put(looked)
        })
        .unwrap_or_default()
    }
}

/// # Safety
/// See `Backend::dot`.
#[target_feature(enable = "neon")]
unsafe fn dot(x: *const u8, q: *const i16, n: usize) -> i64 {
    let whole = n / 16 * 16;
    let mut total = 0;
    let mut at = 0;
    while at < whole {
        // A lane takes four products of at most 2²² each time, 64 times: below 2³¹.
        let end = whole.min(at + 1024);
        let mut partial = vdupq_n_s32(0);
        while at < end {
            // SAFETY: at + 16 ≤ n.
            unsafe {
                let a = vld1q_s8(x.add(at).cast());
                let (low, high) = (vmovl_s8(vget_low_s8(a)), vmovl_high_s8(a));
                let (b, c) = (vld1q_s16(q.add(at)), vld1q_s16(q.add(at + 8)));
                partial = vmlal_s16(partial, vget_low_s16(low), vget_low_s16(b));
                partial = vmlal_high_s16(partial, low, b);
                partial = vmlal_s16(partial, vget_low_s16(high), vget_low_s16(c));
                partial = vmlal_high_s16(partial, high, c);
            }
            at += 16;
        }
        total += vaddlvq_s32(partial);
    }
    // SAFETY: whole ≤ n.
    total + unsafe { scalar::dot(x.add(whole), q.add(whole), n - whole) }
}

/// # Safety
/// See `Backend::sum`.
#[target_feature(enable = "neon")]
unsafe fn sum(term: Term, x: *const u8, y: *const f32, n: usize) -> f32 {
    // SAFETY: the caller's promise.
    unsafe { wide::sum_by_term!(sum_of, term, x, y, n) }
}

/// The term of each lane.
#[inline]
#[target_feature(enable = "neon")]
fn term<const TERM: u32>(x: float32x4_t, y: float32x4_t) -> float32x4_t {
    match Term(TERM) {
        Term::SQUARE => vmulq_f32(x, x),
        Term::PRODUCT => vmulq_f32(x, y),
        Term::PLAIN => x,
        _ => {
            let difference = vsubq_f32(x, y);
            vmulq_f32(difference, difference)
        }
    }
}

/// Four components of an f32 record from `at` on.
///
/// # Safety
/// There are as many.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn single(x: *const u8, at: usize) -> float32x4_t {
    // SAFETY: the caller's promise.
    unsafe { vld1q_f32(x.cast::<f32>().add(at)) }
}

/// Four components of an f16 record from `at` on.
///
/// # Safety
/// There are as many.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn half(x: *const u8, at: usize) -> float32x4_t {
    // SAFETY: the caller's promise.
    let bits = vmovl_u16(unsafe { vld1_u16(x.cast::<u16>().add(at)) });
    let magnitude = vshlq_n_u32::<13>(vandq_u32(bits, vdupq_n_u32(0x7FFF)));
    let sign = vshlq_n_u32::<16>(vandq_u32(bits, vdupq_n_u32(0x8000)));
    let magnitude = vmulq_f32(
        vreinterpretq_f32_u32(magnitude),
        vdupq_n_f32(wide::F16_SCALE),
    );
    vreinterpretq_f32_u32(vorrq_u32(vreinterpretq_u32_f32(magnitude), sign))
}

/// Components of a record from `at` on.
///
/// # Safety
/// As for [`single`].
#[inline]
#[target_feature(enable = "neon")]
unsafe fn load<const HALF: bool>(x: *const u8, at: usize) -> float32x4_t {
    // SAFETY: the caller's promise.
    unsafe { if HALF { half(x, at) } else { single(x, at) } }
}

/// # Safety
/// Both have n components.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn sum_of<const HALF: bool, const TERM: u32>(x: *const u8, y: *const f32, n: usize) -> f32 {
    let whole = n / 16 * 16;
    let mut sums = [vdupq_n_f32(0.0); 4];
    for at in (0..whole).step_by(16) {
        for (i, sum) in sums.iter_mut().enumerate() {
            // SAFETY: at + 16 ≤ n.
            unsafe {
                let at = at + 4 * i;
                *sum = vaddq_f32(
                    *sum,
                    term::<TERM>(load::<HALF>(x, at), vld1q_f32(y.add(at))),
                );
            }
        }
    }
    let mut lanes = [0.0; 16];
    for (i, sum) in sums.into_iter().enumerate() {
        // SAFETY: there are 16 places.
        unsafe { vst1q_f32(lanes.as_mut_ptr().add(4 * i), sum) };
    }
    // SAFETY: the rest of both is below n.
    unsafe { scalar::add_terms(&mut lanes, Term(TERM).of_halves(HALF), x, y, whole, n) };
    scalar::fold(&mut lanes)
}

/// # Safety
/// See `Backend::transform`.
#[target_feature(enable = "neon")]
unsafe fn transform(values: *mut f32, log: u32) {
    // SAFETY: the caller's promise.
    wide::transform(
        unsafe { core::slice::from_raw_parts_mut(values, 1 << log) },
        log,
    );
}
