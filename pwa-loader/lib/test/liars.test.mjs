// A module that lies, runs for ever or takes what it may not ends in an error that names it; the file and the process go on.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { open, RvfError } from '../dist/index.js';
import { ids, pack, queries } from './helpers.mjs';
import { begin, atOpen, canAssemble, liar, liars } from './liars.mjs';

const [vector] = queries, skip = canAssemble ? false : 'Binaryen is not installed: run `npm run build`';
const named = (code, message) => (error) => error instanceof RvfError && error.code === code && message.test(error.message) && /microkernel [0-9a-f]{12}/.test(error.message);
const file = (name, ...parts) => liar(name.replaceAll(' ', '-'), ...parts);
const endless = '(loop $for-ever (br $for-ever)) (i32.const 0)';

for (const [name, changed, code, message, more] of liars) {
  test(`a kernel that ${name} is named`, { skip }, async () => {
    const path = file(name, changed, more);
    for (const run of ['inline', 'worker']) {
      const opened = await open(path, { run, residency: 'streamed', timeoutMs: 60_000 });
      // The file stays usable: for the next search, which fails in the same way, and for everything else.
      for (let n = 0; n < 2; n++) await assert.rejects(opened.search({ vector }), named(code, message), run);
      assert.equal((await opened.get(7)).row, 7);
      await opened.close();
    }
  });
}

for (const [name, changed, code, message, ...parts] of atOpen) {
  test(`a kernel that ${name} is refused at open`, { skip }, async () => {
    const path = file(name, changed, ...parts);
    for (const run of ['inline', 'worker']) await assert.rejects(open(path, { run, memoryBytes: 8 << 20 }), named(code, message));
  });
}

test('a kernel gets no more memory than it may have, also inside a call', { skip }, async () => {
  // It traps if it gets a page too many, or if it does not get all up to there.
  const grown = (pages, got) => `(if (i32.${got ? 'eq' : 'ne'} (memory.grow (i32.const ${pages})) (i32.const -1)) (then (unreachable)))`;
  for (const [name, memory] of [['no limit of its own', '(memory (export "memory") 1)'], ['a higher limit', '(memory (export "memory") 1 255)']]) {
    const step = `(param i32) (result i32) ${grown(129, false)} ${grown(8, true)} ${grown(120, false)} (i32.const 0)`;
    const opened = await open(file(`grows with ${name}`, { rvf_step: step }, '', memory), { run: 'inline', residency: 'streamed', memoryBytes: (128 << 16) + 100 });
    assert.deepEqual((await opened.search({ vector })).hits, []);
    await opened.close();
  }
});

test('a kernel that never ends is ended, and the file goes on', { skip }, async () => {
  const opened = await open(file('never ends', { rvf_step: `(param i32) (result i32) ${endless}` }), { timeoutMs: 400 });
  const others = [opened.get(7), opened.row(8)];
  await assert.rejects(opened.search({ vector }), named('TIMEOUT', /more than 400 ms/));
  assert.deepEqual((await Promise.all(others)).map(({ row }) => row), [7, 8]);
  // What waits behind it gets its own turn in the fresh worker.
  const [first, second, got] = await Promise.allSettled([opened.search({ vector }), opened.search({ vector }), opened.get(9)]);
  assert.ok(named('TIMEOUT', /400 ms/)(first.reason) && named('TIMEOUT', /400 ms/)(second.reason));
  assert.equal(got.value.row, 9);
  await opened.close();
});

test('a search that was aborted while a kernel never ends takes nothing else down', { skip }, async () => {
  const opened = await open(file('never ends', { rvf_step: `(param i32) (result i32) ${endless}` }), { timeoutMs: 400 });
  await assert.rejects(opened.search({ vector, signal: AbortSignal.timeout(100) }), { name: 'TimeoutError' });
  assert.equal((await opened.get(7)).row, 7);
  await opened.close();
});

test('a kernel that never ends when it is opened is ended', { skip }, async () => {
  const path = file('never opens', { rvf_open: `(param i32 i32 i32 i32) (result i32) ${endless}` });
  await assert.rejects(open(path, { timeoutMs: 300 }), named('TIMEOUT', /to open the file/));
});

