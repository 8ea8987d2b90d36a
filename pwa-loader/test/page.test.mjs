// The page as people use it, in a real browser, served by `rvf serve`: open, go offline, search, and the same answers as `rvf query`.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readNpy } from '../../harness/npy.mjs';
import { answered, base, closeBrowser, folder, hits, native, offlineReady, pick, queries, run, search, searchVector, serve, visit, wordnet } from './support/env.mjs';

after(closeBrowser);
const vectors = readNpy(readFileSync(queries));
/** A folder with base.f16.npy and queries.f16.npy of 50,000 rows, where there is one. */
const large = process.env.RVF_PAGE_LARGE;

test('an address opens its file, and what is near an id is what rvf says', async () => {
  const served = await serve(wordnet());
  const { context, tab } = await visit(served.files[0].url);
  await tab.waitForSelector('.file');
  assert.match(await tab.textContent('.file-head'), /wordnet\.rvf.*8,192 vectors.*384 dimensions.*cosine/su);
  assert.match(await tab.title(), /^wordnet\.rvf/u);
  await tab.fill('#search-text', 'ocean.n');
  await answered(tab, () => search(tab));
  const line = JSON.parse(run('query', wordnet(), '--like', 'ocean.n', '--json'));
  assert.deepEqual(await hits(tab), line.hits.map((hit) => ({ ...hit, distance: Math.fround(hit.distance) })));
  assert.match(await tab.textContent('.results [role=status]'), /^10 hits in .*, nearest lake\.n$/u);
  assert.deepEqual(tab.wrongs, []);
  await context.close();
  await served.stop();
});

async function offline(file, asked, from) {
  const served = await serve(file);
  const { context, tab } = await visit(served.url);
  await offlineReady(tab);
  await served.stop();
  await context.setOffline(true);
  await tab.reload();
  await pick(tab, file);
  const expected = native(file, from, asked.length);
  for (const [index, vector] of asked.entries()) assert.deepEqual(await searchVector(tab, vector), expected[index], `query ${index}`);
  assert.deepEqual(tab.wrongs, []);
  await context.close();
}

test('after the first visit, without network or server, 100 queries give the hits and distances of rvf query', () => offline(wordnet(), vectors.slice(0, 100), queries));

test('the same with 50,000 rows', { skip: large ? false : 'RVF_PAGE_LARGE names no folder with base.f16.npy and queries.f16.npy' }, async () => {
  const file = join(folder, 'large.rvf');
  run('pack', join(large, 'base.f16.npy'), '-o', file, '--quiet');
  const from = join(large, 'queries.f16.npy');
  await offline(file, readNpy(readFileSync(from)).slice(0, 100), from);
});

test('the recalls on offer are those of as many hits as are asked for, one for each usual recall', async () => {
  const served = await serve(wordnet());
  const { context, tab } = await visit(served.files[0].url);
  await tab.waitForSelector('.file');
  const { recall } = JSON.parse(run('info', wordnet(), '--json'));
  for (const k of [1, 10, 100]) {
    await tab.fill('#search-k', String(k));
    await tab.press('#search-k', 'Tab');
    const [packed, ...offered] = await tab.$$eval('#search-effort option', (all) => all.map(({ value, textContent }) => ({ value, text: textContent })));
    const measured = recall.filter((effort) => effort.k === k), usual = measured.find((effort) => effort.recall >= 0.95);
    assert.equal(packed.text, `as packed: ${usual.recall.toFixed(3)}, ${usual.probes} of 181 lists`);
    assert.equal(offered.pop().value, 'exact');
    const values = offered.map(({ value }) => Number(value));
    assert.ok(values.every((value) => measured.some((effort) => effort.recall === value)), values);
    for (const least of [0.8, 0.9, 0.95, 0.99]) assert.ok(values.includes(measured.find((effort) => effort.recall >= least).recall), `${k} hits, ${least}`);
    assert.equal(values.at(-1), measured.at(-1).recall);
    assert.ok(values.length <= 10, values);
  }
  await context.close();
  await served.stop();
});

