// Keeps a store in the origin's private file system: a folder for each store.
//
// A head stands in one of two files in turn, so the one before is whole until the new one is. The files of both heads stay,
// so what a crash leaves can be opened by one of them.
import { RvfError } from '../../errors.js';
import { changed, isHead, locked, named, type Head, type Keeper } from './keeper.js';

const FOLDER = 'rvf-stores';
const SLOTS = ['head-0.json', 'head-1.json'] as const;

/** Whether this browser has what is needed, in pages as in workers: both must keep a store at the same place. */
export const hasOpfs = (): boolean =>
  typeof (globalThis.navigator as Navigator | undefined)?.storage?.getDirectory === 'function' && typeof FileSystemFileHandle === 'function' && 'createWritable' in FileSystemFileHandle.prototype;

export class OpfsKeeper implements Keeper {
  constructor(private readonly name: string) {}

  /** The folder of a store. A prefix keeps names like `..` from being special. */
  async #folder(create: boolean): Promise<FileSystemDirectoryHandle | undefined> {
    const root = await navigator.storage.getDirectory();
    try {
      const all = await root.getDirectoryHandle(FOLDER, { create });
      return await all.getDirectoryHandle(`s-${encodeURIComponent(this.name)}`, { create });
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** In no other page's write, whose files come and go while both heads are looked at. */
  head(): Promise<Head | undefined> {
    return locked(this.name, async () => {
      const folder = await this.#folder(false);
      return folder && (await heads(folder))[0];
    });
  }

  async file(name: string): Promise<Uint8Array> {
    const folder = await this.#folder(false);
    const bytes = folder && (await bytesOf(folder, name));
    if (!bytes) throw new RvfError('SOURCE', `the kept store ${JSON.stringify(this.name)} has lost its file ${name}; destroy(${JSON.stringify(this.name)}) removes it; make it again`);
    return bytes;
  }

  write(head: Head, files: ReadonlyMap<string, Uint8Array>, before: number): Promise<void> {
    return locked(this.name, async () => {
      const folder = (await this.#folder(true))!;
      const found = await heads(folder);
      if ((found[0]?.generation ?? 0) !== before) throw changed(this.name);
      for (const [name, bytes] of files) await put(folder, name, bytes);
      await put(folder, SLOTS[head.generation % 2]!, new TextEncoder().encode(sealed(head)));
      const stay = new Set<string>([...SLOTS, ...named(head), ...named(found[0])]);
      const names: string[] = [];
      for await (const name of folder.keys()) if (!stay.has(name)) names.push(name);
      for (const name of names) await folder.removeEntry(name);
    });
  }

  remove(): Promise<void> {
    return locked(this.name, async () => {
      const root = await navigator.storage.getDirectory();
      try {
        const all = await root.getDirectoryHandle(FOLDER);
        await all.removeEntry(`s-${encodeURIComponent(this.name)}`, { recursive: true });
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    });
  }
}

const isMissing = (error: unknown): boolean => error instanceof DOMException && error.name === 'NotFoundError';

async function bytesOf(folder: FileSystemDirectoryHandle, name: string): Promise<Uint8Array | undefined> {
  try {
    const file = await (await folder.getFileHandle(name)).getFile();
    return new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** What is written replaces a file when it is closed, and not before. */
async function put(folder: FileSystemDirectoryHandle, name: string, bytes: Uint8Array): Promise<void> {
  const file = await folder.getFileHandle(name, { create: true });
  const writable = await file.createWritable();
  try {
    await writable.write(bytes as Uint8Array<ArrayBuffer>);
    await writable.close();
  } catch (cause) {
    await writable.abort().catch(() => undefined);
    const full = cause instanceof DOMException && cause.name === 'QuotaExceededError';
    throw new RvfError('SOURCE', `${bytes.length} bytes of the store can not be kept: ${cause instanceof Error ? cause.message : String(cause)}; ${full ? 'free some of the space that this site takes' : 'what was kept before is as it was: try again'}`, { cause });
  }
}

/** The heads that are whole and have their files, the newest first. */
async function heads(folder: FileSystemDirectoryHandle): Promise<Head[]> {
  const names = new Set<string>();
  for await (const name of folder.keys()) names.add(name);
  const found: Head[] = [];
  for (const slot of SLOTS) {
    const bytes = names.has(slot) ? await bytesOf(folder, slot) : undefined;
    const head = bytes && unsealed(new TextDecoder().decode(bytes));
    if (head && named(head).every((name) => names.has(name))) found.push(head);
  }
  return found.sort((a, b) => b.generation - a.generation);
}

/** A head as text, with a sum in front that tells a torn one. */
export function sealed(head: Head): string {
  const text = JSON.stringify(head);
  return `${sum(text)}\n${text}`;
}

export function unsealed(text: string): Head | undefined {
  const end = text.indexOf('\n');
  if (end < 0 || sum(text.slice(end + 1)) !== text.slice(0, end)) return undefined;
  try {
    const head: unknown = JSON.parse(text.slice(end + 1));
    return isHead(head) ? head : undefined;
  } catch {
    return undefined;
  }
}

/** FNV-1a of 32 bits, over the UTF-16 of a text. */
function sum(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
