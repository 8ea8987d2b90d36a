// The rules of a manifest that reach over more than one of its parts, or over its file (R-MAN-2 to R-MAN-8).
import { ensure } from '../errors.js';
import { roundUp, same } from './bytes.js';
import { extent, TYPE, typeName } from './header.js';
import { HEADER, idsLengths, indexLength, paddedListLength, ROOT_LENGTH, stride } from './layout.js';
/** Checks all of it in the order in which `rvf` does. `place` is that of the payload, `id` the segment id of the MANIFEST. */
export function checkManifest(manifest, record, id) {
    checkComposition(manifest);
    checkLengths(manifest);
    checkOrder(manifest, record);
    checkEfforts(manifest.efforts, record.manifestOffset);
    ensure(manifest.generation === record.generation, 'R-MAN-1', () => `the manifest is of generation ${manifest.generation}, and the root of ${record.generation}`, record.manifestOffset);
    checkPredecessor(manifest, record.manifestOffset);
    checkCoverage(manifest, record);
    ensure(id !== 0n && manifest.entries.every((entry) => entry.id !== id), 'R-MAN-2', () => `the MANIFEST has the segment id ${id}, which is 0 or that of another segment`, record.manifestOffset);
    checkTables(manifest);
}
function checkComposition({ entries, idKind, lists, vectors }) {
    const count = (what, found, wanted) => ensure(found === wanted, 'R-MAN-3', () => `the file has ${found} ${what}, and ${wanted} should be there`);
    const ofType = (type, kind) => entries.filter((entry) => entry.type === type && (kind === undefined || entry.kind === kind)).length;
    count('INDEX segments', ofType(TYPE.INDEX), 1);
    count('QUANT segments', ofType(TYPE.QUANT), 1);
    count('IDS segments', ofType(TYPE.IDS), idKind === 0 ? 0 : 1);
    count('ORDER segments', ofType(TYPE.ORDER), lists > 1 ? 1 : 0);
    for (const kind of [0, 1, 2])
        count(`VEC segments of kind ${['i8', 'f16', 'f32'][kind]}`, ofType(TYPE.VEC, kind), kind === 0 || kind === vectors ? 1 : 0);
}
function checkLengths(manifest) {
    const { rows, dimension, lists, idKind } = manifest;
    for (const { type, kind, length, offset } of manifest.entries) {
        let least = 0, most = Infinity;
        if (type === TYPE.INDEX)
            least = most = indexLength(manifest);
        else if (type === TYPE.QUANT && lists === 1)
            least = most = paddedListLength(rows, 0, dimension);
        else if (type === TYPE.VEC)
            least = most = rows * stride(kind, dimension);
        else if (type === TYPE.IDS)
            [least, most] = idsLengths(idKind, rows);
        else if (type === TYPE.ORDER)
            least = most = 4 * rows;
        else if (type === TYPE.WASM) {
            ensure(length >= 64 && length - 64 < 2 ** 32, 'R-WASM-1', () => `a WASM payload of ${length} bytes can not be`, offset);
            continue;
        }
        const wanted = least === most ? String(least) : `${least} to ${most}`;
        ensure(length >= least && length <= most, 'R-MAN-4', () => `the payload of ${typeName(type)} has ${length} bytes, and rows, dimension and lists ask for ${wanted}`, offset);
        const unit = type === TYPE.QUANT ? 64 : type === TYPE.IDS ? 8 : 1;
        ensure(length % unit === 0, 'R-MAN-4', () => `the payload of ${typeName(type)} has ${length} bytes, which is not a multiple of ${unit}`, offset);
    }
}
function checkOrder({ entries, dead }, { manifestOffset }) {
    const ascend = (what, values) => {
        for (let n = 1; n < values.length; n++)
            ensure(values[n] > values[n - 1], 'R-MAN-2', () => `the ${what} in the manifest do not ascend: ${values[n]} after ${values[n - 1]}`, manifestOffset);
    };
    ascend('offsets of segments', entries.map((entry) => entry.offset));
    ascend('ids of segments', entries.map((entry) => entry.id));
    ascend('offsets of dead extents', dead.map((extent) => extent.offset));
}
function checkEfforts(efforts, at) {
    for (let n = 1; n < efforts.length; n++) {
        const a = efforts[n - 1], b = efforts[n];
        const rises = BigInt(a.hits) * BigInt(b.total) < BigInt(b.hits) * BigInt(a.total);
        ensure(a.k < b.k || (a.k === b.k && rises), 'R-MAN-8', () => 'the effort entries do not ascend by k, then by recall', at);
    }
}
function checkPredecessor({ generation, predecessor, dead }, at) {
    const { offset, length, hash } = predecessor, set = [offset !== 0, length !== 0, hash.some((byte) => byte !== 0)];
    if (generation === 1n) {
        ensure(!set.includes(true), 'R-MAN-7', () => 'the manifest is of generation 1 and names a predecessor', at);
        return;
    }
    ensure(!set.includes(false), 'R-MAN-7', () => `the manifest is of generation ${generation} and names no predecessor`, at);
    const listed = dead.some((one) => one.offset === offset && one.length === extent(length) && one.blockLog === 16 && same(one.hash, hash));
    ensure(listed, 'R-MAN-7', () => `the predecessor at byte ${offset} is not one of the dead extents`, at);
}
/** The ROOT, the live segments, the dead extents and the manifest cover the file with no gap and no overlap. */
function checkCoverage({ entries, dead }, record) {
    const live = entries.map((entry) => ({ offset: entry.offset, end: entry.offset + HEADER + roundUp(entry.length, 64) }));
    const all = [...live, ...dead.map((one) => ({ offset: one.offset, end: one.offset + one.length })), { offset: record.manifestOffset, end: record.manifestOffset + extent(record.manifestLength) }];
    all.sort((a, b) => a.offset - b.offset);
    let covered = ROOT_LENGTH;
    for (const { offset, end } of all) {
        ensure(offset <= covered, 'R-MAN-2', () => `the bytes ${covered} to ${offset} belong to no segment`, covered);
        ensure(offset === covered, 'R-MAN-2', () => `a segment begins inside the one before, which ends at ${covered}`, offset);
        ensure(end <= record.committed, 'R-MAN-2', () => `a segment ends at byte ${end}, behind the committed length ${record.committed}`, offset);
        covered = end;
    }
    ensure(covered === record.committed, 'R-MAN-2', () => `the bytes ${covered} to ${record.committed} belong to no segment`, covered);
}
export const tableLength = (entry) => 16 * Math.ceil(entry.length / 2 ** entry.blockLog);
/** Each stored digest table lies inside the payload of one live DIGEST segment. */
function checkTables({ entries }) {
    const holders = entries.filter((entry) => entry.type === TYPE.DIGEST);
    for (const entry of entries) {
        if (entry.table === 0)
            continue;
        const end = entry.table + tableLength(entry);
        // They ascend by offset: the holder is the last that begins before the table.
        let low = 0;
        for (let high = holders.length; low < high;) {
            const middle = (low + high) >>> 1;
            if (holders[middle].offset <= entry.table)
                low = middle + 1;
            else
                high = middle;
        }
        const holder = holders[low - 1];
        const inside = holder !== undefined && holder.offset + HEADER <= entry.table && end <= holder.offset + HEADER + holder.length;
        ensure(inside, 'R-MAN-5', () => `the digest table of ${typeName(entry.type)}, at byte ${entry.table}, does not lie inside a DIGEST segment`, entry.offset);
    }
}
