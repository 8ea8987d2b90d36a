// The builder: rvf-pack and the kernel as one WebAssembly module. An instance holds one store, or packs one file.
import { RvfError } from '../errors.js';

interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly [name: string]: unknown;
}

/** What a pack asks of its host. */
export interface Host {
  /** Is told how far it is; false ends it. */
  progress(phase: number, done: number, total: number): boolean;
  /** Writes rows from the first on to an address of the instance's memory; false if it can't. */
  rows(first: number, count: number, address: number): boolean;
}

const NOBODY: Host = { progress: () => true, rows: () => false };

let compiled: Promise<WebAssembly.Module> | undefined;

/** Compiles the module that lies beside the library, once. */
function compile(): Promise<WebAssembly.Module> {
  const compiling = (compiled ??= read(new URL('../../wasm/builder.wasm', import.meta.url)));
  compiling.catch(() => {
    // So that the next store tries again.
    if (compiled === compiling) compiled = undefined;
  });
  return compiling;
}

async function read(url: URL): Promise<WebAssembly.Module> {
  if (typeof WebAssembly === 'undefined') {
    throw new RvfError('UNSUPPORTED', 'a store in memory needs WebAssembly, which this engine lacks or forbids; allow it (script-src \'wasm-unsafe-eval\'), or open files instead');
  }
  try {
    if (url.protocol === 'file:') {
      const { readFile } = await import('node:fs/promises');
      return await WebAssembly.compile(new Uint8Array(await readFile(url)));
    }
    const response = await fetch(url);
    if (!response.ok) throw new RvfError('SOURCE', `expected the library's builder.wasm at ${url.href}, found HTTP ${response.status}; put the library's folder wasm/ on the server`);
    // Not compileStreaming: that fails where a server gives another MIME type.
    return await WebAssembly.compile(await response.arrayBuffer());
  } catch (cause) {
    if (cause instanceof RvfError) throw cause;
    if (cause instanceof WebAssembly.CompileError) {
      throw new RvfError('UNSUPPORTED', `the library's builder.wasm can not be compiled: ${cause.message}; it needs an engine with WebAssembly SIMD, as browsers have had since 2023`, { cause });
    }
    throw new RvfError('SOURCE', `the library's builder.wasm at ${url.href} can not be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** What the codes of the module's errors are (pwa-loader/builder/src/error.rs). */
const CODES = { '-1': 'REQUEST', '-2': 'UNSUPPORTED', '-3': 'FORMAT', '-4': 'REQUEST', '-5': 'MODULE' } as const;

export class Cancelled extends Error {}

export class Instance {
  readonly #exports: Exports;
  #host = NOBODY;
  #scratch = { address: 0, length: 0 };
  #broken: RvfError | undefined;

  private constructor(module: WebAssembly.Module) {
    const host = {
      progress: (phase: number, done: number, total: number): number => (this.#host.progress(phase, done, total) ? 1 : 0),
      rows: (first: number, count: number, address: number): number => (this.#host.rows(first >>> 0, count, address >>> 0) ? 1 : 0),
    };
    this.#exports = new WebAssembly.Instance(module, { host }).exports as unknown as Exports;
  }

  static async create(): Promise<Instance> {
    return new Instance(await compile());
  }

  /** Calls a function of the module, and throws what it answers as an error. */
  call(name: string, ...args: number[]): number {
    if (this.#broken) throw this.#broken;
    let answer: number;
    try {
      answer = (this.#exports[name] as (...args: number[]) => number)(...args);
    } catch (cause) {
      if (cause instanceof RvfError) this.#broken = cause;
      // A trap leaves the module in any state, so nothing is asked of it again.
      this.#broken ??= new RvfError('UNSUPPORTED', `the builder stopped: ${cause instanceof Error ? cause.message : String(cause)}; most likely its memory is at an end: keep fewer vectors, or keep them as i8 or f16`, { cause });
      throw this.#broken;
    }
    if (!(answer < 0)) return answer;
    const exports = this.#exports as unknown as Record<'error_ptr' | 'error_len', () => number>;
    const text = new TextDecoder().decode(this.bytes(exports.error_ptr(), exports.error_len()));
    if (answer === -4) throw new Cancelled(text);
    throw new RvfError(CODES[String(answer) as keyof typeof CODES] ?? 'MODULE', text);
  }

  /** Calls a function that asks something of its host. What the host throws goes through the module, which is of no use then. */
  hosted(host: Host, name: string, ...args: number[]): number {
    this.#host = host;
    try {
      return this.call(name, ...args);
    } finally {
      this.#host = NOBODY;
    }
  }

  /** A view of the module's memory. It is of no use after the next call, which may move the memory. */
  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer, address, length);
  }

  floats(address: number, count: number): Float32Array {
    return new Float32Array(this.#exports.memory.buffer, address, count);
  }

  words(address: number, count: number): Uint32Array {
    return new Uint32Array(this.#exports.memory.buffer, address, count);
  }

  /** A buffer for what goes in and out, of at least so many bytes. It is the same one each time. */
  scratch(length: number): number {
    if (this.#scratch.length < length) {
      if (this.#scratch.length > 0) this.call('release', this.#scratch.address, this.#scratch.length);
      this.#scratch = { address: 0, length: 0 };
      this.#scratch = { address: this.call('alloc', length), length };
    }
    return this.#scratch.address;
  }

  /** Puts bytes into a buffer of their own, which the callee takes over. */
  give(bytes: Uint8Array): number {
    const address = this.call('alloc', bytes.length);
    this.bytes(address, bytes.length).set(bytes);
    return address;
  }

  /** Bytes of memory that the module has. */
  memory(): number {
    return this.#exports.memory.buffer.byteLength;
  }
}
