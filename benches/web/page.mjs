// What runs in the page: builds the engines, one after the other, and times them in turns, all on the page's own thread.
import { edgevec, hnswlib, ruvector, rvf } from './engines.mjs';

const SLOW_MS = 3000;
const floats = async (path) => new Float32Array(await (await fetch(path)).arrayBuffer());
let rows, queries, dimension, count, engines;

/** Builds all engines over the rows. Resolves to what is known of each. */
export async function build(rowCount, dim, wanted) {
  [count, dimension] = [rowCount, dim];
  rows = await floats('/data/base');
  const all = await floats('/data/queries');
  queries = Array.from({ length: all.length / dimension }, (_, i) => all.slice(i * dimension, (i + 1) * dimension));
  const file = new Uint8Array(await (await fetch(`/data/rvf/${count}`)).arrayBuffer());
  engines = [];
  const made = [];
  for (const [name, make] of Object.entries({ hnswlib, edgevec, ruvector, rvf: () => rvf(file) })) {
    if (wanted && !wanted.includes(name)) continue;
    const engine = await make();
    let times;
    try {
      times = await engine.build(rows, count, dimension);
    } catch (error) {
      console.log(`bench: ${engine.name} is left out: ${error.message ?? error}`);
      made.push({ engine: engine.name, mode: engine.mode, note: error.message ?? String(error) });
      continue;
    }
    engine.saved = await engine.save();
    engines.push(engine);
    made.push({ engine: engine.name, mode: engine.mode, ...times, savedBytes: engine.saved.bytes, note: engine.saved.note });
    console.log(`bench: ${count} rows: ${engine.name} is ready: ${Math.round(count / times.insertMs * 1000)} rows/s inserted, ${Math.round(count / times.readyMs * 1000)} rows/s with the index`);
  }
  return made;
}

/** The rows that each setting of each engine gives for the queries; also what warms the code. A slow setting is asked fewer. */
export async function answers(k) {
  const all = [];
  for (const engine of engines) {
    for (const { way, name, search } of engine.settings) {
      const found = [], start = performance.now();
      for (const query of queries) {
        found.push(Array.from(engine.ids(await search(query, k), k)));
        if (performance.now() - start > SLOW_MS) break;
      }
      all.push({ engine: engine.name, way, setting: name, found });
    }
  }
  return all;
}

/** One round: each engine has its turn. The mean microseconds of a query for each setting, and the milliseconds from saved bytes to a first answer. */
export async function round(k) {
  const times = [], loads = [];
  for (const engine of engines) {
    for (const { name, search } of engine.settings) {
      let asked = 0, now = 0;
      const start = performance.now();
      for (const query of queries) {
        const answer = search(query, k);
        if (answer instanceof Promise) await answer;
        // A clock that is read at each query would count too.
        if (++asked % 50 === 0 && (now = performance.now()) - start > SLOW_MS) break;
      }
      times.push({ engine: engine.name, setting: name, micros: (performance.now() - start) * 1000 / asked });
      await new Promise((resolve) => setTimeout(resolve));
    }
    if (!engine.saved.load) continue;
    const start = performance.now();
    const answer = await engine.saved.load(queries[0], k), ms = performance.now() - start;
    if (engine.ids(answer, k).length !== k) throw new Error(`${engine.name}: what was loaded finds fewer than ${k}`);
    loads.push({ engine: engine.name, ms });
  }
  return { times, loads };
}
