// V8 against the spec's test vectors: the hits to the last bit, and what the kernel counted.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RvfFile } from '../rvf.mjs';

const folder = process.env.RVF_VECTORS ?? join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'spec', 'vectors');
const { valid, invalid } = JSON.parse(readFileSync(join(folder, 'vectors.json'), 'utf8'));
const WASM = 0x10;

/** A row of f32, each the hexadecimal digits of its bits, most significant first. */
const vectorOf = (digits) => Float32Array.from({ length: digits.length / 8 }, (_, i) => Buffer.from(digits.slice(8 * i, 8 * i + 8), 'hex').readFloatBE());
const bitsOf = (x) => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatBE(x);
  return bytes.toString('hex');
};
const wishOf = ({ k, mode, probes, slack, pool, filter }) => ({ k, probes, slack, pool, exact: mode === 'exact', filter: filter ?? undefined });

for (const { file: path, facts, ids, wishes, vectors, queries, bad_queries: bad } of valid) {
  const open = () => new RvfFile(join(folder, path));
  const modules = facts.segments.filter(([, type]) => type === WASM).length;

  // Of one module it is the scalar one.
  for (const build of ['scalar', 'simd'].slice(0, modules)) {
    // The smallest window that there can be, and the usual one.
    for (const window of [0, undefined]) {
      test(`${path}: every query has its answer (${build}, window ${window ?? 'as usual'})`, () => {
        const file = open(), kernel = file.kernel({ build, window });
        queries.forEach((query, n) => {
          const hits = kernel.search(vectorOf(vectors[query.vector]), wishOf(query));
          assert.deepEqual(hits.map(({ row, distance }) => [row, bitsOf(distance)]), query.hits, `query ${n}`);
          if (query.mode === 'coded') assert.deepEqual(kernel.stats, query.stats, `query ${n}`);
        });
        for (const query of bad ?? []) assert.throws(() => kernel.search(vectorOf(vectors[query.vector]), wishOf(query)), new RegExp(query.error));
        file.close();
      });
    }
  }

  test(`${path}: what is in it`, () => {
    const file = open();
    assert.deepEqual([file.rows, file.dimension, file.metric, file.vectors, file.lists], [facts.rows, facts.dimension, facts.metric, facts.vectors, facts.lists.length]);
    const names = ids.length ? ids : Array.from({ length: facts.rows }, (_, row) => String(row));
    names.forEach((id, row) => {
      assert.equal(String(file.ids.of(row)), id);
      assert.equal(file.ids.row(id), row);
    });
    assert.throws(() => file.ids.row('no such id'), /no row has the id/);
    for (const { recall, k, ceiling, ...effort } of wishes) {
      if (ceiling === undefined) assert.deepEqual(file.plan(k, { recall }), effort);
      else assert.throws(() => file.plan(k, { recall }), (error) => error.message.includes('above this file\'s ceiling'));
    }
    file.close();
  });

  test(`${path}: its vectors, found by row, have the distances that exact search gives`, { skip: modules === 0 && 'there is no kernel in it' }, () => {
    const file = open(), query = vectorOf(vectors[0]), dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
    const hits = file.kernel().search(query, { k: file.rows, exact: true });
    assert.equal(hits.length, file.rows);
    for (const { row, distance } of hits) {
      const x = Array.from(file.get(row)), xx = dot(x, x), qq = dot(query, query), xq = dot(x, query);
      const naive = { l2: xx + qq - 2 * xq, ip: -xq, cosine: 1 - xq / Math.sqrt(xx * qq) }[file.metric];
      // The query is rounded to 16 bits where vectors are i8.
      const near = 1e-3 * (file.metric === 'cosine' ? 1 : xx + qq);
      assert.ok(Math.abs(distance - naive) <= near, `row ${row}: ${distance}, not ${naive}`);
    }
    file.close();
  });
}

// These pages leave to `rvf verify` what does not stand between a byte and its use: so not every invalid file is refused.
const checkedAtOpen = ['R-HASH-3', 'R-MAN-6', 'R-ROOT-2', 'R-ROOT-3', 'R-ROOT-5', 'R-ROOT-6', 'R-SEG-2', 'R-SEG-3', 'R-SEG-4'];
for (const { file: path, rule, at, what } of invalid) {
  const name = `${path} is refused: ${what}`;
  if (at === 'open' && checkedAtOpen.includes(rule)) test(name, () => assert.throws(() => new RvfFile(join(folder, path))));
  if (at === 'module') test(name, () => assert.throws(() => new RvfFile(join(folder, path)).kernel()));
}
