// What IDS holds: the ids themselves, and the hash index (R-IDS).
import { broken, ensure } from '../errors.js';
import { notZero, u32, u64, utf8, viewOf } from '../format/bytes.js';
import { hashOf, Ids, parseIdsHead, stringsOf } from '../format/ids.js';
import { blockOffsetsLength, IDS_HEAD, MAX_ID, RUN } from '../format/layout.js';
import { TYPE } from '../format/header.js';
/** Ids of one hash that are compared: among honest ids two or three have the same one. */
const MOST_EQUAL = 4096;
/** Entries that are taken at once of what is a row of them. */
const AT_ONCE = 1 << 13;
/** Throws the first fault that it finds. */
export async function checkIds(archive, stream, findings, signal) {
    const { rows, idKind } = archive.manifest, segment = archive.segment(TYPE.IDS);
    const { index, strings } = parseIdsHead(await stream.take(IDS_HEAD), segment, idKind, rows);
    // The payload was found to have at least 11 bytes for each row, so this is no more than the file itself.
    const hashes = new Uint32Array(rows);
    if (idKind === 1) {
        for (let row = 0; row < rows; row += AT_ONCE) {
            const count = Math.min(AT_ONCE, rows - row), bytes = await stream.take(8 * count);
            for (let n = 0; n < count; n++)
                hashes[row + n] = hashOf(bytes.subarray(8 * n, 8 * n + 8));
        }
    }
    else
        await checkRuns(stream, rows, strings, hashes);
    const offset = stream.offset, padding = await stream.take(index - stream.position), place = notZero(padding, 0, padding.length);
    ensure(place < 0, 'R-NUM-3', () => 'a byte behind the ids is not zero', offset + place);
    let beforeHash = -1, beforeRow = -1, equal = [];
    const groups = [];
    for (let n = 0, view = viewOf(new Uint8Array(0)), from = 0; n < rows; n++) {
        if (n % AT_ONCE === 0) {
            from = stream.offset;
            view = viewOf(await stream.take(8 * Math.min(AT_ONCE, rows - n)));
        }
        const place = 8 * (n % AT_ONCE), at = from + place, hash = u32(view, place), row = u32(view, place + 4);
        ensure(hash > beforeHash || (hash === beforeHash && row > beforeRow), 'R-IDS-2', () => 'the hash index of the ids does not ascend by hash and row', at);
        ensure(row < rows, 'R-IDS-2', () => `the hash index of the ids names row ${row} of ${rows}`, at);
        ensure(hashes[row] === hash, 'R-IDS-3', () => `the hash index gives the id of row ${row} the hash ${hash}, and it has ${hashes[row]}`, at);
        if (hash !== beforeHash)
            equal = [];
        equal.push(row);
        if (equal.length === 2)
            groups.push(equal);
        [beforeHash, beforeRow] = [hash, row];
    }
    await stream.finish();
    if (!stream.sound)
        return;
    // Equal hashes are rare; of those the ids themselves are compared.
    const ids = new Ids(archive);
    for (const group of groups) {
        const seen = new Map(), names = await ids.of(group.slice(0, MOST_EQUAL), signal);
        names.forEach((id, n) => {
            const first = seen.get(id);
            if (first !== undefined)
                findings.take(broken('R-IDS-4', `the rows ${first} and ${group[n]} have the same id`, segment.payload));
            seen.set(id, group[n]);
        });
    }
}
async function checkRuns(stream, rows, strings, hashes) {
    const at = stream.offset, bounds = viewOf((await stream.take(blockOffsetsLength(rows))).slice());
    let end = 0;
    for (let run = 0, row = 0; row < rows; run++, row += RUN) {
        const from = u64(bounds, 8 * run), to = u64(bounds, 8 * run + 8);
        ensure(from === end, 'R-IDS-4', () => `a run of ids begins at ${from}, not at ${end}, where the one before ends`, at + 8 * run);
        ensure(to >= from && to <= strings && to - from <= RUN * (2 + MAX_ID), 'R-IDS-4', () => `the block offsets of the ids, ${from} and ${to}, are out of order or too far apart`, at + 8 * run);
        const place = stream.offset;
        stringsOf(await stream.take(to - from), Math.min(RUN, rows - row), place).forEach((id, n) => {
            ensure(utf8(id) !== undefined, 'R-LIM-1', () => `the id of row ${row + n} is not UTF-8`, place);
            hashes[row + n] = hashOf(id);
        });
        end = to;
    }
    ensure(end === strings, 'R-IDS-4', () => `the runs of ids end at ${end}, and the strings at ${strings}`, at);
}
