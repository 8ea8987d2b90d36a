// The store in a real browser, under the strict policy that the library is made for: kept in the private file system and in
// IndexedDB, read again after a reload, never half written, never written over by another tab.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const lib = join(dirname(fileURLToPath(import.meta.url)), '..', 'lib'), root = join(lib, '..', '..');
const browserPath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'].find(existsSync);
if (!browserPath) throw new Error('there is no Chromium: install it (on Debian `apt-get install chromium`), or name one in CHROMIUM');
const target = process.env.CARGO_TARGET_DIR ? join(root, process.env.CARGO_TARGET_DIR) : join(root, 'target');
const rvf = process.env.RVF ?? ['release', 'debug'].map((profile) => join(target, profile, 'rvf')).find(existsSync);
const folder = mkdtempSync(join(tmpdir(), 'rvf-store-browser-'));

const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'";
const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html' };
let server, browser, address;

before(async () => {
  server = createServer((request, response) => {
    const path = normalize(new URL(request.url, 'http://any').pathname), file = join(lib, path);
    response.setHeader('content-security-policy', POLICY);
    if (path === '/') return response.setHeader('content-type', 'text/html').end('<!doctype html><title>store</title>');
    const type = TYPES[path.slice(path.lastIndexOf('.'))];
    if (!type || !existsSync(file)) return response.writeHead(404).end();
    response.setHeader('content-type', type);
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${server.address().port}/`;
  // A container has little shared memory, and no sandbox of Chromium's own where everybody is root.
  browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
});
after(async () => {
  await browser?.close();
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A tab with the library and the same vectors each time; what breaks the policy is noted. */
async function visit(context) {
  const tab = await context.newPage();
  tab.wrongs = [];
  tab.on('console', (message) => message.type() === 'error' && !/favicon/u.test(message.text() + message.location().url) && tab.wrongs.push(message.text()));
  tab.on('pageerror', (error) => tab.wrongs.push(String(error)));
  await tab.goto(address);
  await ready(tab);
  return tab;
}

const ready = (tab) => tab.evaluate(async () => {
  window.rvf = await import('/dist/index.js');
  window.dimension = 64;
  // Numbers that look random and are the same every time.
  window.vectors = (count, seed) => Float32Array.from({ length: count * 64 }, (_, i) => Math.sin((i + 1) * 12.9898 + seed * 78.233) * 43758.5453 % 1);
});

for (const [where, run] of [['OPFS', 'worker'], ['OPFS', 'inline'], ['IndexedDB', 'inline']]) {
  test(`a store is kept in ${where}, ${run}, and read again after a reload`, async () => {
    const context = await browser.newContext();
    // As in a browser whose private file system can't be written from a page.
    if (where === 'IndexedDB') await context.addInitScript(() => { delete FileSystemFileHandle.prototype.createWritable; });
    const tab = await visit(context);
    const open = () => tab.evaluate(async (run) => { window.store = await window.rvf.create({ dimension: 64, name: 'größe/..', run }); return window.store.size; }, run);
    const hits = () => tab.evaluate(async () => (await window.store.search({ vector: window.vectors(1, 5), k: 20, exact: true })).hits.map(({ id, distance }) => [id, distance]));
    assert.equal(await open(), 0);
    await tab.evaluate(async () => {
      await window.store.insertBatch(window.vectors(5_000, 1));
      await window.store.persist();
    });
    const first = await hits();
    await tab.reload();
    await ready(tab);
    assert.equal(await open(), 5_000);
    assert.deepEqual(await hits(), first);

    await tab.evaluate(async () => {
      await window.store.insertBatch(window.vectors(30, 2));
      await window.store.delete(17);
      await window.store.persist();
    });
    const second = await hits();
    // What is not persisted is gone.
    await tab.evaluate(() => window.store.insertBatch(window.vectors(10, 3)));
    await tab.reload();
    await ready(tab);
    assert.equal(await open(), 5_029);
    assert.deepEqual(await hits(), second);
    assert.equal(await tab.evaluate(() => window.store.get(17)), undefined);

    const files = await tab.evaluate(async () => {
      const names = [];
      const walk = async (folder) => { for await (const [name, entry] of folder.entries()) entry.kind === 'file' ? names.push(name) : await walk(entry); };
      await walk(await navigator.storage.getDirectory());
      return names.sort();
    });
    // The first number of a store is any.
    assert.deepEqual(files.map((name) => name.replace(/\d{3,}/u, 'n')), where === 'OPFS' ? ['base-n.rvf', 'head-0.json', 'head-1.json', 'tail-n.rvf'] : []);

    const text = await tab.evaluate(async () => {
      const bytes = await window.store.save();
      let text = '';
      for (let at = 0; at < bytes.length; at += 8_192) text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
      return btoa(text);
    });
    writeFileSync(join(folder, 'saved.rvf'), Buffer.from(text, 'base64'));
    if (rvf) execFileSync(rvf, ['verify', join(folder, 'saved.rvf')]);
    await tab.evaluate(() => window.store.destroy());
    await tab.reload();
    await ready(tab);
    assert.equal(await open(), 0);
    assert.deepEqual(tab.wrongs, []);
    await context.close();
  });
}

test('a tab that goes in the middle of a write leaves a whole store', async () => {
  const context = await browser.newContext();
  const start = await visit(context);
  await start.evaluate(async () => {
    const store = await window.rvf.create({ dimension: 64, name: 'cut' });
    await store.insertBatch(window.vectors(1_000, 1));
    await store.persist();
  });
  await start.close();
  const seen = new Set();
  for (const wait of [0, 10, 40, 120]) {
    const tab = await visit(context);
    const before = await tab.evaluate(async () => {
      window.store = await window.rvf.create({ dimension: 64, name: 'cut' });
      await window.store.insertBatch(window.vectors(8_000, 2));
      return window.store.size - 8_000;
    });
    await tab.evaluate(() => void window.store.persist());
    await new Promise((resolve) => setTimeout(resolve, wait));
    await tab.close();
    const next = await visit(context);
    const size = await next.evaluate(async () => {
      const store = await window.rvf.create({ dimension: 64, name: 'cut' });
      const { hits } = await store.search({ vector: window.vectors(1, 5), exact: true });
      if (hits.length !== 10) throw new Error(`${hits.length} hits`);
      const { size } = store;
      await store.close();
      return size;
    });
    assert.ok(size === before || size === before + 8_000, `${size} rows after ${before}`);
    seen.add(size > before);
    await next.close();
  }
  assert.ok(seen.has(false), 'some writes were cut short');
  await context.close();
});

test('two tabs do not write over each other', async () => {
  const context = await browser.newContext();
  const tabs = [await visit(context), await visit(context)];
  const open = (tab) => tab.evaluate(async () => { window.store = await window.rvf.create({ dimension: 64, name: 'both' }); });
  for (const tab of tabs) await open(tab);
  const persist = (tab) => tab.evaluate(async () => {
    await window.store.insertBatch(window.vectors(3, 1));
    try {
      await window.store.persist();
      return 'kept';
    } catch (error) {
      return error.code;
    }
  });
  assert.equal(await persist(tabs[0]), 'kept');
  assert.equal(await persist(tabs[1]), 'CHANGED');
  await open(tabs[1]);
  assert.equal(await persist(tabs[1]), 'kept');
  assert.equal(await persist(tabs[0]), 'CHANGED');
  await context.close();
});

for (const where of ['OPFS', 'IndexedDB']) {
  test(`a kept store that can not be opened can be removed: ${where}`, async () => {
    const context = await browser.newContext();
    if (where === 'IndexedDB') await context.addInitScript(() => { delete FileSystemFileHandle.prototype.createWritable; });
    const tab = await visit(context);
    const size = await tab.evaluate(async () => {
      const { create, destroy } = window.rvf;
      const store = await create({ dimension: 64, name: 'old', run: 'inline' });
      await store.insertBatch(window.vectors(3, 1));
      await store.persist();
      await store.close();
      const why = await create({ dimension: 32, name: 'old', run: 'inline' }).catch((error) => error.message);
      if (!/destroy\(name\)/u.test(why)) throw new Error(why);
      await destroy('old');
      return (await create({ dimension: 32, name: 'old', run: 'inline' })).size;
    });
    assert.equal(size, 0);
    await context.close();
  });
}
