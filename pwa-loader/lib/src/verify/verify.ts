// Every byte against its digest, and every rule of the format that bytes can break.
import { RvfError } from '../errors.js';
import type { Archive } from '../format/archive.js';
import type { Fault, Progress, Verdict } from '../types.js';

export async function verify(archive: Archive, { signal }: { signal?: AbortSignal; onProgress?: (progress: Progress) => void } = {}): Promise<Verdict> {
  const start = performance.now(), faults: Fault[] = [];
  for (const segment of archive.segments) {
    try {
      await archive.checked.copy(segment, () => undefined, signal);
    } catch (error) {
      if (!(error instanceof RvfError) || error.code !== 'FORMAT') throw error;
      faults.push({ rule: error.rule ?? 'R-HASH-2', message: error.message, ...(error.offset === undefined ? {} : { offset: error.offset }) });
    }
  }
  return { ok: faults.length === 0, faults, warnings: [...archive.warnings], bytes: archive.root.record.committed, ms: performance.now() - start };
}
