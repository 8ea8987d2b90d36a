// Not from the index, which brings the store too: this page opens files and makes none.
import { open } from '../lib/dist/file.js';
import { byId, h, neutral } from './dom.js';
import { fileView } from './file.js';
import { openingView } from './opening.js';
import { codeOf, isAbort, problem } from './problem.js';
import { ofAddress, takeDrops, takeLaunches } from './source.js';
import { wireStart } from './start.js';
const TITLE = document.title;
export class App {
    #stage = byId('stage');
    #start = byId('start');
    #say;
    #file;
    #search;
    /** What the page's address says of the open file; empty for one of this device. */
    #address = '';
    /** Ends what is being opened; its identity tells a late answer from one that is awaited. */
    #task;
    constructor() {
        const begin = (picked) => void this.open(picked);
        this.#say = wireStart(begin).say;
        takeDrops(begin, (why) => this.#refuse(why));
        takeLaunches(begin, (error) => this.#failed(error));
        byId('home').addEventListener('click', (event) => {
            event.preventDefault();
            void this.close();
        });
        addEventListener('popstate', () => this.#walked());
        this.#openFromAddress();
    }
    /** The back or forward button: to another search of the open file, another file, or the first screen. */
    #walked() {
        if (this.#file && location.search === this.#address)
            this.#search?.restore(location.hash);
        else if (location.search)
            this.#openFromAddress();
        else
            void this.#leave();
    }
    /** Opens what the page's own address names. */
    #openFromAddress() {
        const wanted = new URLSearchParams(location.search).get('file');
        if (wanted === null)
            return;
        const picked = ofAddress(wanted);
        if (typeof picked === 'string')
            this.#say(picked);
        else
            void this.open(picked, true);
    }
    /** `named`: the page's own address names it already. */
    async open(picked, named = false) {
        await this.#end();
        const task = new AbortController();
        this.#task = task;
        this.#keepAddress(picked, named);
        const view = openingView(picked.name, () => void this.close());
        this.#show(view.element, `Opening ${picked.name}`);
        try {
            const file = await open(picked.source, { signal: task.signal, onProgress: view.update });
            if (this.#task !== task)
                return await file.close();
            this.#file = file;
            const shown = fileView(file, picked, { close: () => void this.close(), reopen: () => void this.open(picked) });
            this.#search = shown.search;
            this.#show(shown.element, picked.name);
            if (location.hash)
                shown.search.restore(location.hash);
        }
        catch (error) {
            if (this.#task === task && !isAbort(error))
                this.#failed(error, picked);
        }
    }
    /** Back to the first screen. */
    async close() {
        if (location.search || location.hash)
            history.pushState(null, '', location.pathname);
        await this.#leave();
    }
    async #leave() {
        await this.#end();
        this.#stage.replaceChildren();
        this.#start.hidden = false;
        document.title = TITLE;
        byId('pick').focus();
    }
    /** Closes the open file, and ends what is being opened. */
    async #end() {
        this.#task?.abort(new DOMException('The page went on to something else.', 'AbortError'));
        this.#task = undefined;
        this.#say('');
        const file = this.#file;
        this.#file = undefined;
        this.#search = undefined;
        // Whatever state its module is in: what is closed is of no more interest.
        await file?.close().catch(() => undefined);
    }
    /** A file at an address stays in the page's own address, so that it can be kept and sent. */
    #keepAddress({ source }, named) {
        const wanted = source instanceof URL ? (source.origin === location.origin ? below(base(), source.pathname) + source.search : source.href) : '';
        const current = new URLSearchParams(location.search).get('file') ?? '';
        if (wanted !== current) {
            // Slashes and colons are clear as they are.
            const query = wanted ? `?file=${encodeURIComponent(wanted).replace(/%2F/gu, '/').replace(/%3A/gu, ':')}` : '';
            // An address that was spelled another way is no other file: a step back would lead to it, and from there here again.
            if (named)
                history.replaceState(null, '', `${location.pathname}${query}${location.hash}`);
            else
                history.pushState(null, '', `${location.pathname}${query}`);
        }
        else if (!wanted && location.hash) {
            // What was asked of a file of this device was asked of another one.
            history.replaceState(null, '', location.pathname);
        }
        this.#address = location.search;
    }
    #failed(error, picked) {
        const name = picked?.name ?? 'the file';
        // The same bytes would fail in the same way.
        const hopeless = ['FORMAT', 'MODULE', 'UNSUPPORTED'].includes(codeOf(error) ?? '');
        const button = (label, primary, onclick) => h('button', { type: 'button', class: primary && 'primary', onclick }, label);
        const other = button('Open another file', hopeless, () => void this.close());
        const again = picked && !hopeless && button('Try again', true, () => void this.open(picked));
        this.#show(h('div', { class: 'failed' }, h('h1', { class: 'name', tabindex: -1 }, 'Could not open ', h('bdi', {}, neutral(name))), problem(error, ...(again ? [again, other] : [other]))), `Could not open ${name}`);
    }
    #refuse(why) {
        if (this.#start.hidden)
            byId('toast').textContent = why;
        else
            this.#say(why);
    }
    #show(element, title) {
        this.#start.hidden = true;
        byId('toast').textContent = '';
        this.#stage.replaceChildren(element);
        document.title = `${title} · RVF`;
        // A reader of the screen hears where it is now; nothing is scrolled away.
        element.querySelector('h1')?.focus({ preventScroll: true });
        scrollTo({ top: 0 });
    }
}
const base = () => new URL('.', document.baseURI).pathname;
/** A path without the folder that it is below; of another folder, the whole path. */
const below = (folder, path) => (path.startsWith(folder) ? path.slice(folder.length) : path);
