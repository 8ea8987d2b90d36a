// Every byte against its digest, and every rule of the format that bytes can break. Each segment is read once, from its beginning to
// its end, so that memory stays small whatever the file's size.
import { checkBytecode, parseModuleHeader, WASM_HEADER } from '../engine/modules.js';
import { u32, viewOf } from '../format/bytes.js';
import { extent, TYPE } from '../format/header.js';
import { HEADER } from '../format/layout.js';
import { turn } from '../signals.js';
import { checkIndex, checkQuant } from './codes.js';
import { Findings } from './findings.js';
import { checkIds } from './names.js';
import { checkRecords } from './records.js';
import { checkPadding, Stream } from './stream.js';
/** Milliseconds of checking after which the event loop gets a turn. */
const TURN = 50;
/** Numbers that are taken at once of what is a row of numbers. */
const AT_ONCE = 1 << 14;
export async function verify(archive, { signal, onProgress } = {}) {
    const start = performance.now(), findings = new Findings(), { record, damage } = archive.root, total = record.committed;
    let done = 0, since = start;
    const ground = {
        source: archive.source, findings, signal,
        async advance(bytes) {
            done = Math.min(total, done + bytes);
            if (performance.now() - since < TURN)
                return;
            onProgress?.({ phase: 'verify', done, total });
            await turn();
            signal?.throwIfAborted();
            since = performance.now();
        },
    };
    if (damage)
        findings.add(damage.rule, damage.message, damage.offset);
    const behind = record.manifestOffset + HEADER + record.manifestLength, end = record.manifestOffset + extent(record.manifestLength);
    checkPadding((await archive.source.read([{ offset: behind, length: end - behind }], signal))[0], behind, findings);
    await checkSegments(archive, ground);
    for (const dead of archive.manifest.dead)
        await hashOnly(ground, { ...dead, end: dead.offset + dead.length, table: 0 });
    onProgress?.({ phase: 'verify', done: total, total });
    const warnings = archive.warnings.filter((text) => !damage || !text.startsWith(damage.message));
    if (findings.unlisted > 0)
        warnings.push(`${findings.unlisted} more faults are not listed`);
    return { ok: findings.faults.length === 0, faults: findings.faults, warnings, bytes: total, ms: performance.now() - start };
}
const named = (entry) => ({ offset: entry.offset, end: entry.offset + extent(entry.length), hash: entry.hash, blockLog: entry.blockLog, table: entry.table, entry });
async function hashOnly(ground, segment) {
    await (await Stream.open(ground, segment))?.finish();
}
/** Runs a check of a segment's contents, and reads what the check leaves, so that every byte is held against its digest. */
async function within(ground, streams, check) {
    try {
        await check();
    }
    catch (error) {
        ground.findings.take(error);
    }
    for (const stream of streams)
        await stream?.finish();
}
async function checkSegments(archive, ground) {
    const { findings, signal } = ground, { lists, vectors, rows } = archive.manifest;
    const open = (entry) => Stream.open(ground, named(entry));
    const one = (type, kind = 0) => archive.segment(type, kind).entry;
    let directory;
    const index = await open(one(TYPE.INDEX));
    if (index)
        await within(ground, [index], async () => { directory = await checkIndex(archive, index, findings); });
    const quant = await open(one(TYPE.QUANT));
    if (quant)
        await within(ground, [quant], async () => { if (directory && index?.sound)
            await checkQuant(archive, quant, directory, findings); });
    // ORDER is read whole: 4 bytes for each row, which the file itself has.
    let order;
    if (lists > 1) {
        const stream = await open(one(TYPE.ORDER));
        if (stream) {
            await within(ground, [stream], async () => {
                const numbers = new Uint32Array(rows);
                for (let row = 0; row < rows; row += AT_ONCE) {
                    const count = Math.min(AT_ONCE, rows - row), view = viewOf(await stream.take(4 * count));
                    for (let n = 0; n < count; n++)
                        numbers[row + n] = u32(view, 4 * n);
                }
                order = numbers;
            });
            if (!stream.sound)
                order = undefined;
        }
    }
    const integers = await open(one(TYPE.VEC, 0)), floats = vectors === 0 ? undefined : await open(one(TYPE.VEC, vectors));
    await within(ground, [integers, floats], async () => {
        if (integers && (vectors === 0 || floats) && (lists === 1 || order))
            await checkRecords(archive, integers, floats, order, findings);
    });
    for (const { entry } of archive.segments) {
        if (entry.type === TYPE.IDS) {
            const stream = await open(entry);
            if (stream)
                await within(ground, [stream], () => checkIds(archive, stream, findings, signal));
        }
        else if (entry.type === TYPE.WASM) {
            const stream = await open(entry);
            if (stream)
                await within(ground, [stream], async () => checkModule(archive, entry, stream));
        }
        else if (entry.type !== TYPE.INDEX && entry.type !== TYPE.QUANT && entry.type !== TYPE.VEC && entry.type !== TYPE.ORDER)
            await hashOnly(ground, named(entry));
    }
}
async function checkModule(archive, entry, stream) {
    const segment = archive.segments[entry.number], header = parseModuleHeader((await stream.take(WASM_HEADER)).slice(), segment);
    // The segment's length was checked by the manifest's, and that by the file's.
    checkBytecode(header, (await stream.take(header.bytes)).slice());
}
