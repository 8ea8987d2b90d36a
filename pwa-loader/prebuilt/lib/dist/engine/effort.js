// How hard to search (R-MAN-8, and what `rvf` does with a filter): the same choice as in rvf-types/src/manifest/plan.rs, so that the same
// request gets the same answer everywhere.
import { request } from '../errors.js';
import { MAX_K, MAX_LISTS } from '../format/layout.js';
import { RvfError } from '../errors.js';
const DEFAULT_RECALL = 0.95;
/** Where neither the request nor the file says any: a slack that loses next to nothing. */
const UNMEASURED_SLACK = 3;
/** What an integer distance costs, in codes: the unit of `cost`. */
const DISTANCE = 8;
const EXACT = { exact: true };
export const recallOf = ({ hits, total }) => hits / total;
/** The recall that is aimed at where none is asked for. */
export function usualRecall(properties) {
    const text = properties['rvf.recall'];
    // A decimal number, as `rvf` reads it: not everything that JavaScript takes for one.
    const value = text !== undefined && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
    return value > 0 && value <= 1 ? value : DEFAULT_RECALL;
}
/** The entry that answers a wish for `recall` at k hits; the file's ceiling where none does; nothing where none was measured. */
export function choose(manifest, k, recall) {
    const { efforts, vectors } = manifest;
    if (efforts.length === 0)
        return undefined;
    const listed = (efforts.find((effort) => effort.k >= k) ?? efforts.at(-1)).k;
    // In ascending order of k, and of recall for one k (R-MAN-8).
    let at = efforts.findIndex((effort) => effort.k === listed);
    while (recallOf(efforts[at]) < recall && efforts[at + 1]?.k === listed)
        at++;
    const effort = efforts[at];
    return { effort: { ...effort, pool: vectors === 0 ? k : Math.max(effort.pool, k) }, reached: recallOf(effort) >= recall };
}
/** The plan for `k` hits, its pool with room for `hits` (one more where a row is left out); of the rows `live` count if there is a filter. */
export function planFor(manifest, usual, wish, k, hits, live) {
    const plan = planForHits(manifest, usual, wish, k, live);
    return plan.exact ? plan : { ...plan, pool: manifest.vectors === 0 ? hits : Math.min(Math.max(plan.pool, hits), MAX_K) };
}
function planForHits(manifest, usual, wish, k, live) {
    const { recall, probes, exact, slack, pool } = wish;
    const byHand = probes !== undefined || slack !== undefined || pool !== undefined;
    if (Number(recall !== undefined) + Number(byHand) + Number(exact === true) > 1)
        throw request('a search takes one of `recall`, `probes` (with `slack` and `pool`) and `exact`');
    if (exact)
        return EXACT;
    if (byHand)
        return planByHand(manifest, usual, wish, k);
    if (recall !== undefined && !(recall >= 0 && recall <= 1))
        throw request(`recall is a number from 0 to 1, not ${recall}`);
    const wanted = recall ?? usual, choice = choose(manifest, k, wanted);
    if (choice?.reached)
        return planned(manifest, choice.effort, k, wanted, live);
    if (recall === undefined)
        return EXACT;
    const ceiling = choice ? `this file reaches ${recallOf(choice.effort).toFixed(3)} at k = ${choice.effort.k}` : 'the recall of this file was not measured';
    throw new RvfError('REQUEST', `a recall of ${recall} is more than the file was measured to reach: ${ceiling}. Ask for less, search with \`exact\`, or pack it with --vectors f16 or f32`);
}
function planByHand(manifest, usual, wish, k) {
    const base = choose(manifest, k, usual)?.effort ?? { probes: 0, slack: UNMEASURED_SLACK, pool: 4 * k };
    const probes = wish.probes ?? base.probes, slack = wish.slack ?? base.slack, pool = wish.pool ?? base.pool;
    if (!(Number.isInteger(probes) && probes >= 0 && probes <= MAX_LISTS))
        throw request(`probes is a whole number from 0 (all lists) to ${MAX_LISTS}, not ${probes}`);
    if (!(slack >= 0 && slack <= 16))
        throw request(`slack is a number from 0 to 16, not ${slack}`);
    if (!(Number.isInteger(pool) && pool >= 0))
        throw request(`pool is a whole number, not ${pool}`);
    return { exact: false, probes, slack: Math.fround(slack), pool: manifest.vectors === 0 ? k : Math.min(Math.max(pool, k), MAX_K) };
}
function planned(manifest, effort, k, recall, live) {
    // More hits than any effort was measured for stand in more lists, as if few of the rows counted.
    const counted = live ?? (k > effort.k && manifest.lists > 1 ? manifest.rows : undefined);
    if (counted !== undefined)
        return filtered(manifest, effort, k, recall, counted);
    return { exact: false, probes: Math.min(effort.probes, MAX_LISTS), slack: effort.slack, pool: Math.min(effort.pool, MAX_K), recall: recallOf(effort) };
}
/**
 * If a share s of the rows passes the filter, the k nearest that do are among the k / s nearest of all, more or less. So the effort
 * is that for k / s hits, its probes growing with k / s beyond the largest k that was measured; and the lists visited must hold
 * enough that passes. Where comparing all that passes is not dearer, that is done.
 */
function filtered(manifest, effort, k, recall, live) {
    const { rows, lists, vectors } = manifest, divisor = Math.max(live, 1);
    const widened = Math.ceil((k * rows) / divisor), far = Math.min(widened, 2 ** 32 - 1);
    const wide = choose(manifest, far, recall)?.effort ?? effort;
    let probes = wide.probes === 0 ? lists : Math.min(wide.probes, lists);
    probes = Math.min(lists, Math.max(probes, Math.ceil((probes * widened) / Math.max(wide.k, 1)), Math.ceil((4 * k * lists) / divisor)));
    const distance = DISTANCE * [1, 2, 4][vectors], exactCost = live * distance + Math.floor(rows / 32);
    const codedCost = (lists > 1 ? lists : 0) + Math.floor((rows * probes) / lists) + wide.ranked * DISTANCE;
    if (exactCost <= codedCost)
        return EXACT;
    return { exact: false, probes: probes < lists ? probes : 0, slack: Math.max(wide.slack, effort.slack), pool: Math.min(effort.pool, MAX_K) };
}
