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
/** The walk once more, as the permutation wants it: places of low halves, turns below 32, and whether the halves change places. */
const PLACES = Uint8Array.from(LANES, (lane) => 2 * lane), TURNS = Uint8Array.from(ROTATIONS, (by) => by % 32), SWAPS = Uint8Array.from(ROTATIONS, (by) => (by < 32 ? 0 : 1));
const WORDS = Int32Array.from(CONSTANTS.flat());
/** Keccak-f[1600]: lane i stands in s[2i] (low half) and s[2i + 1]. Loops over columns are written out, which doubles its speed. */
function permute(s) {
    for (let round = 0; round < 48; round += 2) {
        const a0 = s[0] ^ s[10] ^ s[20] ^ s[30] ^ s[40], a1 = s[1] ^ s[11] ^ s[21] ^ s[31] ^ s[41];
        const b0 = s[2] ^ s[12] ^ s[22] ^ s[32] ^ s[42], b1 = s[3] ^ s[13] ^ s[23] ^ s[33] ^ s[43];
        const c0 = s[4] ^ s[14] ^ s[24] ^ s[34] ^ s[44], c1 = s[5] ^ s[15] ^ s[25] ^ s[35] ^ s[45];
        const d0 = s[6] ^ s[16] ^ s[26] ^ s[36] ^ s[46], d1 = s[7] ^ s[17] ^ s[27] ^ s[37] ^ s[47];
        const e0 = s[8] ^ s[18] ^ s[28] ^ s[38] ^ s[48], e1 = s[9] ^ s[19] ^ s[29] ^ s[39] ^ s[49];
        const ta0 = e0 ^ ((b0 << 1) | (b1 >>> 31)), ta1 = e1 ^ ((b1 << 1) | (b0 >>> 31));
        const tb0 = a0 ^ ((c0 << 1) | (c1 >>> 31)), tb1 = a1 ^ ((c1 << 1) | (c0 >>> 31));
        const tc0 = b0 ^ ((d0 << 1) | (d1 >>> 31)), tc1 = b1 ^ ((d1 << 1) | (d0 >>> 31));
        const td0 = c0 ^ ((e0 << 1) | (e1 >>> 31)), td1 = c1 ^ ((e1 << 1) | (e0 >>> 31));
        const te0 = d0 ^ ((a0 << 1) | (a1 >>> 31)), te1 = d1 ^ ((a1 << 1) | (a0 >>> 31));
        for (let y = 0; y < 50; y += 10) {
            s[y] ^= ta0;
            s[y + 1] ^= ta1;
            s[y + 2] ^= tb0;
            s[y + 3] ^= tb1;
            s[y + 4] ^= tc0;
            s[y + 5] ^= tc1;
            s[y + 6] ^= td0;
            s[y + 7] ^= td1;
            s[y + 8] ^= te0;
            s[y + 9] ^= te1;
        }
        let low = s[2], high = s[3];
        for (let t = 0; t < 24; t++) {
            const by = TURNS[t], at = PLACES[t], swap = SWAPS[t];
            // Halves of a lane that is turned by 32 or more change places; a turn by 0 of what is left would shift by 32, which does nothing.
            const from = swap ? high : low, other = swap ? low : high;
            low = s[at];
            high = s[at + 1];
            s[at] = (from << by) | ((other >>> 1) >>> (31 - by));
            s[at + 1] = (other << by) | ((from >>> 1) >>> (31 - by));
        }
        for (let y = 0; y < 50; y += 10) {
            const l0 = s[y], h0 = s[y + 1], l1 = s[y + 2], h1 = s[y + 3], l2 = s[y + 4], h2 = s[y + 5], l3 = s[y + 6], h3 = s[y + 7], l4 = s[y + 8], h4 = s[y + 9];
            s[y] = l0 ^ (~l1 & l2);
            s[y + 1] = h0 ^ (~h1 & h2);
            s[y + 2] = l1 ^ (~l2 & l3);
            s[y + 3] = h1 ^ (~h2 & h3);
            s[y + 4] = l2 ^ (~l3 & l4);
            s[y + 5] = h2 ^ (~h3 & h4);
            s[y + 6] = l3 ^ (~l4 & l0);
            s[y + 7] = h3 ^ (~h4 & h0);
            s[y + 8] = l4 ^ (~l0 & l1);
            s[y + 9] = h4 ^ (~h0 & h1);
        }
        s[0] ^= WORDS[round];
        s[1] ^= WORDS[round + 1];
    }
}
/** SHAKE-256 over the parts, one after the other; `length` bytes of it, at most 136. */
export function shake(length, ...parts) {
    const s = new Int32Array(50);
    let at = 0;
    for (const part of parts) {
        const end = part.length;
        for (let i = 0; i < end;) {
            // A word is taken up byte by byte only where the message does not stand on one: at its beginning and its end.
            if ((at & 3) === 0 && end - i >= 4) {
                for (const stop = Math.min(end - 3, i + RATE - at); i < stop; i += 4, at += 4)
                    s[at >>> 2] ^= part[i] | (part[i + 1] << 8) | (part[i + 2] << 16) | (part[i + 3] << 24);
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
