// Kernels that lie, put together from a harmless one: each replaces one function.
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folder, root, run } from './helpers.mjs';

/** Rows of the files, which hold small whole numbers in 384 dimensions; a row's id is its number. */
export const ROWS = 200;
const vectors = join(folder, 'few.npy');
const head = `{'descr': '|i1', 'fortran_order': False, 'shape': (${ROWS}, 384), }`.padEnd(117) + '\n';
writeFileSync(vectors, Buffer.concat([Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1'), Buffer.from(head), Buffer.from(Int8Array.from({ length: ROWS * 384 }, (_, n) => (n * 7919) % 101).buffer)]));

const assembler = join(root, 'xtask', 'optimizer', 'node_modules', 'binaryen', 'bin', 'wasm-as');
export const canAssemble = existsSync(assembler);

// It can do everything, and finds nothing.
const caps = (1 << 1) | (1 << 3) | (1 << 5) | (7 << 6) | (7 << 9) | (2 << 16);
const harmless = {
  rvf_abi: '(result i32) (i32.const 0x20002)',
  rvf_caps: `(result i32) (i32.const ${caps})`,
  rvf_open: '(param i32 i32 i32 i32) (result i32) (i32.const 0)',
  rvf_resident: '(param i32 i32 i32 i32) (result i32) (i32.const 0)',
  rvf_size: '(param i32 i32) (result i32) (i32.const 1024)',
  rvf_begin: '(param i32 i32 i32 i32 i32) (result i32) (i32.const 0)',
  rvf_step: '(param i32) (result i32) (i32.const 0)',
  rvf_needs: '(param i32) (result i32) (i32.const 0)',
  rvf_feed: '(param i32 i32 i32) (result i32) (i32.const 0)',
  rvf_results: '(param i32 i32 i32) (result i32) (i32.const 0)',
  rvf_stats: '(param i32 i32) (result i32) (i32.const 0)',
  rvf_block: '(param i32 i32 i32) (result i32) (i32.const 0)',
};

/** A small file whose kernel is the harmless one but for some functions; `more` is put into the module. */
export function liar(name, changed, more = '', memory = '(memory (export "memory") 1)', base = 'i32 (i32.const 4096)') {
  const functions = Object.entries({ ...harmless, ...changed }).map(([call, body]) => `(func (export "${call}") ${body})`);
  const text = join(folder, `${name}.wat`), code = join(folder, `${name}.wasm`);
  writeFileSync(text, `(module ${memory} (global (export "__heap_base") ${base}) ${more} ${functions.join('\n')})`);
  execFileSync(process.execPath, [assembler, text, '-o', code, '--all-features', '--disable-custom-descriptors'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const path = join(folder, `${name}.rvf`);
  run(['pack', vectors, '-o', path, '--metric', 'l2', '--lists', '1', '--kernel', code, '--force']);
  return path;
}

/** Two words of a hit, or of a need, at an address. */
const word = (at, value) => `(i32.store (i32.add (local.get 1) (i32.const ${at})) (i32.const ${value}))`;
const hits = (...pairs) => `(param i32 i32 i32) (result i32) ${pairs.flatMap(([row, bits], n) => [word(8 * n, row), word(8 * n + 4, bits)]).join(' ')} (i32.const ${pairs.length})`;
const need = (region, length, low, high) => `(param i32) (result i32) (i32.store (i32.const 64) (i32.const ${region})) (i32.store (i32.const 68) (i32.const ${length})) (i32.store (i32.const 72) (i32.const ${low})) (i32.store (i32.const 76) (i32.const ${high})) (i32.const 64)`;
export const begin = '(param i32 i32 i32 i32 i32) (result i32)';
const asks = '(param i32) (result i32) (i32.const 1)';
const ONE = 0x3f800000, TWO = 0x40000000, NAN = 0x7fc00000;

/** What each does, the code of the error and what its message says; `at` is where it shows. */
export const liars = [
  ['traps', { rvf_step: '(param i32) (result i32) (unreachable)' }, 'MODULE', /failed in rvf_step/],
  ['traps at a query', { rvf_begin: `${begin} (unreachable)` }, 'MODULE', /failed in rvf_begin/],
  ['grows and traps at a query', { rvf_begin: `${begin} (drop (memory.grow (i32.const 1))) (unreachable)` }, 'MODULE', /failed in rvf_begin/],
  ['overflows the stack', { rvf_step: '(param i32) (result i32) (call $deep (local.get 0))' }, 'MODULE', /failed in rvf_step/, '(func $deep (param i32) (result i32) (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))'],
  ['answers with an error', { rvf_step: '(param i32) (result i32) (i32.const -10)' }, 'MODULE', /STATE/],
  ['asks for too much at once', { rvf_step: '(param i32) (result i32) (i32.const 100000)' }, 'MODULE', /100000 ranges/],
  ['writes its needs outside', { rvf_step: asks, rvf_needs: '(param i32) (result i32) (i32.const -16)' }, 'MODULE', /outside its memory/],
  ['needs a region that is none', { rvf_step: asks, rvf_needs: need(7, 16, 0, 0) }, 'MODULE', /region 7/],
  ['needs bytes behind a region', { rvf_step: asks, rvf_needs: need(1, 64, 0x40000000, 0) }, 'MODULE', /region 1/],
  ['needs bytes far away', { rvf_step: asks, rvf_needs: need(2, 64, -1, -1) }, 'MODULE', /region 2/],
  ['needs nothing', { rvf_step: asks, rvf_needs: need(2, 0, 0, 0) }, 'MODULE', /0 bytes/],
  ['needs the same for ever', { rvf_step: asks, rvf_needs: need(2, 64, 0, 0) }, 'MODULE', /more than any search/],
  ['gives half a hit', { rvf_results: '(param i32 i32 i32) (result f64) (f64.const 2.5)' }, 'MODULE', /no i32 from rvf_results/],
  ['gives hits of 64 bits', { rvf_results: '(param i32 i32 i32) (result i64) (i64.const 1)' }, 'MODULE', /no i32 from rvf_results/],
  ['wants a state beyond measure', { rvf_size: '(param i32 i32) (result i32) (i32.const 0x7fffffff)' }, 'MODULE', /bytes for a query/],
  ['finds a row that is not there', { rvf_results: hits([ROWS, ONE]) }, 'MODULE', /row 200/],
  ['finds a row twice', { rvf_results: hits([5, ONE], [5, TWO]) }, 'MODULE', /twice/],
  ['finds hits out of order', { rvf_results: hits([5, TWO], [6, ONE]) }, 'MODULE', /not in order/],
  ['finds a distance that is none', { rvf_results: hits([5, NAN]) }, 'MODULE', /no number/],
  ['finds more than was asked for', { rvf_results: '(param i32 i32 i32) (result i32) (i32.const 11)' }, 'MODULE', /11 hits/],
];
export const atOpen = [
  ['speaks another version', { rvf_abi: '(result i32) (i32.const 3)' }, 'MODULE', /version 0x3/],
  ['can do nothing', { rvf_caps: '(result i32) (i32.const 0)' }, 'MODULE', /can not do/],
  ['traps when it is opened', { rvf_open: '(param i32 i32 i32 i32) (result i32) (unreachable)' }, 'MODULE', /failed in rvf_open/],
  ['has no memory', {}, 'MODULE', /memory/, '', ''],
  ['has a table for a memory', {}, 'MODULE', /export a memory/, '(table (export "memory") 1 funcref)', '(memory 1)'],
  ['has a heap that begins inside a byte', {}, 'MODULE', /__heap_base as an i32/, undefined, undefined, 'f64 (f64.const 2048.5)'],
  ['has a heap that begins at a vector', {}, 'MODULE', /__heap_base as an i32/, undefined, undefined, 'v128 (v128.const i32x4 1 2 3 4)'],
  ['can do 64 bits', { rvf_caps: '(result i64) (i64.const 5)' }, 'MODULE', /no i32 from rvf_caps/],
  ['has large tables', {}, 'MODULE', /tables of 80000 entries/, '(table $a 40000 funcref) (table $b 40000 externref)'],
  ['grows a table', {}, 'MODULE', /grow its tables/, '(table $t 1 funcref) (func (drop (table.grow $t (table.get $t (i32.const 0)) (i32.const 1))))'],
  ['begins with more memory than it may have', {}, 'MODULE', /begins with 16711680 bytes.*8388608 are allowed/, undefined, '(memory (export "memory") 255)'],
];