test('a batch with a kernel that never ends is ended', { skip }, async () => {
  const opened = await open(file('never ends', { rvf_step: `(param i32) (result i32) ${endless}` }), { timeoutMs: 300, workers: 2 });
  await assert.rejects(opened.searchBatch(Array.from({ length: 40 }, () => ({ vector }))), { code: 'TIMEOUT' });
  assert.equal((await opened.get(7)).row, 7);
  await opened.close();
});

test('one batch that is aborted or fails leaves the others alone', async () => {
  const wishes = Array.from({ length: 200 }, (_, n) => ({ vector: queries[n % 50], k: 3 }));
  // At once, while the pool's workers are started; a little later; and when they are there.
  for (const wait of [0, 5, 400]) {
    const opened = await open(pack(), { workers: 3 }), stop = new AbortController();
    if (wait === 400) await opened.searchBatch(wishes);
    const first = opened.searchBatch(wishes, { signal: stop.signal }), second = opened.searchBatch(wishes);
    setTimeout(() => stop.abort(new Error('enough')), wait % 400);
    await assert.rejects(first, /enough/);
    assert.equal((await second).length, 200);
    const bad = opened.searchBatch([{ vector: [1] }, ...wishes]), good = opened.searchBatch(wishes);
    await assert.rejects(bad, { code: 'REQUEST' });
    assert.equal((await good).length, 200);
    await opened.close();
  }
  const opened = await open(pack(), { workers: 3 }), bad = opened.searchBatch([{ vector: [1] }, ...wishes]), good = opened.searchBatch(wishes);
  await assert.rejects(bad, { code: 'REQUEST' });
  assert.equal((await good).length, 200);
  await opened.close();
});

test('a page that is busy blames no module', async () => {
  const busy = (ms) => { for (const since = performance.now(); performance.now() - since < ms;); };
  const opened = await open(pack(), { timeoutMs: 200 });
  await opened.search({ vector });
  for (const ms of [250, 500]) {
    for (const wait of [-1, 0, 5]) {
      const asked = opened.search({ vector, k: 5000, exact: true });
      if (wait >= 0) await new Promise((resolve) => setTimeout(resolve, wait));
      // Behind an immediate, Node looks at its timers before it takes messages.
      if (wait > 0) await new Promise((resolve) => setImmediate(resolve));
      busy(ms);
      const then = opened.search({ vector });
      assert.equal((await asked).hits.length, 5000, `busy for ${ms} ms, ${wait} ms after it was asked`);
      assert.equal((await then).hits.length, 10);
    }
  }
  await opened.close();
});

test('what was aborted ends at once, and what is asked after it is answered', async () => {
  for (const run of ['inline', 'worker']) {
    const opened = await open(pack(), { run }), stop = new AbortController(), gone = AbortSignal.abort(new Error('gone'));
    await assert.rejects(opened.search({ vector, signal: gone }), /gone/);
    const asked = Array.from({ length: 20 }, (_, n) => opened.search({ vector: queries[n], exact: true, signal: stop.signal }));
    stop.abort(new Error('enough'));
    const states = await Promise.allSettled(asked);
    assert.ok(states.every(({ status, reason }) => status === 'fulfilled' || reason.message === 'enough'));
    if (run === 'worker') assert.ok(states.every(({ status }) => status === 'rejected'));
    assert.equal((await opened.search({ vector })).hits.length, 10);
    await opened.close();
    await assert.rejects(opened.search({ vector }), { code: 'CLOSED' });
  }
});

test('a component that can not be searched for is named, on every engine, and the next search is answered', async () => {
  for (const options of [{ run: 'inline' }, { run: 'worker' }, { run: 'inline', engine: 'scalar' }, { run: 'inline', engine: 'javascript' }]) {
    const opened = await open(pack(), options);
    for (const bad of [NaN, -Infinity, 1e16, 1e300]) {
      const query = Array.from(vector);
      query[383] = bad;
      for (const how of [{}, { exact: true }]) await assert.rejects(opened.search({ vector: query, ...how }), (error) => error.code === 'REQUEST' && error.message.startsWith('component 383 of the query is '), JSON.stringify(options));
    }
    assert.equal((await opened.search({ vector })).hits.length, 10);
    await opened.close();
  }
});

