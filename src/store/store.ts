// The contract between the core and a store engine. `MemoryStore` is the reference implementation,
// and the conformance suite (test/store/conformance.ts) checks an engine against this file.
//
// - A store does not know the rules of admission. It keeps the nodes that the gate commits, exactly
//   and durably, or fails with a code. It does not decode nodes.
// - A frontier's log is append-only. Its nodes have the sequence numbers 0, 1, 2 … in the order of
//   their commits, and parents precede their children. Heads, counts and lookups are derived from
//   the log.
// - Digests are SHA-256, 32 bytes. An engine that reads from a disk hashes the bytes of a node, a
//   held node or a block at each read and never returns bytes that do not match: it throws
//   ERR_STORE_CORRUPT, also for data that must exist and does not.
// - A promise of a write is fulfilled when the data is durable. Writes are atomic and serialized.
//   If one fails with ERR_STORE_IO, the engine rejects all further writes until the store is opened
//   again; reads continue.
// - Reads may run at any time, also during a commit. They do not see a commit before it is durable.
// - A mistake of the caller (a wrong length, an exceeded limit, a missing parent) is a TypeError
//   and changes nothing.
// - After `close`, methods that read or write data reject with ERR_STORE_CLOSED.
// - Byte arrays belong to the side that made them: an engine copies what it keeps of its arguments,
//   and a caller does not change the arrays that an engine returns.
//
// Spec: protocol/store.md, T1 to T7.

import type { Digest } from '../base/bytes.ts'
import type { DocumentBlock } from '../node/document-chunks.ts'
import type { StoreHealth } from './store-health.ts'

/**
 * Where the text of a node is (protocol/text.md, X1): `here` it is stored; `wanted` this replica
 * asks its peers for it; `left-out` this replica chose not to keep it; `erased` an erasure covers
 * it; `void` it breaks the rules of events.
 */
export type TextState = 'here' | 'wanted' | 'left-out' | 'erased' | 'void'
export type AbsentState = Exclude<TextState, 'here'>

/** How many texts are in each state. */
export type TextCounts = Readonly<Record<TextState, number>>

/**
 * Returns the number of nodes whose text is withheld: it exists, but this replica does not have it.
 * An erased or void text is not withheld, because no replica has it. Spec: protocol/text.md, X20.
 */
export function withheldTexts(log: { texts(): TextCounts }): number {
  const { wanted, 'left-out': leftOut } = log.texts()
  return wanted + leftOut
}

/** Puts a text into its node's row, or takes it out and says in which state that leaves it. */
export type TextChange =
  | { readonly seq: number; readonly text: Uint8Array }
  | { readonly seq: number; readonly state: AbsentState }

/** A node to commit. The gate has checked it completely. */
export interface NodeEntry {
  /** SHA-256 of the header, which is the first `headerBytes` of `bytes`. */
  readonly digest: Digest
  /** The item: the header, then the text if it is here. */
  readonly bytes: Uint8Array
  readonly headerBytes: number
  /** Where the text is: `here` exactly if it follows the header. */
  readonly text: TextState
  /** Digests of the parents, at most 64. Each is stored or precedes the node in the same commit. */
  readonly parents: readonly Digest[]
  /** An integer from 0 to 2³² − 1: 0 without parents, otherwise 1 more than the highest parent. */
  readonly height: number
  /**
   * The 8 bytes after `vev_` of the event's identifier: a lookup key that two different events may
   * share.
   */
  readonly label: Uint8Array
  /** SHA-256 of the event's text, 32 bytes. Two nodes with the same digest carry the same event. */
  readonly event: Digest
}

/** A stored node. */
export interface NodeRow {
  /** Sequence number: 0, 1, 2 … within the frontier. */
  readonly seq: number
  /** SHA-256 of `bytes`. */
  readonly digest: Digest
  /** The item: the header, then the text if it is here. */
  readonly bytes: Uint8Array
  readonly headerBytes: number
  readonly text: TextState
  /**
   * Sequence numbers of the parents, in the order of the node's parents. All are less than `seq`.
   */
  readonly parents: readonly number[]
}

/** The position of a node in a frontier. */
export interface NodeLocation {
  /** Sequence number. */
  readonly seq: number
  /** Height, as committed. */
  readonly height: number
}

/** A change of one record. */
export interface RecordChange {
  /** Well-formed text of 1 to 512 bytes of UTF-8. */
  readonly key: string
  /** The new value, at most 1 MiB; undefined deletes the record. */
  readonly value: Uint8Array | undefined
}

/**
 * Keys of the records with cursors start with this. A cursor says how far the log of a peer was
 * read: everything before is stored or held.
 */
export const CURSOR_RECORDS = 'cursor/'

