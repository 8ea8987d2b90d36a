// What a store saves: a file that rvf takes for sound, that answers as the store does, and that is byte for byte what rvf packs.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '../dist/index.js';
import { folder, run } from './helpers.mjs';
import { vectorsOf } from './store-help.mjs';

/** Vectors as rvf reads them. */
function fvecs(path, vectors, dimension) {
  const rows = vectors.length / dimension, all = new DataView(new ArrayBuffer(rows * (4 + 4 * dimension)));
  for (let row = 0; row < rows; row++) {
    const at = row * (4 + 4 * dimension);
    all.setInt32(at, dimension, true);
    for (let i = 0; i < dimension; i++) all.setFloat32(at + 4 + 4 * i, vectors[row * dimension + i], true);
  }
  writeFileSync(path, new Uint8Array(all.buffer));
}

/** What rvf finds in a file: the same hits, the distances as f32. */
function native(path, queries, args) {
  const text = run(['query', path, '--json', '--vector', '-', ...args], queries.map((query) => JSON.stringify([...query])).join('\n'));
  return text.trimEnd().split('\n').map((line) => JSON.parse(line).hits.map(({ row, id, distance }) => ({ row, id, distance: Math.fround(distance) })));
}

const dimension = 48;
const queries = Array.from({ length: 12 }, (_, n) => vectorsOf(1, dimension, 100 + n));

for (const [metric, kind, ids] of [['cosine', 'f32', 'none'], ['l2', 'i8', 'text'], ['ip', 'f16', 'u64'], ['cosine', 'i8', 'none'], ['l2', 'f32', 'text']]) {
  test(`a save is what rvf packs, and is found to be sound: ${metric}, ${kind}, ids: ${ids}`, async () => {
    const count = 12_000, vectors = vectorsOf(count, dimension, 9);
    const names = { none: undefined, text: Array.from({ length: count }, (_, n) => `row-${(n * 7) % count}-ü`), u64: Array.from({ length: count }, (_, n) => BigInt(n) * 3n + 2n ** 54n) }[ids];
    const store = await create({ dimension, metric, vectors: kind });
    await store.insertBatch(vectors, names);
    const told = [];
    const bytes = await store.save({ onProgress: (progress) => told.push(progress) });
    assert.ok(told.length > 5 && told.every(({ phase, total }) => phase === 'build' && total === count));
    assert.ok(told.every(({ done }, n) => n === 0 || done >= told[n - 1].done) && told.at(-1).done === count);

    const path = join(folder, `${metric}-${kind}-${ids}.rvf`), packed = join(folder, 'packed.rvf'), input = join(folder, 'rows.fvecs'), list = join(folder, 'ids.txt');
    writeFileSync(path, bytes);
    run(['verify', path]);
    // As the store has them: what it was given, or what i8 and f16 keep of that.
    const kept = new Float32Array(vectors.length);
    for (let row = 0; row < count; row++) kept.set(await store.get(names?.[row] ?? row), row * dimension);
    if (kind === 'f32') assert.deepEqual(kept, vectors);
    fvecs(input, kept, dimension);
    if (names) writeFileSync(list, names.join('\n'));
    run(['pack', input, '-o', packed, '--force', '--metric', metric, '--vectors', kind, ...(names ? ['--ids', list] : [])]);
    assert.ok(readFileSync(packed).equals(bytes), 'the same bytes as rvf pack');

    for (const [wish, args] of [[{}, []], [{ exact: true, k: 25 }, ['--exact', '-k', '25']], [{ recall: 0.8 }, ['--recall', '0.8']]]) {
      const theirs = native(path, queries, args);
      for (const [n, vector] of queries.entries()) {
        const { hits } = await store.search({ vector, ...wish });
        assert.deepEqual(hits.map(({ row, id, distance }) => ({ row, id: typeof id === 'bigint' ? Number(id) : id, distance })), theirs[n].map((hit) => ({ ...hit, id: typeof hit.id === 'number' ? hit.id : hit.id })));
      }
    }
    assert.deepEqual(await store.save(), bytes, 'a save without a change gives the same');
    await store.close();
  });
}

test('a save leaves out what was deleted, and its recall is what was wished', async () => {
  const store = await create({ dimension, run: 'inline' });
  await assert.rejects(store.save(), { code: 'REQUEST' });
  await store.insertBatch(vectorsOf(3_000, dimension, 4));
  for (let id = 0; id < 3_000; id += 2) await store.delete(id);
  const path = join(folder, 'half.rvf');
  writeFileSync(path, await store.save({ recall: 0.98 }));
  run(['verify', path]);
  const info = JSON.parse(run(['info', path, '--json']));
  assert.equal(info.vectors, 1_500);
  for (const query of queries) {
    const [theirs] = native(path, [query], ['--exact']);
    assert.deepEqual(theirs.map(({ id }) => id), (await store.search({ vector: query, exact: true })).hits.map(({ id }) => id));
  }
  // Rows in memory keep their numbers.
  assert.deepEqual((await store.search({ like: 1, k: 1 })).hits[0].row % 2, 1);
  await assert.rejects(store.save({ recall: 3 }), { code: 'REQUEST' });
});

test('a save can be given up, and the store goes on', async () => {
  const store = await create({ dimension });
  await store.insertBatch(vectorsOf(20_000, dimension, 4));
  const abort = new AbortController();
  const saving = store.save({ signal: abort.signal, onProgress: () => abort.abort(new Error('changed my mind')) });
  await assert.rejects(saving, /changed my mind/);
  assert.equal((await store.search({ like: 5 })).hits.length, 10);
  assert.equal(store.size, 20_000);
  await store.close();
});
