// The in-memory engine, the reference implementation of the contract in store.ts. It keeps
// everything in maps and arrays, has the same rules, limits and errors as the LevelDB engine, and
// loses everything when it is closed.

import * as crypto from 'node:crypto'
import { compare, DigestMap, digestKey, keyDigest, sha256, toHex } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { STORE_LIMITS } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import type { DocumentBlock } from '../node/document-chunks.ts'
import { Heads, headsChange } from './heads.ts'
import { LogSnapshot } from './log-snapshot.ts'
import { MemoryHeldStore } from './memory-held-store.ts'
import type { HeldLimits } from './quota.ts'
import type {
  AbsentState,
  DocumentStore,
  Fault,
  FrontierStore,
  HeldStore,
  NodeEntry,
  NodeLocation,
  NodeReader,
  NodeRow,
  RecordChange,
  Records,
  ScanOptions,
  Store,
  TextChange,
  TextCounts,
} from './store.ts'
import {
  checkBlocks,
  checkChanges,
  checkKey,
  checkNodes,
  checkStreamName,
  checkText,
  checkTextChanges,
  textBytes,
  unknownFrontier,
} from './validate.ts'

/**
 * A store in memory, for tests, examples and temporary replicas.
 *
 * @example
 * await using store = new MemoryStore()
 * const log = await store.track('vfr_0123456789abcdef')
 * await log.commit([node])
 */
export class MemoryStore implements Store {
  /** 16 random bytes. */
  readonly id: Uint8Array = crypto.randomBytes(16)
  readonly records: Records
  readonly held: HeldStore
  readonly #frontiers = new Map<string, MemoryFrontierStore>()
  readonly #mutex = new Mutex()
  readonly #records: MemoryRecords

