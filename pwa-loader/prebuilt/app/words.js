const ENGINES = {
    simd: 'the file’s own code, WebAssembly with SIMD',
    scalar: 'the file’s own code, WebAssembly',
    javascript: 'the file’s code as JavaScript',
    memory: 'this page’s own store',
};
export const engineName = (engine) => ENGINES[engine];
const SEGMENTS = {
    ROOT: 'the start',
    MANIFEST: 'parts, hashes',
    INDEX: 'centroids and lists',
    QUANT: '1-bit codes',
    VEC: 'the vectors',
    IDS: 'ids',
    ORDER: 'row order',
    DIGEST: 'digests of blocks',
    WASM: 'code',
};
/** What a part of the file holds; of a kind that is not known, that. */
export const segmentName = (type) => SEGMENTS[type] ?? (/^0x/u.test(type) ? 'of a kind that this page does not know' : type.toLowerCase());
