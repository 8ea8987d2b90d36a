const HAS_MAX = 1;
/** The module with at most `pages` pages of memory, of which it has at least `facts.minPages` (its caller has checked that they fit). */
export function capped(code, { memory, minPages, maxPages }, pages) {
    if (!memory)
        return code;
    const { lengthAt, bodyAt, bodyEnd, limitsAt, limitsEnd, flags } = memory;
    const limits = Uint8Array.from([flags | HAS_MAX, ...leb(minPages), ...leb(Math.min(maxPages ?? pages, pages))]);
    const length = Uint8Array.from(leb(limitsAt - bodyAt + limits.length + bodyEnd - limitsEnd));
    const parts = [code.subarray(0, lengthAt), length, code.subarray(bodyAt, limitsAt), limits, code.subarray(limitsEnd)];
    const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
        out.set(part, at);
        at += part.length;
    }
    return out;
}
/** An unsigned number below 2³¹ as LEB128. */
function leb(value) {
    const out = [];
    for (; value >= 128; value >>>= 7)
        out.push((value & 127) | 128);
    return [...out, value];
}
