// A file on a static server, read by ranges. What the first requests bring beyond what they were for is kept (the head and the
// tail of the file), since the next steps of opening need it.
import { RvfError } from '../errors.js';
import { under } from '../signals.js';
import type { Traffic } from '../types.js';
import { MemorySource } from './memory.js';
import { Meter, type ByteSource, type Range, type SourceOptions } from './source.js';

/** The first request brings so much: the root, and the index and the kernels of small files, which are then open. */
const HEAD = 192 << 10;
/** The last bytes, asked for beside it: the manifest, and the digest tables before it. */
const TAIL = 96 << 10;
/** Requests under way at once. A browser has a limit of its own, a server program has none. */
const SIDE_BY_SIDE = 24;
const RETRIES = 2;
/** Segments end on multiples of it. */
const ALIGN = 64;
/** A larger file is not downloaded whole: it would have to stand in memory. */
const MOST_WHOLE = 2 ** 31;

const NOTHING = new Uint8Array(0);

interface Held { readonly offset: number; readonly bytes: Uint8Array }

export class RemoteSource implements ByteSource {
  readonly whole = undefined;
  readonly gap = 2 << 10;
  readonly most = 24;
  readonly remote = true;
  readonly #meter: Meter;
  #held: Held[] = [];

  private constructor(private readonly url: string, readonly length: number, private readonly version: Version, private readonly own: boolean, private readonly get: typeof fetch, meter: Meter) {
    this.#meter = meter;
  }

  static async open(url: string, options: SourceOptions): Promise<ByteSource> {
    const get = options.fetch ?? ((input, init) => fetch(input, init)), meter = new Meter(), { signal } = options;
    meter.rounds++;
    const ends = new AbortController();
    // Side by side: a server that knows ranges of the end answers both in one round. What comes of it is welcome, no more.
    const tail = isOwn(url) ? under(signal, ends.signal, (stop) => tailOf(url, get, meter, stop!)) : undefined;
    // Not from a cache without asking: an old head would name blocks that the file has no more.
    const response = await ask(url, get, { headers: { Range: `bytes=0-${HEAD - 1}` }, cache: 'no-cache', signal: signal ?? null });
    meter.requests++;
    if (response.status === 206) {
      const { total } = contentRange(response, url, 0);
      refuseEncoded(response, url);
      const bytes = await body(response, url, Math.min(HEAD, total), meter, signal);
      // Where it was sent on to another origin, conditions are as dear as there.
      const version = versionOf(response), source = new RemoteSource(url, total, version, isOwn(response.url || url), get, meter);
      source.#hold({ offset: 0, bytes });
      const end = bytes.length < total ? await tail : (ends.abort(), undefined);
      if (end && end.total === total && !differ(version, end.version)) source.#hold(end);
      return source;
    }
    ends.abort();
    if (response.status === 416) {
      // No byte of it is there to be had by range: it is empty.
      await response.body?.cancel();
      return new MemorySource(new Uint8Array(0), meter.snapshot());
    }
    if (!response.ok) {
      await response.body?.cancel();
      throw new RvfError('SOURCE', `${url} can not be read: the server answers ${response.status} ${response.statusText}`.trimEnd());
    }
    const whole = await download(response, url, meter, options);
    return new MemorySource(whole, meter.snapshot());
  }

