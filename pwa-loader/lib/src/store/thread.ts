// The page's side of the worker that holds a store.
import { errorOf, request, RvfError, type ErrorNote } from '../errors.js';
import type { Progress } from '../types.js';
import type { Asked } from './operations.js';

export type ToStoreWorker = Asked & { id: number };
export type FromStoreWorker =
  | { id: number; progress: Progress }
  | { id: number; value: unknown; size: number }
  | { id: number; error: ErrorNote; size: number };

interface Port {
  post(message: ToStoreWorker, transfer: Transferable[]): void;
  end(): void;
  /** Whether the process waits for the worker. */
  hold(yes: boolean): void;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: (progress: Progress) => void;
}

export class StoreThread {
  readonly #pending = new Map<number, Pending>();
  #port: Promise<Port> | undefined;
  #next = 1;
  #over: RvfError | undefined;
  size = 0;

  do(asked: Asked, onProgress: (progress: Progress) => void, transfer: Transferable[] = []): Promise<unknown> {
    if (this.#over) return Promise.reject(this.#over);
    const id = this.#next++;
    const result = new Promise<unknown>((resolve, reject) => this.#pending.set(id, { resolve, reject, onProgress }));
    this.#port ??= this.#start();
    this.#port.then((port) => {
      // It was closed, or the worker ended, before there was a port.
      if (!this.#pending.has(id)) return;
      port.hold(true);
      try {
        port.post({ id, ...asked }, transfer);
      } catch (error) {
        // What can't be sent is a fault of the request: the worker has never heard of it, and goes on.
        this.#pending.get(id)!.reject(request(`expected ${asked.op} to be asked with plain values, found what can not be sent to a worker: ${error instanceof Error ? error.message : String(error)}; give numbers, texts and arrays`));
        this.#pending.delete(id);
        if (this.#pending.size === 0) port.hold(false);
      }
    }).catch((error: unknown) => this.#fail(error instanceof Error ? error.message : String(error)));
    return result;
  }

  close(): void {
    this.#over ??= new RvfError('CLOSED', 'the store was closed; create it again');
    for (const { reject } of this.#pending.values()) reject(this.#over);
    this.#pending.clear();
    void this.#port?.then((port) => port.end(), () => undefined);
  }

  #take(message: FromStoreWorker): void {
    const pending = this.#pending.get(message.id);
    if ('progress' in message) return pending?.onProgress(message.progress);
    this.size = message.size;
    this.#pending.delete(message.id);
    if (this.#pending.size === 0) void this.#port?.then((port) => port.hold(false));
    if ('error' in message) pending?.reject(errorOf(message.error));
    else pending?.resolve(message.value);
  }

  #fail(why: string): void {
    this.#over ??= new RvfError('UNSUPPORTED', `the worker that holds the store ended: ${why}; its rows are lost but for what was persisted. Where workers are not allowed (worker-src), create the store with run: 'inline'`);
    for (const { reject } of this.#pending.values()) reject(this.#over);
    this.#pending.clear();
  }

  async #start(): Promise<Port> {
    if (typeof Worker === 'function') {
      // A bundler knows this form, and takes the worker along.
      const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'rvf store' });
      worker.addEventListener('message', ({ data }: MessageEvent<FromStoreWorker>) => this.#take(data));
      worker.addEventListener('error', (event) => {
        event.preventDefault();
        this.#fail(event.message || 'its script can not be loaded');
      });
      // Bun has `ref` and `unref` as Node has; in a browser a worker keeps nobody waiting.
      const counted = worker as unknown as { ref?: () => void; unref?: () => void };
      return {
        post: (message, transfer) => worker.postMessage(message, transfer),
        end: () => worker.terminate(),
        hold: (yes) => (yes ? counted.ref?.() : counted.unref?.()),
      };
    }
    const { Worker: Thread } = await import('node:worker_threads');
    const thread = new Thread(new URL('./worker.js', import.meta.url), { name: 'rvf store' });
    thread.on('message', (message: FromStoreWorker) => this.#take(message));
    thread.on('error', (error: unknown) => this.#fail(error instanceof Error ? error.message : String(error)));
    thread.on('exit', (code) => this.#fail(`it ended with code ${code}`));
    return {
      post: (message, transfer) => thread.postMessage(message, transfer as unknown as import('node:worker_threads').Transferable[]),
      end: () => void thread.terminate(),
      hold: (yes) => (yes ? thread.ref() : thread.unref()),
    };
  }
}
