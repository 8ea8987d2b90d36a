// What the format's own words mean to people.
import type { EngineName } from '../lib/dist/index.js';

const ENGINES: Record<EngineName, string> = {
  simd: 'the file’s own code, WebAssembly with SIMD',
  scalar: 'the file’s own code, WebAssembly',
  javascript: 'the file’s code as JavaScript',
  memory: 'this page’s own store',
};

export const engineName = (engine: EngineName): string => ENGINES[engine];

const SEGMENTS: Record<string, string> = {
  ROOT: 'where everything starts',
  MANIFEST: 'its parts and their hashes',
  INDEX: 'centroids and lists',
  QUANT: '1-bit codes to scan',
  VEC: 'the vectors',
  IDS: 'ids',
  ORDER: 'the order of rows',
  DIGEST: 'digests of blocks',
  WASM: 'code that searches',
};

/** What a part of the file holds; of a kind that is not known, that. */
export const segmentName = (type: string): string => SEGMENTS[type] ?? (/^\d+$/u.test(type) ? 'of a kind that this page does not know' : type.toLowerCase());
