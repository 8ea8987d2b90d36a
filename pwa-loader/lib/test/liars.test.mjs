// A module that lies, runs for ever or takes what it may not ends in an error that names it; the file and the process go on.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { open, RvfError } from '../dist/index.js';
import { pack, queries } from './helpers.mjs';
import { atOpen, canAssemble, liar, liars } from './liars.mjs';

const [vector] = queries, skip = canAssemble ? false : 'Binaryen is not installed: run `npm run build`';
const named = (code, message) => (error) => error instanceof RvfError && error.code === code && message.test(error.message) && /microkernel [0-9a-f]{12}/.test(error.message);
const file = (name, changed, more, memory) => liar(name.replaceAll(' ', '-'), changed, more, memory);
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

for (const [name, changed, code, message, more, memory] of atOpen) {
  test(`a kernel that ${name} is refused at open`, { skip }, async () => {
    const path = file(name, changed, more, memory);
    for (const run of ['inline', 'worker']) await assert.rejects(open(path, { run }), named(code, message));
  });
}

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
