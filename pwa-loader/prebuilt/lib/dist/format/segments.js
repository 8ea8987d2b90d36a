// Checked bytes. Nothing above this page sees a byte of a segment that was not held against its digest (R-HASH-6): a block is
// checked once, when it is first wanted, and kept as long as there is room.
import { broken, ensure, RvfError } from '../errors.js';
import { turn } from '../signals.js';
import { readPieces } from '../source/pieces.js';
import { same } from './bytes.js';
import { checkAgainst, parseHeader, typeName } from './header.js';
import { HEADER } from './layout.js';
import { tableLength } from './manifest-rules.js';
import { blockDigest, digestsOf, segmentHash, tableOf, wrongBlock } from './shake.js';
/** What is read at once of a segment that has to be read whole to be checked. */
const CHUNK = 4 << 20;
/** Milliseconds of checking after which the event loop gets a turn. */
const TURN = 100;
/** A segment without a stored table that is so small is read with whatever else is wanted. */
const SMALL = 1 << 20;
export class Segment {
    entry;
    /** The digest table, once it was checked. */
    table;
    /** Of a source in memory: a bit for each block that was checked. */
    checked;
    block;
    payload;
    blocks;
    constructor(entry, inMemory) {
        this.entry = entry;
        this.block = 2 ** entry.blockLog;
        this.payload = entry.offset + HEADER;
        this.blocks = Math.ceil(entry.length / this.block);
        this.checked = new Uint8Array(inMemory ? Math.ceil(this.blocks / 8) : 0);
    }
    get length() {
        return this.entry.length;
    }
    /** Where a block stands in the file. */
    range(first, last = first) {
        const from = first * this.block, to = Math.min((last + 1) * this.block, this.length);
        return { offset: this.payload + from, length: to - from };
    }
    key(block) {
        // Below 2⁵³: a file has at most some 700,000 segments, and a segment that can be read less than 2³³ blocks.
        return this.entry.number * 2 ** 33 + block;
    }
}
/** Checks a segment's header and table; throws what is wrong with them (R-SEG-3, R-MAN-6, R-HASH-3). */
export function acceptTable(segment, header, table) {
    const { entry } = segment;
    checkAgainst(parseHeader(header, entry.offset), entry, entry.offset);
    ensure(same(segmentHash(header, table), entry.hash), 'R-HASH-3', () => `the ${typeName(entry.type)} segment does not have its hash: ${entry.table ? 'its digest table' : 'it'} is damaged`, entry.offset);
    segment.table = table.slice();
}
export class Checked {
    source;
    cacheBytes;
    #cache = new Map();
    #kept = 0;
    #beside = [];
    constructor(source, cacheBytes) {
        this.source = source;
        this.cacheBytes = cacheBytes;
    }
    /** The bytes, if they were checked and are at hand; it waits for nothing. */
    peek(segment, from, length) {
        // What lies outside is left to `read`, which says so.
        if (!segment.table || !(from >= 0 && from + length <= segment.length))
            return undefined;
        const { whole } = this.source, first = Math.floor(from / segment.block), last = Math.floor((from + length - 1) / segment.block);
        if (whole) {
            for (let n = first; n <= last; n++)
                if (!(segment.checked[n >> 3] & (1 << (n & 7))) && !this.#check(segment, n, whole))
                    return undefined;
            return whole.subarray(segment.payload + from, segment.payload + from + length);
        }
        if (first === last)
            return this.#cache.get(segment.key(first))?.subarray(from - first * segment.block, from - first * segment.block + length);
        const blocks = [];
        for (let n = first; n <= last; n++) {
            const block = this.#cache.get(segment.key(n));
            if (!block)
                return undefined;
            blocks.push(block);
        }
        return join(segment, blocks, first, from, length);
    }
    #check(segment, n, whole) {
        const { offset, length } = segment.range(n);
        if (!same(blockDigest(whole.subarray(offset, offset + length)), segment.table.subarray(16 * n, 16 * n + 16)))
            throw damagedBlock(segment, n);
        segment.checked[n >> 3] |= 1 << (n & 7);
        return true;
    }
    /** The bytes of each span, checked. What is not at hand is fetched in one round, tables that are needed for it too. */
    async read(spans, signal) {
        for (const { segment, from, length } of spans) {
            if (!(from >= 0 && length >= 0 && from + length <= segment.length))
                throw broken('R-NUM-2', `${length} bytes from ${from} on are not inside the ${typeName(segment.entry.type)} segment of ${segment.length} bytes`, segment.entry.offset);
        }
        // A segment without a stored table has to be read whole before any byte of it counts; a small one comes with everything else.
        const bare = [...new Set(spans.map((span) => span.segment))].filter((segment) => !segment.table && segment.entry.table === 0);
        const small = bare.filter((segment) => this.#isSmall(segment));
        for (const segment of bare)
            if (!small.includes(segment))
                await this.#buildTable(segment, signal);
        const blocks = new Map(), wanted = [];
        this.#want(spans, small, blocks, wanted);
        if (wanted.length > 0 || small.length > 0)
            this.#wantBeside(small, blocks, wanted);
        await this.#fetch(wanted, small, blocks, signal);
        return spans.map(({ segment, from, length }) => {
            if (length === 0)
                return EMPTY;
            if (this.source.whole)
                return this.source.whole.subarray(segment.payload + from, segment.payload + from + length);
            const first = Math.floor(from / segment.block), last = Math.floor((from + length - 1) / segment.block), parts = [];
            for (let n = first; n <= last; n++)
                parts.push(blocks.get(segment.key(n)));
            return join(segment, parts, first, from, length);
        });
    }
    #isSmall({ length }) {
        return length <= SMALL && length <= this.cacheBytes / 4;
    }
    /** What will be wanted before long, inside its segments: it comes with what is fetched next, so that it costs no round of its own. */
    beside(spans) {
        this.#beside = spans;
    }
    #wantBeside(small, blocks, wanted) {
        const spans = this.#beside;
        this.#beside = [];
        for (const { segment } of spans)
            if (!segment.table && segment.entry.table === 0 && this.#isSmall(segment) && !small.includes(segment))
                small.push(segment);
        this.#want(spans.filter(({ segment }) => segment.table || segment.entry.table !== 0), small, blocks, wanted);
    }
    /** Notes the blocks of spans: those at hand, and those that have to be fetched or checked. */
    #want(spans, small, blocks, wanted) {
        for (const { segment, from, length } of spans) {
            if (length === 0 || small.includes(segment))
                continue;
            for (let n = Math.floor(from / segment.block), last = Math.floor((from + length - 1) / segment.block); n <= last; n++) {
                const key = segment.key(n);
                if (blocks.has(key))
                    continue;
                const kept = this.#cache.get(key);
                if (kept) {
                    // What was used last is dropped last.
                    this.#cache.delete(key);
                    this.#cache.set(key, kept);
                    blocks.set(key, kept);
                }
                else if (this.source.whole) {
                    const { offset, length: size } = segment.range(n);
                    blocks.set(key, this.source.whole.subarray(offset, offset + size));
                    if (!segment.table || !(segment.checked[n >> 3] & (1 << (n & 7))))
                        wanted.push({ segment, n });
                }
                else {
                    blocks.set(key, EMPTY);
                    wanted.push({ segment, n });
                }
            }
        }
    }
    /** One span. */
    async one(segment, from, length, signal) {
        return this.peek(segment, from, length) ?? (await this.read([{ segment, from, length }], signal))[0];
    }
    /** Fetches blocks, and the tables of segments that have none yet, in one round; checks the tables first, then the blocks. */
    async #fetch(wanted, small, blocks, signal) {
        if (wanted.length === 0 && small.length === 0)
            return;
        const fresh = [...new Set(wanted.map(({ segment }) => segment))].filter((segment) => !segment.table);
        const sorted = inOrder(wanted), pieces = [
            ...small.map(({ entry }) => ({ offset: entry.offset, length: HEADER + entry.length })),
            ...fresh.flatMap(({ entry }) => [{ offset: entry.offset, length: HEADER }, { offset: entry.table, length: tableLength(entry) }]),
            ...(this.source.whole ? [] : sorted.map(({ segment, n }) => segment.range(n))),
        ];
        const read = await readPieces(this.source, pieces, signal), got = read.splice(small.length + 2 * fresh.length);
        small.forEach((segment, n) => this.#takeSmall(segment, read[n], blocks));
        fresh.forEach((segment, n) => acceptTable(segment, read[small.length + 2 * n], read[small.length + 2 * n + 1]));
        const fetched = this.source.whole ? sorted.map(({ segment, n }) => blocks.get(segment.key(n))) : got;
        const digests = digestsOf(fetched);
        sorted.forEach(({ segment, n }, i) => {
            if (!same(digests.subarray(16 * i, 16 * i + 16), segment.table.subarray(16 * n, 16 * n + 16)))
                throw damagedBlock(segment, n);
            const bytes = fetched[i];
            if (this.source.whole)
                segment.checked[n >> 3] |= 1 << (n & 7);
            else
                this.#keep(segment.key(n), bytes);
            blocks.set(segment.key(n), bytes);
        });
    }
    /** A whole small segment, with its header: the table is that of its payload. */
    #takeSmall(segment, bytes, blocks) {
        const payload = bytes.subarray(HEADER);
        acceptTable(segment, bytes.subarray(0, HEADER), tableOf(payload, segment.block));
        segment.checked.fill(255);
        for (let n = 0; n < segment.blocks; n++) {
            const block = payload.subarray(n * segment.block, (n + 1) * segment.block);
            blocks.set(segment.key(n), block);
            if (!this.source.whole)
                this.#keep(segment.key(n), block.slice());
        }
    }
    #keep(key, bytes) {
        const before = this.#cache.get(key);
        if (before)
            this.#kept -= before.length;
        this.#cache.delete(key);
        this.#cache.set(key, bytes);
        this.#kept += bytes.length;
        for (const [oldest, block] of this.#cache) {
            if (this.#kept <= this.cacheBytes || oldest === key)
                break;
            this.#cache.delete(oldest);
            this.#kept -= block.length;
        }
    }
    /** R-HASH-5: the table of a segment that has none stored is that of its payload. */
    async #buildTable(segment, signal) {
        const { entry } = segment, table = new Uint8Array(tableLength(entry));
        const whole = segment.length <= this.cacheBytes / 4, parts = [];
        const step = Math.max(segment.block, CHUNK - (CHUNK % segment.block));
        let header;
        for (let from = 0; from < segment.length || !header; from += step) {
            const length = Math.min(step, segment.length - from), ranges = [{ offset: segment.payload + from, length }];
            const [bytes, head] = await this.source.read(header ? ranges : [...ranges, { offset: entry.offset, length: HEADER }], signal);
            header ??= head;
            table.set(tableOf(bytes, segment.block), 16 * (from / segment.block));
            if (whole && !this.source.whole)
                for (let at = 0; at < length; at += segment.block)
                    parts.push(bytes.slice(at, Math.min(at + segment.block, length)));
        }
        acceptTable(segment, header, table);
        // Each block is the one whose digest is in the table.
        if (this.source.whole)
            segment.checked.fill(255);
        parts.forEach((block, n) => this.#keep(segment.key(n), block));
    }
    /** Copies a whole segment to a place of its own, checked on the way, block after block: for what stands in a module's memory. */
    async copy(segment, put, signal) {
        if (!segment.table)
            await this.#prepare(segment, signal);
        const { whole } = this.source;
        const perChunk = Math.max(1, Math.floor(CHUNK / segment.block));
        let since = performance.now();
        for (let n = 0; n < segment.blocks; n += perChunk) {
            if (performance.now() - since > TURN) {
                await turn();
                signal?.throwIfAborted();
                since = performance.now();
            }
            const range = segment.range(n, Math.min(n + perChunk, segment.blocks) - 1), kept = whole ? undefined : this.peek(segment, n * segment.block, range.length);
            if (kept) {
                put(n * segment.block, kept);
                continue;
            }
            const [bytes] = await this.source.read([range], signal);
            const wrong = wrongBlock(bytes, segment.block, segment.table, n);
            if (wrong >= 0)
                throw damagedBlock(segment, wrong);
            put(n * segment.block, bytes);
        }
        if (whole)
            segment.checked.fill(255);
    }
    /** Fetches and checks the stored tables of segments, in one round. */
    async prepare(segments, signal) {
        const fresh = segments.filter((segment) => !segment.table && segment.entry.table !== 0);
        if (fresh.length === 0)
            return;
        const read = await this.source.read(fresh.flatMap(({ entry }) => [{ offset: entry.offset, length: HEADER }, { offset: entry.table, length: tableLength(entry) }]), signal);
        fresh.forEach((segment, n) => acceptTable(segment, read[2 * n], read[2 * n + 1]));
    }
    async #prepare(segment, signal) {
        if (segment.entry.table === 0)
            await this.#buildTable(segment, signal);
        else
            await this.prepare([segment], signal);
    }
}
const EMPTY = new Uint8Array(0);
export const damagedBlock = (segment, n) => broken('R-HASH-2', `block ${n} of the ${typeName(segment.entry.type)} segment is damaged: it does not have its digest`, segment.range(n).offset);
function join(segment, blocks, first, from, length) {
    const skip = from - first * segment.block;
    if (blocks.length === 1)
        return blocks[0].subarray(skip, skip + length);
    const out = new Uint8Array(length);
    let at = -skip;
    for (const block of blocks) {
        const begin = Math.max(0, -at);
        out.set(block.subarray(begin, Math.min(block.length, length - at)), at + begin);
        at += block.length;
    }
    return out;
}
const inOrder = (wanted) => wanted.sort((a, b) => a.segment.payload - b.segment.payload || a.n - b.n);
