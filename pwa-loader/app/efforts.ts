// The efforts that a file was measured for, as far as people want to see them.
import type { FileInfo } from '../lib/dist/index.js';

/** The recalls that people ask for. */
const USUAL = [0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999];

/** Of the efforts for each number of hits, the first that reach a usual recall, and the last: as `rvf info` has it. */
export function usual(efforts: FileInfo['efforts']): FileInfo['efforts'] {
  const rows = [...efforts].sort((a, b) => a.k - b.k || a.recall - b.recall);
  const reached = (recall: number): number => USUAL.filter((least) => least <= recall).length;
  return rows.filter((effort, at) => {
    const before = rows[at - 1], isLast = rows[at + 1]?.k !== effort.k;
    return isLast || reached(effort.recall) > (before?.k === effort.k ? reached(before.recall) : 0);
  });
}
