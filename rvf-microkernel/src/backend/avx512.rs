//! AVX-512 with VPOPCNTDQ and VNNI: Ice Lake and Zen 4 onwards.

use core::arch::x86_64::*;

use super::{FirstLook, Group, Ones, STEP, SecondLook, Table, Term, scalar, wide};

pub(super) static TABLE: Table = Table {
    name: "avx512",
    first_look,
    second_look,
    dot,
    sum,
    transform,
};

/// Whether this processor has all that is used here.
pub(super) fn is_available() -> bool {
    std::is_x86_feature_detected!("avx512f")
        && std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512vl")
        && std::is_x86_feature_detected!("avx512dq")
        && std::is_x86_feature_detected!("avx512vpopcntdq")
        && std::is_x86_feature_detected!("avx512vnni")
        && std::is_x86_feature_detected!("popcnt")
}

/// # Safety
/// See `Backend::first_look`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,popcnt")]
unsafe fn first_look(
    group: &Group<'_>,
    plane: *const u64,
    look: FirstLook,
    threshold: f32,
    ones: &mut Ones,
) -> u32 {
    let (codes, corrections) = group.pointers();
    let Group { rows, words, .. } = *group;
    let out = ones.as_mut_ptr().cast::<i32>();
    for start in (0..rows).step_by(8) {
        let first = codes.wrapping_add(start * words * 8);
        // In a short group a tile may stand in for one that is missing; its counts are not used.
        let second = if rows - start > 4 {
            first.wrapping_add(words * STEP)
        } else {
            first
        };
        let mut counts = [_mm512_setzero_si512(); 2];
        let mut word = 0;
        while word < words {
            // Two words of four codes at once.
            let lanes = if words - word > 1 { 0xFF } else { 0x0F };
            let at = word * STEP;
            // SAFETY: lanes at or above the words of a tile, and of the plane, are not read.
            unsafe {
                let plane = pair(lanes, plane.add(word));
                for (count, tile) in counts.iter_mut().zip([first, second]) {
                    let code = _mm512_maskz_loadu_epi64(lanes, tile.wrapping_add(at).cast());
                    let ones = _mm512_popcnt_epi64(_mm512_xor_si512(code, plane));
                    *count = _mm512_add_epi64(*count, ones);
                }
            }
            word += 2;
        }
        // Each code has two counts, in the lower and the upper half.
        let [a, b] = counts;
        let ones = _mm512_add_epi64(
            _mm512_shuffle_i64x2::<0b01_00_01_00>(a, b),
            _mm512_shuffle_i64x2::<0b11_10_11_10>(a, b),
        );
        // SAFETY: there are 32 places, and start ≤ 24.
        unsafe { _mm256_storeu_si256(out.add(start).cast(), _mm512_cvtepi64_epi32(ones)) };
    }

    let offset = _mm512_set1_ps(look.offset);
    let slope = _mm512_set1_ps(look.slope);
    let threshold = _mm512_set1_ps(threshold);
    let mut mask = 0;
    for start in (0..rows).step_by(16) {
        let lanes = ((1_u32 << (rows - start).min(16)) - 1) as __mmask16;
        // SAFETY: lanes at or above the number of rows are not read.
        let (ones, words) = unsafe {
            (
                _mm512_maskz_loadu_epi32(lanes, out.add(start)),
                _mm512_maskz_loadu_epi32(lanes, corrections.cast::<i32>().add(start)),
            )
        };
        let (beta, alpha) = corrections_of(words);
        let projection = _mm512_sub_ps(offset, _mm512_mul_ps(slope, _mm512_cvtepi32_ps(ones)));
        let lower = _mm512_sub_ps(beta, _mm512_mul_ps(alpha, projection));
        let passed = _mm512_mask_cmp_ps_mask::<_CMP_LE_OQ>(lanes, lower, threshold);
        mask |= u32::from(passed) << start;
    }
    mask
}

