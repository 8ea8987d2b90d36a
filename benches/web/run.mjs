#!/usr/bin/env node
// Times rvf-web beside the vector searches of npm, in one page of a headless Chromium, on one thread; see README.md.
//   node benches/web/run.mjs DATA [--rows 10000,50000] [--queries 1000] [--rounds 3] [--rvf PROGRAM] [--json FILE] [--only rvf,hnswlib,edgevec,ruvector]
import { execFileSync } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { cpus, loadavg } from 'node:os';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { readNpy } from '../../harness/npy.mjs';
import { temporaryFolder } from '../../harness/test/folder.mjs';

const here = dirname(fileURLToPath(import.meta.url)), root = join(here, '..', '..'), peers = join(root, 'target', 'web-peers');
const PEERS = { 'hnswlib-wasm': '0.8.2', edgevec: '0.9.0', '@ruvector/rvf-wasm': '0.1.9', 'playwright-core': '1.65.1' };
const K = 10, WANTED = 0.95;
const { values: options, positionals: [data] } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string', default: '10000,50000' }, queries: { type: 'string', default: '1000' }, rounds: { type: 'string', default: '3' },
    rvf: { type: 'string', default: join(root, 'target', 'release', 'rvf') }, json: { type: 'string' }, only: { type: 'string' },
  },
});
if (!data) throw new Error('usage: node benches/web/run.mjs DATA [--rows 10000,50000] [--queries 1000] [--rounds 3] [--rvf PROGRAM] [--json FILE]; DATA holds base.*.npy and queries.*.npy');
if (!existsSync(join(root, 'pwa-loader/lib/dist/index.js'))) throw new Error('rvf-web is not built: run `npm install --no-package-lock && npm run build` in pwa-loader/lib first');
if (!existsSync(options.rvf)) throw new Error(`there is no program at ${options.rvf}: run \`cargo build --release -p rvf-cli\` first, or name one by --rvf`);

// The peers, at their versions.
mkdirSync(peers, { recursive: true });
const installed = (name) => existsSync(join(peers, 'node_modules', name, 'package.json')) && JSON.parse(readFileSync(join(peers, 'node_modules', name, 'package.json'), 'utf8')).version;
if (Object.entries(PEERS).some(([name, version]) => installed(name) !== version)) {
  console.error('installing the peers from npm into target/web-peers');
  writeFileSync(join(peers, 'package.json'), '{ "private": true }\n');
  execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', '--no-package-lock', ...Object.entries(PEERS).map((peer) => peer.join('@'))], { cwd: peers, stdio: 'inherit' });
}

// Rows and queries, each of length 1. A smaller set is every so-manieth row of the largest, since neighbouring rows are often alike.
const found = (start) => join(data, readdirSync(data).find((name) => name.startsWith(start) && name.endsWith('.npy')) ?? `${start}*.npy`);
const sizes = options.rows.split(',').map(Number), folder = temporaryFolder('rvf-web-bench-');
const unit = (vector) => {
  const length = Math.hypot(...vector);
  return vector.map((x) => x / length);
};
const flat = (vectors) => {
  const all = new Float32Array(vectors.length * vectors[0].length);
  vectors.forEach((vector, i) => all.set(vector, i * vector.length));
  return all;
};
const everyRow = readNpy(readFileSync(found('base.'))), dimension = everyRow[0].length;
const sample = (count) => flat(Array.from({ length: count }, (_, i) => unit(everyRow[Math.floor(i * everyRow.length / count)])));
const queries = readNpy(readFileSync(found('queries.'))).slice(0, Number(options.queries)).map(unit);
let base;
const bytesOf = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
const similarity = (query, row) => {
  let sum = 0;
  for (let d = 0, at = row * dimension; d < dimension; d++) sum += query[d] * base[at + d];
  return sum;
};
/** The similarity of the K-th nearest for each query: what is at least as near is a hit. */
const thresholds = (count) => queries.map((query) => {
  const best = new Float64Array(K).fill(-Infinity);
  for (let row = 0; row < count; row++) {
    const s = similarity(query, row);
    if (s <= best[K - 1]) continue;
    let at = K - 1;
    while (at > 0 && best[at - 1] < s) best[at] = best[--at];
    best[at] = s;
  }
  return best[K - 1];
});
const recall = (answers, limits) => answers.reduce((sum, rows, q) => sum + Math.min(K, new Set(rows.filter((row) => similarity(queries[q], row) >= limits[q] - 1e-6)).size), 0) / (K * answers.length);