/**
 * Small named values beside the nodes: registries, cursors, the journal. They belong to the store,
 * not to a frontier.
 */
export interface Records {
  /**
   * Returns the value of a record; undefined if there is none.
   * @throws TypeError for an invalid key
   * @throws ReplicaError ERR_STORE_CORRUPT if the record is damaged
   */
  get(key: string): Promise<Uint8Array | undefined>
  /**
   * Applies all changes in one atomic, durable write.
   * @throws TypeError for an invalid key, a key that occurs twice, or more than 8 MiB of keys and
   *   values
   */
  write(changes: readonly RecordChange[]): Promise<void>
  /**
   * Returns at most `limit` records whose key starts with `prefix`, in byte order of their UTF-8
   * keys. With `after`, only those whose key is greater than it.
   * @throws ReplicaError ERR_STORE_CORRUPT if one of them is damaged
   */
  list(prefix: string, options: { after?: string; limit: number }): Promise<{ key: string; value: Uint8Array }[]>
}

/** The part of a log to read, and the size of the batches. */
export interface ScanOptions {
  /** First sequence number, inclusive. */
  readonly from: number
  /**
   * Last sequence number, exclusive. Default, and maximum: the number of nodes when the scan
   * starts.
   */
  readonly to?: number
  /** Descending order. Default false. */
  readonly reverse?: boolean
  /**
   * A batch ends at the node with which it reaches this many bytes of nodes; it has at least one
   * node. Default 1 MiB.
   */
  readonly batchBytes?: number
}

/** Blocks of the documents of one frontier, by digest. A stored block is never removed. */
export interface DocumentStore {
  /** Returns for each digest whether the block is stored. */
  has(digests: readonly Digest[]): Promise<boolean[]>
  /**
   * Returns the length of each block in bytes, without reading it; undefined if it is not stored.
   */
  sizes(digests: readonly Digest[]): Promise<(number | undefined)[]>
  /**
   * Returns the bytes of a block; undefined if it is not stored.
   * @throws ReplicaError ERR_STORE_CORRUPT if the block is damaged
   */
  get(digest: Digest): Promise<Uint8Array | undefined>
  /**
   * Stores blocks in one atomic, durable write. Skips blocks that are stored.
   * @throws TypeError for a block of more than 256 KiB, or more than 8 MiB together
   */
  put(blocks: readonly DocumentBlock[]): Promise<void>
}

/** Read access to a frontier's log, or to its first nodes (`FrontierStore.snapshot`). */
export interface NodeReader {
  /** Name of the frontier. */
  readonly name: string
  /** Number of nodes. Sequence numbers are less than this. */
  readonly nodes: number
  /**
   * Returns the rows with these sequence numbers, in the order of the argument.
   * @throws ReplicaError ERR_NOT_FOUND for a number that is not in the log, ERR_STORE_CORRUPT for a
   *   damaged row
   */
  read(seqs: readonly number[]): Promise<NodeRow[]>
  /**
   * Reads consecutive rows in batches. Shows the log as it was when the scan started. Yields
   * nothing if `from` is not less than `to`. Several scans may run at a time, and a scan may be
   * abandoned (`break`).
   * @throws ReplicaError ERR_STORE_CORRUPT at a damaged or missing row
   */
  scan(options: ScanOptions): AsyncIterable<NodeRow[]>
}

