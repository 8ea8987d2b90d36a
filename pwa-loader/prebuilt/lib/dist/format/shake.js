// The digests of the format (R-HASH-2, R-HASH-3), by WebAssembly where there is such and enough to hash, else in plain JavaScript.
import { same } from './bytes.js';
import { shake } from './keccak.js';
import { Hasher } from './keccak-wasm.js';
import { HEADER } from './layout.js';
const DIGEST = 16;
const BLOCK_MARK = 0, SEGMENT_MARK = 1;
/** Bytes for which it pays to make the module. */
const ENOUGH = 1 << 15;
let hasher;
function hasherFor(bytes) {
    if (hasher === undefined) {
        if (bytes < ENOUGH)
            return null;
        try {
            hasher = new Hasher();
        }
        catch {
            // There is no WebAssembly, or the page forbids it.
            hasher = null;
        }
    }
    return hasher;
}
/** The digests of blocks, one after the other. */
export function digestsOf(blocks) {
    const out = new Uint8Array(DIGEST * blocks.length);
    let bytes = 0;
    for (const block of blocks)
        bytes += block.length;
    const fast = hasherFor(bytes), mark = Uint8Array.of(BLOCK_MARK);
    for (let n = 0; n < blocks.length; n++) {
        const block = blocks[n], next = blocks[n + 1];
        if (!fast)
            out.set(shake(DIGEST, mark, block), DIGEST * n);
        else if (fast.two && next?.length === block.length) {
            fast.digest(BLOCK_MARK, block, next, out, DIGEST * n);
            n++;
        }
        else
            fast.digest(BLOCK_MARK, block, undefined, out, DIGEST * n);
    }
    return out;
}
/** Cuts bytes that begin with a block, and end with one or with the payload, into blocks. */
function blocksOf(bytes, block) {
    const out = [];
    for (let at = 0; at < bytes.length; at += block)
        out.push(bytes.subarray(at, Math.min(at + block, bytes.length)));
    return out;
}
/** The digest table of bytes, or a part of it. */
export const tableOf = (bytes, block) => digestsOf(blocksOf(bytes, block));
/** The digest of one block. */
export const blockDigest = (block) => digestsOf([block]);
/** The hash of a segment, from its header and its digest table. */
export function segmentHash(header, table) {
    const bare = header.slice(0, HEADER);
    bare.fill(0, 0x28, 0x38).fill(0, 0x3c, 0x40);
    return shake(32, Uint8Array.of(SEGMENT_MARK), bare, table);
}
/** SHAKE-256-256 of a module. */
export const moduleHash = (bytecode) => shake(32, bytecode);
/** The number of the first of consecutive blocks that does not have its digest in the table, from entry `first` on; −1 if all do. */
export function wrongBlock(bytes, block, table, first) {
    const found = tableOf(bytes, block);
    if (same(found, table.subarray(DIGEST * first, DIGEST * first + found.length)))
        return -1;
    let n = 0;
    while (same(found.subarray(DIGEST * n, DIGEST * (n + 1)), table.subarray(DIGEST * (first + n), DIGEST * (first + n + 1))))
        n++;
    return first + n;
}
