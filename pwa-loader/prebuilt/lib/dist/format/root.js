// The root: the first 4 KiB, with the two records that name the manifest (spec/format.md, section 4).
import { broken, ensure } from '../errors.js';
import { big, crc32, notZero, same, u16, u32, u64, viewOf } from './bytes.js';
import { extent, parseHeader, TYPE } from './header.js';
import { HEADER, ROOT_LENGTH } from './layout.js';
const RECORDS = [0x200, 0x400];
const RECORD = 128;
const MAX_MANIFEST = 2 ** 26;
function parseRecord(bytes) {
    const view = viewOf(bytes);
    if (u32(view, 0) !== 0x52465652)
        return 'its magic is not RVFR';
    if (bytes[4] !== 2)
        return `it is of version ${bytes[4]}, not 2`;
    if (crc32(bytes.subarray(0, 124)) !== u32(view, 124))
        return 'its CRC does not match';
    if (notZero(bytes, 0x58, 0x7c) >= 0)
        return 'a reserved byte is not zero';
    const flags = u16(view, 6);
    if (flags & ~1)
        return `its flags are 0x${flags.toString(16)}, not 0 or 1`;
    const record = {
        minor: bytes[5], draft: (flags & 1) === 1, generation: big(view, 8), committed: u64(view, 0x10), manifestOffset: u64(view, 0x18),
        manifestLength: u64(view, 0x20), manifestHash: bytes.slice(0x28, 0x48), required: big(view, 0x48),
    };
    if (record.generation < 1n)
        return 'its generation is 0';
    if (big(view, 0x10) % 64n !== 0n || record.committed < ROOT_LENGTH + HEADER)
        return `its committed length is ${record.committed}`;
    if (record.manifestLength > MAX_MANIFEST)
        return `it names a manifest of ${record.manifestLength} bytes, and ${MAX_MANIFEST} are the most (R-LIM-3)`;
    const at = record.manifestOffset;
    if (big(view, 0x18) % 64n !== 0n || at < ROOT_LENGTH || at + extent(record.manifestLength) > record.committed)
        return `it names a manifest at byte ${at} that does not lie inside the file`;
    return record;
}
/** Reads the root and checks everything that a reader checks at open (R-ROOT-1 to R-ROOT-6). */
export function parseRoot(bytes, fileLength) {
    if (fileLength < ROOT_LENGTH || bytes.length < ROOT_LENGTH) {
        throw broken('R-ROOT-1', `the file has ${fileLength} bytes, and a .rvf file at least ${ROOT_LENGTH}: it is not one, or was cut short`);
    }
    const header = parseHeader(bytes.subarray(0, HEADER), 0);
    ensure(header.type === TYPE.ROOT, 'R-SEG-2', () => 'the file does not begin with a ROOT segment', 0);
    for (const [from, to] of [[HEADER, 0x200], [0x280, 0x400], [0x480, ROOT_LENGTH]]) {
        const at = notZero(bytes, from, to);
        ensure(at < 0, 'R-ROOT-1', () => 'a reserved byte of the root is not zero', at);
    }
    const parsed = RECORDS.map((at) => parseRecord(bytes.subarray(at, at + RECORD)));
    const [first, second] = parsed;
    if (typeof first === 'string' && typeof second === 'string') {
        throw broken('R-ROOT-2', `neither root record is valid: of the first ${first}, of the second ${second}`, RECORDS[0]);
    }
    let record;
    let damage;
    if (typeof first === 'string' || typeof second === 'string') {
        const bad = typeof first === 'string' ? 0 : 1;
        record = (bad === 0 ? second : first);
        damage = { rule: 'R-ROOT-4', message: `root record ${bad} is not valid (${String(parsed[bad])}); the other one counts`, offset: RECORDS[bad] };
    }
    else if (first.generation === second.generation) {
        ensure(same(bytes.subarray(0x200, 0x280), bytes.subarray(0x400, 0x480)), 'R-ROOT-3', () => 'the two root records have the same generation and differ', RECORDS[1]);
        record = first;
    }
    else {
        record = first.generation > second.generation ? first : second;
        const old = record === first ? 1 : 0;
        damage = { rule: 'R-ROOT-4', message: `root record ${old} is of an older generation: a commit was cut short between the two; the newer one counts`, offset: RECORDS[old] };
    }
    const { required } = record;
    if (required !== 0n) {
        let bit = 0;
        while (((required >> BigInt(bit)) & 1n) === 0n)
            bit++;
        throw broken('R-ROOT-6', `the file requires feature ${bit}, which this reader does not know: a newer version of the library may`);
    }
    ensure(fileLength >= record.committed, 'R-ROOT-5', () => `the file has ${fileLength} bytes of ${record.committed}: it was cut short`, fileLength);
    return damage ? { record, damage } : { record };
}