  /** @param options.heldLimits limits of held nodes, default `HELD_LIMITS` */
  constructor(options: { heldLimits?: HeldLimits } = {}) {
    this.#records = new MemoryRecords(this.#mutex)
    this.records = this.#records
    this.held = new MemoryHeldStore(name => this.frontier(name), this.#mutex, options.heldLimits)
  }

  frontiers(): string[] {
    return [...this.#frontiers.keys()].sort()
  }

  async track(name: string): Promise<FrontierStore> {
    checkStreamName(name)
    return this.#mutex.run(async () => {
      const known = this.#frontiers.get(name)
      if (known !== undefined) return known
      const frontier = new MemoryFrontierStore(name, this.#records, this.#mutex)
      this.#frontiers.set(name, frontier)
      return frontier
    })
  }

  frontier(name: string): FrontierStore {
    const frontier = this.#frontiers.get(name)
    if (frontier === undefined) throw unknownFrontier(name)
    return frontier
  }

  async *verify(options: { signal?: AbortSignal; onProgress?: (nodes: number) => void } = {}): AsyncIterable<Fault> {
    let nodes = 0
    for (const [frontier, store] of this.#frontiers) {
      for await (const rows of store.scan({ from: 0 })) {
        if (options.signal?.aborted)
          throw new ReplicaError('ERR_ABORTED', 'the check of the store was aborted', { cause: options.signal.reason })
        for (const { seq, digest, bytes, headerBytes } of rows) {
          if (compare(sha256(bytes.subarray(0, headerBytes)), digest) !== 0)
            yield { kind: 'node', frontier, seq, digest, reason: 'the bytes do not match the digest' }
        }
        nodes += rows.length
        options.onProgress?.(nodes)
      }
    }
  }

  async diskBytes(): Promise<number> {
    return 0
  }

  async close(): Promise<void> {
    await this.#mutex.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

class MemoryFrontierStore implements FrontierStore {
  readonly name: string
  readonly documents: MemoryDocumentStore
  readonly #records: MemoryRecords
  readonly #mutex: Mutex
  readonly #rows: NodeRow[] = []
  readonly #eventDigests: Uint8Array[] = []
  readonly #locations = new DigestMap<NodeLocation>()
  /** For each label, the sequence numbers and events of its nodes. */
  readonly #labels = new Map<string, { seq: number; event: string }[]>()
  /** For each event, the sequence number of the first node that carries it. */
  readonly #events = new Map<string, number>()
  readonly #heads = new Heads()

  constructor(name: string, records: MemoryRecords, mutex: Mutex) {
    this.name = name
    this.documents = new MemoryDocumentStore(mutex)
    this.#records = records
    this.#mutex = mutex
  }

  get nodes(): number {
    return this.#rows.length
  }

  get events(): number {
    return this.#events.size
  }

  get headCount(): number {
    return this.#heads.count
  }

  heads(): Uint8Array[] {
    return this.#heads.sorted()
  }

  headsDigest(): Uint8Array {
    return this.#heads.digest()
  }

  async locate(digests: readonly Uint8Array[]): Promise<(NodeLocation | undefined)[]> {
    this.#mutex.assertOpen()
    return digests.map(digest => this.#locations.get(digest))
  }

  async read(seqs: readonly number[]): Promise<NodeRow[]> {
    this.#mutex.assertOpen()
    return seqs.map(seq => {
      const row = this.#rows[seq]
      if (row === undefined) throw this.#noNode(seq)
      return row
    })
  }

  async *scan(options: ScanOptions): AsyncIterable<NodeRow[]> {
    this.#mutex.assertOpen()
    const rows = this.#rows.slice(options.from, options.to)
    if (options.reverse === true) rows.reverse()
    let batch: NodeRow[] = []
    let bytes = 0
    for (const row of rows) {
      batch.push(row)
      bytes += row.bytes.length
      if (bytes < (options.batchBytes ?? STORE_LIMITS.scanBatchBytes)) continue
      yield batch
      this.#mutex.assertOpen()
      batch = []
      bytes = 0
    }
    if (batch.length > 0) yield batch
  }

  snapshot(nodes: number): NodeReader {
    return new LogSnapshot(this, nodes)
  }

  texts(): TextCounts {
    const counts = { here: 0, wanted: 0, 'left-out': 0, erased: 0, void: 0 }
    for (const { text } of this.#rows) counts[text]++
    return counts
  }

  async absent(state: AbsentState, options: { after?: number; limit: number }): Promise<number[]> {
    this.#mutex.assertOpen()
    const { after = -1, limit } = options
    const rows = this.#rows.filter(({ seq, text }) => text === state && seq > after)
    return rows.slice(0, Math.max(0, limit)).map(({ seq }) => seq)
  }

  async setTexts(changes: readonly TextChange[]): Promise<void> {
    checkTextChanges(changes)
    await this.#mutex.run(async () => {
      for (const { seq } of changes) if (this.#rows[seq] === undefined) throw this.#noNode(seq)
      for (const change of changes) if ('text' in change) checkText(change.text, this.#eventOf(change.seq))
      for (const change of changes) this.#setText(change)
    })
  }

  #setText(change: TextChange): void {
    const row = this.#rows[change.seq]!
    const text = 'text' in change ? 'here' : change.state
    if (row.text === text) return
    const header = row.bytes.subarray(0, row.headerBytes)
    const bytes = 'text' in change ? Buffer.concat([header, change.text]) : Buffer.from(header)
    this.#rows[change.seq] = { ...row, bytes, text }
  }

  #eventOf(seq: number): Uint8Array {
    return this.#eventDigests[seq]!
  }

  #noNode(seq: number): ReplicaError {
    return new ReplicaError('ERR_NOT_FOUND', `${this.name} has no node ${seq}`)
  }

  async findByLabel(label: Uint8Array): Promise<number[]> {
    this.#mutex.assertOpen()
    return (this.#labels.get(digestKey(label)) ?? []).map(({ seq }) => seq)
  }

  async *sharedLabels(): AsyncIterable<Uint8Array> {
    this.#mutex.assertOpen()
    const shared = [...this.#labels].filter(([, nodes]) => new Set(nodes.map(({ event }) => event)).size > 1)
    yield* shared.map(([label]) => keyDigest(label)).sort(compare)
  }

  async findByEvent(events: readonly { label: Uint8Array; event: Uint8Array }[]): Promise<(number | undefined)[]> {
    this.#mutex.assertOpen()
    return events.map(({ label, event }) => this.#events.get(eventKey(label, event)))
  }

  async commit(nodes: readonly NodeEntry[], records: readonly RecordChange[] = []): Promise<number> {
    return this.#mutex.run(async () => {
      const first = this.nodes
      const parents = this.#parents(nodes)
      checkChanges(records)
      // Nothing below can fail.
      for (const [at, node] of nodes.entries()) this.#add(node, parents[at]!)
      this.#heads.apply(headsChange(nodes, parents, first))
      this.#records.apply(records)
      return first
    })
  }

  /**
   * Returns the sequence numbers of each node's parents.
   * @throws TypeError for a commit that is not valid
   */
  #parents(nodes: readonly NodeEntry[]): number[][] {
    const { outside, parents } = checkNodes(nodes, this.nodes)
    for (const { digest } of nodes) {
      if (this.#locations.has(digest)) throw new TypeError(`node ${toHex(digest)} is already stored`)
    }
    const locations = outside.map(parent => {
      const location = this.#locations.get(parent)
      if (location === undefined) throw new TypeError(`parent ${toHex(parent)} is not stored`)
      return location.seq
    })
    return parents.map(all => all.map(at => (at < 0 ? locations[-1 - at]! : this.nodes + at)))
  }

  #add(node: NodeEntry, parents: readonly number[]): void {
    const seq = this.nodes
    const digest = Buffer.from(node.digest)
    const { headerBytes, text } = node
    this.#rows.push({ seq, digest, bytes: Buffer.from(node.bytes), headerBytes, text, parents })
    this.#locations.set(digest, { seq, height: node.height })
    this.#eventDigests.push(Buffer.from(node.event))
    const event = eventKey(node.label, node.event)
    if (!this.#events.has(event)) this.#events.set(event, seq)
    const label = digestKey(node.label)
    const labelled = this.#labels.get(label)
    if (labelled === undefined) this.#labels.set(label, [{ seq, event }])
    else labelled.push({ seq, event })
  }
}

function eventKey(label: Uint8Array, event: Uint8Array): string {
  return digestKey(label) + digestKey(event)
}

class MemoryRecords implements Records {
  readonly #mutex: Mutex
  readonly #values = new Map<string, Uint8Array>()

  constructor(mutex: Mutex) {
    this.#mutex = mutex
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    this.#mutex.assertOpen()
    checkKey(key)
    return copy(this.#values.get(key))
  }

  async write(changes: readonly RecordChange[]): Promise<void> {
    await this.#mutex.run(async () => {
      checkChanges(changes)
      this.apply(changes)
    })
  }

  async list(
    prefix: string,
    options: { after?: string; limit: number },
  ): Promise<{ key: string; value: Uint8Array }[]> {
    this.#mutex.assertOpen()
    const after = textBytes(options.after ?? '')
    textBytes(prefix)
    return [...this.#values]
      .map(([key, value]) => ({ key, value: Buffer.from(value) }))
      .filter(({ key }) => key.startsWith(prefix))
      .filter(({ key }) => options.after === undefined || compare(textBytes(key), after) > 0)
      .sort((a, b) => compare(textBytes(a.key), textBytes(b.key)))
      .slice(0, options.limit)
  }

  apply(changes: readonly RecordChange[]): void {
    for (const { key, value } of changes) {
      if (value === undefined) this.#values.delete(key)
      else this.#values.set(key, Buffer.from(value))
    }
  }
}

function copy(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes)
}

/** Blocks of documents in memory. */
export class MemoryDocumentStore implements DocumentStore {
  readonly #mutex: Mutex
  readonly #blocks = new DigestMap<Uint8Array>()

  constructor(mutex: Mutex) {
    this.#mutex = mutex
  }

  async has(digests: readonly Uint8Array[]): Promise<boolean[]> {
    this.#mutex.assertOpen()
    return digests.map(digest => this.#blocks.has(digest))
  }

  async sizes(digests: readonly Uint8Array[]): Promise<(number | undefined)[]> {
    this.#mutex.assertOpen()
    return digests.map(digest => this.#blocks.get(digest)?.length)
  }

  async get(digest: Uint8Array): Promise<Uint8Array | undefined> {
    this.#mutex.assertOpen()
    return this.#blocks.get(digest)
  }

  async put(blocks: readonly DocumentBlock[]): Promise<void> {
    await this.#mutex.run(async () => {
      checkBlocks(blocks)
      for (const { digest, bytes } of blocks) {
        if (!this.#blocks.has(digest)) this.#blocks.set(digest, Buffer.from(bytes))
      }
    })
  }
}
