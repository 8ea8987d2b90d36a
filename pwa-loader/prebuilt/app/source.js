// Where files come from: a drop, the picker, the system's file handler, an address.
export const ofFile = (file) => ({ source: file, name: file.name || 'unnamed file' });
/** An address that was typed or stands in the page's own; a path is one of the page's server. A string is what is wrong. */
export function ofAddress(text) {
    const trimmed = text.trim();
    if (!trimmed)
        return 'Type the address of an .rvf file, such as https://example.org/words.rvf.';
    // A host alone would be taken for a path of this server.
    const guessed = /^[\w-]+(\.[\w-]+)+\.?(:\d+)?\//u.test(trimmed) && !/^[\w-]+\.rvf\//iu.test(trimmed) ? `https://${trimmed}` : trimmed;
    if (!URL.canParse(guessed, document.baseURI))
        return `“${trimmed.slice(0, 80)}” is not an address.`;
    const url = new URL(guessed, document.baseURI);
    if (url.protocol !== 'https:' && url.protocol !== 'http:')
        return `Addresses start with https://; this one starts with ${url.protocol}`;
    if (url.username || url.password)
        return 'An address with a user name or password in it is not opened.';
    url.hash = '';
    const segment = url.pathname.split('/').pop() ?? '';
    return { source: url, name: readable(segment) || url.host, ...(url.origin === location.origin ? {} : { host: url.host }) };
}
function readable(segment) {
    try {
        return decodeURIComponent(segment);
    }
    catch {
        return segment;
    }
}
/** Takes files that are dropped anywhere on the page, and shows where they would land. */
export function takeDrops(open, refuse) {
    const { body } = document;
    // `dragleave` fires for each element that is left on the way; only the last one leaves the page.
    let inside = 0;
    const carriesFiles = (event) => event.dataTransfer?.types.includes('Files') ?? false;
    const show = () => void body.classList.toggle('dropping', inside > 0);
    addEventListener('dragenter', (event) => {
        if (!carriesFiles(event))
            return;
        event.preventDefault();
        inside += 1;
        show();
    });
    addEventListener('dragleave', (event) => {
        if (!carriesFiles(event))
            return;
        inside = event.relatedTarget === null ? 0 : Math.max(0, inside - 1);
        show();
    });
    addEventListener('dragover', (event) => {
        if (!carriesFiles(event))
            return;
        event.preventDefault();
        if (event.dataTransfer)
            event.dataTransfer.dropEffect = 'copy';
    });
    addEventListener('drop', (event) => {
        if (!carriesFiles(event))
            return;
        event.preventDefault();
        inside = 0;
        show();
        const items = [...(event.dataTransfer?.items ?? [])].filter((item) => item.kind === 'file');
        if (items.some((item) => item.webkitGetAsEntry()?.isDirectory))
            return refuse('That is a folder. Drop one .rvf file.');
        const files = [...(event.dataTransfer?.files ?? [])];
        if (files.length > 1)
            return refuse(`These are ${files.length} files. Drop one at a time.`);
        if (files[0])
            open(ofFile(files[0]));
    });
}
/** Takes a file that was opened with the installed page, by the system's own file manager. */
export function takeLaunches(open, fail) {
    const { launchQueue } = window;
    launchQueue?.setConsumer(({ files }) => {
        files?.[0]?.getFile().then((file) => open(ofFile(file)), fail);
    });
}
