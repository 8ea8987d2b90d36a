// A file on a static server: the same answers as from the disk, in few rounds; servers that change it, encode it or know no ranges.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { open } from '../dist/index.js';
import { merged } from '../dist/source/pieces.js';
import { ids, pack, queries, serve } from './helpers.mjs';

const path = pack(), bytes = readFileSync(path), vectors = queries.slice(0, 10);
const local = await open(path, { run: 'inline' }), right = [];
for (const vector of vectors) right.push((await local.search({ vector })).hits);

async function withServer({ content = bytes, ...behave }, test) {
  const server = await serve(content, behave);
  try {
    await test(server);
  } finally {
    server.close();
  }
}

for (const run of ['inline', 'worker']) {
  test(`the same answers in few rounds (${run})`, () => withServer({ delay: 50 }, async (server) => {
    const file = await open(server.url, { run });
    assert.equal(file.info().residency, 'streamed');
    // The head with the index and the kernels, and the tail with the tables.
    assert.equal(file.traffic().rounds, 1);
    assert.ok(server.sent <= 300_000, `opening took ${server.sent} bytes`);
    for (const [n, vector] of vectors.entries()) {
      const { hits, stats } = await file.search({ vector });
      assert.deepEqual(hits, right[n]);
      // The lists, and with the first of them where the ids begin; the vectors; the ids of the hits.
      assert.ok(stats.rounds <= 3, `search ${n} took ${stats.rounds} rounds`);
      assert.ok(stats.bytesRead <= 400_000, `search ${n} took ${stats.bytesRead} bytes`);
      if (n === 0) assert.ok(server.sent <= 650_000, `the first answer took ${server.sent} bytes`);
    }
    assert.equal(file.traffic().bytes, server.sent);
    assert.equal(file.traffic().requests, server.requests);
    assert.ok(server.sent < bytes.length, 'it was not downloaded');
    // What is known is not fetched again.
    const again = await file.search({ vector: vectors[0] });
    assert.deepEqual([again.hits, again.stats.rounds, again.stats.bytesRead], [right[0], 0, 0]);
    assert.deepEqual((await file.get(ids[4321])).vector, (await local.get(ids[4321])).vector);
    assert.deepEqual((await file.search({ like: ids[4321], filter: { rows: [1, 2, 3, 4321] } })).hits, (await local.search({ like: ids[4321], filter: { rows: [1, 2, 3, 4321] } })).hits);
    await file.close();
  }));

  test(`a file that changes is noticed (${run})`, () => withServer({}, async (server) => {
    const file = await open(server.url, { run });
    await file.search({ vector: vectors[0] });
    assert.ok(server.log.at(-1)['if-match'] === '"one"');
    server.etag = '"two"';
    await assert.rejects(file.search({ vector: vectors[1], exact: true }), { code: 'CHANGED', message: /open it again/ });
    await file.close();
  }));

  test(`a whole download, with progress, where there are no ranges (${run})`, () => withServer({ ranges: false }, async (server) => {
    const steps = [], file = await open(server.url, { run, onProgress: (progress) => steps.push(progress) });
    assert.ok(steps.length > 0 && steps.every(({ phase, total }) => phase === 'download' && total === bytes.length));
    assert.equal(steps.at(-1).done, bytes.length);
    for (const [n, vector] of vectors.entries()) assert.deepEqual((await file.search({ vector })).hits, right[n]);
    assert.equal(file.traffic().bytes, bytes.length);
    await file.close();
  }));

  test(`a fetch of one's own is used (${run})`, () => withServer({}, async (server) => {
    let asked = 0;
    const own = (input, init) => { asked++; return fetch(input, { ...init, headers: { ...init.headers, 'x-own': 'yes' } }); };
    const file = await open(server.url, { run, fetch: own });
    for (const [n, vector] of vectors.entries()) assert.deepEqual((await file.search({ vector })).hits, right[n]);
    assert.ok(asked === server.requests && server.log.every((headers) => headers['x-own'] === 'yes'));
    assert.equal(file.traffic().requests, asked);
    await file.close();
  }));
}

test('an index that is longer than the head is one round more', () => withServer({ content: readFileSync(pack('--lists', '600')) }, async (server) => {
  const file = await open(server.url, { run: 'inline' });
  assert.equal(file.traffic().rounds, 2);
  assert.ok(server.sent <= 420_000, `opening took ${server.sent} bytes`);
  const { stats } = await file.search({ vector: vectors[0] });
  assert.ok(stats.rounds <= 3 && server.sent <= 700_000, `the first answer took ${server.sent} bytes, and ${stats.rounds} rounds behind the opening`);
  await file.close();
}));

