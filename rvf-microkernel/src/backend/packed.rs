//! The integer query in pairs, for modules without SIMD: one multiplication makes two products.
//!
//! A component of a record, x, is taken as u = x + 128, which is not negative. Two of them that lie four bytes apart stand
//! in one word as u + 2³²·u′; times q′ + 2³²·q that is, modulo 2⁶⁴, u·q′ + 2³²·(u·q + u′·q′): the sum that is wanted stands
//! in the upper half, as long as the lower half is read as a signed number and taken off. 128·Σq, which the 128 bring
//! along, is known before.

use super::scalar;

/// As many components are summed up before the halves are taken apart: 255·32,767·256 is below 2³¹.
const RUN: usize = 256;

/// # Safety
/// See `Backend::integers`.
pub(super) unsafe fn integers(values: *const f32, reciprocal: f32, n: usize, out: *mut i16) -> i64 {
    let out = out.cast::<i64>();
    let (mut squares, mut sum) = (0, 0);
    let mut i = 0;
    while i < n / 2 {
        // Of a block of eight, the first four each make a pair with the one four behind.
        let at = i + (i & !3);
        i += 1;
        // SAFETY: at + 4 < n, and there is room for n / 2 words behind the first.
        unsafe {
            let (a, b) = (
                scalar::integer(*values.add(at) * reciprocal),
                scalar::integer(*values.add(at + 4) * reciprocal),
            );
            squares += i64::from(a * a) + i64::from(b * b);
            sum += i64::from(a + b);
            *out.add(i) = (i64::from(a) << 32) + i64::from(b);
        }
    }
    // SAFETY: there is room.
    unsafe { *out = sum * 128 };
    squares
}

/// # Safety
/// See `Backend::dot`.
pub(super) unsafe fn dot(x: *const u8, q: *const i16, n: usize) -> i64 {
    let (mut x, mut q) = (x, q.cast::<i64>());
    let last = x.wrapping_add(n);
    // SAFETY: the first word.
    let mut total = -unsafe { *q };
    loop {
        let end = last.min(x.wrapping_add(RUN));
        let mut sum = 0_i64;
        loop {
            // SAFETY: there are components left. What is fed ends 16 bytes before the memory's end at least (K-ABI-7), so
            // bytes behind the record can be read; they meet zeros.
            unsafe {
                let word = u64::from_le(x.cast::<u64>().read_unaligned()) ^ 0x8080_8080_8080_8080;
                let mut product = |shift: u32| {
                    q = q.add(1);
                    (word >> shift & 0xFF_0000_00FF)
                        .cast_signed()
                        .wrapping_mul(*q)
                };
                sum = sum
                    .wrapping_add(product(0))
                    .wrapping_add(product(8))
                    .wrapping_add(product(16))
                    .wrapping_add(product(24));
            }
            x = x.wrapping_add(8);
            if x >= end {
                break;
            }
        }
        total += sum.wrapping_sub(i64::from(sum as i32)) >> 32;
        if x >= last {
            return total;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::{vec, vec::Vec};

    use super::*;

    #[test]
    fn products_in_pairs_are_those_one_by_one_at_the_ends_of_the_range() {
        // Every sign of both, the greatest magnitudes, and lengths around a run.
        for n in [1, 7, 8, 9, 63, 64, 65, 255, 256, 257, 384, 511, 513, 1_024] {
            for (low, high, most) in [
                (-128, -128, 32_767),
                (127, 127, -32_767),
                (-128, 127, 32_767),
                (-3, 5, 9),
            ] {
                let padded = usize::next_multiple_of(n, 64);
                let x: Vec<i8> = (0..padded + 16)
                    .map(|i| if i % 3 == 0 { high } else { low })
                    .collect();
                let values: Vec<f32> = (0..padded)
                    .map(|i| {
                        if i >= n {
                            0.0
                        } else if i % 5 == 1 {
                            -most as f32
                        } else {
                            most as f32
                        }
                    })
                    .collect();
                let mut packed = vec![0_i64; padded / 2 + 1];
                let out = packed.as_mut_ptr();
                // SAFETY: all are as long as is asked for.
                let (squares, dot) = unsafe {
                    (
                        integers(values.as_ptr(), 1.0, padded, out.cast()),
                        dot(x.as_ptr().cast(), out.cast_const().cast(), n),
                    )
                };
                let products = x
                    .iter()
                    .zip(&values)
                    .take(n)
                    .map(|(x, q)| i64::from(*x) * *q as i64);
                assert_eq!(dot, products.sum::<i64>(), "{n} {low} {high} {most}");
                assert_eq!(squares, n as i64 * i64::from(most) * i64::from(most));
            }
        }
    }
}
