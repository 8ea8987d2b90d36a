// A small vector database in memory: fill it, ask it, change it, and save it as a file that any host of RVF opens.
//
// In a browser it can be kept as well: give `create` a name, and call `persist()` after your changes.
import { create, open } from 'rvf-web';

// Three numbers stand for what an embedding model would give for each text.
const notes: Record<string, number[]> = {
  'water the plants': [0.9, 0.1, 0.2],
  'call the dentist': [0.1, 0.9, 0.3],
  'buy a watering can': [0.8, 0.2, 0.1],
  'book a flight': [0.2, 0.3, 0.9],
};

const store = await create({ dimension: 3, metric: 'cosine' });
await store.insertBatch(Object.values(notes), Object.keys(notes));
console.log(`${store.size} notes`);

const near = await store.search({ like: 'water the plants', k: 1 });
for (const { id, distance } of near.hits) console.log(`near it: ${id} (${distance.toFixed(3)})`);

await store.delete('buy a watering can');
await store.insert([0.1, 0.8, 0.4], 'call the dentist'); // of the same id: replaced
const { hits } = await store.search({ vector: [0, 1, 0], k: 2 });
console.log(`first: ${hits.map(({ id }) => id).join(', then ')}`);

// A file: `rvf query notes.rvf` reads it, and so does this library.
const bytes = await store.save();
await store.close();

const file = await open(bytes);
console.log(`saved: ${file.info().rows} rows of ${file.info().dimension} dimensions`);
await file.close();
