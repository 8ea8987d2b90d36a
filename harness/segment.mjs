// A file's segments, and the checks that stand before their bytes (spec/format.md, sections 2 and 3).
import { createHash } from 'node:crypto';

export const TYPE = { VEC: 0x01, INDEX: 0x02, MANIFEST: 0x05, QUANT: 0x06, WASM: 0x10, ROOT: 0x80, DIGEST: 0x81, IDS: 0x82, ORDER: 0x83 };
/** Bytes of checked blocks that a segment keeps. */
const KEPT = 1 << 26;

export const fail = (text) => { throw new Error(text); };
export const shake = (bytes, ...parts) => {
  const hash = createHash('shake256', { outputLength: bytes });
  for (const part of parts) hash.update(part);
  return hash.digest();
};
export const crc32 = (bytes) => {
  let crc = ~0;
  for (const byte of bytes) for (let bit = crc ^= byte, i = 0; i < 8; i++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return ~crc >>> 0;
};
/** A u64 that is a place or a length: no file is so long that a number can't hold it. */
export const u64 = (buffer, at) => {
  const big = buffer.readBigUInt64LE(at);
  return big <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(big) : fail(`R-NUM-2: ${big} is beyond any file`);
};

/** R-SEG-3, as far as it goes without the manifest. */
export function checkHeader(header, offset) {
  if (header.readUInt32LE(0) !== 0x52564653 || header[4] !== 2 || crc32(header.subarray(0, 60)) !== header.readUInt32LE(60)) fail(`R-SEG-3: at ${offset} is no segment header of version 2, or a damaged one`);
}

export class Segment {
  constructor(file, type, offset, length, block, hash, table) { Object.assign(this, { file, type, offset, length, block, hash, table, checked: new Map(), kept: 0 }); }

  /** The header, checked; then the digest table, checked by the segment's hash (R-SEG-3, R-MAN-6, R-HASH-3, R-HASH-5). */
  prepare() {
    if (this.digests) return;
    const header = this.file.read(this.offset, 64);
    checkHeader(header, this.offset);
    if (header[5] !== this.type || u64(header, 0x10) !== this.length || !header.subarray(0x28, 0x38).equals(this.hash.subarray(0, 16))) fail(`R-MAN-6: the segment header at ${this.offset} is not the one that the manifest describes`);
    let table;
    if (this.table) table = this.file.read(this.table, Math.ceil(this.length / this.block) * 16);
    else {
      const payload = this.file.read(this.offset + 64, this.length), digests = [];
      for (let at = 0; at < this.length; at += this.block) digests.push(shake(16, Buffer.of(0), payload.subarray(at, at + this.block)));
      table = Buffer.concat(digests);
    }
    header.fill(0, 0x28, 0x38).fill(0, 0x3c, 0x40);
    if (!shake(32, Buffer.of(1), header, table).equals(this.hash)) fail(`R-HASH-3: the segment at ${this.offset} does not have its hash`);
    this.digests = table;
  }

  /** Bytes of the payload; each block is checked against its digest before any byte of it is used (R-HASH-6). */
  read(offset, length) {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.length)) fail(`a range outside the segment at ${this.offset}`);
    this.prepare();
    const first = Math.floor(offset / this.block), last = Math.ceil((offset + length) / this.block), parts = [];
    for (let n = first; n < last; n++) parts.push(this.checked.get(n) ?? this.check(n));
    const start = offset - first * this.block;
    return (parts.length === 1 ? parts[0] : Buffer.concat(parts)).subarray(start, start + length);
  }

  check(n) {
    const block = this.file.read(this.offset + 64 + n * this.block, Math.min(this.block, this.length - n * this.block));
    if (!shake(16, Buffer.of(0), block).equals(this.digests.subarray(n * 16, n * 16 + 16))) fail(`R-HASH-2: block ${n} of the segment at ${this.offset} is damaged`);
    if ((this.kept += block.length) > KEPT) this.checked.clear(), this.kept = block.length;
    this.checked.set(n, block);
    return block;
  }
}
