// Packs the rows of a store into the bytes of a file, in an instance of its own: what a pack takes of memory goes with it, and
// a pack that fails leaves the store as it was.
import type { Shape } from './check.js';
import { KINDS, METRICS } from './check.js';
import type { Key } from './ids.js';
import { Instance } from './instance.js';

export interface PackWish {
  /** The recall that the lists are made for; 0.95 where none is wished. */
  readonly recall?: number | undefined;
  /** One list and nothing measured: a second where an index takes ten. */
  readonly quick?: boolean;
}

/** Is told how many of the rows are done, all work together; false ends the pack. */
export type PackProgress = (done: number, total: number) => boolean;

/** Phases by their numbers in the order in which they come, and about which part of the time each takes. */
const PHASES = new Map([[0, 0.05], [1, 0.02], [7, 0.18], [2, 0.25], [3, 0.14], [4, 0.05], [5, 0.1], [6, 0.2], [8, 0.01]]);

/** Packs the live rows of a store from this one on. There is at least one. */
export async function pack(store: Instance, shape: Shape, from: number, live: number, keys: readonly Key[] | undefined, wish: PackWish, progress: PackProgress): Promise<Uint8Array<ArrayBuffer>> {
  const packer = await Instance.create();
  const { dimension } = shape;
  packer.call('pack_new', dimension, METRICS.indexOf(shape.metric), KINDS.indexOf(shape.vectors), live);
  if (keys) giveIds(packer, keys);

  let shown = 0;
  const watch = (phase: number, done: number, total: number): boolean => {
    let before = 0;
    for (const [number, weight] of PHASES) {
      if (number === phase) {
        before += weight * (total > 0 ? Math.min(1, done / total) : 0);
        break;
      }
      before += weight;
    }
    shown = Math.max(shown, Math.floor(before * live));
    return progress(shown, live);
  };
  // Live rows go by their order here, and by their numbers in the store, so all before one have to be passed.
  let next = 0, row = from;
  const rows = (first: number, count: number, address: number): boolean => {
    if (first === 0) next = 0, row = from;
    const place = store.scratch(count * dimension * 4);
    if (first !== next || store.call('store_export', row, place, count) !== count) return false;
    packer.floats(address, count * dimension).set(store.floats(place, count * dimension));
    row = store.call('store_cursor');
    next += count;
    return true;
  };
  packer.hosted({ progress: watch, rows }, 'pack_finish', wish.recall ?? NaN, wish.quick ? 1 : 0);
  progress(live, live);
  return packer.bytes(packer.call('pack_ptr'), packer.call('pack_len')).slice() as Uint8Array<ArrayBuffer>;
}

function giveIds(packer: Instance, keys: readonly Key[]): void {
  if (typeof keys[0] !== 'string') {
    const numbers = BigUint64Array.from(keys as (number | bigint)[], (key) => BigInt(key));
    const bytes = new Uint8Array(numbers.buffer), address = packer.give(bytes);
    packer.call('pack_numbers', address, numbers.length);
    packer.call('release', address, bytes.length);
    return;
  }
  const encoder = new TextEncoder();
  const ends = new Uint32Array(keys.length);
  const texts = keys.map((key) => encoder.encode(key as string));
  let end = 0;
  for (const [index, text] of texts.entries()) ends[index] = end += text.length;
  const all = new Uint8Array(end);
  for (const [index, text] of texts.entries()) all.set(text, ends[index]! - text.length);
  const endBytes = new Uint8Array(ends.buffer), address = packer.give(all), endsAddress = packer.give(endBytes);
  packer.call('pack_texts', address, all.length, endsAddress, keys.length);
  packer.call('release', address, all.length);
  packer.call('release', endsAddress, endBytes.length);
}

/** The ids of the rows of a store's base. */
export function idsOf(store: Instance): Key[] | undefined {
  const kind = store.call('store_ids');
  if (kind === 0) return undefined;
  const bytes = store.bytes(store.call('store_ids_ptr'), store.call('store_ids_len'));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const keys: Key[] = [];
  if (kind === 1) {
    for (let at = 0; at + 8 <= bytes.length; at += 8) {
      const number = view.getBigUint64(at, true);
      keys.push(number <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(number) : number);
    }
    return keys;
  }
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  for (let at = 0; at + 2 <= bytes.length; ) {
    const length = view.getUint16(at, true);
    keys.push(decoder.decode(bytes.subarray(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  return keys;
}
