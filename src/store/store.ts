// What a store is: the contract that engines implement and test/store/conformance.ts checks. One owner process;
// nodes of a frontier lie in arrival order, which is topological, under sequence numbers 0, 1, 2 …; everything
// else is derived. A store knows no rule of admission: it keeps what the gate hands it, exactly and durably, or
// fails with a typed error. All digests are 32-byte SHA-256. Specification: protocol/store.md.

import type { Digest } from '../base/bytes.ts'
import type { DocumentBlock } from '../node/document-chunks.ts'

/** A node as the gate commits it. The caller has checked it whole. */
export interface NodeEntry {
  readonly digest: Digest
  readonly bytes: Uint8Array
  /** Digests of the parents, each stored already or earlier in the same commit. */
  readonly parents: readonly Digest[]
  readonly height: number
  /** The 8 bytes behind `vev_`: a label to look up by, never an identity. */
  readonly label: Uint8Array
  /** SHA-256 of the event text: two nodes with one event digest carry the same event. */
  readonly event: Digest
}

/** A node as it is read back: its bytes have been hashed again and equal `digest`. */
export interface NodeRow {
  readonly seq: number
  readonly digest: Digest
  readonly bytes: Uint8Array
  /** Sequence numbers of the parents, in the order of the node's parents; all less than `seq`. */
  readonly parents: readonly number[]
}

export interface NodeLocation {
  readonly seq: number
  readonly height: number
}

/** A change to the small records that live beside the nodes (registry, cursors, journal). `undefined` deletes. */
export interface RecordChange {
  readonly key: string
  readonly value: Uint8Array | undefined
}

/** Durable small values, at most 1 MiB each, keys up to 512 bytes of text. */
export interface Records {
  get(key: string): Promise<Uint8Array | undefined>
  /** All changes in one synced batch. */
  write(changes: readonly RecordChange[]): Promise<void>
  /** Records whose key starts with `prefix`, in key order, after `after` when given, at most `limit`. */
  list(prefix: string, options: { after?: string; limit: number }): Promise<{ key: string; value: Uint8Array }[]>
}

export interface ScanOptions {
  /** First sequence number, inclusive. */
  readonly from: number
  /** Last sequence number, exclusive; the end of the log when absent. */
  readonly to?: number
  readonly reverse?: boolean
  /** A batch ends when it has reached this many bytes of nodes (at least one node). Default 1 MiB. */
  readonly batchBytes?: number
}

/** Blocks of documents of one frontier, by digest, in no order. What is put is never taken out again. */
export interface DocumentStore {
  has(digests: readonly Digest[]): Promise<boolean[]>
  /** Bytes of each block, told without reading it; undefined for those not stored. */
  sizes(digests: readonly Digest[]): Promise<(number | undefined)[]>
  /** Hashed again; undefined when it is not stored. @throws ReplicaError ERR_STORE_CORRUPT */
  get(digest: Digest): Promise<Uint8Array | undefined>
  /**
   * Keeps blocks in one synced batch; of those stored already nothing is written.
   * @throws TypeError for a block larger than a block may be, or more bytes than COMMIT_LIMITS
   */
  put(blocks: readonly DocumentBlock[]): Promise<void>
}

/** Read access to a frontier's log, or to its first nodes. */
export interface LogReader {
  /** The frontier's name. */
  readonly name: string
  /** Number of nodes; sequence numbers are less than this. */
  readonly nodes: number
  /** The rows at these sequence numbers. @throws ReplicaError ERR_STORE_CORRUPT, ERR_NOT_FOUND past the end. */
  read(seqs: readonly number[]): Promise<NodeRow[]>
  /** Rows in sequence order (or reverse), a batch at a time. @throws ReplicaError ERR_STORE_CORRUPT */
  scan(options: ScanOptions): AsyncIterable<NodeRow[]>
}