  #hold(held: Held): void {
    this.#held.push(held);
  }

  /** The part of a range that has to be fetched: what is held at its beginning or its end is not. */
  #missing({ offset, length }: Range): Range {
    let from = offset, to = offset + length;
    for (const { offset: at, bytes } of this.#held) {
      if (at <= from && from < at + bytes.length) from = Math.min(to, at + bytes.length);
      if (at < to && to <= at + bytes.length) to = Math.max(from, at);
    }
    return { offset: from, length: to - from };
  }

  /** A range of what is held and, between, of what was fetched. */
  #assemble({ offset, length }: Range, fetched: Uint8Array, at: number): Uint8Array {
    if (fetched.length === length) return fetched;
    const out = new Uint8Array(length), put = (bytes: Uint8Array, place: number): void => {
      const from = Math.max(offset, place), to = Math.min(offset + length, place + bytes.length);
      if (from < to) out.set(bytes.subarray(from - place, to - place), from - offset);
    };
    for (const held of this.#held) put(held.bytes, held.offset);
    put(fetched, at);
    return out;
  }

  async read(ranges: readonly Range[], signal?: AbortSignal): Promise<Uint8Array[]> {
    const missing = ranges.map((range) => this.#missing(range)), wanted = missing.map((_, n) => n).filter((n) => missing[n]!.length > 0);
    const fetched: Uint8Array[] = missing.map(() => NOTHING);
    if (wanted.length) this.#meter.rounds++;
    let next = 0;
    const one = async (): Promise<void> => {
      for (let n; (n = wanted[next++]) !== undefined;) fetched[n] = await this.#withTail(missing, n, signal);
    };
    try {
      await Promise.all(Array.from({ length: Math.min(SIDE_BY_SIDE, wanted.length) }, one));
    } finally {
      // After a failure the others begin nothing more.
      next = wanted.length;
    }
    return ranges.map((range, n) => this.#assemble(range, fetched[n]!, missing[n]!.offset));
  }

  /** Where the end of the file was not to be had at first, the first read there brings it: the manifest, and the tables before it. */
  async #withTail(missing: Range[], n: number, signal?: AbortSignal): Promise<Uint8Array> {
    const range = missing[n]!, start = Math.max(HEAD, this.length - TAIL), end = range.offset + range.length;
    // The manifest is read without its padding, so it ends up to 63 bytes before the file does.
    if (this.#held.length > 1 || this.length - end >= ALIGN || range.offset <= start) return this.#range(range, signal);
    const bytes = await this.#range({ offset: start, length: this.length - start }, signal);
    this.#hold({ offset: start, bytes });
    return bytes.subarray(range.offset - start, end - start);
  }

  async #range({ offset, length }: Range, signal?: AbortSignal): Promise<Uint8Array> {
    const headers: Record<string, string> = { Range: `bytes=${offset}-${offset + length - 1}` };
    // With a strong tag the server itself says that the file is another one. A weak one must not be sent (RFC 9110, 13.1.5).
    const { etag } = this.version;
    if (etag && !etag.startsWith('W/') && this.own) headers['If-Match'] = etag;
    const response = await ask(this.url, this.get, { headers, signal: signal ?? null });
    this.#meter.requests++;
    const changed = (what: string): RvfError => new RvfError('CHANGED', `${this.url} is no longer the file that was opened: ${what}; open it again`);
    if (response.status !== 206) {
      await response.body?.cancel();
      if (response.status === 412) throw changed('its ETag is another one');
      if (response.status === 416 || response.status === 200) throw changed(`the server answers ${response.status} to a range of it`);
      throw new RvfError('SOURCE', `${this.url} can not be read: the server answers ${response.status} ${response.statusText}`.trimEnd());
    }
    refuseEncoded(response, this.url);
    const { total } = contentRange(response, this.url, offset);
    const other = total === this.length ? differ(this.version, versionOf(response)) : `it has ${total} bytes and had ${this.length}`;
    if (other) {
      await response.body?.cancel();
      throw changed(other);
    }
    return body(response, this.url, length, this.#meter, signal);
  }

  traffic(): Traffic {
    return this.#meter.snapshot();
  }

  async close(): Promise<void> {
    this.#held = [];
  }
}

interface Version { readonly etag: string | null; readonly modified: string | null }

const versionOf = ({ headers }: Response): Version => ({ etag: headers.get('etag'), modified: headers.get('last-modified') });

/** In what two answers are of different files, as far as the server says; nothing if they are not. */
function differ(a: Version, b: Version): string | undefined {
  if (a.etag && b.etag) return a.etag === b.etag ? undefined : 'its ETag is another one';
  return a.modified && b.modified && a.modified !== b.modified ? 'it was modified' : undefined;
}

/**
 * Whether a URL is of the page's own origin, or there is no page. To another origin a request with a condition, or for a range
 * that counts from the end, would cost a second request before it (a preflight) that many servers refuse; a plain range does not.
 */
const isOwn = (url: string): boolean => typeof location === 'undefined' || typeof location.origin !== 'string' || new URL(url).origin === location.origin;

async function ask(url: string, get: typeof fetch, init: RequestInit): Promise<Response> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await get(url, init);
    } catch (cause) {
      if (init.signal?.aborted) throw init.signal.reason;
      // A connection that the server closed while it was idle looks like this; a second try gets a fresh one.
      if (attempt >= RETRIES) throw new RvfError('SOURCE', `${url} can not be reached: ${reason(cause)}`, { cause });
    }
  }
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? `${cause.message} (${cause.cause.message})` : cause.message;
}

