// The store against a loop over all vectors, at every moment: inserts, replaces, deletes and searches as they come.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { create, RvfError } from '../dist/index.js';
import { Naive, random, vectorsOf } from './store-help.mjs';

/** What the kinds may be off by, in distance. */
const SLACK = { f32: 1e-5, f16: 2e-3, i8: 3e-2 };

/** Whether hits are the nearest, where rounding may swap what is about as near. `missed` counts those that are not, where a recall below 1 allows some. */
function nearest(hits, all, k, kind, what, missed) {
  assert.equal(hits.length, Math.min(k, all.length), what);
  const of = new Map(all.map((one) => [one.row, one])), scale = 1 + Math.abs(all[0]?.distance ?? 0) + Math.abs(all[hits.length - 1]?.distance ?? 0);
  hits.forEach((hit, place) => {
    const right = of.get(hit.row);
    assert.ok(right, `${what}: row ${hit.row} is not one that counts`);
    assert.equal(hit.id, right.id, what);
    assert.ok(Math.abs(hit.distance - right.distance) <= SLACK[kind] * scale, `${what}: ${hit.distance} at ${place}, expected ${right.distance}`);
    if (missed) missed.of++, missed.hits += right.distance <= all[Math.min(k, all.length) - 1].distance + 2 * SLACK[kind] * scale;
    else assert.ok(right.distance <= all[place].distance + 2 * SLACK[kind] * scale, `${what}: hit ${place} is ${right.distance} away, and the one before it should be ${all[place].distance}`);
    if (place > 0) assert.ok(hits[place - 1].distance < hit.distance || (hits[place - 1].distance === hit.distance && hits[place - 1].row < hit.row), `${what}: order`);
  });
  assert.equal(new Set(hits.map(({ row }) => row)).size, hits.length, what);
}

for (const metric of ['cosine', 'ip', 'l2']) {
  for (const vectors of ['f32', 'f16', 'i8']) {
    test(`a search is right at every moment: ${metric}, ${vectors}`, async () => {
      const dimension = 24, next = random(7), pool = vectorsOf(9_000, dimension, 3);
      const one = (n) => pool.subarray(n * dimension, (n + 1) * dimension);
      const store = await create({ dimension, metric, vectors, run: 'inline' }), naive = new Naive(metric);
      let used = 0, missed;
      const check = async (what) => {
        assert.equal(store.size, naive.rows.size);
        // Near the rows, as those are that a recall is measured with.
        const query = Float32Array.from(one(Math.floor(next() * 9_000)), (value) => value + (next() - 0.5) * 0.3), k = 1 + Math.floor(next() * 20);
        for (const exact of [false, true]) nearest((await store.search({ vector: query, k, exact })).hits, naive.search(query), k, vectors, `${what}, exact: ${exact}`, exact ? undefined : missed);
        const odd = (row) => row % 3 === 1;
        const rows = [...naive.rows.values()].map(({ row }) => row).filter(odd);
        nearest((await store.search({ vector: query, k, filter: { rows } })).hits, naive.search(query, { filter: odd }), k, vectors, `${what}, filtered`, missed);
        const ids = [...naive.rows.keys()], like = ids[Math.floor(next() * ids.length)];
        if (like !== undefined) nearest((await store.search({ like, k })).hits, naive.search(await store.get(like), { but: like }), k, vectors, `${what}, like ${like}`, missed);
      };
      await check('empty');
      for (const size of [1, 30, 7, 900, 1, 4_500, 40, 1_500]) {
        const batch = pool.subarray(used * dimension, (used + size) * dimension);
        used += size;
        const ids = await store.insertBatch(batch);
        assert.deepEqual(ids, Array.from({ length: size }, (_, n) => naive.insert(batch.subarray(n * dimension, (n + 1) * dimension))));
        await check(`${size} inserted`);
        for (let change = 0; change < 12; change++) {
          const all = [...naive.rows.keys()], id = all[Math.floor(next() * all.length)];
          if (id === undefined) continue;
          if (next() < 0.5) {
            assert.equal(await store.delete(id), naive.rows.delete(id));
            assert.equal(await store.delete(id), false);
            assert.equal(await store.get(id), undefined);
          } else {
            assert.equal(await store.insert(one(used), id), naive.insert(one(used), id));
            used++;
          }
        }
        await check(`${size} inserted, some replaced and deleted`);
      }
      // More than half: their room is found again, and rows keep their numbers.
      for (const id of [...naive.rows.keys()].slice(0, 4_600)) assert.equal(await store.delete(id), naive.rows.delete(id));
      await check('most deleted');
      await store.insertBatch(pool.subarray(0, 300 * dimension));
      for (let n = 0; n < 300; n++) naive.insert(one(n));
      await check('inserted again');
      if (vectors === 'f32') for (const [id, { vector }] of naive.rows) assert.deepEqual(Array.from(await store.get(id)), vector);
      // A save changes nothing but how it is searched: by lists that were measured to give 95 of 100 neighbours.
      missed = { of: 0, hits: 0 };
      await store.save();
      for (let n = 0; n < 15; n++) await check('saved');
      for (let n = 300; n < 900; n++) await store.insert(one(n), n % 2 ? undefined : [...naive.rows.keys()][n]), n % 2 ? naive.insert(one(n)) : naive.insert(one(n), [...naive.rows.keys()][n]);
      for (let n = 0; n < 15; n++) await check('changed after a save');
      await store.save();
      for (let n = 0; n < 15; n++) await check('saved again');
      assert.ok(missed.hits / missed.of > 0.9, `${missed.hits} of ${missed.of}`);
      await store.close();
    });
  }
}

