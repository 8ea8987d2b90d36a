// The README's example runs as it is printed, and prints what is printed there: in Node, and in Deno and Bun where they are
// installed (on the path, or where DENO and BUN say).
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folder, pack, root } from './helpers.mjs';

const readme = readFileSync(join(root, 'pwa-loader', 'lib', 'README.md'), 'utf8');
const [, code] = /```js\n([^]*?)```/.exec(readme), [, printed] = /it prints\n\n```text\n([^]*?)```/.exec(readme);
const place = join(folder, 'readme');
mkdirSync(join(place, 'node_modules'), { recursive: true });
symlinkSync(join(root, 'pwa-loader', 'lib'), join(place, 'node_modules', 'rvf-web'), 'junction');
writeFileSync(join(place, 'package.json'), '{ "type": "module", "dependencies": { "rvf-web": "*" } }');
writeFileSync(join(place, 'example.mjs'), code);
copyFileSync(pack(), join(place, 'words.rvf'));

for (const [name, program, args] of [['Node', process.execPath, []], ['Deno', process.env.DENO ?? 'deno', ['run', '--allow-all', '--node-modules-dir=manual']], ['Bun', process.env.BUN ?? 'bun', ['run']]]) {
  const found = spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
  test(`the README's example runs in ${name}`, { skip: !found && `${name} is not installed` }, () => {
    assert.equal(execFileSync(program, [...args, 'example.mjs'], { cwd: place, encoding: 'utf8' }), printed);
  });
}