/// # Safety
/// See `Backend::second_look`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,popcnt")]
unsafe fn second_look(
    group: &Group<'_>,
    mask: u32,
    ones: &Ones,
    plane: *const u64,
    look: &SecondLook,
    lows: &mut Ones,
) -> u32 {
    let (codes, corrections) = group.pointers();
    let Group { rows, words, .. } = *group;
    let mut rest = mask;
    while rest != 0 {
        // All four rows of a tile that has one.
        let tile = rest.trailing_zeros() as usize / 4;
        rest &= !(0xF << (tile * 4));
        let first = codes.wrapping_add(tile * words * STEP);
        let mut count = _mm512_setzero_si512();
        let mut word = 0;
        while word < words {
            let lanes = if words - word > 1 { 0xFF } else { 0x0F };
            // SAFETY: lanes at or above the words of a tile, and of the plane, are not read.
            unsafe {
                let plane = pair(lanes, plane.add(word));
                let code = _mm512_maskz_loadu_epi64(lanes, first.wrapping_add(word * STEP).cast());
                let ones = _mm512_popcnt_epi64(_mm512_xor_si512(code, plane));
                count = _mm512_add_epi64(count, ones);
            }
            word += 2;
        }
        let halves = _mm256_add_epi64(
            _mm512_castsi512_si256(count),
            _mm512_extracti64x4_epi64::<1>(count),
        );
        // SAFETY: there are 32 places, and tile ≤ 7.
        unsafe {
            _mm_storeu_si128(
                lows.as_mut_ptr().add(tile * 4).cast(),
                _mm256_cvtepi64_epi32(halves),
            );
        }
    }

    // As in `scan.rs`, to the bit.
    let mut passed = 0;
    for start in (0..rows).step_by(16) {
        let lanes = (mask >> start) as __mmask16;
        // SAFETY: lanes that the mask does not have are not read.
        let (ones, lows, words) = unsafe {
            (
                _mm512_maskz_loadu_epi32(lanes, ones.as_ptr().add(start).cast()),
                _mm512_maskz_loadu_epi32(lanes, lows.as_ptr().add(start).cast()),
                _mm512_maskz_loadu_epi32(lanes, corrections.cast::<i32>().add(start)),
            )
        };
        let (beta, alpha) = corrections_of(words);
        let twice = _mm512_slli_epi32::<1>(_mm512_add_epi32(_mm512_add_epi32(ones, ones), lows));
        let bracket = _mm512_sub_epi32(_mm512_set1_epi32(look.offset), twice);
        let projection = _mm512_mul_ps(_mm512_set1_ps(look.gain), _mm512_cvtepi32_ps(bracket));
        let reach = _mm512_add_ps(projection, _mm512_set1_ps(look.width));
        let lower = _mm512_add_ps(
            _mm512_sub_ps(beta, _mm512_mul_ps(alpha, reach)),
            _mm512_set1_ps(look.base),
        );
        let below = _mm512_set1_ps(look.threshold);
        let kept = _mm512_mask_cmp_ps_mask::<_CMP_LE_OQ>(lanes, lower, below);
        passed |= u32::from(kept) << start;
    }
    passed
}

/// Two words of a plane, four times each; the second only where there are eight lanes.
///
/// # Safety
/// There are as many words.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn pair(lanes: __mmask8, plane: *const u64) -> __m512i {
    // SAFETY: the caller's promise.
    let words = unsafe { _mm512_maskz_loadu_epi64(lanes >> 3 & 3, plane.cast()) };
    _mm512_maskz_permutexvar_epi64(lanes, _mm512_setr_epi64(0, 0, 0, 0, 1, 1, 1, 1), words)
}

/// β and α of correction words.
#[inline]
#[target_feature(enable = "avx512f")]
fn corrections_of(words: __m512i) -> (__m512, __m512) {
    let beta = _mm512_and_si512(words, _mm512_set1_epi32(!0x3FFF));
    let alpha = _mm512_srli_epi32::<1>(_mm512_slli_epi32::<18>(words));
    (_mm512_castsi512_ps(beta), _mm512_castsi512_ps(alpha))
}

/// # Safety
/// See `Backend::dot`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn dot(x: *const u8, q: *const i16, n: usize) -> i64 {
    let mut total = 0;
    let mut at = 0;
    while at < n {
        // A lane takes two products of at most 2²² each time, 64 times: below 2³¹.
        let end = n.min(at + 2048);
        let mut partial = _mm512_setzero_si512();
        while at < end {
            let left = end - at;
            let lanes = if left >= 32 {
                u32::MAX
            } else {
                (1 << left) - 1
            };
            // SAFETY: lanes at or above n are not read.
            let (a, b) = unsafe {
                (
                    _mm256_maskz_loadu_epi8(lanes, x.add(at).cast()),
                    _mm512_maskz_loadu_epi16(lanes, q.add(at)),
                )
            };
            partial = _mm512_dpwssd_epi32(partial, _mm512_cvtepi8_epi16(a), b);
            at += 32;
        }
        let low = _mm512_cvtepi32_epi64(_mm512_castsi512_si256(partial));
        let high = _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64::<1>(partial));
        total += _mm512_reduce_add_epi64(_mm512_add_epi64(low, high));
    }
    total
}

