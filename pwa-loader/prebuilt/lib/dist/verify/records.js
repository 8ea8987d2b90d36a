// What the VEC segments hold: each record by itself, the i8 record against the vector as stored, the row against ORDER (R-VEC).
import { ensure } from '../errors.js';
import { f32, notZero, u16, u32, viewOf } from '../format/bytes.js';
import { MAX_COMPONENT, stride, ZERO_VECTOR_SUM } from '../format/layout.js';
import { half } from '../format/rows.js';
const bits = new DataView(new ArrayBuffer(4));
const bitsOf = (x) => {
    bits.setFloat32(0, x);
    return bits.getUint32(0);
};
const ofBits = (word) => {
    bits.setUint32(0, word);
    return bits.getFloat32(0);
};
/** That of components up to 10¹⁵ (R-LIM-1). */
const mostScale = () => ofBits(Math.ceil(bitsOf(Math.fround(Math.fround(MAX_COMPONENT) / 127)) / 256) * 256);
/** An i8 record by itself (R-VEC-1 to R-VEC-3); the sum of a centroid that is `biased` may be more (R-IDX-4). */
export function checkInteger(record, dimension, at, biased = false) {
    const view = viewOf(record), scale = f32(view, 4), sum = u32(view, 8), word = u32(view, 4);
    ensure(notZero(record, 12 + dimension, record.length) < 0, 'R-VEC-1', () => 'a byte behind the components of a record is not zero', at + 12 + dimension);
    ensure(Number.isFinite(scale) && word < 0x80000000 && (word & 255) === 0, 'R-VEC-3', () => `the scale ${scale} of a record is not a finite number of 16 significant bits, 0 or more`, at + 4);
    let found = 0;
    for (let i = 0; i < dimension; i++) {
        const component = (record[12 + i] << 24) >> 24;
        ensure(component !== -128, 'R-VEC-2', () => `component ${i} of a record is -128`, at + 12 + i);
        found += component * component;
    }
    ensure(found === sum || (biased && scale > 0 && found < sum), 'R-VEC-2', () => `the sum of squares of a record is said to be ${sum}, and is ${found}`, at + 8);
    ensure(scale <= mostScale(), 'R-LIM-1', () => `the scale ${scale} of a record is that of components above 10^15`, at + 4);
    ensure(scale > 0 || sum === 0, 'R-VEC-3', () => 'a record with the scale 0 has components', at + 4);
}
/** A float record by itself (R-VEC-5, R-LIM-1); its components go to `out`. */
function checkFloat(record, kind, out, at) {
    const view = viewOf(record), size = kind === 1 ? 2 : 4, dimension = out.length;
    ensure(notZero(record, 4 + size * dimension, record.length) < 0, 'R-VEC-5', () => 'a byte behind the components of a record is not zero', at + 4 + size * dimension);
    for (let i = 0; i < dimension; i++) {
        const place = 4 + size * i, word = kind === 1 ? u16(view, place) : 0, x = kind === 1 ? half(word) : f32(view, place);
        ensure(kind === 1 ? (word & 0x7c00) !== 0x7c00 : Math.abs(x) <= MAX_COMPONENT, 'R-LIM-1', () => `component ${i} of a record is ${kind === 1 ? 'not finite' : x}`, at + place);
        out[i] = x;
    }
}
/** The scale and the components that R-VEC-3 makes of a vector. */
function quantise(vector, components) {
    let most = 0, whole = true;
    for (const x of vector) {
        const size = Math.abs(x);
        if (size > most)
            most = size;
        whole &&= size <= 127 && Math.trunc(x) === x;
    }
    if (most < ZERO_VECTOR_SUM) {
        components.fill(0);
        return 0;
    }
    const scale = whole ? 1 : ofBits(Math.ceil(bitsOf(Math.fround(most / 127)) / 256) * 256), magic = 12582912;
    for (let i = 0; i < vector.length; i++) {
        const x = Math.min(127, Math.max(-127, Math.fround(vector[i] / scale)));
        // Adding and taking away 1.5 · 2²³ rounds to nearest, ties to even.
        components[i] = Math.fround(Math.fround(x + magic) - magic);
    }
    return scale;
}
/** S16(x²) of K-NUM-2. */
function sumOfSquares(vector) {
    const lanes = new Float32Array(16);
    for (let i = 0; i < vector.length; i++)
        lanes[i & 15] += Math.fround(vector[i] * vector[i]);
    for (let width = 8; width > 0; width >>= 1)
        for (let j = 0; j < width; j++)
            lanes[j] += lanes[j + width];
    return lanes[0];
}
/** Checks all records. `order`: the vector number of each row, where there is more than one list. */
export async function checkRecords(archive, integers, floats, order, findings) {
    const { rows, dimension, vectors, metric } = archive.manifest, integerSize = stride(0, dimension), floatSize = stride(vectors, dimension);
    const stored = new Float32Array(dimension), expected = new Int8Array(dimension);
    const checkRow = (row, number, at) => {
        ensure(row < rows, 'R-VEC-7', () => `a record has the row ${row} of ${rows}`, at);
        if (order)
            ensure(order[row] === number, 'R-VEC-7', () => `record ${number} has the row ${row}, of which ORDER says ${order[row]}`, at);
        else
            ensure(row === number, 'R-VEC-7', () => `record ${number} has the row ${row}`, at);
    };
    for (let number = 0; number < rows; number++) {
        let known = false;
        if (floats) {
            const at = floats.offset, record = await floats.take(floatSize);
            findings.passes(() => checkRow(u32(viewOf(record), 0), number, at));
            known = findings.passes(() => checkFloat(record, vectors, stored, at));
        }
        const at = integers.offset, record = await integers.take(integerSize), view = viewOf(record);
        findings.passes(() => checkRow(u32(view, 0), number, at));
        if (!findings.passes(() => checkInteger(record, dimension, at)))
            continue;
        if (!floats) {
            const scale = f32(view, 4);
            for (let i = 0; i < dimension; i++)
                stored[i] = scale * view.getInt8(12 + i);
            known = true;
        }
        if (!known)
            continue;
        let same = quantise(stored, expected) === f32(view, 4);
        for (let i = 0; same && i < dimension; i++)
            same = view.getInt8(12 + i) === expected[i];
        if (!same)
            findings.add(floats ? 'R-VEC-6' : 'R-VEC-3', `i8 record ${number} is not what the rule makes of the vector that ${floats ? 'is kept as floats' : 'it stands for'}`, at);
        if (metric === 2 && sumOfSquares(stored) < ZERO_VECTOR_SUM)
            findings.add('R-LIM-2', `vector ${number} is zero, and has no direction in a file whose metric is cosine`, at);
    }
}
