// What the library gives its users.
export { open } from './file.js';
export { create, destroy } from './store/store.js';
export { RvfError } from './errors.js';
export type * from './types.js';
