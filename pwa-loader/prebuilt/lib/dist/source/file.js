import { RvfError } from '../errors.js';
import { Meter } from './source.js';
/** Ranges that are read at once. */
const SIDE_BY_SIDE = 16;
export class FileSource {
    path;
    file;
    length;
    changed;
    whole = undefined;
    gap = 1 << 16;
    remote = false;
    #meter = new Meter();
    constructor(path, file, length, changed) {
        this.path = path;
        this.file = file;
        this.length = length;
        this.changed = changed;
    }
    static async open(path) {
        try {
            const { open } = await import('node:fs/promises');
            const file = await open(path, 'r');
            const { size, mtimeMs } = await file.stat();
            return new FileSource(path, file, size, mtimeMs);
        }
        catch (cause) {
            throw new RvfError('SOURCE', `${String(path)} can not be opened: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
        }
    }
    async read(ranges, signal) {
        this.#meter.rounds++;
        const out = [];
        for (let n = 0; n < ranges.length; n += SIDE_BY_SIDE) {
            signal?.throwIfAborted();
            out.push(...await Promise.all(ranges.slice(n, n + SIDE_BY_SIDE).map((range) => this.#one(range))));
        }
        return out;
    }
    async #one({ offset, length }) {
        const bytes = new Uint8Array(length);
        let at = 0;
        while (at < length) {
            let read = 0;
            try {
                ({ bytesRead: read } = await this.file.read(bytes, at, length - at, offset + at));
            }
            catch (cause) {
                throw new RvfError('SOURCE', `${String(this.path)} can not be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
            }
            if (read === 0) {
                const { mtimeMs } = await this.file.stat();
                const why = mtimeMs === this.changed ? '' : ': it was changed since it was opened';
                throw new RvfError('CHANGED', `${String(this.path)} ends before byte ${offset + length}${why}; open it again`);
            }
            at += read;
        }
        this.#meter.requests++;
        this.#meter.bytes += length;
        return bytes;
    }
    traffic() {
        return this.#meter.snapshot();
    }
    async close() {
        await this.file.close();
    }
}
