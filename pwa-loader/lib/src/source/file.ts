// A path in Node, Deno or Bun. The module of the file system is asked for only here, so that the library loads anywhere.
import type { FileHandle } from 'node:fs/promises';
import { RvfError } from '../errors.js';
import type { Traffic } from '../types.js';
import { Meter, type ByteSource, type Range } from './source.js';

/** Ranges that are read at once. */
const SIDE_BY_SIDE = 16;

export class FileSource implements ByteSource {
  readonly whole = undefined;
  readonly gap = 1 << 16;
  readonly remote = false;
  readonly #meter = new Meter();

  private constructor(private readonly path: string | URL, private readonly file: FileHandle, readonly length: number, private readonly changed: number) {}

  static async open(path: string | URL): Promise<FileSource> {
    try {
      const { open } = await import('node:fs/promises');
      const file = await open(path, 'r');
      const { size, mtimeMs } = await file.stat();
      return new FileSource(path, file, size, mtimeMs);
    } catch (cause) {
      throw new RvfError('SOURCE', `${String(path)} can not be opened: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }

  async read(ranges: readonly Range[], signal?: AbortSignal): Promise<Uint8Array[]> {
    this.#meter.rounds++;
    const out: Uint8Array[] = [];
    for (let n = 0; n < ranges.length; n += SIDE_BY_SIDE) {
      signal?.throwIfAborted();
      out.push(...await Promise.all(ranges.slice(n, n + SIDE_BY_SIDE).map((range) => this.#one(range))));
    }
    return out;
  }

  async #one({ offset, length }: Range): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let at = 0;
    while (at < length) {
      let read = 0;
      try {
        ({ bytesRead: read } = await this.file.read(bytes, at, length - at, offset + at));
      } catch (cause) {
        throw new RvfError('SOURCE', `${String(this.path)} can not be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      }
      if (read === 0) {
        const { mtimeMs } = await this.file.stat();
        const why = mtimeMs === this.changed ? '' : ': it was changed since it was opened';
        throw new RvfError('CHANGED', `${String(this.path)} ends before byte ${offset + length}${why}; open it again`);
      }
      at += read;
    }
    this.#meter.requests++;
    this.#meter.bytes += length;
    return bytes;
  }

  traffic(): Traffic {
    return this.#meter.snapshot();
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}
