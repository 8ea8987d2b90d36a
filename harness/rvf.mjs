// Opens a .rvf file and searches it with the kernel that travels in it, in the engine's own WebAssembly.
// Nothing but this page: the layout is that of spec/format.md, the calls are those of spec/kernel.md.
import { createHash } from 'node:crypto';
import { openSync, readSync, fstatSync, closeSync } from 'node:fs';

const TYPE = { INDEX: 0x02, VEC: 0x01, MANIFEST: 0x05, QUANT: 0x06, WASM: 0x10, IDS: 0x82 };
const METRICS = ['l2', 'ip', 'cosine'];
const ERRORS = ['', 'BAD_POINTER', 'BAD_HANDLE', 'SMALL_BUFFER', 'BAD_INDEX', 'UNSUPPORTED', 'BAD_PARAM', 'BAD_QUERY', 'WINDOW', 'BAD_DATA', 'STATE'];
const SIMD = 1;
// A module of one function that uses v128: valid only where the engine has SIMD.
const SIMD_PROBE = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11]);

const fail = (text) => { throw new Error(text); };
const shake = (bytes, ...parts) => {
  const hash = createHash('shake256', { outputLength: bytes });
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const crc32 = (bytes) => {
  let crc = ~0;
  for (const byte of bytes) for (let bit = crc ^= byte, i = 0; i < 8; i++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return ~crc >>> 0;
};
const number = (big, what) => big <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(big) : fail(`${what} is too large`);
const u64 = (buffer, at, what) => number(buffer.readBigUInt64LE(at), what);

class Segment {
  constructor(file, offset, length, block, hash, table) { Object.assign(this, { file, offset, length, block, hash, table, checked: new Map() }); }

  /** The header, checked by its CRC; then the digest table, checked by the segment's hash (R-SEG-3, R-HASH-3, R-HASH-5). */
  prepare() {
    if (this.digests) return;
    const header = this.file.read(this.offset, 64);
    if (header.readUInt32LE(0) !== 0x52564653 || header[4] !== 2 || crc32(header.subarray(0, 60)) !== header.readUInt32LE(60)) fail(`R-SEG-3: damaged segment header at ${this.offset}`);
    const size = Math.ceil(this.length / this.block) * 16;
    let table;
    if (this.table) table = this.file.read(this.table, size);
    else {
      const payload = this.file.read(this.offset + 64, this.length);
      const parts = [];
      for (let at = 0; at < this.length; at += this.block) parts.push(shake(16, Buffer.of(0), payload.subarray(at, at + this.block)));
      table = Buffer.concat(parts);
    }
    header.fill(0, 0x28, 0x38).fill(0, 0x3c, 0x40);
    if (!shake(32, Buffer.of(1), header, table).equals(this.hash)) fail(`R-HASH-3: the segment at ${this.offset} does not have the hash that the manifest names`);
    this.digests = table;
  }

  /** Bytes of the payload; each block is checked against its digest before any byte of it is used (R-HASH-6). */
  read(offset, length) {
    if (offset < 0 || length < 0 || offset + length > this.length) fail(`a range outside the segment at ${this.offset}`);
    this.prepare();
    const first = Math.floor(offset / this.block), last = Math.ceil((offset + length) / this.block);
    const parts = [];
    for (let n = first; n < last; n++) {
      let block = this.checked.get(n);
      if (!block) {
        block = this.file.read(this.offset + 64 + n * this.block, Math.min(this.block, this.length - n * this.block));
        if (!shake(16, Buffer.of(0), block).equals(this.digests.subarray(n * 16, n * 16 + 16))) fail(`R-HASH-6: block ${n} of the segment at ${this.offset} is damaged`);
        if (this.checked.size >= 4096) this.checked.clear(); // a bound, not a policy
        this.checked.set(n, block);
      }
      parts.push(block);
    }
    const start = offset - first * this.block;
    return (parts.length === 1 ? parts[0] : Buffer.concat(parts)).subarray(start, start + length);
  }
}

export class RvfFile {
  /** Opens a file: head, root record, manifest. */
  constructor(path) {
    this.fd = openSync(path, 'r');
    this.size = fstatSync(this.fd).size;
    const head = this.read(0, 4096);
    const records = [0x200, 0x400].map((at) => head.subarray(at, at + 128))
      .filter((r) => r.toString('latin1', 0, 4) === 'RVFR' && r[4] === 2 && crc32(r.subarray(0, 124)) === r.readUInt32LE(124))
      .sort((a, b) => Number(b.readBigUInt64LE(8) - a.readBigUInt64LE(8)));
    const root = records[0] ?? fail('R-ROOT-3: no valid root record: not a version 2 file, or damaged');
    if (u64(root, 0x10, 'length') > this.size) fail('R-ROOT-5: the file is shorter than its committed length');
    if (root.readBigUInt64LE(0x48)) fail(`R-ROOT-6: required features ${root.readBigUInt64LE(0x48)} are not known`);
    const length = u64(root, 0x20, 'length'), offset = u64(root, 0x18, 'offset');
    if (offset + 64 + length > this.size) fail('R-ROOT-2: the manifest lies outside the file');
    const m = new Segment(this, offset, length, 65536, root.subarray(0x28, 0x48), 0).read(0, length);
    if (m.toString('latin1', 0, 4) !== 'RVFM' || m.readUInt16LE(4) !== 1) fail('R-MAN-1: not a manifest');
    this.rows = u64(m, 0x10, 'rows');
    this.dimension = m.readUInt32LE(0x18);
    this.metric = METRICS[m[0x1c]] ?? fail('R-MAN-1: unknown metric');
    this.vectors = m[0x1d];
    this.segments = [];
    let at = 256;
    for (let n = m.readUInt32LE(0x70); n > 0; n--, at += 96) {
      const s = new Segment(this, u64(m, at + 0x10, 'offset'), u64(m, at + 0x18, 'length'), 2 ** m[at + 9], m.subarray(at + 0x20, at + 0x40), u64(m, at + 0x40, 'table'));
      this.segments.push(Object.assign(s, { type: m[at + 8], kind: m.readUInt32LE(at + 12) }));
    }
    at += 64 * m.readUInt32LE(0x74);
    this.efforts = [];
    for (let n = m.readUInt32LE(0x78); n > 0; n--, at += 32) this.efforts.push({ k: m.readUInt32LE(at), probes: m.readUInt32LE(at + 4), slack: m.readFloatLE(at + 8), pool: m.readUInt32LE(at + 12), recall: m.readUInt32LE(at + 16) / m.readUInt32LE(at + 20) });
  }

  read(offset, length) {
    const buffer = Buffer.alloc(length > this.size ? fail('a length beyond the file') : length);
    return readSync(this.fd, buffer, 0, length, offset) === length ? buffer : fail(`the file ends before ${offset + length}`);
  }

  close() { closeSync(this.fd); }

  segment(type, kind = () => true) { return this.segments.find((s) => s.type === type && kind(s.kind)); }

  /** The effort that was measured to reach `recall` at `k` (R-MAN-8). */
  effort(k, recall) {
    const ks = this.efforts.map((e) => e.k), least = Math.min(...ks.filter((x) => x >= k));
    const of = this.efforts.filter((e) => e.k === (Number.isFinite(least) ? least : Math.max(...ks)));
    return of.find((e) => e.recall >= recall) ?? fail(`recall ${recall} is above this file's ceiling of ${Math.max(0, ...of.map((e) => e.recall))}`);
  }

  /** Compiles the kernel that R-WASM-4 picks (or the named build) and opens the index with it. */
  kernel({ build = 'auto', window = 1 << 20 } = {}) { return new Kernel(this, build, window); }
}

class Kernel {
  constructor(file, build, window) {
    const simd = WebAssembly.validate(SIMD_PROBE);
    const able = file.segments.filter((s) => s.type === TYPE.WASM && (s.kind & 255) === 0)
      .map((s) => ({ s, features: s.kind >>> 16 }))
      .filter(({ features }) => (build === 'auto' ? simd || !(features & SIMD) : (build === 'simd') === Boolean(features & SIMD)))
      .map(({ s, features }) => ({ payload: s.read(0, s.length), features }))
      .sort((a, b) => a.payload[0x38] - b.payload[0x38]);
    const { payload, features } = able[0] ?? fail(`the file has no kernel for this engine (build: ${build})`);
    const code = payload.subarray(64);
    if (!shake(32, code).equals(payload.subarray(0x18, 0x38))) fail('R-WASM-1: the module does not have the hash that its header names');
    const module = new WebAssembly.Module(code);
    if (WebAssembly.Module.imports(module).length) fail('R-WASM-3: the module imports something');
    this.calls = new WebAssembly.Instance(module, {}).exports;
    this.engine = `v8-${features & SIMD ? 'simd' : 'scalar'}`;
    this.file = file;
    this.top = Math.ceil(this.calls.__heap_base.value / 64) * 64;
    this.regions = [file.segment(TYPE.INDEX), file.segment(TYPE.QUANT), file.segment(TYPE.VEC, (k) => k === 0), file.segment(TYPE.VEC, (k) => k > 0)];
    this.window = Math.max(window, file.dimension * 4 + 64, 32 * (8 * Math.ceil(file.dimension / 64) + 4));
    if (this.calls.rvf_abi() !== 0x20001) fail('the kernel speaks another version of the interface');
    this.ctx = this.take(256);
    const head = this.take(128);
    this.bytes(head, 128).set(this.regions[0].read(0, 128));
    this.call('rvf_open', head, 128, this.ctx, 256);
  }

  take(length) {
    const at = this.top;
    this.top = Math.ceil((at + length) / 64) * 64;
    const missing = this.top - this.calls.memory.buffer.byteLength;
    if (missing > 0) this.calls.memory.grow(Math.ceil(missing / 65536));
    return at;
  }

  bytes(at, length) { return new Uint8Array(this.calls.memory.buffer, at, length); }

  view() { return new DataView(this.calls.memory.buffer); }

  call(name, ...args) {
    const result = this.calls[name](...args);
    return result < 0 ? fail(`the kernel answers ${ERRORS[-result] ?? result} to ${name}`) : result;
  }

  /** The k nearest rows of `vector` (Float32Array): `[{ row, distance }]`, nearest first. `filter`: a Set of rows. */
  search(vector, { k = 10, recall = 0.95, slack, exact = false, filter } = {}) {
    if (vector.length !== this.file.dimension) fail(`the query has ${vector.length} components, the file ${this.file.dimension}`);
    const mark = this.top, effort = exact || slack !== undefined ? { probes: 0, slack: slack ?? 0, pool: k } : this.file.effort(k, recall);
    const params = this.take(64), query = this.take(vector.length * 4), v = this.view();
    [k, exact ? 1 : 0, effort.probes].forEach((x, i) => v.setUint32(params + 4 * i, x, true));
    v.setFloat32(params + 12, effort.slack, true);
    [this.file.vectors ? Math.max(effort.pool, k) : k, filter ? 1 : 0, this.window, 256, 0, 0, 0, 0, 0, 0, 0, 0].forEach((x, i) => v.setUint32(params + 16 + 4 * i, x, true));
    vector.forEach((x, i) => v.setFloat32(query + 4 * i, x, true));
    const size = this.call('rvf_query_size', this.ctx, params), state = this.take(size);
    this.call('rvf_query_begin', this.ctx, params, query, state, size);
    const bitmap = filter && new Uint8Array(Math.ceil(this.file.rows / 8));
    filter?.forEach((n) => { bitmap[n >> 3] |= 1 << (n & 7); });
    const arena = this.top;
    for (let n; (n = this.call('rvf_query_step', state)) > 0; this.top = arena) {
      const at = this.call('rvf_query_needs', state);
      const needs = Array.from({ length: n }, (_, i) => [this.view().getUint32(at + 16 * i, true), this.view().getUint32(at + 16 * i + 4, true), number(this.view().getBigUint64(at + 16 * i + 8, true), 'offset')]);
      needs.forEach(([region, length, offset], i) => {
        if (length > this.window) fail('the kernel asks for more than the window');
        const data = region === 4 ? bitmap.subarray(offset, offset + length) : (this.regions[region] ?? fail(`the kernel asks for region ${region}`)).read(offset, length);
        const place = this.take(length);
        this.bytes(place, length).set(data);
        this.call('rvf_query_feed', state, i, place);
      });
    }
    const out = this.take(8 * k), count = this.call('rvf_query_results', state, out, k);
    const hits = Array.from({ length: Math.min(count, k) }, (_, i) => ({ row: this.view().getUint32(out + 8 * i, true), distance: this.view().getFloat32(out + 8 * i + 4, true) }));
    this.top = mark;
    return hits;
  }
}
