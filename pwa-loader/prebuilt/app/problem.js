import { h, icon, neutral } from './dom.js';
const WORDS = {
    FORMAT: { title: 'This file is damaged, or is not an .rvf file', advice: 'Get it again from where it came from; a download may have ended early. Nothing was answered from the damaged part.' },
    MODULE: { title: 'The code in this file did something it must not, and was stopped', advice: 'It ran in a sandbox, so nothing else was touched. Ask the maker of the file for a sound one, and do not rely on answers of this one.' },
    REQUEST: { title: 'This file can’t answer that', advice: 'Change the search and try again.' },
    SOURCE: { title: 'The file could not be read', advice: 'Look whether it is still there, and whether you are online if it comes from the web.' },
    CHANGED: { title: 'The file is no longer the one that was opened', advice: 'It was replaced where it is kept. Open it again to search the new one.' },
    UNSUPPORTED: { title: 'This browser can’t run what the file asks for', advice: 'Try a current version of Chrome, Edge, Firefox or Safari.' },
    TIMEOUT: { title: 'The search took too long and was stopped', advice: 'The code in the file may never end. Try a lower recall; if that takes as long, do not rely on this file.' },
    CLOSED: { title: 'The file is closed', advice: 'Open it again to go on.' },
};
const UNEXPECTED = { title: 'Something went wrong in this page', advice: 'Reload the page and try again. If it happens again, please report it with the text below.' };
/** The library's code of an error; of any other error nothing. */
export function codeOf(error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return typeof code === 'string' && code in WORDS ? code : undefined;
}
/** Whether somebody ended it on purpose. */
export const isAbort = (error) => error instanceof Error && error.name === 'AbortError';
const NO_RVF = { title: 'This is not an .rvf file', advice: 'Choose one whose name ends in .rvf; “rvf pack” makes them from vectors.' };
function wordsOf(error) {
    // Another file altogether: its first bytes begin no segment.
    if (error instanceof Error && 'rule' in error && error.rule === 'R-SEG-3' && 'offset' in error && error.offset === 0)
        return NO_RVF;
    if (error instanceof DOMException && (error.name === 'NotReadableError' || error.name === 'NotFoundError'))
        return WORDS.SOURCE;
    const code = codeOf(error);
    return code ? WORDS[code] : UNEXPECTED;
}
/** The error as a card. `actions` are buttons. */
export function problem(error, ...actions) {
    const { title, advice } = wordsOf(error);
    const message = neutral(error instanceof Error ? error.message : String(error));
    return h('section', { class: 'problem', role: 'alert', 'data-code': codeOf(error) ?? 'UNEXPECTED' }, icon('warning'), h('div', {}, h('h2', {}, title), h('p', {}, advice), h('p', { class: 'detail' }, h('bdi', {}, message)), actions.length > 0 && h('p', { class: 'actions' }, ...actions)));
}
