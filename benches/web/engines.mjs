// The engines that are timed, each behind the same few calls, in a browser page. Rows and queries come with length 1, so that each
// engine may use the metric that is cheapest for it: cosine, inner product and Euclidean distance give the same order.
//
//   build(rows, count, dimension)   puts the rows in; resolves to { insertMs, readyMs }: until the last row is in, and until it is searched as timed
//   settings                        [{ name, search(query, k) }]: one for each effort; `search` gives what the engine gives. Where an engine
//                                   searches in several ways, `way` says which
//   ids(answer, k)                  the rows in such an answer
//   save()                          resolves to { bytes, load, note }: how many bytes were saved, where that can be known, and a function from a
//                                   query to the first answer of what is loaded from them, or why there is none
const BATCH = 1000, PATIENCE_MS = 150_000;
/** The graphs': hnswlib-wasm's own defaults. M 16 with efConstruction 200 was no faster at the same recall, in either. */
const M = 32, EF_CONSTRUCTION = 128;

/** Inserts in batches, with a breath between them, and counts only the time inside. */
async function inserted(count, insert) {
  let ms = 0;
  for (let at = 0; at < count; at += BATCH) {
    const start = performance.now();
    await insert(at, Math.min(count, at + BATCH));
    ms += performance.now() - start;
    if (ms > PATIENCE_MS) throw new Error(`after ${Math.round(ms / 1000)} s it had taken ${at + BATCH} of ${count} rows, and was given up`);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return ms;
}
const took = async (what) => {
  const start = performance.now();
  return [await what(), performance.now() - start];
};

/** hnswlib in Emscripten: a graph over f32. */
export async function hnswlib() {
  const { loadHnswlib } = await import('/hnswlib-wasm/dist/hnswlib.js');
  const library = await loadHnswlib();
  let index, dimension, count, saves = 0;
  const search = (ef) => (query, k) => {
    index.setEfSearch(ef);
    return index.searchKnn(query, k, undefined);
  };
  return {
    name: 'hnswlib-wasm',
    mode: `graph, f32, M ${M}, efConstruction ${EF_CONSTRUCTION}`,
    async build(rows, rowCount, dim) {
      [count, dimension] = [rowCount, dim];
      index = new library.HierarchicalNSW('l2', dimension, '');
      index.initIndex(count, M, EF_CONSTRUCTION, 100);
      const insertMs = await inserted(count, (from, to) => {
        const items = [], labels = [];
        for (let r = from; r < to; r++) {
          items.push(rows.subarray(r * dimension, (r + 1) * dimension));
          labels.push(r);
        }
        index.addPoints(items, labels, false);
      });
      return { insertMs, readyMs: insertMs };
    },
    settings: [10, 16, 24, 32, 48, 64, 96, 128].map((ef) => ({ name: `ef ${ef}`, search: search(ef) })),
    ids: ({ neighbors }) => neighbors,
    // Its files are in Emscripten's file system, in memory; what it takes to get them there from IndexedDB is not counted.
    async save() {
      const file = `index-${saves++}`;
      await index.writeIndex(file);
      return {
        async load(query, k) {
          const again = new library.HierarchicalNSW('l2', dimension, '');
          await again.readIndex(file, count);
          again.setEfSearch(32);
          const answer = again.searchKnn(query, k, undefined);
          again.delete();
          return answer;
        },
      };
    },
  };
}

/** edgevec: a graph over f32, walked by f32 distances, or by bits with the best scored again. */
export async function edgevec() {
  const { default: init, EdgeVec, EdgeVecConfig, getSimdBackend } = await import('/edgevec/edgevec.js');
  await init();
  // The effort of a search by f32 is set for good when the index is made, so there is one index for each where that does not take minutes.
  // A search for more results is the other way to more effort, but a slower one, since each result is an object.
  let efforts;
  const indexes = new Map(), rowOf = new Map();
  return {
    name: 'edgevec',
    mode: `graph, f32 or bits with f32, M ${M}, efConstruction ${EF_CONSTRUCTION}, SIMD: ${getSimdBackend()}`,
    async build(rows, count, dimension) {
      let times;
      efforts = count > 20_000 ? [24] : [16, 24, 32];
      for (const ef of efforts) {
        const config = new EdgeVecConfig(dimension);
        config.metric = 'l2'; // With 'cosine' 0.9.0 finds the farthest; 'dot' builds several times as slowly.
        config.m = M;
        config.m0 = 2 * M;
        config.ef_construction = EF_CONSTRUCTION;
        config.ef_search = ef;
        const index = new EdgeVec(config);
        indexes.set(ef, index);
        const insertMs = await inserted(count, (from, to) => index.insertBatchFlat(rows.subarray(from * dimension, to * dimension), to - from).forEach((id, i) => rowOf.set(id, from + i)));
        const [, bitsMs] = await took(() => index.hasBQ() || index.enableBQ());
        times ??= { insertMs, readyMs: insertMs + bitsMs };
      }
      return times;
    },
    get settings() {
      return [
        ...efforts.map((ef) => ({ way: 'f32', name: `f32, ef ${ef}`, search: (query, k) => indexes.get(ef).search(query, k) })),
        ...[32, 48].filter((ef) => ef > efforts.at(-1)).map((ef) => ({ way: 'f32', name: `f32, ${ef} results`, search: (query) => indexes.get(efforts[0]).search(query, ef) })),
        ...[3, 5, 8, 12, 16, 24, 32].map((factor) => ({ way: 'bits', name: `bits, ${factor} k scored again`, search: (query, k) => indexes.get(efforts[0]).searchBQRescored(query, k, factor) })),
      ];
    },
    ids: (answer, k) => answer.slice(0, k).map(({ id }) => rowOf.get(id)),
    async save() {
      const index = indexes.get(efforts[0]);
      // Larger indexes have been seen never to answer here.
      const late = new Promise((resolve) => setTimeout(resolve, 10_000, 'no answer within 10 s'));
      const tried = index.save('bench').then(() => EdgeVec.load('bench')).then((again) => again.free(), (error) => error.message ?? String(error));
      const wrong = await Promise.race([tried, late]);
      if (wrong) return { note: `it does not load what it saved: ${wrong}` };
      return {
        bytes: index.serializedSize(),
        async load(query, k) {
          const again = await EdgeVec.load('bench'), answer = again.search(query, k);
          again.free();
          return answer;
        },
      };
    },
  };
}

/** The store of @ruvector/rvf-wasm: every row, f32. */
export async function ruvector() {
  const { default: init } = await import('/@ruvector/rvf-wasm/pkg/rvf_wasm.mjs');
  const wasm = await init();
  const INNER_PRODUCT = 1;
  let store, dimension, count, queryAt, outAt;
  const search = (handle, query, k) => {
    new Float32Array(wasm.memory.buffer, queryAt, dimension).set(query);
    const found = wasm.rvf_store_query(handle, queryAt, k, INNER_PRODUCT, outAt), view = new DataView(wasm.memory.buffer);
    return Array.from({ length: found }, (_, i) => ({ id: Number(view.getBigUint64(outAt + 12 * i, true)), distance: view.getFloat32(outAt + 12 * i + 8, true) }));
  };
  return {
    name: '@ruvector/rvf-wasm',
    mode: 'every row, f32, inner product',
    async build(rows, rowCount, dim) {
      [count, dimension] = [rowCount, dim];
      store = wasm.rvf_store_create(dimension, INNER_PRODUCT);
      [queryAt, outAt] = [wasm.rvf_alloc(4 * dimension), wasm.rvf_alloc(12 * 256)];
      const rowsAt = wasm.rvf_alloc(4 * dimension * BATCH), idsAt = wasm.rvf_alloc(8 * BATCH);
      const insertMs = await inserted(count, (from, to) => {
        new Float32Array(wasm.memory.buffer, rowsAt, (to - from) * dimension).set(rows.subarray(from * dimension, to * dimension));
        new BigUint64Array(wasm.memory.buffer, idsAt, to - from).set(Array.from({ length: to - from }, (_, i) => BigInt(from + i)));
        if (wasm.rvf_store_ingest(store, rowsAt, idsAt, to - from) !== to - from) throw new Error('rvf_store_ingest took fewer rows than it was given');
      });
      return { insertMs, readyMs: insertMs };
    },
    settings: [{ name: 'exact', search: (query, k) => search(store, query, k) }],
    ids: (answer) => answer.map(({ id }) => id),
    async save() {
      const bound = count * (8 + 4 * dimension) + 4096, at = wasm.rvf_alloc(bound), bytes = wasm.rvf_store_export(store, at, bound);
      if (bytes <= 0) throw new Error(`rvf_store_export gave ${bytes}`);
      const saved = new Uint8Array(wasm.memory.buffer, at, bytes).slice();
      wasm.rvf_free(at, bound);
      return {
        bytes,
        async load(query, k) {
          const from = wasm.rvf_alloc(bytes);
          new Uint8Array(wasm.memory.buffer, from, bytes).set(saved);
          const again = wasm.rvf_store_open(from, bytes);
          wasm.rvf_free(from, bytes);
          const answer = search(again, query, k);
          wasm.rvf_store_close(again);
          return answer;
        },
      };
    },
  };
}

/** rvf-web: a file that `rvf pack` made, with its own kernel; inserts go into the store in memory. */
export async function rvf(bytes) {
  const { open, create } = await import('/rvf-web/dist/index.js');
  const options = { run: 'inline', residency: 'resident' };
  const file = await open(bytes, options), info = file.info();
  const wishes = [...new Set(info.efforts.filter((effort) => effort.k === 10).map((effort) => effort.recall))].sort();
  return {
    name: 'rvf-web',
    mode: `lists, one bit a component, ${info.vectors} scored again; ${info.engine}`,
    async build(rows, count, dimension) {
      const store = await create({ dimension, metric: 'cosine', run: 'inline' });
      const insertMs = await inserted(count, (from, to) => store.insertBatch(rows.subarray(from * dimension, to * dimension)));
      const [, packMs] = await took(() => store.save());
      await store.close();
      return { insertMs, readyMs: insertMs + packMs };
    },
    settings: wishes.map((recall) => ({ name: `recall ${recall.toFixed(4)}`, search: (vector, k) => file.search({ vector, k, recall }) })),
    ids: ({ hits }) => hits.map(({ row }) => row),
    async save() {
      return {
        bytes: bytes.length,
        async load(vector, k) {
          const again = await open(bytes, options), answer = await again.search({ vector, k });
          await again.close();
          return answer;
        },
      };
    },
  };
}
