// A kernel as the host calls it, whether it is a WebAssembly instance or the JavaScript twin: its memory and its functions.
import { RvfError } from '../errors.js';

/** What both have of a memory. */
export interface KernelMemory {
  readonly buffer: ArrayBufferLike;
  grow(pages: number): number;
}

/** The calls of spec/kernel.md, section 7. */
export interface KernelCalls {
  rvf_abi(): number;
  rvf_caps(): number;
  rvf_open(index: number, indexLength: number, context: number, contextLength: number): number;
  rvf_resident(context: number, region: number, at: number, length: number): number;
  rvf_size(context: number, params: number): number;
  rvf_begin(context: number, params: number, vector: number, state: number, stateLength: number): number;
  rvf_step(state: number): number;
  rvf_needs(state: number): number;
  rvf_feed(state: number, need: number, at: number): number;
  rvf_results(state: number, out: number, max: number): number;
  rvf_stats(state: number, out: number): number;
  rvf_block(state: number, records: number, count: number): number;
}

export interface Machine {
  readonly memory: KernelMemory;
  readonly heapBase: number;
  readonly calls: KernelCalls;
}

const CALLS = ['rvf_abi', 'rvf_caps', 'rvf_open', 'rvf_resident', 'rvf_size', 'rvf_begin', 'rvf_step', 'rvf_needs', 'rvf_feed', 'rvf_results', 'rvf_stats', 'rvf_block'] as const;
/** Exact search takes blocks, and a kernel need not have it: `rvf_caps` says so. */
const OPTIONAL = new Set<string>(['rvf_block']);

/** Takes a module's exports for a kernel, if they are one. `name` is said in errors. */
export function machineOf(exports: Record<string, unknown>, name: string): Machine {
  const lacks = (what: string): RvfError => new RvfError('MODULE', `${name} does not export ${what}, so it is no kernel`);
  const { memory, __heap_base: base } = exports as { memory?: KernelMemory; __heap_base?: { value?: unknown } | number };
  if (!memory || typeof memory.grow !== 'function') throw lacks('a memory');
  if (typeof SharedArrayBuffer !== 'undefined' && memory.buffer instanceof SharedArrayBuffer) throw new RvfError('MODULE', `${name} has a shared memory, which a kernel can not have`);
  // What else can grow is a table.
  if (!(memory.buffer instanceof ArrayBuffer)) throw lacks('a memory');
  const heapBase = typeof base === 'number' ? base : valueOf(base);
  if (typeof heapBase !== 'number' || (heapBase | 0) !== heapBase) throw lacks('__heap_base as an i32');
  for (const call of CALLS) if (typeof exports[call] !== 'function' && !OPTIONAL.has(call)) throw lacks(call);
  return { memory, heapBase: heapBase >>> 0, calls: exports as unknown as KernelCalls };
}

/** Of a global; some, of vectors, can't be read from here. */
function valueOf(global: { value?: unknown } | undefined): unknown {
  try {
    return global?.value;
  } catch {
    return undefined;
  }
}