/** The log of one frontier, and its documents. */
export interface FrontierStore extends NodeReader {
  /** Documents that the nodes link. */
  readonly documents: DocumentStore
  /** Number of distinct events in the nodes. */
  readonly events: number
  /** Returns the digests of the heads (nodes without children) in byte order, in a new array. */
  heads(): Digest[]
  /** Number of heads. */
  readonly headCount: number
  /**
   * Returns SHA-256 over the heads in byte order, concatenated; of the empty string if there are no
   * heads.
   */
  headsDigest(): Digest
  /**
   * Returns the location of each node, in the order of the argument; undefined if it is not stored.
   */
  locate(digests: readonly Digest[]): Promise<(NodeLocation | undefined)[]>
  /**
   * Returns a reader of the first `nodes` nodes. Later commits do not change what it returns.
   * `LogSnapshot` implements it for every engine.
   * @throws TypeError if `nodes` is not an integer from 0 to the number of nodes
   */
  snapshot(nodes: number): NodeReader
  /** Returns how many texts are in each state. */
  texts(): TextCounts
  /**
   * Returns the sequence numbers of the nodes whose text is in this state, ascending, after
   * `after`, at most `limit`.
   */
  absent(state: AbsentState, options: { after?: number; limit: number }): Promise<number[]>
  /**
   * Stores texts and takes texts out, durably, in one synced batch; a node that has the state
   * already is left as it is. A text that is taken out is gone from every file of the store when
   * this returns. After a crash all changes hold or none, and a change that had begun is finished
   * when the store is opened.
   * @throws TypeError for more than COMMIT_LIMITS, or a text that is not the node's; ReplicaError
   *   ERR_NOT_FOUND
   */
  setTexts(changes: readonly TextChange[]): Promise<void>
  /** Returns the sequence numbers of the nodes whose event has this label (8 bytes), ascending. */
  findByLabel(label: Uint8Array): Promise<number[]>
  /**
   * Returns for each event the sequence number of the first node that carries it; undefined if no
   * node does.
   */
  findByEvent(events: readonly { label: Uint8Array; event: Digest }[]): Promise<(number | undefined)[]>
  /**
   * Yields the labels that two or more distinct events share, in byte order. Reads all events,
   * about 2 µs for each.
   */
  sharedLabels(): AsyncIterable<Uint8Array>
  /**
   * Appends nodes and changes records in one atomic, durable write. Returns the sequence number of
   * the first node. Commits run one after another, in the order of the calls. If the write fails,
   * nothing of it is visible; after the next open, all of it is or nothing.
   *
   * Record changes are cheap compared with a node, but cost a third of the time if every commit of
   * a bulk load has some.
   * @throws TypeError for more than 1024 nodes or 8 MiB, a parent that is neither stored nor
   *   earlier in `nodes`, a node that is stored or occurs twice, or changes that `Records.write`
   *   rejects
   * @throws ReplicaError ERR_STORE_IO if the write fails or an earlier one failed; of a shared
   *   store also ERR_STORE_BEHIND if another process wrote first, which changes nothing, and
   *   ERR_STORE_UNKNOWN if the outcome can't be found out
   */
  commit(nodes: readonly NodeEntry[], records?: readonly RecordChange[]): Promise<number>
}

/** The one dependency that a held node waits for. */
export interface Wait {
  /** A parent, the registration of a key, the heads of a cut, or a document. */
  readonly kind: 'parent' | 'key' | 'cut' | 'document'
  /**
   * 32 bytes: the digest of the parent, of the cut's head or of the document, or the public key.
   */
  readonly id: Uint8Array
}

/** A valid node that cannot be committed yet. */
export interface HeldNode {
  /** SHA-256 of `bytes`. */
  readonly digest: Digest
  /** The item: the header, then the text if it came with it. Both count against the quota. */
  readonly bytes: Uint8Array
  readonly headerBytes: number
  /** SHA-256 of the text. */
  readonly event: Digest
  /** Public key that signed the node, 32 bytes. */
  readonly key: Uint8Array
  /** The dependency of the node. */
  readonly wait: Wait
  /**
   * Public key of the peer that sent the node, 32 bytes. The node counts against the quota of that
   * peer.
   */
  readonly from: Uint8Array
}

/**
 * Held nodes of all frontiers. An engine keeps them apart from the logs, so that a flood of them
 * does not slow down a log. Methods with a `frontier` throw ERR_FRONTIER_UNKNOWN if the store does
 * not have it.
 */
export interface HeldStore {
  /**
   * Stores nodes in one atomic, durable write. A node that is held already gets the new wait and
   * keeps its `from`. Returns for each node whether it is held now: false means that the quota of
   * the peer or of all peers (`HeldLimits`) is full. Nodes are never evicted.
   */
  put(frontier: string, nodes: readonly HeldNode[]): Promise<boolean[]>
  /**
   * Returns the held nodes; undefined for those that are not held.
   * @throws ReplicaError ERR_STORE_CORRUPT if one of them is damaged
   */
  get(frontier: string, digests: readonly Digest[]): Promise<(HeldNode | undefined)[]>
  /** Returns for each digest whether the node is held. */
  has(frontier: string, digests: readonly Digest[]): Promise<boolean[]>
  /** Returns the digests of at most `limit` nodes that wait for `wait`, in byte order. */
  findByWait(frontier: string, wait: Wait, limit: number): Promise<Digest[]>
  /**
   * Deletes nodes in one atomic, durable write and returns their bytes to the quota. Ignores nodes
   * that are not held.
   */
  delete(frontier: string, digests: readonly Digest[]): Promise<void>
  /**
   * Takes the texts of these nodes out, in one atomic, durable write, and returns their bytes to
   * the quota. Then removes from the files every held text of the frontier that was taken out or
   * deleted before. Ignores nodes that are not held.
   */
  purge(frontier: string, digests: readonly Digest[]): Promise<void>
  /**
   * Returns at most `limit` waits with the number of nodes that wait for each: most nodes first,
   * then by kind and id.
   */
  listWaits(frontier: string, limit: number): Promise<{ wait: Wait; nodes: number }[]>
  /**
   * Returns at most `limit` held nodes in byte order of their digests. With `after`, only those
   * greater than it.
   * @throws ReplicaError ERR_STORE_CORRUPT if one of them is damaged
   */
  list(frontier: string, options: { after?: Digest; limit: number }): Promise<HeldNode[]>
  /** Returns the number and the bytes of the held nodes, of one frontier or of all. */
  usage(frontier?: string): { nodes: number; bytes: number }
  /**
   * A description of held nodes that the open found missing; undefined if none are. Peers offer
   * such nodes again.
   */
  readonly loss?: string | undefined
}

