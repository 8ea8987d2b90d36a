// The ids of a store's rows. While every id is the number of its row, as it is where nobody gives ids and nothing was deleted,
// nothing is kept of them.
import { request } from '../errors.js';
import type { Id } from '../types.js';

/** An id in one form for each value: numbers that fit are numbers, greater ones are bigints. */
export type Key = number | bigint | string;

const LARGEST = 2n ** 64n - 1n;
/** The most bytes of an id that is text (R-LIM-1). */
const LONGEST = 512;

/** An id in the form of a key, or an error that says what is wrong with it. */
export function keyOf(id: Id): Key {
  if (typeof id === 'string') {
    const bytes = /\p{Surrogate}/u.test(id) ? 0 : new TextEncoder().encode(id).length;
    if (bytes < 1 || bytes > LONGEST) throw request(`expected an id of 1 to ${LONGEST} bytes of UTF-8, found ${bytes ? `${bytes} bytes` : id === '' ? 'an empty one' : 'half a surrogate pair in it'}; give another id`);
    return id;
  }
  if (typeof id === 'number' && Number.isSafeInteger(id) && id >= 0) return id + 0;
  if (typeof id === 'bigint' && id >= 0n && id <= LARGEST) return id <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(id) : id;
  throw request(`expected an id that is a whole number from 0 to 2^64 - 1 (above 2^53 - 1 a bigint) or a text, found ${typeof id === 'object' ? 'an object' : `${String(id)} (${typeof id})`}; give another id`);
}

export class IdTable {
  /** Undefined while ids are rows. A deleted row has no id any more. */
  #keys: (Key | undefined)[] | undefined;
  readonly #rows = new Map<Key, number>();
  #count = 0;
  #next: number | bigint = 0;
  #text: boolean | undefined;

  /** Rows, deleted ones among them. */
  get count(): number {
    return this.#count;
  }

  /** The keys of new rows: those that were asked for, or the next free numbers. Nothing is changed yet. */
  plan(count: number, ids: readonly Id[] | undefined): Key[] | undefined {
    if (ids) {
      if (ids.length !== count) throw request(`expected one id for each of the ${count} vectors, found ${ids.length}; make the counts agree`);
      const keys = ids.map(keyOf);
      const text = this.#text ?? typeof keys[0] === 'string';
      const wrong = keys.findIndex((key) => (typeof key === 'string') !== text);
      if (wrong >= 0) throw request(`expected ids that are all ${text ? 'texts' : 'numbers'}, found ${JSON.stringify(String(keys[wrong]))} (${typeof ids[wrong]}) at ${wrong}; a store has ids of one kind`);
      return keys;
    }
    if (this.#text) throw request('expected an id for each vector, found none; the ids of this store are texts, so there is no next number');
    if (!this.#keys && this.#next === this.#count) return undefined;
    const first = BigInt(this.#next);
    if (first + BigInt(count) - 1n > LARGEST) throw request('expected ids up to 2^64 - 1, found that no number is left behind the greatest id; give ids');
    return Array.from({ length: count }, (_, index) => keyOf(first + BigInt(index)));
  }

  /** Adds the next rows by these keys, `undefined` for their numbers. Returns the rows that they take the place of. */
  add(count: number, keys: readonly Key[] | undefined): number[] {
    const first = this.#count;
    this.#count += count;
    if (!keys || (!this.#keys && keys.every((key, index) => key === first + index))) {
      if (count > 0) {
        this.#text = false;
        this.#next = this.#count;
      }
      return [];
    }
    const all = this.#explicit(first);
    const replaced: number[] = [];
    for (const [index, key] of keys.entries()) {
      const before = this.#rows.get(key);
      if (before !== undefined) {
        replaced.push(before);
        all[before] = undefined;
      }
      this.#rows.set(key, first + index);
      all.push(key);
      this.#text = typeof key === 'string';
      if (typeof key !== 'string' && key >= this.#next) this.#next = typeof key === 'number' && key < Number.MAX_SAFE_INTEGER ? key + 1 : BigInt(key) + 1n;
    }
    return replaced;
  }

  /** The ids of the first rows, written down. */
  #explicit(count: number): (Key | undefined)[] {
    if (!this.#keys) {
      this.#keys = Array.from({ length: count }, (_, row) => row);
      for (let row = 0; row < count; row++) this.#rows.set(row, row);
    }
    return this.#keys;
  }

  rowOf(key: Key): number | undefined {
    if (this.#keys) return this.#rows.get(key);
    return typeof key === 'number' && key < this.#count ? key : undefined;
  }

  idOf(row: number): Key {
    return this.#keys ? this.#keys[row]! : row;
  }

  /** Whether a row was not deleted. */
  isLive(row: number): boolean {
    return row < this.#count && (!this.#keys || this.#keys[row] !== undefined);
  }

  remove(key: Key): number | undefined {
    const row = this.rowOf(key);
    if (row === undefined) return undefined;
    this.#explicit(this.#count)[row] = undefined;
    this.#rows.delete(key);
    return row;
  }

  /** Forgets deleted rows from this one on: the others move up. Returns which rows are left, if not all. */
  compact(from: number): number[] | undefined {
    const keys = this.#keys;
    if (!keys) return undefined;
    const left: number[] = [];
    for (let row = 0; row < keys.length; row++) if (row < from || keys[row] !== undefined) left.push(row);
    this.#keys = left.map((row) => keys[row]);
    this.#count = left.length;
    for (let row = from; row < left.length; row++) this.#rows.set(this.#keys[row]!, row);
    return left;
  }

  /** The keys of live rows, in order, from a row on; `undefined` where each is the number of its row. */
  live(from = 0): Key[] | undefined {
    const keys = this.#keys?.slice(from).filter((key) => key !== undefined);
    return keys?.every((key, row) => key === row) ? undefined : (keys ?? (from > 0 ? Array.from({ length: this.#count - from }, (_, row) => from + row) : undefined));
  }
}
