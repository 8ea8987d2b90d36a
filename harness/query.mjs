#!/usr/bin/env node
// Prints one JSON object a query, like `rvf query --json`; with --get, the vector of an id as stored.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { RvfFile } from './rvf.mjs';
import { readNpy } from './npy.mjs';

const USAGE = `usage: node harness/query.mjs FILE QUERIES.npy | --like ID | --get ID
  [-k 10] [--recall 0.95 | --exact | --probes N --slack S] [--filter IDS.txt] [--build auto|simd|scalar] [--window BYTES]`;
const text = { type: 'string' };
const options = { like: text, get: text, k: { type: 'string', short: 'k', default: '10' }, recall: text, probes: text, slack: text, exact: { type: 'boolean' }, filter: text, build: { type: 'string', default: 'auto' }, window: { type: 'string', default: '1048576' } };

/** A u64 may be beyond what JSON keeps as a number: then it is text. */
const print = (answer) => console.log(JSON.stringify(answer, (_, x) => (typeof x !== 'bigint' ? x : Number.isSafeInteger(Number(x)) ? Number(x) : String(x))));
const number = (x) => (x === undefined ? undefined : Number(x));

try {
  const { values, positionals: [path, vectors, ...rest] } = parseArgs({ allowPositionals: true, options });
  if (!path || rest.length || [vectors, values.like, values.get].filter((x) => x !== undefined).length !== 1) throw new Error(USAGE);
  const file = new RvfFile(path), { ids } = file;
  if (values.get !== undefined) print({ row: ids.row(values.get), id: ids.of(ids.row(values.get)), vector: [...file.get(ids.row(values.get))] });
  else {
    const kernel = file.kernel({ build: values.build, window: Number(values.window) });
    const filter = values.filter && readFileSync(values.filter, 'utf8').split('\n').map((line) => line.trim()).filter(Boolean).map((id) => ids.row(id));
    const wish = { k: Number(values.k), recall: number(values.recall), probes: number(values.probes), slack: number(values.slack), exact: values.exact, filter };
    const answer = (query, search) => {
      const start = performance.now(), hits = search(), micros = Math.round((performance.now() - start) * 1000);
      print({ query, hits: hits.map(({ row, distance }) => ({ row, id: ids.of(row), distance })), engine: kernel.engine, micros });
    };
    if (vectors) readNpy(readFileSync(vectors)).forEach((vector, query) => answer(query, () => kernel.search(vector, wish)));
    else answer(0, () => kernel.like(ids.row(values.like), wish));
  }
} catch (error) {
  console.error(`rvf harness: ${error.message}`);
  process.exit(1);
}
