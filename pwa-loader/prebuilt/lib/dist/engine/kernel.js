// Drives a kernel by the rules of spec/kernel.md, section 7: opens the file in it, begins queries, brings what it needs, and takes
// the hits over. Everything that it says (pointers, lengths, rows, counts) is checked: a kernel is a stranger's code.
import { broken, RvfError } from '../errors.js';
import { roundUp } from '../format/bytes.js';
import { groupLength, GROUP, MAX_COMPONENT, stride } from '../format/layout.js';
import { TYPE } from '../format/header.js';
import { turn } from '../signals.js';
import { feedLimit, touched } from './limits.js';
import { readHits, readNeeds } from './task.js';
const ABI = 0x20002, LAYOUT = 2;
const CODED = 1 << 1, FILTER = 1 << 3, BLOCKS = 1 << 5, METRIC = 1 << 6, VECTORS = 1 << 9;
const ERRORS = ['', 'BAD_POINTER', 'BAD_HANDLE', 'SMALL_BUFFER', 'BAD_INDEX', 'UNSUPPORTED', 'BAD_PARAM', 'BAD_QUERY', 'WINDOW', 'BAD_DATA', 'STATE'];
const BAD_INDEX = -4, UNSUPPORTED = -5, BAD_QUERY = -7, BAD_DATA = -9;
const FILTER_REGION = 4;
const CONTEXT = 256, PARAMS = 64, NEED = 16, HIT = 8, STATS = 16;
/** Memory behind each buffer (K-ABI-7), and what keeps buffers on lines of their own. */
const BEHIND = 16, LINE = 64;
const PAGE = 65536;
/** Calls whose result is a word or a place, and no error. */
const ANY_SIGN = new Set(['rvf_caps', 'rvf_needs']);
/** Needs in one step, and room for what is fed at once: enough for all lists that a usual query visits. */
const MAX_NEEDS = 1024;
const ARENA = 4 << 20;
/** Room that is left beside what is resident: for what is fed, and for the state of a query. */
const ROOM = 2 * ARENA;
const MOST_STEPS = 2 ** 24;
/** Milliseconds of searching after which the event loop gets a turn, so that who watches sees that nothing is stuck. */
const TURN = 100;
export class Kernel {
    machine;
    archive;
    options;
    #calls;
    #caps;
    #regions;
    #context;
    #params;
    /** Behind what stands in the memory for good. */
    #base;
    #u8;
    #u32;
    #f32;
    #buffer;
    #filterAt;
    #filterHeld;
    /** The parameters that stand in the memory, as far as they are not the same in every query, and the places for them. */
    #words = { k: -1, mode: -1, probes: -1, slack: -1, pool: -1, filtered: -1, base: -1 };
    #places;
    constructor(machine, archive, indexStart, options) {
        this.machine = machine;
        this.archive = archive;
        this.options = options;
        this.#calls = machine.calls;
        const { manifest } = archive;
        this.#regions = [archive.segment(TYPE.INDEX), archive.segment(TYPE.QUANT), archive.segment(TYPE.VEC, 0), manifest.vectors === 0 ? undefined : archive.segment(TYPE.VEC, manifest.vectors)];
        const abi = this.#call('rvf_abi');
        if (abi !== ABI)
            throw this.fault(`speaks version 0x${(abi >>> 0).toString(16)} of the interface, and this library 0x${ABI.toString(16)}`);
        this.#caps = this.#call('rvf_caps');
        this.#can(METRIC << manifest.metric, 'this file\'s distances');
        this.#can(VECTORS | (VECTORS << manifest.vectors), 'this file\'s kind of vectors');
        if (((this.#caps >>> 16) & 255) < LAYOUT)
            throw this.fault('can not do what this file asks for: INDEX of layout 2');
        if (machine.heapBase > this.#u8.length)
            throw this.fault(`says that its heap begins at ${machine.heapBase}, and has ${this.#u8.length} bytes of memory`);
        this.#base = roundUp(machine.heapBase, LINE);
        const index = this.#take(indexStart.length);
        this.#context = this.#take(CONTEXT);
        this.#params = this.#take(PARAMS);
        this.#reach(this.#base);
        this.#u8.set(indexStart, index);
        this.#u8.fill(0, this.#params, this.#params + PARAMS);
        this.#call('rvf_open', index, indexStart.length, this.#context, CONTEXT);
    }
    fault(deed, cause) {
        return new RvfError('MODULE', `${this.options.name} ${deed}`, { cause });
    }
    #can(bits, what) {
        if ((this.#caps & bits) !== bits)
            throw this.fault(`can not do what is asked: ${what}`);
    }
    /** A function that takes fewer leaves the rest alone: so no call needs a list of its own. */
    #call(name, a = 0, b = 0, c = 0, d = 0, e = 0) {
        let result;
        try {
            result = this.#calls[name](a, b, c, d, e);
        }
        catch (cause) {
            throw this.fault(`failed in ${name}: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
        }
        // A signature is the module's own too: what is no i32 would go wrong far from here.
        if (typeof result !== 'number' || (result | 0) !== result)
            throw this.fault(`gives no i32 from ${name}`);
        if (this.machine.memory.buffer !== this.#buffer)
            this.#refresh();
        return result >= 0 || ANY_SIGN.has(name) ? result : this.#refused(name, result);
    }
    /** A negative result is an error code. */
    #refused(name, code) {
        const word = ERRORS[-code] ?? String(code);
        if (code === BAD_QUERY)
            throw new RvfError('REQUEST', `the query vector has no direction, or components that are too large (${word}): under cosine it may not be zero`);
        if (code === BAD_DATA || code === BAD_INDEX)
            throw broken('K-ABI-6', `the kernel finds that the file's data can not be (${word} from ${name})`);
        if (code === UNSUPPORTED)
            throw new RvfError('UNSUPPORTED', `${this.options.name} does not support this file (${word} from ${name})`);
        throw this.fault(`answers ${word} to ${name}`);
    }
    /** Views of the memory anew, if it has grown, and a look at how large it is. */
    #refresh() {
        const { buffer } = this.machine.memory;
        if (buffer === this.#buffer)
            return;
        if (buffer.byteLength > this.options.memoryBytes)
            throw this.fault(`has taken ${buffer.byteLength} bytes of memory, and ${this.options.memoryBytes} are allowed (memoryBytes)`);
        this.#buffer = buffer;
        this.#u8 = new Uint8Array(buffer);
        this.#u32 = new Uint32Array(buffer);
        this.#f32 = new Float32Array(buffer);
    }
    #tooSmall(wanted, cause) {
        return new RvfError('UNSUPPORTED', `the memory of ${this.options.name} can not grow to ${wanted} bytes`, { cause });
    }
    /** Makes the memory so long. */
    #reach(end) {
        const bytes = this.machine.memory.buffer.byteLength, wanted = end + BEHIND + LINE;
        if (wanted > bytes) {
            if (wanted > this.options.memoryBytes)
                throw new RvfError('UNSUPPORTED', `${this.options.name} needs ${wanted} bytes of memory for this, and ${this.options.memoryBytes} are allowed: raise memoryBytes, or lower k`);
            try {
                this.machine.memory.grow(Math.ceil((wanted - bytes) / PAGE));
            }
            catch (cause) {
                throw this.#tooSmall(wanted, cause);
            }
            // The twin does not throw.
            if (this.machine.memory.buffer.byteLength < wanted)
                throw this.#tooSmall(wanted);
        }
        this.#refresh();
    }
    /** A place for good. */
    #take(length) {
        const at = this.#base;
        this.#base = roundUp(at + length + BEHIND, LINE);
        return at;
    }
    /**
     * Copies a whole region into the memory, so that it is never asked for again. Unless it must be, it is left out where it would
     * leave too little room for what is fed.
     */
    async makeResident(region, must, signal) {
        const segment = this.#regions[region];
        if (!segment || (!must && this.#base + segment.length + ROOM > this.options.memoryBytes))
            return;
        const before = this.#base, at = this.#take(segment.length);
        try {
            this.#reach(this.#base);
        }
        catch (error) {
            this.#base = before;
            // The module's own limit may be lower than ours.
            if (must)
                throw error;
            return;
        }
        try {
            await this.archive.checked.copy(segment, (offset, bytes) => this.#u8.set(bytes, at + offset), signal);
        }
        catch (error) {
            this.#base = before;
            throw error;
        }
        this.#call('rvf_resident', this.#context, region, at, segment.length);
    }
    /** Answers at once where everything is resident, else when the file's bytes have come. */
    search(task, signal) {
        this.#begin(task);
        if (task.plan.exact)
            return this.#offer(task, signal);
        const needs = this.#step();
        return needs === 0 ? this.#results(task) : this.#feed(needs, task, signal);
    }
    #begin(task) {
        const { plan, k, filter, vector } = task;
        if (plan.exact)
            this.#can(BLOCKS, 'distances of blocks, which exact search takes');
        else
            this.#can(CODED | (filter ? FILTER : 0), filter ? 'search with a filter' : 'coded search');
        const filtered = !plan.exact && filter ? 1 : 0;
        if (filtered)
            this.#putFilter(filter.byNumber);
        const w = this.#words, mode = plan.exact ? 1 : 0, probes = plan.exact ? 0 : plan.probes, slack = plan.exact ? 0 : plan.slack, pool = plan.exact ? k : plan.pool;
        if (w.k !== k || w.mode !== mode || w.probes !== probes || w.slack !== slack || w.pool !== pool || w.filtered !== filtered || w.base !== this.#base) {
            this.#words = { k, mode, probes, slack, pool, filtered, base: -1 };
            this.#place(k, mode, probes, slack, pool, filtered);
            this.#words.base = this.#base;
        }
        const { vector: at, state, stateLength } = this.#places;
        // A known kernel refuses what is no query by itself; another one may not.
        if (!this.options.known)
            this.#fit(vector);
        this.#f32.set(vector, at >>> 2);
        try {
            this.#call('rvf_begin', this.#context, this.#params, at, state, stateLength);
        }
        catch (error) {
            // The query was refused: perhaps there is more to say.
            if (error instanceof RvfError && error.code === 'REQUEST')
                this.#fit(vector);
            throw error;
        }
    }
    /** Refuses a query with a component that can't be searched for. */
    #fit(vector) {
        for (let i = 0; i < vector.length; i++) {
            // What is no number is not smaller than anything.
            if (!(Math.abs(Math.fround(vector[i])) <= MAX_COMPONENT))
                throw new RvfError('REQUEST', `component ${i} of the query is ${vector[i]}, not a number of at most 10^15`);
        }
    }
    #putFilter(bits) {
        if (this.#filterHeld === bits)
            return;
        const fresh = this.#filterAt === undefined;
        const at = (this.#filterAt ??= this.#take(bits.length));
        this.#reach(this.#base);
        this.#u8.set(bits, at);
        this.#filterHeld = bits;
        // It is needed whole in most steps; resident, it is asked for in none.
        if (fresh)
            this.#call('rvf_resident', this.#context, FILTER_REGION, at, bits.length);
    }
    /** Writes the parameters and finds places for what the query needs. */
    #place(k, mode, probes, slack, pool, filtered) {
        const { dimension, rows } = this.archive.manifest;
        // K-ABI-3: a group of entries with their numbers, a record, the filter.
        const least = Math.max(groupLength(GROUP, true, dimension), stride(0, dimension), stride(2, dimension), filtered ? Math.ceil(rows / 8) : 0);
        const write = (window) => {
            const at = this.#params >>> 2;
            this.#u32.set([k, mode, probes, 0, pool, filtered, window, MAX_NEEDS], at);
            this.#f32[at + 3] = slack;
        };
        // The state's size is the kernel's word; the window does not change it.
        write(least);
        const stateLength = this.#call('rvf_size', this.#context, this.#params);
        let top = this.#base;
        const place = (length) => {
            const at = top;
            top = roundUp(at + length + BEHIND, LINE);
            return at;
        };
        if (stateLength > this.options.memoryBytes)
            throw this.fault(`wants ${stateLength} bytes for a query, and ${this.options.memoryBytes} are allowed (memoryBytes)`);
        const state = place(stateLength), vector = place(4 * dimension), hits = place(HIT * k), stats = place(STATS), arena = top;
        const room = this.options.memoryBytes - arena - BEHIND - LINE, arenaLength = Math.max(least + 2 * LINE, Math.min(ARENA, room - LINE));
        const window = Math.max(least, Math.floor(arenaLength / 4));
        // The arena itself is asked for when something has to be fed.
        this.#reach(arena);
        write(window);
        this.#places = { state, stateLength, vector, hits, stats, arena, arenaLength, window };
    }
    /** Lets the event loop turn now and then, and ends a kernel that takes its time in many small calls. */
    async #breathe(clock, signal) {
        if (clock.kernel > this.options.kernelMs)
            throw new RvfError('TIMEOUT', `${this.options.name} took more than ${this.options.kernelMs} ms to answer and was ended; raise timeoutMs if it is slow and not stuck`);
        if (performance.now() - clock.since < TURN)
            return;
        await turn();
        signal?.throwIfAborted();
        clock.since = performance.now();
    }
    #step() {
        const needs = this.#call('rvf_step', this.#places.state);
        if (needs > MAX_NEEDS)
            throw this.fault(`asks for ${needs} ranges at once, and at most ${MAX_NEEDS} are allowed`);
        return needs;
    }
    /** Feeds what is needed, and steps, until the query is done. */
    async #feed(first, task, signal) {
        const { state, arena, arenaLength } = this.#places, { checked } = this.archive;
        const limit = feedLimit(this.archive, task.plan, task.k);
        this.#reach(arena + arenaLength);
        const clock = { since: performance.now(), kernel: 0 };
        let fed = 0;
        for (let needs = first, steps = 0; needs > 0;) {
            const spans = this.#needs(needs), bytes = touched(spans);
            fed += bytes;
            if (++steps > MOST_STEPS || fed > limit)
                throw this.fault(`asks for more than any search of this file needs: ${fed} bytes in ${steps} steps`);
            const found = this.#atHand(spans) ?? await checked.read(spans, signal);
            signal?.throwIfAborted();
            let at = arena;
            for (let n = 0; n < spans.length; n++) {
                this.#u8.set(found[n], at);
                this.#call('rvf_feed', state, n, at);
                at = roundUp(at + spans[n].length, BEHIND);
            }
            const before = performance.now();
            needs = this.#step();
            clock.kernel += performance.now() - before;
            await this.#breathe(clock, signal);
        }
        return this.#results(task);
    }
    #atHand(spans) {
        const out = [];
        for (const { segment, from, length } of spans) {
            const bytes = this.archive.checked.peek(segment, from, length);
            if (!bytes)
                return undefined;
            out.push(bytes);
        }
        return out;
    }
    #needs(count) {
        const at = this.#call('rvf_needs', this.#places.state) >>> 0, { arenaLength, window } = this.#places;
        if (at % 4 !== 0 || at + NEED * count > this.#u8.length)
            throw this.fault(`writes its needs at ${at}, outside its memory`);
        return readNeeds(this.#u32, at >>> 2, count, this.#regions, { window, room: arenaLength, align: BEHIND }, (deed) => this.fault(deed));
    }
    /** Exact search: brings the records of all vectors that count, in runs of neighbours. */
    async #offer(task, signal) {
        const { segment, stride: size } = this.archive.stored(), { rows } = this.archive.manifest, { state, arena, arenaLength } = this.#places;
        this.#reach(arena + arenaLength);
        const bits = task.filter?.byNumber, most = Math.max(1, Math.floor((arenaLength - LINE) / size));
        const live = (n) => !bits || (bits[n >>> 3] & (1 << (n & 7))) !== 0;
        const clock = { since: performance.now(), kernel: 0 };
        let compared = 0;
        for (let n = 0; n < rows;) {
            // Many short runs at once, as far as they find room, so that they are fetched side by side.
            const spans = [], runs = [];
            for (let used = 0; n < rows && used < most && spans.length < MAX_NEEDS; n++) {
                if (bits && (n & 7) === 0 && bits[n >>> 3] === 0) {
                    n += 7;
                    continue;
                }
                if (!live(n))
                    continue;
                const begin = n;
                while (n + 1 < rows && used + (n + 1 - begin) < most && live(n + 1))
                    n++;
                const count = n + 1 - begin;
                used += count;
                runs.push(count);
                spans.push({ segment, from: begin * size, length: count * size });
            }
            if (spans.length === 0)
                break;
            const found = this.#atHand(spans) ?? await this.archive.checked.read(spans, signal);
            signal?.throwIfAborted();
            const before = performance.now();
            for (let i = 0; i < spans.length; i++) {
                this.#u8.set(found[i], arena);
                this.#call('rvf_block', state, arena, runs[i]);
                compared += runs[i];
            }
            clock.kernel += performance.now() - before;
            await this.#breathe(clock, signal);
        }
        return { ...this.#results(task), scanned: compared, ranked: compared };
    }
    #results(task) {
        const { state, hits, stats } = this.#places, { k } = task, { rows } = this.archive.manifest;
        const count = this.#call('rvf_results', state, hits, k);
        if (count > k)
            throw this.fault(`gives ${count} hits, and ${k} were asked for`);
        this.#call('rvf_stats', state, stats);
        const word = stats >>> 2, found = readHits(this.#u32, this.#f32, hits >>> 2, count, rows, task.filter?.byRow, (what) => this.#lie(what));
        return { rows: found.rows, distances: found.distances, scanned: this.#u32[word], ranked: this.#u32[word + 2] };
    }
    /** A kernel that is known says what the file says: then a record has a row that is not its own. Another one lies. */
    #lie(what) {
        return this.options.known ? broken('R-VEC-7', `the records of the file give an answer with ${what}`) : this.fault(`gives ${what}`);
    }
}