/// # Safety
/// See `Backend::sum`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn sum(term: Term, x: *const u8, y: *const f32, n: usize) -> f32 {
    // SAFETY: the caller's promise.
    unsafe { wide::sum_by_term!(sum_of, term, x, y, n) }
}

/// The term of each lane.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn term<const TERM: u32>(x: __m512, y: __m512) -> __m512 {
    match Term(TERM) {
        Term::SQUARE => _mm512_mul_ps(x, x),
        Term::PRODUCT => _mm512_mul_ps(x, y),
        Term::PLAIN => x,
        _ => {
            let difference = _mm512_sub_ps(x, y);
            _mm512_mul_ps(difference, difference)
        }
    }
}

/// The components of an f32 record from `at` on, 0 where `lanes` has no bit.
///
/// # Safety
/// There is a component for each bit.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn single(x: *const u8, at: usize, lanes: __mmask16) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe { _mm512_maskz_loadu_ps(lanes, x.cast::<f32>().add(at)) }
}

/// As [`single`], of an f16 record.
///
/// # Safety
/// There is a component for each bit.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn half(x: *const u8, at: usize, lanes: __mmask16) -> __m512 {
    // SAFETY: the caller's promise.
    let bits = unsafe { _mm256_maskz_loadu_epi16(lanes, x.cast::<i16>().add(at)) };
    let mut values = _mm512_cvtph_ps(bits);
    // That takes an exponent of 31 for an infinity or a NaN; here it is an exponent (K-DIST-2).
    let exponents = _mm256_and_si256(bits, _mm256_set1_epi16(0x7C00));
    let large = _mm256_cmpeq_epi16_mask(exponents, _mm256_set1_epi16(0x7C00));
    if large != 0 {
        let bits = _mm512_cvtepu16_epi32(bits);
        let magnitude = _mm512_slli_epi32::<13>(_mm512_and_si512(bits, _mm512_set1_epi32(0x7FFF)));
        let sign = _mm512_slli_epi32::<16>(_mm512_and_si512(bits, _mm512_set1_epi32(0x8000)));
        let magnitude = _mm512_mul_ps(
            _mm512_castsi512_ps(magnitude),
            _mm512_set1_ps(wide::F16_SCALE),
        );
        let signed = _mm512_or_si512(_mm512_castps_si512(magnitude), sign);
        values = _mm512_mask_mov_ps(values, large, _mm512_castsi512_ps(signed));
    }
    values
}

/// Components of a record from `at` on.
///
/// # Safety
/// As for [`single`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn load<const HALF: bool>(x: *const u8, at: usize, lanes: __mmask16) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe {
        if HALF {
            half(x, at, lanes)
        } else {
            single(x, at, lanes)
        }
    }
}

/// # Safety
/// Both have n components.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn sum_of<const HALF: bool, const TERM: u32>(x: *const u8, y: *const f32, n: usize) -> f32 {
    let mut lanes = _mm512_setzero_ps();
    let mut at = 0;
    while at < n {
        let left = n - at;
        let mask = if left >= 16 { 0xFFFF } else { (1 << left) - 1 };
        // SAFETY: lanes at or above n are not read. They are 0 and add +0, which changes nothing.
        let (a, b) = unsafe {
            (
                load::<HALF>(x, at, mask),
                _mm512_maskz_loadu_ps(mask, y.add(at)),
            )
        };
        lanes = _mm512_add_ps(lanes, term::<TERM>(a, b));
        at += 16;
    }
    let mut out = [0.0; 16];
    // SAFETY: there are 16 places.
    unsafe { _mm512_storeu_ps(out.as_mut_ptr(), lanes) };
    scalar::fold(&mut out)
}

/// # Safety
/// See `Backend::transform`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn transform(values: *mut f32, log: u32) {
    // SAFETY: the caller's promise.
    wide::transform(
        unsafe { core::slice::from_raw_parts_mut(values, 1 << log) },
        log,
    );
}
