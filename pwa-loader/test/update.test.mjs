// The page on a plain static server, which sends no headers of its own: it works, works offline, and a new version never changes
// a page that is open.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, createReadStream, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { after, test } from 'node:test';
import { closeBrowser, folder, hits, offlineReady, page, pick, searchVector, visit, watched, wordnet } from './support/env.mjs';

after(closeBrowser);
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.png': 'image/png', '.webmanifest': 'application/manifest+json', '.wasm': 'application/wasm' };

/** Serves a folder under /app/, as a project's page on a shared host is; with `clean`, its index.html has one address alone. */
async function host(site, { clean = false } = {}) {
  const server = createServer((request, response) => {
    if (clean && request.url === '/app/index.html') return response.writeHead(308, { location: '/app/' }).end();
    const path = new URL(request.url, 'http://localhost').pathname.replace(/^\/app\//u, '').replace(/^$/u, 'index.html'), file = join(site, path);
    if (!existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/app/`, stop: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }) };
}

/** Makes another version of the page in a folder: its headline changes, and with it the list of the service worker. */
function release(site, headline) {
  const path = join(site, 'index.html'), before = readFileSync(path);
  writeFileSync(path, readFileSync(path, 'utf8').replace(/<h1>.*?<\/h1>/su, `<h1>${headline}</h1>`));
  const integrity = (bytes) => `sha256-${createHash('sha256').update(bytes).digest('base64')}`;
  const worker = readFileSync(join(site, 'sw.js'), 'utf8');
  writeFileSync(join(site, 'sw.js'), worker.replace(integrity(before), integrity(readFileSync(path))).replace(/"version": "\w+"/u, `"version": "${headline.replace(/\W/gu, '')}"`));
}

test('a new version waits until it is asked for, and for other tabs; then it comes whole', async () => {
  const site = join(folder, 'site');
  cpSync(page, site, { recursive: true });
  const server = await host(site);
  const { context, tab } = await visit(server.url);
  await offlineReady(tab);
  await pick(tab, wordnet());
  const other = await watched(context);
  await other.goto(server.url);

  release(site, 'Second version');
  await tab.evaluate(async () => (await navigator.serviceWorker.ready).update());
  await tab.waitForSelector('#update button');
  // What is open stays as it is, and goes on working.
  assert.equal((await searchVector(tab, new Float32Array(384).fill(0.1))).length, 10);
  const third = await watched(context);
  await third.goto(server.url);
  assert.doesNotMatch(await third.textContent('#start h1'), /Second/u, 'no mix of versions');
  await third.close();

  await tab.click('#update button');
  await tab.waitForSelector('#update:has-text("another tab")');
  assert.equal((await hits(tab)).length, 10);
  await other.close();

  await tab.reload();
  await tab.click('#update button');
  await tab.waitForSelector('h1:has-text("Second version")');
  const caches = await tab.evaluate(async () => (await window.caches.keys()).filter((name) => name.startsWith('rvf-page-')));
  assert.deepEqual(caches, ['rvf-page-Secondversion']);
  await server.stop();
  await tab.reload();
  assert.equal(await tab.textContent('#start h1'), 'Second version');
  await pick(tab, wordnet());
  assert.deepEqual(tab.wrongs, []);
  await context.close();
});

test('a version of which one file is not the one it was built with is not taken', async () => {
  const site = join(folder, 'mixed');
  cpSync(page, site, { recursive: true });
  const server = await host(site);
  const { context, tab } = await visit(server.url);
  await offlineReady(tab);
  release(site, 'Third version');
  writeFileSync(join(site, 'page.css'), 'body { color: red }');
  await assert.rejects(tab.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    await registration.update();
    const { installing } = registration;
    await new Promise((resolve, reject) => installing.addEventListener('statechange', () => (installing.state === 'redundant' ? reject(new Error('refused')) : installing.state === 'installed' && resolve())));
  }), /refused/u);
  await server.stop();
  await tab.reload();
  assert.doesNotMatch(await tab.textContent('#start h1'), /Third/u);
  await context.close();
});

test('a host that sends index.html on to the folder: later visits work, also offline', async (current) => {
  const server = await host(page, { clean: true });
  current.after(server.stop);
  const { context, tab } = await visit(server.url);
  await offlineReady(tab);
  await tab.reload();
  await server.stop();
  await tab.goto(server.url);
  await pick(tab, wordnet());
  assert.deepEqual(tab.wrongs, []);
  await context.close();
});

test('an address that is spelled another way opens its file, keeps what is asked, and is one step in the history', async (current) => {
  const site = join(folder, 'spelled');
  cpSync(page, site, { recursive: true });
  mkdirSync(join(site, 'files', 'app'), { recursive: true });
  copyFileSync(wordnet(), join(site, 'files', 'app', 'words.rvf'));
  const server = await host(site), { origin } = new URL(server.url);
  current.after(server.stop);
  const { context, tab } = await visit(server.url);
  for (const [given, kept] of [[`${server.url}files/app/words.rvf`, 'files/app/words.rvf'], ['/files/app/words.rvf', '/files/app/words.rvf'], [`${origin}/files/app/words.rvf`, '/files/app/words.rvf']]) {
    await tab.goto(`${server.url}?file=${given}#id=ocean.n&k=3`);
    await tab.waitForSelector('.hits caption:has-text("Near ocean.n")');
    const { search, hash } = new URL(tab.url());
    assert.equal(search + hash, `?file=${kept}#id=ocean.n&k=3`);
    await tab.goBack();
    await tab.waitForSelector('#start', { state: 'visible' });
    assert.equal(tab.url(), server.url);
  }
  assert.deepEqual(tab.wrongs, []);
  await context.close();
});
