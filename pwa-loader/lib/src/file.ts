// An open file as its users see it: on their own thread, or in workers.
import { Core, coreOptions } from './core.js';
import { request, RvfError } from './errors.js';
import { Client, closed } from './pool/client.js';
import type { Wish, WorkerSource } from './pool/protocol.js';
import { hasWorkers } from './pool/spawn.js';
import { turn, under, whenAborted } from './signals.js';
import { openSource, sendable } from './source/open.js';
import type { ByteSource } from './source/source.js';
import type { Answer, FileInfo, Id, OpenOptions, Progress, Row, RvfFile, SearchRequest, Source, Traffic, Verdict } from './types.js';

const TIMEOUT = 10_000;
/** Milliseconds of searching after which the caller's thread gets a turn. */
const TURN = 50;
/** Requests of a batch that a worker gets at once. */
const CHUNK = 32;

type VerifyOptions = { signal?: AbortSignal; onProgress?: (progress: Progress) => void };

/** Opens a file and checks what it says of itself. */
export async function open(source: Source, options: OpenOptions = {}): Promise<RvfFile> {
  const { run = hasWorkers() ? 'worker' : 'inline', timeoutMs = TIMEOUT, signal } = options;
  if (run !== 'worker' && run !== 'inline') throw request(`run is worker or inline, not ${String(run)}`);
  if (!(timeoutMs > 0)) throw request(`timeoutMs is a number of milliseconds above 0, not ${String(timeoutMs)}`);
  signal?.throwIfAborted();
  const what = sendable(source), core = coreOptions(options, run === 'worker' ? timeoutMs : Infinity);
  if (run === 'inline') return new InlineFile(await Core.open(await openSource(what, options), core, signal), signal);

  let forWorker: WorkerSource = what, reader: ByteSource | undefined;
  if ((what.kind === 'url' && options.fetch) || (what.kind === 'blob' && !canBeSent(what.blob))) {
    // A function can't be sent to a worker, nor can Node send a Blob that stands for a file: so this side reads for it.
    const opened = await openSource(what, options);
    if (opened.whole) forWorker = { kind: 'bytes', bytes: opened.whole };
    else {
      reader = opened;
      forWorker = { kind: 'proxy', length: opened.length, gap: opened.gap, most: opened.most ?? Infinity, remote: opened.remote };
    }
  }
  if (forWorker.kind === 'bytes') forWorker = { kind: 'bytes', bytes: shared(forWorker.bytes) };
  const start = (): Client => new Client({ source: forWorker, reader, core, timeoutMs });
  const client = start();
  try {
    const info = await client.open(signal, options.onProgress), isLocal = !reader && forWorker.kind !== 'url';
    return new WorkerFile(client, start, info, isLocal ? poolSize(options.workers) : 1, reader, signal);
  } catch (error) {
    client.close();
    await reader?.close();
    throw error;
  }
}

function poolSize(workers: number | undefined): number {
  if (workers !== undefined && !(Number.isInteger(workers) && workers >= 1)) throw request(`workers is a whole number of at least 1, not ${String(workers)}`);
  const cores = typeof navigator === 'undefined' ? undefined : navigator.hardwareConcurrency;
  return workers ?? Math.max(1, (cores ?? 2) - 1);
}

/** In memory that workers share, where there is such; else each gets a copy when it is sent. */
function shared(bytes: Uint8Array): Uint8Array {
  const isolated = typeof crossOriginIsolated === 'undefined' ? typeof process !== 'undefined' : crossOriginIsolated;
  if (bytes.buffer instanceof ArrayBuffer && (typeof SharedArrayBuffer === 'undefined' || !isolated)) {
    // With a part of a buffer all of it would be sent.
    return bytes.length === bytes.buffer.byteLength ? bytes : bytes.slice();
  }
  if (!(bytes.buffer instanceof ArrayBuffer)) return bytes;
  const out = new Uint8Array(new SharedArrayBuffer(bytes.length));
  out.set(bytes);
  return out;
}

function canBeSent(blob: Blob): boolean {
  try {
    // Its bytes are not copied.
    structuredClone(blob);
    return true;
  } catch {
    return false;
  }
}

class InlineFile implements RvfFile {
  #open = true;

  constructor(private readonly core: Core, private readonly signal: AbortSignal | undefined) {}

  #check(): Core {
    if (!this.#open) throw closed();
    this.signal?.throwIfAborted();
    return this.core;
  }