/** One frontier's log in a store. */
export interface FrontierStore extends LogReader {
  readonly documents: DocumentStore
  /** Distinct events carried by them. */
  readonly events: number
  /** Heads in byte order. A new array at each call. */
  heads(): Digest[]
  readonly headCount: number
  /** SHA-256 over the sorted heads, concatenated; of the empty string when there is none. */
  headsDigest(): Digest
  /** Where each digest lies; undefined for those not stored. Order and length follow the argument. */
  locate(digests: readonly Digest[]): Promise<(NodeLocation | undefined)[]>
  /**
   * A reader of the first `nodes` nodes. Later commits do not change what it returns.
   * @throws TypeError if `nodes` is not an integer from 0 to the number of nodes stored
   */
  snapshot(nodes: number): LogReader
  /** Sequence numbers of the nodes whose event has this 8-byte label, ascending. */
  findByLabel(label: Uint8Array): Promise<number[]>
  /** Labels under which two or more distinct events are stored, in byte order. Walks the whole index: about 2 µs an event. */
  sharedLabels(): AsyncIterable<Uint8Array>
  /** The sequence numbers of the first nodes that carry these events (by event digest with label); undefined where none does. */
  findByEvent(events: readonly { label: Uint8Array; event: Digest }[]): Promise<(number | undefined)[]>
  /**
   * Appends a down-closed chunk in one atomic synced batch: nodes, heads, commit record, `records`. When it returns the chunk
   * is durable; when it throws nothing of it is visible, and after ERR_STORE_IO nothing more is written until the store
   * is opened again, which then shows the whole chunk or none of it. Calls run one after another. Returns the sequence
   * number of the first node. Records are cheap beside a single node; with every chunk of a bulk load they cost a third.
   * @throws TypeError for more than COMMIT_LIMITS, a parent that is not stored, a node that is (the gate filters them)
   */
  commit(nodes: readonly NodeEntry[], records?: readonly RecordChange[]): Promise<number>
}

/** Why a valid node is kept aside: it waits for a parent, a key's registration, a cut's heads, or a document. */
export interface Wait {
  readonly kind: 'parent' | 'key' | 'cut' | 'document'
  /** Digest of the parent, cut head or document, or the 32-byte key. */
  readonly id: Uint8Array
}

export interface HeldNode {
  readonly digest: Digest
  readonly bytes: Uint8Array
  /** The key that signed it. */
  readonly key: Uint8Array
  readonly wait: Wait
  /** Key of the peer that handed it over: whose quota it counts against. */
  readonly from: Uint8Array
}

/** Valid nodes kept aside, in a database of their own so that a flood can't hurt the log. Bytes are re-hashed on reading. */
export interface HeldStore {
  /**
   * Keeps nodes, durably. A node already held gets the new wait and stays with the peer that handed it over first.
   * Answers, for each, whether it is kept: false means that the peer's or the whole quota is full (HELD_LIMITS); nothing
   * is ever evicted.
   */
  put(frontier: string, nodes: readonly HeldNode[]): Promise<boolean[]>
  get(frontier: string, digests: readonly Digest[]): Promise<(HeldNode | undefined)[]>
  has(frontier: string, digests: readonly Digest[]): Promise<boolean[]>
  /** Digests of nodes that wait for exactly this, at most `limit`. */
  findByWait(frontier: string, wait: Wait, limit: number): Promise<Digest[]>
  delete(frontier: string, digests: readonly Digest[]): Promise<void>
  /** What holds nodes back: each wait with how many nodes, at most `limit` of them, most first. */
  listWaits(frontier: string, limit: number): Promise<{ wait: Wait; nodes: number }[]>
  /** Held nodes of a frontier in digest order, after `after` when given, at most `limit`. */
  list(frontier: string, options: { after?: Digest; limit: number }): Promise<HeldNode[]>
  usage(frontier?: string): { nodes: number; bytes: number }
  /** What was acknowledged and found missing when the store was opened, in words; peers that have it offer it again. */
  readonly loss?: string | undefined
}

/** Something wrong that `verify` found. `seq` and `digest` where one node is meant. */
export interface Fault {
  readonly kind: 'node' | 'commit' | 'index' | 'heads' | 'record' | 'held' | 'document' | 'signature'
  readonly frontier?: string
  readonly seq?: number
  readonly digest?: Digest
  readonly reason: string
}

export interface Store {
  /** 16 random bytes made with the store: a cursor means something only beside it. */
  readonly id: Uint8Array
  readonly records: Records
  readonly held: HeldStore
  /** Names of the frontiers this store accepts, in byte order. */
  frontiers(): string[]
  /** Starts to accept a frontier; no effect when it does already. */
  track(frontier: string): Promise<FrontierStore>
  /** @throws ReplicaError ERR_FRONTIER_UNKNOWN */
  frontier(frontier: string): FrontierStore
  /** Reads everything once more: every node re-hashed, commit chain, index against log, heads against both. */
  verify(options?: { signal?: AbortSignal; onProgress?: (nodes: number) => void }): AsyncIterable<Fault>
  /** Size on disk in bytes; 0 for an engine without a disk. */
  diskBytes(): Promise<number>
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
