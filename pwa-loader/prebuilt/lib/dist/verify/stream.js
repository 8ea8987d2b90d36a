// A segment's payload from its beginning to its end: every byte is read once, held against its digest, and handed on to who checks
// what it means.
import { broken, ensure } from '../errors.js';
import { notZero, roundUp, same } from '../format/bytes.js';
import { checkAgainst, parseHeader, typeName } from '../format/header.js';
import { HEADER } from '../format/layout.js';
import { segmentHash, tableOf } from '../format/shake.js';
const CHUNK = 4 << 20;
export class Stream {
    ground;
    named;
    header;
    headBytes;
    /** Whether all bytes so far have their digests. */
    sound = true;
    #digests;
    #stored;
    #block;
    /** What was read and not yet handed on. */
    #chunk = new Uint8Array(0);
    #from = 0;
    /** Bytes that were read, and that were handed on. */
    #read = 0;
    position = 0;
    constructor(ground, named, header, headBytes, table) {
        this.ground = ground;
        this.named = named;
        this.header = header;
        this.headBytes = headBytes;
        this.#block = 2 ** named.blockLog;
        this.#stored = table !== undefined;
        this.#digests = table ?? new Uint8Array(16 * Math.ceil(header.length / this.#block));
    }
    get length() {
        return this.header.length;
    }
    /** Where in the file what is handed on next stands. */
    get offset() {
        return this.named.offset + HEADER + this.position;
    }
    /** Checks header, padding and stored table; nothing if the payload can't be told from them. */
    static async open(ground, named) {
        const { source, findings, signal } = ground, { offset, end } = named;
        const [head] = await source.read([{ offset, length: HEADER }], signal);
        let header;
        const told = findings.passes(() => {
            header = parseHeader(head, offset);
            if (named.entry)
                checkAgainst(header, { ...named.entry, hash: named.hash }, offset);
            else {
                ensure(offset + HEADER + Math.ceil(header.length / 64) * 64 === end, 'R-MAN-2', () => `a dead segment has ${header.length} bytes, and its extent another length`, offset);
                checkAgainst(header, { type: header.type, length: header.length, hash: named.hash }, offset);
            }
        });
        if (!told || !header)
            return undefined;
        const behind = offset + HEADER + header.length, tableLength = 16 * Math.ceil(header.length / 2 ** named.blockLog);
        const ranges = [{ offset: behind, length: end - behind }];
        if (named.table)
            ranges.push({ offset: named.table, length: tableLength });
        const [padding, table] = await source.read(ranges, signal);
        checkPadding(padding, behind, findings);
        await ground.advance(HEADER + padding.length);
        if (table && !findings.passes(() => ensure(same(segmentHash(head, table), named.hash), 'R-HASH-3', () => `the digest table of ${typeName(header.type)} does not have the segment's hash`, offset)))
            return undefined;
        return new Stream(ground, named, header, head, table);
    }
    /** The next `length` bytes. */
    async take(length) {
        const held = this.#chunk.length - this.#from;
        if (held < length) {
            const missing = length - held, left = this.length - this.#read;
            if (missing > left)
                throw broken('R-NUM-2', `a part of ${typeName(this.header.type)} ends behind its payload`, this.offset);
            // A read begins with a block, and ends with one or with the payload.
            const fresh = await this.#fetch(Math.min(left, roundUp(Math.max(CHUNK, missing), this.#block)));
            if (held === 0)
                this.#chunk = fresh;
            else {
                const joined = new Uint8Array(held + fresh.length);
                joined.set(this.#chunk.subarray(this.#from));
                joined.set(fresh, held);
                this.#chunk = joined;
            }
            this.#from = 0;
        }
        const out = this.#chunk.subarray(this.#from, this.#from + length);
        this.#from += length;
        this.position += length;
        return out;
    }
    async #fetch(length) {
        const at = this.named.offset + HEADER + this.#read, [bytes] = await this.ground.source.read([{ offset: at, length }], this.ground.signal);
        const first = this.#read / this.#block, found = tableOf(bytes, this.#block);
        if (!this.#stored)
            this.#digests.set(found, 16 * first);
        else {
            for (let n = 0; n < found.length / 16; n++) {
                if (same(found.subarray(16 * n, 16 * n + 16), this.#digests.subarray(16 * (first + n), 16 * (first + n) + 16)))
                    continue;
                this.sound = false;
                this.ground.findings.take(broken('R-HASH-2', `block ${first + n} of ${typeName(this.header.type)} is damaged: it does not have its digest`, at + n * this.#block));
            }
        }
        this.#read += length;
        await this.ground.advance(length);
        return bytes;
    }
    /** Reads what is left, so that all of it is checked. */
    async finish() {
        this.#chunk = new Uint8Array(0);
        this.#from = 0;
        while (this.#read < this.length)
            await this.#fetch(Math.min(this.length - this.#read, roundUp(CHUNK, this.#block)));
        this.position = this.length;
        if (this.#stored)
            return;
        const whole = this.ground.findings.passes(() => ensure(same(segmentHash(this.headBytes, this.#digests), this.named.hash), 'R-HASH-3', () => `the ${typeName(this.header.type)} segment does not have its hash: it is damaged`, this.named.offset));
        if (!whole)
            this.sound = false;
    }
}
export function checkPadding(bytes, at, findings) {
    const place = notZero(bytes, 0, bytes.length);
    if (place >= 0)
        findings.add('R-SEG-1', 'a byte of a segment\'s padding is not zero', at + place);
}
