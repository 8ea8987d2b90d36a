// Builds the page into prebuilt/, which `rvf serve` carries and any static server can serve. `--check` builds it elsewhere and
// compares: the committed files must be what the sources make. Needs the library's dist (`npm run build` in lib/).
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, 'prebuilt');
const EMPTY_LIST = `{ version: '', files: [] }`;

/** All files below a folder, by path with slashes, sorted. */
function list(folder) {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)).split(sep).join('/')).sort();
}

const hash = (bytes) => createHash('sha256').update(bytes).digest('base64');

// How a module names another file: an import, or the address of a worker or of WebAssembly. Node's own modules have no dot before them.
const NAMED = /(?:\bfrom|\bimport|\bimport\(|\bnew URL\()\s*['"](\.{1,2}\/[^'"]+)['"]/gu;

/** Brings the modules of the library that a module needs, and those that they need, each beside where it stands in the sources. */
function copyImports(module, out, seen = new Set()) {
  for (const [, named] of readFileSync(module, 'utf8').matchAll(NAMED)) {
    const target = join(dirname(module), named);
    if (seen.has(target)) continue;
    seen.add(target);
    if (!existsSync(target)) {
      mkdirSync(dirname(target), { recursive: true });
      cpSync(join(here, relative(out, target)), target);
    }
    if (target.endsWith('.js')) copyImports(target, out, seen);
  }
}

function build(out) {
  const tsc = join(here, 'node_modules', 'typescript', 'bin', 'tsc'), library = join(here, 'lib', 'dist');
  if (!existsSync(tsc)) throw new Error('TypeScript is not here: run `npm ci` in pwa-loader/ first');
  if (!existsSync(join(library, 'index.js'))) throw new Error('the library is not built: `cargo xtask page` builds both');
  const compile = (project, to) => {
    const { status } = spawnSync(process.execPath, [tsc, '-p', join(here, project), '--outDir', to], { stdio: 'inherit' });
    if (status !== 0) throw new Error(`TypeScript refuses ${project}/; see above`);
  };
  cpSync(join(here, 'static'), out, { recursive: true });
  compile('app', join(out, 'app'));
  copyImports(join(out, 'app', 'main.js'), out);
  const files = list(out).map((path) => [path, `sha256-${hash(readFileSync(join(out, path)))}`]);
  compile('sw', out);
  const worker = readFileSync(join(out, 'sw.js'), 'utf8'), parts = worker.split(EMPTY_LIST);
  if (parts.length !== 2) throw new Error(`sw.ts should hold ${EMPTY_LIST} once`);
  // Of the worker too: a change of its own code is a new version.
  const version = hash(worker + JSON.stringify(files)).replace(/[^a-z0-9]/giu, '').slice(0, 16);
  writeFileSync(join(out, 'sw.js'), parts.join(JSON.stringify({ version, files }, null, 1).replace(/\[\n\s+("[^"]+"),\n\s+("[^"]+")\n\s+\]/gu, '[$1, $2]')));
}

/** What differs between two folders, as lines. */
function differences(built, committed) {
  const [ours, theirs] = [built, committed].map((folder) => (existsSync(folder) ? list(folder) : []));
  const lines = [];
  for (const path of new Set([...ours, ...theirs])) {
    if (!theirs.includes(path)) lines.push(`${path} is missing`);
    else if (!ours.includes(path)) lines.push(`${path} comes from no source`);
    else if (!readFileSync(join(built, path)).equals(readFileSync(join(committed, path)))) lines.push(`${path} differs`);
  }
  return lines;
}

const check = process.argv.includes('--check');
const out = mkdtempSync(join(tmpdir(), 'rvf-page-'));
try {
  build(out);
  const lines = differences(out, target);
  if (check && lines.length > 0) {
    console.error(`pwa-loader/prebuilt is not what the sources make: ${lines.join('; ')}. Run \`cargo xtask page\` and commit what it writes.`);
    process.exitCode = 1;
  } else if (!check && lines.length > 0) {
    rmSync(target, { recursive: true, force: true });
    cpSync(out, target, { recursive: true });
    console.log(`built: ${list(target).length} files`);
  }
} catch (error) {
  console.error(`cannot build the page: ${error.message}`);
  process.exitCode = 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
