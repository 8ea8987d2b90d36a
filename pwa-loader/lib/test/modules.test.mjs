// What the library reads from a module's bytes: held against what `rvf pack` says of the same module, and against bytes that are none.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { open, RvfError } from '../dist/index.js';
import { factsOf } from '../dist/engine/binary.js';
import { capped } from '../dist/engine/cap.js';
import { usualRecall } from '../dist/engine/effort.js';
import { Ids } from '../dist/format/ids.js';
import { engineFeatures, featureNames } from '../dist/engine/features.js';
import { pack, queries, root } from './helpers.mjs';
import { canAssemble, liar } from './liars.mjs';

const skip = canAssemble ? false : 'Binaryen is not installed: run `npm run build`';

for (const [name, more, features] of [
  ['nothing', '', []],
  ['sign extension and saturating conversion', '(func (result i32) (i32.extend8_s (i32.trunc_sat_f32_s (f32.const 1))))', []],
  ['a mutable global', '(global (export "g") (mut i32) (i32.const 1))', []],
  ['bulk memory', '(func (memory.copy (i32.const 0) (i32.const 1) (i32.const 2)))', ['bulk-memory']],
  ['vectors', '(func (param v128))', ['simd']],
  ['vectors in a body', '(func (drop (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (v128.const i32x4 1 2 3 4) (v128.load8_lane 3 (i32.const 0) (v128.const i64x2 1 2)))))', ['simd']],
  ['two results', '(func (result i32 i32) (i32.const 1) (i32.const 2))', ['multi-value']],
  ['references', '(func (param externref))', ['reference-types']],
  ['two tables', '(table 1 funcref) (table 2 funcref)', ['reference-types']],
  ['a table that is written', '(table 1 funcref) (func (table.set (i32.const 0) (table.get (i32.const 0))))', ['reference-types']],
  ['atomic operations', '(func (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1))) (atomic.fence))', ['threads']],
  ['a tail call', '(func $f (return_call $f))', ['tail-call']],
  ['exceptions', '(tag $e) (func (throw $e))', ['exceptions']],
]) {
  test(`the features of a module with ${name} are those that its file names`, { skip }, async () => {
    const path = liar(`features-${name.replaceAll(' ', '-')}`, {}, more);
    const { kernels: [kernel] } = (await open(path, { run: 'inline' })).info();
    assert.deepEqual(kernel.features, features);
  });
}

test('this engine has the features that it is known to have', () => {
  assert.deepEqual(featureNames(engineFeatures()).slice(0, 5), ['simd', 'bulk-memory', 'multi-value', 'reference-types', 'threads']);
});

test('a module is compiled with a limit for its memory, however its own is written', () => {
  const before = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, 3, 1, 0x78, 7], after = [7, 5, 1, 1, 0x6d, 2, 0];
  for (const [section, pages, most] of [
    [[5, 3, 1, 0, 1], 100, 100], [[5, 3, 1, 0, 1], 70000 >> 1, 200], [[5, 4, 1, 1, 1, 3], 100, 3], [[5, 5, 1, 1, 1, 0xc8, 1], 100, 100], [[5, 5, 1, 1, 1, 0xc8, 1], 1000, 200],
    // Numbers that take more bytes than they need, of which engines take five.
    [[5, 0x87, 0x80, 0x00, 0x81, 0x00, 0, 0x81, 0x80, 0x80, 0x00], 130, 130],
  ]) {
    const code = Uint8Array.from([...before, ...section, ...after]), kept = code.slice();
    const facts = factsOf(code, (message) => new Error(message)), put = capped(code, facts, pages);
    assert.deepEqual(code, kept, 'the bytes of the file are left alone');
    const { m } = new WebAssembly.Instance(new WebAssembly.Module(put)).exports;
    assert.equal(m.grow(most - 1), 1);
    if (most === Math.min(pages, facts.maxPages ?? pages)) assert.throws(() => m.grow(1), RangeError);
    assert.deepEqual([...put.subarray(0, before.length), ...put.subarray(-after.length)], [...before, ...after]);
  }
  const none = Uint8Array.from(before);
  assert.deepEqual(capped(none, factsOf(none, (message) => new Error(message)), 1), none);
  // Our own kernels stay what they are but for that.
  for (const name of ['simd', 'scalar']) {
    const code = new Uint8Array(readFileSync(join(root, 'rvf-microkernel', 'prebuilt', `rvf-microkernel-${name}.wasm`))), refuse = (message) => new Error(message);
    const facts = factsOf(code, refuse), put = capped(code, facts, 8192);
    assert.deepEqual({ ...factsOf(put, refuse), memory: 0 }, { ...facts, maxPages: 8192, memory: 0 });
    assert.ok(WebAssembly.validate(put));
  }
});

