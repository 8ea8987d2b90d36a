// What the library gives its users, and what passes between its parts. Types alone: nothing here runs.

/** Under which distance a file's vectors are near: squared Euclidean, negated inner product, 1 − cosine. */
export type Metric = 'l2' | 'ip' | 'cosine';
/** What is kept of each vector: a byte a component with a scale, or the components themselves. */
export type VectorKind = 'i8' | 'f16' | 'f32';
/** A row's id: the number of the row where the file keeps none, a 64-bit number, or text. */
export type Id = number | bigint | string;

/** Where a file comes from. A string is a URL, or in Node, Deno and Bun a path. */
export type Source = string | URL | Blob | ArrayBuffer | Uint8Array;

/** How far a long task has come. `total` is missing where it is not known yet. */
export interface Progress {
  readonly phase: 'download' | 'verify' | 'build';
  /** Bytes, or rows where the phase is `build`. */
  readonly done: number;
  readonly total?: number;
}

export interface OpenOptions {
  /** Ends the opening, and everything that is asked of the file later. */
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
  /**
   * Where the file's code runs. `worker` (the default where there are workers): in a worker, so that a page never stalls and a
   * module that does not end is ended. `inline`: on the caller's own thread: the least delay, no time limit.
   */
  run?: 'worker' | 'inline';
  /**
   * What may run. `auto` (the default): the file's kernel as WebAssembly, its SIMD build where the engine has SIMD; the
   * JavaScript twin where there is no WebAssembly and the kernel is one that has a twin. The others force one.
   */
  engine?: 'auto' | 'simd' | 'scalar' | 'javascript';
  /** `auto`: a file of up to `residentBytes` is held in the module's memory, a larger one is read as queries need it. */
  residency?: 'auto' | 'resident' | 'streamed';
  /** 256 MiB unless told; a remote file is never made resident by `auto`. */
  residentBytes?: number;
  /** Most bytes that checked blocks may take while a file is streamed; 64 MiB unless told. */
  cacheBytes?: number;
  /** Most bytes of memory that the file's module may take; 512 MiB unless told. */
  memoryBytes?: number;
  /**
   * Milliseconds after which a query that has not answered is ended with the error `TIMEOUT` (in a worker); 10,000 unless told.
   * It is the file's module that is timed: waiting for a network does not count.
   */
  timeoutMs?: number;
  /** Workers that answer a batch; the number of cores less one, at least one, unless told. */
  workers?: number;
  /** Used instead of the global `fetch`, for a host that adds headers or counts. */
  fetch?: typeof fetch;
}

/** What one search asks for. Exactly one of `vector` and `like`. */
export interface SearchRequest {
  /** As many finite components as the file has dimensions. */
  vector?: ArrayLike<number>;
  /** The id of a row whose neighbours are wanted; it is left out itself. */
  like?: Id;
  /** 1 to 65,536; 10 unless told. */
  k?: number;
  /** The recall that the file was measured to reach; the file's usual one unless told. One of `recall`, `probes`, `exact`. */
  recall?: number;
  /** How many lists are visited; 0: all. */
  probes?: number;
  /** With `probes`, for measuring: how loose the bounds are, 0 to 16, and how many candidates are scored again (spec/kernel.md, section 4). */
  slack?: number;
  pool?: number;
  /** Every vector, as stored. */
  exact?: boolean;
  /** The rows that count, or a bitmap by row (bit n mod 8 of byte ⌊n/8⌋). */
  filter?: { rows: Iterable<number> } | { bitmap: Uint8Array };
  signal?: AbortSignal;
}

export interface Hit {
  readonly row: number;
  readonly id: Id;
  readonly distance: number;
}

/** What a search cost, and what answered it. */
export interface Stats {
  /** Milliseconds from the call to the answer, waiting included. */
  readonly ms: number;
  readonly engine: EngineName;
  /** Rows whose codes were looked at, of centroids too; of an exact search all that count. */
  readonly scanned: number;
  /** Rows whose distance was computed. */
  readonly ranked: number;
  /** Bytes that were fetched for this search, and in how many rounds that waited for each other. */
  readonly bytesRead: number;
  readonly rounds: number;
  /** The recall that this effort was measured to reach; missing where it was not measured, 1 where the search is exact. */
  readonly recall?: number;
}

export interface Answer {
  /** Nearest first; equal distances by row. */
  readonly hits: readonly Hit[];
  readonly stats: Stats;
}

/** `simd` and `scalar`: the module from the file, as WebAssembly. `javascript`: its twin in the library. `memory`: a store's own. */
export type EngineName = 'simd' | 'scalar' | 'javascript' | 'memory';

export interface SegmentInfo {
  readonly id: number;
  /** As in spec/format.md: ROOT, MANIFEST, INDEX, QUANT, VEC, IDS, ORDER, DIGEST, WASM, or the number of one that is not known. */
  readonly type: string;
  readonly offset: number;
  readonly bytes: number;
}

export interface KernelInfo {
  readonly role: string;
  readonly features: readonly string[];
  readonly bytes: number;
  /** SHAKE-256-256 of the module, in hex. */
  readonly hash: string;
  /** Whether the library knows this kernel by its hash. */
  readonly known: boolean;
  /** Whether this is the module that answers. */
  readonly chosen: boolean;
}

