// The log of one frontier in the LevelDB engine. Its nodes are a stream of log/ (keys.ts). Its
// heads are in memory, and in index/ for the next open. Commits run inside the mutex of the writer.
// Reads run at any time and do not see a commit before it is durable.

import { concat, type Digest, sha256, toHex } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import { STORE_LIMITS } from '../../base/limits.ts'
import { type Heads, type HeadsChange, headsChange } from '../heads.ts'
import { LogSnapshot } from '../log-snapshot.ts'
import { decodeRow, encodeRow, withText } from '../row.ts'
import type {
  AbsentState,
  DocumentStore,
  FrontierStore,
  NodeEntry,
  NodeLocation,
  NodeReader,
  NodeRow,
  RecordChange,
  ScanOptions,
  TextChange,
  TextCounts,
} from '../store.ts'
import { checkNodes, checkText, checkTextChanges, corruptionError } from '../validate.ts'
import type { CommitWriter, Stream } from './commit-writer.ts'
import { Batch } from './database.ts'
import { indexKey, NODE, number32, readStreamKey, streamKey } from './keys.ts'
import type { NodeIndex } from './node-index.ts'
import type { LevelDbRecords } from './records.ts'
import { pendingKey, type TextIndex } from './text-index.ts'

/** Parts of a frontier's log. */
export interface FrontierParts {
  readonly writer: CommitWriter
  readonly stream: Stream
  readonly index: NodeIndex
  readonly records: LevelDbRecords
  readonly heads: Heads
  readonly documents: DocumentStore
  readonly texts: TextIndex
}

/** The log of one frontier. */
export class LevelDbFrontierStore implements FrontierStore {
  readonly #parts: FrontierParts

  constructor(parts: FrontierParts) {
    this.#parts = parts
  }

  get name(): string {
    return this.#parts.stream.name
  }

  get documents(): DocumentStore {
    return this.#parts.documents
  }

  /** The stream with the nodes. */
  get stream(): Stream {
    return this.#parts.stream
  }

  get nodes(): number {
    return this.#parts.stream.tail.end
  }

  get events(): number {
    return this.#parts.stream.tail.events
  }

  get headCount(): number {
    return this.#parts.heads.count
  }

  heads(): Digest[] {
    return this.#parts.heads.sorted()
  }

  headsDigest(): Digest {
    return this.#parts.heads.digest()
  }

  async locate(digests: readonly Digest[]): Promise<(NodeLocation | undefined)[]> {
    this.#parts.writer.mutex.assertOpen()
    return this.#locate(digests)
  }

