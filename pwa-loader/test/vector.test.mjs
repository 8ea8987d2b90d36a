// Reading what people paste, and showing what files hold: without a browser.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { neutral, percent, recallText, size, time } from '../prebuilt/app/dom.js';
import { parseVector } from '../prebuilt/app/vector.js';
import { segmentName } from '../prebuilt/app/words.js';

const read = (text, dimension = 3, cosine = true) => parseVector(text, dimension, cosine);

test('a vector is read in every form that programs print', () => {
  const forms = ['[1, -2.5, 3e-2]', '1 -2.5 3e-2', '1,-2.5,3e-2', '1;-2.5;+.03', ' [1,-2.5,0.03]\n', '1\n-2.5\n3E-2\n', '1,-2.5,.03,', '[\n 1.,\n -2.5,\n 0.03\n]', '1\t-2.5\t0.03'];
  for (const text of forms) assert.deepEqual(read(text), { vector: Float32Array.of(1, -2.5, 0.03) }, text);
});

test('what is wrong with a vector is said, with the place', () => {
  const cases = [
    ['', /Paste a vector: 3 numbers/],
    ['[]', /empty/],
    ['1 2', /Found 2 numbers; this file's vectors have 3/],
    ['1', /Found 1 number;/],
    ['1 2 3 4 5 6', /several vectors/],
    ['1 2 x', /3rd entry is “x”, which is not a number/],
    ['1 NaN 3', /2nd entry is “NaN”/],
    ['Infinity 2 3', /1st entry is “Infinity”/],
    ['1 0x10 3', /“0x10”/],
    ['1,,3', /2nd entry is missing/],
    ['[1,2,3', /not closed/],
    ['1,2,3]', /no “\[”/],
    ['[[1,2,3]]', /not an array of arrays/],
    ['1 2 1e16', /too large/],
    ['1 2 1e999', /too large/],
    ['0 0 0', /needs a direction/],
    [`1 2 ${'y'.repeat(100)}`, /“y{24}…”/],
  ];
  for (const [text, expected] of cases) assert.match(read(text).error ?? 'no error', expected, text);
  assert.deepEqual(read('0 0 0', 3, false), { vector: new Float32Array(3) });
});

test('more text than any vector has is refused before it is read', () => {
  const start = performance.now();
  assert.match(read('1 '.repeat(3 << 20)).error, /too long/);
  // It must not hang, whatever the machine.
  assert.ok(performance.now() - start < 5000);
});

test('text from files can neither steer nor reorder what is shown', () => {
  assert.equal(neutral('a\u001b[31mred\u0007'), 'a\\u{1b}[31mred\\u{7}');
  assert.equal(neutral('two\nlines\tand\r'), 'two\\nlines\\tand\\r');
  assert.equal(neutral('txt\u202efdp.exe'), 'txt\\u{202e}fdp.exe');
  assert.equal(neutral('a\u{e0041}b\u200bc'), 'a\\u{e0041}b\\u{200b}c');
  for (const text of ['ocean.n', '日本語', 'می\u200cخواهم', '👩\u200d👧', '<b>bold</b>']) assert.equal(neutral(text), text);
  assert.ok(neutral('x'.repeat(100_000)).length < 700);
});

test('numbers keep what matters of them', () => {
  assert.deepEqual([size(0), size(10_239), size(10_240), size(3_600_000), size(2 ** 30)], ['0 B', '10,239 B', '10.0 KiB', '3.4 MiB', '1.0 GiB']);
  assert.deepEqual([percent(0), percent(0.00001), percent(0.5), percent(0.99999), percent(1)], ['0.0 %', '< 0.1 %', '50.0 %', '> 99.9 %', '100.0 %']);
  assert.deepEqual([recallText(0.9636), recallText(0.99999), recallText(1)], ['0.964', '0.9999', '1']);
  assert.deepEqual([time(0.123), time(2.67), time(250.4), time(2345)], ['0.12 ms', '2.7 ms', '250 ms', '2.3 s']);
});

test('a segment of an unknown kind is said to be one', () => {
  assert.equal(segmentName('VEC'), 'the vectors');
  // As the library names a type that it does not know.
  assert.equal(segmentName('0x0a'), 'of a kind that this page does not know');
});
