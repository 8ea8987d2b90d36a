// Opens a .rvf file and reads its parts, each byte checked before it is used. The layout is that of spec/format.md.
// Nothing but this page and its neighbours: segment.mjs checks digests, ids.mjs finds ids, kernel.mjs searches with the kernel
// that travels in the file.
import { openSync, readSync, fstatSync, closeSync } from 'node:fs';
import { Ids } from './ids.mjs';
import { Kernel } from './kernel.mjs';
import { half } from './npy.mjs';
import { checkHeader, crc32, fail, Segment, TYPE, u64 } from './segment.mjs';

const METRICS = ['l2', 'ip', 'cosine'], VECTORS = ['i8', 'f16', 'f32'];
const ANCILLARY = 0x8000;

export class RvfFile {
  /** Opens a file: root record, manifest. */
  constructor(path) {
    this.fd = openSync(path, 'r');
    this.size = fstatSync(this.fd).size;
    const m = this.manifest();
    if (m.toString('latin1', 0, 4) !== 'RVFM' || m.readUInt16LE(4) !== 1) fail('R-MAN-1: not a manifest');
    this.rows = u64(m, 0x10);
    this.dimension = m.readUInt32LE(0x18);
    this.metric = METRICS[m[0x1c]] ?? fail('R-MAN-1: unknown metric');
    this.vectors = VECTORS[m[0x1d]] ?? fail('R-MAN-1: unknown kind of vectors');
    this.idKind = m[0x1e];
    this.lists = m.readUInt32LE(0x84);
    if (!(this.rows >= 1 && this.rows < 2 ** 32 && this.dimension >= 1 && this.dimension <= 65536 && this.lists >= 1 && this.lists <= Math.min(this.rows, 65536) && this.idKind <= 2)) fail('R-MAN-1: rows, dimension, lists or the kind of ids are out of range');
    this.segments = [];
    let at = 256;
    for (let n = m.readUInt32LE(0x70); n > 0; n--, at += 96) {
      const type = m[at + 8], b = m[at + 9], kind = m.readUInt32LE(at + 12);
      if (!(b >= 10 && b <= 20)) fail(`R-MAN-1: blocks of 2^${b} bytes`);
      if (!Object.values(TYPE).includes(type) && !(m.readUInt16LE(at + 10) & ANCILLARY)) fail(`R-SEG-4: a segment of the unknown type ${type}`);
      const segment = new Segment(this, type, u64(m, at + 0x10), u64(m, at + 0x18), 2 ** b, m.subarray(at + 0x20, at + 0x40), u64(m, at + 0x40));
      this.segments.push(Object.assign(segment, { kind }));
    }
    at += 64 * m.readUInt32LE(0x74);
    this.efforts = [];
    for (let n = m.readUInt32LE(0x78); n > 0; n--, at += 32) this.efforts.push({ k: m.readUInt32LE(at), probes: m.readUInt32LE(at + 4), slack: m.readFloatLE(at + 8), pool: m.readUInt32LE(at + 12), recall: m.readUInt32LE(at + 16) / m.readUInt32LE(at + 20) });
    this.properties = {};
    for (let n = m.readUInt32LE(0x7c); n > 0; n--) {
      const key = m.readUInt16LE(at), value = m.readUInt32LE(at + 4);
      this.properties[m.toString('utf8', at + 8, at + 8 + key)] = m.toString('utf8', at + 8 + key, at + 8 + key + value);
      at += 8 + key + value;
    }
    const usual = Number(this.properties['rvf.recall']);
    this.usualRecall = usual > 0 && usual <= 1 ? usual : 0.95;
  }

  /** The manifest that the newest valid root record names (R-ROOT-2, R-ROOT-3). */
  manifest() {
    const head = this.read(0, 4096);
    checkHeader(head.subarray(0, 64), 0);
    if (head[5] !== TYPE.ROOT) fail('R-SEG-2: the file does not start with a root');
    const [root, other] = [0x200, 0x400].map((at) => head.subarray(at, at + 128))
      .filter((r) => r.toString('latin1', 0, 4) === 'RVFR' && r[4] === 2 && crc32(r.subarray(0, 124)) === r.readUInt32LE(124) && r.readBigUInt64LE(8) && r.readBigUInt64LE(0x10) % 64n === 0n)
      .sort((a, b) => Number(b.readBigUInt64LE(8) - a.readBigUInt64LE(8)));
    if (!root) fail('R-ROOT-2: no valid root record: not a version 2 file, or damaged');
    if (other?.readBigUInt64LE(8) === root.readBigUInt64LE(8) && !other.equals(root)) fail('R-ROOT-3: two root records of one generation differ');
    if (u64(root, 0x10) > this.size) fail('R-ROOT-5: the file is shorter than its committed length');
    if (root.readBigUInt64LE(0x48)) fail(`R-ROOT-6: required features ${root.readBigUInt64LE(0x48)} are not known`);
    const offset = u64(root, 0x18), length = u64(root, 0x20);
    if (length > 2 ** 26) fail('R-LIM-3: the manifest is too large');
    return new Segment(this, TYPE.MANIFEST, offset, length, 65536, root.subarray(0x28, 0x48), 0).read(0, length);
  }

