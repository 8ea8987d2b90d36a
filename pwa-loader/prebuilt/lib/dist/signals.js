// Two reasons to stop, as one.
/** A signal that is aborted when one of two is; `AbortSignal.any` where there is one, which not every Node 20 has. */
export function either(a, b) {
    if (!a || !b || a === b)
        return a ?? b;
    if (typeof AbortSignal.any === 'function')
        return AbortSignal.any([a, b]);
    const both = new AbortController();
    for (const signal of [a, b]) {
        if (signal.aborted)
            both.abort(signal.reason);
        else
            signal.addEventListener('abort', () => both.abort(signal.reason), { once: true, signal: both.signal });
    }
    return both.signal;
}
/** Lets the event loop turn, so that timers, messages and aborts get their chance. */
export const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
