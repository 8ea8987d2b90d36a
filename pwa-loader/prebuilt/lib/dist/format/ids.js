// From rows to ids and back (spec/format.md, section 8).
import { broken, ensure, request } from '../errors.js';
import { big, notZero, u16, u32, u64, utf8, viewOf } from './bytes.js';
import { TYPE } from './header.js';
import { blockOffsetsLength, IDS_HEAD, MAX_ID, roundTo8, RUN } from './layout.js';
const NONE = 0, NUMBERS = 1;
/** Ids that are remembered; text of a popular row is then decoded once. */
const REMEMBERED = 1 << 16;
/** Bytes of the hash index that are read on a guess. */
const MOST_AT_ONCE = 1 << 16;
const SECOND_PRIME_HIGH = 0xff51afd7, SECOND_PRIME_LOW = 0xed558ccd;
/** a · b mod 2⁶⁴, of halves of 32 bits; gives [low, high]. */
function multiply(al, ah, bl, bh) {
    const a0 = al & 0xffff, a1 = al >>> 16, b0 = bl & 0xffff, b1 = bl >>> 16;
    const low = a0 * b0, middle = a1 * b0 + (low >>> 16), cross = a0 * b1 + (middle & 0xffff);
    const high = (a1 * b1 + Math.floor(middle / 65536) + Math.floor(cross / 65536) + Math.imul(al, bh) + Math.imul(ah, bl)) >>> 0;
    return [(((cross & 0xffff) << 16) | (low & 0xffff)) >>> 0, high];
}
/** The hash of R-IDS-3. */
export function hashOf(bytes) {
    let low = 0x84222325, high = 0xcbf29ce4;
    for (const byte of bytes)
        [low, high] = multiply((low ^ byte) >>> 0, high, 0x1b3, 0x100);
    low = (low ^ (high >>> 1)) >>> 0;
    [low, high] = multiply(low, high, SECOND_PRIME_LOW, SECOND_PRIME_HIGH);
    // The upper half of x ^ (x >> 33) is that of x.
    return high;
}
/** Cuts a run of at most 64 ids into its strings (R-IDS-4). `at` is its place in the file. */
export function stringsOf(bytes, count, at) {
    const view = viewOf(bytes), out = [];
    let place = 0;
    for (let n = 0; n < count; n++) {
        ensure(place + 2 <= bytes.length, 'R-IDS-4', () => 'an id begins behind its run', at + place);
        const length = u16(view, place);
        ensure(length >= 1 && length <= MAX_ID, 'R-LIM-1', () => `an id has ${length} bytes, not 1 to ${MAX_ID}`, at + place);
        ensure(place + 2 + length <= bytes.length, 'R-IDS-4', () => 'an id passes its run', at + place);
        out.push(bytes.subarray(place + 2, place + 2 + length));
        place += 2 + length;
    }
    ensure(place === bytes.length, 'R-IDS-4', () => `${bytes.length - place} bytes of a run belong to no id`, at + place);
    return out;
}
/** Checks the head (R-IDS-1, R-IDS-2). */
export function parseIdsHead(bytes, segment, kind, rows) {
    const view = viewOf(bytes), at = segment.payload;
    ensure(u32(view, 0) === 0x44465652, 'R-IDS-1', () => 'IDS does not begin with RVFD', at);
    ensure(u16(view, 4) === 1, 'R-IDS-1', () => `IDS has the layout ${u16(view, 4)}, not 1`, at + 4);
    ensure(bytes[6] === kind, 'R-IDS-1', () => `IDS has ids of kind ${bytes[6]}, and the manifest ${kind}`, at + 6);
    ensure(u64(view, 8) === rows, 'R-IDS-1', () => `IDS has ${u64(view, 8)} rows, and the manifest ${rows}`, at + 8);
    ensure(bytes[7] === 0 && notZero(bytes, 0x20, IDS_HEAD) < 0, 'R-NUM-3', () => 'a reserved byte of the head of IDS is not zero', at);
    const index = u64(view, 0x10), strings = u64(view, 0x18);
    const stringsAt = IDS_HEAD + (kind === NUMBERS ? 8 * rows : blockOffsetsLength(rows));
    ensure(kind !== NUMBERS || strings === 0, 'R-IDS-2', () => `ids that are numbers have ${strings} bytes of strings`, at + 0x18);
    ensure(index === roundTo8(stringsAt + strings) && index + 8 * rows === segment.length, 'R-IDS-2', () => `the hash index of the ids is said to begin at ${index}, and does not end the payload of ${segment.length} bytes there`, at + 0x10);
    return { index, strings, stringsAt };
}
export class Ids {
    archive;
    #kind;
    #rows;
    #segment;
    #head;
    #known = new Map();
    constructor(archive) {
        this.archive = archive;
        this.#kind = archive.manifest.idKind;
        this.#rows = archive.manifest.rows;
        this.#segment = this.#kind === NONE ? undefined : archive.segment(TYPE.IDS);
    }
    /** The ids of rows, if they are at hand; it waits for nothing. */
    peek(rows) {
        if (this.#kind === NONE)
            return rows;
        const out = [];
        for (let i = 0; i < rows.length; i++) {
            const id = this.#known.get(rows[i]);
            if (id === undefined)
                return undefined;
            out.push(id);
        }
        return out;
    }
    /** The ids of rows: in two rounds at most, of which the first brings the bounds of the runs and the second the strings. */
    async of(rows, signal) {
        const known = this.peek(rows);
        if (known)
            return known;
        const { checked } = this.archive, segment = this.#segment, missing = [...new Set(Array.from(rows))].filter((row) => !this.#known.has(row));
        if (this.#known.size + missing.length > REMEMBERED)
            this.#known = new Map(Array.from(rows, (row) => [row, this.#known.get(row)]).filter((pair) => pair[1] !== undefined));
        // This map, also if another call makes a new one while this one waits.
        const remembered = this.#known;
        if (this.#kind === NUMBERS) {
            const found = await checked.read(this.#withHead(missing.map((row) => ({ segment, from: IDS_HEAD + 8 * row, length: 8 }))), signal);
            this.#takeHead(found.pop());
            found.forEach((bytes, n) => remembered.set(missing[n], numberId(big(viewOf(bytes), 0))));
        }
        else {
            const runs = [...new Set(missing.map((row) => Math.floor(row / RUN)))];
            const bounds = await checked.read(this.#withHead(runs.map((run) => ({ segment, from: IDS_HEAD + 8 * run, length: 16 }))), signal);
            const { strings, stringsAt } = this.#takeHead(bounds.pop());
            const spans = bounds.map((bytes, n) => {
                const view = viewOf(bytes), from = u64(view, 0), to = u64(view, 8);
                ensure(from <= to && to <= strings && to - from <= RUN * (2 + MAX_ID), 'R-IDS-4', () => `the block offsets of the ids, ${from} and ${to}, are out of order or too far apart`, segment.payload + IDS_HEAD + 8 * runs[n]);
                return { segment, from: stringsAt + from, length: to - from };
            });
            const wanted = new Set(missing);
            (await checked.read(spans, signal)).forEach((bytes, n) => {
                const first = runs[n] * RUN;
                stringsOf(bytes, Math.min(RUN, this.#rows - first), segment.payload + spans[n].from).forEach((id, i) => {
                    if (wanted.has(first + i))
                        remembered.set(first + i, textId(id, segment.payload + spans[n].from));
                });
            });
        }
        return Array.from(rows, (row) => remembered.get(row));
    }
    #withHead(spans) {
        return [...spans, { segment: this.#segment, from: 0, length: IDS_HEAD }];
    }
    #takeHead(bytes) {
        return (this.#head ??= parseIdsHead(bytes, this.#segment, this.#kind, this.#rows));
    }
    /** The row that has an id; nothing if none has. Text stands for a number where the file's ids are numbers. */
    async row(id, signal) {
        if (this.#kind === NONE) {
            const number = wholeNumber(id);
            return number !== undefined && number < this.#rows ? Number(number) : undefined;
        }
        let bytes;
        if (this.#kind === NUMBERS) {
            const number = wholeNumber(id);
            if (number === undefined)
                return undefined;
            bytes = new Uint8Array(8);
            viewOf(bytes).setBigUint64(0, number, true);
        }
        else {
            if (typeof id !== 'string')
                throw request(`the ids of this file are text, and ${String(id)} is a ${typeof id}`);
            bytes = new TextEncoder().encode(id);
        }
        const { checked } = this.archive, segment = this.#segment, wanted = hashOf(bytes);
        const guess = this.#guess(wanted), likely = { from: segment.length - 8 * (this.#rows - guess.from), length: 8 * (guess.to - guess.from) };
        // The index ends the payload, so its likely part is known before the head that names its place is read.
        const [head] = await checked.read([{ segment, from: 0, length: IDS_HEAD }, ...(likely.length <= MOST_AT_ONCE ? [{ segment, ...likely }] : [])], signal);
        const { index } = this.#takeHead(head);
        const entry = async (n) => {
            const view = viewOf(await checked.one(segment, index + 8 * n, 8, signal)), row = u32(view, 4);
            ensure(row < this.#rows, 'R-IDS-2', () => `the hash index of the ids names row ${row} of ${this.#rows}`, segment.payload + index + 8 * n);
            return { hash: u32(view, 0), row };
        };
        for (let n = await this.#firstAtLeast(wanted, entry); n < this.#rows; n++) {
            const { hash, row } = await entry(n);
            if (hash !== wanted)
                return undefined;
            const [found] = await this.of([row], signal);
            if (this.#kind === NUMBERS ? BigInt(found) === viewOf(bytes).getBigUint64(0, true) : found === id)
                return row;
        }
        return undefined;
    }
    /** Where a hash likely stands: the guess is off by some √rows / 2, and eight times that is as good as always enough. */
    #guess(hash) {
        const guess = Math.floor(this.#rows * (hash / 2 ** 32)), reach = 4 * Math.ceil(Math.sqrt(this.#rows)) + 8;
        return { from: Math.max(0, guess - reach), to: Math.min(this.#rows, guess + reach) };
    }
    /**
     * The first entry of the hash index whose hash is at least `least`. Hashes are evenly spread, so a guess by proportion narrows
     * the search: it reads few blocks near one place, where a plain binary search reads some twenty all over the segment.
     */
    async #firstAtLeast(least, entry) {
        const { from: below, to: above } = this.#guess(least);
        let low = 0, high = this.#rows;
        if (below > 0) {
            if ((await entry(below)).hash < least)
                low = below;
            else
                high = below;
        }
        if (low === below && above < this.#rows) {
            if ((await entry(above - 1)).hash >= least)
                high = above - 1;
            else
                low = above;
        }
        while (low < high) {
            const middle = Math.floor((low + high) / 2);
            if ((await entry(middle)).hash < least)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }
}
/** A number where it is exact, else a BigInt. */
const numberId = (id) => (id <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(id) : id);
function textId(bytes, at) {
    const text = utf8(bytes);
    if (text === undefined)
        throw broken('R-LIM-1', 'an id is not UTF-8', at);
    return text;
}
/** An id as a u64; nothing if it is none. */
function wholeNumber(id) {
    if (typeof id === 'number')
        return Number.isSafeInteger(id) && id >= 0 ? BigInt(id) : undefined;
    const number = typeof id === 'bigint' ? id : /^\d{1,20}$/.test(id) ? BigInt(id) : -1n;
    return number >= 0n && number < 2n ** 64n ? number : undefined;
}
