// How fast the store is, and what it takes: rows a second in, the first search, searches before and after a save, the save,
// reading it again, bytes a vector. Run it on a folder with base.f16.npy and queries.f16.npy:
//
//   node pwa-loader/lib/bench/store.mjs FOLDER [ROWS] [f32|f16|i8]
//
// One thread, inline: what a worker adds is the way of a message.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readNpy } from '../../../harness/npy.mjs';
import { shapeOf } from '../dist/store/check.js';
import { StoreEngine } from '../dist/store/engine.js';

const [folder, count = '50000', vectors = 'f32'] = process.argv.slice(2);
if (!folder) throw new Error('expected a folder with base.f16.npy and queries.f16.npy, found none; name one');
const rows = readNpy(readFileSync(join(folder, 'base.f16.npy'))).slice(0, Number(count)), queries = readNpy(readFileSync(join(folder, 'queries.f16.npy'))).slice(0, 500);
const dimension = rows[0].length, flat = new Float32Array(rows.length * dimension);
rows.forEach((row, n) => flat.set(row, n * dimension));

const took = (work) => {
  const start = performance.now(), value = work();
  return [performance.now() - start, value];
};
const line = (what, value) => console.log(`${what.padEnd(38)}${value}`);
const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;

const store = await StoreEngine.open(shapeOf({ dimension, vectors }));
const [inserting] = took(() => store.insert(flat));
line(`insert ${rows.length} × ${dimension}, ${vectors}`, `${ms(inserting)}, ${Math.round(rows.length / inserting * 1000)} rows a second`);
const [first] = took(() => store.search({ vector: queries[0] }));
line('first search, which codes them', `${ms(first)}; with it ${Math.round(rows.length / (inserting + first) * 1000)} rows a second`);
const { rows: bytes, instance } = store.memory();
line('memory', `${(bytes / rows.length).toFixed(0)} bytes a vector, ${(instance / 2 ** 20).toFixed(0)} MiB in all`);

const exact = queries.map((vector) => store.search({ vector, exact: true }).hits.at(-1)?.distance);
const measure = (what, wish) => {
  for (const vector of queries) store.search({ vector, ...wish });
  const [time, answers] = took(() => queries.map((vector) => store.search({ vector, ...wish })));
  const found = answers.reduce((sum, { hits }, n) => sum + hits.filter(({ distance }) => distance <= exact[n]).length, 0);
  line(what, `${(time / queries.length).toFixed(3)} ms a query, recall@10 ${(found / queries.length / 10).toFixed(4)}`);
};
measure('search, exact', { exact: true });
measure('search', {});
const [one] = took(() => { for (let n = 0; n < 1_000; n++) store.insert(rows[n]); });
line('1,000 single inserts', `${(one / 1_000 * 1_000).toFixed(1)} µs each`);
for (let n = 0; n < 1_000; n++) store.delete(rows.length + n);
measure('search, behind them', {});
let start = performance.now();
const file = await store.save({}, () => true);
line('save', `${ms(performance.now() - start)}, ${(file.length / 2 ** 20).toFixed(1)} MiB`);
for (const recall of [undefined, 0.9, 0.98, 0.99]) measure(`search after it, recall ${recall ?? 'as usual'}`, recall ? { recall } : {});
start = performance.now();
store.insert(flat.subarray(0, dimension));
await store.save({ quick: true }, () => true);
line('quick pack, as persist() does it', ms(performance.now() - start));
start = performance.now();
const again = await StoreEngine.open(shapeOf({ dimension, vectors }));
again.adopt(file, {});
line('reading it again, every byte checked', ms(performance.now() - start));
line('memory after all', `${(store.memory().instance / 2 ** 20).toFixed(0)} MiB`);
