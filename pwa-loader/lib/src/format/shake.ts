// Which SHAKE-256 checks digests, and the two forms in which the format uses it (R-HASH-2, R-HASH-3).
import { same } from './bytes.js';
import { shake } from './keccak.js';
import { HEADER } from './layout.js';

const BLOCK_MARK = Uint8Array.of(0), SEGMENT_MARK = Uint8Array.of(1);

/** The digest of one block. */
export const blockDigest = (block: Uint8Array): Uint8Array => shake(16, BLOCK_MARK, block);

/** The hash of a segment, from its header and its digest table. */
export function segmentHash(header: Uint8Array, table: Uint8Array): Uint8Array {
  const bare = header.slice(0, HEADER);
  bare.fill(0, 0x28, 0x38).fill(0, 0x3c, 0x40);
  return shake(32, SEGMENT_MARK, bare, table);
}

/** SHAKE-256-256 of a module. */
export const moduleHash = (bytecode: Uint8Array): Uint8Array => shake(32, bytecode);

/**
 * The number of the first block of `bytes` that does not have its digest in the table, from table entry `first` on; −1 if all do.
 * `bytes` begin with a block and end with one.
 */
export function wrongBlock(bytes: Uint8Array, block: number, table: Uint8Array, first: number): number {
  for (let n = first, at = 0; at < bytes.length; n++, at += block) {
    const digest = blockDigest(bytes.subarray(at, Math.min(at + block, bytes.length)));
    if (!same(digest, table.subarray(16 * n, 16 * n + 16))) return n;
  }
  return -1;
}
