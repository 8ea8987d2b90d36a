// What this engine's WebAssembly can do, asked by validating the smallest module that needs each feature.
/** Bits of required features (spec/format.md, section 9). */
export const FEATURES = ['simd', 'bulk-memory', 'multi-value', 'reference-types', 'threads', 'tail-call', 'gc', 'exceptions'];
export const SIMD = 1, BULK_MEMORY = 2;
export const featureNames = (bits) => FEATURES.filter((_, n) => bits & (1 << n));
const HEAD = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
/** One function of no parameters and no results, with a body. */
const withBody = (body, ...before) => [1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, ...before, 10, body.length + 4, 1, body.length + 2, 0, ...body, 0x0b];
const MEMORY = [5, 3, 1, 0, 0];
const PROBES = [
    withBody([0x41, 0, 0xfd, 0x0f, 0x1a]), // i8x16.splat
    withBody([0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 0x0b, 0], ...MEMORY), // memory.fill
    [1, 6, 1, 0x60, 0, 2, 0x7f, 0x7f], // a type with two results
    withBody([0xd0, 0x70, 0x1a]), // ref.null func
    [5, 4, 1, 3, 1, 1], // a shared memory
    withBody([0x12, 0]), // return_call
    [1, 3, 1, 0x5f, 0], // a struct type
    [1, 4, 1, 0x60, 0, 0, 13, 3, 1, 0, 0], // a tag
];
let found;
/** Whether there is WebAssembly at all. A page may forbid it by its content security policy. */
export function hasWebAssembly() {
    try {
        if (typeof WebAssembly !== 'object' || typeof WebAssembly.validate !== 'function')
            return false;
        // Validating is allowed where compiling is not.
        return new WebAssembly.Module(Uint8Array.from(HEAD)) instanceof WebAssembly.Module;
    }
    catch {
        return false;
    }
}
/** The bits of what this engine can run; asked once. */
export function engineFeatures() {
    found ??= PROBES.reduce((bits, probe, n) => (WebAssembly.validate(Uint8Array.from([...HEAD, ...probe])) ? bits | (1 << n) : bits), 0);
    return found;
}
