// What a store writes to where it is kept, and when. Kept are the base, as the .rvf file that it is, which of its rows are
// deleted, and the tail, packed quickly into a file of its own. So a few changes to a large store are a short write. When the
// tail has become half as large as the base, all of it is packed again.
import { RvfError } from '../errors.js';
import { empty, type StoreEngine } from './engine.js';
import type { Head, Keeper } from './keep/keeper.js';
import { idsOf, pack } from './pack.js';

const VERSION = 1;
/** How often what is kept is read anew, where another page writes all the time. */
const TRIES = 20;
const goOn = (): boolean => true;

export class Keeping {
  #head: Head | undefined;
  /** The revision of the store that is kept. */
  #kept = 0;
  /** The revision at which the base that is kept was taken. */
  #baseOf: object | undefined;

  constructor(private readonly engine: StoreEngine, private readonly keeper: Keeper) {}

  /** Reads what is kept into the store, which is empty. */
  async open(): Promise<void> {
    const kept = await this.#read();
    if (!kept) return;
    const { head, base, tail } = kept;
    if (base) {
      this.engine.adopt(base, { quick: head.quick, recall: head.recall });
      for (const row of head.dead) if (this.engine.ids.isLive(row)) this.engine.delete(this.engine.ids.idOf(row));
      this.#baseOf = this.engine.base;
    }
    if (tail) await this.#insertTail(tail, base !== undefined);
    this.#head = head;
    this.#kept = this.engine.revision;
  }

  /** A head with its files. Another page may take them away between the two, by writing a newer head: then that one is read. */
  async #read(): Promise<{ head: Head; base: Uint8Array | undefined; tail: Uint8Array | undefined } | undefined> {
    let head = await this.keeper.head();
    for (let tries = 1; head; tries++) {
      this.#check(head);
      try {
        return { head, base: head.base ? await this.keeper.file(head.base) : undefined, tail: head.tail ? await this.keeper.file(head.tail) : undefined };
      } catch (error) {
        const newer: Head | undefined = await this.keeper.head();
        if (newer?.generation === head.generation || tries === TRIES) throw error;
        head = newer;
      }
    }
    return undefined;
  }

  #check(head: Head): void {
    const { shape } = this.engine;
    if (head.version !== VERSION) throw new RvfError('UNSUPPORTED', `expected a kept store of version ${VERSION}, found ${head.version}; a newer release of this library wrote it: use that, or remove the store with destroy(name)`);
    if (head.dimension !== shape.dimension || head.metric !== shape.metric || head.vectors !== shape.vectors) {
      throw new RvfError('REQUEST', `expected a store of ${head.dimension} dimensions, ${head.metric}, kept as ${head.vectors}, as it is kept under this name, found ${shape.dimension}, ${shape.metric}, ${shape.vectors} asked for; ask for what is kept, take another name, or remove the store with destroy(name)`);
    }
  }

  /** The rows of a file, inserted one after the other. */
  async #insertTail(bytes: Uint8Array, behind: boolean): Promise<void> {
    const { shape } = this.engine, { dimension } = shape;
    const reader = await empty(shape);
    reader.call('store_adopt', reader.give(bytes), bytes.length, 1);
    const keys = idsOf(reader), count = reader.call('store_base_rows');
    const some = Math.max(1, Math.floor((1 << 20) / (4 * dimension)));
    for (let row = 0; row < count; row += some) {
      const address = reader.scratch(some * dimension * 4);
      const here = reader.call('store_export', row, address, some);
      const ids = keys?.slice(row, row + here) ?? (behind ? Array.from({ length: here }, (_, index) => row + index) : undefined);
      this.engine.insert(reader.floats(address, here * dimension).slice(), ids);
    }
  }

  async persist(): Promise<void> {
    const { engine } = this, { instance } = engine;
    if (this.#head && this.#kept === engine.revision && this.#baseOf === engine.base) return;
    const live = engine.size, baseRows = instance.call('store_base_rows');
    const dead = this.#deadOfBase(baseRows), tail = live - (baseRows - dead.length);
    if (live > 0 && (baseRows === 0 || tail * 2 > baseRows || dead.length * 2 > baseRows)) {
      // What had lists gets lists again; else a pack takes as long as writing what it gives.
      const base = engine.base;
      await engine.save(base && !base.quick ? base : { quick: true }, goOn);
    }
    await this.#write(live);
  }

  async #write(live: number): Promise<void> {
    const { engine } = this, { instance, shape, base } = engine;
    // A new store starts anywhere: one that was removed and made again must not look to another page like the one it knows.
    const generation = this.#head ? this.#head.generation + 1 : 1 + Math.floor(Math.random() * 2 ** 48);
    const files = new Map<string, Uint8Array>();
    const baseRows = live > 0 ? instance.call('store_base_rows') : 0;
    const dead = this.#deadOfBase(baseRows);
    let head: Head = { version: VERSION, generation, ...shape, quick: base?.quick ?? true, recall: base?.recall, dead };
    if (baseRows > 0) {
      const known = this.#baseOf === base ? this.#head?.base : undefined;
      head = { ...head, base: known ?? `base-${generation}.rvf` };
      if (!known) files.set(head.base!, engine.baseBytes());
    }
    const tail = live - (baseRows - dead.length);
    if (tail > 0) {
      head = { ...head, tail: `tail-${generation}.rvf` };
      files.set(head.tail!, await pack(instance, shape, baseRows, tail, engine.ids.live(baseRows), { quick: true }, goOn));
    }
    await this.keeper.write(head, files, this.#head?.generation ?? 0);
    this.#head = head;
    this.#kept = engine.revision;
    this.#baseOf = base;
  }

  #deadOfBase(rows: number): number[] {
    const dead: number[] = [];
    for (let row = 0; row < rows; row++) if (!this.engine.ids.isLive(row)) dead.push(row);
    return dead;
  }

  async destroy(): Promise<void> {
    await this.keeper.remove();
    this.#head = undefined;
    this.#baseOf = undefined;
  }
}

