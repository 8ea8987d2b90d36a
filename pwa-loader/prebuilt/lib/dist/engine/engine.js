// What answers searches: chooses the kernel, compiles it, keeps an instance of it, and decides what stands in its memory.
import { RvfError } from '../errors.js';
import { hex } from '../format/bytes.js';
import { blockOffsetsLength, directoryOffset, IDS_HEAD, LIST_ENTRY } from '../format/layout.js';
import { parseDirectory } from '../format/lists.js';
import { TYPE } from '../format/header.js';
import { KERNELS, TWIN } from './known.js';
import { engineFeatures, featureNames, hasWebAssembly, SIMD } from './features.js';
import { Kernel } from './kernel.js';
import { machineOf } from './machine.js';
import { bytecodeOf, kernelsOf, nameOf, pick, readModules } from './modules.js';
/** A region that is read here and there is made resident once so many queries were answered: a first answer should not wait for it. */
const WARM = 8;
const SMALL_REGION = 1 << 20;
/** What is brought ahead of a distant file, at most. */
const SMALL_INDEX = 4 * 2 ** 20, SMALL_MODULE = 64 << 10, FEW_MODULES = 8, SMALL_BOUNDS = 32 << 10;
const TEXT_IDS = 2;
const INDEX = 0, QUANT = 1, VEC = 2, FLOATS = 3;
export class Engine {
    archive;
    modules;
    choice;
    options;
    resident;
    #kernel;
    /** Regions that are resident, or that found no room. */
    #standing = new Set();
    /** Whether everything that is ever made resident is. */
    #complete = false;
    #answered = 0;
    #listsSound = false;
    #busy;
    constructor(archive, modules, choice, options) {
        this.archive = archive;
        this.modules = modules;
        this.choice = choice;
        this.options = options;
        const bytes = archive.root.record.committed, { residency } = options;
        this.resident = residency === 'resident' || (residency === 'auto' && !archive.source.remote && bytes <= options.residentBytes);
    }
    static async start(archive, options, signal, onKernel) {
        if (archive.source.remote)
            await bringAhead(archive, signal);
        const modules = await readModules(archive, signal);
        const engine = new Engine(archive, modules, await choose(archive, modules, options, signal), options);
        onKernel?.(engine.choice.said);
        await engine.#instance(signal);
        if (options.residency === 'resident')
            await engine.#makeResident(true, signal);
        return engine;
    }
    /** Whether the library knows a kernel by its hash. */
    knows(header) {
        return KERNELS.has(hex(header.hash));
    }
    async #instance(signal) {
        if (this.#kernel)
            return this.#kernel;
        const start = await this.archive.indexStart(signal), { header, said } = this.choice;
        this.#standing.clear();
        this.#complete = false;
        this.#kernel = new Kernel(this.choice.instantiate(), this.archive, start, { name: said, known: !header || this.knows(header), memoryBytes: this.options.memoryBytes, kernelMs: this.options.kernelMs });
        return this.#kernel;
    }
    /** One search at a time: they share the memory of the one instance. */
    search(task, signal) {
        if (this.#busy)
            return this.#inTurn(task, signal);
        signal?.throwIfAborted();
        // The usual case, everything at hand, is answered without a turn of the event loop.
        if (this.#kernel && this.#listsSound && this.#settled(task)) {
            const found = this.#guard(() => this.#kernel.search(task, signal));
            return found instanceof Promise ? this.#hold(found) : found;
        }
        return this.#hold(this.#slowly(task, signal));
    }
    async #inTurn(task, signal) {
        while (this.#busy)
            await this.#busy.catch(() => undefined);
        return this.search(task, signal);
    }
    async #slowly(task, signal) {
        const kernel = await this.#instance(signal);
        if (!task.plan.exact)
            await this.#checkLists(signal);
        await this.#makeResident(false, signal, task);
        return kernel.search(task, signal);
    }
    #guard(run) {
        try {
            return run();
        }
        catch (error) {
            this.#spoil(error);
            throw error;
        }
    }
    async #hold(found) {
        this.#busy = found;
        try {
            const answer = await found;
            this.#answered++;
            return answer;
        }
        catch (error) {
            this.#spoil(error);
            throw error;
        }
        finally {
            this.#busy = undefined;
        }
    }
    /** After a failure a module may have left its memory in any state: the next search gets a fresh instance. */
    #spoil(error) {
        if (error instanceof RvfError && (error.code === 'MODULE' || error.code === 'TIMEOUT'))
            this.#kernel = undefined;
    }
    /** Whether nothing more is to be made resident for a task. */
    #settled(task) {
        return task.plan.exact || this.#complete || this.#wanted(false).length === 0;
    }
    /** The regions that are still to be made resident. */
    #wanted(all) {
        const { manifest } = this.archive, out = [];
        const segment = (region) => this.archive.segments.find(({ entry }) => (region === INDEX ? entry.type === TYPE.INDEX : region === QUANT ? entry.type === TYPE.QUANT : entry.type === TYPE.VEC && entry.kind === (region === VEC ? 0 : manifest.vectors))).length;
        let sum = 0;
        // Every search of a file with lists begins in the index: it is worth its room also where the rest is read as it is needed.
        if (!this.resident)
            return manifest.lists > 1 && segment(INDEX) <= SMALL_INDEX && !this.#standing.has(INDEX) ? [INDEX] : [];
        // In the order in which they are of use, as far as the budget goes.
        for (const region of manifest.vectors === 0 ? [INDEX, QUANT, VEC] : [INDEX, QUANT, FLOATS, VEC]) {
            const length = segment(region);
            sum += length;
            if (sum > this.options.residentBytes && this.options.residency !== 'resident')
                break;
            if (this.#standing.has(region))
                continue;
            const whole = region === INDEX || (region === QUANT && manifest.lists === 1) || length <= SMALL_REGION;
            if (all || whole || this.#answered >= WARM)
                out.push(region);
        }
        return out;
    }
    async #makeResident(all, signal, task) {
        if (task?.plan.exact)
            return;
        const kernel = await this.#instance(signal);
        for (const region of this.#wanted(all)) {
            await kernel.makeResident(region, this.options.residency === 'resident', signal);
            this.#standing.add(region);
        }
        this.#complete = this.#wanted(true).length === 0;
    }
    /** Before the first coded search: lists that overlap could make a search of a small file take without end. */
    async #checkLists(signal) {
        if (this.#listsSound)
            return;
        const { manifest, checked } = this.archive;
        if (manifest.lists > 1) {
            const index = this.archive.segment(TYPE.INDEX), from = directoryOffset(manifest.dimension);
            const bytes = await checked.one(index, from, LIST_ENTRY * manifest.lists, signal);
            parseDirectory(bytes, manifest, index.payload + from, this.archive.segment(TYPE.QUANT).length);
        }
        this.#listsSound = true;
    }
}
/**
 * What every search of a distant file needs comes in one round, side by side: the index and the kernels; where the text of ids
 * begins comes with what the first search reads. What is not wanted by then costs a round each.
 */
