// A File or a Blob: slices of it are read, and never the whole.
import { RvfError } from '../errors.js';
import type { Traffic } from '../types.js';
import { Meter, type ByteSource, type Range } from './source.js';

export class BlobSource implements ByteSource {
  readonly length: number;
  readonly whole = undefined;
  readonly gap = 1 << 16;
  readonly remote = false;
  readonly #meter = new Meter();

  constructor(private readonly blob: Blob) {
    this.length = blob.size;
  }

  async read(ranges: readonly Range[], signal?: AbortSignal): Promise<Uint8Array[]> {
    signal?.throwIfAborted();
    this.#meter.rounds++;
    return Promise.all(ranges.map(async ({ offset, length }) => {
      let bytes: Uint8Array;
      try {
        bytes = new Uint8Array(await this.blob.slice(offset, offset + length).arrayBuffer());
      } catch (cause) {
        // What a browser says of a file that was changed, moved or deleted since it was chosen.
        throw new RvfError('SOURCE', `the file can not be read any more (${cause instanceof Error ? cause.message : String(cause)}); choose it again`, { cause });
      }
      if (bytes.length !== length) throw new RvfError('CHANGED', `the file ends before byte ${offset + length}: it was changed since it was opened; open it again`);
      this.#meter.requests++;
      this.#meter.bytes += length;
      return bytes;
    }));
  }

  traffic(): Traffic {
    return this.#meter.snapshot();
  }

  async close(): Promise<void> {}
}
