// Every state of the page, at phone and desktop size, light and dark: axe-core finds nothing, and nothing is wider than the screen.
// RVF_PAGE_SHOTS names a folder for a picture of each.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { answered, closeBrowser, folder, offlineReady, pack, pick, search, serve, visit, wordnet } from './support/env.mjs';
import { LIARS } from './support/kernels.mjs';

let silent, server;
before(async () => {
  server = createServer(() => {});
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  silent = `http://127.0.0.1:${server.address().port}`;
});
after(async () => {
  server.closeAllConnections();
  server.close();
  await closeBrowser();
});
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shots = process.env.RVF_PAGE_SHOTS;
const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } };

/** A file with everything that can be shown of one: warnings, an unknown kernel. */
function remarkable() {
  const module = join(folder, 'trap.wasm'), path = join(folder, 'tail.rvf');
  writeFileSync(module, LIARS.traps.code);
  // Bytes behind the committed length: the reader warns of them.
  writeFileSync(path, Buffer.concat([readFileSync(pack('trap.rvf', '--force', '--kernel', module)), Buffer.alloc(640)]));
  return path;
}

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of ['light', 'dark']) {
    test(`${size}, ${colorScheme}`, async () => {
      const served = await serve(wordnet());
      const { context, tab } = await visit(served.url, { viewport, colorScheme, hasTouch: size === 'phone' });
      const look = async (state) => {
        if (shots) await tab.screenshot({ path: join(shots, `${state}-${size}-${colorScheme}.png`), fullPage: true });
        const wide = await tab.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `${state}: ${wide} pixels wider than the screen`);
        await tab.evaluate(axe);
        const { violations } = await tab.evaluate(() => window.axe.run({ runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] } }));
        assert.deepEqual(violations.map(({ id, nodes }) => `${state}: ${id}: ${nodes.map(({ html }) => html.slice(0, 150)).join(' | ')}`), []);
      };
      await offlineReady(tab);
      await look('start');
      await tab.fill('#address', 'ftp://example.org');
      await tab.click('#address-form button');
      await look('start-wrong');
      // A server that takes its time: the opening is shown, and can be given up.
      await tab.fill('#address', `${silent}/slow.rvf`);
      await tab.press('#address', 'Enter');
      await tab.waitForSelector('.opening');
      await look('opening');
      await tab.click('text=Cancel');
      await tab.waitForSelector('#start', { state: 'visible' });
      await pick(tab, wordnet());
      await look('file');
      await tab.fill('#search-text', 'ocean.n');
      await answered(tab, () => search(tab));
      await tab.click('.verify button');
      await tab.waitForSelector('.verdict .good');
      await look('hits');
      for (const summary of await tab.$$('summary')) await summary.click();
      await tab.check('input[value=vector]');
      await tab.fill('#search-area', '[1, 2, x]');
      await search(tab);
      await tab.waitForSelector('#search-wrong:not(:empty)');
      await look('vector-wrong');
      await pick(tab, remarkable());
      await tab.check('input[value=row]');
      await tab.fill('#search-text', '7');
      await answered(tab, () => search(tab));
      await look('module-failed');
      await pick(tab, { name: 'holiday.png', mimeType: '', buffer: Buffer.from('no vectors'.repeat(1000)) });
      await look('failed');
      assert.deepEqual(tab.wrongs, []);
      await context.close();
      await served.stop();
    });
  }
}
