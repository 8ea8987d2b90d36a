// The page's side of one worker: sends what is asked, watches that the worker still lives, and starts a fresh one if a module
// held it too long. What was asked besides is then asked again, so the file stays usable.
import { errorOf, noteOf, RvfError } from '../errors.js';
import { whenAborted } from '../signals.js';
import { spawn } from './spawn.js';
/** Milliseconds after which a timer is late: the page was busy, or the computer slept. */
const LATE = 100;
/** Milliseconds in which the page takes the messages that have come. */
const MOMENT = 20;
export class Client {
    options;
    #pending = new Map();
    #reads = new Map();
    #port;
    #next = 1;
    /** When the worker was last heard of; nothing until it has started, which a slow network may delay. */
    #heard;
    #timer;
    #kernel = 'the module in the file';
    #closed = false;
    /** Of workers that are gone. */
    #before = { requests: 0, bytes: 0, rounds: 0 };
    #now = { requests: 0, bytes: 0, rounds: 0 };
    constructor(options) {
        this.options = options;
    }
    traffic() {
        if (this.options.reader)
            return this.options.reader.traffic();
        return { requests: this.#before.requests + this.#now.requests, bytes: this.#before.bytes + this.#now.bytes, rounds: this.#before.rounds + this.#now.rounds };
    }
    /** Opens the file in the worker. */
    open(signal, onProgress) {
        return this.#ask('open', this.#opening(), signal, onProgress);
    }
    #opening() {
        return { source: this.options.source, options: this.options.core, pulse: Math.max(10, Math.min(250, this.options.timeoutMs / 4)) };
    }
    /** Asks something of the open file. */
    ask(op, args, signal, onProgress) {
        return this.#ask(op, args, signal, onProgress);
    }
    #ask(op, args, signal, onProgress) {
        if (this.#closed)
            return Promise.reject(closed());
        if (signal?.aborted)
            return Promise.reject(signal.reason);
        const id = this.#next++;
        const result = new Promise((resolve, reject) => {
            const stop = () => {
                const pending = this.#pending.get(id);
                if (!pending)
                    return;
                pending.over = true;
                void this.#port?.then((port) => port.post({ cancel: id }), () => undefined);
                reject(signal.reason);
            };
            const release = whenAborted(signal, stop), done = (settle) => (value) => {
                release();
                settle(value);
            };
            this.#pending.set(id, { op, args, resolve: done(resolve), reject: done(reject), onProgress, since: performance.now(), over: false });
        });
        void this.#send(id, op, args);
        this.#watch();
        return result;
    }
    async #send(id, op, args) {
        const fresh = !this.#port;
        try {
            const port = await (this.#port ??= this.#spawn(op === 'open'));
            // A fresh worker got it with everything else that is pending.
            if ((fresh && op !== 'open') || !this.#pending.has(id))
                return;
            port.hold(true);
            // A page that was busy sends late.
            this.#pending.get(id).since = performance.now();
            port.post({ id, op, args });
        }
        catch (error) {
            const pending = this.#pending.get(id);
            this.#pending.delete(id);
            pending?.reject(error);
            this.#watch();
        }
    }
    /** Starts a worker; after the first one, it opens the file again and asks what is pending. */
    async #spawn(first) {
        let port;
        try {
            port = await spawn({ message: (message) => this.#take(message), failure: (why) => this.#failed(why) });
        }
        catch (cause) {
            this.#port = undefined;
            throw new RvfError('UNSUPPORTED', `a worker can not be started: ${cause instanceof Error ? cause.message : String(cause)}; open the file with run: 'inline', or allow workers from the page's own origin (worker-src 'self')`, { cause });
        }
        if (!first) {
            const id = this.#next++;
            this.#pending.set(id, {
                op: 'open', args: undefined, since: performance.now(), onProgress: undefined, over: false, resolve: () => undefined,
                // What can't be opened again answers nothing; the next request tries once more.
                reject: (error) => {
                    this.#drop();
                    this.#end(error);
                },
            });
            port.post({ id, op: 'open', args: this.#opening() });
            for (const [pendingId, { op, args }] of this.#pending)
                if (op !== 'open')
                    port.post({ id: pendingId, op, args });
        }
        return port;
    }
    #take(message) {
        const started = this.#heard === undefined;
        this.#heard = performance.now();
        if (started)
            this.#watch();
        if ('pulse' in message)
            return;
        if ('kernel' in message)
            this.#kernel = message.kernel;
        else if ('ranges' in message)
            void this.#read(message.read, message.ranges);
        else if ('stop' in message)
            this.#reads.get(message.stop)?.abort();
        else {
            const pending = this.#pending.get(message.id);
            if ('progress' in message)
                return pending?.onProgress?.(message.progress);
            if (message.traffic)
                this.#now = message.traffic;
            this.#pending.delete(message.id);
            if ('error' in message)
                pending?.reject(errorOf(message.error));
            else
                pending?.resolve(message.value);
            this.#watch();
        }
    }
    /** Reads for the worker. */
    async #read(read, ranges) {
        const abort = new AbortController(), reader = this.options.reader;
        this.#reads.set(read, abort);
        let answer;
        try {
            // Copies: a view of what the reader keeps must not be sent with all that is around it.
            answer = { read, parts: (await reader.read(ranges, abort.signal)).map((part) => part.slice()), traffic: reader.traffic() };
        }
        catch (error) {
            answer = { read, error: noteOf(error), traffic: reader.traffic() };
        }
        this.#reads.delete(read);
        const port = await this.#port?.catch(() => undefined);
        port?.post(answer, answer.parts?.map((part) => part.buffer));
    }
    /** Has a timer look when the worker could have been silent for too long; one that runs already looks early enough. */
    #watch() {
        if (this.#pending.size === 0) {
            this.#rest();
            void this.#port?.then((port) => port.hold(false), () => undefined);
            return;
        }
        if (this.#timer === undefined && this.options.timeoutMs !== Infinity && this.#heard !== undefined)
            this.#look(Math.max(0, this.#left()) + 1, false);
    }
    #rest() {
        clearTimeout(this.#timer);
        this.#timer = undefined;
    }
    /** Milliseconds until the worker has been silent for too long. */
    #left() {
        const [oldest] = this.#pending.values();
        return Math.max(oldest.since, this.#heard) + this.options.timeoutMs - performance.now();
    }
    /**
     * Looks in so many milliseconds. A page that is busy hears nothing, though its worker speaks: so a silence counts only once the
     * page had a moment to take what stands in its queue, and not if it was held up itself.
     */
    #look(wait, last) {
        const ms = Math.min(wait, 2 ** 31 - 1), due = performance.now() + ms;
        this.#timer = setTimeout(() => {
            this.#timer = undefined;
            if (performance.now() - due > LATE)
                this.#heard = performance.now();
            if (this.#left() > 0)
                this.#watch();
            else if (last)
                this.#silent();
            else
                this.#look(MOMENT, true);
        }, ms);
    }
    /** A module holds the worker: it is ended, and what it was asked for fails. */
    #silent() {
        const [id, blamed] = [...this.#pending].find(([, { op }]) => op === 'open') ?? [...this.#pending].find(([, { op }]) => op === 'search' || op === 'batch') ?? [...this.#pending][0];
        const doing = blamed.op === 'open' ? 'to open the file' : 'to answer';
        this.#drop();
        for (const [pendingId, { over }] of this.#pending)
            if (over || pendingId === id)
                this.#pending.delete(pendingId);
        blamed.reject(new RvfError('TIMEOUT', `${this.#kernel} took more than ${this.options.timeoutMs} ms ${doing} and was ended; raise timeoutMs if it is slow and not stuck`));
        if (this.#pending.size > 0 && !this.#closed)
            this.#restart();
    }
    #restart() {
        const now = performance.now();
        for (const pending of this.#pending.values())
            pending.since = now;
        this.#port = this.#spawn(false);
        this.#port.then((port) => port.hold(true), (error) => this.#end(error));
        this.#watch();
    }
    /** Ends the worker. */
    #drop() {
        void this.#port?.then((port) => port.terminate(), () => undefined);
        this.#port = undefined;
        this.#heard = undefined;
        this.#rest();
        this.#before = this.traffic();
        this.#now = { requests: 0, bytes: 0, rounds: 0 };
        for (const read of this.#reads.values())
            read.abort();
        this.#reads.clear();
    }
    #failed(why) {
        if (this.#closed)
            return;
        const hint = this.#heard === undefined ? '; if workers are not allowed here, open the file with run: \'inline\'' : '';
        this.#drop();
        this.#end(new RvfError('UNSUPPORTED', `the worker that runs the file's code failed: ${why}${hint}`));
    }
    /** Everything that is pending fails. */
    #end(error) {
        const all = [...this.#pending.values()];
        this.#pending.clear();
        this.#rest();
        for (const { op, args, reject } of all)
            if (op !== 'open' || args !== undefined)
                reject(error);
    }
    close() {
        if (this.#closed)
            return;
        this.#closed = true;
        this.#drop();
        this.#end(closed());
    }
}
export const closed = () => new RvfError('CLOSED', 'the file was closed; open it again');
