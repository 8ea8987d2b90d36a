// What the tests of the store share: a store that is a list and a loop, numbers that look random, and a place to keep a store.

/** The same numbers every time (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Vectors around a few centres, as embeddings are. */
export function vectorsOf(count, dimension, seed = 1, centres = 12) {
  const next = random(seed), middle = Float32Array.from({ length: centres * dimension }, () => next() * 2 - 1);
  const all = new Float32Array(count * dimension);
  for (let row = 0; row < count; row++) {
    const centre = Math.floor(next() * centres) * dimension;
    for (let i = 0; i < dimension; i++) all[row * dimension + i] = middle[centre + i] + (next() - 0.5) * 0.7;
  }
  return all;
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const DISTANCES = {
  l2: (a, b) => a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0),
  ip: (a, b) => -dot(a, b),
  cosine: (a, b) => 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)),
};

/** The store as anybody would write it: every vector is looked at. It keeps vectors as they are given. */
export class Naive {
  rows = new Map();
  #next = 0;
  #number = 0;

  constructor(metric) {
    this.distance = DISTANCES[metric];
  }

  insert(vector, id = this.#next) {
    this.rows.delete(id);
    this.rows.set(id, { row: this.#number++, id, vector: Array.from(vector) });
    if (typeof id === 'number') this.#next = Math.max(this.#next, id + 1);
    return id;
  }

  /** Distances of all that count, nearest first. */
  search(vector, { filter, but } = {}) {
    const query = Array.from(vector);
    return [...this.rows.values()]
      .filter(({ row, id }) => (!filter || filter(row)) && id !== but)
      .map(({ row, id, vector }) => ({ row, id, distance: this.distance(vector, query) }))
      .sort((a, b) => a.distance - b.distance || a.row - b.row);
  }
}

/** A keeper in memory that can be made to fail, as a disk is full or a page is gone in the middle of a write. */
export class FakeKeeper {
  files = new Map();
  saved = undefined;
  /** How many more files are written before a write fails. */
  left = Infinity;
  written = 0;

  async head() {
    return structuredClone(this.saved);
  }

  async file(name) {
    return this.files.get(name).slice();
  }

  async write(head, files, before) {
    if ((this.saved?.generation ?? 0) !== before) throw Object.assign(new Error('changed'), { code: 'CHANGED' });
    for (const [name, bytes] of files) {
      if (this.left-- <= 0) throw new Error('the disk is full');
      this.files.set(name, bytes.slice());
      this.written += bytes.length;
    }
    this.saved = structuredClone(head);
    for (const name of this.files.keys()) if (name !== head.base && name !== head.tail) this.files.delete(name);
  }

  async remove() {
    this.files.clear();
    this.saved = undefined;
  }
}
