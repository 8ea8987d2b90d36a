// An open file: its root and manifest, checked as section 10 of spec/format.md says, and its segments.
import { broken, ensure } from '../errors.js';
import { f32, notZero, same, u16, u32, u64, viewOf } from './bytes.js';
import { checkAgainst, parseHeader, TYPE } from './header.js';
import { centroidCodesOffset, centroidRecordsOffset, HEADER, INDEX_HEAD, indexStart, ROOT_LENGTH, stride, words } from './layout.js';
import { parseManifest } from './manifest.js';
import { checkManifest } from './manifest-rules.js';
import { parseRoot } from './root.js';
import { Checked, Segment } from './segments.js';
import { segmentHash, tableOf } from './shake.js';
export const METRICS = ['l2', 'ip', 'cosine'];
export const VECTORS = ['i8', 'f16', 'f32'];
/** The MANIFEST has blocks of 2¹⁶ bytes (R-HASH-4). */
const MANIFEST_BLOCK = 1 << 16;
export class Archive {
    source;
    checked;
    root;
    manifest;
    manifestId;
    segments;
    warnings = [];
    #index;
    constructor(source, checked, root, manifest, manifestId) {
        this.source = source;
        this.checked = checked;
        this.root = root;
        this.manifest = manifest;
        this.manifestId = manifestId;
        this.segments = manifest.entries.map((entry) => new Segment(entry, source.whole !== undefined));
        this.#index = this.segment(TYPE.INDEX);
        if (root.damage)
            this.warnings.push(`${root.damage.message} (${root.damage.rule})`);
        const tail = source.length - root.record.committed;
        if (tail > 0)
            this.warnings.push(`${tail} bytes stand behind the end of the file: an uncommitted tail, which is not read (R-ROOT-5)`);
    }
    static async open(source, cacheBytes, signal) {
        const [head] = await source.read([{ offset: 0, length: Math.min(ROOT_LENGTH, source.length) }], signal);
        const root = parseRoot(head, source.length), { record } = root;
        const [bytes] = await source.read([{ offset: record.manifestOffset, length: HEADER + record.manifestLength }], signal);
        const header = parseHeader(bytes.subarray(0, HEADER), record.manifestOffset);
        checkAgainst(header, { type: TYPE.MANIFEST, length: record.manifestLength, hash: record.manifestHash }, record.manifestOffset);
        const payload = bytes.subarray(HEADER), table = tableOf(payload, MANIFEST_BLOCK);
        ensure(same(segmentHash(bytes.subarray(0, HEADER), table), record.manifestHash), 'R-HASH-3', () => 'the manifest is damaged: it does not have the hash that the root names', record.manifestOffset);
        const manifest = parseManifest(payload, record.manifestOffset + HEADER);
        checkManifest(manifest, record, header.id);
        return new Archive(source, new Checked(source, cacheBytes), root, manifest, header.id);
    }
    /** The one segment of a type, which R-MAN-3 has found. */
    segment(type, kind) {
        const found = this.segments.find(({ entry }) => entry.type === type && (kind === undefined || entry.kind === kind));
        if (!found)
            throw broken('R-MAN-3', `the file has no segment of type ${type}`);
        return found;
    }
    /** The VEC segment of the vectors as stored (R-VEC-6), and the length of its records. */
    stored() {
        const { vectors, dimension } = this.manifest;
        return { segment: this.segment(TYPE.VEC, vectors), stride: stride(vectors, dimension) };
    }
    /** Where rows are stored; none in a file with one list, where both are the same. */
    get order() {
        return this.manifest.lists > 1 ? this.segment(TYPE.ORDER) : undefined;
    }
    /** The head and the mean of INDEX, with which a kernel is opened, held against the manifest (R-IDX-1, R-IDX-3). */
    async indexStart(signal) {
        const bytes = await this.checked.one(this.#index, 0, indexStart(this.manifest.dimension), signal);
        checkIndexHead(bytes, this.manifest, this.#index.payload);
        return bytes;
    }
}
export function checkIndexHead(bytes, manifest, at) {
    const view = viewOf(bytes), { rows, dimension, lists, metric, vectors } = manifest, rule = 'R-IDX-1';
    const same = (what, found, wanted, place) => ensure(found === wanted, rule, () => `${what} in the head of INDEX: ${found}, not ${wanted}`, at + place);
    ensure(u32(view, 0) === 0x49465652, rule, () => 'INDEX does not begin with RVFI', at);
    same('the layout', u16(view, 4), 2, 4);
    for (const [from, to] of [[6, 8], [0x12, 0x14], [0x38, INDEX_HEAD]])
        ensure(notZero(bytes, from, to) < 0, 'R-NUM-3', () => 'a reserved byte of the head of INDEX is not zero', at + from);
    same('the rows', u32(view, 8), rows, 8);
    same('the dimension', u32(view, 12), dimension, 12);
    same('the metric', bytes[0x10], metric, 0x10);
    same('the kind of vectors', bytes[0x11], vectors, 0x11);
    same('the lists', u32(view, 0x14), lists, 0x14);
    same('the code words', u32(view, 0x18), words(dimension), 0x18);
    same('the record stride', u32(view, 0x1c), stride(0, dimension), 0x1c);
    same('the offset of the centroid codes', u64(view, 0x28), lists > 1 ? centroidCodesOffset(manifest) : 0, 0x28);
    same('the offset of the centroid records', u64(view, 0x30), lists > 1 ? centroidRecordsOffset(manifest) : 0, 0x30);
    for (let i = 0; i < dimension; i++)
        ensure(Number.isFinite(f32(view, INDEX_HEAD + 4 * i)), 'R-IDX-3', () => `component ${i} of the mean is not finite`, at + INDEX_HEAD + 4 * i);
}
