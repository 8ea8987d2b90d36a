// The JavaScript twin of the scalar kernel: scripts/twin.mjs makes it from rvf-microkernel/prebuilt when the library is built.
import type { KernelMemory } from './machine.js';

/** A fresh instance: what the module exports. */
export function instantiate(): Record<string, unknown> & { memory: KernelMemory };
