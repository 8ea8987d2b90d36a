import { count, h, icon, neutral, percent, recallText, size } from './dom.js';
import { usual } from './efforts.js';
import { engineName, segmentName } from './words.js';
/** Kinds that have a colour of their own; all others share the last one. */
const COLOURED = ['VEC', 'QUANT', 'INDEX', 'IDS', 'WASM', 'DIGEST', 'ORDER'];
export function aboutView(info) {
    return h('div', { class: 'card parts' }, h('h2', {}, 'What it is made of'), segments(info.segments, info.bytes), h('h3', {}, 'The code in it'), h('ul', { class: 'kernels' }, ...info.kernels.map(kernel)), h('p', { class: 'engine' }, 'Answers come from ', h('strong', {}, engineName(info.engine)), '.', info.engineReason ? ` ${neutral(info.engineReason)}` : ''), h('dl', { class: 'pairs' }, ...facts(info).flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])), info.efforts.length > 0 && efforts(info), properties(info.properties));
}
function facts(info) {
    const kept = { i8: 'one byte a component', f16: 'f16, two bytes a component', f32: 'f32, four bytes a component' }[info.vectors];
    const ids = { none: 'none: rows are numbered', u64: '64-bit numbers', text: 'text' }[info.idKind];
    return [
        ['Vectors kept as', kept],
        ['Ids', ids],
        ['Lists', info.lists === 1 ? 'one, searched whole' : count(info.lists)],
        ['Usual recall', recallText(info.usualRecall)],
        ['Bytes a vector', (info.bytes / info.rows).toFixed(1)],
        ['Generation', count(info.generation)],
        ['In memory', info.residency === 'resident' ? 'whole' : 'the parts that searches needed'],
    ];
}
/** The kinds of segments, by the room that they take, as one bar and its legend. */
function segments(all, total) {
    const kinds = new Map();
    for (const { type, bytes } of all) {
        const kind = kinds.get(type) ?? { bytes: 0, number: 0 };
        kinds.set(type, { bytes: kind.bytes + bytes, number: kind.number + 1 });
    }
    const sorted = [...kinds].sort((a, b) => b[1].bytes - a[1].bytes);
    const whole = Math.max(1, total, sorted.reduce((sum, [, { bytes }]) => sum + bytes, 0));
    const colour = (type) => `part-${COLOURED.includes(type) ? type.toLowerCase() : 'other'}`;
    const bar = h('div', { class: 'segments', 'aria-hidden': 'true' }, ...sorted.map(([type, { bytes }]) => {
        const part = h('span', { class: colour(type) });
        part.style.flexGrow = String(bytes / whole);
        return part;
    }));
    const legend = h('ul', { class: 'legend' }, ...sorted.map(([type, { bytes, number }]) => h('li', {}, h('span', { class: `swatch ${colour(type)}`, 'aria-hidden': 'true' }), h('span', { class: 'kind' }, h('strong', {}, neutral(type)), number > 1 ? ` × ${count(number)} ` : ' ', h('span', { class: 'quiet' }, segmentName(type))), h('span', { class: 'amount' }, size(bytes), h('span', { class: 'quiet' }, ` ${percent(bytes / whole)}`)))));
    return h('div', {}, bar, legend);
}
function kernel({ role, features, bytes, hash, known, chosen }) {
    return h('li', {}, h('p', {}, h('strong', {}, neutral(role)), ` ${features.length > 0 ? features.map(neutral).join(', ') : 'no features beyond the first WebAssembly'}, ${size(bytes)}`), h('p', { class: 'badges' }, chosen && h('span', { class: 'badge answers' }, icon('check'), 'answers'), known ? h('span', { class: 'badge' }, 'known by its hash') : h('span', { class: 'badge unknown' }, icon('warning'), 'not known: only its maker can vouch for it')), h('p', { class: 'hash' }, h('span', { class: 'quiet' }, 'SHAKE-256 '), h('code', {}, neutral(hash))));
}
function efforts(info) {
    const rows = usual(info.efforts);
    return h('details', {}, h('summary', {}, 'Recall, as measured when it was packed'), h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Measured recall' }, h('table', { class: 'efforts' }, h('thead', {}, h('tr', {}, ...['Hits', 'Recall', 'Lists', 'Looked at'].map((name) => h('th', { scope: 'col' }, name)))), h('tbody', {}, ...rows.map((effort) => h('tr', {}, h('td', {}, count(effort.k)), h('td', {}, recallText(effort.recall)), h('td', {}, effort.probes === 0 ? 'all' : count(effort.probes)), h('td', {}, count(Math.round(effort.scanned)))))))));
}
function properties(all) {
    const pairs = Object.entries(all);
    if (pairs.length === 0)
        return false;
    return h('details', {}, h('summary', {}, `Properties (${count(pairs.length)})`), h('dl', { class: 'pairs' }, ...pairs.flatMap(([name, value]) => [h('dt', {}, h('bdi', {}, neutral(name))), h('dd', {}, h('bdi', {}, neutral(value)))])));
}
