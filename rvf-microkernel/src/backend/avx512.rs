//! AVX-512 with VPOPCNTDQ and VNNI: Ice Lake and Zen 4 onwards.

use core::arch::x86_64::*;

use super::{Group, Looks, Passed, STEP, Table, Term, scalar, wide};

pub(super) static TABLE: Table = Table {
    name: "avx512",
    look,
    dot,
    sum,
    residual: scalar::residual,
    transform,
    planes,
    integers,
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
/// See `Backend::look`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,popcnt")]
unsafe fn look(
    group: &Group<'_>,
    signs: *const u64,
    lows: *const u64,
    looks: &Looks,
    out: &mut Passed,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        match group.words {
            // Of 384 dimensions the planes stay in registers.
            6 => look_at::<6>(group, signs, lows, looks, out),
            words => look_at::<0>(&Group { words, ..*group }, signs, lows, looks, out),
        }
    }
}

/// # Safety
/// See `Backend::look`. WORDS is the number of words of a code, or 0 if the compiler need not know it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,popcnt")]
unsafe fn look_at<const WORDS: usize>(
    group: &Group<'_>,
    signs: *const u64,
    lows: *const u64,
    looks: &Looks,
    out: &mut Passed,
) -> u32 {
    let (codes, corrections) = group.pointers();
    let rows = group.rows;
    let words = if WORDS == 0 { group.words } else { WORDS };
    let mut second_looks = 0;
    // Four tiles at once.
    for start in (0..rows).step_by(16) {
        // In a short group the last tile stands in for those that are missing; lanes without a row are not used.
        let tiles = [0, 4, 8, 12].map(|row| {
            let tile = (start + row).min(rows - 1) / 4;
            codes.wrapping_add(tile * words * STEP)
        });
        let lanes = ((1_u32 << (rows - start).min(16)) - 1) as __mmask16;
        // SAFETY: these are tiles of the group; lanes at or above the number of rows are not read.
        let (ones, correction) = unsafe {
            (
                ones(tiles, signs, words),
                _mm512_maskz_loadu_epi32(lanes, corrections.cast::<i32>().add(start)),
            )
        };
        // As `Looks::first` and `Looks::second`, to the bit.
        let beta = _mm512_and_si512(correction, _mm512_set1_epi32(!0x3FFF));
        let beta = _mm512_castsi512_ps(beta);
        let alpha = _mm512_srli_epi32::<1>(_mm512_slli_epi32::<18>(correction));
        let alpha = _mm512_castsi512_ps(alpha);
        let slope = _mm512_set1_ps(looks.slope);
        let projection = _mm512_mul_ps(slope, _mm512_cvtepi32_ps(ones));
        let projection = _mm512_sub_ps(_mm512_set1_ps(looks.offset), projection);
        let lower = _mm512_sub_ps(beta, _mm512_mul_ps(alpha, projection));
        let threshold = _mm512_set1_ps(looks.threshold - looks.base);
        let lanes = _mm512_mask_cmp_ps_mask::<_CMP_LE_OQ>(lanes, lower, threshold);
        if lanes == 0 {
            continue;
        }
        second_looks += lanes.count_ones();
        // SAFETY: as above.
        let low_ones = unsafe { self::ones(tiles, lows, words) };
        let twice = _mm512_add_epi32(_mm512_add_epi32(ones, ones), low_ones);
        let twice = _mm512_slli_epi32::<1>(twice);
        let bracket = _mm512_sub_epi32(_mm512_set1_epi32(looks.most), twice);
        let projection = _mm512_mul_ps(_mm512_set1_ps(looks.gain), _mm512_cvtepi32_ps(bracket));
        let reach = _mm512_add_ps(projection, _mm512_set1_ps(looks.width));
        let base = _mm512_set1_ps(looks.base);
        let lower = _mm512_add_ps(_mm512_sub_ps(beta, _mm512_mul_ps(alpha, reach)), base);
        let estimate = _mm512_sub_ps(beta, _mm512_mul_ps(alpha, projection));
        let below = _mm512_set1_ps(looks.threshold);
        let lanes = _mm512_mask_cmp_ps_mask::<_CMP_LE_OQ>(lanes, lower, below);
        out.mask |= u32::from(lanes) << start;
        // SAFETY: there are 32 places, and start ≤ 16.
        unsafe {
            _mm512_storeu_ps(out.lowers.as_mut_ptr().add(start), lower);
            let place = out.estimates.as_mut_ptr().add(start);
            _mm512_storeu_ps(place, _mm512_add_ps(estimate, base));
        }
    }
    second_looks
}

/// The number of ones in each of the sixteen codes of four tiles xor a plane.
///
/// # Safety
/// There are as many words in each tile and in the plane.
#[inline]
#[target_feature(enable = "avx512f,avx512vpopcntdq")]
unsafe fn ones(tiles: [*const u8; 4], plane: *const u64, words: usize) -> __m512i {
    let mut counts = [_mm512_setzero_si512(); 4];
    for word in (0..words).step_by(2) {
        // Two words of four codes at once.
        let lanes: __mmask8 = if words - word > 1 { 0xFF } else { 0x0F };
        // SAFETY: lanes at or above the words of a tile, and of the plane, are not read.
        unsafe {
            let pair = _mm512_maskz_loadu_epi64(lanes >> 3 & 3, plane.add(word).cast());
            let each = _mm512_setr_epi64(0, 0, 0, 0, 1, 1, 1, 1);
            let plane = _mm512_maskz_permutexvar_epi64(lanes, each, pair);
            for (count, tile) in counts.iter_mut().zip(tiles) {
                let code = _mm512_maskz_loadu_epi64(lanes, tile.add(word * STEP).cast());
                let ones = _mm512_popcnt_epi64(_mm512_xor_si512(code, plane));
                *count = _mm512_add_epi64(*count, ones);
            }
        }
    }
    // Each code has two counts, in the lower and the upper half.
    let [first, second] = [0, 2].map(|i| {
        let (a, b) = (counts[i], counts[i + 1]);
        _mm512_cvtepi64_epi32(_mm512_add_epi64(
            _mm512_shuffle_i64x2::<0b01_00_01_00>(a, b),
            _mm512_shuffle_i64x2::<0b11_10_11_10>(a, b),
        ))
    });
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(first), second)
}