export interface EffortInfo {
  readonly k: number;
  readonly recall: number;
  readonly probes: number;
  readonly scanned: number;
}

export interface FileInfo {
  readonly rows: number;
  readonly dimension: number;
  readonly metric: Metric;
  readonly vectors: VectorKind;
  readonly idKind: 'none' | 'u64' | 'text';
  readonly lists: number;
  readonly bytes: number;
  readonly generation: number;
  readonly segments: readonly SegmentInfo[];
  readonly kernels: readonly KernelInfo[];
  readonly efforts: readonly EffortInfo[];
  readonly usualRecall: number;
  readonly properties: Readonly<Record<string, string>>;
  readonly engine: EngineName;
  /** Why this engine and not a better one, where that is so. */
  readonly engineReason?: string;
  readonly residency: 'resident' | 'streamed';
  readonly warnings: readonly string[];
}

export interface Fault {
  /** The rule of spec/format.md that is broken. */
  readonly rule: string;
  readonly message: string;
  readonly offset?: number;
}

export interface Verdict {
  readonly ok: boolean;
  readonly faults: readonly Fault[];
  readonly warnings: readonly string[];
  readonly bytes: number;
  readonly ms: number;
}

export interface Row {
  readonly row: number;
  readonly id: Id;
  readonly vector: Float32Array;
}

/** Bytes that went over the wire or from the disk since the file was opened. */
export interface Traffic {
  readonly requests: number;
  readonly bytes: number;
  readonly rounds: number;
}

/** An open file. */
export interface RvfFile {
  info(): FileInfo;
  /** Rejects with an `RvfError`; of an aborted signal with its reason. */
  search(request: SearchRequest): Promise<Answer>;
  /** As many answers as requests, in their order, over a pool of workers. */
  searchBatch(requests: readonly SearchRequest[], options?: { signal?: AbortSignal }): Promise<Answer[]>;
  get(id: Id): Promise<Row | undefined>;
  /** By number, which every file has. */
  row(row: number): Promise<Row>;
  /** Every byte against its digest, and every rule that the library knows. */
  verify(options?: { signal?: AbortSignal; onProgress?: (progress: Progress) => void }): Promise<Verdict>;
  traffic(): Traffic;
  close(): Promise<void>;
}

export type ErrorCode =
  /** The bytes break a rule of the format: damage, or not such a file. */
  | 'FORMAT'
  /** The module in the file did what it must not: the message names it and the deed. */
  | 'MODULE'
  /** A request that can't be answered: a wrong dimension, an unknown id, a recall above the file's ceiling. */
  | 'REQUEST'
  /** The file can't be read: not found, no permission, the network. */
  | 'SOURCE'
  /** The file at the URL is no longer the one that was opened. */
  | 'CHANGED'
  /** The engine lacks what the file asks for. */
  | 'UNSUPPORTED'
  | 'TIMEOUT'
  | 'CLOSED';

export interface CreateOptions {
  /** Components of each vector, 1 to 65,536. */
  dimension: number;
  /** `cosine` unless told. */
  metric?: Metric;
  /** What is kept of each vector: `f32`, the default, is what was inserted, to the bit. */
  vectors?: VectorKind;
  /** Kept in the browser under this name (OPFS, or IndexedDB where there is none), and read again if it is there. */
  name?: string;
  /** `worker`, the default where there are workers: a page never stalls. `inline`: on the caller's own thread. */
  run?: 'worker' | 'inline';
  /** Closes the store when it is aborted. */
  signal?: AbortSignal;
}

/** A small vector database in memory. */
export interface RvfStore {
  readonly dimension: number;
  readonly metric: Metric;
  readonly size: number;
  /** Adds one, or replaces the one of this id. Without an id it gets the next free number. Resolves to the id. */
  insert(vector: ArrayLike<number>, id?: Id): Promise<Id>;
  /** `vectors`: count × dimension components. All are taken, or none; of an id that is there twice the last one counts. */
  insertBatch(vectors: Float32Array | readonly ArrayLike<number>[], ids?: readonly Id[]): Promise<Id[]>;
  /** Whether it was there. */
  delete(id: Id): Promise<boolean>;
  /** As it is kept. */
  get(id: Id): Promise<Float32Array | undefined>;
  /** Over all that is in the store at this moment. A hit's `row` is the number of its insert, while the store is open. */
  search(request: SearchRequest): Promise<Answer>;
  /** The bytes of a .rvf file with all that is in the store. From then on it is searched by the lists that were made for that. */
  save(options?: { recall?: number; onProgress?: (progress: Progress) => void; signal?: AbortSignal }): Promise<Uint8Array>;
  /** Writes what has changed to where the store is kept. Only with a name. */
  persist(): Promise<void>;
  /** Removes what is kept. Only with a name. */
  destroy(): Promise<void>;
  close(): Promise<void>;
}

/** `open(source, options)`: opens a file and checks what it says of itself. */
export type Open = (source: Source, options?: OpenOptions) => Promise<RvfFile>;
/** `create(options)`: an empty store, or the one that is kept under the name. */
export type Create = (options: CreateOptions) => Promise<RvfStore>;
/** `destroy(name)`: removes the store that is kept under the name, also one that can't be opened. */
export type Destroy = (name: string) => Promise<void>;
