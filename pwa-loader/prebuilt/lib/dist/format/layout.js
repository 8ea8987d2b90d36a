// How long things are: the lengths that follow from rows, dimension and lists (spec/format.md, sections 6 to 8).
import { roundUp } from './bytes.js';
export const MAX_K = 65536;
export const MAX_LISTS = 65536;
export const MAX_DIMENSION = 65536;
export const MAX_COMPONENT = 1e15;
export const ZERO_VECTOR_SUM = 2 ** -100;
export const HEADER = 64;
export const ROOT_LENGTH = 4096;
export const words = (dimension) => Math.ceil(dimension / 64);
/** Record lengths by element type: 0 i8, 1 f16, 2 f32 (R-VEC-1, R-VEC-5). */
export function stride(kind, dimension) {
    if (kind === 0)
        return 12 + 4 * Math.ceil(dimension / 4);
    return kind === 1 ? 4 + 4 * Math.ceil(dimension / 2) : 4 + 4 * dimension;
}
/** Bytes of a group of m entries (R-QNT-1). */
export function groupLength(entries, numbers, dimension) {
    const tiles = Math.ceil(entries / 4);
    return tiles * 4 * (8 * words(dimension) + 4 + (numbers ? 4 : 0));
}
export const GROUP = 32;
/** Bytes of a list, without what fills it up to 64. */
export function listLength(own, second, dimension) {
    const full = groupLength(GROUP, false, dimension);
    if (second === 0)
        return Math.floor(own / GROUP) * full + groupLength(own % GROUP, false, dimension);
    const plain = Math.floor(own / GROUP);
    const rest = own + second - plain * GROUP;
    return plain * full + Math.floor(rest / GROUP) * groupLength(GROUP, true, dimension) + groupLength(rest % GROUP, true, dimension);
}
export const paddedListLength = (own, second, dimension) => roundUp(listLength(own, second, dimension), 64);
// INDEX (R-IDX-2).
export const INDEX_HEAD = 128;
export const LIST_ENTRY = 32;
export const meanLength = (dimension) => 4 * dimension;
/** The head and the mean behind it: what a kernel is opened with. */
export const indexStart = (dimension) => INDEX_HEAD + meanLength(dimension);
export const directoryOffset = (dimension) => roundUp(indexStart(dimension), 64);
export const centroidCodesOffset = ({ dimension, lists }) => roundUp(directoryOffset(dimension) + LIST_ENTRY * lists, 64);
export const centroidRecordsOffset = (shape) => roundUp(centroidCodesOffset(shape) + listLength(shape.lists, 0, shape.dimension), 64);
export function indexLength(shape) {
    if (shape.lists === 1)
        return directoryOffset(shape.dimension) + LIST_ENTRY;
    return centroidRecordsOffset(shape) + shape.lists * stride(0, shape.dimension);
}
// IDS (section 8).
export const IDS_HEAD = 64;
export const RUN = 64;
export const blockOffsetsLength = (rows) => 8 * (Math.ceil(rows / RUN) + 1);
export const MAX_ID = 512;
/** The least and the greatest length of the payload, by kind of ids: 1 numbers, 2 text. */
export function idsLengths(kind, rows) {
    if (kind === 1)
        return [IDS_HEAD + 16 * rows, IDS_HEAD + 16 * rows];
    const fixed = IDS_HEAD + blockOffsetsLength(rows) + 8 * rows;
    return [roundUp(fixed + 3 * rows, 8), roundUp(fixed + (2 + MAX_ID) * rows, 8)];
}
export const roundTo8 = (n) => roundUp(n, 8);
