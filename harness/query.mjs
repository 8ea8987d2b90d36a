#!/usr/bin/env node
// node harness/query.mjs FILE QUERIES.npy [-k 10] [--recall 0.95 | --slack S | --exact] [--build auto|simd|scalar]
// Prints one JSON object a query, like `rvf query --json`.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { RvfFile } from './rvf.mjs';
import { readNpy } from './npy.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { k: { type: 'string', short: 'k', default: '10' }, recall: { type: 'string', default: '0.95' }, slack: { type: 'string' }, exact: { type: 'boolean' }, build: { type: 'string', default: 'auto' }, window: { type: 'string', default: '1048576' } },
});
if (positionals.length !== 2) {
  console.error('usage: node harness/query.mjs FILE QUERIES.npy [-k 10] [--recall 0.95 | --slack S | --exact] [--build auto|simd|scalar] [--window BYTES]');
  process.exit(2);
}
try {
  const kernel = new RvfFile(positionals[0]).kernel({ build: values.build, window: Number(values.window) });
  const queries = readNpy(readFileSync(positionals[1]));
  queries.forEach((vector, query) => {
    const start = performance.now();
    const hits = kernel.search(vector, { k: Number(values.k), recall: Number(values.recall), slack: values.slack === undefined ? undefined : Number(values.slack), exact: values.exact });
    console.log(JSON.stringify({ query, hits, engine: kernel.engine, micros: Math.round((performance.now() - start) * 1000) }));
  });
} catch (error) {
  console.error(`rvf harness: ${error.message}`);
  process.exit(1);
}
