// Bytes that are in memory already.
import type { Traffic } from '../types.js';
import type { ByteSource, Range } from './source.js';

export class MemorySource implements ByteSource {
  readonly length: number;
  readonly whole: Uint8Array;
  readonly gap = 0;
  readonly remote: boolean = false;
  readonly #traffic: Traffic;

  /** `traffic`: what it took to get the bytes here. */
  constructor(bytes: Uint8Array, traffic: Traffic = { requests: 0, bytes: 0, rounds: 0 }) {
    this.whole = bytes;
    this.length = bytes.length;
    this.#traffic = traffic;
  }

  read(ranges: readonly Range[]): Promise<Uint8Array[]> {
    return Promise.resolve(ranges.map(({ offset, length }) => this.whole.subarray(offset, offset + length)));
  }

  traffic(): Traffic {
    return this.#traffic;
  }

  async close(): Promise<void> {}
}
