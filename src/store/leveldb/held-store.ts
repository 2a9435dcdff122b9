// Held nodes of the LevelDB engine, in a database of their own, so that a flood of them does not
// slow down log/. The usage of each peer is counted from the database at each open, so it cannot
// drift.
// Spec: protocol/store.md, T6, T14 and T25.

import { type Digest, DigestMap, DigestSet, digestKey, equals } from '../../base/bytes.ts'
import { hasCode } from '../../base/errors.ts'
import { Mutex } from '../../base/mutex.ts'
import { type HeldLimits, HeldQuota } from '../quota.ts'
import type { Fault, HeldNode, HeldStore, Wait } from '../store.ts'
import { checkHeld, checkWait, compareWaits } from '../validate.ts'
import type { CommitWriter } from './commit-writer.ts'
import { Batch, type Database } from './database.ts'
import { HeldChecksums, WaitChecksum } from './held-checksum.ts'
import {
  decodeHeld,
  decodeShare,
  encodeHeld,
  encodeShare,
  heldKey,
  heldRange,
  heldWaitKey,
  heldWaitRange,
  type QuotaShare,
  readHeldWaitKey,
} from './keys.ts'

/** Parts of the held store. */
export interface HeldParts {
  readonly database: Database
  readonly writer: CommitWriter
  readonly limits: HeldLimits
  /** Returns the ordinal of a frontier. @throws ReplicaError ERR_FRONTIER_UNKNOWN */
  readonly ordinalOf: (frontier: string) => number
}

/** The held nodes of a store. */
export class LevelDbHeldStore implements HeldStore {
  readonly #parts: HeldParts
  readonly #quota: HeldQuota
  readonly #mutex = new Mutex()
  readonly #checksums = new HeldChecksums()

  constructor(parts: HeldParts) {
    this.#parts = parts
    this.#quota = new HeldQuota(parts.limits)
  }

  /** A description of held nodes that the open found missing; undefined if none. */
  get loss(): string | undefined {
    return this.#checksums.loss
  }

  /** Counts the held nodes of these frontiers. Ignores a damaged entry, which `verify` reports. */
  async load(frontiers: readonly string[]): Promise<void> {
    const found = new WaitChecksum()
    for (const frontier of frontiers) {
      for await (const entries of this.#database.entries(heldWaitRange(this.#parts.ordinalOf(frontier)))) {
        for (const [key, value] of entries) {
          found.add(key)
          const share = decodeShare(key, value)
          if (share === undefined) continue
          this.#quota.add(frontier, digestKey(share.from), { nodes: 1, bytes: share.bytes })
        }
      }
    }
    await this.#checksums.compare(found, { held: this.#database, index: this.#parts.writer.index })
  }

  async put(frontier: string, nodes: readonly HeldNode[]): Promise<boolean[]> {
    return this.#change(frontier, async (ordinal, batch, waits) => {
      checkHeld(nodes)
      const digests = nodes.map(node => node.digest)
      const before = new DigestMap<HeldNode>()
      for (const node of await this.#get(ordinal, digests)) if (node !== undefined) before.set(node.digest, node)
      const after = new DigestMap<HeldNode>()
      const isHeld = nodes.map(node => {
        const known = after.get(node.digest) ?? before.get(node.digest)
        if (known === undefined && !this.#quota.reserve(frontier, digestKey(node.from), node.bytes.length)) return false
        // The node still counts against the peer that sent it first.
        after.set(node.digest, known === undefined ? node : { ...known, wait: node.wait })
        return true
      })
      for (const node of after.values()) {
        const known = before.get(node.digest)
        if (known !== undefined) {
          const oldKey = heldWaitKey(ordinal, known.wait, node.digest)
          batch.delete(oldKey)
          waits.remove(oldKey)
        }
        batch.put(heldKey(ordinal, node.digest), encodeHeld(node))
        const key = heldWaitKey(ordinal, node.wait, node.digest)
        batch.put(key, encodeShare(key, node))
        waits.add(key)
      }
      return isHeld
    })
  }

