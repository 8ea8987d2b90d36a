const isNode = () => typeof process !== 'undefined' && typeof process.versions?.node === 'string';
/** Whether there are workers here. A service worker, and some servers at the edge, have none. */
export const hasWorkers = () => typeof Worker === 'function' || isNode();
export async function spawn(events) {
    if (typeof Worker === 'function') {
        // A bundler knows this form, and takes the worker along.
        const worker = new Worker(new URL('../worker.js', import.meta.url), { type: 'module', name: 'rvf' });
        worker.addEventListener('message', ({ data }) => events.message(data));
        worker.addEventListener('error', (event) => {
            event.preventDefault();
            events.failure(event.message || 'its script can not be loaded');
        });
        // Bun has `ref` and `unref` as Node has; in a browser a worker keeps nobody waiting.
        const counted = worker;
        return {
            post: (message, transfer = []) => worker.postMessage(message, transfer),
            terminate: () => worker.terminate(),
            hold: (yes) => (yes ? counted.ref?.() : counted.unref?.()),
        };
    }
    const { Worker: Thread } = await import('node:worker_threads');
    const thread = new Thread(new URL('../worker.js', import.meta.url), { name: 'rvf' });
    let over = false;
    thread.on('message', (data) => events.message(data));
    thread.on('error', (error) => { over = true; events.failure(error instanceof Error ? error.message : String(error)); });
    thread.on('exit', (code) => { if (!over)
        events.failure(`it ended with code ${code}`); });
    return {
        post: (message, transfer = []) => thread.postMessage(message, transfer),
        terminate: () => {
            over = true;
            void thread.terminate();
        },
        hold: (yes) => (yes ? thread.ref() : thread.unref()),
    };
}
