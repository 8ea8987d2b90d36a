// The list directory of INDEX (R-IDX-1): where each list stands in QUANT, and which vectors it owns.
import { ensure } from '../errors.js';
import { notZero, u32, u64, viewOf } from './bytes.js';
import { LIST_ENTRY, paddedListLength } from './layout.js';
/**
 * Reads the directory and checks that the lists stand one after the other and own all vectors: lists that overlap could make a
 * search of a small file as long as one of all lists times all rows. `at` is its place in the file, `quantLength` the length of
 * the QUANT payload, which the lists fill.
 */
export function parseDirectory(bytes, shape, at, quantLength) {
    const { rows, dimension, lists } = shape, view = viewOf(bytes), out = [];
    let offset = 0, first = 0;
    for (let n = 0, place = 0; n < lists; n++, place += LIST_ENTRY) {
        const list = { offset: u64(view, place), own: u32(view, place + 8), second: u32(view, place + 12), first: u32(view, place + 16) };
        const holds = (yes, what) => ensure(yes, 'R-IDX-1', () => `list ${n} in the list directory ${what}`, at + place);
        ensure(notZero(bytes, place + 20, place + LIST_ENTRY) < 0, 'R-NUM-3', () => 'a reserved byte of the list directory is not zero', at + place + 20);
        holds(list.offset === offset, `begins at byte ${list.offset} of QUANT, not ${offset}`);
        holds(list.first === first, `begins with vector ${list.first}, not ${first}`);
        holds(list.own <= rows - first, `owns ${list.own} vectors, and ${rows - first} are left`);
        holds(list.own + list.second <= rows, `has ${list.own + list.second} entries, and the file ${rows} rows`);
        holds(lists > 1 || list.second === 0, `is the only one and has ${list.second} second entries`);
        offset += paddedListLength(list.own, list.second, dimension);
        first += list.own;
        out.push(list);
    }
    ensure(first === rows, 'R-IDX-1', () => `the lists own ${first} vectors of ${rows}`, at);
    ensure(offset === quantLength, 'R-QNT-1', () => `the lists have ${offset} bytes, and QUANT ${quantLength}`, at);
    return out;
}
