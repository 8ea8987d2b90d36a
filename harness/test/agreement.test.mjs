// V8 against the native engine: the same file, the same queries, the same hits and the same distances to the last bit.
// RVF names the program; without it, the release or debug build of this checkout is taken.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RvfFile } from '../rvf.mjs';
import { readNpy } from '../npy.mjs';
import { temporaryFolder } from './folder.mjs';

const here = dirname(fileURLToPath(import.meta.url)), root = join(here, '..', '..');
const rvf = process.env.RVF ?? ['release', 'debug'].map((p) => join(root, 'target', p, 'rvf')).find(existsSync);
if (!rvf) throw new Error('no rvf to compare with: run `cargo build --release -p rvf-cli` first, or set RVF');
const sample = join(root, 'samples', 'wordnet-8k'), base = join(sample, 'base.i8.npy');
const dir = temporaryFolder('rvf-harness-');
const run = (args, input) => execFileSync(rvf, args, { encoding: 'utf8', maxBuffer: 1 << 28, input });
const lines = (text) => text.trimEnd().split('\n').map((line) => JSON.parse(line));
const queries = readNpy(readFileSync(join(sample, 'queries.i8.npy'))).slice(0, 40);
const ids = readFileSync(join(sample, 'ids.txt'), 'utf8').trimEnd().split('\n');

const file = (metric, vectors, lists) => ({ metric, vectors, lists, path: join(dir, `${metric}-${vectors}-${lists}.rvf`) });
const files = [...['i8', 'f16', 'f32'].flatMap((vectors) => ['cosine', 'ip', 'l2'].map((metric) => file(metric, vectors, 90))), file('cosine', 'i8', 1), file('ip', 'f16', 1), file('l2', 'f32', 1)];
for (const { metric, vectors, lists, path } of files) run(['pack', base, '-o', path, '--metric', metric, '--vectors', vectors, '--lists', String(lists), '--ids', join(sample, 'ids.txt')]);

const some = Array.from({ length: 800 }, (_, n) => n * 10 + 3), few = join(dir, 'filter.txt');
writeFileSync(few, some.map((row) => ids[row]).join('\n'));
const asked = [
  ['as usual', {}, []],
  ['the cheapest effort for a recall of 0.8', { recall: 0.8 }, ['--recall', '0.8']],
  ['three lists', { probes: 3 }, ['--probes', '3']],
  ['exact', { exact: true }, ['--exact']],
  ['nine lists, filtered', { probes: 9, filter: some }, ['--probes', '9', '--filter', few]],
  ['exact, filtered', { exact: true, filter: some }, ['--exact', '--filter', few]],
];

for (const { metric, vectors, lists, path } of files) {
  const name = `${metric}, ${vectors}, ${lists === 1 ? 'one list' : `${lists} lists`}`;
  const hitsOf = (file, hits) => hits.map(({ row, distance }) => ({ row, id: file.ids.of(row), distance }));
  const native = (args, input) => lines(run(['query', path, '--engine', 'native', '--json', ...args], input)).map(({ hits }) => hits.map((hit) => ({ ...hit, distance: Math.fround(hit.distance) })));

  for (const [what, wish, args] of asked) {
    test(`V8 and native agree: ${name}: ${what}`, () => {
      const theirs = native(['--vector', '-', ...args], queries.map((vector) => JSON.stringify([...vector])).join('\n'));
      assert.equal(theirs.length, queries.length);
      for (const build of ['simd', 'scalar']) {
        const file = new RvfFile(path), kernel = file.kernel({ build });
        assert.equal(file.lists, lists);
        assert.equal(kernel.engine, `v8-${build}`);
        queries.forEach((vector, n) => assert.deepEqual(hitsOf(file, kernel.search(vector, wish)), theirs[n], `query ${n}, ${build}`));
        file.close();
      }
    });
  }

  test(`V8 and native agree: ${name}: like a row, and its vector`, () => {
    const file = new RvfFile(path), kernel = file.kernel(), out = join(dir, 'extracted.npy');
    for (const row of [0, 4321, ids.length - 1]) assert.deepEqual([hitsOf(file, kernel.like(file.ids.row(ids[row]), { k: 5 }))], native(['--like', ids[row], '-k', '5']));
    run(['extract', path, '--vectors', out, '--force']);
    readNpy(readFileSync(out)).forEach((vector, row) => {
      if (row % 40 === 0) assert.deepEqual(file.get(row), vector);
    });
    file.close();
  });
}

