#!/usr/bin/env node
// What a distant file costs: dependent rounds, bytes and wall time to the first answer and for later ones, over HTTP/1.1 with the six
// connections that a browser opens, from a server that adds a delay to each request.
//   node bench/remote.mjs FILE.rvf QUERIES.npy [DELAY_MS = 50] [QUERIES = 20]
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { open } from '../dist/index.js';
import { readNpy } from '../../../harness/npy.mjs';
import { serve } from '../test/helpers.mjs';

const [path, queriesPath, delay = '50', count = '20'] = process.argv.slice(2);
if (!queriesPath) throw new Error('usage: node bench/remote.mjs FILE.rvf QUERIES.npy [DELAY_MS] [QUERIES]');
const vectors = readNpy(readFileSync(queriesPath)).slice(0, Number(count)), bytes = readFileSync(path);
const server = await serve(bytes, { delay: Number(delay) });

// A browser's six connections to one server.
let free = 6;
const waiting = [];
const six = async (input, init) => {
  if (free > 0) free--;
  else await new Promise((resolve) => waiting.push(resolve));
  try {
    const response = await fetch(input, init);
    // A connection is free again when the answer is read, not when it begins.
    return new Response(await response.arrayBuffer(), response);
  } finally {
    const next = waiting.shift();
    if (next) next(); else free++;
  }
};
const took = async (what) => {
  const before = performance.now();
  return [await what(), performance.now() - before];
};
const line = (what, { rounds, bytes: read, requests }, ms) => console.log(`${what.padEnd(24)} ${String(rounds).padStart(4)} rounds ${(read / 1000).toFixed(0).padStart(7)} kB ${String(requests).padStart(5)} requests ${ms.toFixed(0).padStart(6)} ms`);
const less = (a, b) => ({ rounds: a.rounds - b.rounds, bytes: a.bytes - b.bytes, requests: a.requests - b.requests });

console.log(`${path}: ${bytes.length} bytes; ${delay} ms a request; Node ${process.version}, ${cpus()[0]?.model}`);
const firsts = [];
for (const vector of vectors.slice(0, 5)) {
  const [file, opened] = await took(() => open(server.url, { run: 'inline', fetch: six })), at = file.traffic();
  const [, searched] = await took(() => file.search({ vector }));
  firsts.push({ at, all: file.traffic(), opened, searched });
  await file.close();
}
const mean = (values) => values.reduce((sum, x) => sum + x, 0) / values.length;
const means = (traffics) => Object.fromEntries(['rounds', 'bytes', 'requests'].map((key) => [key, Math.round(mean(traffics.map((one) => one[key])))]));
line('open', means(firsts.map(({ at }) => at)), mean(firsts.map(({ opened }) => opened)));
line('first answer, with open', means(firsts.map(({ all }) => all)), mean(firsts.map(({ opened, searched }) => opened + searched)));

const file = await open(server.url, { run: 'inline', fetch: six });
await file.search({ vector: vectors[0] });
const later = [];
for (const vector of vectors.slice(1)) {
  const before = file.traffic(), [, ms] = await took(() => file.search({ vector }));
  later.push({ ...less(file.traffic(), before), ms });
}
line('a later answer, mean', means(later), mean(later.map(({ ms }) => ms)));
const most = later.reduce((a, b) => (b.bytes > a.bytes ? b : a));
line('a later answer, most', most, most.ms);
await file.close();
server.close();
