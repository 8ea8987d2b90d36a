import { h, neutral, percent, size } from './dom.js';
/** A bar for a long task. It appears after a moment, so that a short task does not flicker. */
export function progressBar(label) {
    const bar = h('progress', { 'aria-label': label });
    const text = h('span', { class: 'quiet' });
    const update = ({ done, total }) => {
        if (total) {
            bar.max = total;
            bar.value = Math.min(done, total);
        }
        text.textContent = total ? `${size(done)} of ${size(total)}, ${percent(Math.min(1, done / total))}` : size(done);
    };
    return { element: h('div', { class: 'progress' }, bar, text), update };
}
/** The screen while a file is being opened. */
export function openingView(name, cancel) {
    const bar = progressBar('Opening');
    const element = h('section', { class: 'card opening', 'aria-busy': 'true' }, h('h1', { class: 'name', tabindex: -1 }, 'Opening ', h('bdi', {}, neutral(name))), bar.element, h('p', {}, h('button', { type: 'button', onclick: cancel }, 'Cancel')));
    return { element, update: bar.update };
}
