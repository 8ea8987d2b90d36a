// What the tests run: the program, a browser, files to open. Nothing is downloaded.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { temporaryFolder } from '../../../harness/test/folder.mjs';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
export const page = join(root, 'pwa-loader', 'prebuilt');
const sample = join(root, 'samples', 'wordnet-8k');
export const base = join(sample, 'base.i8.npy'), ids = join(sample, 'ids.txt'), queries = join(sample, 'queries.i8.npy');

const target = resolve(root, process.env.CARGO_TARGET_DIR || 'target');
export const rvf = process.env.RVF ?? ['release', 'debug'].map((profile) => join(target, profile, 'rvf')).find(existsSync);
if (!rvf) throw new Error('there is no rvf to serve with: run `cargo build --release -p rvf-cli` first, or name one in RVF');

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'];
const browserPath = process.env.CHROMIUM ?? BROWSERS.find(existsSync);
if (!browserPath) throw new Error('there is no Chromium: install it (on Debian `apt-get install chromium`), or name one in CHROMIUM');

export const folder = temporaryFolder('rvf-page-test-');

export const run = (...args) => execFileSync(rvf, args, { encoding: 'utf8', maxBuffer: 1 << 28 });

/** Packs the sample with more options; the path of the file. */
export function pack(name, ...options) {
  const path = join(folder, name);
  run('pack', base, '-o', path, '--quiet', ...options);
  return path;
}

let packed;
/** The sample with its ids, as anybody would pack it. */
export const wordnet = () => (packed ??= pack('wordnet.rvf', '--ids', ids));

const serving = new Set();

/** `rvf serve` with files: its addresses, and its end. */
export async function serve(...files) {
  const child = spawn(rvf, ['serve', '--port', '0', '--json', ...files], { stdio: ['ignore', 'pipe', 'ignore'] });
  serving.add(child);
  child.once('exit', () => serving.delete(child));
  const line = await new Promise((resolve, reject) => {
    createInterface(child.stdout).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`rvf serve ended with code ${code}`)));
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  return {
    ...JSON.parse(line),
    stop: async () => {
      child.kill('SIGINT');
      await ended;
    },
  };
}

// A container has little shared memory, and no sandbox of Chromium's own where everybody is root.
const FLAGS = ['--no-sandbox', '--disable-dev-shm-usage'];
let browser;

/** A fresh browser profile with one tab, which notes what the page must never do. */
export async function visit(url, options = {}) {
  browser ??= await chromium.launch({ executablePath: browserPath, args: FLAGS });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options });
  const tab = await watched(context);
  if (url) await tab.goto(url);
  return { context, tab };
}

/** A tab whose broken rules and failures are kept in `tab.wrongs`. */
export async function watched(context) {
  const tab = await context.newPage();
  tab.wrongs = [];
  await tab.addInitScript(() => addEventListener('securitypolicyviolation', (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`)));
  tab.on('console', (message) => {
    // A server that is gone is not the page's fault.
    if (message.type() === 'error' && !/net::ERR_|status of 4\d\d/u.test(message.text())) tab.wrongs.push(message.text());
  });
  tab.on('pageerror', (error) => tab.wrongs.push(String(error)));
  return tab;
}

/** Ends the browser, and the servers that a failed test left behind. */
export const closeBrowser = async () => {
  for (const child of serving) child.kill('SIGKILL');
  await browser?.close();
  browser = undefined;
};

/** Waits until the page would open without the network. */
export const offlineReady = (tab) => tab.waitForSelector('html[data-offline=ready]');

/** Picks a file with the page's own picker and waits for what comes of it. */
export async function pick(tab, file) {
  await tab.setInputFiles('#pick-file', file);
  await tab.waitForSelector('.file, .failed');
}

export const search = (tab) => tab.click('form.search button:not([type])');

/** What the table shows. */
export const hits = (tab) => tab.$$eval('.hits tbody tr', (rows) => rows.map((row) => ({ row: Number(row.dataset.row), id: row.querySelector('bdi').textContent, distance: Number(row.dataset.distance) })));

/** Searches for a vector, and gives the hits. */
export async function searchVector(tab, vector) {
  await tab.check('input[value=vector]');
  await tab.fill('#search-area', JSON.stringify([...vector]));
  await answered(tab, () => search(tab));
  return hits(tab);
}

/** Does something that searches, and waits for the answer or the error. */
export async function answered(tab, act) {
  await tab.evaluate(() => document.querySelector('.results .hits, .results .problem')?.setAttribute('data-before', ''));
  await act();
  await tab.waitForSelector('.results :is(.hits, .problem):not([data-before]), #search-wrong:not(:empty)', { timeout: 60_000 });
}

/** The hits of `rvf query` for vectors of a file, of text ids or none, as the page shows them; distances as the f32 that they are. */
export function native(file, vectors, count) {
  const lines = run('query', file, '--vectors', vectors, '--json').trimEnd().split('\n').slice(0, count);
  // A file without ids has rows in their place.
  const shown = (id, row) => (typeof id === 'string' ? id : `row ${row.toLocaleString('en-US')}`);
  return lines.map((line) => JSON.parse(line).hits.map(({ row, id, distance }) => ({ row, id: shown(id, row), distance: Math.fround(distance) })));
}
