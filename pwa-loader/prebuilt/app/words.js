const ENGINES = {
    simd: 'the file’s own code, WebAssembly with SIMD',
    scalar: 'the file’s own code, WebAssembly',
    javascript: 'the file’s code as JavaScript',
    memory: 'this page’s own store',
};
export const engineName = (engine) => ENGINES[engine];
const SEGMENTS = {
    ROOT: 'where everything starts',
    MANIFEST: 'its parts and their hashes',
    INDEX: 'centroids and lists',
    QUANT: '1-bit codes to scan',
    VEC: 'the vectors',
    IDS: 'ids',
    ORDER: 'the order of rows',
    DIGEST: 'digests of blocks',
    WASM: 'code that searches',
};
/** What a part of the file holds; of a kind that is not known, that. */
export const segmentName = (type) => SEGMENTS[type] ?? (/^\d+$/u.test(type) ? 'of a kind that this page does not know' : type.toLowerCase());