test('what is read beside is checked as everything is, and a failure of it is no loss', () => withServer({}, async (server) => {
  const file = await open(server.url, { run: 'inline' }), { offset } = file.info().segments.find(({ type }) => type === 'IDS');
  server.bytes = Buffer.from(bytes);
  server.bytes.fill(0x55, offset + 64, offset + 1000);
  await assert.rejects(file.search({ vector: vectors[0] }), { code: 'FORMAT', rule: 'R-HASH-2' });
  server.bytes = bytes;
  assert.deepEqual((await file.search({ vector: vectors[0] })).hits, right[0]);
  await file.close();
}));

test('where there are too many ranges, no more than a twentieth is read besides', () => {
  // Blocks of one size leave gaps of one size: one of them must not close all.
  const pieces = Array.from({ length: 60 }, (_, n) => ({ offset: n * 8192, length: 4096 })), sum = (ranges) => ranges.reduce((all, { length }) => all + length, 0);
  const ranges = merged(pieces, { gap: 2048, most: 24 });
  assert.ok(ranges.length < pieces.length && sum(ranges) <= 1.05 * sum(pieces), `${ranges.length} ranges of ${sum(ranges)} bytes for ${sum(pieces)}`);
  for (const { offset, length } of pieces) assert.ok(ranges.some((range) => range.offset <= offset && offset + length <= range.offset + range.length));
  // No more are joined than is needed to be few enough, the nearest first.
  const few = [0, 20, 25, 45, 60].map((offset) => ({ offset: 1000 * offset, length: 5000 }));
  assert.deepEqual(merged(few, { gap: 0, most: 3 }), [{ offset: 0, length: 5000 }, { offset: 20000, length: 10000 }, { offset: 45000, length: 5000 }, { offset: 60000, length: 5000 }]);
  const near = [0, 5100, 10150, 20000].map((offset) => ({ offset, length: 5000 }));
  assert.deepEqual(merged(near, { gap: 0, most: 3 }), [{ offset: 0, length: 5000 }, { offset: 5100, length: 10050 }, { offset: 20000, length: 5000 }]);
});

test('a server that ignores conditions is found out by the tag of its answer', () => withServer({}, async (server) => {
  const file = await open(server.url, { run: 'inline', fetch: (input, { headers: { 'If-Match': _, ...headers }, ...init }) => fetch(input, { ...init, headers }) });
  server.etag = '"two"';
  await assert.rejects(file.search({ vector: vectors[1] }), { code: 'CHANGED' });
  server.etag = undefined;
  server.bytes = Buffer.concat([bytes, Buffer.alloc(64)]);
  await assert.rejects(file.search({ vector: vectors[2] }), { code: 'CHANGED', message: /bytes and had/ });
}));

test('a server that knows no ranges from the end costs a round more, and no request besides', async () => {
  // Their manifests end at different places before the end of the file, which is padded.
  for (const packed of [path, pack('--metric', 'l2'), pack('--metric', 'ip')]) {
    const server = await serve(readFileSync(packed)), refuses = (input, init) => (init.headers.Range.startsWith('bytes=-') ? Promise.reject(new TypeError('refused')) : fetch(input, init));
    const usual = await open(server.url, { run: 'inline' }), { rounds: fewest, requests: least } = usual.traffic();
    await usual.close();
    const file = await open(server.url, { run: 'inline', fetch: refuses }), { rounds, requests } = file.traffic();
    if (packed === path) assert.deepEqual((await file.search({ vector: vectors[0] })).hits, right[0]);
    await file.close();
    server.close();
    // The tail, with the tables before the manifest, comes behind the head and not beside it.
    assert.deepEqual([rounds, requests], [fewest + 1, least], packed);
  }
});

test('a range of an encoding is refused', () => withServer({ encoding: 'br' }, async (server) => {
  for (const run of ['inline', 'worker']) await assert.rejects(open(server.url, { run }), { code: 'SOURCE', message: /br encoding/ });
}));

