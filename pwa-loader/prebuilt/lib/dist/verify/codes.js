// What INDEX and QUANT hold: the mean, the list directory, codes, correction words, vector numbers (R-IDX, R-QNT).
import { broken, ensure } from '../errors.js';
import { checkIndexHead } from '../format/archive.js';
import { notZero, u32, viewOf } from '../format/bytes.js';
import { centroidCodesOffset, centroidRecordsOffset, directoryOffset, GROUP, groupLength, indexStart, LIST_ENTRY, listLength, paddedListLength, stride, words } from '../format/layout.js';
import { parseDirectory } from '../format/lists.js';
import { TYPE } from '../format/header.js';
import { checkInteger } from './records.js';
/** Checks the payload of INDEX; gives the list directory if it is sound. */
export async function checkIndex(archive, stream, findings) {
    const { manifest } = archive, { dimension, lists } = manifest, at = stream.offset;
    const start = await stream.take(indexStart(dimension));
    findings.passes(() => checkIndexHead(start, manifest, at));
    const gap = async (to) => {
        const offset = stream.offset, bytes = await stream.take(to - stream.position), place = notZero(bytes, 0, bytes.length);
        if (place >= 0)
            findings.add('R-NUM-3', 'a byte between two parts of INDEX is not zero', offset + place);
    };
    await gap(directoryOffset(dimension));
    const place = stream.offset, directory = await stream.take(LIST_ENTRY * lists);
    let found;
    findings.passes(() => { found = parseDirectory(directory, manifest, place, archive.segment(TYPE.QUANT).length); });
    if (lists === 1)
        return found;
    await gap(centroidCodesOffset(manifest));
    const codes = stream.position;
    await checkGroups(stream, { offset: 0, own: lists, second: 0, first: 0 }, dimension, findings);
    await gap(codes + listLength(lists, 0, dimension));
    await gap(centroidRecordsOffset(manifest));
    for (let list = 0, size = stride(0, dimension); list < lists; list++) {
        const offset = stream.offset, record = await stream.take(size);
        findings.passes(() => {
            const row = u32(viewOf(record), 0);
            ensure(row === list, 'R-IDX-4', () => `the centroid record of list ${list} has the row ${row}`, offset);
            checkInteger(record, dimension, offset, manifest.metric !== 1);
        });
    }
    return found;
}
/** Checks the payload of QUANT, list after list. */
export async function checkQuant(archive, stream, lists, findings) {
    const { rows, dimension } = archive.manifest;
    const seconds = new Uint8Array(lists.some((list) => list.second > 0) ? Math.ceil(rows / 8) : 0);
    for (const list of lists) {
        const from = stream.position;
        await checkGroups(stream, list, dimension, findings, (number, offset) => {
            if (number >= rows || (number >= list.first && number < list.first + list.own))
                throw broken('R-QNT-4', `a second entry has the vector number ${number}, not that of a vector which another list owns`, offset);
            const bit = 1 << (number & 7);
            if (seconds[number >>> 3] & bit)
                throw broken('R-QNT-4', `vector ${number} has two second entries`, offset);
            seconds[number >>> 3] |= bit;
        });
        const offset = stream.offset, rest = await stream.take(from + paddedListLength(list.own, list.second, dimension) - stream.position);
        const place = notZero(rest, 0, rest.length);
        if (place >= 0)
            findings.add('R-QNT-1', 'a byte behind a list is not zero', offset + place);
    }
}
/** Checks the groups of a list (R-QNT-1 to R-QNT-4). `second` takes the vector numbers of second entries. */
async function checkGroups(stream, list, dimension, findings, second) {
    const entries = list.own + list.second, plainGroups = list.second === 0 ? Infinity : Math.floor(list.own / GROUP);
    for (let first = 0, n = 0; first < entries; first += GROUP, n++) {
        const count = Math.min(GROUP, entries - first), numbered = n >= plainGroups, offset = stream.offset;
        const bytes = await stream.take(groupLength(count, numbered, dimension));
        findings.passes(() => checkGroup(bytes, count, dimension, offset));
        if (!numbered)
            continue;
        const view = viewOf(bytes), numbers = bytes.length - 16 * Math.ceil(count / 4);
        for (let entry = 0; entry < count; entry++) {
            const number = u32(view, numbers + 4 * entry), place = offset + numbers + 4 * entry, wanted = list.first + first + entry;
            findings.passes(() => {
                if (first + entry >= list.own)
                    second?.(number, place);
                else
                    ensure(number === wanted, 'R-QNT-4', () => `an own entry has the vector number ${number}, not ${wanted}`, place);
            });
        }
        const empty = notZero(bytes, numbers + 4 * count, bytes.length);
        if (empty >= 0)
            findings.add('R-QNT-1', 'a vector number stands in a place that a tile lacks', offset + empty);
    }
}
function checkGroup(bytes, count, dimension, at) {
    const view = viewOf(bytes), wordsOf = words(dimension), tiles = Math.ceil(count / 4), corrections = tiles * 32 * wordsOf;
    // The bits of the last word at and above the dimension, in halves.
    const over = dimension % 64, low = over > 0 && over < 32 ? -1 << over : 0, high = over === 0 ? 0 : over <= 32 ? -1 : -1 << (over - 32);
    for (let place = 0; place < 4 * tiles; place++) {
        const tile = Math.floor(place / 4) * 32 * wordsOf + 8 * (place % 4);
        if (place < count) {
            const last = tile + 32 * (wordsOf - 1);
            ensure(((u32(view, last) & low) | (u32(view, last + 4) & high)) === 0, 'R-QNT-2', () => 'a code has bits at or above the dimension', at + last);
            const word = u32(view, corrections + 4 * place), beta = (word >>> 23) & 0xff, alpha = ((word & 0x3fff) >>> 6) & 0xff;
            ensure(beta !== 0xff && alpha !== 0xff, 'R-QNT-3', () => 'a correction word stands for a number that is not finite', at + corrections + 4 * place);
            continue;
        }
        for (let word = 0; word < wordsOf; word++)
            ensure(notZero(bytes, tile + 32 * word, tile + 32 * word + 8) < 0, 'R-QNT-1', () => 'a code stands in a place that a tile lacks', at + tile + 32 * word);
        ensure(u32(view, corrections + 4 * place) === 0, 'R-QNT-1', () => 'a correction word stands in a place that a tile lacks', at + corrections + 4 * place);
    }
}
