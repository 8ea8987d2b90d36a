// The manifest: what is in the file and where (spec/format.md, section 5).
import { broken, ensure } from '../errors.js';
import { big, f32, notZero, u16, u32, u64, utf8, viewOf } from './bytes.js';
import { checkFlags, isKnown, TYPE } from './header.js';
import { MAX_DIMENSION, MAX_K, MAX_LISTS } from './layout.js';
const HEAD = 256, ENTRY = 96, DEAD = 64, EFFORT = 32;
/** Reads the payload of the MANIFEST and checks each part by itself. `at` is its place in the file. */
export function parseManifest(bytes, at) {
    const rule = 'R-MAN-1';
    ensure(bytes.length >= HEAD, rule, () => `the manifest has ${bytes.length} bytes, and at least ${HEAD} are needed`, at);
    const view = viewOf(bytes);
    ensure(u32(view, 0) === 0x4d465652, rule, () => 'the manifest does not begin with RVFM', at);
    ensure(u16(view, 4) === 1, rule, () => `the manifest has the layout ${u16(view, 4)}, not 1`, at + 4);
    for (const [from, to] of [[6, 8], [0x88, HEAD]])
        ensure(notZero(bytes, from, to) < 0, 'R-NUM-3', () => 'a reserved byte of the manifest is not zero', at + from);
    ensure(bytes[0x1f] === 0, 'R-NUM-3', () => `the operation of the manifest is ${bytes[0x1f]}, not 0`, at + 0x1f);
    const counts = { segments: u32(view, 0x70), dead: u32(view, 0x74), efforts: u32(view, 0x78), properties: u32(view, 0x7c), propertyBytes: u32(view, 0x80) };
    // All are below 2³², so the sum is exact.
    const sum = HEAD + counts.segments * ENTRY + counts.dead * DEAD + counts.efforts * EFFORT + counts.propertyBytes;
    ensure(sum === bytes.length, rule, () => `the counts of the manifest add up to ${sum} bytes, and it has ${bytes.length}`, at + 0x70);
    const rows = u64(view, 0x10), dimension = u32(view, 0x18), lists = u32(view, 0x84);
    const inRange = (what, found, least, most, place) => ensure(found >= least && found <= most, rule, () => `${what}: ${found}, not ${least} to ${most}`, at + place);
    inRange('the rows of the file', rows, 1, 2 ** 32 - 1, 0x10);
    inRange('its dimension', dimension, 1, MAX_DIMENSION, 0x18);
    inRange('its metric', bytes[0x1c], 0, 2, 0x1c);
    inRange('its kind of vectors', bytes[0x1d], 0, 2, 0x1d);
    inRange('its kind of ids', bytes[0x1e], 0, 2, 0x1e);
    inRange('its lists', lists, 1, Math.min(MAX_LISTS, rows), 0x84);
    let place = HEAD;
    const parts = (count, length, parse) => {
        const out = [];
        for (let n = 0; n < count; n++, place += length)
            out.push(parse(bytes.subarray(place, place + length), at + place, n));
        return out;
    };
    const vectors = bytes[0x1d];
    return {
        generation: big(view, 8), rows, dimension, metric: bytes[0x1c], vectors, idKind: bytes[0x1e], lists,
        predecessor: { offset: u64(view, 0x20), length: u64(view, 0x28), hash: bytes.slice(0x30, 0x50) },
        entries: parts(counts.segments, ENTRY, parseEntry),
        dead: parts(counts.dead, DEAD, parseDead),
        efforts: parts(counts.efforts, EFFORT, (part, offset) => parseEffort(part, offset, vectors)),
        properties: parseProperties(bytes.subarray(place), at + place, counts.properties),
    };
}
function parseEntry(bytes, at, number) {
    const view = viewOf(bytes);
    const entry = { number, id: big(view, 0), type: bytes[8], blockLog: bytes[9], flags: u16(view, 10), kind: u32(view, 12), offset: u64(view, 0x10), length: u64(view, 0x18), hash: bytes.slice(0x20, 0x40), table: u64(view, 0x40) };
    const { type, blockLog, kind } = entry;
    checkFlags(type, entry.flags, 'R-MAN-1', at);
    ensure(entry.id !== 0n, 'R-MAN-2', () => 'a segment has the id 0', at);
    ensure(type !== TYPE.ROOT && type !== TYPE.MANIFEST, 'R-MAN-3', () => 'the manifest lists a ROOT or a MANIFEST', at + 8);
    ensure(notZero(bytes, 0x48, ENTRY) < 0, 'R-NUM-3', () => 'a reserved byte of a segment entry is not zero', at + 0x48);
    const least = type === TYPE.DIGEST ? 16 : 10, most = type === TYPE.DIGEST ? 16 : 20;
    ensure(blockLog >= least && blockLog <= most, 'R-MAN-1', () => `the blocks of a segment have 2^${blockLog} bytes, not 2^${least} to 2^${most}`, at + 9);
    ensure(type !== TYPE.DIGEST || entry.table === 0, 'R-HASH-5', () => 'a DIGEST segment has a stored digest table', at + 0x40);
    if (type === TYPE.VEC)
        ensure(kind <= 2, 'R-MAN-3', () => `the element type of a VEC segment is ${kind}, not 0 to 2`, at + 12);
    else if (type === TYPE.WASM) {
        const role = kind & 255, target = (kind >>> 8) & 255;
        ensure(role <= 4 && (target === 0 || target === 3 || target === 4), 'R-WASM-1', () => `a module has the role ${role} and the target ${target}, which are none or reserved`, at + 12);
        ensure(kind >>> 24 === 0, 'R-NUM-3', () => 'a reserved feature bit of a module is set', at + 15);
    }
    else if (isKnown(type))
        ensure(kind === 0, 'R-MAN-1', () => `the kind of a segment entry is ${kind}, not 0`, at + 12);
    return entry;
}
function parseDead(bytes, at) {
    const view = viewOf(bytes), offset = u64(view, 0), length = u64(view, 8), blockLog = bytes[0x30];
    ensure(big(view, 0) % 64n === 0n && big(view, 8) % 64n === 0n && length >= 64, 'R-MAN-2', () => `a dead extent of ${length} bytes at ${offset} can not be: both are multiples of 64`, at);
    ensure(blockLog >= 10 && blockLog <= 20, 'R-MAN-1', () => `the blocks of a dead extent have 2^${blockLog} bytes, not 2^10 to 2^20`, at + 0x30);
    ensure(notZero(bytes, 0x31, DEAD) < 0, 'R-NUM-3', () => 'a reserved byte of a dead extent is not zero', at + 0x31);
    return { offset, length, hash: bytes.slice(0x10, 0x30), blockLog };
}
function parseEffort(bytes, at, vectors) {
    const view = viewOf(bytes), word = (place) => u32(view, place);
    const effort = { k: word(0), probes: word(4), slack: f32(view, 8), pool: word(12), hits: word(16), total: word(20), scanned: word(24), ranked: word(28) };
    const holds = (yes, what) => ensure(yes, 'R-MAN-8', () => `an effort entry has ${what}`, at);
    holds(effort.k >= 1 && effort.k <= MAX_K, `k = ${effort.k}, not 1 to ${MAX_K}`);
    holds(effort.slack >= 0 && effort.slack <= 16, `the slack ${effort.slack}, not 0 to 16`);
    holds(vectors === 0 ? effort.pool === effort.k : effort.pool >= effort.k && effort.pool <= MAX_K, `the pool ${effort.pool} for k = ${effort.k}`);
    holds(effort.total > 0 && effort.hits <= effort.total, `${effort.hits} hits of ${effort.total}`);
    return effort;
}
function parseProperties(bytes, at, count) {
    const view = viewOf(bytes), found = [];
    const wrong = (what, place) => broken('R-MAN-1', `the properties of the manifest are damaged: ${what}`, at + place);
    let before, place = 0;
    while (place < bytes.length) {
        if (place + 8 > bytes.length)
            throw wrong('one is cut short', place);
        const keyLength = u16(view, place), keyEnd = place + 8 + keyLength, end = keyEnd + u32(view, place + 4);
        if (u16(view, place + 2) !== 0)
            throw broken('R-NUM-3', 'a reserved byte of a property is not zero', at + place + 2);
        if (keyLength === 0 || end > bytes.length)
            throw wrong('a length is wrong', place);
        const keyBytes = bytes.subarray(place + 8, keyEnd), key = utf8(keyBytes), value = utf8(bytes.subarray(keyEnd, end));
        if (key === undefined || value === undefined)
            throw wrong('text is not UTF-8', place);
        if (before && compare(before, keyBytes) >= 0)
            throw wrong('the keys do not ascend', place);
        before = keyBytes;
        found.push([key, value]);
        place = end;
    }
    if (found.length !== count)
        throw wrong(`there are ${found.length} and not ${count}`, 0);
    // Not an object's own prototype: a key may be `__proto__`.
    return Object.assign(Object.create(null), Object.fromEntries(found));
}
function compare(a, b) {
    const length = Math.min(a.length, b.length);
    for (let i = 0; i < length; i++)
        if (a[i] !== b[i])
            return a[i] - b[i];
    return a.length - b.length;
}
