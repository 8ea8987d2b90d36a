//! Several SHAKE-256 digests at once: one block of the file in each lane of a vector register.
//!
//! Keccak-f\[1600\] (FIPS 202, section 3) works on 64-bit words with XOR, AND, NOT and fixed rotations only, and the
//! blocks of one segment have the same length, so N of them go through the permutation in step. Written over
//! arrays of N words, it compiles to vector instructions where the target has them. The result is the same as
//! that of the one-lane code of `rvf-types`, which a test holds it against.

/// Bytes that SHAKE-256 takes in between two permutations.
const RATE: usize = 136;
/// Words of [`RATE`].
const RATE_WORDS: usize = RATE / 8;
/// What follows the message: the domain of SHAKE and the first bit of the padding.
const DOMAIN: u8 = 0x1F;
/// The last bit of the padding, in the last byte of the rate.
const LAST: u64 = 0x80 << 56;

/// The constants of ι.
const ROUND: [u64; 24] = [
    0x0000_0000_0000_0001,
    0x0000_0000_0000_8082,
    0x8000_0000_0000_808A,
    0x8000_0000_8000_8000,
    0x0000_0000_0000_808B,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8009,
    0x0000_0000_0000_008A,
    0x0000_0000_0000_0088,
    0x0000_0000_8000_8009,
    0x0000_0000_8000_000A,
    0x0000_0000_8000_808B,
    0x8000_0000_0000_008B,
    0x8000_0000_0000_8089,
    0x8000_0000_0000_8003,
    0x8000_0000_0000_8002,
    0x8000_0000_0000_0080,
    0x0000_0000_0000_800A,
    0x8000_0000_8000_000A,
    0x8000_0000_8000_8081,
    0x8000_0000_0000_8080,
    0x0000_0000_8000_0001,
    0x8000_0000_8000_8008,
];

/// One word of each of N states.
type Word<const N: usize> = [u64; N];

#[inline(always)]
fn xor<const N: usize>(a: Word<N>, b: Word<N>) -> Word<N> {
    std::array::from_fn(|lane| a[lane] ^ b[lane])
}

#[inline(always)]
fn rotate<const BITS: u32, const N: usize>(a: Word<N>) -> Word<N> {
    std::array::from_fn(|lane| a[lane].rotate_left(BITS))
}

/// One row of χ: a XOR (NOT b AND c).
#[inline(always)]
fn chi<const N: usize>(a: Word<N>, b: Word<N>, c: Word<N>) -> Word<N> {
    std::array::from_fn(|lane| a[lane] ^ (!b[lane] & c[lane]))
}

/// Keccak-f\[1600\] on N states. Word (x, y) of a state is number x + 5·y.
#[inline(always)]
fn permute<const N: usize>(a: &mut [Word<N>; 25]) {
    for constant in ROUND {
        // θ
        let c: [Word<N>; 5] = std::array::from_fn(|x| {
            xor(
                xor(xor(a[x], a[x + 5]), xor(a[x + 10], a[x + 15])),
                a[x + 20],
            )
        });
        let d: [Word<N>; 5] =
            std::array::from_fn(|x| xor(c[(x + 4) % 5], rotate::<1, N>(c[(x + 1) % 5])));
        // ρ and π: word (x, y) goes to (y, 2x + 3y).
        macro_rules! moved {
            ($from:literal, $bits:literal) => {
                rotate::<$bits, N>(xor(a[$from], d[$from % 5]))
            };
        }
        let b: [Word<N>; 25] = [
            moved!(0, 0),
            moved!(6, 44),
            moved!(12, 43),
            moved!(18, 21),
            moved!(24, 14),
            moved!(3, 28),
            moved!(9, 20),
            moved!(10, 3),
            moved!(16, 45),
            moved!(22, 61),
            moved!(1, 1),
            moved!(7, 6),
            moved!(13, 25),
            moved!(19, 8),
            moved!(20, 18),
            moved!(4, 27),
            moved!(5, 36),
            moved!(11, 10),
            moved!(17, 15),
            moved!(23, 56),
            moved!(2, 62),
            moved!(8, 55),
            moved!(14, 39),
            moved!(15, 41),
            moved!(21, 2),
        ];
        // χ and ι
        for row in 0..5 {
            for x in 0..5 {
                a[5 * row + x] = chi(
                    b[5 * row + x],
                    b[5 * row + (x + 1) % 5],
                    b[5 * row + (x + 2) % 5],
                );
            }
        }
        a[0] = xor(a[0], [constant; N]);
    }
}

