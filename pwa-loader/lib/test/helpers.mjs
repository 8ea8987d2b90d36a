// What the tests share: where things are, the program to compare with, a server.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readNpy } from '../../../harness/npy.mjs';
import { temporaryFolder } from '../../../harness/test/folder.mjs';

export { readNpy };
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
export const sample = join(root, 'samples', 'wordnet-8k'), base = join(sample, 'base.i8.npy');
export const folder = temporaryFolder('rvf-web-');

/** `rvf`: the one that RVF names, or the build of this checkout. */
export const rvf = process.env.RVF ?? ['release', 'debug'].map((profile) => join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), profile, 'rvf')).find(existsSync);
export function run(args, input) {
  if (!rvf) throw new Error('no rvf to compare with: run `cargo build --release -p rvf-cli` first, or set RVF');
  return execFileSync(rvf, args, { encoding: 'utf8', maxBuffer: 1 << 28, input });
}
export const lines = (text) => text.trimEnd().split('\n').map((line) => JSON.parse(line));

export const queries = readNpy(readFileSync(join(sample, 'queries.i8.npy')));
export const ids = readFileSync(join(sample, 'ids.txt'), 'utf8').trimEnd().split('\n');

const packed = new Map();
/** The sample, packed; the same file for the same options. */
export function pack(...options) {
  const key = options.join(' ');
  if (!packed.has(key)) {
    const path = join(folder, `${packed.size}.rvf`);
    run(['pack', base, '-o', path, '--ids', join(sample, 'ids.txt'), ...options]);
    packed.set(key, path);
  }
  return packed.get(key);
}

/**
 * A static server for one file. `behave` may change how it behaves while it runs: `ranges`, `etag`, `delay` in milliseconds,
 * `encoding`, `suffix` (whether it knows ranges that count from the end), `status`.
 */
export function serve(bytes, behave = {}) {
  const server = { bytes, ranges: true, suffix: true, etag: '"one"', delay: 0, encoding: undefined, status: undefined, requests: 0, sent: 0, log: [], ...behave };
  const http = createServer((request, response) => {
    server.requests++;
    server.log.push(request.headers);
    setTimeout(() => answer(server, request, response), server.delay);
  });
  // A test that failed before it closed its server must not keep the run from ending.
  http.unref();
  return new Promise((resolve) => http.listen(0, '127.0.0.1', () => resolve(Object.assign(server, {
    url: `http://127.0.0.1:${http.address().port}/file.rvf`,
    close: () => {
      http.closeAllConnections();
      http.close();
    },
  }))));
}

function answer(server, request, response) {
  const { bytes } = server, headers = { 'accept-ranges': 'bytes', ...(server.etag ? { etag: server.etag } : {}), ...(server.encoding ? { 'content-encoding': server.encoding } : {}) };
  if (server.status) return response.writeHead(server.status, headers).end();
  const wanted = request.headers['if-match'];
  if (wanted && wanted !== server.etag) return response.writeHead(412, headers).end();
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec((server.ranges && request.headers.range) || '') ?? [];
  if (from === undefined || (from === '' && !server.suffix)) {
    server.sent += bytes.length;
    return response.writeHead(200, { ...headers, 'content-length': bytes.length }).end(bytes);
  }
  const first = from === '' ? Math.max(0, bytes.length - Number(to)) : Number(from), last = from === '' || to === '' ? bytes.length - 1 : Math.min(Number(to), bytes.length - 1);
  if (first > last) return response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
  const body = bytes.subarray(first, last + 1);
  server.sent += body.length;
  return response.writeHead(206, { ...headers, 'content-range': `bytes ${first}-${last}/${bytes.length}`, 'content-length': body.length }).end(body);
}
