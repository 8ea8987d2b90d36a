// Times searches of a file in V8, with the code in the file, on one thread, by the JavaScript library of pwa-loader/lib (built first).
//   node benches/peers/v8.mjs FILE.rvf QUERIES.npy [K = 10] [RECALL,… = 0.9,0.95,0.99]
// Prints a line of JSON for each engine and each wish for recall: the mean microseconds of a query, warm, the best of three passes.
import { readFileSync } from 'node:fs';
import { open } from '../../pwa-loader/lib/dist/index.js';
import { readNpy } from '../../harness/npy.mjs';

const [path, queries, k = '10', wishes = '0.9,0.95,0.99'] = process.argv.slice(2);
const vectors = readNpy(readFileSync(queries)).map((vector) => Float32Array.from(vector));
for (const engine of ['simd', 'scalar']) {
  const file = await open(new Uint8Array(readFileSync(path)), { run: 'inline', engine, residency: 'resident' });
  for (const recall of wishes.split(',').map(Number)) {
    if (!file.info().efforts.some((effort) => effort.k >= Number(k) && effort.recall >= recall)) continue;
    let best = Infinity;
    for (let pass = 0; pass < 4; pass++) {
      const start = performance.now();
      for (const vector of vectors) await file.search({ vector, k: Number(k), recall });
      const micros = (performance.now() - start) * 1e3 / vectors.length;
      if (pass > 0) best = Math.min(best, micros);
    }
    console.log(JSON.stringify({ engine, recall, micros: best }));
  }
  await file.close();
}
