// Keeps stores in IndexedDB, for browsers without a private file system that can be written: one transaction for each write,
// so it happens whole or not at all.
import { RvfError } from '../../errors.js';
import { changed, isHead, named, type Head, type Keeper } from './keeper.js';

const DATABASE = 'rvf-stores';
const HEADS = 'heads';
const FILES = 'files';

export const hasIndexedDb = (): boolean => typeof indexedDB !== 'undefined';

export class IndexedDbKeeper implements Keeper {
  constructor(private readonly name: string) {}

  head(): Promise<Head | undefined> {
    return this.#run('readonly', async (heads) => {
      const head = await settled(heads.get(this.name));
      return isHead(head) ? head : undefined;
    });
  }

  file(file: string): Promise<Uint8Array> {
    return this.#run('readonly', async (_, files) => {
      const bytes: unknown = await settled(files.get([this.name, file]));
      if (!(bytes instanceof Uint8Array)) throw new RvfError('SOURCE', `the kept store ${JSON.stringify(this.name)} has lost its file ${file}; destroy(${JSON.stringify(this.name)}) removes it; make it again`);
      return bytes;
    });
  }

  write(head: Head, changes: ReadonlyMap<string, Uint8Array>, before: number): Promise<void> {
    return this.#run('readwrite', async (heads, files) => {
      const found: unknown = await settled(heads.get(this.name));
      if ((isHead(found) ? found.generation : 0) !== before) throw changed(this.name);
      for (const [file, bytes] of changes) await settled(files.put(bytes, [this.name, file]));
      await settled(heads.put(head, this.name));
      for (const key of await settled(files.getAllKeys(this.#range()))) {
        if (!named(head).includes((key as [string, string])[1])) await settled(files.delete(key));
      }
    });
  }

  remove(): Promise<void> {
    return this.#run('readwrite', async (heads, files) => {
      await settled(files.delete(this.#range()));
      await settled(heads.delete(this.name));
    });
  }

  /** The keys of all files of this store: an array sorts behind all texts. */
  #range(): IDBKeyRange {
    return IDBKeyRange.bound([this.name], [this.name, []]);
  }

  /** Does something in one transaction, which is undone if it fails. */
  async #run<T>(mode: IDBTransactionMode, work: (heads: IDBObjectStore, files: IDBObjectStore) => Promise<T>): Promise<T> {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore(HEADS);
      opening.result.createObjectStore(FILES);
    };
    const database = await settled(opening);
    try {
      const transaction = database.transaction([HEADS, FILES], mode, { durability: 'strict' });
      const over = new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = transaction.onerror = () => reject(transaction.error);
      });
      over.catch(() => undefined);
      let result: T;
      try {
        result = await work(transaction.objectStore(HEADS), transaction.objectStore(FILES));
      } catch (error) {
        try { transaction.abort(); } catch { /* It is over already. */ }
        throw error;
      }
      await over;
      return result;
    } catch (cause) {
      if (cause instanceof RvfError) throw cause;
      throw new RvfError('SOURCE', `the store ${JSON.stringify(this.name)} can not be ${mode === 'readonly' ? 'read' : 'kept'}: ${cause instanceof Error ? cause.message : String(cause)}; what was kept before is as it was`, { cause });
    } finally {
      database.close();
    }
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
