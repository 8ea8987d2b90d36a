// The service worker: the page works offline after the first visit, and a new version never changes one that is open.
import { byId, h } from './dom.js';
export function wireInstall() {
    const button = byId('install');
    let prompt;
    addEventListener('beforeinstallprompt', (event) => {
        event.preventDefault();
        prompt = event;
        button.hidden = false;
    });
    button.addEventListener('click', () => {
        void prompt?.prompt();
        button.hidden = true;
    });
    addEventListener('appinstalled', () => (button.hidden = true));
}
export async function registerWorker() {
    const workers = navigator.serviceWorker;
    // Missing in some private windows, and where a page is not served securely: then it works, online.
    if (!workers)
        return;
    try {
        const registration = await workers.register('sw.js', { updateViaCache: 'none' });
        watchUpdates(registration);
        await workers.ready;
        byId('offline').hidden = false;
        document.documentElement.dataset['offline'] = 'ready';
    }
    catch (error) {
        // The page works without it; it is only not there when the network is not.
        console.warn('This page will not work offline: its service worker could not be set up.', error);
    }
}
/** A new version waits until the person asks for it. */
function watchUpdates(registration) {
    const offer = () => {
        const { waiting } = registration;
        if (!waiting || !navigator.serviceWorker.controller)
            return;
        const button = h('button', { type: 'button', onclick: () => change(waiting) }, 'Reload');
        byId('update').replaceChildren(h('span', {}, 'A new version of this page is ready. Reloading closes the open file.'), button);
    };
    offer();
    registration.addEventListener('updatefound', () => {
        registration.installing?.addEventListener('statechange', offer);
    });
}
function change(waiting) {
    const channel = new MessageChannel();
    channel.port1.onmessage = ({ data }) => {
        if (data === 'busy')
            byId('update').replaceChildren(h('span', {}, 'This page is open in another tab too. Close it there, then reload here.'));
    };
    navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
    waiting.postMessage('take over', [channel.port2]);
}
