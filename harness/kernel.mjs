// Runs the kernel that travels in a file, in the engine's own WebAssembly. The calls are those of spec/kernel.md, section 7.
import { fail, shake, TYPE, u64 } from './segment.mjs';

const ERRORS = ['', 'BAD_POINTER', 'BAD_HANDLE', 'SMALL_BUFFER', 'BAD_INDEX', 'UNSUPPORTED', 'BAD_PARAM', 'BAD_QUERY', 'WINDOW', 'BAD_DATA', 'STATE'];
const ABI = 0x20002, LAYOUT = 2, FILTER = 4;
/** Bits of `rvf_caps`. */
const CAPS = { coded: 1 << 1, filter: 1 << 3, blocks: 1 << 5, l2: 1 << 6, ip: 1 << 7, cosine: 1 << 8, i8: 1 << 9, f16: 1 << 10, f32: 1 << 11 };
const SIMD = 1;
const MAX_NEEDS = 256;

/** The bytecode of the module that R-WASM-4 picks, of those of a build or that the engine can run; its hash is checked (R-WASM-1). */
function pick(file, build) {
  const modules = file.segments.filter((s) => s.type === TYPE.WASM && (s.kind & 255) === 0)
    .map((segment) => ({ segment, head: segment.read(0, 64), simd: Boolean((segment.kind >>> 16) & SIMD) }))
    .filter(({ simd }) => build === 'auto' || simd === (build === 'simd'))
    .sort((a, b) => a.head[0x38] - b.head[0x38] || a.segment.offset - b.segment.offset);
  for (const { segment, head, simd } of modules) {
    const code = segment.read(64, segment.length - 64);
    if (head.readUInt32LE(0) !== 0x5256574d || head.readUInt32LE(6) !== segment.kind || head.readUInt32LE(12) !== code.length || !shake(32, code).equals(head.subarray(0x18, 0x38))) fail('R-WASM-1: the module is not the one that its header describes');
    if (WebAssembly.validate(code)) return { code, simd };
  }
  return fail(`the file has no kernel for this engine (build: ${build})`);
}

/** Whether a valid module has a start function (section 8), which would run before anybody asked for it. */
function starts(code) {
  for (let at = 8, id, length; at < code.length; at += length) {
    id = code[at++];
    length = 0;
    // The length is a LEB128 number: seven bits a byte, the last has the highest bit clear.
    for (let shift = 1, more = true; more; shift *= 128) {
      length += (code[at] & 127) * shift;
      more = code[at++] > 127;
    }
    if (id === 8) return true;
  }
  return false;
}

export class Kernel {
  constructor(file, build, window) {
    const { code, simd } = pick(file, build), module = new WebAssembly.Module(code);
    if (WebAssembly.Module.imports(module).length || starts(code)) fail('R-WASM-3: the module imports something, or has a start function');
    this.calls = new WebAssembly.Instance(module, {}).exports;
    if (this.calls.rvf_abi() !== ABI) fail('the kernel speaks another version of the interface');
    this.file = file;
    this.engine = `v8-${simd ? 'simd' : 'scalar'}`;
    this.top = Math.ceil(this.calls.__heap_base.value / 64) * 64;
    const words = Math.ceil(file.dimension / 64);
    // A group, a record; the filter is added where there is one (K-ABI-3).
    this.window = Math.max(window, 256 * words + 256, 12 + 4 * file.dimension);
    // The head and the mean stay in memory (rvf_open).
    const index = file.segment(TYPE.INDEX), start = index.read(0, 128 + 4 * file.dimension);
    if (start.readUInt32LE(8) !== file.rows || start.readUInt32LE(12) !== file.dimension || start.readUInt32LE(0x14) !== file.lists || start.readUInt32LE(0x18) !== words) fail('R-IDX-1: the index is not the one that the manifest describes');
    this.regions = [index, file.segment(TYPE.QUANT), file.segment(TYPE.VEC), file.stored().segment];
    this.ctx = this.take(256);
    this.call('rvf_open', this.put(start), start.length, this.ctx, 256);
  }

  /** A place in the memory, with the 16 bytes behind it that K-ABI-7 asks for. */
  take(length) {
    const at = this.top;
    this.top = Math.ceil((at + length) / 64) * 64;
    const missing = this.top + 16 - this.calls.memory.buffer.byteLength;
    if (missing > 0) this.calls.memory.grow(Math.ceil(missing / 65536));
    return at;
  }

  /** The memory's bytes: a new view each time, since the memory may have grown. */
  bytes(at, length) { return Buffer.from(this.calls.memory.buffer, at, length); }

  put(bytes) {
    const at = this.take(bytes.length);
    this.bytes(at, bytes.length).set(bytes);
    return at;
  }

  call(name, ...args) {
    const result = this.calls[name](...args);
    return result < 0 ? fail(`the kernel answers ${ERRORS[-result] ?? result} to ${name}`) : result;
  }

