// Where a store is kept: a head, and the files that it names. Small, so that there can be several kinds.
import { RvfError } from '../../errors.js';

/** What is kept of a store. Its files are .rvf files. */
export interface Head {
  /** 1 unless this library is older than what is kept. */
  readonly version: number;
  /** Grows with every write. */
  readonly generation: number;
  readonly dimension: number;
  readonly metric: string;
  readonly vectors: string;
  /** The file of the base, how it was packed, and which of its rows are deleted. */
  readonly base?: string | undefined;
  readonly recall?: number | undefined;
  readonly quick: boolean;
  readonly dead: readonly number[];
  /** The file of the rows that came after the base. */
  readonly tail?: string | undefined;
}

export interface Keeper {
  /** The newest head that was written whole; none where nothing is kept. */
  head(): Promise<Head | undefined>;
  /** A file that the head names. */
  file(name: string): Promise<Uint8Array>;
  /**
   * Writes new files, then the head that names them, then takes away the files that it does not name. Whatever happens
   * meanwhile, there is a whole head afterwards, the old one or the new one, with its files. `before`: the generation that
   * the head must still have; another one is an error CHANGED.
   */
  write(head: Head, files: ReadonlyMap<string, Uint8Array>, before: number): Promise<void>;
  /** Takes away everything. */
  remove(): Promise<void>;
}

/** The files that a head names. */
export const named = (head: Head | undefined): string[] => [head?.base, head?.tail].filter((name) => name !== undefined);

/** Whether a head is one: what is read from a disk may be anything. */
export function isHead(value: unknown): value is Head {
  const head = value as Head | null;
  return typeof head === 'object' && head !== null && Number.isSafeInteger(head.version) && Number.isSafeInteger(head.generation)
    && Array.isArray(head.dead) && head.dead.every((row) => Number.isSafeInteger(row) && row >= 0)
    && named(head).every((name) => /^(base|tail)-\d+\.rvf$/.test(name));
}

export function changed(name: string): RvfError {
  return new RvfError('CHANGED', `the kept store ${JSON.stringify(name)} was written by another page since it was opened here; create() it again, and make your changes there`);
}

/** One after the other, over all pages of the origin, where the browser has locks. */
export async function locked<T>(name: string, work: () => Promise<T>): Promise<T> {
  const locks = (globalThis.navigator as Navigator | undefined)?.locks;
  if (!locks) return work();
  return (await locks.request(`rvf-store ${name}`, work)) as T;
}
