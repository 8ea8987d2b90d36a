import { count, counted, h, neutral, recallText, size, time } from './dom.js';
import { engineName } from './words.js';
/** More rows than anybody reads make a page slow; they are shown when they are asked for. */
const AT_ONCE = 200;
/** `traffic`: of a file that is read over the network, what was read of it so far. */
export function hitsView(answer, what, info, traffic, like) {
    const { hits, stats } = answer;
    const numbered = info.idKind === 'none';
    const farthest = hits.at(-1)?.distance ?? 0, nearest = hits[0]?.distance ?? 0;
    // Distances start at nothing, but for inner products, which have no such point.
    const from = nearest < 0 ? nearest : 0, span = farthest - from;
    const body = h('tbody', {});
    const rows = hits.map(({ row, id, distance }, index) => () => {
        const bar = h('span', { class: 'bar' });
        const share = Number.isFinite(span) && span > 0 ? (distance - from) / span : 0;
        bar.style.width = `${Math.max(1.5, Math.min(100, share * 100))}%`;
        const name = numbered ? `row ${count(row)}` : neutral(String(id)) || '(empty id)';
        return h('tr', { 'data-row': row, 'data-distance': distance }, h('td', { class: 'rank' }, index + 1), h('th', { scope: 'row' }, h('button', { type: 'button', class: 'hit', title: 'Find its neighbours', onclick: () => like(id) }, h('bdi', {}, name))), h('td', { class: 'distance' }, h('span', { class: 'bars', 'aria-hidden': 'true' }, bar), h('span', { class: 'number' }, shown(distance))), !numbered && h('td', { class: 'rownumber' }, count(row)));
    });
    let next = 0;
    const more = h('button', { type: 'button', onclick: () => add() });
    const add = () => {
        body.append(...rows.slice(next, next + AT_ONCE).map((make) => make()));
        next = Math.min(rows.length, next + AT_ONCE);
        more.hidden = next >= rows.length;
        more.textContent = `Show ${count(Math.min(AT_ONCE, rows.length - next))} more of ${count(rows.length)}`;
    };
    add();
    const head = h('tr', {}, h('th', { scope: 'col', class: 'rank' }, h('span', { class: 'sr-only' }, 'Rank')), h('th', { scope: 'col' }, numbered ? 'Row' : 'Id'), h('th', { scope: 'col', class: 'distance' }, 'Distance'), !numbered && h('th', { scope: 'col', class: 'rownumber' }, 'Row'));
    const facts = [
        engineName(stats.engine),
        stats.recall === undefined ? undefined : stats.recall === 1 ? 'exact or as good' : `recall ${recallText(stats.recall)} when packed`,
        stats.scanned > 0 ? `${count(stats.scanned)} looked at` : undefined,
        `${count(stats.ranked)} compared`,
        traffic && (stats.bytesRead > 0 ? `${size(stats.bytesRead)} read in ${counted(stats.rounds, 'round')}` : 'nothing more read'),
        traffic && `${size(traffic.bytes)} since it was opened`,
    ].filter((fact) => fact !== undefined);
    const table = h('div', { class: 'card hits' }, h('table', {}, h('caption', { tabindex: -1 }, h('bdi', {}, what)), h('thead', {}, head), body), hits.length === 0 && h('p', { class: 'empty' }, 'Nothing was found.'), h('p', { class: 'more' }, more), h('ul', { class: 'facts stats' }, ...facts.map((fact) => h('li', {}, fact))));
    const first = hits[0];
    const summary = first ? `${counted(hits.length, 'hit')} in ${time(stats.ms)}, nearest ${numbered ? `row ${count(first.row)}` : neutral(String(first.id))}` : `No hits, in ${time(stats.ms)}`;
    return { table, summary };
}
/** Five digits behind the point, or more powers of ten where that shows nothing. */
function shown(distance) {
    const size = Math.abs(distance);
    if (distance === 0)
        return '0';
    if (!Number.isFinite(distance))
        return distance > 0 ? '∞' : '−∞';
    if (size >= 1e6 || size < 1e-4)
        return distance.toExponential(3).replace('-', '−');
    return distance.toFixed(size >= 100 ? 2 : 5).replace('-', '−');
}
