// Reading little-endian numbers, and the CRC of headers (spec/format.md, section 1).
export const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
export const u16 = (view, at) => view.getUint16(at, true);
export const u32 = (view, at) => view.getUint32(at, true);
export const f32 = (view, at) => view.getFloat32(at, true);
export const big = (view, at) => view.getBigUint64(at, true);
/**
 * A u64 that is a place or a length, as a number. Beyond 2⁵³ it is rounded, and still far beyond the end of any file: so it is
 * refused by the same comparisons as any other that is too large (R-NUM-2), and no sum of two overflows.
 */
export const u64 = (view, at) => view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
export const roundUp = (n, unit) => Math.ceil(n / unit) * unit;
export function hex(bytes) {
    let text = '';
    for (const byte of bytes)
        text += byte.toString(16).padStart(2, '0');
    return text;
}
export function same(a, b) {
    if (a.length !== b.length)
        return false;
    for (let i = 0; i < a.length; i++)
        if (a[i] !== b[i])
            return false;
    return true;
}
/** The place of the first byte from `from` on, and before `to`, that is not zero; −1 if all are. */
export function notZero(bytes, from, to) {
    for (let i = from; i < to; i++)
        if (bytes[i] !== 0)
            return i;
    return -1;
}
/** CRC-32 of IEEE 802.3 (R-HASH-1), bit by bit: it is asked for headers of 60 and 124 bytes only. */
export function crc32(bytes) {
    let crc = ~0;
    for (const byte of bytes) {
        crc ^= byte;
        for (let bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    }
    return ~crc >>> 0;
}
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Text of UTF-8 bytes; nothing where they are none. (A decoder refuses shared memory, so bytes of that are copied.) */
export function utf8(bytes) {
    try {
        return strict.decode(isShared(bytes) ? bytes.slice() : bytes);
    }
    catch {
        return undefined;
    }
}
export const isShared = (bytes) => typeof SharedArrayBuffer !== 'undefined' && bytes.buffer instanceof SharedArrayBuffer;
