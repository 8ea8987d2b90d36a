// The first screen: what this is, and the ways to open a file.
import { byId, h, icon } from './dom.js';
import { ofAddress, ofFile } from './source.js';
/** Wires the first screen, whose HTML stands in the page itself, so that it is there before any script is. */
export function wireStart(open) {
    const input = byId('pick-file');
    const address = byId('address');
    const wrong = byId('start-wrong');
    const say = (what) => {
        wrong.replaceChildren(...(what ? [icon('warning'), h('span', {}, what)] : []));
    };
    input.addEventListener('change', () => {
        const file = input.files?.[0];
        // So that the same file can be picked again.
        input.value = '';
        if (file)
            open(ofFile(file));
    });
    byId('pick').addEventListener('click', () => input.click());
    byId('address-form').addEventListener('submit', (event) => {
        event.preventDefault();
        const picked = ofAddress(address.value);
        const bad = typeof picked === 'string';
        address.setAttribute('aria-invalid', String(bad));
        say(bad ? picked : '');
        if (bad)
            address.focus();
        else
            open(picked);
    });
    address.addEventListener('input', () => address.removeAttribute('aria-invalid'));
    return { say };
}
