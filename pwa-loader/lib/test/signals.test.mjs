// One signal for many questions: it ends them all, and is no leak of listeners.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { readFileSync } from 'node:fs';
import { create, open } from '../dist/index.js';
import { under, whenAborted } from '../dist/signals.js';
import { pack, queries, serve } from './helpers.mjs';

const path = pack(), bytes = readFileSync(path), many = queries.slice(0, 120).map((vector) => ({ vector }));
/** The warnings of Node that something gave rise to, those of its workers too. */
async function warned(run) {
  const heard = [], hear = (warning) => heard.push(`${warning.name}: ${warning.message}`), { write } = process.stderr;
  process.on('warning', hear);
  // A worker's own warnings are written and not emitted here.
  process.stderr.write = (text, ...rest) => (String(text).includes('Warning') ? (heard.push(String(text)), true) : write.call(process.stderr, text, ...rest));
  try {
    await run();
    await new Promise((resolve) => setTimeout(resolve, 50));
  } finally {
    process.off('warning', hear);
    process.stderr.write = write;
  }
  return heard;
}
const listeners = (signal) => getEventListeners(signal, 'abort').length;

for (const run of ['inline', 'worker']) {
  test(`a large batch and many searches have one listener on their signal (${run})`, async (t) => {
    const server = await serve(bytes);
    t.after(() => server.close());
    for (const [source, more] of [[path, { workers: 14 }], [server.url, {}], [server.url, { fetch: (...args) => fetch(...args) }]]) {
      const stop = new AbortController(), ends = new AbortController(), file = await open(source, { run, signal: ends.signal, ...more });
      let most = 0;
      const look = setInterval(() => { most = Math.max(most, listeners(stop.signal), listeners(ends.signal)); }, 1);
      assert.deepEqual(await warned(async () => {
        await file.searchBatch(many, { signal: stop.signal });
        await Promise.all(many.map((wish) => file.search({ ...wish, signal: stop.signal })));
      }), []);
      clearInterval(look);
      // A `fetch` that is under way has its own.
      assert.ok(most <= 2, `there were ${most} listeners at once`);
      // All that wait are told.
      const waiting = many.map((wish) => file.search({ ...wish, exact: true, signal: stop.signal })), batch = file.searchBatch(many.map((wish) => ({ ...wish, exact: true })), { signal: stop.signal });
      stop.abort(new Error('enough'));
      for (const one of [...waiting, batch]) await assert.rejects(one, /enough/);
      assert.equal((await file.search({ vector: queries[0] })).hits.length, 10);
      await file.close();
    }
  });
}

test('many questions to a store have one listener on their signal', async () => {
  for (const run of ['inline', 'worker']) {
    const stop = new AbortController(), store = await create({ dimension: 384, run });
    await store.insertBatch(queries.slice(0, 100));
    assert.deepEqual(await warned(() => Promise.all(many.map((wish) => store.search({ ...wish, signal: stop.signal })))), []);
    assert.equal(listeners(stop.signal), 0);
    await store.close();
  }
});

test('what is taken back does not run, and the rest does, once', () => {
  const stop = new AbortController(), ran = [], back = ['a', 'b', 'c'].map((name) => whenAborted(stop.signal, () => ran.push(name)));
  assert.equal(listeners(stop.signal), 1);
  back[1]();
  back[1]();
  stop.abort();
  assert.deepEqual(ran, ['a', 'c']);
  back[0]();
  whenAborted(stop.signal, () => ran.push('late'));
  assert.deepEqual(ran, ['a', 'c']);
});

test('one that fails when a signal is aborted is told of, and the others run', (t) => {
  const stop = new AbortController(), ran = [], later = t.mock.method(globalThis, 'queueMicrotask', () => undefined);
  whenAborted(stop.signal, () => ran.push('a'));
  whenAborted(stop.signal, () => { throw new Error('failed here'); });
  whenAborted(stop.signal, () => ran.push('b'));
  stop.abort();
  assert.deepEqual(ran, ['a', 'b']);
  assert.equal(later.mock.callCount(), 1);
  assert.throws(later.mock.calls[0].arguments[0], /failed here/);
});

test('what runs under two signals ends with either, and lets go of both', async () => {
  for (const which of [0, 1]) {
    const both = [new AbortController(), new AbortController()], [a, b] = both.map(({ signal }) => signal);
    assert.equal(await under(a, b, async (signal) => {
      assert.deepEqual([a, b].map(listeners), [1, 1]);
      return signal.aborted;
    }), false);
    assert.deepEqual([a, b].map(listeners), [0, 0]);
    await assert.rejects(under(a, b, () => Promise.reject(new Error('failed'))), /failed/);
    await assert.rejects(under(a, b, () => { throw new Error('at once'); }), /at once/);
    assert.deepEqual([a, b].map(listeners), [0, 0]);
    const waits = under(a, b, (signal) => new Promise((_, reject) => { signal.addEventListener('abort', () => reject(signal.reason)); }));
    both[which].abort(new Error('over'));
    await assert.rejects(waits, /over/);
    assert.deepEqual([a, b].map(listeners), [0, 0]);
    assert.equal(await under(a, b, async (signal) => signal.reason.message), 'over');
  }
  const { signal } = new AbortController();
  for (const pair of [[signal, undefined], [undefined, signal], [signal, signal]]) assert.equal(await under(...pair, async (one) => one), signal);
});

test('a wrong argument is a rejection, never thrown at the caller', async () => {
  for (const run of ['inline', 'worker']) {
    const file = await open(path, { run, signal: new AbortController().signal });
    for (const call of [() => file.search(), () => file.search({ vector: queries[0], signal: {} }), () => file.searchBatch(many, null), () => file.searchBatch(many, { signal: {} }), () => file.verify(null), () => file.verify({ signal: {} }), () => file.get(), () => file.row()]) {
      const answer = call();
      assert.ok(answer instanceof Promise);
      await answer.then(() => undefined, () => undefined);
    }
    await file.close();
  }
});