test('a kernel that takes any query gets none with a component that can not be searched for', { skip }, async () => {
  const query = Array.from(vector);
  query[7] = NaN;
  for (const run of ['inline', 'worker']) {
    const opened = await open(file('takes any query', {}), { run });
    await assert.rejects(opened.search({ vector: query }), { code: 'REQUEST', message: /component 7 of the query/ });
    await opened.close();
  }
});

test('a query that a kernel refuses without a reason is not said to have a bad component', { skip }, async () => {
  for (const deed of ['', '(memory.fill (local.get 2) (i32.const 255) (i32.const 64))']) {
    const opened = await open(file('refuses any query', { rvf_begin: `${begin} ${deed} (i32.const -7)` }), { run: 'inline' });
    for (let n = 0; n < 2; n++) await assert.rejects(opened.search({ vector }), { code: 'REQUEST', message: /has no direction/ });
    await opened.close();
  }
});

test('each wish gets its own effort, whatever was asked before', async () => {
  const opened = await open(pack(), { run: 'inline' }), fresh = async (wish) => {
    const other = await open(pack(), { run: 'inline' });
    try {
      const { hits, stats: { scanned, ranked, recall } } = await other.search(wish);
      return { hits, scanned, ranked, recall };
    } finally {
      await other.close();
    }
  };
  const like = ids[5], rows = Array.from({ length: 4000 }, (_, n) => 2 * n);
  for (const wish of [
    { vector }, { vector, k: 10 }, { like }, { like, k: 9 }, { vector, k: 11 }, { vector, k: 10 }, { vector, recall: 0.9 }, { vector, recall: 0.99 }, { vector },
    { vector, filter: { rows } }, { vector }, { vector, probes: 3 }, { vector, exact: true }, { vector, slack: 1 }, { vector },
  ]) {
    const { hits, stats: { scanned, ranked, recall } } = await opened.search(wish);
    assert.deepEqual({ hits, scanned, ranked, recall }, await fresh(wish), JSON.stringify({ ...wish, vector: undefined, filter: undefined }));
  }
  await opened.close();
});

test('the signal of open ends everything', async () => {
  for (const run of ['inline', 'worker']) {
    const stop = new AbortController(), opened = await open(pack(), { run, signal: stop.signal });
    stop.abort(new Error('over'));
    await assert.rejects(opened.search({ vector }), /over/);
    await assert.rejects(open(pack(), { run, signal: stop.signal }), /over/);
  }
});

test('requests that can not be answered say what is wrong', async () => {
  const opened = await open(pack());
  for (const [wish, message] of [
    [{ vector: [1, 2] }, /2 components.*384/], [{}, /one of them/], [{ vector, like: 'a' }, /one of them/], [{ vector, k: 0 }, /k is a whole number/],
    [{ vector, k: 65537 }, /k is/], [{ vector, recall: 2 }, /recall is a number/], [{ vector, recall: 1, exact: true }, /one of `recall`/],
    [{ vector, probes: -1 }, /probes/], [{ vector, filter: { rows: [8192] } }, /no row 8192/], [{ vector, filter: { bitmap: new Uint8Array(3) } }, /1024 bytes/],
    [{ like: 'no such id' }, /no row has the id/], [{ vector: null }, /one of them/], [{ vector: 7 }, /components/], [{ vector, filter: { row: 1 } }, /a filter has/], [{ vector: new Float32Array(384) }, /no direction/], [{ vector: new Float32Array(384).fill(NaN) }, /component 0/],
  ]) await assert.rejects(opened.search(wish), (error) => error.code === 'REQUEST' && message.test(error.message), JSON.stringify(Object.keys(wish)));
  await opened.close();
  await assert.rejects(open(42), { code: 'REQUEST' });
  await assert.rejects(open('/no/such/file.rvf'), { code: 'SOURCE', message: /no\/such/ });
  await assert.rejects(open(pack(), { engine: 'warp' }), { code: 'REQUEST' });
  await assert.rejects(open(readFileSync(pack()).subarray(0, 5000)), { code: 'FORMAT', rule: 'R-ROOT-5' });
});
