//! AVX2 with F16C and POPCNT: Haswell and Zen onwards.

use core::arch::x86_64::*;

use super::{Group, Looks, Ones, Passed, STEP, Table, Term, scalar, wide};

pub(super) static TABLE: Table = Table {
    name: "avx2",
    look,
    dot,
    sum,
    residual: scalar::residual,
    transform,
    planes: scalar::planes,
    integers: scalar::integers,
};

/// Whether this processor has all that is used here.
pub(super) fn is_available() -> bool {
    std::is_x86_feature_detected!("avx2")
        && std::is_x86_feature_detected!("f16c")
        && std::is_x86_feature_detected!("popcnt")
}

/// # Safety
/// See `Backend::look`.
#[target_feature(enable = "avx2,popcnt")]
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
    let counts = ones.as_mut_ptr();
    // Source of the counts by nibble: Muła, Kurz, Lemire: Faster population counts using AVX2 instructions, 2018.
    let nibbles = _mm256_setr_epi8(
        0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3,
        3, 4,
    );
    let low = _mm256_set1_epi8(15);
    for start in (0..rows).step_by(4) {
        let tile = codes.wrapping_add(start * words * 8);
        let mut total = _mm256_setzero_si256();
        for word in 0..words {
            // SAFETY: the tile and the plane have `words` words.
            let bits = unsafe {
                _mm256_xor_si256(
                    _mm256_loadu_si256(tile.add(word * STEP).cast()),
                    _mm256_set1_epi64x(*signs.add(word) as i64),
                )
            };
            let ones = _mm256_add_epi8(
                _mm256_shuffle_epi8(nibbles, _mm256_and_si256(bits, low)),
                _mm256_shuffle_epi8(nibbles, _mm256_and_si256(_mm256_srli_epi16::<4>(bits), low)),
            );
            total = _mm256_add_epi64(total, _mm256_sad_epu8(ones, _mm256_setzero_si256()));
        }
        let packed = _mm256_permutevar8x32_epi32(total, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
        // SAFETY: there are 32 places, and start ≤ 28.
        unsafe { _mm_storeu_si128(counts.add(start).cast(), _mm256_castsi256_si128(packed)) };
    }

    let offset = _mm_set1_ps(looks.offset);
    let slope = _mm_set1_ps(looks.slope);
    let threshold = _mm_set1_ps(looks.threshold - looks.base);
    let mut mask = 0;
    for start in (0..rows).step_by(4) {
        // SAFETY: a tile has four correction words, and its counts were written.
        let (ones, words) = unsafe {
            (
                _mm_loadu_si128(counts.add(start).cast()),
                _mm_loadu_si128(corrections.cast::<u32>().add(start).cast()),
            )
        };
        let beta = _mm_castsi128_ps(_mm_and_si128(words, _mm_set1_epi32(!0x3FFF)));
        let alpha = _mm_castsi128_ps(_mm_srli_epi32::<1>(_mm_slli_epi32::<18>(words)));
        let projection = _mm_sub_ps(offset, _mm_mul_ps(slope, _mm_cvtepi32_ps(ones)));
        let lower = _mm_sub_ps(beta, _mm_mul_ps(alpha, projection));
        let passed = _mm_cmp_ps::<_CMP_LE_OQ>(lower, threshold);
        mask |= (_mm_movemask_ps(passed) as u32) << start;
    }
    // Rows that fill up a tile mean nothing.
    mask &= u32::MAX >> (32 - rows);
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
#[target_feature(enable = "avx2")]
unsafe fn dot(x: *const u8, q: *const i16, n: usize) -> i64 {
    let whole = n / 16 * 16;
    let mut total = 0;
    let mut at = 0;
    while at < whole {
        // A lane takes two products of at most 2²² each time, 64 times: below 2³¹.
        let end = whole.min(at + 1024);
        let mut partial = _mm256_setzero_si256();
        while at < end {
            // SAFETY: at + 16 ≤ n.
            let (a, b) = unsafe {
                (
                    _mm_loadu_si128(x.add(at).cast()),
                    _mm256_loadu_si256(q.add(at).cast()),
                )
            };
            partial = _mm256_add_epi32(partial, _mm256_madd_epi16(_mm256_cvtepi8_epi16(a), b));
            at += 16;
        }
        let low = _mm256_cvtepi32_epi64(_mm256_castsi256_si128(partial));
        let high = _mm256_cvtepi32_epi64(_mm256_extracti128_si256::<1>(partial));
        let mut lanes = [0_i64; 4];
        // SAFETY: there are four places.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), _mm256_add_epi64(low, high)) };
        total += lanes[0] + lanes[1] + lanes[2] + lanes[3];
    }
    // SAFETY: whole ≤ n.
    total + unsafe { scalar::dot(x.add(whole), q.add(whole), n - whole) }
}

/// # Safety
/// See `Backend::sum`.
#[target_feature(enable = "avx2,f16c")]
unsafe fn sum(term: Term, x: *const u8, y: *const f32, n: usize) -> f32 {
    // SAFETY: the caller's promise.
    unsafe { wide::sum_by_term!(sum_of, term, x, y, n) }
}

/// The term of each lane.
#[inline]
#[target_feature(enable = "avx2")]
fn term<const TERM: u32>(x: __m256, y: __m256) -> __m256 {
    match Term(TERM) {
        Term::SQUARE => _mm256_mul_ps(x, x),
        Term::PRODUCT => _mm256_mul_ps(x, y),
        Term::PLAIN => x,
        _ => {
            let difference = _mm256_sub_ps(x, y);
            _mm256_mul_ps(difference, difference)
        }
    }
}

/// Eight components of an f32 record from `at` on.
///
/// # Safety
/// There are as many.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn single(x: *const u8, at: usize) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe { _mm256_loadu_ps(x.cast::<f32>().add(at)) }
}

