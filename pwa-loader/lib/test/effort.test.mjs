// How hard to search: what follows from the efforts of a manifest.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { planFor } from '../dist/engine/effort.js';

const effort = (k, probes, pool) => ({ k, probes, slack: 2, pool, hits: 95, total: 100, scanned: 500, ranked: 20 });
const manifest = (vectors) => ({ efforts: [1, 10, 100].map((k) => effort(k, 2 * k, vectors === 0 ? k : 2 * k)), vectors, rows: 100_000, lists: 400 });

for (const [name, vectors] of [['i8', 0], ['f16', 1], ['f32', 2]]) {
  test(`a row that is left out does not raise the effort: ${name}`, () => {
    for (const k of [1, 10, 100]) {
      for (const wish of [{}, { recall: 0.9 }, { probes: 3 }, { slack: 1 }]) {
        const { pool: few, ...one } = planFor(manifest(vectors), 0.95, wish, k, k, undefined);
        const { pool: more, ...other } = planFor(manifest(vectors), 0.95, wish, k, k + 1, undefined);
        assert.deepEqual(other, one);
        assert.equal(more, vectors === 0 ? k + 1 : Math.max(few, k + 1));
      }
    }
    assert.deepEqual(planFor(manifest(vectors), 0.95, { exact: true }, 10, 11, undefined), { exact: true });
  });
}

test('a pool is never larger than a kernel takes', () => {
  assert.equal(planFor(manifest(1), 0.95, { pool: 65_536 }, 65_536, 65_537, undefined).pool, 65_536);
});
