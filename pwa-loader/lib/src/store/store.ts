// A small vector database in memory: what `create` gives.
import { request, RvfError } from '../errors.js';
import { hasWorkers } from '../pool/spawn.js';
import { whenAborted } from '../signals.js';
import type { Answer, CreateOptions, Id, Metric, Progress, RvfStore, SearchRequest } from '../types.js';
import { checkLength, checkRequest, flat, shapeOf, type Shape } from './check.js';
import { keeperFor } from './keep/choose.js';
import { Desk, type Asked, type Operation, type Operations, type Wish } from './operations.js';
import { StoreThread } from './thread.js';

/** Where the rows are: in a worker, or here. */
interface Place {
  readonly size: number;
  do(asked: Asked, onProgress: (progress: Progress) => void, transfer?: Transferable[]): Promise<unknown>;
  close(): void;
}

/** An empty store, or the one that is kept under the name. */
export async function create(options: CreateOptions): Promise<RvfStore> {
  const { run, signal, ...rest } = options;
  const shape = shapeOf(options);
  if (run !== undefined && run !== 'worker' && run !== 'inline') throw request(`expected run to be 'worker' or 'inline', found ${String(run)}`);
  signal?.throwIfAborted();
  const store = new Store(shape, (run ?? (hasWorkers() ? 'worker' : 'inline')) === 'worker' ? new StoreThread() : new Desk(), options.name, signal);
  try {
    await store.open(rest);
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

/** Removes the store that is kept under a name, also one that `create` can't open. */
export async function destroy(name: string): Promise<void> {
  shapeOf({ dimension: 1, name });
  if (name === undefined) throw request('expected the name of a kept store, found none; give the one that create() was given');
  await keeperFor(name).remove();
}

export class Store implements RvfStore {
  readonly dimension: number;
  readonly metric: Metric;
  readonly #release: () => void;
  #closed: unknown;

  constructor(shape: Shape, private readonly place: Place, private readonly name: string | undefined, private readonly signal?: AbortSignal) {
    this.dimension = shape.dimension;
    this.metric = shape.metric;
    this.#release = whenAborted(signal, () => {
      this.#closed ??= signal!.reason;
      this.place.close();
    });
  }

  get size(): number {
    return this.#closed === undefined ? this.place.size : 0;
  }

  async #do<Op extends Operation>(op: Op, args: Operations[Op]['args'], { signal, onProgress = () => undefined, transfer }: { signal?: AbortSignal | undefined; onProgress?: ((progress: Progress) => void) | undefined; transfer?: Transferable[] } = {}): Promise<Operations[Op]['result']> {
    if (this.#closed !== undefined) throw this.#closed;
    signal?.throwIfAborted();
    const work = this.place.do({ op, args } as Asked, onProgress, transfer) as Promise<Operations[Op]['result']>;
    try {
      return await (signal ? Promise.race([work, aborted(signal, work)]) : work);
    } catch (error) {
      // An abort closes the store, and what it interrupts is told why.
      throw this.signal?.aborted ? this.signal.reason : error;
    }
  }

  open(options: Operations['open']['args']): Promise<void> {
    return this.#do('open', options);
  }

  async insert(vector: ArrayLike<number>, id?: Id): Promise<Id> {
    checkLength(vector, this.dimension);
    const vectors = Float32Array.from(vector);
    const ids = await this.#do('insert', { vectors, ids: id === undefined ? undefined : [id] }, { transfer: [vectors.buffer] });
    return ids[0]!;
  }

  async insertBatch(vectors: Float32Array | readonly ArrayLike<number>[], ids?: readonly Id[]): Promise<Id[]> {
    // A copy: the caller's is his own again when this returns, and what goes to a worker is gone here.
    const copy = flat(vectors, this.dimension);
    if (ids && ids.length !== copy.length / this.dimension) throw request(`expected one id for each of the ${copy.length / this.dimension} vectors, found ${ids.length}; make the counts agree`);
    return this.#do('insert', { vectors: copy, ids: ids && [...ids] }, { transfer: [copy.buffer] });
  }

  async delete(id: Id): Promise<boolean> {
    return this.#do('delete', id);
  }

  async get(id: Id): Promise<Float32Array | undefined> {
    return this.#do('get', id);
  }

  async search(wish: SearchRequest): Promise<Answer> {
    const start = performance.now();
    checkRequest(wish, this.dimension);
    const { signal, vector, like, k, recall, probes, slack, pool, exact, filter } = wish;
    // Only what is known: a request may hold more, which can't be sent.
    const sent = { like, k, recall, probes, slack, pool, exact } as Wish;
    // Copies: a view would be sent with all that is behind it, and an iterator can't be sent.
    if (vector !== undefined) sent.vector = Float32Array.from(vector);
    if (filter) sent.filter = 'rows' in filter ? { rows: [...filter.rows] } : { bitmap: filter.bitmap.slice() };
    const { hits, stats } = await this.#do('search', sent, { signal });
    return { hits, stats: { ...stats, ms: performance.now() - start } };
  }

  async save(options: { recall?: number; onProgress?: (progress: Progress) => void; signal?: AbortSignal } = {}): Promise<Uint8Array> {
    const { recall, onProgress, signal } = options;
    if (recall !== undefined && !(recall > 0 && recall <= 1)) throw request(`expected a recall above 0 and at most 1, found ${String(recall)}`);
    // Where memory can be shared, the pack hears of an abort; else it goes on to its end, and nobody waits for it.
    const stop = signal && typeof SharedArrayBuffer === 'function' ? new SharedArrayBuffer(4) : undefined;
    const release = whenAborted(signal, () => void (stop && Atomics.store(new Int32Array(stop), 0, 1)));
    try {
      return await this.#do('save', { recall, stop }, { signal, onProgress });
    } finally {
      release();
    }
  }

  async persist(): Promise<void> {
    if (this.name === undefined) throw request('expected a store with a name to persist, found none; give create() a name, or save() the bytes and keep them yourself');
    return this.#do('persist', undefined);
  }

  async destroy(): Promise<void> {
    if (this.name === undefined) throw request('expected a store with a name to destroy, found none: nothing of it is kept');
    return this.#do('destroy', undefined);
  }

  async close(): Promise<void> {
    this.#release();
    this.#closed ??= new RvfError('CLOSED', 'the store was closed; create it again');
    this.place.close();
  }
}

/** Rejects when a signal is aborted; never settles after the work has. */
function aborted(signal: AbortSignal, work: Promise<unknown>): Promise<never> {
  return new Promise((_, reject) => {
    const release = whenAborted(signal, () => reject(signal.reason as Error));
    work.then(release, release);
  });
}