/// # Safety
/// See `Backend::dot`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn dot(x: *const u8, q: *const i16, n: usize) -> i64 {
    let mut total = 0;
    let mut at = 0;
    while at < n {
        // A lane takes two products of at most 2²² each time, 64 times: below 2³¹, as are both partial sums together.
        let end = n.min(at + 2048);
        let mut partial = [_mm512_setzero_si512(); 2];
        while end - at >= 64 {
            for (i, sum) in partial.iter_mut().enumerate() {
                // SAFETY: 64 components are left.
                unsafe {
                    let a = _mm256_loadu_si256(x.add(at + 32 * i).cast());
                    let b = _mm512_loadu_epi16(q.add(at + 32 * i));
                    *sum = _mm512_dpwssd_epi32(*sum, _mm512_cvtepi8_epi16(a), b);
                }
            }
            at += 64;
        }
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
            partial[0] = _mm512_dpwssd_epi32(partial[0], _mm512_cvtepi8_epi16(a), b);
            at += 32;
        }
        let partial = _mm512_add_epi32(partial[0], partial[1]);
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

/// # Safety
/// See `Backend::planes`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,popcnt")]
unsafe fn planes(values: *mut f32, weighted: *mut f32, n: usize, t: f32, planes: *mut u64) -> u32 {
    let words = n.div_ceil(64);
    let mut large_ones = 0;
    for word in 0..words {
        let (mut signs, mut lows) = (0, 0);
        for start in (0..64).step_by(16) {
            let at = word * 64 + start;
            let left = n.saturating_sub(at);
            let lanes = if left >= 16 { 0xFFFF } else { (1 << left) - 1 };
            // SAFETY: lanes at or above n are neither read nor written.
            unsafe {
                let value = _mm512_maskz_loadu_ps(lanes, values.wrapping_add(at));
                let zero = _mm512_setzero_ps();
                let sign = _mm512_mask_cmp_ps_mask::<_CMP_GE_OQ>(lanes, value, zero);
                let value = _mm512_abs_ps(value);
                let t = _mm512_set1_ps(t);
                let large = _mm512_mask_cmp_ps_mask::<_CMP_GT_OQ>(lanes, value, t);
                let heavy = _mm512_mask_mul_ps(value, large, value, _mm512_set1_ps(3.0));
                _mm512_mask_storeu_ps(values.wrapping_add(at), lanes, value);
                _mm512_mask_storeu_ps(weighted.wrapping_add(at), lanes, heavy);
                large_ones += large.count_ones();
                signs |= u64::from(sign) << start;
                lows |= u64::from(sign ^ !large & lanes) << start;
            }
        }
        // SAFETY: both planes have this word.
        unsafe {
            *planes.add(word) = signs;
            *planes.add(words + word) = lows;
        }
    }
    large_ones
}

/// # Safety
/// See `Backend::integers`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn integers(values: *const f32, reciprocal: f32, n: usize, out: *mut i16) -> i64 {
    let mut squares = _mm512_setzero_si512();
    for at in (0..n).step_by(32) {
        // SAFETY: there are a multiple of 64 values, and room for as many integers.
        unsafe {
            let [low, high] = [at, at + 16].map(|at| {
                let value = _mm512_loadu_ps(values.add(at));
                let integer = _mm512_cvtps_epi32(_mm512_mul_ps(value, _mm512_set1_ps(reciprocal)));
                // To ±32,767: what is above 16 bits by itself, and −32,768 here.
                let half = _mm512_cvtsepi32_epi16(integer);
                _mm256_max_epi16(half, _mm256_set1_epi16(-i16::MAX))
            });
            let both = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
            _mm512_storeu_si512(out.add(at).cast(), both);
            // Two squares are below 2³¹.
            let pairs = _mm512_madd_epi16(both, both);
            let low = _mm512_cvtepi32_epi64(_mm512_castsi512_si256(pairs));
            let high = _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64::<1>(pairs));
            squares = _mm512_add_epi64(squares, _mm512_add_epi64(low, high));
        }
    }
    _mm512_reduce_add_epi64(squares)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::{vec, vec::Vec};

    use super::*;

    #[test]
    fn integer_queries_are_those_of_plain_rust_at_the_ends_of_the_range_and_at_ties() {
        if !is_available() {
            return;
        }
        let ends = [
            32_767.0, 32_767.4, 32_767.5, 32_768.0, -32_767.5, -32_768.0, 0.5, 1.5, 2.5, -0.5,
            -1.5, 0.0, -0.0, 16_384.0, -16_383.5, 1e-30,
        ];
        for n in [64, 128, 384] {
            for reciprocal in [1.0, 0.25] {
                let values: Vec<f32> = (0..n).map(|i| ends[i * 7 % 16] / reciprocal).collect();
                let made = |make: unsafe fn(*const f32, f32, usize, *mut i16) -> i64| {
                    let mut out = vec![0; n];
                    // SAFETY: both are as long as is said, and the processor has the instructions.
                    let squares = unsafe { make(values.as_ptr(), reciprocal, n, out.as_mut_ptr()) };
                    (squares, out)
                };
                assert_eq!(made(integers), made(scalar::integers));
            }
        }
    }
}
