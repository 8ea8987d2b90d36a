// Which kind of source something is.
import { request } from '../errors.js';
import { BlobSource } from './blob.js';
import { FileSource } from './file.js';
import { MemorySource } from './memory.js';
import { RemoteSource } from './remote.js';
/** Whether there is a file system: Node, Deno, Bun. */
export const hasFiles = () => typeof process !== 'undefined' && typeof process.versions?.node === 'string';
const isUrl = (text) => /^[a-z][a-z0-9+.-]+:/i.test(text) && !/^[a-z]:[\\/]/i.test(text);
export function sendable(source) {
    // A Buffer of Node is one too, and another: its `slice` gives no copy.
    if (source instanceof Uint8Array)
        return { kind: 'bytes', bytes: new Uint8Array(source.buffer, source.byteOffset, source.byteLength) };
    if (source instanceof ArrayBuffer || (typeof SharedArrayBuffer !== 'undefined' && source instanceof SharedArrayBuffer))
        return { kind: 'bytes', bytes: new Uint8Array(source) };
    if (typeof Blob !== 'undefined' && source instanceof Blob)
        return { kind: 'blob', blob: source };
    const text = source instanceof URL ? source.href : source;
    if (typeof text !== 'string')
        throw request(`a file is opened from a URL, a path, a File, a Blob, an ArrayBuffer or a Uint8Array, not from ${source === null ? 'null' : typeof source}`);
    if (hasFiles() && (!isUrl(text) || text.startsWith('file:')))
        return { kind: 'path', path: text };
    // A page's own address stands before what is relative; a worker has another one, so it is resolved here.
    const base = typeof location === 'undefined' ? undefined : (typeof document === 'undefined' ? location.href : document.baseURI);
    try {
        return { kind: 'url', url: new URL(text, base).href };
    }
    catch {
        throw request(`${JSON.stringify(text)} is no URL`);
    }
}
export async function openSource(source, options) {
    switch (source.kind) {
        case 'bytes': return new MemorySource(source.bytes);
        case 'blob': return new BlobSource(source.blob);
        case 'path': return FileSource.open(source.path.startsWith('file:') ? new URL(source.path) : source.path);
        case 'url': {
            const { protocol } = new URL(source.url);
            // A blob: or data: URL has no ranges worth asking for, but answers `fetch`.
            if (!['http:', 'https:', 'blob:', 'data:'].includes(protocol))
                throw request(`a file can not be opened from a ${protocol} URL; use http, https, or a File`);
            return RemoteSource.open(source.url, options);
        }
    }
}
