// What a store is asked, held against what it can answer, before anything is done.
import { request } from '../errors.js';
import type { CreateOptions, Metric, SearchRequest, VectorKind } from '../types.js';

/** As the module numbers them. */
export const METRICS: readonly Metric[] = ['l2', 'ip', 'cosine'];
export const KINDS: readonly VectorKind[] = ['i8', 'f16', 'f32'];

const MOST = 65_536;

const whole = (value: unknown, least: number, most: number): value is number => Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

/** What decides how a store keeps its vectors. */
export interface Shape {
  readonly dimension: number;
  readonly metric: Metric;
  readonly vectors: VectorKind;
}

export function shapeOf(options: CreateOptions): Shape {
  const { dimension, metric = 'cosine', vectors = 'f32' } = options;
  if (!whole(dimension, 1, MOST)) throw request(`expected a dimension from 1 to 65,536, found ${String(dimension)}; give the length of the vectors`);
  if (!METRICS.includes(metric)) throw request(`expected a metric of ${METRICS.join(', ')}, found ${String(metric)}`);
  if (!KINDS.includes(vectors)) throw request(`expected vectors kept as ${KINDS.join(', ')}, found ${String(vectors)}`);
  if (options.name !== undefined && (typeof options.name !== 'string' || !/^[^\p{Cc}\p{Surrogate}]{1,100}$/u.test(options.name))) {
    throw request('expected a name of 1 to 100 characters, found another; give a shorter one, without control characters');
  }
  return { dimension, metric, vectors };
}

/** Vectors as one row of numbers, in an array of the callee's own. */
export function flat(vectors: Float32Array | readonly ArrayLike<number>[], dimension: number): Float32Array<ArrayBuffer> {
  if (vectors instanceof Float32Array) {
    if (vectors.length % dimension !== 0) throw request(`expected ${dimension} components for each vector, found ${vectors.length} in all, which is no whole number of vectors; give whole vectors of the store's dimension`);
    return new Float32Array(vectors);
  }
  const all = new Float32Array(vectors.length * dimension);
  for (const [index, vector] of vectors.entries()) {
    checkLength(vector, dimension, `vector ${index} (from 0): `);
    all.set(vector, index * dimension);
  }
  return all;
}

export function checkLength(vector: ArrayLike<number>, dimension: number, where = ''): void {
  if (vector?.length !== dimension) throw request(`${where}expected a vector of ${dimension} components, found ${vector?.length === undefined ? 'none' : vector.length}; give one of the store's dimension`);
}

export function checkRequest(wish: SearchRequest, dimension: number): void {
  const { vector, like, k = 10, recall, probes, slack, pool, exact, filter } = wish;
  if ((vector === undefined) === (like === undefined)) throw request(`expected one of vector and like, found ${vector === undefined ? 'neither' : 'both'}; give one of them`);
  if (vector !== undefined) checkLength(vector, dimension);
  if (!whole(k, 1, MOST)) throw request(`expected k from 1 to 65,536, found ${String(k)}`);
  const byHand = [probes, slack, pool].some((value) => value !== undefined);
  const efforts = [recall !== undefined && 'recall', byHand && 'probes', exact && 'exact'].filter(Boolean);
  if (efforts.length > 1) throw request(`expected one of recall, probes (with slack and pool) and exact at most, found ${efforts.join(' and ')}; give one of them`);
  if (recall !== undefined && !(recall >= 0 && recall <= 1)) throw request(`expected a recall from 0 to 1, found ${String(recall)}`);
  if (probes !== undefined && !whole(probes, 0, MOST)) throw request(`expected probes from 0 to 65,536 (0: all lists), found ${String(probes)}`);
  if (slack !== undefined && !(slack >= 0 && slack <= 16)) throw request(`expected a slack from 0 to 16, found ${String(slack)}`);
  if (pool !== undefined && !whole(pool, 1, MOST)) throw request(`expected a pool from 1 to 65,536, found ${String(pool)}`);
  if (filter !== undefined && !('bitmap' in filter ? filter.bitmap instanceof Uint8Array : typeof filter.rows?.[Symbol.iterator] === 'function')) {
    throw request('expected a filter of the form { rows } with numbers or { bitmap } with a Uint8Array, found another');
  }
}