test('a hit leads to its neighbours; row, number of hits and recall are what is asked for', async () => {
  const served = await serve(wordnet());
  const { context, tab } = await visit(served.files[0].url);
  await tab.waitForSelector('.file');
  await tab.check('input[value=row]');
  await tab.fill('#search-text', '2929');
  await tab.fill('#search-k', '3');
  await answered(tab, () => search(tab));
  assert.deepEqual((await hits(tab)).map(({ id }) => id), ['lake.n', 'cape.n', 'watery.a.2']);
  await answered(tab, () => tab.click('.hit >> nth=0'));
  assert.equal(await tab.textContent('.hits caption'), 'Near lake.n');
  const like = JSON.parse(run('query', wordnet(), '--like', 'lake.n', '-k', '3', '--json'));
  assert.deepEqual((await hits(tab)).map(({ id }) => id), like.hits.map(({ id }) => id));
  await tab.selectOption('#search-effort', 'exact');
  await tab.fill('#search-k', '300');
  await answered(tab, () => search(tab));
  const exact = JSON.parse(run('query', wordnet(), '--like', 'lake.n', '-k', '300', '--exact', '--json'));
  assert.equal((await hits(tab)).length, 200);
  await tab.click('.more button');
  assert.deepEqual((await hits(tab)).map(({ row }) => row), exact.hits.map(({ row }) => row));
  await answered(tab, () => tab.click('text=Any row'));
  assert.ok((await hits(tab)).length > 0);
  assert.deepEqual(tab.wrongs, []);
  await context.close();
  await served.stop();
});

test('a dropped file opens, whatever is shown at the time; several files or none do not', async () => {
  const served = await serve(wordnet());
  const { context, tab } = await visit(served.url);
  const drop = (names) => tab.evaluate(async ({ names, address }) => {
    const bytes = await (await fetch(address)).arrayBuffer(), dataTransfer = new DataTransfer();
    for (const name of names) dataTransfer.items.add(new File([bytes], name));
    document.querySelector('main').dispatchEvent(new DragEvent('dragenter', { dataTransfer, bubbles: true, cancelable: true }));
    const veiled = getComputedStyle(document.querySelector('.veil')).display !== 'none';
    document.querySelector('main').dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
    return veiled;
  }, { names, address: served.files[0].source });
  assert.equal(await drop(['one.rvf', 'two.rvf']), true);
  assert.match(await tab.textContent('#start-wrong'), /2 files/u);
  await drop(['first.rvf']);
  await tab.waitForSelector('h1:has-text("first.rvf")');
  await drop(['second.rvf']);
  await tab.waitForSelector('.file h1:has-text("second.rvf")');
  await drop(['one.rvf', 'two.rvf']);
  assert.match(await tab.textContent('#toast'), /2 files/u);
  assert.match(await tab.textContent('h1.name'), /second\.rvf/u);
  await tab.click('text=Close file');
  assert.equal(await tab.isVisible('#start'), true);
  assert.deepEqual(tab.wrongs, []);
  await context.close();
  await served.stop();
});

