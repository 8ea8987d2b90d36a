// What a module says of itself, read from its bytes: imports, exports, memory, tables, and the features that it uses (R-WASM-2).
// An engine tells whether a module is valid, but not without which feature it would not be; so the instructions are walked here.
// It does not validate: the engine does, when it compiles.
import { FEATURES } from './features.js';
const bit = (name) => 1 << FEATURES.indexOf(name);
const SIMD = bit('simd'), BULK = bit('bulk-memory'), MULTI = bit('multi-value'), REFS = bit('reference-types'), THREADS = bit('threads'), TAIL = bit('tail-call'), GC = bit('gc'), EXCEPTIONS = bit('exceptions');
export function factsOf(code, refuse) {
    const facts = { features: 0, imports: 0, exports: 0, tables: 0, tableEntries: 0, growsTables: false, start: false, minPages: 0, maxPages: undefined, memory: undefined };
    new Walk(code, facts, refuse).module();
    return facts;
}
class Walk {
    code;
    facts;
    refuse;
    #at = 0;
    #end;
    /** Of the section that is read. */
    #lengthAt = 0;
    #bodyAt = 0;
    constructor(code, facts, refuse) {
        this.code = code;
        this.facts = facts;
        this.refuse = refuse;
        this.#end = code.length;
    }
    #fail(what) {
        return this.refuse(`can not be read: ${what}, at byte ${this.#at} of the module`);
    }
    #byte() {
        if (this.#at >= this.#end)
            throw this.#fail('it ends too early');
        return this.code[this.#at++];
    }
    #skip(count) {
        if (count > this.#end - this.#at)
            throw this.#fail('it ends too early');
        this.#at += count;
    }
    /** A LEB128 number of at most `bits` bits, unsigned; a signed one is passed over in the same way. */
    #number(bits = 32) {
        let value = 0;
        for (let shift = 0;; shift += 7) {
            if (shift >= bits)
                throw this.#fail('a number is too long');
            const byte = this.#byte();
            value += (byte & 127) * 2 ** shift;
            if (byte < 128)
                return value;
        }
    }
    #use(features) {
        this.facts.features |= features;
    }
    /** As many as a count says, each of which takes at least a byte: so a count is bounded by what is there. */
    #each(what) {
        const count = this.#number();
        if (count > this.#end - this.#at)
            throw this.#fail('a count is larger than what is left');
        for (let n = 0; n < count; n++)
            what();
        return count;
    }
    module() {
        if (this.code.length < 8 || [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0].some((byte, n) => this.code[n] !== byte))
            throw this.#fail('it is not a WebAssembly module of version 1');
        this.#at = 8;
        while (this.#at < this.code.length) {
            const id = this.#byte();
            this.#lengthAt = this.#at;
            const length = this.#number();
            if (length > this.code.length - this.#at)
                throw this.#fail('a section is longer than the module');
            this.#bodyAt = this.#at;
            this.#end = this.#at + length;
            this.#section(id);
            this.#at = this.#end;
            this.#end = this.code.length;
        }
    }
    #section(id) {
        const { facts } = this;
        switch (id) {
            case 1:
                this.#each(() => this.#type());
                break;
            case 2:
                facts.imports = this.#number();
                break;
            case 4:
                facts.tables = this.#each(() => this.#table());
                if (facts.tables > 1)
                    this.#use(REFS);
                break;
            case 5:
                if (this.#each(() => this.#memory()) > 1)
                    throw this.#fail('it has more than one memory');
                break;
            case 6:
                this.#each(() => { this.#valueType(); this.#byte(); this.#expression(); });
                break;
            case 7:
                facts.exports = this.#number();
                break;
            case 8:
                facts.start = true;
                break;
            case 9:
                this.#each(() => this.#element());
                break;
            case 10:
                this.#each(() => this.#body());
                break;
            case 11:
                this.#each(() => this.#data());
                break;
            case 12:
                this.#use(BULK);
                break;
            case 13:
                this.#use(EXCEPTIONS);
                break;
            // Custom sections and the types of functions say nothing of features.
            case 0:
            case 3: break;
            default: throw this.#fail(`it has a section ${id}, which is none`);
        }
    }
    #type() {
        const form = this.#byte();
        if (form !== 0x60) {
            // Groups, subtypes, structs, arrays: the rest of the section is left to the engine.
            this.#use(GC);
            this.#at = this.#end;
            return;
        }
        this.#each(() => this.#valueType());
        if (this.#each(() => this.#valueType()) > 1)
            this.#use(MULTI);
    }
    #valueType() {
        const type = this.#byte();
        if (type >= 0x7c && type <= 0x7f)
            return;
        if (type === 0x7b)
            this.#use(SIMD);
        else if (type === 0x70 || type === 0x6f)
            this.#use(REFS);
        else if (type === 0x69)
            this.#use(EXCEPTIONS | REFS);
        else if (type === 0x63 || type === 0x64) {
            this.#use(GC | REFS);
            this.#number(33);
        }
        else if (type >= 0x65 && type <= 0x74)
            this.#use(GC | REFS);
        else
            throw this.#fail(`0x${type.toString(16)} is no type`);
    }
    #limits() {
        const flags = this.#byte();
        if (flags > 3)
            throw this.#fail('it has a memory or a table of 64 bits, or of a kind that the format does not have');
        const min = this.#number();
        return { flags, min, max: flags & 1 ? this.#number() : undefined };
    }
    #table() {
        if (this.code[this.#at] === 0x40) {
            this.#use(GC | REFS);
            this.#skip(2);
            this.#valueType();
            this.facts.tableEntries += this.#limits().min;
            this.#expression();
            return;
        }
        if (this.code[this.#at] === 0x70)
            this.#byte();
        else
            this.#valueType();
        this.facts.tableEntries += this.#limits().min;
    }
    #memory() {
        const limitsAt = this.#at, { flags, min, max } = this.#limits();
        if (flags & 2)
            this.#use(THREADS);
        this.facts.memory = { lengthAt: this.#lengthAt, bodyAt: this.#bodyAt, bodyEnd: this.#end, limitsAt, limitsEnd: this.#at, flags };
        this.facts.minPages = min;
        this.facts.maxPages = max;
    }
    #element() {
        const flags = this.#number();
        if (flags > 7)
            throw this.#fail('an element segment has unknown flags');
        if (flags & 1)
            this.#use(flags & 2 ? REFS : BULK);
        if (!(flags & 1)) {
            if (flags & 2 && this.#number() > 0)
                this.#use(REFS);
            this.#expression();
        }
        if (flags & 3) {
            if (flags & 4) {
                this.#use(REFS);
                this.#valueType();
            }
            else
                this.#byte();
        }
        this.#each(() => { if (flags & 4)
            this.#expression();
        else
            this.#number(); });
    }
    #data() {
        const flags = this.#number();
        if (flags > 2)
            throw this.#fail('a data segment has unknown flags');
        if (flags === 2)
            this.#number();
        if (flags !== 1)
            this.#expression();
        else
            this.#use(BULK);
        this.#skip(this.#number());
    }
    #body() {
        const length = this.#number(), outer = this.#end;
        if (length > outer - this.#at)
            throw this.#fail('a function is longer than its section');
        this.#end = this.#at + length;
        this.#each(() => { this.#number(); this.#valueType(); });
        while (this.#at < this.#end)
            this.#instruction();
        this.#end = outer;
    }
    /** A constant expression: up to its end. */
    #expression() {
        while (this.#instruction() !== 0x0b)
            ;
    }
    #memoryArgument() {
        if (this.#number() >= 64)
            throw this.#fail('an access names a memory');
        this.#number();
    }
    #blockType() {
        const first = this.code[this.#at];
        if (first === undefined)
            throw this.#fail('it ends too early');
        if (first === 0x40)
            this.#byte();
        else if ((first & 0xc0) === 0x40)
            this.#valueType();
        else {
            this.#use(MULTI);
            this.#number(33);
        }
    }
    #instruction() {
        const op = this.#byte();
        if (op >= 0x45 && op <= 0xc4)
            return op;
        if (op >= 0x28 && op <= 0x3e) {
            this.#memoryArgument();
            return op;
        }
        switch (op) {
            case 0x00:
            case 0x01:
            case 0x05:
            case 0x0b:
            case 0x0f:
            case 0x1a:
            case 0x1b: break;
            case 0x02:
            case 0x03:
            case 0x04:
                this.#blockType();
                break;
            case 0x08:
            case 0x0a:
                this.#use(EXCEPTIONS);
                if (op === 0x08)
                    this.#number();
                break;
            case 0x0c:
            case 0x0d:
            case 0x10:
            case 0x20:
            case 0x21:
            case 0x22:
            case 0x23:
            case 0x24:
                this.#number();
                break;
            case 0x0e:
                this.#each(() => this.#number());
                this.#number();
                break;
            case 0x11:
            case 0x13:
                if (op === 0x13)
                    this.#use(TAIL);
                this.#number();
                if (this.#number() > 0)
                    this.#use(REFS);
                break;
            case 0x12:
                this.#use(TAIL);
                this.#number();
                break;
            case 0x14:
                this.#use(GC);
                this.#number();
                break;
            case 0x15:
                this.#use(GC | TAIL);
                this.#number();
                break;
            case 0x1c:
                this.#use(REFS);
                this.#each(() => this.#valueType());
                break;
            case 0x1f:
                this.#use(EXCEPTIONS);
                this.#blockType();
                this.#each(() => { const kind = this.#byte(); if (kind < 2)
                    this.#number(); this.#number(); });
                break;
            case 0x25:
            case 0x26:
                this.#use(REFS);
                this.#number();
                break;
            case 0x3f:
            case 0x40:
                this.#byte();
                break;
            case 0x41:
                this.#number(35);
                break;
            case 0x42:
                this.#number(70);
                break;
            case 0x43:
                this.#skip(4);
                break;
            case 0x44:
                this.#skip(8);
                break;
            case 0xd0:
                this.#use(REFS);
                this.#heapType();
                break;
            case 0xd1:
                this.#use(REFS);
                break;
            case 0xd2:
                this.#use(REFS);
                this.#number();
                break;
            case 0xd3:
            case 0xd4:
                this.#use(GC);
                break;
            case 0xd5:
            case 0xd6:
                this.#use(GC);
                this.#number();
                break;
            case 0xfb: throw this.#fail('it uses garbage collection, which this reader does not check');
            case 0xfc:
                this.#prefixed(this.#number());
                break;
            case 0xfd:
                this.#use(SIMD);
                this.#vector(this.#number());
                break;
            case 0xfe:
                this.#use(THREADS);
                this.#atomic(this.#number());
                break;
            default: throw this.#fail(`0x${op.toString(16)} is no instruction that the format knows`);
        }
        return op;
    }
    #heapType() {
        if (this.code[this.#at] !== 0x70 && this.code[this.#at] !== 0x6f)
            this.#use(GC);
        this.#number(33);
    }
    #prefixed(op) {
        if (op > 17)
            throw this.#fail(`0xfc ${op} is no instruction that the format knows`);
        if (op < 8)
            return;
        this.#use(op < 15 ? BULK : REFS);
        if (op === 15)
            this.facts.growsTables = true;
        this.#number();
        if (op === 8 || op === 10 || op === 12 || op === 14)
            this.#number();
    }
    #vector(op) {
        if (op >= 0x100)
            throw this.#fail('it uses relaxed SIMD, which the format does not have');
        if (op <= 0x0b || op === 0x5c || op === 0x5d)
            this.#memoryArgument();
        else if (op === 0x0c || op === 0x0d)
            this.#skip(16);
        else if (op >= 0x15 && op <= 0x22)
            this.#byte();
        else if (op >= 0x54 && op <= 0x5b) {
            this.#memoryArgument();
            this.#byte();
        }
    }
    #atomic(op) {
        if (op === 0x03)
            this.#byte();
        else
            this.#memoryArgument();
    }
}
