// Finds nodes by digest, label and event in index/. Commits, lookups and the recovery of lost
// entries all use `plan` to make entries, so they cannot disagree.

import { type Digest, DigestMap, digestKey, equals, toHex } from '../../base/bytes.ts'
import { STORE_LIMITS } from '../../base/limits.ts'
import { seal, unseal } from '../checksum.ts'
import type { NodeLocation, TextState } from '../store.ts'
import { corruptionError } from '../validate.ts'
import type { Batch, Database } from './database.ts'
import { DigestFilter } from './digest-filter.ts'
import { decodeLocation, encodeLocation, indexKey, indexRange, number32, readNumber32 } from './keys.ts'
import { putTextState } from './text-index.ts'

/** The fields of a node that the index needs. */
export interface IndexedNode {
  readonly seq: number
  readonly digest: Digest
  readonly height: number
  readonly label: Uint8Array
  readonly event: Digest
  readonly text: TextState
}

/** The entries of nodes in index/. Methods throw ERR_STORE_CORRUPT for a damaged entry. */
export class NodeIndex {
  readonly #database: Database
  readonly #recent = new LocationCache()
  /** The digests of nodes and events, of each stream that was empty when it was opened. */
  readonly #filters = new Map<number, DigestFilter>()

  constructor(database: Database) {
    this.#database = database
  }

  /** Notes that the index has no entry of a stream. Later lookups use what `plan` adds. */
  noteEmpty(ordinal: number): void {
    this.#filters.set(ordinal, new DigestFilter())
  }

