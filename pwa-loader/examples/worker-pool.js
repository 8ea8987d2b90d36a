// Many queries at once, over as many workers as there are cores but one.
//   node worker-pool.js words.rvf
import { open } from 'rvf-web';

/** @param {string} path */
export async function nearestOfEach(path) {
  const file = await open(path);
  try {
    const { rows, dimension } = file.info();
    // The first thousand rows, each asked for its nearest neighbour.
    const vectors = await Promise.all(Array.from({ length: Math.min(rows, 1000) }, async (_, row) => (await file.row(row)).vector));
    const start = performance.now();
    const answers = await file.searchBatch(vectors.map((vector) => ({ vector, k: 2 })));
    const seconds = (performance.now() - start) / 1000;
    const neighbours = answers.map(({ hits }, row) => hits.find((hit) => hit.row !== row)?.id);
    return { neighbours, summary: `${answers.length} queries of ${dimension} dimensions in ${seconds.toFixed(2)} s` };
  } finally {
    await file.close();
  }
}

if (typeof process !== 'undefined' && process.argv[1]?.endsWith('worker-pool.js')) console.log((await nearestOfEach(process.argv[2] ?? '')).summary);
