// A File or a Blob: slices of it are read, and never the whole.
import { RvfError } from '../errors.js';
import { Meter } from './source.js';
export class BlobSource {
    blob;
    length;
    whole = undefined;
    gap = 1 << 16;
    remote = false;
    #meter = new Meter();
    constructor(blob) {
        this.blob = blob;
        this.length = blob.size;
    }
    async read(ranges, signal) {
        signal?.throwIfAborted();
        this.#meter.rounds++;
        return Promise.all(ranges.map(async ({ offset, length }) => {
            let bytes;
            try {
                bytes = new Uint8Array(await this.blob.slice(offset, offset + length).arrayBuffer());
            }
            catch (cause) {
                // What a browser says of a file that was changed, moved or deleted since it was chosen.
                throw new RvfError('SOURCE', `the file can not be read any more (${cause instanceof Error ? cause.message : String(cause)}); choose it again`, { cause });
            }
            if (bytes.length !== length)
                throw new RvfError('CHANGED', `the file ends before byte ${offset + length}: it was changed since it was opened; open it again`);
            this.#meter.requests++;
            this.#meter.bytes += length;
            return bytes;
        }));
    }
    traffic() {
        return this.#meter.snapshot();
    }
    async close() { }
}
