// Searches a file on any static server that knows range requests, without downloading it, and says what that cost.
//   node remote-file.js https://example.org/words.rvf ocean.n
import { open, RvfError } from 'rvf-web';

/**
 * @param {string} url
 * @param {string} id
 * @param {(line: string) => void} print
 */
export async function search(url, id, print) {
  // Ends the download, the opening or the search, whichever is under way.
  const patience = AbortSignal.timeout(30_000);
  const file = await open(url, { signal: patience, onProgress: ({ phase, done, total }) => print(`${phase}: ${done} of ${total ?? '?'} bytes`) });
  const { rows, bytes } = file.info();
  print(`${rows} rows, ${bytes} bytes`);
  const { hits, stats } = await file.search({ like: id, k: 3 });
  for (const hit of hits) print(`${hit.distance.toFixed(5)}  ${hit.id}`);
  const { requests, bytes: read, rounds } = file.traffic();
  print(`${read} bytes in ${requests} requests and ${rounds} rounds, of which the search took ${stats.rounds}`);
  await file.close();
  return { read, bytes, hits };
}

if (typeof process !== 'undefined' && process.argv[1]?.endsWith('remote-file.js')) {
  const [url, id] = process.argv.slice(2);
  try {
    if (!url || !id) throw new RvfError('REQUEST', 'usage: node remote-file.js URL ID');
    await search(url, id, console.log);
  } catch (error) {
    // `code` says what kind of trouble it is: SOURCE, CHANGED, FORMAT, MODULE, REQUEST, UNSUPPORTED, TIMEOUT or CLOSED.
    console.error(error instanceof RvfError ? `${error.code}: ${error.message}` : error);
    process.exitCode = 1;
  }
}
