// What the worker of a store runs. Like worker.ts of the files, it does something when it is loaded.
import { noteOf } from '../errors.js';
import { Desk } from './operations.js';
import type { FromStoreWorker, ToStoreWorker } from './thread.js';

type Post = (message: FromStoreWorker, transfer: Transferable[]) => void;

/** Milliseconds of rest after which the worker prepares the next search. */
const IDLE = 50;

function serve(post: Post): (message: ToStoreWorker) => void {
  const desk = new Desk(undefined, IDLE);
  return ({ id, ...asked }) => {
    desk.do(asked, (progress) => post({ id, progress }, [])).then(
      (value) => post({ id, value, size: desk.size }, value instanceof Uint8Array || value instanceof Float32Array ? [value.buffer as ArrayBuffer] : []),
      (error: unknown) => post({ id, error: noteOf(error), size: desk.size }, []),
    );
  };
}

const scope = globalThis as unknown as { postMessage?: (message: unknown, transfer: Transferable[]) => void; addEventListener?: (type: 'message', listener: (event: { data: ToStoreWorker }) => void) => void };
if (typeof scope.postMessage === 'function' && typeof scope.addEventListener === 'function') {
  const take = serve((message, transfer) => scope.postMessage!(message, transfer));
  scope.addEventListener('message', ({ data }) => take(data));
} else {
  const { parentPort } = await import('node:worker_threads');
  const take = serve((message, transfer) => parentPort!.postMessage(message, transfer as unknown as import('node:worker_threads').Transferable[]));
  parentPort!.on('message', take);
}
