// A kernel as the host calls it, whether it is a WebAssembly instance or the JavaScript twin: its memory and its functions.
import { RvfError } from '../errors.js';
const CALLS = ['rvf_abi', 'rvf_caps', 'rvf_open', 'rvf_resident', 'rvf_size', 'rvf_begin', 'rvf_step', 'rvf_needs', 'rvf_feed', 'rvf_results', 'rvf_stats', 'rvf_block'];
/** Exact search takes blocks, and a kernel need not have it: `rvf_caps` says so. */
const OPTIONAL = new Set(['rvf_block']);
/** Takes a module's exports for a kernel, if they are one. `name` is said in errors. */
export function machineOf(exports, name) {
    const lacks = (what) => new RvfError('MODULE', `${name} does not export ${what}, so it is no kernel`);
    const { memory, __heap_base: base } = exports;
    if (!memory || typeof memory.grow !== 'function')
        throw lacks('a memory');
    if (typeof SharedArrayBuffer !== 'undefined' && memory.buffer instanceof SharedArrayBuffer)
        throw new RvfError('MODULE', `${name} has a shared memory, which a kernel can not have`);
    // What else can grow is a table.
    if (!(memory.buffer instanceof ArrayBuffer))
        throw lacks('a memory');
    const heapBase = typeof base === 'number' ? base : valueOf(base);
    if (typeof heapBase !== 'number' || (heapBase | 0) !== heapBase)
        throw lacks('__heap_base as an i32');
    for (const call of CALLS)
        if (typeof exports[call] !== 'function' && !OPTIONAL.has(call))
            throw lacks(call);
    return { memory, heapBase: heapBase >>> 0, calls: exports };
}
/** Of a global; some, of vectors, can't be read from here. */
function valueOf(global) {
    try {
        return global?.value;
    }
    catch {
        return undefined;
    }
}