  /** What fails because the file was closed meanwhile says so. */
  async #while<T>(result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (error) {
      throw this.#open ? error : closed();
    }
  }

  info(): FileInfo {
    return this.core.info();
  }

  // Not async: each promise in between would be a turn of the queue. (A wish may be no object, in spite of its type: that is
  // said by a rejection too.)
  search(wish: SearchRequest): Promise<Answer> {
    const wished = (wish as SearchRequest | undefined)?.signal;
    if (!this.signal || !wished) return this.#search(wish, wished ?? this.signal);
    return under(this.signal, wished, (signal) => this.#search(wish, signal));
  }

  async #search(wish: SearchRequest, signal: AbortSignal | undefined): Promise<Answer> {
    const core = this.#check();
    signal?.throwIfAborted();
    // As `#while`, and not by it.
    try {
      return await core.search(wish, signal);
    } catch (error) {
      throw this.#open ? error : closed();
    }
  }

  async searchBatch(requests: readonly SearchRequest[], options: { signal?: AbortSignal } = {}): Promise<Answer[]> {
    return under(this.signal, options.signal, async (all) => {
      const answers: Answer[] = [];
      let since = performance.now();
      for (const wish of requests) {
        all?.throwIfAborted();
        answers.push(await under(all, wish.signal, (signal) => this.#search(wish, signal)));
        if (performance.now() - since < TURN) continue;
        await turn();
        since = performance.now();
      }
      return answers;
    });
  }

  async get(id: Id): Promise<Row | undefined> {
    return this.#while(this.#check().get(id, this.signal));
  }

  async row(row: number): Promise<Row> {
    return this.#while(this.#check().row(row, this.signal));
  }

  async verify(options: VerifyOptions = {}): Promise<Verdict> {
    return under(this.signal, options.signal, (signal) => this.#while(this.#check().verify({ ...options, ...(signal ? { signal } : {}) })));
  }

  traffic(): Traffic {
    return this.core.traffic();
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.core.close();
  }
}

/** A worker of the pool; `ready` when it has opened the file. */
interface Member { readonly client: Client; readonly ready: Promise<Client> }

class WorkerFile implements RvfFile {
  readonly #members: Member[];
  #open = true;
  readonly #release: () => void;

  constructor(first: Client, private readonly start: () => Client, private readonly facts: FileInfo, private readonly most: number, private readonly reader: ByteSource | undefined, private readonly signal: AbortSignal | undefined) {
    this.#members = [{ client: first, ready: Promise.resolve(first) }];
    // With the signal everything ends, also what was never answered.
    this.#release = whenAborted(signal, () => void this.close());
  }

  get #first(): Client {
    if (this.signal?.aborted) throw this.signal.reason;
    if (!this.#open) throw closed();
    return this.#members[0]!.client;
  }

  info(): FileInfo {
    return this.facts;
  }

  async search(wish: SearchRequest): Promise<Answer> {
    const start = performance.now(), { signal, ...rest } = wish;
    const answer = await under(this.signal, signal, (either) => this.#first.ask('search', sendableWish(rest), either));
    return { ...answer, stats: { ...answer.stats, ms: performance.now() - start } };
  }

  /** The requests go to the workers in runs, to each the next one when it has answered the last. */
  async searchBatch(requests: readonly SearchRequest[], options: { signal?: AbortSignal } = {}): Promise<Answer[]> {
    const failed = new AbortController();
    return under(this.signal, options.signal, (either) => under(either, failed.signal, (signal) => this.#batch(requests, failed, signal)));
  }

  async #batch(requests: readonly SearchRequest[], failed: AbortController, signal: AbortSignal | undefined): Promise<Answer[]> {
    const first = this.#first;
    const answers = new Array<Answer>(requests.length), wishes = requests.map(({ signal: _, ...rest }) => sendableWish(rest));
    const size = Math.max(1, Math.min(CHUNK, Math.ceil(requests.length / (4 * this.most))));
    let next = 0;
    const work = async (client: Client): Promise<void> => {
      while (next < wishes.length) {
        const from = next;
        next += size;
        (await client.ask('batch', wishes.slice(from, from + size), signal)).forEach((answer, n) => { answers[from + n] = answer; });
      }
    };
    const clients = this.#pool(Math.ceil(requests.length / size));
    try {
      await Promise.all([work(first), ...clients.map(async (client) => work(await client))]);
    } catch (error) {
      next = wishes.length;
      // The others are told; what they answer then is this error's echo.
      failed.abort(new RvfError('REQUEST', 'another request of the batch failed'));
      throw error;
    }
    return answers;
  }

  /** The other workers of the pool, as many as there is work for. They are everybody's: no batch's signal ends their opening. */
  #pool(runs: number): Promise<Client>[] {
    const wanted = Math.min(this.most, runs);
    while (this.#members.length < wanted) {
      const client = this.start(), member: Member = {
        client,
        ready: client.open(this.signal).then(() => client, (error) => {
          // It is not there for the next batch either.
          this.#members.splice(this.#members.indexOf(member), 1);
          client.close();
          throw error;
        }),
      };
      this.#members.push(member);
    }
    return this.#members.slice(1, wanted).map(({ ready }) => ready);
  }

  async get(id: Id): Promise<Row | undefined> {
    return this.#first.ask('get', id, this.signal);
  }

  async row(row: number): Promise<Row> {
    return this.#first.ask('row', row, this.signal);
  }

  async verify(options: VerifyOptions = {}): Promise<Verdict> {
    return under(this.signal, options.signal, (signal) => this.#first.ask('verify', undefined, signal, options.onProgress));
  }

  traffic(): Traffic {
    const all = this.#members.map(({ client }) => client.traffic()), sum = (pick: (traffic: Traffic) => number): number => all.reduce((total, one) => total + pick(one), 0);
    return { requests: sum((one) => one.requests), bytes: sum((one) => one.bytes), rounds: sum((one) => one.rounds) };
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#release();
    for (const { client } of this.#members) client.close();
    await this.reader?.close();
  }
}

/** A request in the form in which it can be sent: an iterator can't, and of a view of a large buffer all would go. */
function sendableWish(wish: Wish): Wish {
  const out: Wish = { ...wish };
  if (wish.vector) out.vector = Float32Array.from(wish.vector);
  if (wish.filter && typeof wish.filter === 'object' && ('rows' in wish.filter || 'bitmap' in wish.filter)) out.filter = 'rows' in wish.filter ? { rows: Array.from(wish.filter.rows) } : { bitmap: wish.filter.bitmap instanceof Uint8Array ? wish.filter.bitmap.slice() : wish.filter.bitmap };
  return out;
}
