// One frontier of the LevelDB engine. Its nodes are a stream of log/ (log-layout.ts); its heads are in memory and, for
// the next open, in index/. Commits run inside of the ledger's `serial`; reads at any time, also beside a commit, of
// which they see nothing until it is durable.

import { concat, type Digest, DigestMap, sha256, toHex } from '../bytes.ts'
import { ReplicaError } from '../errors.ts'
import { STORE_LIMITS } from '../limits.ts'
import { checkNodes } from './arguments.ts'
import { corrupt } from './damage.ts'
import { Batch } from './database.ts'
import type { Heads, HeadsChange } from './heads.ts'
import { indexKey, number32 } from './index-layout.ts'
import type { Ledger, Stream } from './ledger.ts'
import type { LevelRecords } from './level-records.ts'
import { decodeRow, encodeRowHead, NODE, readStreamKey, streamKey } from './log-layout.ts'
import type { NodeIndex } from './node-index.ts'
import type { FrontierStore, NodeEntry, NodeRow, Place, RecordChange, ScanOptions } from './store.ts'

export interface FrontierParts {
  readonly ledger: Ledger
  readonly stream: Stream
  readonly index: NodeIndex
  readonly records: LevelRecords
  readonly heads: Heads
}

export class LevelFrontier implements FrontierStore {
  readonly #parts: FrontierParts

  constructor(parts: FrontierParts) {
    this.#parts = parts
  }

  get name(): string {
    return this.#parts.stream.name
  }

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

  async locate(digests: readonly Digest[]): Promise<(Place | undefined)[]> {
    this.#parts.ledger.serial.assertOpen()
    const places = await this.#parts.index.locate(this.#ordinal, digests)
    // An entry may be there a moment before the commit it belongs to has returned.
    return places.map(place => (place !== undefined && place.seq < this.nodes ? place : undefined))
  }

