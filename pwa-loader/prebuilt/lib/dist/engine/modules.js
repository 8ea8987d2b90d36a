// The modules in a file: what their headers say, whether it is true, and which one runs (spec/format.md, section 9).
import { ensure, RvfError } from '../errors.js';
import { hex, notZero, same, u16, u32, viewOf } from '../format/bytes.js';
import { TYPE } from '../format/header.js';
import { moduleHash } from '../format/shake.js';
import { factsOf } from './binary.js';
import { capped } from './cap.js';
import { SIMD } from './features.js';
export const ROLES = ['microkernel', 'interpreter', 'combined', 'extension', 'control-plane'];
const MICROKERNEL = 0;
export const WASM_HEADER = 64;
/** A kernel of ours has 8 KiB; nothing sensible has more than this. */
const MOST_BYTES = 4 << 20, MOST_IN_ALL = 64 << 20;
/** Entries of a module's tables: an engine takes 8 to 40 bytes for each, which no cap of the memory counts. */
const MOST_ENTRIES = 65536;
const PAGE = 65536;
export const shortHash = (header) => hex(header.hash.subarray(0, 6));
export const nameOf = (header) => `the file's ${ROLES[header.role]} ${shortHash(header)}`;
/** Reads a module's header and checks it against the manifest (R-WASM-1). */
export function parseModuleHeader(bytes, segment) {
    const view = viewOf(bytes), at = segment.payload, rule = 'R-WASM-1';
    ensure(u32(view, 0) === 0x5256574d, rule, () => 'a module does not begin with its magic', at);
    ensure(u16(view, 4) === 1, rule, () => `a module's header is of version ${u16(view, 4)}, not 1`, at + 4);
    const role = bytes[6], target = bytes[7];
    ensure(role < ROLES.length && (target === 0 || target === 3 || target === 4), rule, () => `a module has the role ${role} and the target ${target}, which are none or reserved`, at + 6);
    ensure(u32(view, 6) === segment.entry.kind, rule, () => 'role, target or features in a module\'s header are not those of the manifest', at + 6);
    for (const [from, to] of [[0x09, 0x0a], [0x10, 0x15], [0x39, 0x40]])
        ensure(notZero(bytes, from, to) < 0, 'R-NUM-3', () => 'a reserved byte of a module\'s header is not zero', at + from);
    const size = u32(view, 12);
    ensure(size === segment.length - WASM_HEADER, rule, () => `a module is said to have ${size} bytes, and has ${segment.length - WASM_HEADER}`, at + 12);
    return { segment, role, features: u16(view, 8), exports: u16(view, 10), bytes: size, minPages: bytes[0x15], maxPages: bytes[0x16], tables: bytes[0x17], hash: bytes.slice(0x18, 0x38), priority: bytes[0x38] };
}
/** The headers of all modules, in the order of their offsets. */
export async function readModules(archive, signal) {
    const segments = archive.segments.filter(({ entry }) => entry.type === TYPE.WASM), bytes = segments.reduce((sum, { length }) => sum + length, 0);
    if (bytes > MOST_IN_ALL)
        throw new RvfError('UNSUPPORTED', `the modules of the file have ${bytes} bytes, and at most ${MOST_IN_ALL} are read`);
    const heads = await archive.checked.read(segments.map((segment) => ({ segment, from: 0, length: WASM_HEADER })), signal);
    return heads.map((bytes, n) => parseModuleHeader(bytes, segments[n]));
}
export const kernelsOf = (modules) => modules.filter(({ role }) => role === MICROKERNEL);
/** R-WASM-4: of those that can be run, the one with the lowest priority, then the lowest offset. */
export function pick(modules, features, build) {
    return kernelsOf(modules)
        .filter((module) => (module.features & ~features) === 0 && (build === 'auto' || ((module.features & SIMD) !== 0) === (build === 'simd')))
        .sort((a, b) => a.priority - b.priority || a.segment.payload - b.segment.payload)[0];
}
/**
 * The bytecode of a module, after its hash and everything that its header says of it were checked (R-WASM-1 to R-WASM-3), with a
 * memory of at most `memoryBytes`. What may stand in a file, but takes too much to be run, is refused here.
 */
export async function bytecodeOf(archive, header, memoryBytes, signal) {
    if (header.bytes > MOST_BYTES)
        throw new RvfError('MODULE', `${nameOf(header)} has ${header.bytes} bytes, and at most ${MOST_BYTES} are run`);
    // A copy: what is compiled must be what was checked.
    const code = (await archive.checked.one(header.segment, WASM_HEADER, header.bytes, signal)).slice();
    const facts = checkBytecode(header, code), refuse = (what) => new RvfError('MODULE', `${nameOf(header)} ${what}`, { offset: header.segment.payload });
    if (facts.tableEntries > MOST_ENTRIES)
        throw refuse(`has tables of ${facts.tableEntries} entries, and at most ${MOST_ENTRIES} are run`);
    if (facts.growsTables)
        throw refuse('can grow its tables, which a kernel has no use for');
    if (facts.minPages * PAGE > memoryBytes)
        throw refuse(`begins with ${facts.minPages * PAGE} bytes of memory, and ${memoryBytes} are allowed (memoryBytes)`);
    return capped(code, facts, Math.floor(memoryBytes / PAGE));
}
export function checkBytecode(header, code) {
    const at = header.segment.payload;
    ensure(same(moduleHash(code), header.hash), 'R-WASM-1', () => `${nameOf(header)} does not have the hash that its header names`, at + 0x18);
    const facts = factsOf(code, (message) => new RvfError('MODULE', `${nameOf(header)} ${message} (R-WASM-2)`, { rule: 'R-WASM-2', offset: at }));
    const lie = (rule, what) => new RvfError('MODULE', `${nameOf(header)} ${what} (${rule})`, { rule, offset: at });
    if (facts.imports > 0)
        throw lie('R-WASM-3', `imports ${facts.imports} things, and a module may import nothing`);
    if (facts.start)
        throw lie('R-WASM-3', 'has a start function, and none is allowed');
    const agree = (what, said, found) => {
        if (said !== found)
            throw lie('R-WASM-2', `is said to have ${what} ${said}, and has ${found}`);
    };
    if (facts.minPages > 255 || facts.maxPages === 0 || (facts.maxPages ?? 0) > 255 || facts.exports > 65535 || facts.tables > 255)
        throw lie('R-WASM-2', 'has a memory, exports or tables that a header can not describe');
    agree('the required features', header.features, facts.features);
    agree('exports', header.exports, facts.exports);
    agree('initial pages of memory', header.minPages, facts.minPages);
    agree('most pages of memory', header.maxPages, facts.maxPages ?? 0);
    agree('tables', header.tables, facts.tables);
    return facts;
}