/** One fault that `Store.verify` found. */
export interface Fault {
  /** The damaged part of the store. The replica adds `signature`; a store does not report it. */
  readonly kind: 'node' | 'commit' | 'index' | 'heads' | 'record' | 'held' | 'document' | 'signature'
  /** The frontier, if the fault is in one. */
  readonly frontier?: string
  /** Sequence number of the affected node, if there is one. */
  readonly seq?: number
  /** Digest of the affected node or block, if it is known. */
  readonly digest?: Digest
  /** A description for people. */
  readonly reason: string
}

/**
 * A change that another process made, after it is visible here: nodes were appended, texts of nodes
 * or held nodes of a frontier changed, records changed, or a frontier was added.
 */
export type ForeignChange =
  | { readonly kind: 'log' | 'texts' | 'held' | 'frontier'; readonly frontier: string }
  | { readonly kind: 'records'; readonly keys: readonly string[] }

/** State of the database of a shared store, as this process sees it. */
export interface SharingStatus {
  /** The primary server: host and port. */
  readonly server: string
  /** Whether a commit is acknowledged only when a second machine has it. */
  readonly isReplicated: boolean
  /** Writes whose outcome could not be found out, since the store was opened. */
  readonly unknownWrites: number
  /** ms since this process last looked at what others wrote. */
  readonly feedAgeMs: number
  /** Bytes of the log that the most advanced standby lacks; undefined without one. */
  readonly lagBytes: number | undefined
}

/** Coordination of several processes that have one store open. */
export interface StoreSharing {
  /** Whether a commit is acknowledged only when a second machine has it. */
  readonly isReplicated: boolean
  /** Asks the database for its state. @throws ReplicaError ERR_STORE_IO */
  status(): Promise<SharingStatus>
  /**
   * Runs a task while no other process runs one under the same name. Before it starts, everything
   * that other processes wrote is visible here, and their changes were reported. Tasks of one name
   * must not be nested.
   * @throws ReplicaError ERR_STORE_LOCKED if another process keeps the name for a minute
   */
  exclusive<T>(name: string, task: () => Promise<T>): Promise<T>
  /**
   * Calls `listener` after each change that another process made. It must not throw.
   * @returns a function that unsubscribes
   */
  subscribe(listener: (change: ForeignChange) => void): () => void
}

/**
 * A store engine: the logs of its frontiers, held nodes and records. One process has a store open
 * at a time, unless the engine has `sharing`.
 */
export interface Store {
  /** Coordination with other processes; undefined if one process has the store open at a time. */
  readonly sharing?: StoreSharing
  /**
   * 16 random bytes, made when the store is created. A cursor is valid only for the store with the
   * same id.
   */
  readonly id: Uint8Array
  /** Whether the store accepts writes. An engine without this member always accepts them. */
  readonly health?: StoreHealth
  /** Records of the store. */
  readonly records: Records
  /** Held nodes of all frontiers. */
  readonly held: HeldStore
  /** Returns the names of the frontiers in byte order. */
  frontiers(): string[]
  /**
   * Returns the log of a frontier. Creates it, durably, if it does not exist. Returns the same
   * object for the same name.
   * @throws ReplicaError ERR_FRONTIER_ID if the name is not 1 to 64 printable ASCII characters
   *   without spaces
   */
  track(frontier: string): Promise<FrontierStore>
  /**
   * Returns the log of an existing frontier.
   * @throws ReplicaError ERR_FRONTIER_UNKNOWN if there is none
   */
  frontier(frontier: string): FrontierStore
  /**
   * Reads and checks the whole store: hashes every node, held node and block, and compares derived
   * data with the logs. Repairs nothing and continues after a fault. Commits may run meanwhile.
   * `onProgress` receives the number of nodes checked so far.
   * @throws ReplicaError ERR_ABORTED after `signal`
   */
  verify(options?: { signal?: AbortSignal; onProgress?: (nodes: number) => void }): AsyncIterable<Fault>
  /** Returns the size on disk in bytes; 0 for an engine that does not use a disk. */
  diskBytes(): Promise<number>
  /** Waits for running writes, then closes the store. A second call returns after the first. */
  close(): Promise<void>
  /** Same as `close`. */
  [Symbol.asyncDispose](): Promise<void>
}
