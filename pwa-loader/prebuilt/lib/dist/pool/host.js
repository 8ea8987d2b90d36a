// The worker's side: opens the file that it is told of and answers what it is asked. One search at a time, in their order.
import { Core } from '../core.js';
import { errorOf, noteOf } from '../errors.js';
import { turn, whenAborted } from '../signals.js';
import { openSource } from '../source/open.js';
/** Milliseconds of searching after which the event loop gets a turn. */
const TURN = 100;
const NO_TRAFFIC = { requests: 0, bytes: 0, rounds: 0 };
/** Reads through the page, which has the `fetch` that its user gave. */
class ProxySource {
    length;
    gap;
    most;
    remote;
    send;
    whole = undefined;
    #traffic = NO_TRAFFIC;
    #next = 0;
    #waiting = new Map();
    constructor(length, gap, most, remote, send) {
        this.length = length;
        this.gap = gap;
        this.most = most;
        this.remote = remote;
        this.send = send;
    }
    read(ranges, signal) {
        signal?.throwIfAborted();
        const read = this.#next++;
        return new Promise((resolve, reject) => {
            const release = whenAborted(signal, () => {
                if (!this.#waiting.delete(read))
                    return;
                this.send({ stop: read });
                reject(signal.reason);
            });
            this.#waiting.set(read, { resolve, reject, release });
            this.send({ read, ranges });
        });
    }
    answer(message) {
        this.#traffic = message.traffic;
        const waiting = this.#waiting.get(message.read);
        this.#waiting.delete(message.read);
        waiting?.release();
        if (message.parts)
            waiting?.resolve(message.parts);
        else
            waiting?.reject(errorOf(message.error));
    }
    traffic() {
        return this.#traffic;
    }
    async close() { }
}
class Host {
    send;
    #core;
    #proxy;
    #searches = Promise.resolve();
    #pulse;
    #every = 250;
    #running = new Map();
    constructor(send) {
        this.send = send;
    }
    /** Says that the worker is there: from now on its silence means something. */
    start() {
        this.send({ pulse: true });
    }
    take(message) {
        if ('cancel' in message)
            this.#running.get(message.cancel)?.abort();
        else if ('read' in message)
            this.#proxy?.answer(message);
        else
            void this.#answer(message.id, message.op, message.args);
    }
    async #answer(id, op, args) {
        const abort = new AbortController();
        this.#running.set(id, abort);
        if (op === 'open')
            this.#every = args.pulse;
        this.#pulse ??= setInterval(() => this.send({ pulse: true }), this.#every);
        try {
            const value = await this.#run(id, op, args, abort.signal);
            this.send({ id, value, traffic: await this.#traffic() });
        }
        catch (error) {
            this.send({ id, error: noteOf(error), traffic: await this.#traffic() });
        }
        this.#running.delete(id);
        if (this.#running.size === 0) {
            clearInterval(this.#pulse);
            this.#pulse = undefined;
        }
    }
    async #traffic() {
        const core = await this.#core?.catch(() => undefined);
        return core?.traffic() ?? NO_TRAFFIC;
    }
    #run(id, op, args, signal) {
        const progress = (progress) => this.send({ id, progress });
        switch (op) {
            case 'open': return (this.#core = this.#open(args, signal, progress)).then((core) => core.info());
            case 'search': return this.#queue(async () => (await this.#core).search(args, signal));
            case 'batch': return this.#queue(async () => this.#batch(await this.#core, args, signal));
            case 'get': return this.#core.then((core) => core.get(args, signal));
            case 'row': return this.#core.then((core) => core.row(args, signal));
            case 'verify': return this.#core.then((core) => core.verify({ signal, onProgress: progress }));
        }
    }
    #queue(run) {
        const result = this.#searches.then(run);
        this.#searches = result.catch(() => undefined);
        return result;
    }
    async #batch(core, wishes, signal) {
        const answers = [];
        let since = performance.now();
        for (const wish of wishes) {
            signal.throwIfAborted();
            answers.push(await core.search(wish, signal));
            if (performance.now() - since < TURN)
                continue;
            await turn();
            since = performance.now();
        }
        return answers;
    }
    async #open({ source, options }, signal, onProgress) {
        let bytes;
        if (source.kind === 'proxy')
            bytes = this.#proxy = new ProxySource(source.length, source.gap, source.most, source.remote, this.send);
        else
            bytes = await openSource(source, { signal, onProgress });
        return Core.open(bytes, options, signal, (kernel) => this.send({ kernel }));
    }
}
/** Attaches the host to the thread that it runs on: a web worker's global scope, or Node's port to its parent. */
export async function serve() {
    const scope = globalThis;
    if (typeof scope.postMessage === 'function' && typeof scope.addEventListener === 'function') {
        const host = new Host((message, transfer = []) => scope.postMessage(message, transfer));
        scope.addEventListener('message', ({ data }) => host.take(data));
        host.start();
        return;
    }
    const { parentPort } = await import('node:worker_threads');
    const host = new Host((message, transfer = []) => parentPort.postMessage(message, transfer));
    parentPort.on('message', (data) => host.take(data));
    host.start();
}
