// A store: rows in an instance of the builder, and their ids. It does one thing at a time; whoever holds it sees to that.
//
// The instance has a base, which is a packed file, and a tail of the rows that came since (pwa-loader/builder/src/store.rs).
// Inserts append to the tail. A save packs all of it, with lists; what was packed is the new base.
import { request, RvfError } from '../errors.js';
import type { Answer, Hit, Id, SearchRequest } from '../types.js';
import { checkRequest, KINDS, METRICS, type Shape } from './check.js';
import { IdTable, keyOf, type Key } from './ids.js';
import { Instance } from './instance.js';
import { Keeping } from './keeping.js';
import type { Keeper } from './keep/keeper.js';
import { idsOf, pack, type PackProgress, type PackWish } from './pack.js';
import { RowNumbers } from './rows.js';

/** Bytes of vectors that go into the instance at once. */
const AT_ONCE = 1 << 20;
/** Deleted rows of the tail, at least, before their room is given to others. */
const FEW = 1_024;

export class StoreEngine {
  readonly #ids = new IdTable();
  readonly #numbers = new RowNumbers();
  #keeping: Keeping | undefined;
  /** Grows with every change. */
  #revision = 0;
  /** How the base was packed, and whether it is all that there is. */
  #base: (PackWish & { readonly revision: number }) | undefined;
  #deadInTail = 0;

  private constructor(readonly shape: Shape, public instance: Instance) {}

  /** An empty store, or the one that is kept. */
  static async open(shape: Shape, keeper?: Keeper): Promise<StoreEngine> {
    const engine = new StoreEngine(shape, await empty(shape));
    if (keeper) {
      engine.#keeping = new Keeping(engine, keeper);
      await engine.#keeping.open();
    }
    return engine;
  }

  get size(): number {
    return this.instance.call('store_live');
  }

  get revision(): number {
    return this.#revision;
  }

  get ids(): IdTable {
    return this.#ids;
  }

  /** Bytes that the rows take in the instance, and those of the instance. */
  memory(): { rows: number; instance: number } {
    return { rows: this.instance.call('store_bytes'), instance: this.instance.memory() };
  }

  /** All of them, or none where one can't be taken. */
  insert(vectors: Float32Array, ids?: readonly Id[]): Key[] {
    const { dimension } = this.shape;
    const count = vectors.length / dimension, first = this.instance.call('store_rows');
    const keys = this.#ids.plan(count, ids);
    const some = Math.max(1, Math.floor(AT_ONCE / (4 * dimension)));
    for (let row = 0; row < count; row += some) {
      const part = vectors.subarray(row * dimension, (row + some) * dimension);
      try {
        const address = this.instance.scratch(Math.min(count, some) * dimension * 4);
        this.instance.floats(address, part.length).set(part);
        this.instance.call('store_insert', address, part.length / dimension);
      } catch (error) {
        this.instance.call('store_truncate', first);
        throw row > 0 ? moved(error, row) : error;
      }
    }
    for (const row of this.#ids.add(count, keys)) this.#bury(row);
    this.#numbers.add(count);
    this.#revision++;
    this.#compact();
    return keys ?? Array.from({ length: count }, (_, index) => first + index);
  }

  delete(id: Id): boolean {
    const row = this.#ids.remove(keyOf(id));
    if (row === undefined) return false;
    this.#bury(row);
    this.#revision++;
    this.#compact();
    return true;
  }

  #bury(row: number): void {
    this.instance.call('store_delete', row);
    if (row >= this.instance.call('store_base_rows')) this.#deadInTail++;
  }

  /** Gives the room of deleted rows to others, where they are more than the rest of the tail. */
  #compact(): void {
    const base = this.instance.call('store_base_rows'), rows = this.instance.call('store_rows');
    if (this.#deadInTail < FEW || this.#deadInTail * 2 < rows - base) return;
    this.instance.call('store_compact');
    this.#deadInTail = 0;
    const left = this.#ids.compact(base);
    if (left) this.#numbers.keep(left);
  }

  get(id: Id): Float32Array<ArrayBuffer> | undefined {
    const row = this.#ids.rowOf(keyOf(id));
    if (row === undefined) return undefined;
    const { dimension } = this.shape, address = this.instance.scratch(4 * dimension);
    return this.instance.call('store_vector', row, address) ? this.instance.floats(address, dimension).slice() as Float32Array<ArrayBuffer> : undefined;
  }

  /** Codes what was inserted, which the next search would do. */
  prepare(): void {
    this.instance.call('store_prepare');
  }

