// What runs where an engine lacks something: no WebAssembly, no SIMD, no code from strings. Each in a process of its own, since an
// engine is asked once.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { open } from '../dist/index.js';
import { Hasher } from '../dist/format/keccak-wasm.js';
import { shake } from '../dist/format/keccak.js';
import { folder, pack, queries, root } from './helpers.mjs';

const path = pack(), foreign = pack('--metric', 'l2', '--lists', '1', '--kernel', join(root, 'harness', 'test', 'kernels', 'l1.wasm'));
const vectors = queries.slice(0, 5).map((vector) => [...vector]);
const here = await open(path, { run: 'inline' }), right = [];
for (const vector of vectors) right.push((await here.search({ vector })).hits);

/** Runs in a fresh process, without string evaluation, after `before`. */
function elsewhere(before, body, flags = []) {
  const script = join(folder, `elsewhere-${createHash('sha1').update(before + body).digest('hex')}.mjs`);
  const library = new URL('../dist/index.js', import.meta.url).href;
  writeFileSync(script, `${before}\nconst { open } = await import(${JSON.stringify(library)});\nconst path = ${JSON.stringify(path)}, foreign = ${JSON.stringify(foreign)}, vectors = ${JSON.stringify(vectors)};\n${body}`);
  return JSON.parse(execFileSync(process.execPath, ['--disallow-code-generation-from-strings', ...flags, script], { encoding: 'utf8' }));
}

const answers = `
  const file = await open(path, { run: 'inline' }), { engine, engineReason } = file.info(), hits = [];
  for (const vector of vectors) hits.push((await file.search({ vector })).hits);
  const other = await open(foreign, { run: 'inline' }).then((file) => file.info().engine, ({ code, message }) => code + ': ' + message);
  console.log(JSON.stringify({ engine, engineReason, hits, ok: (await file.verify()).ok, other }));
`;

test('without WebAssembly the JavaScript twin gives the same answers, and other kernels are refused', () => {
  const { engine, engineReason, hits, ok, other } = elsewhere('delete globalThis.WebAssembly;', answers);
  assert.deepEqual([engine, hits, ok], ['javascript', right, true]);
  assert.match(engineReason, /no WebAssembly/);
  assert.match(other, /^UNSUPPORTED: .*no WebAssembly.*no JavaScript twin/);
});

test('where WebAssembly may not be compiled, as by a content security policy, it is the same', () => {
  const { engine, hits } = elsewhere('WebAssembly.Module = function () { throw new WebAssembly.CompileError("refused"); }; WebAssembly.compile = () => Promise.reject(new WebAssembly.CompileError("refused"));', answers);
  assert.deepEqual([engine, hits], ['javascript', right]);
});

test('without SIMD the scalar kernel gives the same answers, and says why', () => {
  const { engine, engineReason, hits, ok, other } = elsewhere('const { validate } = WebAssembly; WebAssembly.validate = (code) => !code.includes(0xfd) && validate(code);', answers);
  assert.deepEqual([engine, hits, ok], ['scalar', right, true]);
  assert.match(engineReason, /no SIMD/);
  assert.equal(other, 'scalar');
});

test('what is asked for by name is what runs, or an error', async () => {
  for (const engine of ['simd', 'scalar', 'javascript']) {
    const file = await open(path, { run: 'inline', engine });
    assert.equal(file.info().engine, engine);
    for (const [n, vector] of vectors.entries()) assert.deepEqual((await file.search({ vector })).hits, right[n]);
  }
  await assert.rejects(open(foreign, { engine: 'simd' }), { code: 'UNSUPPORTED', message: /no simd kernel/ });
});

test('a file that is not closed keeps no process alive', () => {
  const { answers, hits } = elsewhere('', `
    const file = await open(path, { workers: 2 }), { hits } = await file.search({ vector: vectors[0] });
    console.log(JSON.stringify({ hits, answers: (await file.searchBatch(vectors.map((vector) => ({ vector })))).length }));
  `);
  assert.deepEqual([hits, answers], [right[0], vectors.length]);
});

test('the twin and the kernels that are known are those of this checkout', async () => {
  const { KERNELS, TWIN } = await import('../dist/engine/known.js'), { kernels } = JSON.parse(readFileSync(join(root, 'rvf-microkernel', 'prebuilt', 'kernels.json'), 'utf8'));
  assert.deepEqual([...KERNELS], kernels.map(({ shake256 }) => shake256), 'the library was built with other kernels: `npm run build`');
  assert.equal(TWIN, kernels.find(({ name }) => name === 'scalar').shake256);
});

test('nothing in the library evaluates text or has a side effect when it is loaded', () => {
  const twin = readFileSync(new URL('../dist/engine/twin.js', import.meta.url), 'utf8');
  assert.doesNotMatch(twin, /\beval\b|new Function/);
  assert.match(twin, /^\/\/[^\n]*\nexport function instantiate\(\) \{/);
});

test('both forms of SHAKE-256 give what OpenSSL gives, around the ends of blocks', () => {
  const hasher = new Hasher(), mark = Uint8Array.of(0);
  for (const length of [0, 1, 3, 4, 134, 135, 136, 137, 271, 272, 1000, 4096, 65536]) {
    const [a, b] = [randomBytes(length), randomBytes(length)].map((bytes) => new Uint8Array(bytes));
    const wanted = [a, b].map((bytes) => createHash('shake256', { outputLength: 16 }).update(mark).update(bytes).digest('hex')), out = new Uint8Array(32);
    hasher.digest(0, a, hasher.two ? b : undefined, out, 0);
    assert.equal(Buffer.from(out).toString('hex').slice(0, hasher.two ? 64 : 32), wanted.join('').slice(0, hasher.two ? 64 : 32), `${length} bytes`);
    assert.equal(Buffer.from(shake(16, mark, a)).toString('hex'), wanted[0], `${length} bytes`);
  }
});
