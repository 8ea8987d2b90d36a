// Where bytes come from. Everything above asks for many ranges at once, so that a distant source can fetch them side by side.
import type { Progress, Traffic } from '../types.js';

export interface Range { readonly offset: number; readonly length: number }

export interface ByteSource {
  readonly length: number;
  /** All bytes, where they are in memory: then nothing has to be read or kept. */
  readonly whole: Uint8Array | undefined;
  /** Unwanted bytes between two ranges that are rather read than asked for separately. */
  readonly gap: number;
  /**
   * Ranges of one read that are not too many: where there are more, those that are nearest to each other are read as one, as long
   * as that does not bring much more.
   */
  readonly most?: number;
  /** Whether a read waits for a network. */
  readonly remote: boolean;
  /** The bytes of each range, in one round. Every range lies inside the source. */
  read(ranges: readonly Range[], signal?: AbortSignal): Promise<Uint8Array[]>;
  traffic(): Traffic;
  close(): Promise<void>;
}

/** What a source needs to be opened. */
export interface SourceOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
  fetch?: typeof fetch | undefined;
}

/** Counts what went over the wire. */
export class Meter {
  requests = 0;
  bytes = 0;
  rounds = 0;

  snapshot(): Traffic {
    return { requests: this.requests, bytes: this.bytes, rounds: this.rounds };
  }
}
