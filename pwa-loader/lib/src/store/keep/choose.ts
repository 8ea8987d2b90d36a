// Where a store of this engine is kept.
import { RvfError } from '../../errors.js';
import { hasIndexedDb, IndexedDbKeeper } from './indexed-db.js';
import type { Keeper } from './keeper.js';
import { hasOpfs, OpfsKeeper } from './opfs.js';

export function keeperFor(name: string): Keeper {
  if (hasOpfs()) return new OpfsKeeper(name);
  if (hasIndexedDb()) return new IndexedDbKeeper(name);
  throw new RvfError('UNSUPPORTED', 'expected a private file system or IndexedDB to keep the store, found neither: they are a browser\'s; leave the name out, and write what save() gives to a file of your own');
}