  async read(seqs: readonly number[]): Promise<NodeRow[]> {
    this.#parts.ledger.serial.assertOpen()
    for (const seq of seqs) {
      if (!(seq >= 0 && seq < this.nodes)) throw new ReplicaError('ERR_NOT_FOUND', `${this.name} has no node ${seq}`)
    }
    const values = await this.#parts.ledger.log.getMany(seqs.map(seq => streamKey(this.#ordinal, seq, NODE)))
    return seqs.map((seq, at) => this.#row(seq, values[at]))
  }

  async *scan(options: ScanOptions): AsyncIterable<NodeRow[]> {
    this.#parts.ledger.serial.assertOpen()
    const { from, reverse = false, batchBytes = STORE_LIMITS.scanBatchBytes } = options
    const to = Math.min(options.to ?? this.nodes, this.nodes)
    if (!(from >= 0 && from < to)) return
    const range = { gte: streamKey(this.#ordinal, from, NODE), lt: streamKey(this.#ordinal, to, 0) }
    let expected = reverse ? to - 1 : from
    for await (const entries of this.#parts.ledger.log.entries({ ...range, reverse, batchBytes })) {
      const rows: NodeRow[] = []
      for (const [key, value] of entries) {
        const { seq, kind } = readStreamKey(key)
        if (kind !== NODE) continue
        // LevelDB steps over a block that it can't read; the gap is how one knows.
        if (seq !== expected) throw this.#missing(expected)
        rows.push(this.#row(seq, value))
        expected += reverse ? -1 : 1
      }
      if (rows.length > 0) yield rows
    }
    if (expected !== (reverse ? from - 1 : to)) throw this.#missing(expected)
  }

  async labelled(label: Uint8Array): Promise<number[]> {
    this.#parts.ledger.serial.assertOpen()
    const seqs = await this.#parts.index.labelled(this.#ordinal, label)
    return seqs.filter(seq => seq < this.nodes)
  }

  async hasEvents(events: readonly { label: Uint8Array; event: Digest }[]): Promise<boolean[]> {
    this.#parts.ledger.serial.assertOpen()
    return this.#parts.index.hasEvents(this.#ordinal, events)
  }

  async commit(nodes: readonly NodeEntry[], records: readonly RecordChange[] = []): Promise<number> {
    const { ledger } = this.#parts
    return ledger.serial.run(async () => {
      ledger.assertWritable()
      if (nodes.length > 0) return this.#commit(nodes, records)
      await this.#parts.records.writeAlone(records)
      return this.nodes
    })
  }

  async #commit(nodes: readonly NodeEntry[], changes: readonly RecordChange[]): Promise<number> {
    const { ledger, stream, index, records, heads } = this.#parts
    const first = this.nodes
    checkNodes(nodes, first)
    const log = new Batch()
    const indexed = nodes.map((node, at) => ({ ...node, seq: first + at }))
    const derived = new Batch()
    const [parents, events, planned] = await Promise.all([
      this.#parents(nodes),
      index.plan(this.#ordinal, indexed, derived),
      records.plan(changes, log),
    ])
    const rowHeads = nodes.map((node, at) => encodeRowHead(node, parents[at]!))
    for (const [at, node] of nodes.entries()) {
      log.put(streamKey(this.#ordinal, first + at, NODE), concat([rowHeads[at]!, node.bytes]))
    }
    const headsChange = this.#headsChange(nodes, parents)
    putHeads(derived, this.#ordinal, headsChange)
    await ledger.append(stream, {
      count: nodes.length,
      rows: sha256(concat(rowHeads)),
      changes: planned.digest,
      events: this.events + events,
      heads: heads.preview(headsChange),
      log,
      index: derived,
    })
    heads.apply(headsChange)
    index.remember(this.#ordinal, indexed)
    planned.apply()
    return first
  }

  /** Sequence numbers of the parents of each node. @throws TypeError when a parent is not stored, or a node is. */
  async #parents(nodes: readonly NodeEntry[]): Promise<number[][]> {
    const places = new DigestMap<number>()
    for (const [at, node] of nodes.entries()) places.set(node.digest, this.nodes + at)
    const outside = new DigestMap<Digest>()
    for (const parent of nodes.flatMap(node => node.parents)) if (!places.has(parent)) outside.set(parent, parent)
    const asked = [...nodes.map(node => node.digest), ...outside.values()]
    for (const [at, place] of (await this.locate(asked)).entries()) {
      const digest = asked[at]!
      if (at < nodes.length) {
        if (place !== undefined) throw new TypeError(`node ${toHex(digest)} is stored already`)
        continue
      }
      if (place === undefined) throw new TypeError(`parent ${toHex(digest)} is not stored`)
      places.set(digest, place.seq)
    }
    return nodes.map(node => node.parents.map(parent => places.get(parent)!))
  }

  #headsChange(nodes: readonly NodeEntry[], parents: readonly number[][]): HeadsChange {
    const first = this.nodes
    const parental = new Set(parents.flat())
    const added = nodes.map((node, at) => ({ seq: first + at, digest: node.digest }))
    return {
      removed: [...parental].filter(seq => this.#parts.heads.has(seq)),
      added: added.filter(({ seq }) => !parental.has(seq)),
    }
  }

  get #ordinal(): number {
    return this.#parts.stream.ordinal
  }

  #row(seq: number, value: Uint8Array | undefined): NodeRow {
    const { digest, bytes, parents } = decodeRow(this.name, seq, value)
    return { seq, digest, bytes, parents }
  }

  #missing(seq: number): ReplicaError {
    return corrupt(`node ${seq} of ${this.name} is missing`, { frontier: this.name, seq })
  }
}

/** Puts a change of the heads into a batch of index/. */
export function putHeads(batch: Batch, ordinal: number, change: HeadsChange): void {
  for (const seq of change.removed) batch.delete(indexKey('h', ordinal, number32(seq)))
  for (const { seq, digest } of change.added) batch.put(indexKey('h', ordinal, number32(seq)), digest)
}
