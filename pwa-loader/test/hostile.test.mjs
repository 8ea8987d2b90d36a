// Damaged files, and files whose code lies: each ends in words that a person understands, and the page lives on.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readNpy } from '../../harness/npy.mjs';
import { answered, base, closeBrowser, folder, hits, pack, pick, queries, root, run, search, searchVector, serve, visit, wordnet } from './support/env.mjs';
import { LIARS } from './support/kernels.mjs';

let served, context, tab;
before(async () => {
  served = await serve();
  ({ context, tab } = await visit(served.url));
});
after(async () => {
  await context?.close();
  await served?.stop();
  await closeBrowser();
});

const vector = readNpy(readFileSync(queries))[0];
const L1 = join(root, 'harness', 'test', 'kernels', 'l1.wasm');

/** The card that tells what went wrong. */
async function told() {
  const card = tab.locator('.problem');
  const words = await card.locator('h2, p').allTextContents();
  assert.ok(words.length >= 3 && words.every((text) => text.trim().length > 0), 'what happened, what to do, the details');
  return { code: await card.getAttribute('data-code'), text: await card.textContent() };
}

/** After whatever came before, the page opens a good file and answers. */
async function alive() {
  assert.equal(await tab.evaluate(() => 1 + 1), 2);
  await pick(tab, wordnet());
  assert.equal((await searchVector(tab, vector)).length, 10);
  assert.deepEqual(tab.wrongs, []);
}

/** Opens a file and searches it; the error that came at either. */
async function failure(file) {
  await pick(tab, file);
  if (await tab.isVisible('.failed')) return told();
  await tab.check('input[value=vector]');
  const dimension = Number((await tab.textContent('.facts li:nth-child(2)')).replace(/\D/gu, ''));
  await tab.fill('#search-area', Array.from({ length: dimension }, (_, n) => Math.cos(n)).join(' '));
  await answered(tab, () => search(tab));
  assert.equal(await tab.locator('.hits').count(), 0, 'there is no answer');
  return told();
}

for (const [what, { code, expected }] of Object.entries(LIARS)) {
  test(`a kernel that ${what}`, async () => {
    const module = join(folder, 'liar.wasm');
    writeFileSync(module, code);
    const found = await failure(pack('liar.rvf', '--force', '--kernel', module));
    assert.ok(expected.includes(found.code), `${found.code}: ${found.text}`);
    await alive();
  });
}

for (const [vectorFile, rule] of [['R-WASM-3-import', /R-WASM-3/u], ['R-WASM-3-start', /R-WASM-3/u], ['R-WASM-1-bytecode-hash', /R-WASM-1/u], ['R-WASM-1-bytecode-size', /R-WASM-1/u], ['R-HASH-3-wasm-bit', /digest|hash|R-HASH/iu]]) {
  test(`a module that breaks a rule: ${vectorFile}`, async () => {
    const found = await failure(join(root, 'spec', 'vectors', 'invalid', `${vectorFile}.rvf`));
    assert.ok(['FORMAT', 'MODULE'].includes(found.code), `${found.code}: ${found.text}`);
    assert.match(found.text, rule);
    await alive();
  });
}

test('a damaged vector stops the search that needs it; verify names the place', async () => {
  const bytes = readFileSync(wordnet()), info = JSON.parse(run('info', wordnet(), '--json'));
  const vectors = info.segments.find((segment) => (segment.kind ?? segment.type) === 'VEC');
  const at = vectors.offset + Math.floor(vectors.bytes / 2);
  bytes[at] ^= 4;
  const file = join(folder, 'damaged.rvf');
  writeFileSync(file, bytes);
  await pick(tab, file);
  await tab.selectOption('#search-effort', 'exact');
  await tab.check('input[value=row]');
  await tab.fill('#search-text', '1');
  await answered(tab, () => search(tab));
  const found = await told();
  assert.equal(found.code, 'FORMAT');
  assert.match(found.text, /damaged/u);
  await tab.click('.verify button');
  await tab.waitForSelector('.verdict .bad');
  assert.match(await tab.textContent('.verdict'), /faults? found.*R-HASH-2 at byte [\d,]+: block/su);
  await alive();
});

test('a file that was cut, that is none, or that is empty', async () => {
  const whole = readFileSync(wordnet());
  const cases = [whole.subarray(0, whole.length - 100), whole.subarray(0, 5000), Buffer.from('\x89PNG\r\n\x1a\n not vectors'.repeat(500), 'latin1'), Buffer.from('RVFS but no more'), Buffer.alloc(0)];
  for (const [index, bytes] of cases.entries()) {
    const file = join(folder, `cut-${index}.rvf`);
    writeFileSync(file, bytes);
    const found = await failure(file);
    assert.equal(found.code, 'FORMAT', `${index}: ${found.text}`);
    assert.match(found.text, index < 2 ? /damaged, or is not an \.rvf file/u : /is not an \.rvf file/u);
  }
  await alive();
});

test('an address where nothing is', async () => {
  await tab.goto(`${served.url}?file=files/nothing.rvf`);
  await tab.waitForSelector('.failed');
  const found = await told();
  assert.equal(found.code, 'SOURCE', found.text);
  await alive();
});

test('the code in the file is what runs: a kernel that ranks by L1 gives its own answers', async () => {
  const file = pack('l1.rvf', '--metric', 'l2', '--force', '--kernel', L1), other = pack('l2.rvf', '--metric', 'l2', '--force');
  const naive = readNpy(readFileSync(base))
    .map((row, number) => ({ row: number, distance: row.reduce((sum, x, i) => Math.fround(sum + Math.abs(Math.fround(x - vector[i]))), 0) }))
    .sort((a, b) => a.distance - b.distance || a.row - b.row).slice(0, 10);
  await pick(tab, file);
  assert.match(await tab.textContent('.kernels'), /not known/u);
  const found = (await searchVector(tab, vector)).map(({ row, distance }) => ({ row, distance }));
  assert.deepEqual(found, naive);
  await pick(tab, other);
  const ours = (await searchVector(tab, vector)).map(({ row, distance }) => ({ row, distance }));
  assert.notDeepEqual(ours, naive);
  assert.equal((await hits(tab)).length, 10);
  assert.deepEqual(tab.wrongs, []);
});
