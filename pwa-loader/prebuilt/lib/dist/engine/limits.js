const MOST_A_ROW = 64 << 10;
/** Bytes of the blocks that ranges touch: a range of one byte makes the host read and check a whole block. */
export function touched(spans) {
    let bytes = 0;
    for (const { segment, from, length } of spans)
        bytes += (Math.floor((from + length - 1) / segment.block) - Math.floor(from / segment.block) + 1) * segment.block;
    return bytes;
}
/**
 * Bytes of blocks that one query may touch. Our kernel takes each region once, or twice where it comes upon a vector by a second
 * entry; single records cost up to two blocks each, and large blocks count whole only for the few that are taken in any order.
 * The sum is allowed twice over.
 */
export function feedLimit({ segments, manifest }, plan, k) {
    const pool = plan.exact ? k : Math.max(plan.pool, plan.probes === 0 ? manifest.lists : Math.min(plan.probes, manifest.lists));
    let data = 0, block = 0;
    for (const segment of segments) {
        data += segment.length;
        block = Math.max(block, segment.block);
    }
    const rows = 2 * manifest.rows + manifest.lists;
    return 4 * data + rows * Math.min(2 * block, MOST_A_ROW) + (Math.max(pool, k) + 64) * 2 * block + (1 << 20);
}