  read(offset, length) {
    if (offset + length > this.size) fail(`the file ends before ${offset + length}`);
    const buffer = Buffer.alloc(length);
    return readSync(this.fd, buffer, 0, length, offset) === length ? buffer : fail(`the file ends before ${offset + length}`);
  }

  close() { closeSync(this.fd); }

  segment(type, kind = 0) { return this.segments.find((s) => s.type === type && s.kind === kind) ?? fail(`R-MAN-3: no segment of type ${type}, kind ${kind}`); }

  /** The VEC segment of the vectors as stored (R-VEC-6), and the length of its records (R-VEC-1, R-VEC-5). */
  stored() {
    const kind = VECTORS.indexOf(this.vectors), stride = [12 + 4 * Math.ceil(this.dimension / 4), 4 + 4 * Math.ceil(this.dimension / 2), 4 + 4 * this.dimension][kind];
    return { segment: this.segment(TYPE.VEC, kind), stride };
  }

  /** The vector number of a row (R-VEC-7). */
  number(row) {
    if (!(Number.isInteger(row) && row >= 0 && row < this.rows)) fail(`there is no row ${row}`);
    if (this.lists === 1) return row;
    const number = this.segment(TYPE.ORDER).read(4 * row, 4).readUInt32LE();
    return number < this.rows ? number : fail(`R-VEC-7: row ${row} has the vector number ${number}`);
  }

  /** The vector of a row, as stored. */
  get(row) {
    const { segment, stride } = this.stored(), record = segment.read(this.number(row) * stride, stride);
    if (record.readUInt32LE() !== row) fail(`R-VEC-7: the record of row ${row} is that of row ${record.readUInt32LE()}`);
    const component = {
      i8: (i) => record.readFloatLE(4) * record.readInt8(12 + i),
      f16: (i) => half(record.readUInt16LE(4 + 2 * i)),
      f32: (i) => record.readFloatLE(4 + 4 * i),
    }[this.vectors];
    return Float32Array.from({ length: this.dimension }, (_, i) => component(i));
  }

  /** Its ids: `of(row)`, `row(id)`. Where there are none the id is the row. */
  get ids() { return this.idTable ??= new Ids(this); }

  /**
   * What a kernel is asked for, for k hits: the effort that was measured to reach `recall` (R-MAN-8), with `probes`, `slack` and
   * `pool` in its place where they are given. Nothing is exact search, also where no recall is named and that of the file, or 0.95, was not reached.
   */
  plan(k, { recall, probes, slack, pool, exact, filter }) {
    if (exact) return undefined;
    const ks = this.efforts.map((e) => e.k), least = Math.min(...ks.filter((x) => x >= k));
    const measured = this.efforts.filter((e) => e.k === (least < Infinity ? least : Math.max(...ks)));
    const reached = measured.find((e) => e.recall >= (recall ?? this.usualRecall));
    if (!reached && recall !== undefined) fail(`recall ${recall} is above this file's ceiling of ${measured.at(-1)?.recall ?? 'nothing: it was not measured'}`);
    if (!reached && (probes ?? slack ?? pool) === undefined) return undefined;
    const effort = reached ?? measured.at(-1) ?? { probes: 0, slack: 3, pool: 4 * k };
    // It was measured without a filter; with one all lists are visited.
    return { probes: probes ?? (filter ? 0 : effort.probes), slack: slack ?? effort.slack, pool: pool ?? (this.vectors === 'i8' ? k : Math.max(effort.pool, k)) };
  }

  /** Compiles the kernel that R-WASM-4 picks, or that of a build (`simd`, `scalar`), and opens the file with it. */
  kernel({ build = 'auto', window = 1 << 20 } = {}) { return new Kernel(this, build, window); }
}
