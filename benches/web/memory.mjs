#!/usr/bin/env node
// How much memory a tab takes to search a file of a gigabyte, chosen by the picker of files, in a headless Chromium; see README.md.
//   node benches/web/memory.mjs [--rows 2100000] [--queries 100] [--rvf PROGRAM] [--file FILE.rvf] [--most 256]
// It makes the file first (vectors around centres, by seed), which takes a few minutes and twice the room on the disk, and removes it at the
// end. It fails where the tab grew by more than `most` MB.
import { execFileSync } from 'node:child_process';
import { closeSync, createReadStream, existsSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { temporaryFolder } from '../../harness/test/folder.mjs';

const here = dirname(fileURLToPath(import.meta.url)), root = join(here, '..', '..'), MB = 1e6, DIMENSION = 384, CENTRES = 4096;
const { values: options } = parseArgs({ options: { rows: { type: 'string', default: '2100000' }, queries: { type: 'string', default: '100' }, rvf: { type: 'string', default: join(root, 'target', 'release', 'rvf') }, file: { type: 'string' }, most: { type: 'string', default: '256' } } });
const dist = join(root, 'pwa-loader', 'lib', 'dist');
if (process.platform !== 'linux') throw new Error('the memory of a process is read from /proc: this runs on Linux');
if (!existsSync(join(dist, 'index.js'))) throw new Error('rvf-web is not built: run `npm install --no-package-lock && npm run build` in pwa-loader/lib first');
if (!options.file && !existsSync(options.rvf)) throw new Error(`there is no program at ${options.rvf}: run \`cargo build --release -p rvf-cli\` first, or name one by --rvf`);
const executablePath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
if (!executablePath) throw new Error('there is no Chromium: install it (on Debian `apt-get install chromium`), or name one in CHROMIUM');
const { chromium } = createRequire(join(root, 'pwa-loader', 'package.json'))('playwright-core');

const folder = temporaryFolder('rvf-web-memory-');

// Marsaglia's xorshift of 32 bits.
let state = 1;
const random = () => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
};
/** A component, bell-shaped enough: the sum of four even ones, of a mean of 0. */
const bell = (most) => (((random() & 255) + (random() & 255) + (random() & 255) + (random() & 255) - 510) * most) / 510;

/** Rows around centres, packed. Noise is taken from a long run of it, at a place of each row's own. */
function made() {
  const count = Number(options.rows), source = join(folder, 'rows.npy'), file = join(folder, 'large.rvf');
  const centres = Int8Array.from({ length: CENTRES * DIMENSION }, () => bell(60)), noise = Int8Array.from({ length: 1 << 20 }, () => bell(60));
  const header = `{'descr': '|i1', 'fortran_order': False, 'shape': (${count}, ${DIMENSION}), }`.padEnd(117), out = openSync(source, 'w');
  writeSync(out, Buffer.concat([Buffer.from('\x93NUMPY\x01\0\x76\0', 'latin1'), Buffer.from(`${header}\n`)]));
  const RUN = 8192, rows = new Int8Array(RUN * DIMENSION);
  for (let from = 0; from < count; from += RUN) {
    const some = Math.min(RUN, count - from);
    for (let r = 0; r < some; r++) {
      const centre = (random() % CENTRES) * DIMENSION, at = random() % (noise.length - DIMENSION);
      for (let d = 0; d < DIMENSION; d++) rows[r * DIMENSION + d] = centres[centre + d] + noise[at + d];
    }
    writeSync(out, rows, 0, some * DIMENSION);
  }
  closeSync(out);
  const start = performance.now();
  execFileSync(options.rvf, ['pack', source, '-o', file, '--lists', '512', '--quiet'], { stdio: 'inherit' });
  console.error(`packed in ${((performance.now() - start) / 1000).toFixed(0)} s`);
  rmSync(source);
  return file;
}
const file = options.file ?? made(), { size } = statSync(file);

const server = createServer((request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url, 'http://any').pathname)), code = join(dist, path.slice(5));
  if (path === '/') return response.setHeader('content-type', 'text/html').end('<!doctype html><title>memory</title><link rel="icon" href="data:,"><input type="file">');
  if (!path.startsWith('/lib/') || extname(path) !== '.js' || !existsSync(code)) return response.writeHead(404).end();
  response.setHeader('content-type', 'text/javascript');
  createReadStream(code).pipe(response);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

/** What the renderers hold together, in bytes (the tab's, and one that stands by): `own` is what no file stands behind. */
async function held(session) {
  const { processInfo } = await session.send('SystemInfo.getProcessInfo'), sum = { all: 0, own: 0 };
  for (const { id } of processInfo.filter(({ type }) => type === 'renderer')) {
    const status = readFileSync(`/proc/${id}/status`, 'utf8'), bytes = (name) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
    sum.all += bytes('VmRSS');
    sum.own += bytes('RssAnon') + bytes('RssShmem');
  }
  return sum;
}

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
let failed = false;
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.setInputFiles('input', file);
  const session = await browser.newBrowserCDPSession(), before = await held(session), peak = { ...before };
  let looking = true;
  const looks = (async () => {
    for (; looking; await new Promise((resolve) => setTimeout(resolve, 20))) {
      const { all, own } = await held(session);
      peak.all = Math.max(peak.all, all);
      peak.own = Math.max(peak.own, own);
    }
  })();
  const said = await page.evaluate(async ([count, dimension]) => {
    const { open } = await import('/lib/index.js'), start = performance.now(), opened = await open(document.querySelector('input').files[0]), openMs = performance.now() - start, { rows, residency, engine } = opened.info(), times = [];
    let found = 0;
    for (let q = 0; q < count; q++) {
      // A row's vector with something added: a query that has neighbours, each in another part of the file.
      const { vector } = await opened.row(Math.floor((q + 0.5) * rows / count)), before = performance.now();
      const { hits } = await opened.search({ vector: vector.map((x, d) => x + ((d * 7 + q) % 5) - 2), k: 10 });
      times.push(performance.now() - before);
      found += hits.length;
    }
    return { rows, residency, engine, found, openMs, first: times[0], median: times.toSorted((a, b) => a - b)[count >> 1], read: opened.traffic().bytes, dimension };
  }, [Number(options.queries), DIMENSION]);
  looking = false;
  await looks;
  const mb = (bytes) => `${(bytes / MB).toFixed(0)} MB`, grown = peak.own - before.own;
  console.log(`${mb(size)}, ${said.rows.toLocaleString('en')} × ${said.dimension}; ${said.residency}, ${said.engine}; Chromium ${browser.version()}, ${cpus()[0]?.model}`);
  console.log(`opened in ${said.openMs.toFixed(0)} ms; ${options.queries} queries, ${said.found} hits, the first ${said.first.toFixed(0)} ms, median ${said.median.toFixed(1)} ms; ${mb(said.read)} read`);
  console.log(`the tab: ${mb(before.own)} of its own memory before (${mb(before.all)} with what is mapped), ${mb(peak.own)} at most (${mb(peak.all)}): grown by ${mb(grown)}`);
  if (said.found !== 10 * Number(options.queries)) throw new Error('a query found fewer than ten');
  failed = grown > Number(options.most) * MB;
  if (failed) console.error(`more than ${options.most} MB`);
} finally {
  await browser.close();
  server.close();
}
process.exitCode = failed ? 1 : 0;
