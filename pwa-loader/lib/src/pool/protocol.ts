// What passes between a page and its workers.
import type { CoreOptions } from '../core.js';
import type { ErrorNote } from '../errors.js';
import type { Sendable } from '../source/open.js';
import type { Range } from '../source/source.js';
import type { FileInfo, Id, Progress, SearchRequest, Traffic } from '../types.js';

/** A source in the form in which a worker gets it. `proxy`: the page itself reads, with the `fetch` that it was given. */
export type WorkerSource = Sendable | { kind: 'proxy'; length: number; gap: number; most: number; remote: boolean };

/** A request without what can't be sent. */
export type Wish = Omit<SearchRequest, 'signal'>;

export interface Operations {
  open: { args: { source: WorkerSource; options: CoreOptions; pulse: number }; result: FileInfo };
  search: { args: Wish; result: import('../types.js').Answer };
  batch: { args: Wish[]; result: import('../types.js').Answer[] };
  get: { args: Id; result: import('../types.js').Row | undefined };
  row: { args: number; result: import('../types.js').Row };
  verify: { args: undefined; result: import('../types.js').Verdict };
}
export type Operation = keyof Operations;

export type ToWorker =
  | { [Op in Operation]: { id: number; op: Op; args: Operations[Op]['args'] } }[Operation]
  | { cancel: number }
  | { read: number; parts?: Uint8Array[]; error?: ErrorNote; traffic: Traffic };

export type FromWorker =
  | { id: number; value: unknown; traffic: Traffic }
  | { id: number; error: ErrorNote; traffic?: Traffic }
  | { id: number; progress: Progress }
  /** The kernel that was chosen, before it runs for the first time. */
  | { kernel: string }
  /** The worker's event loop turns: no module holds it. */
  | { pulse: true }
  | { read: number; ranges: readonly Range[] }
  | { stop: number };

/** A worker, of a browser or of Node. */
export interface Port {
  post(message: ToWorker, transfer?: Transferable[]): void;
  terminate(): void;
  /** Whether it keeps the process alive (Node). */
  hold(yes: boolean): void;
}

export interface PortEvents {
  message(message: FromWorker): void;
  /** The worker itself failed: its script could not be loaded, or it ran out of memory. */
  failure(message: string): void;
}
