// Reasons to stop: what happens when a signal is aborted, and what is run under two signals.
/** What waits for each signal. One listener serves all: engines take many listeners of one signal for a leak, and say so. */
const waiting = new WeakMap();
/** Has something run once when a signal is aborted; the function that comes back takes that back. Of an aborted signal nothing runs. */
export function whenAborted(signal, run) {
    if (!signal || signal.aborted)
        return () => undefined;
    let all = waiting.get(signal);
    if (!all) {
        waiting.set(signal, (all = new Set()));
        signal.addEventListener('abort', runAll, { once: true });
    }
    // A function of its own: what is asked for twice runs twice, and is taken back once.
    const once = () => run();
    all.add(once);
    return () => {
        if (!all.delete(once) || all.size > 0)
            return;
        waiting.delete(signal);
        signal.removeEventListener('abort', runAll);
    };
}
function runAll() {
    const all = waiting.get(this);
    waiting.delete(this);
    for (const run of all ?? []) {
        // As listeners of their own would: one that fails is told of, and the others run.
        try {
            run();
        }
        catch (error) {
            queueMicrotask(() => { throw error; });
        }
    }
}
/**
 * Runs something under a signal that is aborted when one of two is, and lets go of both then. (What `AbortSignal.any` gives is let
 * go of by the collector alone, and not every Node 20 has it.)
 */
export async function under(a, b, run) {
    if (!a || !b || a === b)
        return run(a ?? b);
    const both = new AbortController(), aborted = [a, b].find((signal) => signal.aborted);
    if (aborted)
        both.abort(aborted.reason);
    const releases = [a, b].map((signal) => whenAborted(signal, () => both.abort(signal.reason)));
    try {
        return await run(both.signal);
    }
    finally {
        for (const release of releases)
            release();
    }
}
/** Lets the event loop turn, so that timers, messages and aborts get their chance. */
export const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