  async get(frontier: string, digests: readonly Digest[]): Promise<(HeldNode | undefined)[]> {
    return this.#get(this.#ordinal(frontier), digests)
  }

  async has(frontier: string, digests: readonly Digest[]): Promise<boolean[]> {
    const values = await this.#values(this.#ordinal(frontier), digests)
    return values.map(value => value !== undefined)
  }

  async findByWait(frontier: string, wait: Wait, limit: number): Promise<Digest[]> {
    checkWait(wait)
    const digests: Digest[] = []
    if (limit <= 0) return digests
    const range = heldWaitRange(this.#ordinal(frontier), wait)
    for await (const entries of this.#database.entries({ ...range, limit, keysOnly: true })) {
      for (const [key] of entries) digests.push(key.subarray(38))
    }
    return digests
  }

  async delete(frontier: string, digests: readonly Digest[]): Promise<void> {
    await this.#change(frontier, async (ordinal, batch, waits) => {
      const unique = [...new DigestSet(digests)]
      for (const [at, value] of (await this.#values(ordinal, unique)).entries()) {
        const digest = unique[at]!
        if (value === undefined) continue
        batch.delete(heldKey(ordinal, digest))
        const found = await this.#waitOf(ordinal, digest, value)
        if (found === undefined) continue
        batch.delete(found.key)
        waits.remove(found.key)
        this.#quota.release(frontier, digestKey(found.share.from), found.share.bytes)
      }
    })
  }