test('the window does not change the answer', () => {
  const file = new RvfFile(files[0].path), small = file.kernel({ window: 2048 }), large = file.kernel({ window: 1 << 24 });
  for (const vector of queries.slice(0, 20)) {
    for (const wish of [{ k: 5 }, { k: 5, probes: 20, filter: some }, { k: 5, exact: true }]) assert.deepEqual(small.search(vector, wish), large.search(vector, wish));
  }
  file.close();
});

test('a filter leaves only its rows, and they are the nearest of them', () => {
  for (const { path, vectors } of [files[0], files.at(-1)]) {
    const file = new RvfFile(path), kernel = file.kernel(), filter = new Set(some);
    for (const vector of queries.slice(0, 5)) {
      const nearest = kernel.search(vector, { k: file.rows, exact: true }).filter(({ row }) => filter.has(row)).slice(0, 10);
      assert.deepEqual(kernel.search(vector, { exact: true, filter }), nearest);
      // Bounds so wide that nothing is lost, over all lists, with a pool that holds all that may be near.
      assert.deepEqual(kernel.search(vector, { probes: 0, slack: 16, pool: vectors === 'i8' ? 10 : 800, filter }), nearest);
    }
    assert.deepEqual(kernel.search(queries[0], { exact: true, filter: [] }), []);
    assert.deepEqual(kernel.search(queries[0], { probes: 2, filter: [] }), []);
    file.close();
  }
});

test('the code in the file is what runs: a kernel that ranks by L1 gives its own answers', () => {
  const rows = readNpy(readFileSync(base));
  for (const lists of ['1', '40']) {
    const path = join(dir, `l1-${lists}.rvf`);
    run(['pack', base, '-o', path, '--metric', 'l2', '--lists', lists, '--kernel', join(here, 'kernels', 'l1.wasm')]);
    const file = new RvfFile(path), kernel = file.kernel();
    for (const vector of queries.slice(0, 3)) {
      const naive = rows.map((x, row) => ({ row, distance: x.reduce((sum, value, i) => Math.fround(sum + Math.abs(Math.fround(value - vector[i]))), 0) }))
        .sort((a, b) => a.distance - b.distance || a.row - b.row).slice(0, 10);
      for (const wish of [{ probes: 1 }, { slack: 1 }, { exact: true }]) assert.deepEqual(kernel.search(vector, wish), naive);
    }
    file.close();
  }
});

test('a flipped byte anywhere ends in an error or in the right answer', () => {
  const path = join(dir, 'flipped.rvf'), bytes = readFileSync(files[0].path), right = new RvfFile(files[0].path).kernel().search(queries[0]);
  let refused = 0;
  for (let i = 0; i < 60; i++) {
    const at = Math.floor((bytes.length * i) / 60) + (i * 37) % 64;
    bytes[at] ^= 1 << (i % 8);
    writeFileSync(path, bytes);
    bytes[at] ^= 1 << (i % 8);
    try {
      assert.deepEqual(new RvfFile(path).kernel().search(queries[0]), right, `byte ${at}`);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      refused++;
    }
  }
  assert.ok(refused > 0);
});

test('a file that is too short is refused', () => {
  const path = join(dir, 'short.rvf');
  writeFileSync(path, readFileSync(files[0].path).subarray(0, 100000));
  assert.throws(() => new RvfFile(path), /R-ROOT-5/);
});
