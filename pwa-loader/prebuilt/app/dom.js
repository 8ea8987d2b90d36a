// Making elements. Text goes in as text, never as HTML, and what comes from a file is made visible and harmless first.
/** An element. An attribute that is false or missing is left out; one that starts with `on` is a listener. */
export function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (value === undefined || value === false)
            continue;
        if (typeof value === 'function')
            element.addEventListener(name.slice(2), value);
        else
            element.setAttribute(name, value === true ? '' : String(value));
    }
    element.append(...children.filter((child) => child !== false && child !== null && child !== undefined).map((child) => (typeof child === 'number' ? String(child) : child)));
    return element;
}
/** The element of an id that the page's own HTML has. */
export function byId(id) {
    const element = document.getElementById(id);
    if (!element)
        throw new Error(`the page has no element ${id}`);
    return element;
}
/** An icon of `icons/ui.svg`; it says nothing that the text beside it does not say. */
export function icon(name) {
    const space = 'http://www.w3.org/2000/svg';
    const svg = document.createElementNS(space, 'svg'), use = document.createElementNS(space, 'use');
    svg.setAttribute('class', 'icon');
    svg.setAttribute('aria-hidden', 'true');
    use.setAttribute('href', `icons/ui.svg#${name}`);
    svg.append(use);
    return svg;
}
// Control characters, separators, and the invisible ones, those that turn the direction of writing among them: what `rvf`
// neutralises too. The joiners U+200C and U+200D stay: scripts and emoji need them.
const UNSAFE = /[\p{Cc}\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;
const ESCAPES = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const LONGEST = 600;
/** Text from a file, with each character that could hide or reorder what is read written as an escape. */
export function neutral(text) {
    const shown = text.length > LONGEST ? `${text.slice(0, LONGEST).replace(/[\ud800-\udbff]$/, '')}… (${count(text.length)} characters)` : text;
    return shown.replace(UNSAFE, (c) => ESCAPES[c] ?? `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}
/** `1234567` as `1,234,567`. */
export const count = (n) => n.toLocaleString('en-US');
/** The number and its noun, with an s unless the number is 1. */
export const counted = (n, noun) => `${count(n)} ${noun}${n === 1 ? '' : 's'}`;
/** A size with three digits or so, in powers of 1,024. */
export function size(bytes) {
    if (bytes < 10240)
        return `${count(bytes)} B`;
    const units = ['KiB', 'MiB', 'GiB', 'TiB'];
    let value = bytes / 1024, unit = 0;
    for (; value >= 999.5 && unit < units.length - 1; unit++)
        value /= 1024;
    return `${value < 99.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}
/** Milliseconds as people say them. */
export function time(ms) {
    if (ms < 1)
        return `${ms.toFixed(2)} ms`;
    if (ms < 100)
        return `${ms.toFixed(1)} ms`;
    return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
/** A share in per cent. What is neither nothing nor all is not rounded to either. */
export function percent(share) {
    if (share > 0 && share < 0.0005)
        return '< 0.1 %';
    if (share < 1 && share >= 0.9995)
        return '> 99.9 %';
    return `${(share * 100).toFixed(1)} %`;
}
/** A recall with three digits; what is below 1 is not rounded up to it. */
export const recallText = (recall) => (recall < 1 ? Math.min(recall, 0.9999).toFixed(recall >= 0.9995 ? 4 : 3) : '1');
