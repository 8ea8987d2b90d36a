// Makes dist/engine/twin.js and dist/engine/known.js from the kernels in rvf-microkernel/prebuilt: the JavaScript twin of the scalar
// kernel by Binaryen's wasm2js, so that there is no second implementation by hand. The same input gives the same bytes.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const lib = join(dirname(fileURLToPath(import.meta.url)), '..'), root = join(lib, '..', '..');
const prebuilt = join(root, 'rvf-microkernel', 'prebuilt'), out = join(lib, 'dist', 'engine');
const { kernels } = JSON.parse(readFileSync(join(prebuilt, 'kernels.json'), 'utf8'));
const scalar = kernels.find(({ name }) => name === 'scalar');

// The optimizer that makes the kernels themselves; its version is pinned there.
const optimizer = join(root, 'xtask', 'optimizer'), binaryen = join(optimizer, 'node_modules', 'binaryen', 'bin', 'wasm2js');
if (!existsSync(binaryen)) execFileSync(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['ci', '--no-audit', '--no-fund'], { cwd: optimizer, stdio: 'inherit', shell: process.platform === 'win32' });

/** Binaryen counts bits one by one; the kernel does little else than count bits. */
const COUNT = ` function __wasm_popcnt_i64(low, high) {
  low = low - (low >>> 1 & 0x55555555) | 0;
  high = high - (high >>> 1 & 0x55555555) | 0;
  low = (low & 0x33333333) + (low >>> 2 & 0x33333333) | 0;
  high = (high & 0x33333333) + (high >>> 2 & 0x33333333) | 0;
  low = (low + (low >>> 4) & 0x0f0f0f0f) + (high + (high >>> 4) & 0x0f0f0f0f) | 0;
  i64toi32_i32$HIGH_BITS = 0;
  return Math_imul(low, 0x01010101) >>> 24;
 }
`;

/** The module that was made has one instance, at its top; ours has as many as are asked for, and does nothing when it is loaded. */
function wrapped(text) {
  const end = text.indexOf('\nvar retasmFunc = ');
  if (end < 0 || /^import /m.test(text)) throw new Error('wasm2js makes another kind of module now: scripts/twin.mjs has to follow');
  const counter = / function __wasm_popcnt_i64\([^]*?\n \}\n/;
  let body = text.slice(0, end);
  if (counter.test(body)) body = body.replace(counter, () => COUNT);
  return `// The JavaScript twin of ${scalar.file}, made by wasm2js of Binaryen with scripts/twin.mjs. Not to be changed by hand.\nexport function instantiate() {\n${body}\n  return asmFunc({});\n}\n`;
}

const folder = mkdtempSync(join(tmpdir(), 'rvf-twin-'));
let made;
try {
  const file = join(folder, 'twin.js');
  execFileSync(process.execPath, [binaryen, join(prebuilt, scalar.file), '--enable-bulk-memory', '--enable-mutable-globals', '-O3', '-o', file], { stdio: 'inherit' });
  made = readFileSync(file, 'utf8');
} finally {
  rmSync(folder, { recursive: true });
}
mkdirSync(out, { recursive: true });
writeFileSync(join(out, 'twin.js'), wrapped(made));
writeFileSync(join(out, 'known.js'), `// Made by scripts/twin.mjs.\nexport const KERNELS = new Set(${JSON.stringify(kernels.map(({ shake256 }) => shake256))});\nexport const TWIN = ${JSON.stringify(scalar.shake256)};\n`);