test('rvf.recall is read as rvf reads it', () => {
  for (const [text, recall] of [['0.9', 0.9], ['9e-1', 0.9], ['+0.9', 0.9], ['1E0', 1], ['.5', 0.5], ['1.', 1], ['90e-2', 0.9]]) assert.equal(usualRecall({ 'rvf.recall': text }), recall, text);
  for (const text of ['', '.', '0', '-0.5', '1.5', 'inf', 'nan', '0x1', ' 0.5', '0.5 ', '0.5\n', '1_0', '5e', 'e1', '0,9']) assert.equal(usualRecall({ 'rvf.recall': text }), 0.95, text);
});

test('ids that are forgotten while another call waits are still its answer', async () => {
  // Numbers as ids, each that of its row, read after a while.
  const rows = 200_000, segment = { payload: 0, length: 64 + 16 * rows }, head = new Uint8Array(64), view = new DataView(head.buffer);
  view.setUint32(0, 0x44465652, true);
  view.setUint16(4, 1, true);
  head[6] = 1;
  view.setBigUint64(8, BigInt(rows), true);
  view.setBigUint64(16, BigInt(64 + 8 * rows), true);
  const read = async (spans) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return spans.map(({ from }) => (from === 0 ? head : new Uint8Array(BigUint64Array.of(BigInt((from - 64) / 8)).buffer)));
  };
  const ids = new Ids({ manifest: { idKind: 1, rows }, checked: { read }, segment: () => segment }), range = (from, count) => Array.from({ length: count }, (_, n) => from + n);
  await ids.of(range(0, 60_000));
  const [some, many, more] = await Promise.all([ids.of([5, 100_000]), ids.of(range(110_000, 10_000)), ids.of([5, 119_999, 7])]);
  assert.deepEqual([some, many, more], [[5, 100_000], range(110_000, 10_000), [5, 119_999, 7]]);
});

test('bytes that are no module are refused, and never read beyond their end', () => {
  for (const name of ['simd', 'scalar']) {
    const code = new Uint8Array(readFileSync(join(root, 'rvf-microkernel', 'prebuilt', `rvf-microkernel-${name}.wasm`)));
    const refuse = (message) => new RvfError('MODULE', message);
    let refused = 0, state = 12345;
    const random = (below) => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return Math.floor(state / 2 ** 32 * below); };
    for (let n = 0; n < 2000; n++) {
      const bytes = code.slice(0, n % 3 ? code.length : random(code.length));
      for (let flips = 1 + random(8); flips > 0; flips--) bytes[random(bytes.length)] = random(256);
      try {
        factsOf(bytes, refuse);
      } catch (error) {
        assert.ok(error instanceof RvfError, error);
        refused++;
      }
    }
    assert.ok(refused > 200, `${refused}`);
  }
});

test('a flipped byte anywhere ends in an error or in the right answer', async () => {
  const bytes = readFileSync(pack()), vector = queries[0], right = (await (await open(bytes, { run: 'inline' })).search({ vector })).hits;
  let refused = 0, unseen = 0;
  for (let i = 0; i < 80; i++) {
    const at = Math.floor((bytes.length * i) / 80) + ((i * 37) % 64), damaged = Uint8Array.from(bytes);
    damaged[at] ^= 1 << (i % 8);
    try {
      const file = await open(damaged, { run: 'inline', residency: i % 2 ? 'resident' : 'streamed' });
      const { hits } = await file.search({ vector });
      assert.deepEqual(hits, right, `byte ${at}`);
      // What a search did not meet, verify does.
      assert.equal((await file.verify()).ok, false, `byte ${at}`);
      unseen++;
    } catch (error) {
      if (!(error instanceof RvfError)) throw error;
      assert.equal(error.code, 'FORMAT');
      refused++;
    }
  }
  assert.ok(refused > 20 && unseen > 10, `${refused} refused, ${unseen} unseen`);
});
