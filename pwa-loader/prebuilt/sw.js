"use strict";
// The service worker: keeps the page's own files, by a list with their hashes that the build writes below, and nothing else.
// It is a plain script: not every browser takes modules here.
(() => {
    const worker = self;
    const precache = {
 "version": "OlZMsMLAEXxiCFo4",
 "files": [
  ["app/about.js", "sha256-k6/cXk4aGIKXm37stYgUJ/T9YZ7RK8Rd35xfK2D6nOM="],
  ["app/app.js", "sha256-URdW01qE7WezSw4X4vSTBnbuspHMupd1pLQeKrknStY="],
  ["app/dom.js", "sha256-mS/Y9NT/aL96zR7Vbul+/c+7YtniilEXjMQuCve7up4="],
  ["app/efforts.js", "sha256-x3NT8tbpEA1X5BvG6tRi3u7ySB/tuP41mf6dLLjvtJc="],
  ["app/file.js", "sha256-Gi9Ow6ll5qdwcxzYwbUkz3b2ZzZD0XXRkNFdTRdvpfk="],
  ["app/hits.js", "sha256-Xf5EqPnlXXm1X5GzaBFyQ1PWd3DKmfqO9Msd93yW78w="],
  ["app/install.js", "sha256-aHkC9k4fy0tHAyhw6OTTIwlg8N8kt63BTLAkOlR6czs="],
  ["app/main.js", "sha256-REj4ADj538sFx8vaccHsfW5cjybgqbZe7IFt9syDK2Y="],
  ["app/opening.js", "sha256-EXMHy9nBaqK+fjliT599oStoAyrMBMuTI2WVzd2O9ac="],
  ["app/problem.js", "sha256-TnGrSk1Tu927rkwv3NPBigSQfpqOAUcEG2m51rqjDbc="],
  ["app/search.js", "sha256-RFK2d+NADxWqiQ+8SR909TYQRk1wRHh94pcHOd+ef28="],
  ["app/source.js", "sha256-oKHhNzdXZg9Lop7DTQtEoWXyig0CGx+4AW2EDWSolHs="],
  ["app/start.js", "sha256-04Krhb9PLcRxHY1zJAt5V3ZHa3XkmRQtivWBItseM68="],
  ["app/vector.js", "sha256-DSljVTnjDBzF+QPrPbQpq5y/GJV/gK+LgghfdIyuK04="],
  ["app/verify.js", "sha256-sE28DGzxMzAKDfPfZm+ta/0KCJ8H6ufgH3p1aWZIW10="],
  ["app/words.js", "sha256-i9iLAQRunKKh7ZjsoPRxXnOmo4NQmtDy5SheGDo8P4U="],
  ["icons/rvf-192.png", "sha256-rNP9pqE50hgS1eQzbk8Zte59INu6anDW9cR7QyZyfFA="],
  ["icons/rvf-512.png", "sha256-lNkeYLAepsCaQowH/POP29TZHYyt3CWsn9tWhjTbADg="],
  ["icons/rvf-maskable-512.png", "sha256-vDb6MuoT6OATi0DMIOYNjVEer9sQF/pdOydtH4X1IE4="],
  ["icons/rvf.svg", "sha256-jIy3DtlkqrzZlaPSu5dcKVC2kUjcPgrkjmwRfdTAyGo="],
  ["icons/ui.svg", "sha256-4lO2WXE1URYYZaTnZxWuKNHvKpAVkfVsxfSEfEm1D/I="],
  ["index.html", "sha256-5Q5QE7t1jwp2RTHf/0WzYpZbWfl8aqN9oBqKIyGnWFo="],
  ["lib/dist/core.js", "sha256-YY+WBnrIxxR2DN7bAnlsgl8lMBGTwm/aKejkrTkTTEI="],
  ["lib/dist/engine/binary.js", "sha256-jMLPfRrxeBSsO2CZu7nUOw+GL0FAcsOLIbrCAwTl3wg="],
  ["lib/dist/engine/cap.js", "sha256-A1dJWegzornD47cw0zi1YbxadyTUn2lBgUUCUXyaHhA="],
  ["lib/dist/engine/effort.js", "sha256-C5mFZ/qIZU5um3hLChdQRBtWEtxow+df6nRUN1vhz3I="],
  ["lib/dist/engine/engine.js", "sha256-iUqSAyadaPOZZb95MvCCnrFTiCEzkdf8sK4FuyzQB5o="],
  ["lib/dist/engine/features.js", "sha256-UC3Fv1nEJJsQD3bAaNL1CNv0ehopLfS8rvczcY8/zIA="],
  ["lib/dist/engine/kernel.js", "sha256-HXwEFh7CNG30m/Fk8YwMfidff5Ukb+3JhogjQBjD+pM="],
  ["lib/dist/engine/known.js", "sha256-8uSPvu2JHXMCU7KBjHson0ZLzGS5Pp5cw/O1NQvDx08="],
  ["lib/dist/engine/limits.js", "sha256-P3VvTG7s10evTV7VgAKDYEYnYLsvaPfCJDwOPvBGPx8="],
  ["lib/dist/engine/machine.js", "sha256-nUx9I1L8UWh/3B0E4+Y7Sslx9VTfpmm7dKM4yhidVUk="],
  ["lib/dist/engine/modules.js", "sha256-FalXXAKbifZADxwsWN196ITWRwrT25rQZTHYIXRtKVs="],
  ["lib/dist/engine/task.js", "sha256-zIG7tRXBO9N2C+DIeYGvdRSeXONl9aIuPlHIjqQ0inY="],
  ["lib/dist/engine/twin.js", "sha256-V9eeko6+CcvKDBgngBVNr1FE9PFtWDWzgqovWuzdqvA="],
  ["lib/dist/errors.js", "sha256-s9pHij1lARBsqGvGnuYPu/mhSC8gbGU62R59Gq9edhA="],
  ["lib/dist/file.js", "sha256-LGizniKPoWUPN3EVfqMmsTZT8Lxw6xq/VQ9UzUeN5es="],
  ["lib/dist/format/archive.js", "sha256-fCs2jPvkrZusC8CyrVMGxnRPO/FBMZ+XapBAf8zdIu4="],
  ["lib/dist/format/bytes.js", "sha256-DGl0u4lKmTfv0GhKoxllbUzom7AjIxzT5mhlUEFjo0A="],
  ["lib/dist/format/header.js", "sha256-mglujQxEzjuvLbQ1kAqIR4m/6l5etTKiO9H7JCsK7RU="],
  ["lib/dist/format/ids.js", "sha256-9hVbLIIHI9S3WvrEXnvbDW675jzH0gx2eJqvPTET8xk="],
  ["lib/dist/format/keccak-wasm.js", "sha256-y9dbixt8ReWAI2r2sRYnm3Ux/ahcGe4yI7knwcfQ5Bg="],
  ["lib/dist/format/keccak.js", "sha256-5MOYQs8pJNJMtWC21fhCLztyfH/3SCNJSNah/j5Fqag="],
  ["lib/dist/format/layout.js", "sha256-5TUYUNT6ZzguiksNB8csmFDfZ29ESdBRr9c8XKzrehU="],
  ["lib/dist/format/lists.js", "sha256-mPH7+Iw5qOos3O5bSX4zkbvbi2OfME5JyE4o8IDoJ9A="],
  ["lib/dist/format/manifest-rules.js", "sha256-jXgsAkIJqCa9xLLqFQxSDoXitMNNAWtlywLBSo4N38Y="],
  ["lib/dist/format/manifest.js", "sha256-+LOD0pg3ZW4bjWReUmO8+9e95GKuMDMco54+HWoK2Pw="],
  ["lib/dist/format/root.js", "sha256-D4QY2n1jJS+aCpG/SXv7mRxzbQujUeMuuOtakyIKiL8="],
  ["lib/dist/format/rows.js", "sha256-l8h7WdPw/ZV2r9zzdvr3HJSUJc7RpLdMddGYBnQw63I="],
  ["lib/dist/format/segments.js", "sha256-yGlUZ74mjjoQI6djSntwNdi/nYA+77QFID8wBFTHT5M="],
  ["lib/dist/format/shake.js", "sha256-FPIAqOJF6osXmcT7tz3MtTLWjJreXZ49TcKMgOSzyBI="],
  ["lib/dist/pool/client.js", "sha256-lIqKAYrAeYpqSOrTa3Q9QZQj8PjxqQ+0VxQTH8jk5Ng="],
  ["lib/dist/pool/host.js", "sha256-ijJ4TUcynmiAZO8WDJHTKlFoEvQQH0uO3W9CiOLXliY="],
  ["lib/dist/pool/spawn.js", "sha256-MoF0w4ddYtBggHWwIS8qkiySgUOBZ6Vlm73HEB9dGvY="],
  ["lib/dist/signals.js", "sha256-3UWBFbNuB5P7IORH/HLI7PCJlSdJ8yLUxPL/fuwdZhA="],
  ["lib/dist/source/blob.js", "sha256-OPTkFW3Tyu6L0j7VK2+4iSfMiYppVz7NR4tMIIxnZS4="],
  ["lib/dist/source/file.js", "sha256-kAhgY3r1PiFAaYoBI+JgTh04b/S/CnsJbuLFjc8KTt8="],
  ["lib/dist/source/memory.js", "sha256-1PHOjzA+A1G+FMyAgFH4O/KHd+Ohgxhmn07KxJrpf5g="],
  ["lib/dist/source/open.js", "sha256-ghGNaW0FTKp2XxZCkznQ6wuT7tvH5wi4D5vjqniDyMg="],
  ["lib/dist/source/pieces.js", "sha256-50OxXtGARYVe/dXoioqsnFKI9LkInf66M5B+ZUKjhIs="],
  ["lib/dist/source/remote.js", "sha256-tsv6P822VRlkRLCNrhvtuAn/UazBbCMl0sw64XspE+s="],
  ["lib/dist/source/source.js", "sha256-DyGcqAWCkDJbdJOIteobogwxfTeTucpwaDGTRrorxqE="],
  ["lib/dist/verify/codes.js", "sha256-hHvu7SCf+E+hA0tJw/n4COo1iLPyehbiXw5oQ8r2j7E="],
  ["lib/dist/verify/findings.js", "sha256-ejR63Lwkn/7G8s72tUf4rpMN3CGXFAKug5Tm6EGeLxY="],
  ["lib/dist/verify/names.js", "sha256-e+VKfl3UACrZhS42L+5Q+R7GIB3Ed9GoOlDYC36CGDc="],
  ["lib/dist/verify/records.js", "sha256-4CbD5TeRWlxm+M1tZ/ZNc1YLK/ocjcMCTPAjDM9B3iA="],
  ["lib/dist/verify/stream.js", "sha256-s9zU5kFowKNmBft4VCURGGlm+3+vQIfGYgTiw5KGv+8="],
  ["lib/dist/verify/verify.js", "sha256-8cRjU3ePRKuX3nNuzH0RBtOM0JUjHmyAA+RqxLLv5cA="],
  ["lib/dist/worker.js", "sha256-2dcUJZeyn+ob3anFCWTj1zfujEF8uWJoRy7UipL5Ja0="],
  ["manifest.webmanifest", "sha256-Z3U2Jmedy2Sh4/oKl+NA4zzAGpSec9lx7y9qj9MyPUk="],
  ["page.css", "sha256-ee08FJjqhusWRmmUqL9lzj6wD0DDEs6dqT2A1jvXp7g="]
 ]
} /* the build puts the list here */;
    const PREFIX = 'rvf-page-';
    const NAME = PREFIX + precache.version;
    const INDEX = 'index.html';
    const scope = new URL(worker.registration.scope);
    /** All files or none: each must be the one that this version was built with. */
    async function install() {
        const cache = await caches.open(NAME);
        await Promise.all(precache.files.map(async ([path, integrity]) => {
            const url = new URL(path, scope);
            const response = await fetch(url, { cache: 'no-cache', integrity, credentials: 'same-origin' });
            if (!response.ok)
                throw new Error(`${path} could not be had: ${response.status}`);
            // Some hosts answer index.html with a redirect to the folder. A browser takes no answer that was redirected for a page
            // that it goes to; one with the same body is a plain answer.
            const { body, status, headers, redirected } = response;
            await cache.put(url, redirected ? new Response(body, { status, headers }) : response);
        }));
    }
    async function activate() {
        const names = await caches.keys();
        await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== NAME).map((name) => caches.delete(name)));
        // The page of the first visit works offline too, with scripts that it has yet to load.
        await worker.clients.claim();
    }
    /** The page's own path of a request, or nothing where it is none of the page's files. */
    function pathOf(request) {
        const url = new URL(request.url);
        if (request.method !== 'GET' || url.origin !== scope.origin || !url.pathname.startsWith(scope.pathname))
            return undefined;
        const path = url.pathname.slice(scope.pathname.length) || INDEX;
        return precache.files.some(([known]) => known === path) ? path : undefined;
    }
    async function answer(path, request) {
        const cache = await caches.open(NAME);
        // A browser may have thrown the cache away to make room.
        return (await cache.match(new URL(path, scope))) ?? fetch(request);
    }
    worker.addEventListener('install', (event) => event.waitUntil(install()));
    worker.addEventListener('activate', (event) => event.waitUntil(activate()));
    worker.addEventListener('fetch', (event) => {
        const path = pathOf(event.request);
        // Everything else, .rvf files above all, goes where it went without this worker.
        if (path !== undefined)
            event.respondWith(answer(path, event.request));
    });
    worker.addEventListener('message', (event) => {
        if (event.data !== 'take over')
            return;
        // Another open page would get this version's scripts in the middle of its work.
        event.waitUntil((async () => {
            const pages = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
            if (pages.filter(({ url }) => url.startsWith(scope.href)).length > 1)
                event.ports[0]?.postMessage('busy');
            else
                await worker.skipWaiting();
        })());
    });
})();
