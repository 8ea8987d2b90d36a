// Where rows are stored, and their vectors (spec/format.md, section 7).
import { broken, ensure, request } from '../errors.js';
import { f32, u16, u32, viewOf } from './bytes.js';
/** What is read at once of ORDER where it is wanted whole. */
const CHUNK = 1 << 20;
/** Every f16 as IEEE 754 says, and the exponent 31 like any other (K-DIST-2). */
export function half(bits) {
    const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
}
/** The vector that a record of element type `kind` stands for. */
export function vectorOf(record, kind, dimension) {
    const view = viewOf(record), out = new Float32Array(dimension);
    if (kind === 0) {
        const scale = f32(view, 4);
        for (let i = 0; i < dimension; i++)
            out[i] = scale * view.getInt8(12 + i);
    }
    else if (kind === 1)
        for (let i = 0; i < dimension; i++)
            out[i] = half(u16(view, 4 + 2 * i));
    else
        for (let i = 0; i < dimension; i++)
            out[i] = f32(view, 4 + 4 * i);
    return out;
}
export class Rows {
    archive;
    constructor(archive) {
        this.archive = archive;
    }
    check(row) {
        const { rows } = this.archive.manifest;
        if (!(Number.isInteger(row) && row >= 0 && row < rows))
            throw request(`there is no row ${row}: the file has the rows 0 to ${rows - 1}`);
    }
    /** The vector numbers of rows (R-VEC-7). */
    async numbers(rows, signal) {
        const { archive } = this, { order } = archive;
        if (!order)
            return [...rows];
        const found = await archive.checked.read(rows.map((row) => ({ segment: order, from: 4 * row, length: 4 })), signal);
        return found.map((bytes, n) => this.#number(u32(viewOf(bytes), 0), rows[n]));
    }
    #number(number, row) {
        const { rows } = this.archive.manifest;
        if (number >= rows)
            throw broken('R-VEC-7', `ORDER gives row ${row} the vector number ${number}, and there are ${rows}`, this.archive.order.payload + 4 * row);
        return number;
    }
    /** The vector of a row, as stored. */
    async vector(row, signal) {
        this.check(row);
        const { archive } = this, { dimension, vectors } = archive.manifest, { segment, stride } = archive.stored();
        const [number] = await this.numbers([row], signal), at = number * stride;
        const record = await archive.checked.one(segment, at, stride, signal), found = u32(viewOf(record), 0);
        ensure(found === row, 'R-VEC-7', () => `the record of row ${row} says that it is that of row ${found}`, segment.payload + at);
        const vector = vectorOf(record, vectors, dimension);
        ensure(vector.every((x) => Number.isFinite(x)), 'R-LIM-1', () => `the vector of row ${row} has a component that is not finite`, segment.payload + at);
        return vector;
    }
    /** A bitmap by row as one by vector number, which is how a kernel knows the vectors. */
    async byNumber(bitmap, signal) {
        const { order, checked, manifest: { rows } } = this.archive;
        if (!order)
            return bitmap;
        const out = new Uint8Array(bitmap.length);
        for (let from = 0; from < 4 * rows; from += CHUNK) {
            const length = Math.min(CHUNK, 4 * rows - from), first = from / 4, count = length / 4;
            // What holds no row that counts is not read.
            if (!someIn(bitmap, first, first + count))
                continue;
            const view = viewOf(await checked.one(order, from, length, signal));
            for (let i = 0; i < count; i++) {
                const row = first + i;
                if (!(bitmap[row >>> 3] & (1 << (row & 7))))
                    continue;
                const number = this.#number(u32(view, 4 * i), row);
                out[number >>> 3] |= 1 << (number & 7);
            }
        }
        return out;
    }
}
function someIn(bitmap, from, to) {
    for (let at = from >>> 3; at <= (to - 1) >>> 3; at++)
        if (bitmap[at] !== 0)
            return true;
    return false;
}
