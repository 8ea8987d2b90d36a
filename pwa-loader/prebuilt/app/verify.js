import { count, counted, h, icon, neutral, size, time } from './dom.js';
import { progressBar } from './opening.js';
import { isAbort, problem } from './problem.js';
const MOST_SHOWN = 50;
export function verifyView(file) {
    let task;
    const area = h('div', { class: 'verdict' });
    const status = h('p', { class: 'sr-only', role: 'status' });
    const button = h('button', { type: 'button', onclick: () => void press() }, icon('check'), h('span', {}, 'Verify'));
    const label = button.lastElementChild;
    async function press() {
        if (task)
            return task.abort(new DOMException('The check was ended.', 'AbortError'));
        task = new AbortController();
        const bar = progressBar('Verifying');
        area.replaceChildren(bar.element);
        label.textContent = 'Stop';
        status.textContent = 'Verifying every byte.';
        try {
            const verdict = await file.verify({ signal: task.signal, onProgress: bar.update });
            area.replaceChildren(told(verdict));
            status.textContent = verdict.ok ? 'Verified: no fault was found.' : `Verified: ${counted(verdict.faults.length, 'fault')} found.`;
        }
        catch (error) {
            area.replaceChildren(isAbort(error) ? h('p', { class: 'quiet' }, 'The check was stopped before its end.') : problem(error));
            status.textContent = '';
        }
        finally {
            task = undefined;
            label.textContent = 'Verify';
        }
    }
    return h('section', { class: 'card verify' }, h('div', { class: 'row' }, h('h2', {}, 'Is it whole?'), button), h('p', { class: 'quiet' }, 'Checks every byte against its digest, and every rule of the format.'), area, status);
}
function told(verdict) {
    const notes = verdict.warnings.length > 0 && h('ul', {}, ...verdict.warnings.map((text) => h('li', {}, h('bdi', {}, neutral(text)))));
    const cost = `${size(verdict.bytes)} in ${time(verdict.ms)}`;
    if (verdict.ok)
        return h('div', { class: 'good' }, icon('check'), h('div', {}, h('p', {}, h('strong', {}, 'Nothing is damaged. '), `Every byte was checked: ${cost}.`), notes));
    const faults = verdict.faults.slice(0, MOST_SHOWN).map((fault) => h('li', {}, ...words(fault)));
    const more = verdict.faults.length - faults.length;
    return h('div', { class: 'bad' }, icon('warning'), h('div', {}, h('p', {}, h('strong', {}, `${counted(verdict.faults.length, 'fault')} found. `), `Checked ${cost}. Searches that need a damaged part end in an error; the others are right.`), h('ul', {}, ...faults, more > 0 && h('li', {}, `and ${count(more)} more`)), notes));
}
/** A fault: the rule, the place, and what is wrong. A message that tells rule and place itself, and advice, is cut to what it is about. */
function words({ rule, offset, message }) {
    const at = offset === undefined ? '' : ` at byte ${count(offset)}`;
    const about = message.split(` (${rule})`)[0]?.replace(/, at byte \d+ of the file$/u, '') ?? message;
    return [h('code', {}, neutral(rule)), `${at}: `, h('bdi', {}, neutral(about))];
}