test('a server that sends more or less than it was asked for is found out', () => withServer({}, async (server) => {
  for (const change of [(body) => Buffer.concat([body, Buffer.alloc(1000)]), (body) => body.subarray(1)]) {
    let lies = false;
    const liar = async (input, init) => {
      const response = await fetch(input, init), body = Buffer.from(await response.arrayBuffer());
      return new Response(lies ? change(body) : body, { status: response.status, headers: response.headers });
    };
    const file = await open(server.url, { run: 'inline', fetch: liar });
    lies = true;
    await assert.rejects(file.search({ vector: vectors[0] }), { code: 'SOURCE', message: /were asked for/ });
    lies = false;
    assert.deepEqual((await file.search({ vector: vectors[0] })).hits, right[0]);
    lies = true;
    await assert.rejects(open(server.url, { run: 'inline', fetch: liar }), { code: 'SOURCE' });
  }
}));

test('what can not be fetched says so', async () => {
  await withServer({ status: 404 }, async (server) => {
    for (const run of ['inline', 'worker']) await assert.rejects(open(server.url, { run }), { code: 'SOURCE', message: /404/ });
  });
  await withServer({}, async (server) => {
    const file = await open(server.url, { run: 'inline' });
    server.status = 503;
    await assert.rejects(file.search({ vector: vectors[0] }), { code: 'SOURCE', message: /503/ });
    server.status = undefined;
    assert.deepEqual((await file.search({ vector: vectors[0] })).hits, right[0]);
  });
  await assert.rejects(open('http://127.0.0.1:9/file.rvf', { run: 'inline' }), { code: 'SOURCE', message: /can not be reached/ });
  await assert.rejects(open('ftp://127.0.0.1/file.rvf'), { code: 'REQUEST', message: /ftp/ });
});

test('what waits for a network can be aborted, and is no fault of a module', () => withServer({ delay: 5 }, async (server) => {
  for (const run of ['inline', 'worker']) {
    server.delay = 5;
    // Slower than the time-out: waiting is not searching.
    const file = await open(server.url, { run, timeoutMs: 150 }), stop = new AbortController();
    server.delay = 400;
    const search = file.search({ vector: vectors[0], signal: stop.signal });
    setTimeout(() => stop.abort(new Error('enough')), 100);
    await assert.rejects(search, /enough/);
    assert.deepEqual((await file.search({ vector: vectors[1] })).hits, right[1]);
    await file.close();
  }
}));

test('a block that was damaged on the way is an error, and no hit', () => withServer({}, async (server) => {
  const file = await open(server.url, { run: 'inline' }), { offset } = file.info().segments.find(({ type }) => type === 'VEC');
  server.bytes = Buffer.from(bytes);
  server.bytes.fill(0x55, offset + 64, offset + 64 + 3_000_000);
  await assert.rejects(file.search({ vector: vectors[0] }), { code: 'FORMAT', rule: 'R-HASH-2' });
  assert.equal((await file.verify()).faults.every(({ rule }) => rule === 'R-HASH-2'), true);
  server.bytes = bytes;
  assert.deepEqual((await file.search({ vector: vectors[0] })).hits, right[0]);
}));

test('a streamed search stays within the memory that it is given', async () => {
  for (const [n, vector] of vectors.entries()) {
    // Memory comes in pages of 64 KiB: what is left of one is not there.
    const file = await open(path, { run: 'inline', residency: 'streamed', cacheBytes: 1 << 18, memoryBytes: (3 << 20) + (n % 2 ? 65000 : 0) });
    assert.deepEqual((await file.search({ vector })).hits, right[n]);
    assert.deepEqual((await file.search({ vector, exact: true })).hits, (await local.search({ vector, exact: true })).hits);
    await file.close();
    if (n === 2) break;
  }
  // What finds no room beside what is fed is not made resident, by itself; if it must be, that is an error.
  for (const memoryBytes of [6 << 20, 12 << 20, 64 << 20]) {
    const file = await open(path, { run: 'inline', memoryBytes });
    for (let n = 0; n < 20; n++) assert.deepEqual((await file.search({ vector: vectors[n % 10] })).hits, right[n % 10]);
    await file.close();
  }
  await assert.rejects(open(path, { run: 'inline', memoryBytes: 2 << 20, residency: 'resident' }), { code: 'UNSUPPORTED', message: /memoryBytes/ });
  await assert.rejects(open(path, { run: 'inline', memoryBytes: 1 << 15 }), (error) => /memoryBytes/.test(error.message));
});