/// Word number `word` of the message `tag ‖ block` with SHAKE's padding, where it may reach behind the block's end.
#[inline(always)]
fn tail_word(block: &[u8], word: usize) -> u64 {
    let mut bytes = [0_u8; 8];
    for (at, byte) in bytes.iter_mut().enumerate() {
        // Byte 0 of the message is the tag, 0; byte p is byte p − 1 of the block; behind the last stands the domain.
        let Some(from) = (word * 8 + at).checked_sub(1) else {
            continue;
        };
        *byte = match block.get(from) {
            Some(byte) => *byte,
            None if from == block.len() => DOMAIN,
            None => 0,
        };
    }
    u64::from_le_bytes(bytes)
}

/// Word number `word` (at least 1) of `tag ‖ block`, where it lies inside the block.
#[inline(always)]
fn inner_word(block: &[u8], word: usize) -> u64 {
    let from = word * 8 - 1;
    match block
        .get(from..from + 8)
        .and_then(|bytes| bytes.first_chunk())
    {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => 0,
    }
}

/// The block digests (R-HASH-2) of N blocks of one length.
#[inline(always)]
pub(super) fn digests<const N: usize>(blocks: [&[u8]; N]) -> [[u8; 16]; N] {
    let len = blocks.first().map_or(0, |block| block.len());
    debug_assert!(
        blocks.iter().all(|block| block.len() == len),
        "lanes work on blocks of one length"
    );
    let mut state: [Word<N>; 25] = [[0; N]; 25];

    // The message is the tag and the block; the last of the rounds of RATE bytes also takes the padding.
    let last = (len + 1) / RATE;
    for round in 0..last {
        for (word, place) in state.iter_mut().take(RATE_WORDS).enumerate() {
            let at = round * RATE_WORDS + word;
            for (place, block) in place.iter_mut().zip(&blocks) {
                *place ^= if at == 0 {
                    tail_word(block, 0)
                } else {
                    inner_word(block, at)
                };
            }
        }
        permute(&mut state);
    }
    for (word, place) in state.iter_mut().take(RATE_WORDS).enumerate() {
        for (place, block) in place.iter_mut().zip(&blocks) {
            *place ^= tail_word(block, last * RATE_WORDS + word);
        }
    }
    state[RATE_WORDS - 1] = xor(state[RATE_WORDS - 1], [LAST; N]);
    permute(&mut state);

    std::array::from_fn(|lane| {
        let mut digest = [0; 16];
        digest[..8].copy_from_slice(&state[0][lane].to_le_bytes());
        digest[8..].copy_from_slice(&state[1][lane].to_le_bytes());
        digest
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same_as_one_lane<const N: usize>() {
        for len in [
            1, 2, 7, 8, 134, 135, 136, 137, 270, 271, 272, 1000, 1024, 4096,
        ] {
            let bytes: Vec<Vec<u8>> = (0..N)
                .map(|lane| {
                    (0..len)
                        .map(|at| (at * 31 + lane * 7 + at / 13) as u8)
                        .collect()
                })
                .collect();
            let blocks: [&[u8]; N] = std::array::from_fn(|lane| bytes[lane].as_slice());
            for (lane, digest) in digests(blocks).iter().enumerate() {
                assert_eq!(
                    *digest,
                    rvf_types::block_digest(blocks[lane]).0,
                    "length {len}, lane {lane} of {N}"
                );
            }
        }
    }

    #[test]
    fn every_lane_gives_the_digest_of_its_own_block() {
        same_as_one_lane::<1>();
        same_as_one_lane::<2>();
        same_as_one_lane::<4>();
        same_as_one_lane::<8>();
    }
}
