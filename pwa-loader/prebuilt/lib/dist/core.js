// An open file on the thread on which it is used: what `inline` gives its caller, and what a worker runs.
import { Engine } from './engine/engine.js';
import { featureNames } from './engine/features.js';
import { planFor, recallOf, usualRecall } from './engine/effort.js';
import { ROLES } from './engine/modules.js';
import { request } from './errors.js';
import { Archive, METRICS, VECTORS } from './format/archive.js';
import { hex, same } from './format/bytes.js';
import { extent, typeName } from './format/header.js';
import { Ids } from './format/ids.js';
import { MAX_K, ROOT_LENGTH } from './format/layout.js';
import { Rows } from './format/rows.js';
const MiB = 1 << 20, PAGE = 65536;
/** The options with what stands for those that were not told. */
export function coreOptions(options, kernelMs = Infinity) {
    const { engine = 'auto', residency = 'auto' } = options;
    if (!['auto', 'simd', 'scalar', 'javascript'].includes(engine))
        throw request(`engine is auto, simd, scalar or javascript, not ${String(engine)}`);
    if (!['auto', 'resident', 'streamed'].includes(residency))
        throw request(`residency is auto, resident or streamed, not ${String(residency)}`);
    const bytes = (name, usual) => {
        const value = options[name] ?? usual;
        if (!(value >= 0))
            throw request(`${name} is a number of bytes, not ${String(value)}`);
        return value;
    };
    return {
        engine, residency, kernelMs, residentBytes: bytes('residentBytes', 256 * MiB), cacheBytes: bytes('cacheBytes', 64 * MiB),
        // In whole pages. 4 GiB less a page: every place and length fits 32 bits.
        memoryBytes: Math.floor(Math.min(bytes('memoryBytes', 512 * MiB), 0xffff0000) / PAGE) * PAGE,
    };
}
export class Core {
    source;
    archive;
    engine;
    #ids;
    #rows;
    #usual;
    /** The last filter: the same one is often asked with again. */
    #filter;
    /** The last plan for a wish that was said by its recall alone: most searches are like the one before. */
    #plan;
    constructor(source, archive, engine) {
        this.source = source;
        this.archive = archive;
        this.engine = engine;
        this.#ids = new Ids(archive);
        this.#rows = new Rows(archive);
        this.#usual = usualRecall(archive.manifest.properties);
    }
    /** `onKernel` is told which kernel was chosen, before it runs for the first time. */
    static async open(source, options, signal, onKernel) {
        try {
            const archive = await Archive.open(source, options.cacheBytes, signal);
            return new Core(source, archive, await Engine.start(archive, options, signal, onKernel));
        }
        catch (error) {
            await source.close();
            throw error;
        }
    }
    info() {
        const { manifest, root, segments, warnings } = this.archive, { rows, dimension, lists } = manifest, { choice } = this.engine, { record } = root;
        const info = {
            rows, dimension, lists, metric: METRICS[manifest.metric], vectors: VECTORS[manifest.vectors],
            idKind: ['none', 'u64', 'text'][manifest.idKind], bytes: record.committed, generation: Number(manifest.generation),
            segments: [
                { id: 0, type: 'ROOT', offset: 0, bytes: ROOT_LENGTH },
                ...segments.map(({ entry }) => ({ id: Number(entry.id), type: typeName(entry.type), offset: entry.offset, bytes: extent(entry.length) })),
                { id: Number(this.archive.manifestId), type: 'MANIFEST', offset: record.manifestOffset, bytes: extent(record.manifestLength) },
            ].sort((a, b) => a.offset - b.offset),
            kernels: this.engine.modules.map((module) => ({
                role: ROLES[module.role], features: featureNames(module.features), bytes: module.bytes, hash: hex(module.hash),
                known: this.engine.knows(module), chosen: module === choice.header,
            })),
            efforts: manifest.efforts.map((effort) => ({ k: effort.k, recall: recallOf(effort), probes: effort.probes, scanned: effort.scanned })),
            usualRecall: this.#usual, properties: { ...manifest.properties }, engine: choice.name,
            residency: this.engine.resident ? 'resident' : 'streamed', warnings: [...warnings],
            ...(choice.reason === undefined ? {} : { engineReason: choice.reason }),
        };
        return info;
    }
    traffic() {
        return this.source.traffic();
    }
    async search(wish, signal) {
        const start = performance.now(), before = this.source.traffic();
        const { k = 10, vector, like } = wish, { dimension } = this.archive.manifest;
        if (!(Number.isInteger(k) && k >= 1 && k <= MAX_K))
            throw request(`k is a whole number from 1 to ${MAX_K}, not ${k}`);
        // What comes from untyped code may be null, or no list at all.
        if ((vector == null) === (like == null))
            throw request('a search is for a `vector` or for what is `like` a row: one of them');
        let query = vector, own = -1;
        if (like != null) {
            own = await this.#rowOf(like, signal);
            query = await this.#rows.vector(own, signal);
        }
        else if (query.length !== dimension)
            throw request(`the query has ${query.length ?? 'no'} components, and the vectors of this file ${dimension}`);
        const filter = wish.filter ? await this.#filterOf(wish.filter, signal) : undefined;
        // Where the row itself is left out, one hit more is wanted, with the effort for k.
        const wanted = own < 0 ? k : Math.min(k + 1, MAX_K), plan = this.#planFor(wish, k, wanted, filter?.live);
        const task = { vector: query, k: wanted, plan, filter };
        const search = this.engine.search(task, signal), { rows, distances, scanned, ranked } = search instanceof Promise ? await search : search;
        if (own >= 0) {
            const at = rows.indexOf(own);
            // What is left out is the row itself, or else the last of one hit too many.
            const out = at >= 0 ? at : rows.length > k ? rows.length - 1 : -1;
            if (out >= 0) {
                rows.splice(out, 1);
                distances.splice(out, 1);
            }
        }
        const ids = this.#ids.peek(rows) ?? await this.#ids.of(rows, signal);
        const hits = new Array(rows.length);
        for (let n = 0; n < rows.length; n++)
            hits[n] = { row: rows[n], id: ids[n], distance: distances[n] };
        const after = this.source.traffic(), recall = plan.exact ? 1 : plan.recall;
        const stats = {
            ms: performance.now() - start, engine: this.engine.choice.name, scanned, ranked,
            bytesRead: after.bytes - before.bytes, rounds: after.rounds - before.rounds, ...(recall === undefined ? {} : { recall }),
        };
        return { hits, stats };
    }
    #planFor(wish, k, wanted, live) {
        const { recall, probes, slack, pool, exact } = wish, last = this.#plan;
        const byRecall = live === undefined && probes === undefined && slack === undefined && pool === undefined && exact === undefined;
        if (byRecall && last && last.recall === recall && last.k === k && last.wanted === wanted)
            return last.plan;
        const plan = planFor(this.archive.manifest, this.#usual, wish, k, wanted, live);
        if (byRecall)
            this.#plan = { k, wanted, recall, plan };
        return plan;
    }
    async get(id, signal) {
        const row = await this.#ids.row(id, signal);
        return row === undefined ? undefined : this.row(row, signal);
    }
    async row(row, signal) {
        const vector = await this.#rows.vector(row, signal), [id] = await this.#ids.of([row], signal);
        return { row, id: id, vector };
    }
    async verify(options = {}) {
        const { verify } = await import('./verify/verify.js');
        return verify(this.archive, options);
    }
    async close() {
        await this.source.close();
    }
    async #rowOf(id, signal) {
        const row = await this.#ids.row(id, signal);
        if (row === undefined)
            throw request(`no row has the id ${JSON.stringify(String(id))}`);
        return row;
    }
    async #filterOf(filter, signal) {
        const { rows } = this.archive.manifest, length = Math.ceil(rows / 8);
        let byRow;
        if (typeof filter !== 'object' || !('bitmap' in filter || 'rows' in filter))
            throw request('a filter has `rows`, numbers of rows, or `bitmap`, a bit for each row');
        if ('bitmap' in filter) {
            if (!(filter.bitmap instanceof Uint8Array) || filter.bitmap.length !== length)
                throw request(`a filter's bitmap is a Uint8Array of ${length} bytes for ${rows} rows`);
            byRow = filter.bitmap.slice();
            if (rows % 8)
                byRow[length - 1] &= (1 << (rows % 8)) - 1;
        }
        else {
            byRow = new Uint8Array(length);
            for (const row of filter.rows) {
                this.#rows.check(row);
                byRow[row >>> 3] |= 1 << (row & 7);
            }
        }
        if (this.#filter && same(this.#filter.byRow, byRow))
            return this.#filter;
        let live = 0;
        for (let byte of byRow)
            for (; byte; byte &= byte - 1)
                live++;
        return (this.#filter = { byRow, byNumber: await this.#rows.byNumber(byRow, signal), live });
    }
}
