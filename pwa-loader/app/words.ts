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
  ROOT: 'the start',
  MANIFEST: 'parts, hashes',
  INDEX: 'centroids and lists',
  QUANT: '1-bit codes',
  VEC: 'the vectors',
  IDS: 'ids',
  ORDER: 'row order',
  DIGEST: 'digests of blocks',
  WASM: 'code',
};

/** What a part of the file holds; of a kind that is not known, that. */
export const segmentName = (type: string): string => SEGMENTS[type] ?? (/^0x/u.test(type) ? 'of a kind that this page does not know' : type.toLowerCase());