async function bringAhead({ checked, segments, manifest }, signal) {
    const now = [], beside = [];
    let modules = 0;
    for (const segment of segments) {
        const { type } = segment.entry, bounds = IDS_HEAD + blockOffsetsLength(manifest.rows);
        if ((type === TYPE.INDEX && segment.length <= SMALL_INDEX) || (type === TYPE.WASM && segment.length <= SMALL_MODULE && modules++ < FEW_MODULES))
            now.push({ segment, from: 0, length: segment.length });
        if (type === TYPE.IDS && manifest.idKind === TEXT_IDS && bounds <= SMALL_BOUNDS)
            beside.push({ segment, from: 0, length: bounds });
    }
    await checked.read(now, signal);
    checked.beside(beside);
}
async function choose(archive, modules, { engine: wanted, memoryBytes }, signal) {
    const kernels = kernelsOf(modules), list = kernels.map((one) => featureNames(one.features).join('+') || 'no features').join(', ');
    const none = wanted === 'javascript' ? 'it was asked for' : hasWebAssembly() ? undefined : 'there is no WebAssembly here, or the page\'s content security policy forbids it (it needs script-src \'wasm-unsafe-eval\')';
    if (none === undefined && kernels.length > 0) {
        const header = pick(modules, engineFeatures(), wanted);
        if (header) {
            const code = await bytecodeOf(archive, header, memoryBytes, signal), said = nameOf(header);
            const module = await compile(code, said), name = header.features & SIMD ? 'simd' : 'scalar';
            const better = name === 'scalar' && wanted === 'auto' && kernels.some((one) => one.features & SIMD) ? { reason: 'this engine has no SIMD' } : {};
            return { name, header, said, ...better, instantiate: () => instantiate(module, said) };
        }
        if (wanted !== 'auto')
            throw new RvfError('UNSUPPORTED', `the file has no ${wanted} kernel that this engine can run; it has kernels with ${list}`);
    }
    const reason = kernels.length === 0 ? 'the file has no kernel of its own, so the library\'s answers' : none ?? `this engine lacks what the file's kernels need (${list})`;
    const header = kernels.find((one) => hex(one.hash) === TWIN);
    if (kernels.length > 0 && !header)
        throw new RvfError('UNSUPPORTED', `the file's kernel can not run: ${reason}; and the library has no JavaScript twin of it`);
    if (header)
        await bytecodeOf(archive, header, memoryBytes, signal);
    // It is as large as the rest of the library, and seldom needed.
    const twin = await import('./twin.js'), said = header ? `the JavaScript twin of ${nameOf(header)}` : 'the library\'s kernel';
    return { name: 'javascript', reason, header, said, instantiate: () => machineOf(twin.instantiate(), said) };
}
async function compile(code, said) {
    try {
        return await WebAssembly.compile(code);
    }
    catch (cause) {
        throw new RvfError('MODULE', `${said} can not be compiled: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
}
function instantiate(module, said) {
    let exports;
    try {
        exports = new WebAssembly.Instance(module, {}).exports;
    }
    catch (cause) {
        throw new RvfError('MODULE', `${said} can not be started: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
    return machineOf(exports, said);
}
