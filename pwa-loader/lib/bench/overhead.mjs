#!/usr/bin/env node
// What the library adds to its kernel: the same queries through `search`, and through bare calls of the same instance, in turns in one
// process. Of each query the least time counts, so that what else runs does not.
//   node bench/overhead.mjs FILE.rvf QUERIES.npy [QUERIES = 200] [ROUNDS = 40]
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { open } from '../dist/index.js';
import { readNpy } from '../../../harness/npy.mjs';

const [path, queriesPath, count = '200', rounds = '40'] = process.argv.slice(2), K = 10;
if (!queriesPath) throw new Error('usage: node bench/overhead.mjs FILE.rvf QUERIES.npy [QUERIES] [ROUNDS]');
const queries = readNpy(readFileSync(queriesPath)).slice(0, Number(count)).map((vector) => Float32Array.from(vector)), bytes = new Uint8Array(readFileSync(path));

// The module's calls are noted once: where its parameters, its query and its hits stand. Then it gets its own functions back.
const calls = {}, { Instance } = WebAssembly, NOTED = ['rvf_begin', 'rvf_results', 'rvf_stats'];
let kernel, given;
WebAssembly.Instance = class {
  constructor(module, imports) {
    const { exports } = new Instance(module, imports);
    this.exports = exports;
    if (!exports.rvf_step) return;
    kernel = exports;
    const noted = (name) => (...args) => { calls[name] = args; return exports[name](...args); };
    this.exports = given = { ...exports, ...Object.fromEntries(NOTED.map((name) => [name, noted(name)])) };
  }
};
const file = await open(bytes, { run: 'inline', residency: 'resident' });
WebAssembly.Instance = Instance;
await file.search({ vector: queries[0], k: K });
for (const name of NOTED) given[name] = kernel[name];
const [context, params, at, state, length] = calls.rvf_begin, [, hits] = calls.rvf_results, [, stats] = calls.rvf_stats, memory = new Float32Array(kernel.memory.buffer);
const bare = (vector) => {
  memory.set(vector, at >>> 2);
  kernel.rvf_begin(context, params, at, state, length);
  if (kernel.rvf_step(state) !== 0) throw new Error('the file is not resident');
  kernel.rvf_results(state, hits, K);
  kernel.rvf_stats(state, stats);
};

const least = { kernel: new Float64Array(queries.length).fill(Infinity), library: new Float64Array(queries.length).fill(Infinity) };
const note = (times, q, before) => { times[q] = Math.min(times[q], Number(process.hrtime.bigint() - before) / 1000); };
for (let r = 0; r < Number(rounds); r++) {
  for (let q = 0; q < queries.length; q++) {
    const before = process.hrtime.bigint();
    bare(queries[q]);
    note(least.kernel, q, before);
  }
  for (let q = 0; q < queries.length; q++) {
    const before = process.hrtime.bigint();
    await file.search({ vector: queries[q], k: K });
    note(least.library, q, before);
  }
}
const mean = (values) => values.reduce((sum, x) => sum + x, 0) / values.length, [alone, all] = [mean(least.kernel), mean(least.library)];
console.log(`${path}: kernel ${alone.toFixed(1)} µs, library ${all.toFixed(1)} µs, so it adds ${(all - alone).toFixed(1)} µs a query; ${queries.length} queries, the least of ${rounds} times; Node ${process.version}, ${cpus()[0]?.model}`);
await file.close();
