// The ids of a file's rows, and the rows of ids (format.md, section 8).
import { fail, TYPE, u64 } from './segment.mjs';

const NONE = 0, NUMBERS = 1, TEXT = 2;
const mask = (x) => BigInt.asUintN(64, x);

/** The hash of R-IDS-3. */
function hashOf(bytes) {
  let x = 0xcbf29ce484222325n;
  for (const byte of bytes) x = mask((x ^ BigInt(byte)) * 0x100000001b3n);
  x = mask((x ^ (x >> 33n)) * 0xff51afd7ed558ccdn);
  return Number((x ^ (x >> 33n)) >> 32n);
}

export class Ids {
  constructor(file) {
    Object.assign(this, { kind: file.idKind, rows: file.rows });
    if (this.kind === NONE) return;
    this.segment = file.segment(TYPE.IDS);
    const head = this.segment.read(0, 64);
    this.index = u64(head, 0x10);
    this.strings = 64 + 8 * (Math.ceil(this.rows / 64) + 1);
    if (head.toString('latin1', 0, 4) !== 'RVFD' || head.readUInt16LE(4) !== 1 || head[6] !== this.kind || u64(head, 8) !== this.rows) fail('R-IDS-1: these are not the ids of this file');
    if (this.index + 8 * this.rows !== this.segment.length) fail('R-IDS-2: the hash index does not end the ids');
  }

  /** The id of a row: a number (a BigInt where the file has numbers), or text. */
  of(row) {
    if (!(Number.isInteger(row) && row >= 0 && row < this.rows)) fail(`there is no row ${row}`);
    if (this.kind === NONE) return row;
    if (this.kind === NUMBERS) return this.segment.read(64 + 8 * row, 8).readBigUInt64LE();
    const run = Math.floor(row / 64), bounds = this.segment.read(64 + 8 * run, 16), from = u64(bounds, 0), to = u64(bounds, 8);
    const strings = from <= to ? this.segment.read(this.strings + from, to - from) : fail('R-IDS-4: block offsets descend');
    let at = 0;
    for (let n = run * 64; n < row; n++) at += 2 + (at + 2 <= strings.length ? strings.readUInt16LE(at) : fail('R-IDS-4: an id past its run'));
    const end = at + 2 + (at + 2 <= strings.length ? strings.readUInt16LE(at) : fail('R-IDS-4: an id past its run'));
    return end <= strings.length ? strings.toString('utf8', at + 2, end) : fail('R-IDS-4: an id past its run');
  }

  /** The row of an id, given as text. */
  row(text) {
    const none = () => fail(`no row has the id ${text}`);
    if (this.kind !== TEXT && !/^\d{1,20}$/.test(text)) none();
    if (this.kind === NONE) return Number(text) < this.rows ? Number(text) : none();
    const id = this.kind === NUMBERS ? mask(BigInt(text)) : String(text);
    const bytes = Buffer.alloc(8);
    if (this.kind === NUMBERS) bytes.writeBigUInt64LE(id);
    const wanted = hashOf(this.kind === NUMBERS ? bytes : Buffer.from(id)), entry = (n) => this.segment.read(this.index + 8 * n, 8);
    let low = 0;
    for (let high = this.rows; low < high;) {
      const middle = Math.floor((low + high) / 2);
      if (entry(middle).readUInt32LE() < wanted) low = middle + 1; else high = middle;
    }
    for (; low < this.rows && entry(low).readUInt32LE() === wanted; low++) {
      const row = entry(low).readUInt32LE(4);
      if (this.of(row) === id) return row;
    }
    return none();
  }
}