test('what is wrong with a question is said beside it, and the page goes on', async () => {
  const served = await serve(wordnet());
  const { context, tab } = await visit(served.files[0].url);
  await tab.waitForSelector('.file');
  const wrong = async () => {
    await search(tab);
    await tab.waitForSelector('#search-wrong:not(:empty)');
    return tab.textContent('#search-wrong');
  };
  assert.match(await wrong(), /Type an id/u);
  await tab.fill('#search-text', 'no such id');
  assert.match(await wrong(), /no such id/u);
  await tab.check('input[value=row]');
  for (const [text, expected] of [['8192', /no row “8192”.*0 to 8,191/u], ['-1', /no row/u], ['', /number of a row/u]]) {
    await tab.fill('#search-text', text);
    assert.match(await wrong(), expected);
  }
  await tab.check('input[value=vector]');
  await tab.fill('#search-area', '[1, 2, three]');
  assert.match(await wrong(), /3rd entry is “three”/u);
  await tab.fill('#search-area', '1 2 3');
  assert.match(await wrong(), /Found 3 numbers; this file's vectors have 384/u);
  assert.equal(await tab.getAttribute('#search-area', 'aria-invalid'), 'true');
  await tab.fill('#search-k', '0');
  assert.match(await wrong(), /1 to 65,536 hits/u);
  await tab.fill('#search-k', '10');
  assert.equal((await searchVector(tab, vectors[0])).length, 10);
  assert.equal(await tab.isVisible('#search-wrong'), false);
  assert.deepEqual(tab.wrongs, []);
  await context.close();
  await served.stop();
});

test('what a file is made of is shown, and all of it verified', async () => {
  const served = await serve(wordnet());
  const { context, tab } = await visit(served.files[0].url);
  await tab.waitForSelector('.file');
  const parts = await tab.textContent('.parts'), info = JSON.parse(run('info', wordnet(), '--json'));
  for (const { hash } of info.kernels ?? []) if (hash) assert.ok(parts.includes(hash), hash);
  assert.match(parts, /known by its hash/u);
  assert.equal(await tab.locator('.badge.answers').count(), 1);
  for (const kind of ['VEC', 'QUANT', 'INDEX', 'IDS', 'WASM', 'MANIFEST']) assert.ok((await tab.textContent('.legend')).includes(kind), kind);
  await tab.click('.verify button');
  await tab.waitForSelector('.verdict .good');
  assert.match(await tab.textContent('.verdict'), /Nothing is damaged/u);
  assert.match(await tab.textContent('.verify [role=status]'), /no fault/u);
  assert.deepEqual(tab.wrongs, []);
  await context.close();
  await served.stop();
});

test('ids that look like HTML, or would turn the direction of writing, are shown as what they are', async () => {
  const strange = ['<img src=x onerror=alert(1)>', 'txt\u202efdp.exe', '', '日本語', 'tab\there'];
  const rows = Array.from({ length: 8 }, (_, n) => JSON.stringify({ id: strange[n] || `row${n}`, vector: [Math.cos(n), Math.sin(n), n / 10] }));
  writeFileSync(join(folder, 'strange.jsonl'), rows.join('\n'));
  const file = join(folder, 'strange.rvf');
  run('pack', join(folder, 'strange.jsonl'), '-o', file, '--quiet');
  const served = await serve(file);
  const { context, tab } = await visit(served.files[0].url);
  await tab.waitForSelector('.file');
  assert.equal((await searchVector(tab, [1, 0, 0])).length, 8);
  const shown = (await hits(tab)).map(({ id }) => id);
  assert.ok(shown.includes('<img src=x onerror=alert(1)>') && shown.includes('txt\\u{202e}fdp.exe') && shown.includes('tab\\there') && shown.includes('日本語'), shown.join());
  assert.equal(await tab.locator('#stage img').count(), 0);
  assert.deepEqual(tab.wrongs, []);
  await context.close();
  await served.stop();
});

test('ids that are 64-bit numbers are found and shown whole', async () => {
  const ids = ['3', '18446744073709551615', '9007199254740993', '0', '42'];
  writeFileSync(join(folder, 'numbers.jsonl'), ids.map((id, n) => `{"id":${id},"vector":[${Math.cos(n)},${Math.sin(n)}]}`).join('\n'));
  const file = join(folder, 'numbers.rvf');
  run('pack', join(folder, 'numbers.jsonl'), '-o', file, '--quiet');
  const served = await serve();
  const { context, tab } = await visit(served.url);
  await pick(tab, file);
  assert.match(await tab.textContent('.parts'), /64-bit numbers/u);
  await tab.waitForSelector('#search-text[placeholder="such as 3"]');
  await tab.fill('#search-text', '18446744073709551615');
  await answered(tab, () => search(tab));
  const expected = JSON.parse(run('query', file, '--like', '18446744073709551615', '--json').replace(/"id":(\d+)/gu, '"id":"$1"'));
  assert.deepEqual((await hits(tab)).map(({ id }) => id), expected.hits.map(({ id }) => id));
  assert.ok((await hits(tab)).some(({ id }) => id === '9007199254740993'));
  for (const [typed, expectedWords] of [['18446744073709551616', /18446744073709551616/u], ['twelve', /whole numbers/u], ['7', /7/u]]) {
    await tab.fill('#search-text', typed);
    await search(tab);
    await tab.waitForSelector('#search-wrong:not(:empty)');
    assert.match(await tab.textContent('#search-wrong'), expectedWords);
  }
  assert.deepEqual(tab.wrongs, []);
  await context.close();
  await served.stop();
});

test('a file of another server is opened by its address, where that allows it, and read in parts', async () => {
  const bytes = readFileSync(wordnet()), asked = [];
  const other = createServer((request, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/u.exec(request.headers.range ?? '') ?? [], last = Math.min(Number(to), bytes.length - 1);
    const part = from === undefined ? bytes : bytes.subarray(Number(from), last + 1);
    if (request.method === 'GET') asked.push(part.length);
    response.writeHead(from === undefined ? 200 : 206, {
      ...(request.url === '/open.rvf' ? { 'access-control-allow-origin': '*', 'access-control-allow-headers': 'range, if-match', 'access-control-expose-headers': 'content-range, etag' } : {}),
      ...(from === undefined ? {} : { 'content-range': `bytes ${from}-${last}/${bytes.length}` }),
      etag: '"1"',
    }).end(request.method === 'GET' ? part : undefined);
  });
  await new Promise((resolve) => other.listen(0, '127.0.0.1', resolve));
  const served = await serve(), address = `http://127.0.0.1:${other.address().port}`;
  const { context, tab } = await visit(`${served.url}?file=${address}/open.rvf`);
  await tab.waitForSelector('.file');
  assert.match(await tab.textContent('.where'), new RegExp(`Read from ${address.slice(7)}, only what a search needs. Your queries stay`, 'u'));
  assert.deepEqual(await searchVector(tab, vectors[0]), native(wordnet(), queries, 1)[0]);
  assert.match(await tab.textContent('.stats'), /read in \d+ rounds?/u);
  const total = asked.reduce((sum, length) => sum + length, 0);
  assert.ok(total > 0 && total < bytes.length / 2, `${total} bytes were read`);
  await tab.goto(`${served.url}?file=${address}/closed.rvf`);
  await tab.waitForSelector('.failed .problem[data-code=SOURCE]');
  await context.close();
  await served.stop();
  await new Promise((resolve) => { other.close(resolve); other.closeAllConnections(); });
});

test('a file that is replaced while it is open is noticed, and can be opened again', async () => {
  const file = join(folder, 'replaced.rvf');
  copyFileSync(wordnet(), file);
  const served = await serve(file);
  const { context, tab } = await visit(served.files[0].url);
  await tab.waitForSelector('.file');
  assert.equal((await searchVector(tab, vectors[0])).length, 10);
  run('pack', base, '-o', file, '--metric', 'l2', '--quiet', '--force');
  await tab.selectOption('#search-effort', 'exact');
  await answered(tab, () => search(tab));
  assert.equal(await tab.getAttribute('.results .problem', 'data-code'), 'CHANGED');
  await tab.click('button:has-text("Open it again")');
  await tab.waitForSelector('.facts:has-text("Euclidean")');
  assert.equal((await searchVector(tab, vectors[0])).length, 10);
  assert.deepEqual(tab.wrongs, []);
  await context.close();
  await served.stop();
});

test('the back button closes a file, the forward button opens it again; an address that is none is told', async () => {
  const served = await serve(wordnet());
  const { context, tab } = await visit(served.url);
  for (const [typed, expected] of [['', /Type the address/u], ['ftp://example.org/a.rvf', /start with https/u], ['https://me:secret@example.org/a.rvf', /user name or password/u]]) {
    await tab.fill('#address', typed);
    await tab.click('#address-form button');
    assert.match(await tab.textContent('#start-wrong'), expected);
  }
  await tab.fill('#address', 'files/wordnet.rvf');
  await tab.press('#address', 'Enter');
  await tab.waitForSelector('.file');
  assert.equal(new URL(tab.url()).search, '?file=files/wordnet.rvf');
  await tab.goBack();
  await tab.waitForSelector('#start', { state: 'visible' });
  assert.equal(await tab.locator('.file').count(), 0);
  await tab.goForward();
  await tab.waitForSelector('.file');
  assert.deepEqual(tab.wrongs, []);
  await context.close();
  await served.stop();
});

test('what was asked stands in the address: back and forward walk through it, and a link opens with its hits', async () => {
  const served = await serve(wordnet());
  const { context, tab } = await visit(`${served.files[0].url}#id=ocean.n&k=3`);
  const near = async (id) => tab.waitForSelector(`.hits caption:has-text("Near ${id}")`);
  await near('ocean.n');
  assert.equal((await hits(tab)).length, 3);
  await answered(tab, () => tab.click('.hit >> nth=0'));
  await near('lake.n');
  assert.equal(new URL(tab.url()).hash, '#id=lake.n&k=3');
  await tab.goBack();
  await near('ocean.n');
  await tab.goForward();
  await near('lake.n');
  // Of a file of this device the page keeps what was asked while it is open, and no longer.
  await pick(tab, wordnet());
  assert.equal(new URL(tab.url()).search + new URL(tab.url()).hash, '');
  await tab.fill('#search-text', 'ice.n');
  await answered(tab, () => search(tab));
  await answered(tab, () => tab.click('.hit >> nth=0'));
  await tab.goBack();
  await near('ice.n');
  await tab.click('text=Close file');
  assert.equal(await tab.isVisible('#start'), true);
  await tab.goBack();
  assert.equal(await tab.isVisible('#start'), true);
  assert.deepEqual(tab.wrongs, []);
  await context.close();
  await served.stop();
});

test('the system opens a file with the installed page', async () => {
  const served = await serve();
  const { context, tab } = await visit();
  await tab.addInitScript(() => {
    const file = new File(['not vectors, but from the file manager'], 'from-the-desktop.rvf');
    Object.defineProperty(window, 'launchQueue', { value: { setConsumer: (consumer) => consumer({ files: [{ getFile: async () => file }] }) } });
  });
  await tab.goto(served.url);
  await tab.waitForSelector('h1:has-text("from-the-desktop.rvf")');
  await context.close();
  await served.stop();
});

test('everything can be done with the keyboard alone', async () => {
  const served = await serve(wordnet());
  const { context, tab } = await visit(served.files[0].url);
  await tab.waitForSelector('.file');
  const focus = () => tab.evaluate(() => document.activeElement.id || document.activeElement.value || document.activeElement.textContent);
  const until = async (wanted) => {
    for (let n = 0; n < 30; n++) {
      await tab.keyboard.press('Tab');
      if ((await focus()) === wanted) return;
    }
    assert.fail(`${wanted} cannot be reached`);
  };
  await until('id');
  await tab.keyboard.press('ArrowRight');
  assert.equal(await focus(), 'row');
  await until('search-text');
  await tab.keyboard.type('2929');
  await answered(tab, () => tab.keyboard.press('Enter'));
  assert.equal((await hits(tab))[0].id, 'lake.n');
  await until('lake.n');
  const outline = await tab.evaluate(() => getComputedStyle(document.activeElement).outlineWidth);
  assert.equal(outline, '3px');
  await answered(tab, () => tab.keyboard.press('Enter'));
  assert.equal(await tab.textContent('.hits caption'), 'Near lake.n');
  // On to the first of the new hits, and not back to the start of the page.
  await tab.keyboard.press('Tab');
  assert.equal(await focus(), (await hits(tab))[0].id);
  await context.close();
  await served.stop();
});

test('the page is cross-origin isolated as it is served, and can be installed', async () => {
  const served = await serve();
  const { context, tab } = await visit(served.url);
  await offlineReady(tab);
  assert.equal(await tab.evaluate(() => crossOriginIsolated), true);
  const manifest = await tab.evaluate(async () => (await fetch(document.querySelector('link[rel=manifest]').href)).json());
  assert.deepEqual(manifest.file_handlers[0].accept, { 'application/vnd.rvf': ['.rvf'] });
  for (const { src, type } of manifest.icons) {
    const found = await tab.evaluate(async (src) => (await fetch(src)).headers.get('content-type'), src);
    assert.equal(found, type, src);
  }
  const session = await context.newCDPSession(tab);
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  // A private profile installs nothing; that is the only thing in the way.
  assert.deepEqual(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito'), []);
  await context.close();
  await served.stop();
});