test('a worker answers as the caller\'s own thread does', async () => {
  const dimension = 40, vectors = vectorsOf(2_500, dimension, 5);
  const there = await create({ dimension, metric: 'l2' }), here = await create({ dimension, metric: 'l2', run: 'inline' });
  for (const store of [there, here]) {
    await store.insertBatch(vectors);
    await store.delete(17);
    await store.insert(vectors.subarray(0, dimension), 9_999);
  }
  assert.equal(there.size, 2_500);
  const asked = [{ vector: vectors.subarray(0, dimension), k: 12 }, { like: 9_999 }, { vector: Array.from(vectors.subarray(80, 80 + dimension)), filter: { rows: new Set([1, 2, 3, 17]) }, exact: true }];
  for (const wish of asked) assert.deepEqual((await there.search(wish)).hits, (await here.search(wish)).hits);
  assert.deepEqual(await there.get(0), await here.get(0));
  assert.deepEqual(await there.save(), await here.save());
  const answer = await there.search(asked[0]);
  assert.ok((await there.search({ ...asked[0], probes: 0, slack: 0.5, pool: 12 })).stats.ranked < (await there.search({ ...asked[0], probes: 0, slack: 8, pool: 500 })).stats.ranked);
  assert.equal(answer.stats.engine, 'memory');
  assert.ok(answer.stats.recall > 0.9);
  await there.close();
  await here.close();
  await assert.rejects(there.search(asked[0]), { name: 'RvfError', code: 'CLOSED' });
  await assert.rejects(here.get(1), { code: 'CLOSED' });
});

const refused = (promise, pattern) => assert.rejects(promise, (error) => error instanceof RvfError && error.code === 'REQUEST' && pattern.test(error.message));

test('what can not be stored is refused with its place, and nothing of it is kept', async () => {
  const store = await create({ dimension: 4, run: 'inline' });
  await store.insert([1, 2, 3, 4]);
  await refused(store.insert([1, 2, 3]), /expected a vector of 4 components, found 3/);
  await refused(store.insertBatch(new Float32Array(6)), /whole number of vectors/);
  await refused(store.insertBatch([[1, 2, 3, 4], [1, 2, 3]]), /vector 1 .*expected a vector of 4 components, found 3/);
  await refused(store.insert([1, NaN, 3, 4]), /component 1 .*found NaN/);
  await refused(store.insert([1, Infinity, 3, 4]), /component 1 .*found inf/);
  await refused(store.insert([1, 1e20, 3, 4]), /at most 1e15/);
  await refused(store.insert([0, 0, 0, 0]), /found zeros/);
  const many = new Float32Array(4 * 100_000).fill(1);
  many[4 * 90_000 + 2] = NaN;
  await refused(store.insertBatch(many), /^row 90000, component 2/);
  assert.equal(store.size, 1);
  assert.equal((await store.search({ vector: [1, 1, 1, 1] })).hits.length, 1);
  assert.equal(await store.insert([1, 1, 1, 1]), 1);
  const half = await create({ dimension: 1, metric: 'l2', vectors: 'f16', run: 'inline' });
  await refused(half.insert([70_000]), /f16 holds no larger one/);
});