  search(wish: SearchRequest): Answer {
    const start = performance.now(), { dimension } = this.shape;
    checkRequest(wish, dimension);
    const { k = 10, recall, probes, slack, pool, exact, filter } = wish;
    let own = -1;
    if (wish.like !== undefined) {
      const row = this.#ids.rowOf(keyOf(wish.like));
      if (row === undefined) throw request(`expected the id of a row in like, found ${JSON.stringify(String(wish.like))}, which no row has; give one that was inserted and not deleted`);
      own = row;
    }
    const rows = this.instance.call('store_rows');
    const bitmap = filter && this.#numbers.bitmap(filter, rows);
    const address = this.instance.scratch(4 * dimension + (bitmap?.length ?? 0));
    if (own < 0) this.instance.floats(address, dimension).set(wish.vector!);
    else this.instance.call('store_vector', own, address);
    if (bitmap) this.instance.bytes(address + 4 * dimension, bitmap.length).set(bitmap);
    const count = this.instance.call('store_search', address, k, own < 0 ? 0 : 1, recall ?? NaN, probes ?? -1, slack ?? NaN, pool ?? -1, exact ? 1 : 0, bitmap ? address + 4 * dimension : 0, bitmap?.length ?? 0);

    const found = this.instance.call('found_hits');
    const words = this.instance.words(found, 2 * count), distances = this.instance.floats(found, 2 * count);
    const hits: Hit[] = [];
    for (let i = 0; i < count && hits.length < k; i++) {
      const row = words[2 * i]!;
      if (row !== own) hits.push({ row: this.#numbers.numberOf(row), id: this.#ids.idOf(row), distance: distances[2 * i + 1]! });
    }
    const reached = this.instance.call('found_recall');
    const stats = { ms: 0, engine: 'memory' as const, scanned: this.instance.call('found_scanned'), ranked: this.instance.call('found_ranked'), bytesRead: 0, rounds: 0, ...(Number.isNaN(reached) ? {} : { recall: reached }) };
    return { hits, stats: { ...stats, ms: performance.now() - start } };
  }

  /** The bytes of a file with all rows. It is the store's base from then on. */
  async save(wish: PackWish, progress: PackProgress): Promise<Uint8Array<ArrayBuffer>> {
    const base = this.#base;
    if (base?.revision === this.#revision && base.recall === wish.recall && (wish.quick || !base.quick)) return this.baseBytes();
    const live = this.size;
    if (live === 0) throw request('expected at least one vector to save, found none: a file has rows; insert one before');
    const revision = this.#revision, keys = this.#ids.live();
    const bytes = await pack(this.instance, this.shape, 0, live, keys, wish, progress);
    // Nothing else was done meanwhile: so the rows are still those that were packed.
    if (revision === this.#revision) await this.#adoptOwn(bytes, wish);
    return bytes;
  }

  /**
   * Goes on with the file, in a new instance: the old one's memory, which can't become less, goes with it. Where there is no
   * room for both, the rows stay as they are.
   */
  async #adoptOwn(bytes: Uint8Array, wish: PackWish): Promise<void> {
    try {
      const instance = await empty(this.shape);
      instance.call('store_adopt', instance.give(bytes), bytes.length, 0);
      this.instance = instance;
    } catch (error) {
      if (error instanceof RvfError && error.code === 'UNSUPPORTED') return;
      throw error;
    }
    const left = this.#ids.compact(0);
    if (left) this.#numbers.keep(left);
    this.#deadInTail = 0;
    this.#base = { ...wish, revision: this.#revision };
  }

  /** Takes the bytes of a kept file as the base of a store that is empty. */
  adopt(bytes: Uint8Array, wish: PackWish): void {
    this.instance.call('store_adopt', this.instance.give(bytes), bytes.length, 1);
    const count = this.instance.call('store_base_rows');
    const keys = idsOf(this.instance);
    if (keys && keys.length !== count) throw new RvfError('FORMAT', `expected ${count} ids in the kept file, found ${keys.length}; it is damaged`);
    this.#ids.add(count, keys);
    this.#numbers.add(count);
    this.#base = { ...wish, revision: this.#revision };
  }

  baseBytes(): Uint8Array<ArrayBuffer> {
    return this.instance.bytes(this.instance.call('store_base_ptr'), this.instance.call('store_base_len')).slice() as Uint8Array<ArrayBuffer>;
  }

  /** How the base was packed. */
  get base(): PackWish | undefined {
    return this.#base;
  }

  persist(): Promise<void> {
    if (!this.#keeping) throw request('expected a store with a name to persist, found none; give create() a name, or save() the bytes yourself');
    return this.#keeping.persist();
  }

  destroy(): Promise<void> {
    if (!this.#keeping) throw request('expected a store with a name to destroy, found none: nothing of it is kept');
    return this.#keeping.destroy();
  }
}

/** A store of this shape, in an instance of its own. */
export async function empty(shape: Shape): Promise<Instance> {
  const instance = await Instance.create();
  instance.call('store_new', shape.dimension, METRICS.indexOf(shape.metric), KINDS.indexOf(shape.vectors));
  return instance;
}

/** The error of a row in a later piece of a batch, with its number in the batch. */
function moved(error: unknown, by: number): unknown {
  if (!(error instanceof RvfError)) return error;
  return new RvfError(error.code, error.message.replace(/^row (\d+)/, (_, row: string) => `row ${Number(row) + by}`), { cause: error });
}