/** The body of an answer that has so many bytes; of one that has more, or fewer, none. */
async function body(response: Response, url: string, length: number, meter: Meter, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const out = new Uint8Array(length);
  let at = 0;
  try {
    const reader = response.body!.getReader();
    for (let step; !(step = await reader.read()).done;) {
      meter.bytes += step.value.length;
      if (step.value.length > length - at) {
        await reader.cancel();
        at = Infinity;
        break;
      }
      out.set(step.value, at);
      at += step.value.length;
    }
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    throw new RvfError('SOURCE', `${url}: the answer was cut short: ${reason(cause)}`, { cause });
  }
  if (at !== length) throw new RvfError('SOURCE', `${url}: the server sent ${at === Infinity ? 'more' : at} bytes where ${length} were asked for`);
  return out;
}

/** Ranges of a compressed answer are ranges of the compressed bytes: they say nothing of the file's. */
function refuseEncoded(response: Response, url: string): void {
  const encoding = response.headers.get('content-encoding');
  if (!encoding || encoding.toLowerCase() === 'identity') return;
  void response.body?.cancel();
  throw new RvfError('SOURCE', `${url}: the server sends ranges of a ${encoding} encoding, of which the file's own bytes can not be told; turn off its compression for .rvf files`);
}

function contentRange(response: Response, url: string, offset: number): { total: number } {
  const text = response.headers.get('content-range'), [, from, , total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(text ?? '') ?? [];
  if (total === undefined || Number(from) !== offset) {
    const hint = text === null ? '; if the file is on another origin, its server has to send Access-Control-Expose-Headers: Content-Range, ETag' : '';
    throw new RvfError('SOURCE', `${url}: the server answers a range from byte ${offset} with ${text === null ? 'no Content-Range' : `Content-Range: ${text}`}${hint}`);
  }
  return { total: Number(total) };
}

/** The end of the file, if the server can tell it without knowing where that is. */
async function tailOf(url: string, get: typeof fetch, meter: Meter, signal: AbortSignal): Promise<(Held & { total: number; version: Version }) | undefined> {
  try {
    const response = await get(url, { headers: { Range: `bytes=-${TAIL}` }, cache: 'no-cache', signal });
    meter.requests++;
    const [, from, , total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers.get('content-range') ?? '') ?? [];
    if (response.status !== 206 || total === undefined || response.headers.get('content-encoding')) {
      await response.body?.cancel();
      return undefined;
    }
    const length = Number(total) - Number(from);
    if (!(length > 0 && length <= TAIL)) {
      await response.body?.cancel();
      return undefined;
    }
    const bytes = await body(response, url, length, meter, signal);
    return { offset: Number(from), bytes, total: Number(total), version: versionOf(response) };
  } catch {
    return undefined;
  }
}

/** The whole file, from a server that knows no ranges. */
async function download(response: Response, url: string, meter: Meter, { onProgress, signal }: SourceOptions): Promise<Uint8Array> {
  // Of an encoded answer the length is that of the encoding.
  const encoded = response.headers.get('content-encoding'), said = encoded ? 0 : Number(response.headers.get('content-length') ?? 0);
  const total = Number.isSafeInteger(said) && said > 0 ? said : undefined;
  const parts: Uint8Array[] = [];
  let done = 0;
  try {
    const reader = response.body!.getReader();
    for (let step; !(step = await reader.read()).done;) {
      parts.push(step.value);
      done += step.value.length;
      if (done > MOST_WHOLE) {
        await reader.cancel();
        throw new RvfError('SOURCE', `${url} has more than ${MOST_WHOLE} bytes, and its server knows no ranges: too much to be downloaded whole`);
      }
      meter.bytes += step.value.length;
      onProgress?.(total === undefined ? { phase: 'download', done } : { phase: 'download', done, total });
    }
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    if (cause instanceof RvfError) throw cause;
    throw new RvfError('SOURCE', `${url}: the download was cut short after ${done} bytes: ${reason(cause)}`, { cause });
  }
  const whole = new Uint8Array(done);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
