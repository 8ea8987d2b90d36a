//! Little-endian numbers out of bytes, without panics.

/// The four bytes at `at`, as an integer; 0 if they are not all there.
///
/// Callers check the length of what they read once, at its start.
#[inline(always)]
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    match bytes.get(at..).and_then(<[u8]>::first_chunk) {
        Some(chunk) => u32::from_le_bytes(*chunk),
        None => 0,
    }
}

/// The eight bytes at `at`, as an integer; 0 if they are not all there.
#[inline(always)]
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(<[u8]>::first_chunk) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => 0,
    }
}

/// The four bytes at `at`, as a float; 0 if they are not all there.
#[inline(always)]
pub(crate) fn f32_at(bytes: &[u8], at: usize) -> f32 {
    f32::from_bits(u32_at(bytes, at))
}

/// β and α of a correction word (R-QNT-3).
#[inline(always)]
pub(crate) fn corrections(word: u32) -> (f32, f32) {
    (
        f32::from_bits(word & !0x3FFF),
        f32::from_bits((word << 18) >> 1),
    )
}
