// Our own kernels by their hashes, in hex: scripts/twin.mjs makes it from rvf-microkernel/prebuilt when the library is built.

export const KERNELS: ReadonlySet<string>;
/** The scalar one, of which the library has a JavaScript twin (twin.js). */
export const TWIN: string;