/// Eight components of an f16 record from `at` on.
///
/// # Safety
/// There are as many.
#[inline]
#[target_feature(enable = "avx2,f16c")]
unsafe fn half(x: *const u8, at: usize) -> __m256 {
    // SAFETY: the caller's promise.
    let bits = unsafe { _mm_loadu_si128(x.cast::<u16>().add(at).cast()) };
    let mut values = _mm256_cvtph_ps(bits);
    // That takes an exponent of 31 for an infinity or a NaN; here it is an exponent (K-DIST-2).
    let exponents = _mm_and_si128(bits, _mm_set1_epi16(0x7C00));
    let large = _mm_cmpeq_epi16(exponents, _mm_set1_epi16(0x7C00));
    if _mm_movemask_epi8(large) != 0 {
        let bits = _mm256_cvtepu16_epi32(bits);
        let magnitude = _mm256_slli_epi32::<13>(_mm256_and_si256(bits, _mm256_set1_epi32(0x7FFF)));
        let sign = _mm256_slli_epi32::<16>(_mm256_and_si256(bits, _mm256_set1_epi32(0x8000)));
        let magnitude = _mm256_mul_ps(
            _mm256_castsi256_ps(magnitude),
            _mm256_set1_ps(wide::F16_SCALE),
        );
        let signed = _mm256_or_si256(_mm256_castps_si256(magnitude), sign);
        let large = _mm256_castsi256_ps(_mm256_cvtepi16_epi32(large));
        values = _mm256_blendv_ps(values, _mm256_castsi256_ps(signed), large);
    }
    values
}

/// Components of a record from `at` on.
///
/// # Safety
/// As for [`single`].
#[inline]
#[target_feature(enable = "avx2,f16c")]
unsafe fn load<const HALF: bool>(x: *const u8, at: usize) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe { if HALF { half(x, at) } else { single(x, at) } }
}

/// # Safety
/// Both have n components.
#[inline]
#[target_feature(enable = "avx2,f16c")]
unsafe fn sum_of<const HALF: bool, const TERM: u32>(x: *const u8, y: *const f32, n: usize) -> f32 {
    let whole = n / 16 * 16;
    let (mut low, mut high) = (_mm256_setzero_ps(), _mm256_setzero_ps());
    for at in (0..whole).step_by(16) {
        // SAFETY: at + 16 ≤ n.
        unsafe {
            low = _mm256_add_ps(
                low,
                term::<TERM>(load::<HALF>(x, at), _mm256_loadu_ps(y.add(at))),
            );
            high = _mm256_add_ps(
                high,
                term::<TERM>(load::<HALF>(x, at + 8), _mm256_loadu_ps(y.add(at + 8))),
            );
        }
    }
    let mut lanes = [0.0; 16];
    // SAFETY: there are 16 places; the rest of both is below n.
    unsafe {
        _mm256_storeu_ps(lanes.as_mut_ptr(), low);
        _mm256_storeu_ps(lanes.as_mut_ptr().add(8), high);
        scalar::add_terms(&mut lanes, Term(TERM).of_halves(HALF), x, y, whole, n);
    }
    scalar::fold(&mut lanes)
}

/// # Safety
/// See `Backend::transform`.
#[target_feature(enable = "avx2")]
unsafe fn transform(values: *mut f32, log: u32) {
    // SAFETY: the caller's promise.
    wide::transform(
        unsafe { core::slice::from_raw_parts_mut(values, 1 << log) },
        log,
    );
}