/** A file of the rows, packed as `rvf pack` does it unless told. */
function packed(count) {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${count}, ${dimension}), }`.padEnd(117), source = join(folder, `${count}.npy`), file = join(folder, `${count}.rvf`);
  writeFileSync(source, Buffer.concat([Buffer.from('\x93NUMPY\x01\0\x76\0', 'latin1'), Buffer.from(`${header}\n`), bytesOf(base)]));
  execFileSync(options.rvf, ['pack', source, '-o', file, '--metric', 'cosine', '--quiet']);
  return file;
}

// A server for the page, which notes what code is asked of it.
const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' }, code = new Map();
const queryBytes = flat(queries);
const server = createServer((request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url, 'http://any').pathname));
  if (path === '/') return response.setHeader('content-type', 'text/html').end('<!doctype html><title>bench</title><link rel="icon" href="data:,">');
  if (path === '/data/base') return response.end(bytesOf(base));
  if (path === '/data/queries') return response.end(bytesOf(queryBytes));
  if (path.startsWith('/data/rvf/')) return createReadStream(join(folder, `${Number(path.slice(10))}.rvf`)).pipe(response);
  const [, first, rest] = /^\/((?:@[^/]+\/)?[^/]+)\/(.*)$/.exec(path) ?? [];
  const under = first === 'bench' ? here : first === 'rvf-web' ? join(root, 'pwa-loader', 'lib') : first in PEERS ? join(peers, 'node_modules', first) : undefined;
  const file = under && join(under, rest);
  if (!file || !TYPES[extname(file)] || !existsSync(file)) return response.writeHead(404).end();
  if (first !== 'bench') code.set(path, { package: first, file });
  response.setHeader('content-type', TYPES[extname(file)]);
  createReadStream(file).pipe(response);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

/**
 * The microseconds at the wanted recall, between the two settings around it, in the logarithm of the misses; where all settings reach it, the
 * fastest; nothing where none does. Of an engine that searches in several ways, by the fastest.
 */
function atRecall(settings) {
  const ways = [...new Set(settings.map(({ way }) => way))].map((way) => settings.filter((one) => one.way === way));
  return ways.map(alongOneWay).filter(Boolean).sort((a, b) => a.micros - b.micros)[0];
}
function alongOneWay(settings) {
  // Without those that another one beats in both.
  const curve = settings.filter((a) => !settings.some((b) => b !== a && b.recall >= a.recall && b.micros < a.micros)).sort((a, b) => a.recall - b.recall);
  const misses = (r) => Math.log(Math.max(1 - r, 1e-6)), next = curve.findIndex((point) => point.recall >= WANTED);
  if (next < 0) return undefined;
  if (next === 0) return { micros: curve[0].micros, setting: curve[0].setting };
  const [a, b] = [curve[next - 1], curve[next]], share = (misses(WANTED) - misses(a.recall)) / (misses(b.recall) - misses(a.recall));
  return { micros: Math.exp(Math.log(a.micros) + share * (Math.log(b.micros) - Math.log(a.micros))), setting: `${a.setting} … ${b.setting}` };
}
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

const { chromium } = await import(join(peers, 'node_modules', 'playwright-core', 'index.mjs'));
const executablePath = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'].find(existsSync);
if (!executablePath) throw new Error('there is no Chromium: install it (on Debian `apt-get install chromium`), or name one in CHROMIUM');
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });

async function measure(count) {
  base = sample(count);
  const file = packed(count), limits = thresholds(count);
  // A page of its own for each size: no engine inherits memory.
  const context = await browser.newContext(), page = await context.newPage();
  page.on('console', (message) => message.text().startsWith('bench: ') && console.error(message.text().slice(7)));
  page.on('pageerror', (error) => console.error(`in the page: ${error}`));
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const call = (name, ...args) => page.evaluate(async ([name, args]) => (await import('/bench/page.mjs'))[name](...args), [name, args]);
  const made = await call('build', count, dimension, options.only?.split(','));
  const rows = (await call('answers', K)).map(({ engine, way, setting, found }) => ({ engine, way, setting, recall: recall(found, limits), asked: found.length, micros: [] }));
  const loads = new Map(made.map(({ engine }) => [engine, []]));
  for (let r = 0; r < Number(options.rounds); r++) {
    const { times, loads: ms } = await call('round', K);
    for (const time of times) rows.find((row) => row.engine === time.engine && row.setting === time.setting).micros.push(time.micros);
    for (const load of ms) loads.get(load.engine).push(load.ms);
  }
  await context.close();
  const settings = rows.map((row) => ({ ...row, recall: Number(row.recall.toFixed(4)), micros: Number(median(row.micros).toFixed(1)) }));
  const engines = made.map(({ engine, mode, insertMs, readyMs, savedBytes, note }) => {
    const at = atRecall(settings.filter((setting) => setting.engine === engine));
    return {
      engine, mode, micros_at_recall: at && Number(at.micros.toFixed(1)), setting: at?.setting, load_ms: loads.get(engine).length ? Number(median(loads.get(engine)).toFixed(1)) : undefined, note,
      ...(insertMs && { insert_per_s: Math.round(count / insertMs * 1000), insert_with_index_per_s: Math.round(count / readyMs * 1000), ready_ms: Math.round(readyMs) }), bytes_saved: engine === 'rvf-web' ? statSync(file).size : savedBytes,
    };
  });
  const mine = engines.find(({ engine }) => engine === 'rvf-web')?.micros_at_recall;
  for (const engine of engines) engine.times_rvf = mine && engine.micros_at_recall && Number((engine.micros_at_recall / mine).toFixed(2));
  return { rows: count, dimension, metric: 'cosine', queries: queries.length, k: K, recall: WANTED, rounds: Number(options.rounds), chromium: browser.version(), load_average: loadavg().map((x) => Number(x.toFixed(2))), engines, settings };
}

function cpu() {
  const info = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  return `${cpus()[0]?.model ?? process.arch} ${['avx512_vpopcntdq', 'avx2', 'asimd'].find((name) => info.includes(name)) ?? ''}`.trim();
}

/** What the page has asked for, by package. */
function codeSizes() {
  const sizes = {};
  for (const { package: name, file } of code.values()) {
    const bytes = readFileSync(file), part = name === 'rvf-web' && file.endsWith('.wasm') ? 'rvf-web, the builder of its store' : name;
    const sum = (sizes[part] ??= { files: 0, bytes: 0, gzip: 0 });
    sum.files++;
    sum.bytes += bytes.length;
    sum.gzip += gzipSync(bytes, { level: 9 }).length;
  }
  return sizes;
}

const measured = [];
try {
  for (const count of sizes) {
    const result = await measure(count);
    measured.push(result);
    if (options.json) writeFileSync(options.json, `${JSON.stringify({ cpu: cpu(), versions: { ...PEERS, 'playwright-core': undefined }, code: codeSizes(), sets: measured }, null, 1)}\n`);
    console.log(`\n${count.toLocaleString('en')} × ${dimension}, cosine, ${result.queries} queries, k = ${K}, recall ${WANTED}; Chromium ${result.chromium}, one thread; ${cpu()}; load ${result.load_average[0]}`);
    console.log('engine                µs a query   rvf = 1   first answer   rows/s inserted   with index   bytes saved   between');
    for (const e of result.engines) {
      console.log(`${e.engine.padEnd(20)} ${String(e.micros_at_recall ?? '—').padStart(11)} ${(e.times_rvf ? `${e.times_rvf.toFixed(2)}×` : '—').padStart(9)} ${(e.load_ms === undefined ? '—' : `${e.load_ms} ms`).padStart(14)} `
        + `${(e.insert_per_s?.toLocaleString('en') ?? '—').padStart(17)} ${(e.insert_with_index_per_s?.toLocaleString('en') ?? '—').padStart(12)} ${(e.bytes_saved?.toLocaleString('en') ?? '—').padStart(13)}   ${e.setting ?? 'not reached'}`);
      if (e.note) console.log(`  ${e.note}${e.ready_ms ? `; to its first answer it takes as long as its build, ${(e.ready_ms / 1000).toFixed(1)} s` : ''}`);
    }
    for (const s of result.settings) console.log(`  ${s.engine.padEnd(20)} ${s.setting.padEnd(28)} ${s.recall.toFixed(4)} ${s.micros.toFixed(1).padStart(10)} µs`);
  }
} finally {
  await browser.close();
  server.close();
}

const sizeOf = codeSizes();
console.log('\ncode as downloaded                    files      bytes    gzipped');
for (const [name, { files, bytes, gzip }] of Object.entries(sizeOf)) console.log(`${name.padEnd(36)} ${String(files).padStart(6)} ${bytes.toLocaleString('en').padStart(10)} ${gzip.toLocaleString('en').padStart(10)}`);
