// The stable numbers of a store's rows. In memory rows move up when deleted ones go; what a hit says is the number that its
// insert was given.
import { request } from '../errors.js';
import type { SearchRequest } from '../types.js';

export class RowNumbers {
  /** Undefined while nothing has moved. */
  #numbers: number[] | undefined;
  #next = 0;

  add(count: number): void {
    if (this.#numbers) for (let i = 0; i < count; i++) this.#numbers.push(this.#next + i);
    this.#next += count;
  }

  numberOf(row: number): number {
    return this.#numbers ? this.#numbers[row]! : row;
  }

  /** Only these rows are left. */
  keep(left: readonly number[]): void {
    this.#numbers = left.map((row) => this.numberOf(row));
  }

  /** A filter by number as a bitmap by row. */
  bitmap(filter: NonNullable<SearchRequest['filter']>, rows: number): Uint8Array {
    const wanted = 'bitmap' in filter ? filter.bitmap : bitmapOf(filter.rows, this.#next);
    const bitmap = new Uint8Array((rows + 7) >> 3);
    if (!this.#numbers) {
      bitmap.set(wanted.subarray(0, bitmap.length));
      return bitmap;
    }
    for (let row = 0; row < rows; row++) {
      const number = this.#numbers[row]!;
      if ((wanted[Math.floor(number / 8)] ?? 0) & (1 << number % 8)) bitmap[row >> 3]! |= 1 << (row & 7);
    }
    return bitmap;
  }
}

function bitmapOf(rows: Iterable<number>, next: number): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(next / 8));
  for (const row of rows) {
    if (!Number.isInteger(row) || row < 0) throw request(`expected rows that are whole numbers from 0 on in the filter, found ${row}; give the rows of hits`);
    // A row that never was counts for nothing.
    if (row < next) bitmap[Math.floor(row / 8)]! |= 1 << row % 8;
  }
  return bitmap;
}
