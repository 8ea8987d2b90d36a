export class MemorySource {
    length;
    whole;
    gap = 0;
    remote = false;
    #traffic;
    /** `traffic`: what it took to get the bytes here. */
    constructor(bytes, traffic = { requests: 0, bytes: 0, rounds: 0 }) {
        this.whole = bytes;
        this.length = bytes.length;
        this.#traffic = traffic;
    }
    read(ranges) {
        return Promise.resolve(ranges.map(({ offset, length }) => this.whole.subarray(offset, offset + length)));
    }
    traffic() {
        return this.#traffic;
    }
    async close() { }
}
