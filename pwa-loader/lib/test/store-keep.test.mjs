// A store that is kept: what is written is what has changed, what is read again is what was there, and a write that fails
// leaves what was kept before. The keeper is one in memory; the browser's own are tested in a browser (pwa-loader/test).
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { shapeOf } from '../dist/store/check.js';
import { sealed, unsealed } from '../dist/store/keep/opfs.js';
import { Desk } from '../dist/store/operations.js';
import { Store } from '../dist/store/store.js';
import { folder, run } from './helpers.mjs';
import { FakeKeeper, vectorsOf } from './store-help.mjs';

const dimension = 32, vectors = vectorsOf(6_000, dimension, 2);
const part = (from, to) => vectors.subarray(from * dimension, to * dimension);

async function reopen(keeper, options = {}) {
  const all = { dimension, name: 'test', ...options };
  const store = new Store(shapeOf(all), new Desk(() => keeper), all.name);
  await store.open(all);
  return store;
}

/** All that can be asked of two stores is the same. */
async function same(kept, store, ids) {
  assert.equal(kept.size, store.size);
  for (const id of ids) assert.deepEqual(await kept.get(id), await store.get(id), String(id));
  for (let n = 0; n < 5; n++) {
    const wish = { vector: part(n * 31, n * 31 + 1), k: 20, exact: true };
    const of = ({ hits }) => hits.map(({ id, distance }) => ({ id, distance }));
    assert.deepEqual(of(await kept.search(wish)), of(await store.search(wish)));
  }
}

for (const [kind, idOf] of [['f32', undefined], ['i8', (n) => `text ${n}`], ['f16', (n) => BigInt(n) + 2n ** 60n]]) {
  test(`what is kept is read again: ${kind}`, async () => {
    const keeper = new FakeKeeper(), store = await reopen(keeper, { vectors: kind });
    const ids = [];
    const insert = async (from, to) => {
      const names = idOf && Array.from({ length: to - from }, (_, n) => idOf(from + n));
      ids.push(...(await store.insertBatch(part(from, to), names)));
    };
    const check = async () => {
      await store.persist();
      for (const [name, bytes] of keeper.files) {
        const path = join(folder, name);
        writeFileSync(path, bytes);
        run(['verify', path]);
      }
      await same(await reopen(keeper, { vectors: kind }), store, ids.filter((_, n) => n % 37 < 3));
    };
    await check();
    await insert(0, 10);
    await check();
    await insert(10, 4_000);
    await check();
    let before = keeper.written;
    await store.persist();
    assert.equal(keeper.written, before, 'nothing has changed');

    await insert(4_000, 4_020);
    await store.delete(ids[7]);
    await store.insert(part(5_000, 5_001), ids[20]);
    before = keeper.written;
    await check();
    assert.ok(keeper.written - before < 60_000, `${keeper.written - before} bytes for 21 new rows`);

    // A store that was read again goes on where it was.
    const again = await reopen(keeper, { vectors: kind });
    for (const one of [store, again]) assert.deepEqual(await one.insert(part(5_500, 5_501), idOf?.(9_999)), idOf?.(9_999) ?? 4_020);
    await same(again, store, ids.slice(0, 50));

    await store.save();
    await check();
    for (let n = 0; n < 3_000; n++) await store.delete(ids[n]);
    await check();
    for (const id of ids) await store.delete(id);
    await store.delete(idOf?.(9_999) ?? 4_020);
    assert.equal(store.size, 0);
    await check();
    await store.destroy();
    assert.equal(keeper.saved, undefined);
    assert.equal((await reopen(keeper, { vectors: kind })).size, 0);
  });
}

test('a write that fails leaves what was kept before, and can be tried again', async () => {
  const keeper = new FakeKeeper(), store = await reopen(keeper);
  await store.insertBatch(part(0, 500));
  await store.persist();
  await store.insertBatch(part(500, 3_000));
  keeper.left = 0;
  await assert.rejects(store.persist(), /the disk is full/);
  assert.equal(store.size, 3_000);
  assert.equal((await reopen(keeper)).size, 500);
  keeper.left = Infinity;
  await store.persist();
  await same(await reopen(keeper), store, [0, 499, 500, 2_999]);
});

test('two pages do not write over each other', async () => {
  const keeper = new FakeKeeper(), first = await reopen(keeper);
  await first.insert(part(0, 1));
  await first.persist();
  const second = await reopen(keeper);
  await second.insert(part(1, 2));
  await second.persist();
  await first.insert(part(2, 3));
  await assert.rejects(first.persist(), { code: 'CHANGED' });
  assert.equal((await reopen(keeper)).size, 2);
});

test('a store that another page removed and made again is another one', async () => {
  const keeper = new FakeKeeper(), first = await reopen(keeper);
  await first.insert(part(0, 1));
  await first.persist();
  const second = await reopen(keeper);
  await second.destroy();
  await second.close();
  const again = await reopen(keeper);
  await again.insert(part(1, 2));
  await again.persist();
  await first.insert(part(2, 3));
  await assert.rejects(first.persist(), { code: 'CHANGED' });
});

test('a store that another page writes while it is opened is read as it is then', async () => {
  const keeper = new FakeKeeper(), writer = await reopen(keeper);
  await writer.insertBatch(part(0, 10));
  await writer.persist();
  const read = keeper.file.bind(keeper);
  let writes = 2;
  keeper.file = async (name) => {
    if (writes-- > 0) {
      await writer.insertBatch(part(10, 1_000));
      await writer.persist();
    }
    if (!keeper.files.has(name)) throw new Error(`lost ${name}`);
    return read(name);
  };
  assert.equal((await reopen(keeper)).size, writer.size);
  keeper.files.clear();
  await assert.rejects(reopen(keeper), /lost base/);
});

test('damage and another shape are told, and not taken in', async () => {
  const keeper = new FakeKeeper(), store = await reopen(keeper);
  await store.insertBatch(part(0, 100));
  await store.persist();
  await assert.rejects(reopen(keeper, { metric: 'l2' }), /expected a store of 32 dimensions, cosine, kept as f32/);
  const [[name, bytes]] = keeper.files;
  for (const at of [0x210, 0x5000, bytes.length - 100]) {
    const bad = bytes.slice();
    bad[at] ^= 4;
    keeper.files.set(name, bad);
    // One of the two root records may be damaged: the other one is as good.
    if (at === 0x210) assert.equal((await reopen(keeper)).size, 100);
    else await assert.rejects(reopen(keeper), { code: 'FORMAT' }, String(at));
  }
  keeper.files.set(name, bytes.slice(0, 5_000));
  await assert.rejects(reopen(keeper), { code: 'FORMAT' });
  keeper.saved.version = 9;
  await assert.rejects(reopen(keeper), { code: 'UNSUPPORTED' });
});

test('a head that was torn is not taken for one', () => {
  const head = { version: 1, generation: 3, dimension: 2, metric: 'l2', vectors: 'i8', base: 'base-3.rvf', quick: true, dead: [1] };
  const text = sealed(head);
  assert.deepEqual(unsealed(text), head);
  for (let end = 0; end < text.length; end++) assert.equal(unsealed(text.slice(0, end)), undefined);
  assert.equal(unsealed(text.replace('"l2"', '"ip"')), undefined);
  for (const bad of [{ base: '../x' }, { dead: [-1] }, { generation: 0.5 }, { dead: undefined }]) assert.equal(unsealed(sealed({ ...head, ...bad })), undefined);
});
