// The library against the native engine: the same file, the same requests, the same hits and the same distances to the last bit,
// on every engine, from every kind of source, in a worker and on the caller's thread.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { openAsBlob, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { open } from '../dist/index.js';
import { base, folder, ids, lines, pack, queries, readNpy, root, run } from './helpers.mjs';

const asked = queries.slice(0, 12);
const some = Array.from({ length: 800 }, (_, n) => n * 10 + 3), few = [17, 4321, 5000, 8191], listed = (rows) => {
  const path = join(folder, `filter-${rows.length}.txt`);
  writeFileSync(path, rows.map((row) => ids[row]).join('\n'));
  return path;
};
const bitmapOf = (rows) => {
  const bitmap = new Uint8Array(Math.ceil(ids.length / 8));
  for (const row of rows) bitmap[row >> 3] |= 1 << (row & 7);
  return bitmap;
};
const wishes = [
  ['as usual', {}, []],
  ['one hit', { k: 1 }, ['-k', '1']],
  ['more hits than were measured', { k: 300 }, ['-k', '300']],
  ['the cheapest effort for a recall of 0.8', { recall: 0.8 }, ['--recall', '0.8']],
  ['three lists', { probes: 3 }, ['--probes', '3']],
  ['exact', { exact: true, k: 20 }, ['--exact', '-k', '20']],
  ['filtered', { filter: { rows: some } }, ['--filter', listed(some)]],
  ['filtered to few', { filter: { bitmap: bitmapOf(few) } }, ['--filter', listed(few)]],
  ['three lists, filtered', { probes: 3, filter: { bitmap: bitmapOf(some) } }, ['--probes', '3', '--filter', listed(some)]],
  ['exact, filtered', { exact: true, filter: { rows: some } }, ['--exact', '--filter', listed(some)]],
];
const text = asked.map((vector) => JSON.stringify([...vector])).join('\n');
const rounded = (hits) => hits.map((hit) => ({ ...hit, distance: Math.fround(hit.distance) }));
const native = (path, args, input) => lines(run(['query', path, '--engine', 'native', '--json', ...args], input)).map(({ hits }) => rounded(hits));

const files = [['cosine', 'i8', '90'], ['ip', 'f16', '90'], ['l2', 'f32', '90'], ['cosine', 'i8', '1']]
  .map(([metric, vectors, lists]) => ({ name: `${metric}, ${vectors}, ${lists} lists`, path: pack('--metric', metric, '--vectors', vectors, '--lists', lists) }));

for (const { name, path } of files) {
  const theirs = new Map(wishes.map(([what, , args]) => [what, native(path, ['--vector', '-', ...args], text)]));
  const like = [0, 4321, 8191].map((row) => native(path, ['--like', ids[row], '-k', '5'])[0]);
  const same = async (file) => {
    for (const [what, wish] of wishes) {
      for (const [n, vector] of asked.entries()) assert.deepEqual((await file.search({ vector, ...wish })).hits, theirs.get(what)[n], `${what}, query ${n}`);
    }
    for (const [n, row] of [0, 4321, 8191].entries()) assert.deepEqual((await file.search({ like: ids[row], k: 5 })).hits, like[n]);
  };
  const agrees = (what, source, options) => test(`${name}: ${what}`, async () => {
    const file = await open(await source(), options);
    assert.equal(file.info().engine, options.engine ?? 'simd');
    await same(file);
    await file.close();
  });

  agrees('bytes, inline, resident', () => readFileSync(path), { run: 'inline', residency: 'resident' });
  agrees('bytes, inline, scalar', () => readFileSync(path), { run: 'inline', engine: 'scalar' });
  agrees('a path, inline, streamed', () => path, { run: 'inline', residency: 'streamed', cacheBytes: 1 << 16 });
  agrees('a path, in a worker', () => path, {});
  agrees('a blob, in a worker, streamed', () => openAsBlob(path), { residency: 'streamed' });
  agrees('the JavaScript twin', () => readFileSync(path), { run: 'inline', engine: 'javascript', residency: 'resident' });

  test(`${name}: a batch, in workers and inline`, async () => {
    for (const options of [{ workers: 3 }, { run: 'inline' }]) {
      const file = await open(readFileSync(path), options);
      const answers = await file.searchBatch(Array.from({ length: 200 }, (_, n) => ({ vector: asked[n % asked.length] })));
      answers.forEach(({ hits }, n) => assert.deepEqual(hits, theirs.get('as usual')[n % asked.length]));
      assert.deepEqual(await file.searchBatch([]), []);
      await assert.rejects(file.searchBatch([{ vector: asked[0] }, { vector: [1] }]), { code: 'REQUEST' });
      assert.deepEqual((await file.search({ vector: asked[0] })).hits, theirs.get('as usual')[0]);
      await file.close();
    }
  });

  test(`${name}: vectors as stored, by row and by id`, async () => {
    const out = join(folder, 'extracted.npy'), file = await open(path);
    run(['extract', path, '--vectors', out, '--force']);
    for (const [row, vector] of readNpy(readFileSync(out)).entries()) {
      if (row % 500) continue;
      assert.deepEqual(await file.row(row), { row, id: ids[row], vector });
      assert.deepEqual(await file.get(ids[row]), { row, id: ids[row], vector });
    }
    assert.equal(await file.get('no such id'), undefined);
    await assert.rejects(file.row(ids.length), { code: 'REQUEST' });
    await file.close();
  });

  test(`${name}: verify finds no fault`, async () => {
    const file = await open(path, { run: 'inline' }), steps = [];
    const { faults, bytes } = await file.verify({ onProgress: (progress) => steps.push(progress) });
    assert.deepEqual(faults, []);
    assert.deepEqual(steps.at(-1), { phase: 'verify', done: bytes, total: bytes });
    await file.close();
  });
}

test('the code in the file is what runs: a kernel that ranks by L1 gives its own answers', async () => {
  const rows = readNpy(readFileSync(base));
  for (const lists of ['1', '40']) {
    const path = pack('--metric', 'l2', '--lists', lists, '--kernel', join(root, 'harness', 'test', 'kernels', 'l1.wasm'));
    for (const options of [{ run: 'inline', residency: 'resident' }, {}]) {
      const file = await open(path, options);
      assert.deepEqual(file.info().kernels.map(({ known, chosen }) => [known, chosen]), [[false, true]]);
      for (const vector of asked.slice(0, 2)) {
        const naive = rows.map((x, row) => ({ row, id: ids[row], distance: x.reduce((sum, value, i) => Math.fround(sum + Math.abs(Math.fround(value - vector[i]))), 0) }))
          .sort((a, b) => a.distance - b.distance || a.row - b.row).slice(0, 10);
        for (const wish of [{ probes: 1 }, { slack: 1 }, { exact: true }]) assert.deepEqual((await file.search({ vector, ...wish })).hits, naive);
      }
      await file.close();
    }
    await assert.rejects(open(path, { engine: 'javascript' }), { code: 'UNSUPPORTED', message: /no JavaScript twin/ });
  }
});