  /**
   * Returns the location of each node, in the order of `digests`; undefined if it is not stored.
   */
  async locate(ordinal: number, digests: readonly Digest[]): Promise<(NodeLocation | undefined)[]> {
    const locations = digests.map(digest => this.#recent.get(ordinal, digest))
    const filter = this.#filters.get(ordinal)
    const unknown: number[] = []
    for (const [at, digest] of digests.entries()) {
      if (locations[at] === undefined && filter?.mightContain(digest) !== false) unknown.push(at)
    }
    if (unknown.length === 0) return locations
    const keys = unknown.map(at => indexKey('d', ordinal, digests[at]!))
    const values = await this.#database.getMany(keys)
    for (const [which, at] of unknown.entries()) {
      const value = values[which]
      if (value === undefined) continue
      const location = decodeLocation(keys[which]!, value)
      if (location === undefined) throw corruptionError(`the index entry of node ${toHex(digests[at]!)} is damaged`)
      locations[at] = location
    }
    return locations
  }

  /**
   * Returns whether each node is stored. Does not use the cache: it is for digests that are
   * probably not stored.
   */
  async has(ordinal: number, digests: readonly Digest[]): Promise<boolean[]> {
    const values = await this.#lookUp(ordinal, digests, at => indexKey('d', ordinal, digests[at]!))
    return values.map(value => value !== undefined)
  }

  /** Caches the locations of committed nodes, which are the likely parents of the next ones. */
  cacheLocations(ordinal: number, nodes: readonly IndexedNode[]): void {
    for (const node of nodes) this.#recent.add(ordinal, node.digest, node)
  }

  /** Returns the sequence numbers of the nodes with this label, ascending. */
  async findByLabel(ordinal: number, label: Uint8Array): Promise<number[]> {
    const seqs: number[] = []
    for await (const entries of this.#database.entries(indexRange('e', ordinal, label))) {
      for (const [key, value] of entries) seqs.push(readSeq(key, value))
    }
    for await (const entries of this.#database.entries({ ...indexRange('x', ordinal, label), keysOnly: true })) {
      for (const [key] of entries) seqs.push(readNumber32(key, 13))
    }
    return seqs.sort((a, b) => a - b)
  }

  /**
   * Yields the labels of two or more distinct events, in byte order. Their entries are adjacent.
   */
  async *sharedLabels(ordinal: number): AsyncGenerator<Uint8Array> {
    let last: Uint8Array = new Uint8Array()
    let yielded = false
    for await (const entries of this.#database.entries({ ...indexRange('e', ordinal), keysOnly: true })) {
      for (const [key] of entries) {
        const label = key.subarray(5, 13)
        const same = equals(label, last)
        if (same && !yielded) yield label
        yielded = same
        last = label
      }
    }
  }

  /**
   * Adds the entries of nodes, given in sequence order, to `batch`. Returns how many of their
   * events no earlier node carries. Existing entries of the same nodes do not change the result.
   */
  async plan(ordinal: number, nodes: readonly IndexedNode[], batch: Batch): Promise<number> {
    const keys = nodes.map(({ label, event }) => indexKey('e', ordinal, label, event))
    const eventDigests = nodes.map(({ event }) => event)
    const stored = await this.#lookUp(ordinal, eventDigests, at => keys[at]!)
    const filter = this.#filters.get(ordinal)
    const fresh = new DigestMap<number>()
    let events = 0
    for (const [at, node] of nodes.entries()) {
      const { seq, digest, label, event } = node
      filter?.add(digest)
      filter?.add(event)
      const locationKey = indexKey('d', ordinal, digest)
      batch.put(locationKey, encodeLocation(locationKey, node))
      putTextState(batch, ordinal, node)
      const eventKey = keys[at]!
      const before = stored[at]
      const first = before === undefined ? (fresh.get(eventKey) ?? seq) : readSeq(eventKey, before)
      if (first < seq) {
        batch.put(indexKey('x', ordinal, label, number32(seq)), new Uint8Array())
        continue
      }
      events++
      fresh.set(eventKey, seq)
      batch.put(eventKey, seal(eventKey, number32(seq)))
    }
    return events
  }

  /**
   * Returns for each node what is missing or wrong in its entries; undefined if nothing is. Does
   * not use the cache.
   */
  async findFaults(ordinal: number, nodes: readonly IndexedNode[]): Promise<(string | undefined)[]> {
    const keys = nodes.map(node => indexKey('d', ordinal, node.digest))
    const [values, firsts] = await Promise.all([this.#database.getMany(keys), this.findFirstNodes(ordinal, nodes)])
    const further = nodes.map(node => indexKey('x', ordinal, node.label, number32(node.seq)))
    const others = await this.#database.getMany(further.filter((_, at) => (firsts[at] ?? 0) < nodes[at]!.seq))
    let other = 0
    return nodes.map((node, at) => {
      const value = values[at]
      const first = firsts[at]
      const isFurther = (first ?? 0) < node.seq && others[other++] !== undefined
      if (value === undefined) return 'the index does not have it'
      const location = decodeLocation(keys[at]!, value)
      if (location?.seq !== node.seq || location.height !== node.height) return 'the index has another location for it'
      if (first === undefined) return 'the index does not have its event'
      if (first !== node.seq && !isFurther) return 'the index does not list it under its event'
      return undefined
    })
  }

  /**
   * Returns for each event the sequence number of the first node that carries it; undefined if no
   * node does.
   */
  async findFirstNodes(
    ordinal: number,
    events: readonly { label: Uint8Array; event: Digest }[],
  ): Promise<(number | undefined)[]> {
    const keys = events.map(({ label, event }) => indexKey('e', ordinal, label, event))
    const values = await this.#database.getMany(keys)
    return values.map((value, at) => (value === undefined ? undefined : readSeq(keys[at]!, value)))
  }

  /** Returns the values of keys that contain these digests, without a read where none was added. */
  async #lookUp(
    ordinal: number,
    digests: readonly Digest[],
    keyAt: (at: number) => Uint8Array,
  ): Promise<(Uint8Array | undefined)[]> {
    const filter = this.#filters.get(ordinal)
    if (filter === undefined) return this.#database.getMany(digests.map((_, at) => keyAt(at)))
    const possible = digests.flatMap((digest, at) => (filter.mightContain(digest) ? [at] : []))
    const found: (Uint8Array | undefined)[] = digests.map(() => undefined)
    if (possible.length === 0) return found
    const values = await this.#database.getMany(possible.map(keyAt))
    for (const [which, at] of possible.entries()) found[at] = values[which]
    return found
  }
}

function readSeq(key: Uint8Array, value: Uint8Array): number {
  const bytes = unseal(key, value)
  if (bytes?.length !== 4) throw corruptionError('an entry of the index is damaged')
  return readNumber32(bytes)
}

interface CachedLocation extends NodeLocation {
  readonly ordinal: number
}

/**
 * Locations of recently committed nodes, at most `STORE_LIMITS.placesCachedMax`. It has two
 * generations: when the younger one is full, it replaces the older one. Unlike in an LRU map, a hit
 * moves nothing, which matters here: bulk loads look up every parent.
 */
class LocationCache {
  #young = new Map<string, CachedLocation>()
  #old = new Map<string, CachedLocation>()

  /** Returns a location; undefined if it is not cached. */
  get(ordinal: number, digest: Digest): NodeLocation | undefined {
    const key = digestKey(digest)
    const known = this.#young.get(key) ?? this.#old.get(key)
    return known?.ordinal === ordinal ? { seq: known.seq, height: known.height } : undefined
  }

  /** Adds a location. */
  add(ordinal: number, digest: Digest, { seq, height }: NodeLocation): void {
    if (this.#young.size >= STORE_LIMITS.placesCachedMax / 2) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(digestKey(digest), { ordinal, seq, height })
  }
}
