/** Bytes of blocks that are read for one step: it may need scattered bytes of large blocks. */
const MOST_TOUCHED = 16 << 20;
/** Hits among which a row that is there twice is sooner found by looking than by a set. */
const FEW = 16;
/**
 * The needs that stand in the memory from a word on, checked, as far as they find room: what is not fed is asked for again
 * (K-ABI-1).
 */
export function readNeeds(u32, at, count, regions, { window, room, align }, fault) {
    const spans = [];
    let used = 0, bytes = 0;
    for (let n = 0, word = at; n < count; n++, word += 4) {
        const number = u32[word], length = u32[word + 1], from = u32[word + 2] + u32[word + 3] * 2 ** 32, segment = regions[number];
        if (!segment)
            throw fault(`asks for region ${number}, which this file does not have`);
        if (length === 0 || length > window || from + length > segment.length)
            throw fault(`asks for ${length} bytes from ${from} on, in region ${number} of ${segment.length} bytes and a window of ${window}`);
        used = Math.ceil(used / align) * align + length;
        bytes += (Math.floor((from + length - 1) / segment.block) - Math.floor(from / segment.block) + 1) * segment.block;
        if (n > 0 && (used > room || bytes > MOST_TOUCHED))
            break;
        spans.push({ segment, from, length });
    }
    return spans;
}
/** The hits that stand in the memory from a word on: each row exists and counts, none is there twice, and they are in order. */
export function readHits(u32, f32, at, count, rows, byRow, lie) {
    const out = new Array(count), distances = new Array(count);
    for (let n = 0, word = at; n < count; n++, word += 2) {
        const row = u32[word], distance = f32[word + 1];
        if (row >= rows)
            throw lie(`row ${row} of ${rows}`);
        if (distance !== distance)
            throw lie(`a distance that is no number, for row ${row}`);
        if (n > 0 && !(distances[n - 1] < distance || (distances[n - 1] === distance && out[n - 1] < row)))
            throw lie(`hits that are not in order, at row ${row}`);
        if (byRow && !(byRow[row >>> 3] & (1 << (row & 7))))
            throw lie(`row ${row}, which the filter leaves out`);
        if (count <= FEW)
            for (let m = 0; m < n; m++)
                if (out[m] === row)
                    throw lie('a row twice');
        out[n] = row;
        distances[n] = distance;
    }
    if (count > FEW && new Set(out).size < count)
        throw lie('a row twice');
    return { rows: out, distances };
}
