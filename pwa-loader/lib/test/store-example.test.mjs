// The example of the store: it type-checks against the package as its users have it, and does what it says.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const lib = join(dirname(fileURLToPath(import.meta.url)), '..');

test('the example of a store in memory', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rvf-example-'));
  try {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(lib, join(folder, 'node_modules', 'rvf-web'), 'junction');
    symlinkSync(join(lib, 'node_modules', '@types'), join(folder, 'node_modules', '@types'), 'junction');
    copyFileSync(join(lib, '..', 'examples', 'in-memory-store.ts'), join(folder, 'example.mts'));
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', dependencies: { 'rvf-web': '*' } }));
    const options = { target: 'ES2022', module: 'NodeNext', strict: true, lib: ['ES2023', 'DOM'], types: ['node'], skipLibCheck: false, noUncheckedIndexedAccess: true };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['example.mts'] }));
    execFileSync(process.execPath, [join(lib, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', folder], { encoding: 'utf8', stdio: ['ignore', 'inherit', 'inherit'] });
    // Deno and Bun too, where they are found.
    for (const [program, ...args] of [[process.execPath], ['deno', 'run', '--allow-all', '--node-modules-dir=manual'], ['bun']]) {
      if (program !== process.execPath && spawnSync(program, ['--version']).status !== 0) continue;
      const printed = execFileSync(program, [...args, join(folder, 'example.mjs')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
      assert.equal(printed, '4 notes\nnear it: buy a watering can (0.013)\nfirst: call the dentist, then book a flight\nsaved: 3 rows of 3 dimensions\n', program);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