  /**
   * The k nearest rows of `vector`: `[{ row, distance }]`, nearest first. `recall`, `probes`, `slack`, `pool`, `exact`: see
   * `RvfFile.plan`. `filter`: the rows that count.
   */
  search(vector, { k = 10, filter, ...wish } = {}) {
    const { file } = this, plan = file.plan(k, { filter, ...wish }), mark = this.top;
    if (vector.length !== file.dimension) fail(`the query has ${vector.length} components, the file ${file.dimension}`);
    this.can('i8', file.metric, file.vectors, plan ? 'coded' : 'blocks', ...plan && filter ? ['filter'] : []);
    // By vector number, as the kernel knows the vectors.
    const live = filter && Uint32Array.from(new Set(filter), (row) => file.number(row)).sort();
    try {
      const state = this.begin(vector, k, plan, live);
      if (plan) this.run(state);
      else this.offer(state, live);
      return this.results(state, k);
    } finally {
      this.top = mark;
    }
  }

  /** The rows nearest to a row of the file, which is left out itself. */
  like(row, { k = 10, ...wish } = {}) {
    const hits = this.search(this.file.get(row), { k: Math.min(k + 1, 65536), ...wish });
    return hits.filter((hit) => hit.row !== row).slice(0, k);
  }

  can(...names) {
    const caps = this.calls.rvf_caps(), lacks = names.filter((name) => !(caps & CAPS[name]));
    if (lacks.length || ((caps >> 16) & 255) < LAYOUT) fail(`the kernel can not do what is asked (${lacks.join(', ') || 'INDEX layout 2'})`);
  }

  begin(vector, k, plan, live) {
    const bitmap = Buffer.alloc(plan && live ? Math.ceil(this.file.rows / 8) : 0), params = Buffer.alloc(64), query = Buffer.alloc(4 * vector.length);
    live?.forEach((number) => { bitmap[number >> 3] |= 1 << (number & 7); });
    // It is needed whole, in every step: resident, it is asked for in none.
    if (bitmap.length) this.call('rvf_resident', this.ctx, FILTER, this.put(bitmap), bitmap.length);
    [k, plan ? 0 : 1, plan?.probes ?? 0, 0, plan?.pool ?? k, bitmap.length ? 1 : 0, Math.max(this.window, bitmap.length), MAX_NEEDS].forEach((word, i) => params.writeUInt32LE(word, 4 * i));
    params.writeFloatLE(plan?.slack ?? 0, 12);
    vector.forEach((x, i) => query.writeFloatLE(x, 4 * i));
    const at = this.put(params), size = this.call('rvf_size', this.ctx, at), state = this.take(size);
    this.call('rvf_begin', this.ctx, at, this.put(query), state, size);
    return state;
  }

  /** Steps until the query is done, and feeds what it needs. */
  run(state) {
    const arena = this.top;
    for (let n; (n = this.call('rvf_step', state)) > 0; this.top = arena) {
      const needs = Buffer.from(this.bytes(this.call('rvf_needs', state), 16 * n));
      for (let i = 0; i < n; i++) {
        const region = needs.readUInt32LE(16 * i), length = needs.readUInt32LE(16 * i + 4), offset = u64(needs, 16 * i + 8);
        if (!this.regions[region] || length > this.window) fail(`the kernel asks for ${length} bytes of region ${region}`);
        // What finds no room is asked for again (K-ABI-1).
        if (i > 0 && this.top + length > arena + 4 * this.window) break;
        this.call('rvf_feed', state, i, this.put(this.regions[region].read(offset, length)));
      }
    }
  }

  /** Exact search: brings the records of all vectors that count, in runs of neighbours. */
  offer(state, live) {
    const { segment, stride } = this.file.stored(), count = live ? live.length : this.file.rows, most = Math.ceil(this.window / stride), arena = this.top;
    for (let i = 0, next; i < count; i = next, this.top = arena) {
      const first = live ? live[i] : i;
      if (live) for (next = i + 1; next < count && next - i < most && live[next] === first + next - i;) next++;
      else next = Math.min(i + most, count);
      this.call('rvf_block', state, this.put(segment.read(first * stride, (next - i) * stride)), next - i);
    }
  }

  results(state, k) {
    const out = this.take(8 * k), stats = this.take(16), count = Math.min(this.call('rvf_results', state, out, k), k);
    this.call('rvf_stats', state, stats);
    const hits = this.bytes(out, 8 * count), words = this.bytes(stats, 16);
    /** Of the last search: rows scanned, second looks, rows ranked, float distances (K-STAT-1); what `offer` brings is not among them. */
    this.stats = [0, 4, 8, 12].map((at) => words.readUInt32LE(at));
    return Array.from({ length: count }, (_, i) => ({ row: hits.readUInt32LE(8 * i), distance: hits.readFloatLE(8 * i + 4) }));
  }
}
