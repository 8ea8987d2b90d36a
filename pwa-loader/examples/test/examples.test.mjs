// Runs the examples, against a file of the sample.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open } from '../../lib/dist/index.js';
import { lines, pack, run, serve } from '../../lib/test/helpers.mjs';

// What `npm install rvf-web` would do.
const here = dirname(fileURLToPath(import.meta.url)), modules = join(here, '..', 'node_modules');
if (!existsSync(join(modules, 'rvf-web'))) {
  mkdirSync(modules, { recursive: true });
  symlinkSync(join(here, '..', '..', 'lib'), join(modules, 'rvf-web'), 'junction');
}

const path = pack(), right = (id, k) => lines(run(['query', path, '--like', id, '-k', String(k), '--json']))[0].hits.map((hit) => hit.id);

test('a static site: more like this', async () => {
  const server = await serve(readFileSync(path)), { related } = await import('../static-site/search.js');
  assert.deepEqual((await related(server.url, 'ocean.n')).map(({ page }) => page), right('ocean.n', 5));
  assert.ok(server.sent < readFileSync(path).length);
  server.close();
});

test('a remote file, and what it cost', async () => {
  const server = await serve(readFileSync(path)), { search } = await import('../remote-file.js'), said = [];
  const { read, hits } = await search(server.url, 'ocean.n', (line) => said.push(line));
  assert.deepEqual(hits.map(({ id }) => id), right('ocean.n', 3));
  assert.equal(read, server.sent);
  assert.match(said.at(-1), /requests and \d+ rounds/);
  server.close();
});

test('a pool of workers', async () => {
  const { nearestOfEach } = await import('../worker-pool.js'), { neighbours, summary } = await nearestOfEach(path);
  assert.match(summary, /^1000 queries of 384 dimensions/);
  // What `rvf` finds with the same vector and the same wish: the row itself, and its neighbour.
  const file = await open(path);
  for (const row of [0, 500, 999]) {
    const { vector } = await file.row(row), [{ hits }] = lines(run(['query', path, '--vector', JSON.stringify([...vector]), '-k', '2', '--json']));
    assert.equal(neighbours[row], hits.find((hit) => hit.row !== row).id);
  }
  await file.close();
});