test('ids are numbers or texts, of one kind, and the last insert of one counts', async () => {
  const store = await create({ dimension: 2, metric: 'l2', run: 'inline' });
  const big = 2n ** 64n - 1n;
  assert.equal(await store.insert([1, 0], 5), 5);
  assert.equal(await store.insert([2, 0]), 6);
  assert.equal(await store.insert([3, 0], 7n), 7);
  assert.equal(await store.insert([4, 0], 2n ** 60n), 2n ** 60n);
  assert.equal(await store.insert([5, 0]), 2n ** 60n + 1n);
  assert.deepEqual(await store.insertBatch([[6, 0], [7, 0], [8, 0]], [9, big, 9]), [9, big, 9]);
  assert.equal(store.size, 7);
  assert.deepEqual([...(await store.get(9))], [8, 0]);
  assert.deepEqual([...(await store.get(2n ** 60n))], [4, 0]);
  assert.deepEqual((await store.search({ vector: [8, 0], k: 2 })).hits.map(({ id }) => id), [9, big]);
  await refused(store.insert([1, 1]), /no number is left/);
  await refused(store.insert([1, 1], 'text'), /all numbers/);
  await refused(store.insertBatch([[1, 1]], [1, 2]), /one id for each of the 1 vectors, found 2/);
  for (const id of [-1, 1.5, NaN, 2 ** 53, -1n, 2n ** 64n, null, {}]) await refused(store.insert([1, 1], id), /expected an id/);
  await refused(store.search({ like: 1_000 }), /no row has/);
  assert.equal(await store.delete(1_000), false);

  const texts = await create({ dimension: 1, metric: 'l2', run: 'inline' });
  assert.equal(await texts.insert([1], 'größe'), 'größe');
  await refused(texts.insert([1]), /no next number/);
  for (const id of ['', 'x'.repeat(513), '\ud800', 3]) await refused(texts.insert([1], id), /expected (an )?ids?/);
  assert.equal(await texts.insert([2], 'größe'), 'größe');
  assert.equal(texts.size, 1);
});

test('a request that can not be answered is refused', async () => {
  const store = await create({ dimension: 3, run: 'inline' });
  await store.insertBatch([[1, 0, 0], [0, 1, 0]]);
  const vector = [1, 0, 0];
  for (const [wish, pattern] of [
    [{}, /one of vector and like, found neither/], [{ vector, like: 0 }, /found both/], [{ vector: [1] }, /3 components, found 1/],
    [{ vector, k: 0 }, /k from 1/], [{ vector, k: 70_000 }, /k from 1/], [{ vector, recall: 2 }, /recall from 0 to 1/],
    [{ vector, probes: -1 }, /probes/], [{ vector, slack: 2, recall: 0.9 }, /recall and probes/], [{ vector, slack: 17 }, /slack from 0 to 16/], [{ vector, pool: 0 }, /pool from 1/], [{ vector, exact: true, recall: 0.9 }, /recall and exact/], [{ vector: [NaN, 0, 0] }, /finite/],
    [{ vector: [0, 0, 0] }, /not zero/], [{ vector, filter: { rows: [0.5] } }, /whole numbers/], [{ vector, filter: {} }, /filter/],
  ]) await refused(store.search(wish), pattern);
  for (const options of [{}, { dimension: 0 }, { dimension: 65_537 }, { dimension: 3, metric: 'l1' }, { dimension: 3, vectors: 'f64' }, { dimension: 3, run: 'there' }, { dimension: 3, name: '' }]) await refused(create(options), /expected/);
  await refused(store.persist(), /name/);
  await assert.rejects(create({ dimension: 3, name: 'kept' }), { code: 'UNSUPPORTED' });
  const abort = new AbortController();
  const doomed = await create({ dimension: 3, signal: abort.signal });
  const waiting = doomed.search({ vector });
  abort.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  await assert.rejects(doomed.insert(vector), /enough/);
});

test('what can not be sent to a worker is refused alone, and the store goes on', async () => {
  const store = await create({ dimension: 4, run: 'worker' });
  await store.insert([1, 2, 3, 4], 'a');
  await store.insertBatch([[1, 2, 3, 5]], new Proxy(['b'], {}));
  assert.equal((await store.search({ vector: [1, 2, 3, 4], note: () => 1 })).hits[0].id, 'a');
  await assert.rejects(store.delete(() => 1), { code: 'REQUEST' });
  assert.equal(store.size, 2);
  assert.deepEqual(Array.from(await store.get('b')), [1, 2, 3, 5]);
  await store.close();
});

test('what waits when a store is closed is told so', async () => {
  for (const run of ['inline', 'worker']) {
    const store = await create({ dimension: 4, run });
    const waits = assert.rejects(store.insert([1, 2, 3, 4]), { code: 'CLOSED' });
    await store.close();
    await waits;
  }
});
