// SHAKE-256 of FIPS 202 in plain JavaScript: Keccak-f[1600] on halves of 32 bits, since engines have no fast 64-bit integers
// without WebAssembly. keccak-wasm.ts is the faster one where there is WebAssembly.
/** Bytes that a round of the sponge takes in (SHAKE-256: 1600 − 2·256 bits). */
export const RATE = 136;
// The round constants, low half then high half, and the rotations in the order of the permutation's walk: both follow from the
// definition (FIPS 202, 3.2.2 and 3.2.5), so they are computed.
export const ROTATIONS = [];
export const LANES = [];
export const CONSTANTS = [];
for (let round = 0, x = 1, y = 0, lfsr = 1; round < 24; round++) {
    [x, y] = [y, (2 * x + 3 * y) % 5];
    LANES.push(5 * y + x);
    ROTATIONS.push((((round + 1) * (round + 2)) / 2) % 64);
    let low = 0, high = 0;
    for (let j = 0; j < 7; j++) {
        if (lfsr & 1) {
            const bit = 2 ** j - 1;
            if (bit < 32)
                low |= 1 << bit;
            else
                high |= 1 << (bit - 32);
        }
        lfsr = (lfsr << 1) ^ (lfsr & 0x80 ? 0x171 : 0);
    }
    CONSTANTS.push([low, high]);
}
const column = new Int32Array(10);
/** Keccak-f[1600]: lane i stands in s[2i] (low half) and s[2i + 1]. */
function permute(s) {
    const c = column;
    for (let round = 0; round < 24; round++) {
        for (let x = 0; x < 10; x++)
            c[x] = s[x] ^ s[x + 10] ^ s[x + 20] ^ s[x + 30] ^ s[x + 40];
        for (let x = 0; x < 10; x += 2) {
            const left = (x + 8) % 10, right = (x + 2) % 10, low = c[right], high = c[right + 1];
            const t0 = c[left] ^ ((low << 1) | (high >>> 31)), t1 = c[left + 1] ^ ((high << 1) | (low >>> 31));
            for (let y = 0; y < 50; y += 10) {
                s[x + y] ^= t0;
                s[x + y + 1] ^= t1;
            }
        }
        let low = s[2], high = s[3];
        for (let t = 0; t < 24; t++) {
            const by = ROTATIONS[t], at = 2 * LANES[t];
            let l, h;
            if (by < 32) {
                l = (low << by) | (high >>> (32 - by));
                h = (high << by) | (low >>> (32 - by));
            }
            else if (by === 32) {
                l = high;
                h = low;
            }
            else {
                l = (high << (by - 32)) | (low >>> (64 - by));
                h = (low << (by - 32)) | (high >>> (64 - by));
            }
            low = s[at];
            high = s[at + 1];
            s[at] = l;
            s[at + 1] = h;
        }
        for (let y = 0; y < 50; y += 10) {
            const a0 = s[y], a1 = s[y + 1], b0 = s[y + 2], b1 = s[y + 3];
            for (let x = 0; x < 6; x++)
                s[y + x] ^= ~s[y + x + 2] & s[y + x + 4];
            s[y + 6] ^= ~s[y + 8] & a0;
            s[y + 7] ^= ~s[y + 9] & a1;
            s[y + 8] ^= ~a0 & b0;
            s[y + 9] ^= ~a1 & b1;
        }
        const [c0, c1] = CONSTANTS[round];
        s[0] ^= c0;
        s[1] ^= c1;
    }
}
/** SHAKE-256 over the parts, one after the other; `length` bytes of it, at most 136. */
export function shake(length, ...parts) {
    const s = new Int32Array(50);
    let at = 0;
    for (const part of parts) {
        let i = 0;
        while (i < part.length) {
            // Whole words where both sides stand on one: the rest byte by byte.
            if ((at & 3) === 0 && part.length - i >= 4 && at <= RATE - 4) {
                s[at >>> 2] ^= part[i] | (part[i + 1] << 8) | (part[i + 2] << 16) | (part[i + 3] << 24);
                at += 4;
                i += 4;
            }
            else {
                s[at >>> 2] ^= part[i++] << (8 * (at & 3));
                at++;
            }
            if (at === RATE) {
                permute(s);
                at = 0;
            }
        }
    }
    s[at >>> 2] ^= 0x1f << (8 * (at & 3));
    s[(RATE - 1) >>> 2] ^= 0x80 << 24;
    permute(s);
    return Uint8Array.from({ length }, (_, i) => s[i >>> 2] >>> (8 * (i & 3)));
}
