// The service worker: keeps the page's own files, by a list with their hashes that the build writes below, and nothing else.
// It is a plain script: not every browser takes modules here.

interface Precache {
  /** Of the list: another list is another version. */
  version: string;
  /** Path and integrity ("sha256-…") of each file. */
  files: [string, string][];
}

(() => {
  const worker = self as unknown as ServiceWorkerGlobalScope;
  const precache: Precache = { version: '', files: [] } /* the build puts the list here */;
  const PREFIX = 'rvf-page-';
  const NAME = PREFIX + precache.version;
  const INDEX = 'index.html';
  const scope = new URL(worker.registration.scope);

  /** All files or none: each must be the one that this version was built with. */
  async function install(): Promise<void> {
    const cache = await caches.open(NAME);
    await Promise.all(precache.files.map(async ([path, integrity]) => {
      const url = new URL(path, scope);
      const response = await fetch(url, { cache: 'no-cache', integrity, credentials: 'same-origin' });
      if (!response.ok) throw new Error(`${path} could not be had: ${response.status}`);
      // Some hosts answer index.html with a redirect to the folder. A browser takes no answer that was redirected for a page
      // that it goes to; one with the same body is a plain answer.
      const { body, status, headers, redirected } = response;
      await cache.put(url, redirected ? new Response(body, { status, headers }) : response);
    }));
  }

  async function activate(): Promise<void> {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== NAME).map((name) => caches.delete(name)));
    // The page of the first visit works offline too, with scripts that it has yet to load.
    await worker.clients.claim();
  }

  /** The page's own path of a request, or nothing where it is none of the page's files. */
  function pathOf(request: Request): string | undefined {
    const url = new URL(request.url);
    if (request.method !== 'GET' || url.origin !== scope.origin || !url.pathname.startsWith(scope.pathname)) return undefined;
    const path = url.pathname.slice(scope.pathname.length) || INDEX;
    return precache.files.some(([known]) => known === path) ? path : undefined;
  }

  async function answer(path: string, request: Request): Promise<Response> {
    const cache = await caches.open(NAME);
    // A browser may have thrown the cache away to make room.
    return (await cache.match(new URL(path, scope))) ?? fetch(request);
  }

  worker.addEventListener('install', (event) => event.waitUntil(install()));
  worker.addEventListener('activate', (event) => event.waitUntil(activate()));
  worker.addEventListener('fetch', (event) => {
    const path = pathOf(event.request);
    // Everything else, .rvf files above all, goes where it went without this worker.
    if (path !== undefined) event.respondWith(answer(path, event.request));
  });
  worker.addEventListener('message', (event) => {
    if (event.data !== 'take over') return;
    // Another open page would get this version's scripts in the middle of its work.
    event.waitUntil((async () => {
      const pages = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
      if (pages.filter(({ url }) => url.startsWith(scope.href)).length > 1) event.ports[0]?.postMessage('busy');
      else await worker.skipWaiting();
    })());
  });
})();
