/** What reading more than was asked for may cost, where there are too many ranges: a twentieth more. */
const WASTE = 0.05;
/** The bytes of each piece; pieces that touch, overlap or nearly touch are read as one range. */
export async function readPieces(source, pieces, signal) {
    if (source.whole)
        return source.read(pieces, signal);
    const order = pieces.map((_, n) => n).sort((a, b) => pieces[a].offset - pieces[b].offset);
    const ranges = merged(order.map((n) => pieces[n]), source), read = await source.read(ranges, signal), out = new Array(pieces.length);
    let range = 0;
    for (const n of order) {
        const { offset, length } = pieces[n];
        while (offset >= ranges[range].offset + ranges[range].length && range < ranges.length - 1)
            range++;
        const at = offset - ranges[range].offset, bytes = read[range];
        // A copy: a view would keep the whole range in memory as long as the piece.
        out[n] = bytes.length === length ? bytes : bytes.slice(at, at + length);
    }
    return out;
}
/** The ranges that bring all pieces, which are in the order of their offsets. */
export function merged(pieces, { gap, most = Infinity }) {
    const ranges = join(pieces, gap);
    if (ranges.length <= most)
        return ranges;
    // The nearest neighbours first, one after the other, as far as the waste allows: blocks are alike, and so are many gaps.
    const between = ranges.slice(1).map((range, n) => ({ n: n + 1, width: range.offset - (ranges[n].offset + ranges[n].length) })).sort((a, b) => a.width - b.width);
    const closed = new Set();
    let budget = WASTE * ranges.reduce((sum, { length }) => sum + length, 0);
    for (const { n, width } of between.slice(0, ranges.length - most)) {
        budget -= width;
        if (budget < 0)
            break;
        closed.add(n);
    }
    const out = [];
    ranges.forEach(({ offset, length }, n) => {
        const last = out.at(-1);
        if (closed.has(n))
            last.length = offset + length - last.offset;
        else
            out.push({ offset, length });
    });
    return out;
}
function join(pieces, gap) {
    const out = [];
    for (const { offset, length } of pieces) {
        const last = out.at(-1);
        if (last && offset - (last.offset + last.length) <= gap)
            last.length = Math.max(last.length, offset + length - last.offset);
        else
            out.push({ offset, length });
    }
    return out;
}
