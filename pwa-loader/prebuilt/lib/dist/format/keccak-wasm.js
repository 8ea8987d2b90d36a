// SHAKE-256 of many blocks by WebAssembly: some ten times as fast as keccak.ts. The module is small and regular, so it is put
// together here rather than kept as bytes that nobody can read: one function, that takes in whole messages, padded, and leaves the
// first 32 bytes of their outputs in its memory. With SIMD it takes two messages of one length at once, one in each half of its vectors.
import { CONSTANTS, LANES, RATE, ROTATIONS } from './keccak.js';
const ROUNDS = 0, OUT = 256, INPUT = 512;
const PAGE = 65536;
// Parameters and locals of the function: two places, how many rounds of the sponge, a place in the constants; then lanes.
const [A, B, COUNT, PLACE, STATE] = [0, 1, 2, 3, 4];
const MOVED = STATE + 25, SUM = MOVED + 25, SPREAD = SUM + 5, LOCALS = SPREAD + 5 - STATE;
const number = (value) => {
    const out = [];
    for (; value >= 128; value = Math.floor(value / 128))
        out.push((value % 128) | 128);
    return [...out, value];
};
/** Signed LEB128 of a small number. */
const signed = (value) => (value < 64 ? [value] : [(value & 127) | 128, ...signed(value >> 7)]);
const get = (local) => [0x20, ...number(local)];
const set = (local) => [0x21, ...number(local)];
const tee = (local) => [0x22, ...number(local)];
const constant = (value) => [0x41, ...signed(value)];
const scalar = {
    type: 0x7e, xor: [0x85],
    load: (offset) => [...get(A), 0x29, 0, ...number(offset)],
    splat: (offset) => [0x29, 0, ...number(offset)],
    store: (offset) => [0x37, 0, ...number(offset)],
    rotated: (by) => (by ? [0x42, ...signed(by), 0x89] : []),
    butNot: (local) => [...get(local), 0x42, 0x7f, 0x85, 0x83],
};
const simd = {
    type: 0x7b, xor: [0xfd, 0x51],
    load: (offset) => [...get(B), ...get(A), 0xfd, 0x5d, 0, ...number(offset), 0xfd, 0x57, 0, ...number(offset), 1],
    splat: (offset) => [0xfd, 0x0a, 0, ...number(offset)],
    store: (offset) => [0xfd, 0x0b, 0, ...number(offset)],
    rotated: (by, through) => (by ? [...tee(through), ...constant(by), 0xfd, 0xcb, 1, ...get(through), ...constant(64 - by), 0xfd, 0xcd, 1, 0xfd, 0x50] : []),
    butNot: (local) => [...get(local), 0xfd, 0x4f],
};
/** The body of the function: Keccak-f[1600] round by round, its state in locals from the first byte to the last. */
function body(lanes) {
    const { xor } = lanes, code = [], put = (...parts) => { for (const part of parts)
        code.push(...part); };
    put([0x03, 0x40]);
    for (let lane = 0; lane < RATE / 8; lane++)
        put(get(STATE + lane), lanes.load(8 * lane), xor, set(STATE + lane));
    for (const place of [A, B])
        put(get(place), constant(RATE), [0x6a], set(place));
    put(constant(ROUNDS), set(PLACE), [0x03, 0x40]);
    for (let x = 0; x < 5; x++) {
        put(get(STATE + x));
        for (let y = 5; y < 25; y += 5)
            put(get(STATE + x + y), xor);
        put(set(SUM + x));
    }
    for (let x = 0; x < 5; x++)
        put(get(SUM + (x + 1) % 5), lanes.rotated(1, MOVED), get(SUM + (x + 4) % 5), xor, set(SPREAD + x));
    // Each lane goes, turned, to the place that the walk names next; lane 0 stays.
    put(get(STATE), get(SPREAD), xor, set(MOVED));
    for (let t = 0, from = 1; t < 24; t++) {
        const to = LANES[t];
        put(get(STATE + from), get(SPREAD + from % 5), xor, lanes.rotated(ROTATIONS[t], MOVED + to), set(MOVED + to));
        from = to;
    }
    for (let y = 0; y < 25; y += 5) {
        for (let x = 0; x < 5; x++)
            put(get(MOVED + y + (x + 2) % 5), lanes.butNot(MOVED + y + (x + 1) % 5), get(MOVED + y + x), xor, set(STATE + y + x));
    }
    put(get(STATE), get(PLACE), lanes.splat(0), xor, set(STATE));
    put(get(PLACE), constant(8), [0x6a], tee(PLACE), constant(ROUNDS + 8 * 24), [0x49, 0x0d, 0, 0x0b]);
    put(get(COUNT), constant(1), [0x6b], tee(COUNT), [0x0d, 0, 0x0b]);
    for (let lane = 0; lane < 4; lane++)
        put(constant(OUT + 16 * lane), get(STATE + lane), lanes.store(0));
    put([0x0b]);
    return code;
}
function moduleOf(lanes) {
    const section = (id, content) => [id, ...number(content.length), ...content];
    const text = (name) => [name.length, ...Array.from(name, (letter) => letter.charCodeAt(0))];
    const code = [2, 1, 0x7f, ...number(LOCALS), lanes.type, ...body(lanes)];
    return Uint8Array.from([
        0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
        ...section(1, [1, 0x60, 3, 0x7f, 0x7f, 0x7f, 0]), ...section(3, [1, 0]), ...section(5, [1, 0, 1]),
        ...section(7, [2, ...text('memory'), 2, 0, ...text('hash'), 0, 0]), ...section(10, [1, ...number(code.length), ...code]),
    ]);
}
/** Hashes messages, two at a time where there is SIMD. */
export class Hasher {
    #memory;
    #hash;
    two;
    #bytes;
    constructor() {
        this.two = WebAssembly.validate(moduleOf(simd));
        const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleOf(this.two ? simd : scalar)));
        this.#memory = exports['memory'];
        this.#hash = exports['hash'];
        const view = new DataView(this.#memory.buffer);
        CONSTANTS.forEach(([low, high], round) => {
            view.setInt32(ROUNDS + 8 * round, low, true);
            view.setInt32(ROUNDS + 8 * round + 4, high, true);
        });
        this.#bytes = new Uint8Array(this.#memory.buffer);
    }
    /** The first 16 bytes of SHAKE-256 over `mark` and the bytes: of `a` to `out` at `at`, of `b`, which is as long, behind it. */
    digest(mark, a, b, out, at) {
        const count = Math.floor((a.length + 1) / RATE) + 1, room = count * RATE, end = INPUT + 2 * room + RATE;
        if (end > this.#bytes.length) {
            this.#memory.grow(Math.ceil((end - this.#bytes.length) / PAGE));
            this.#bytes = new Uint8Array(this.#memory.buffer);
        }
        this.#put(INPUT, room, mark, a);
        if (b)
            this.#put(INPUT + room, room, mark, b);
        this.#hash(INPUT, b ? INPUT + room : INPUT, count);
        for (let half = 0; half < (b ? 2 : 1); half++) {
            for (let lane = 0; lane < 2; lane++) {
                const from = OUT + 16 * lane + 8 * half;
                for (let i = 0; i < 8; i++)
                    out[at + 16 * half + 8 * lane + i] = this.#bytes[from + i];
            }
        }
    }
    /** The message, padded as FIPS 202 says for SHAKE. */
    #put(at, room, mark, message) {
        const bytes = this.#bytes, end = at + 1 + message.length;
        bytes[at] = mark;
        bytes.set(message, at + 1);
        bytes.fill(0, end, at + room);
        bytes[end] = 0x1f;
        bytes[at + room - 1] |= 0x80;
    }
}
