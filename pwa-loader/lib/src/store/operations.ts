// What can be asked of a store, wherever it runs.
import { RvfError } from '../errors.js';
import type { Answer, CreateOptions, Id, Progress, SearchRequest } from '../types.js';
import { shapeOf } from './check.js';
import { StoreEngine } from './engine.js';
import { keeperFor } from './keep/choose.js';
import type { Keeper } from './keep/keeper.js';

/** A request without what can't be sent to a worker. */
export type Wish = Omit<SearchRequest, 'signal'>;

export interface Operations {
  open: { args: Omit<CreateOptions, 'signal' | 'run'>; result: void };
  insert: { args: { vectors: Float32Array; ids: readonly Id[] | undefined }; result: Id[] };
  delete: { args: Id; result: boolean };
  get: { args: Id; result: Float32Array | undefined };
  search: { args: Wish; result: Answer };
  save: { args: { recall: number | undefined; stop: SharedArrayBuffer | undefined }; result: Uint8Array };
  persist: { args: undefined; result: void };
  destroy: { args: undefined; result: void };
}
export type Operation = keyof Operations;
export type Asked = { [Op in Operation]: { op: Op; args: Operations[Op]['args'] } }[Operation];

/** A store that does what it is asked in order, one thing after the other. */
export class Desk {
  #engine: StoreEngine | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `idle`: after so many milliseconds without work, what was inserted is made ready for the next search. For a worker. */
  constructor(private readonly keeper: (name: string) => Keeper = keeperFor, private readonly idle?: number) {}

  get size(): number {
    return this.#engine?.size ?? 0;
  }

  /** Frees everything. */
  close(): void {
    clearTimeout(this.#timer);
    this.#engine = undefined;
  }

  do(asked: Asked, onProgress: (progress: Progress) => void): Promise<unknown> {
    clearTimeout(this.#timer);
    const result = this.#last.then(() => this.#do(asked, onProgress));
    const last = this.#last = result.catch(() => undefined);
    if (this.idle !== undefined) void last.then(() => last === this.#last && this.#wait());
    return result;
  }

  #wait(): void {
    clearTimeout(this.#timer);
    // What fails here fails again where somebody hears of it: in a search.
    this.#timer = setTimeout(() => {
      this.#last = this.#last.then(() => this.#engine?.prepare()).catch(() => undefined);
    }, this.idle);
  }

  async #do({ op, args }: Asked, onProgress: (progress: Progress) => void): Promise<unknown> {
    if (op === 'open') {
      this.#engine = await StoreEngine.open(shapeOf(args), args.name === undefined ? undefined : this.keeper(args.name));
      return undefined;
    }
    const engine = this.#engine;
    if (!engine) throw new RvfError('CLOSED', 'the store was closed; create it again');
    switch (op) {
      case 'insert': return engine.insert(args.vectors, args.ids);
      case 'delete': return engine.delete(args);
      case 'get': return engine.get(args);
      case 'search': return engine.search(args);
      case 'save': {
        const stop = args.stop && new Int32Array(args.stop);
        let shown = -1;
        return engine.save({ recall: args.recall }, (done, total) => {
          // A hundred times is enough.
          const step = Math.floor((done * 100) / total);
          if (step !== shown) onProgress({ phase: 'build', done, total });
          shown = step;
          return !stop || Atomics.load(stop, 0) === 0;
        });
      }
      case 'persist': return engine.persist();
      case 'destroy': return engine.destroy();
    }
  }
}