  async purge(frontier: string, digests: readonly Digest[]): Promise<void> {
    await this.#database.flush()
    await this.#change(frontier, async (ordinal, batch) => {
      for (const node of await this.#get(ordinal, [...new DigestSet(digests)])) {
        if (node === undefined || node.bytes.length === node.headerBytes) continue
        const header = { ...node, bytes: node.bytes.subarray(0, node.headerBytes) }
        const key = heldWaitKey(ordinal, node.wait, node.digest)
        batch.put(heldKey(ordinal, node.digest), encodeHeld(header))
        batch.put(key, encodeShare(key, header))
        const bytes = header.bytes.length - node.bytes.length
        this.#quota.add(frontier, digestKey(node.from), { nodes: 0, bytes })
      }
    })
    const { gte, lt } = heldRange(this.#ordinal(frontier))
    // The files are merged only where a newer one overlaps them, so the range gets new bounds.
    const bounds = new Batch()
    bounds.delete(gte)
    bounds.delete(lt)
    await this.#parts.writer.write(this.#database, bounds, { sync: false })
    await this.#database.purge(gte, lt)
  }

  async listWaits(frontier: string, limit: number): Promise<{ wait: Wait; nodes: number }[]> {
    let all: { wait: Wait; nodes: number }[] = []
    let last: { wait: Wait; nodes: number } | undefined
    const range = heldWaitRange(this.#ordinal(frontier))
    for await (const entries of this.#database.entries({ ...range, keysOnly: true })) {
      for (const [key] of entries) {
        const wait = readHeldWaitKey(key)?.wait
        if (wait === undefined) continue
        if (last === undefined || last.wait.kind !== wait.kind || !equals(last.wait.id, wait.id)) {
          last = { wait, nodes: 0 }
          all.push(last)
        }
        last.nodes++
      }
      if (all.length > 4 * limit + 1000) {
        // The nodes of a wait are adjacent, so all counts except the last are final.
        const most = all.sort(compareWaits).slice(0, limit)
        all = last === undefined || most.includes(last) ? most : [...most, last]
      }
    }
    return all.sort(compareWaits).slice(0, limit)
  }

  async list(frontier: string, options: { after?: Digest; limit: number }): Promise<HeldNode[]> {
    const nodes: HeldNode[] = []
    const { after, limit } = options
    if (limit <= 0) return nodes
    const range = heldRange(this.#ordinal(frontier), after)
    for await (const entries of this.#database.entries({ ...range, limit, batchBytes: 1024 * 1024 })) {
      for (const [key, value] of entries) nodes.push(decodeHeld(key.subarray(5), value))
    }
    return nodes
  }

  usage(frontier?: string): { nodes: number; bytes: number } {
    return this.#quota.usage(frontier)
  }

  /** Waits for running writes, then rejects further calls. */
  async close(): Promise<void> {
    await this.#mutex.close()
  }

  /** Reads all held nodes of a frontier and yields the faults. */
  async *verify(frontier: string): AsyncIterable<Fault> {
    const ordinal = this.#ordinal(frontier)
    let nodes = 0
    for await (const entries of this.#database.entries({ ...heldRange(ordinal), batchBytes: 1024 * 1024 })) {
      const held = entries.map(([key, value]) => decodeOrUndefined(key.subarray(5), value))
      const keys = held.flatMap(node => (node === undefined ? [] : [heldWaitKey(ordinal, node.wait, node.digest)]))
      const waits = await this.#database.getMany(keys)
      for (const [at, node] of held.entries()) {
        const digest = entries[at]![0].subarray(5)
        nodes++
        if (node === undefined) yield { kind: 'held', frontier, digest, reason: 'the held node is damaged' }
        else if (waits.shift() === undefined) yield { kind: 'held', frontier, digest, reason: 'its wait is missing' }
      }
    }
    let waits = 0
    for await (const entries of this.#database.entries(heldWaitRange(ordinal))) {
      for (const [key, value] of entries) {
        waits++
        if (decodeShare(key, value) === undefined) yield { kind: 'held', frontier, reason: 'a wait is damaged' }
      }
    }
    if (waits !== nodes)
      yield { kind: 'held', frontier, reason: `${nodes} nodes are held, but there are ${waits} waits` }
  }

  get #database(): Database {
    return this.#parts.database
  }

  #ordinal(frontier: string): number {
    this.#mutex.assertOpen()
    return this.#parts.ordinalOf(frontier)
  }

  async #get(ordinal: number, digests: readonly Digest[]): Promise<(HeldNode | undefined)[]> {
    const values = await this.#values(ordinal, digests)
    return values.map((value, at) => (value === undefined ? undefined : decodeHeld(digests[at]!, value)))
  }

  async #values(ordinal: number, digests: readonly Digest[]): Promise<(Uint8Array | undefined)[]> {
    return this.#database.getMany(digests.map(digest => heldKey(ordinal, digest)))
  }

  /** Fills a batch with `plan` and writes it. Changes run one after another. */
  async #change<T>(
    frontier: string,
    plan: (ordinal: number, batch: Batch, waits: WaitChecksum) => Promise<T>,
  ): Promise<T> {
    return this.#mutex.run(async () => {
      const { writer, database, ordinalOf } = this.#parts
      writer.assertWritable()
      const batch = new Batch()
      const waits = this.#checksums.waits()
      const result = await plan(ordinalOf(frontier), batch, waits)
      if (batch.bytes === 0) return result
      const indexBatch = this.#checksums.addTo(waits, batch)
      await writer.write(database, batch, { sync: true })
      await writer.write(writer.index, indexBatch, { sync: false })
      return result
    })
  }

  /**
   * Returns the wait of a held node. If the node is too damaged to name it, searches all waits of
   * the frontier.
   */
  async #waitOf(
    ordinal: number,
    digest: Digest,
    value: Uint8Array,
  ): Promise<{ key: Uint8Array; share: QuotaShare } | undefined> {
    const node = decodeOrUndefined(digest, value)
    if (node !== undefined) {
      const key = heldWaitKey(ordinal, node.wait, digest)
      const stored = await this.#database.get(key)
      const share = stored === undefined ? undefined : decodeShare(key, stored)
      return share === undefined ? undefined : { key, share }
    }
    for await (const entries of this.#database.entries(heldWaitRange(ordinal))) {
      for (const [key, stored] of entries) {
        const share = decodeShare(key, stored)
        if (share !== undefined && equals(key.subarray(38), digest)) return { key, share }
      }
    }
    return undefined
  }
}

function decodeOrUndefined(digest: Digest, value: Uint8Array): HeldNode | undefined {
  try {
    return decodeHeld(digest, value)
  } catch (error) {
    if (hasCode(error, 'ERR_STORE_CORRUPT')) return undefined
    throw error
  }
}
