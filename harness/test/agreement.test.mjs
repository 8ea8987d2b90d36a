// V8 against the native engine: the same file, the same queries, the same hits and the same distances to the last bit.
// RVF names the program; without it, the release or debug build of this checkout is taken.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RvfFile } from '../rvf.mjs';
import { readNpy } from '../npy.mjs';

const here = dirname(fileURLToPath(import.meta.url)), root = join(here, '..', '..');
const rvf = process.env.RVF ?? ['release', 'debug'].map((p) => join(root, 'target', p, 'rvf')).find(existsSync);
if (!rvf) throw new Error('no rvf to compare with: run `cargo build --release -p rvf-cli` first, or set RVF');
const sample = join(root, 'samples', 'wordnet-8k');
const dir = mkdtempSync(join(tmpdir(), 'rvf-harness-'));
const run = (...args) => execFileSync(rvf, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
const lines = (text) => text.trimEnd().split('\n').map((line) => JSON.parse(line));
const queries = readNpy(readFileSync(join(sample, 'queries.i8.npy')));
const pairs = (hits) => hits.map(({ row, distance }) => [row, Math.fround(distance)]);

const files = ['i8', 'f16', 'f32'].flatMap((vectors) => ['cosine', 'ip', 'l2'].map((metric) => ({ vectors, metric, path: join(dir, `${metric}-${vectors}.rvf`) })));
for (const { vectors, metric, path } of files) run('pack', join(sample, 'base.i8.npy'), '-o', path, '--metric', metric, '--vectors', vectors, '--ids', join(sample, 'ids.txt'));

for (const { vectors, metric, path } of files) {
  for (const [mode, options, args] of [['coded', {}, []], ['exact', { exact: true }, ['--exact']]]) {
    test(`V8 and native agree: ${metric}, ${vectors}, ${mode}`, () => {
      const native = lines(run('query', path, '--vectors', join(sample, 'queries.i8.npy'), '-k', '10', '--engine', 'native', '--json', ...args));
      assert.equal(native.length, queries.length);
      for (const build of ['simd', 'scalar']) {
        // Exact search reads every vector; a few queries of it say as much as all.
        const file = new RvfFile(path), kernel = file.kernel({ build }), some = mode === 'exact' ? queries.slice(0, 10) : queries;
        assert.equal(kernel.engine, `v8-${build}`);
        some.forEach((vector, n) => assert.deepEqual(pairs(kernel.search(vector, options)), pairs(native[n].hits), `query ${n}, ${build}`));
        file.close();
      }
    });
  }
}

test('the window does not change the answer', () => {
  const file = new RvfFile(files[0].path), small = file.kernel({ window: 2048 }), large = file.kernel({ window: 1 << 24 });
  for (const vector of queries.slice(0, 20)) assert.deepEqual(small.search(vector, { k: 5 }), large.search(vector, { k: 5 }));
  file.close();
});

test('a filter leaves only its rows, and they are the nearest of them', () => {
  const file = new RvfFile(files[0].path), kernel = file.kernel();
  const filter = new Set(Array.from({ length: 800 }, (_, n) => n * 10 + 3));
  for (const vector of queries.slice(0, 5)) {
    const all = kernel.search(vector, { k: file.rows, exact: true }).filter(({ row }) => filter.has(row)).slice(0, 10);
    assert.deepEqual(kernel.search(vector, { k: 10, exact: true, filter }), all);
  }
  file.close();
});

test('the code in the file is what runs: a kernel that ranks by L1 gives its own answers', () => {
  const path = join(dir, 'l1.rvf');
  run('pack', join(sample, 'base.i8.npy'), '-o', path, '--metric', 'l2', '--kernel', join(here, 'kernels', 'l1.wasm'));
  const base = readNpy(readFileSync(join(sample, 'base.i8.npy'))), kernel = new RvfFile(path).kernel();
  for (const vector of queries.slice(0, 5)) {
    const naive = base.map((x, row) => ({ row, distance: x.reduce((sum, value, i) => Math.fround(sum + Math.abs(Math.fround(value - vector[i]))), 0) }))
      .sort((a, b) => a.distance - b.distance || a.row - b.row).slice(0, 10);
    assert.deepEqual(kernel.search(vector, { k: 10, slack: 1 }), naive);
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