  async read(seqs: readonly number[]): Promise<NodeRow[]> {
    this.#parts.writer.mutex.assertOpen()
    for (const seq of seqs) {
      if (!(seq >= 0 && seq < this.nodes))
        throw new ReplicaError('ERR_NOT_FOUND', `${this.name} does not have node ${seq}`)
    }
    const values = await this.#parts.writer.log.getMany(seqs.map(seq => streamKey(this.#ordinal, seq, NODE)))
    return seqs.map((seq, at) => this.#row(seq, values[at]))
  }

  async *scan(options: ScanOptions): AsyncIterable<NodeRow[]> {
    this.#parts.writer.mutex.assertOpen()
    const { from, reverse = false, batchBytes = STORE_LIMITS.scanBatchBytes } = options
    const to = Math.min(options.to ?? this.nodes, this.nodes)
    if (!(from >= 0 && from < to)) return
    const range = { gte: streamKey(this.#ordinal, from, NODE), lt: streamKey(this.#ordinal, to, 0) }
    let expected = reverse ? to - 1 : from
    for await (const entries of this.#parts.writer.log.entries({ ...range, reverse, batchBytes })) {
      const rows: NodeRow[] = []
      for (const [key, value] of entries) {
        const { seq, kind } = readStreamKey(key)
        if (kind !== NODE) continue
        // LevelDB skips a block that it cannot read. The gap reveals it.
        if (seq !== expected) throw this.#missing(expected)
        rows.push(this.#row(seq, value))
        expected += reverse ? -1 : 1
      }
      if (rows.length > 0) yield rows
    }
    if (expected !== (reverse ? from - 1 : to)) throw this.#missing(expected)
  }

  snapshot(nodes: number): NodeReader {
    return new LogSnapshot(this, nodes)
  }

  texts(): TextCounts {
    return this.#parts.texts.counts(this.nodes)
  }

  async absent(state: AbsentState, options: { after?: number; limit: number }): Promise<number[]> {
    this.#parts.writer.mutex.assertOpen()
    const seqs = await this.#parts.texts.list(state, options)
    return seqs.filter(seq => seq < this.nodes)
  }

  async setTexts(changes: readonly TextChange[]): Promise<void> {
    checkTextChanges(changes)
    await this.#parts.writer.mutex.run(() => this.#setTexts(changes))
  }

  async #setTexts(changes: readonly TextChange[]): Promise<void> {
    const { writer, texts } = this.#parts
    writer.assertWritable()
    const beyond = changes.find(({ seq }) => !(seq >= 0 && seq < this.nodes))
    if (beyond !== undefined) throw new ReplicaError('ERR_NOT_FOUND', `${this.name} has no node ${beyond.seq}`)
    const keys = changes.map(({ seq }) => streamKey(this.#ordinal, seq, NODE))
    const values = await writer.log.getMany(keys)
    const batch = new Batch()
    const seqs: number[] = []
    const removed: number[] = []
    for (const [at, change] of changes.entries()) {
      const row = decodeRow(this.name, change.seq, values[at])
      const state = 'text' in change ? 'here' : change.state
      if (row.text === state) continue
      const text = 'text' in change ? change.text : undefined
      if (text !== undefined) checkText(text, row.event)
      batch.put(keys[at]!, withText(row, state, text))
      batch.put(pendingKey(this.#ordinal, change.seq), new Uint8Array())
      seqs.push(change.seq)
      if (row.text === 'here') removed.push(change.seq)
    }
    if (seqs.length === 0) return
    if (removed.length > 0) await writer.log.flush()
    await writer.write(writer.log, batch, { sync: true })
    await texts.settle(seqs, removed)
  }

  async findByLabel(label: Uint8Array): Promise<number[]> {
    this.#parts.writer.mutex.assertOpen()
    const seqs = await this.#parts.index.findByLabel(this.#ordinal, label)
    return seqs.filter(seq => seq < this.nodes)
  }

  async *sharedLabels(): AsyncIterable<Uint8Array> {
    this.#parts.writer.mutex.assertOpen()
    yield* this.#parts.index.sharedLabels(this.#ordinal)
  }

  async findByEvent(events: readonly { label: Uint8Array; event: Digest }[]): Promise<(number | undefined)[]> {
    this.#parts.writer.mutex.assertOpen()
    const seqs = await this.#parts.index.findFirstNodes(this.#ordinal, events)
    return seqs.map(seq => (seq !== undefined && seq < this.nodes ? seq : undefined))
  }

  async commit(nodes: readonly NodeEntry[], records: readonly RecordChange[] = []): Promise<number> {
    const { writer } = this.#parts
    return writer.mutex.run(async () => {
      writer.assertWritable()
      if (nodes.length > 0) return this.#commit(nodes, records)
      await this.#parts.records.writeWithoutNodes(records)
      return this.nodes
    })
  }

  async #commit(nodes: readonly NodeEntry[], changes: readonly RecordChange[]): Promise<number> {
    const { writer, stream, index, records, heads, texts } = this.#parts
    const first = this.nodes
    const found = checkNodes(nodes, first)
    const log = new Batch()
    const derived = new Batch()
    const indexed = nodes.map(({ digest, height, label, event, text }, at) => ({
      seq: first + at,
      digest,
      height,
      label,
      event,
      text,
    }))
    const [outside, events, planned] = await Promise.all([
      this.#parentSeqs(found.outside),
      index.plan(this.#ordinal, indexed, derived),
      records.plan(changes, log),
      this.#assertNew(nodes),
    ])
    const parents = found.parents.map(all => all.map(at => (at < 0 ? outside[-1 - at]! : first + at)))
    const rows = nodes.map((node, at) => encodeRow(node, parents[at]!))
    for (const [at, { row }] of rows.entries()) log.put(streamKey(this.#ordinal, first + at, NODE), row)
    const change = heads.narrow(headsChange(nodes, parents, first))
    putHeads(derived, this.#ordinal, change)
    await writer.append(stream, {
      count: nodes.length,
      rows: sha256(concat(rows.map(({ head }) => head))),
      changes: planned.digest,
      events: this.events + events,
      heads: heads.preview(change),
      log,
      index: derived,
    })
    heads.apply(change)
    index.cacheLocations(this.#ordinal, indexed)
    texts.add(nodes)
    planned.apply()
    return first
  }

  async #locate(digests: readonly Digest[]): Promise<(NodeLocation | undefined)[]> {
    const locations = await this.#parts.index.locate(this.#ordinal, digests)
    // The index may have entries of a commit that is not finished yet.
    return locations.map(location => (location !== undefined && location.seq < this.nodes ? location : undefined))
  }

  /** Returns the sequence numbers of parents. @throws TypeError if one is not stored */
  async #parentSeqs(parents: readonly Digest[]): Promise<number[]> {
    const locations = await this.#locate(parents)
    return locations.map((location, at) => {
      if (location === undefined) throw new TypeError(`parent ${toHex(parents[at]!)} is not stored`)
      return location.seq
    })
  }

  async #assertNew(nodes: readonly NodeEntry[]): Promise<void> {
    const stored = await this.#parts.index.has(
      this.#ordinal,
      nodes.map(node => node.digest),
    )
    const at = stored.indexOf(true)
    if (at >= 0) throw new TypeError(`node ${toHex(nodes[at]!.digest)} is already stored`)
  }

  get #ordinal(): number {
    return this.#parts.stream.ordinal
  }

  #row(seq: number, value: Uint8Array | undefined): NodeRow {
    const { digest, bytes, headerBytes, text, parents } = decodeRow(this.name, seq, value)
    return { seq, digest, bytes, headerBytes, text, parents }
  }

  #missing(seq: number): ReplicaError {
    return corruptionError(`node ${seq} of ${this.name} is missing`, { frontier: this.name, seq })
  }
}

/** Adds a change of the heads to a batch of index/. */
export function putHeads(batch: Batch, ordinal: number, change: HeadsChange): void {
  for (const seq of change.removed) batch.delete(indexKey('h', ordinal, number32(seq)))
  for (const { seq, digest } of change.added) batch.put(indexKey('h', ordinal, number32(seq)), digest)
}
