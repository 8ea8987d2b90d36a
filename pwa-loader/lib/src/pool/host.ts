// The worker's side: opens the file that it is told of and answers what it is asked. One search at a time, in their order.
import { Core } from '../core.js';
import { errorOf, noteOf } from '../errors.js';
import { turn, whenAborted } from '../signals.js';
import { openSource } from '../source/open.js';
import type { ByteSource, Range } from '../source/source.js';
import type { Answer, Progress, Traffic } from '../types.js';
import type { FromWorker, Operation, Operations, ToWorker, Wish } from './protocol.js';

type Send = (message: FromWorker, transfer?: Transferable[]) => void;

/** Milliseconds of searching after which the event loop gets a turn. */
const TURN = 100;
const NO_TRAFFIC: Traffic = { requests: 0, bytes: 0, rounds: 0 };

/** Reads through the page, which has the `fetch` that its user gave. */
class ProxySource implements ByteSource {
  readonly whole = undefined;
  #traffic = NO_TRAFFIC;
  #next = 0;
  readonly #waiting = new Map<number, { resolve: (parts: Uint8Array[]) => void; reject: (error: Error) => void; release: () => void }>();

  constructor(readonly length: number, readonly gap: number, readonly most: number, readonly remote: boolean, private readonly send: Send) {}

  read(ranges: readonly Range[], signal?: AbortSignal): Promise<Uint8Array[]> {
    signal?.throwIfAborted();
    const read = this.#next++;
    return new Promise((resolve, reject) => {
      const release = whenAborted(signal, () => {
        if (!this.#waiting.delete(read)) return;
        this.send({ stop: read });
        reject(signal!.reason as Error);
      });
      this.#waiting.set(read, { resolve, reject, release });
      this.send({ read, ranges });
    });
  }

  answer(message: Extract<ToWorker, { read: number }>): void {
    this.#traffic = message.traffic;
    const waiting = this.#waiting.get(message.read);
    this.#waiting.delete(message.read);
    waiting?.release();
    if (message.parts) waiting?.resolve(message.parts);
    else waiting?.reject(errorOf(message.error!));
  }

  traffic(): Traffic {
    return this.#traffic;
  }

  async close(): Promise<void> {}
}

class Host {
  #core: Promise<Core> | undefined;
  #proxy: ProxySource | undefined;
  #searches: Promise<unknown> = Promise.resolve();
  #pulse: ReturnType<typeof setInterval> | undefined;
  #every = 250;
  readonly #running = new Map<number, AbortController>();

  constructor(private readonly send: Send) {}

  /** Says that the worker is there: from now on its silence means something. */
  start(): void {
    this.send({ pulse: true });
  }

  take(message: ToWorker): void {
    if ('cancel' in message) this.#running.get(message.cancel)?.abort();
    else if ('read' in message) this.#proxy?.answer(message);
    else void this.#answer(message.id, message.op, message.args);
  }

  async #answer(id: number, op: Operation, args: unknown): Promise<void> {
    const abort = new AbortController();
    this.#running.set(id, abort);
    if (op === 'open') this.#every = (args as Operations['open']['args']).pulse;
    this.#pulse ??= setInterval(() => this.send({ pulse: true }), this.#every);
    try {
      const value = await this.#run(id, op, args, abort.signal);
      this.send({ id, value, traffic: await this.#traffic() });
    } catch (error) {
      this.send({ id, error: noteOf(error), traffic: await this.#traffic() });
    }
    this.#running.delete(id);
    if (this.#running.size === 0) {
      clearInterval(this.#pulse);
      this.#pulse = undefined;
    }
  }

  async #traffic(): Promise<Traffic> {
    const core = await this.#core?.catch(() => undefined);
    return core?.traffic() ?? NO_TRAFFIC;
  }

  #run(id: number, op: Operation, args: unknown, signal: AbortSignal): Promise<unknown> {
    const progress = (progress: Progress): void => this.send({ id, progress });
    switch (op) {
      case 'open': return (this.#core = this.#open(args as Operations['open']['args'], signal, progress)).then((core) => core.info());
      case 'search': return this.#queue(async () => (await this.#core!).search(args as Wish, signal));
      case 'batch': return this.#queue(async () => this.#batch(await this.#core!, args as Wish[], signal));
      case 'get': return this.#core!.then((core) => core.get(args as Operations['get']['args'], signal));
      case 'row': return this.#core!.then((core) => core.row(args as number, signal));
      case 'verify': return this.#core!.then((core) => core.verify({ signal, onProgress: progress }));
    }
  }

  #queue<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#searches.then(run);
    this.#searches = result.catch(() => undefined);
    return result;
  }

  async #batch(core: Core, wishes: readonly Wish[], signal: AbortSignal): Promise<Answer[]> {
    const answers: Answer[] = [];
    let since = performance.now();
    for (const wish of wishes) {
      signal.throwIfAborted();
      answers.push(await core.search(wish, signal));
      if (performance.now() - since < TURN) continue;
      await turn();
      since = performance.now();
    }
    return answers;
  }

  async #open({ source, options }: Operations['open']['args'], signal: AbortSignal, onProgress: (progress: Progress) => void): Promise<Core> {
    let bytes: ByteSource;
    if (source.kind === 'proxy') bytes = this.#proxy = new ProxySource(source.length, source.gap, source.most, source.remote, this.send);
    else bytes = await openSource(source, { signal, onProgress });
    return Core.open(bytes, options, signal, (kernel) => this.send({ kernel }));
  }
}

/** Attaches the host to the thread that it runs on: a web worker's global scope, or Node's port to its parent. */
export async function serve(): Promise<void> {
  const scope = globalThis as unknown as { postMessage?: (message: unknown, transfer: Transferable[]) => void; addEventListener?: (type: 'message', listener: (event: { data: ToWorker }) => void) => void };
  if (typeof scope.postMessage === 'function' && typeof scope.addEventListener === 'function') {
    const host = new Host((message, transfer = []) => scope.postMessage!(message, transfer));
    scope.addEventListener('message', ({ data }) => host.take(data));
    host.start();
    return;
  }
  const { parentPort } = await import('node:worker_threads');
  const host = new Host((message, transfer = []) => parentPort!.postMessage(message, transfer as unknown as import('node:worker_threads').Transferable[]));
  parentPort!.on('message', (data: ToWorker) => host.take(data));
  host.start();
}

