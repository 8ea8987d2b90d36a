// Kernels that lie, written byte by byte: no assembler is needed, and what each does wrong is plain to see.
// A kernel that keeps the rules of spec/kernel.md and finds nothing, with some of its functions replaced.

const I32 = 0x7f;
/** The opcodes that are used here. */
const op = { unreachable: 0x00, loop: 0x03, br: 0x0c, end: 0x0b, drop: 0x1a, get: 0x20, load: 0x28, store: 0x36, grow: 0x40, const: 0x41, add: 0x6a };

/** A signed LEB128 number. */
function signed(value) {
  const bytes = [];
  for (let rest = value; ; rest >>= 7) {
    const byte = rest & 127, last = (rest >> 7 === 0 && !(byte & 64)) || (rest >> 7 === -1 && byte & 64);
    bytes.push(last ? byte : byte | 128);
    if (last) return bytes;
  }
}

const unsigned = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >>> 7)]);
const vector = (items) => [...unsigned(items.length), ...items.flat()];
const section = (id, content) => [id, ...unsigned(content.length), ...content];
const name = (text) => vector([...Buffer.from(text)].map((byte) => [byte]));

const constant = (value) => [op.const, ...signed(value | 0)];
/** Stores a number at an address. */
const store = (address, value) => [...constant(address), ...constant(value), op.store, 2, 0];

// The exports in order: how many numbers each takes, and what a kernel that finds nothing does.
const CALLS = {
  rvf_abi: [0, constant(0x20002)],
  rvf_caps: [0, constant(0x20ffe)],
  rvf_open: [4, constant(0)],
  rvf_resident: [4, constant(0)],
  rvf_size: [2, constant(256)],
  rvf_begin: [5, constant(0)],
  rvf_step: [1, constant(0)],
  rvf_needs: [1, constant(512)],
  rvf_feed: [3, constant(0)],
  rvf_results: [3, constant(0)],
  rvf_stats: [2, constant(0)],
  rvf_block: [3, constant(0)],
};

/** The module. `changed`: bodies by the name of the function. */
export function kernel(changed = {}) {
  const calls = Object.entries(CALLS);
  const types = [0, 1, 2, 3, 4, 5].map((count) => [0x60, ...vector(Array(count).fill([I32])), 1, I32]);
  const bodies = calls.map(([call, [, body]]) => {
    const code = [0, ...(changed[call] ?? body), op.end];
    return [...unsigned(code.length), ...code];
  });
  const exports = [
    [...name('memory'), 2, 0],
    [...name('__heap_base'), 3, 0],
    ...calls.map(([call], index) => [...name(call), 0, index]),
  ];
  return Buffer.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, vector(types)),
    ...section(3, vector(calls.map(([, [count]]) => [count]))),
    ...section(5, [1, 0, 1]),
    ...section(6, [1, I32, 0, ...constant(1024), op.end]),
    ...section(7, vector(exports)),
    ...section(10, vector(bodies)),
  ]);
}

/** Runs for ever. */
export const forever = [op.loop, 0x40, op.br, 0, op.end, op.unreachable];
/** Takes memory, 64 pages at a time, until it gets no more, and then for ever on. */
const greedy = [op.loop, 0x40, ...constant(64), op.grow, 0, op.drop, op.br, 0, op.end, op.unreachable];
/** A step that wants one range, for ever, which stands at 512: region, length, offset. */
const wants = (region, length, offset) => [...store(512, region), ...store(516, length), ...store(520, offset), ...store(524, 0), ...constant(1)];
/** One hit: a row, and the bits of a distance. */
const hit = (row, bits) => [op.get, 1, ...constant(row), op.store, 2, 0, op.get, 1, ...constant(bits), op.store, 2, 4, ...constant(1)];

/** What each kernel does, and the codes of the errors that are a right answer to it. */
export const LIARS = {
  'never ends a step': { code: kernel({ rvf_step: forever }), expected: ['TIMEOUT'] },
  'never ends the opening': { code: kernel({ rvf_open: forever }), expected: ['TIMEOUT'] },
  'takes all memory it can get': { code: kernel({ rvf_begin: greedy }), expected: ['MODULE', 'TIMEOUT'] },
  'traps': { code: kernel({ rvf_step: [op.unreachable] }), expected: ['MODULE'] },
  'reads outside its memory': { code: kernel({ rvf_step: [...constant(-64), op.load, 2, 0] }), expected: ['MODULE'] },
  'says that its needs stand outside its memory': { code: kernel({ rvf_step: constant(1), rvf_needs: constant(0x7ffffff0) }), expected: ['MODULE'] },
  'says that its needs stand below nothing': { code: kernel({ rvf_step: constant(1), rvf_needs: constant(-16) }), expected: ['MODULE'] },
  'wants a range behind the end': { code: kernel({ rvf_step: wants(1, 4096, 0x7fffff00) }), expected: ['MODULE'] },
  'wants a region that there is not': { code: kernel({ rvf_step: wants(77, 16, 0) }), expected: ['MODULE'] },
  'wants the same for ever': { code: kernel({ rvf_step: wants(0, 64, 0) }), expected: ['MODULE', 'TIMEOUT'] },
  'wants more ranges than it may': { code: kernel({ rvf_step: constant(0x7fffffff) }), expected: ['MODULE'] },
  'asks for a state of 2 GiB': { code: kernel({ rvf_size: constant(0x7fffffff) }), expected: ['MODULE'] },
  'gives a row that there is not': { code: kernel({ rvf_results: hit(0x7fffffff, 0x3f800000) }), expected: ['MODULE'] },
  'gives a distance that is no number': { code: kernel({ rvf_results: hit(3, 0x7fc00000) }), expected: ['MODULE'] },
  'gives more hits than were asked for': { code: kernel({ rvf_results: constant(0x7fffffff) }), expected: ['MODULE'] },
  'answers with an error': { code: kernel({ rvf_step: constant(-9) }), expected: ['MODULE', 'FORMAT'] },
  'speaks another version': { code: kernel({ rvf_abi: constant(0x10001) }), expected: ['MODULE', 'UNSUPPORTED'] },
};
