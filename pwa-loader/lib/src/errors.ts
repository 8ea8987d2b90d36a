// What goes wrong has one type. The message says what was expected, what was found, where, and what to do.
import type { ErrorCode } from './types.js';

export interface ErrorPlace {
  /** The rule of spec/format.md or spec/kernel.md that is broken. */
  rule?: string | undefined;
  /** Where in the file. */
  offset?: number | undefined;
  cause?: unknown;
}

export class RvfError extends Error {
  override readonly name = 'RvfError';
  readonly code: ErrorCode;
  readonly rule?: string;
  readonly offset?: number;

  constructor(code: ErrorCode, message: string, place: ErrorPlace = {}) {
    super(message, place.cause === undefined ? undefined : { cause: place.cause });
    this.code = code;
    if (place.rule !== undefined) this.rule = place.rule;
    if (place.offset !== undefined) this.offset = place.offset;
  }
}

/** The file breaks a rule of the format. */
export function broken(rule: string, message: string, offset?: number): RvfError {
  const at = offset === undefined ? '' : `, at byte ${offset} of the file`;
  return new RvfError('FORMAT', `${message}${at} (${rule}); get the file again from its source, or pack it again`, { rule, offset });
}

/** Throws unless a rule holds. The message is made only when it is needed. */
export function ensure(holds: boolean, rule: string, message: () => string, offset?: number): asserts holds {
  if (!holds) throw broken(rule, message(), offset);
}

export const request = (message: string): RvfError => new RvfError('REQUEST', message);

/** What passes between threads: an error's own class is lost on the way. */
export interface ErrorNote {
  name: string;
  message: string;
  code?: ErrorCode;
  rule?: string;
  offset?: number;
}

export function noteOf(error: unknown): ErrorNote {
  if (error instanceof RvfError) {
    const note: ErrorNote = { name: error.name, message: error.message, code: error.code };
    if (error.rule !== undefined) note.rule = error.rule;
    if (error.offset !== undefined) note.offset = error.offset;
    return note;
  }
  if (error instanceof Error) return { name: error.name, message: error.message };
  return { name: 'Error', message: String(error) };
}

export function errorOf(note: ErrorNote): Error {
  if (note.code) return new RvfError(note.code, note.message, note);
  const error = new Error(note.message);
  error.name = note.name;
  return error;
}
