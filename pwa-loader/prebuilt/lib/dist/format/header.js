// Segment headers, and which types of segment there are (spec/format.md, section 2).
import { broken, ensure } from '../errors.js';
import { big, crc32, hex, notZero, roundUp, same, u16, u32, u64, viewOf } from './bytes.js';
import { HEADER } from './layout.js';
export const TYPE = { VEC: 0x01, INDEX: 0x02, MANIFEST: 0x05, QUANT: 0x06, WASM: 0x10, ROOT: 0x80, DIGEST: 0x81, IDS: 0x82, ORDER: 0x83 };
const NAMES = new Map(Object.entries(TYPE).map(([name, type]) => [type, name]));
const ANCILLARY = 0x8000;
const MAGIC = 0x52564653;
export const isKnown = (type) => NAMES.has(type);
export const typeName = (type) => NAMES.get(type) ?? `0x${type.toString(16).padStart(2, '0')}`;
/** Header, payload and padding of a segment. */
export const extent = (payload) => HEADER + roundUp(payload, 64);
/** Flags are those that the type has; a type that is not known must say that it may be passed over. */
export function checkFlags(type, flags, rule, offset) {
    if (isKnown(type))
        ensure(flags === 0, rule, () => `the flags of a ${typeName(type)} segment are 0x${flags.toString(16)}, not 0`, offset);
    else {
        ensure((flags & ANCILLARY) !== 0, 'R-SEG-4', () => `a segment has the type ${typeName(type)}, which this reader does not know and must not pass over: a newer version of the library may`, offset);
        ensure((flags & ~ANCILLARY) === 0, rule, () => `the flags of a segment are 0x${flags.toString(16)}, not 0x8000`, offset);
    }
}
/** Reads a header and checks it by itself (R-SEG-3). */
export function parseHeader(bytes, offset) {
    const view = viewOf(bytes);
    ensure(u32(view, 0) === MAGIC, 'R-SEG-3', () => `no segment begins here: the first bytes are ${hex(bytes.subarray(0, 4))}, not 53465652${offset === 0 ? '; this is not a .rvf file' : ''}`, offset);
    const version = bytes[4];
    ensure(version === 2, 'R-SEG-3', () => `the segment is of version ${version}, not 2${version === 1 ? ': files of the older public system are not read, and its vectors have to be packed again' : ''}`, offset);
    ensure(crc32(bytes.subarray(0, 60)) === u32(view, 60), 'R-SEG-3', () => 'the CRC of a segment header does not match', offset);
    const type = bytes[5], flags = u16(view, 6), root = type === TYPE.ROOT;
    checkFlags(type, flags, 'R-SEG-3', offset);
    ensure(bytes[0x20] === (root ? 0 : 2), 'R-SEG-3', () => `the checksum algorithm of a segment is ${bytes[0x20]}, not ${root ? 0 : 2}`, offset);
    ensure(bytes[0x21] === 0, 'R-SEG-3', () => `the compression of a segment is ${bytes[0x21]}, not 0`, offset);
    ensure(notZero(bytes, 0x22, 0x28) < 0, 'R-SEG-3', () => 'a reserved byte of a segment header is not zero', offset);
    ensure(u32(view, 0x38) === 0, 'R-SEG-3', () => `the uncompressed length of a segment is ${u32(view, 0x38)}, not 0`, offset);
    const header = { type, flags, id: big(view, 8), length: u64(view, 0x10), contentHash: bytes.subarray(0x28, 0x38) };
    if (root) {
        ensure(header.id === 0n, 'R-ROOT-1', () => `the ROOT has the segment id ${header.id}, not 0`, offset);
        ensure(header.length === 4032, 'R-ROOT-1', () => `the payload of the ROOT has ${header.length} bytes, not 4032`, offset);
        ensure(notZero(bytes, 0x28, 0x38) < 0, 'R-ROOT-1', () => 'the ROOT has a content hash', offset);
    }
    return header;
}
/** A live segment's header must agree with what names the segment (R-MAN-6). */
export function checkAgainst(header, named, offset) {
    const differs = header.type !== named.type ? `type ${typeName(header.type)}, not ${typeName(named.type)}`
        : header.length !== named.length ? `a payload of ${header.length} bytes, not ${named.length}`
            : !same(header.contentHash, named.hash.subarray(0, 16)) ? `the content hash ${hex(header.contentHash)}, not ${hex(named.hash.subarray(0, 16))}`
                : named.id !== undefined && header.id !== named.id ? `the id ${header.id}, not ${named.id}`
                    : named.flags !== undefined && header.flags !== named.flags ? `the flags ${header.flags}, not ${named.flags}`
                        : undefined;
    if (differs)
        throw broken('R-MAN-6', `a segment header disagrees with the manifest: it has ${differs}`, offset);
}
