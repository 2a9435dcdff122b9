// Caches snapshots of whole frontiers with their hashes. An entry, the snapshot beside it, a
// manifest and its signature come from one current pair per frontier, which every reader shares; so
// what a reader fetches in two requests agrees without state per reader. One snapshot is made at a
// time, within the token bucket of its frontier. Former snapshots stay cached for a while, and are
// made again from the first nodes of the log where a published entry needs them.
// Spec: protocol/http.md, H10 to H12.

import { sha256, toHex } from '../base/bytes.ts'
import { runCooperatively } from '../base/cooperative.ts'
import { ReplicaError } from '../base/errors.ts'
import { FETCH_LIMITS, HTTP_LIMITS } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import { absentTexts, exportFrontier, requireTexts } from '../projection/files/snapshot.ts'
import type { Frontier } from '../replica/frontier.ts'
import type { Replica } from '../replica/replica.ts'
import type { ContentHashes } from '../vela/files/received-file.ts'
import { eventLogHash } from '../vela/hashes/event-log-hash.ts'
import { contentHashesTask, snapshotHash } from '../vela/hashes/snapshot-hash.ts'
import { TokenBucket } from './clients/token-bucket.ts'

const { capturesBytesMax, capturesKeptMax, captureMsMax, captureBurstMs, capturePart, snapshotNodesMax } = HTTP_LIMITS

/**
 * Prefix of the bucket of former states, so that requests for them do not spend the bucket of the
 * current state.
 */
const FORMER = 'former '

/** A whole frontier at one moment. */
export interface Snapshot {
  readonly frontier: string
  /** Nodes of the log at that moment. */
  readonly nodes: number
  /** The frontier file. */
  readonly text: Uint8Array
  /**
   * SHA-256 of the file, 64 hex digits. The snapshot hash does not cover the events, so it does not
   * identify the file.
   */
  readonly fileHash: string
  /** The frontier's display name. */
  readonly name: string
  /** 64 hex digits each. */
  readonly snapshotHash: string
  readonly logHash: string
  /** All hashes under which the file may be published; computed on the first call. */
  readonly hashes: () => Promise<ContentHashes>
}

/**
 * Which half of a pair a request is for. `first` (an entry, a manifest) may refresh the pair;
 * `second` (the snapshot beside the entry, the signature over the manifest) belongs to a first half
 * that the reader has.
 */
export type PairHalf = 'first' | 'second'

/** The snapshot that all readers of a frontier share. Times are those of the cache's clock. */
interface Pair {
  readonly snapshot: Snapshot
  readonly madeAt: number
  firstReadAt: number
}

interface Making {
  readonly state: string
  readonly result: Promise<StatedSnapshot>
}

interface StatedSnapshot {
  readonly state: string
  readonly snapshot: Snapshot
}

export class SnapshotCache {
  readonly #replica: Replica
  readonly #clock: () => number
  readonly #pairs = new Map<string, Pair>()
  readonly #refreshing = new Map<string, Promise<Pair>>()
  /** The latest snapshot of each frontier and the state it shows. */
  readonly #latest = new Map<string, StatedSnapshot>()
  readonly #making = new Map<string, Making>()
  /** Snapshots of former states that are being made again, by frontier and nodes. */
  readonly #remaking = new Map<string, Promise<Snapshot>>()
  readonly #buckets = new Map<string, TokenBucket>()
  /** LRU by frontier and file hash, least recently used first. */
  readonly #cached = new Map<string, { snapshot: Snapshot; at: number }>()
  #cachedBytes = 0
  /** `Frontier.textChanges` of the cached snapshots of each frontier. */
  readonly #textChanges = new Map<string, number>()
  /** One snapshot at a time over all frontiers, because each needs the thread and memory. */
  readonly #mutex = new Mutex()

  /** `clock` returns monotonic milliseconds. */
  constructor(replica: Replica, clock: () => number = () => performance.now()) {
    this.#replica = replica
    this.#clock = clock
  }

  /**
   * Returns the snapshot of the current pair. The pair changes at most once per `captureMsMax`, at
   * a request for its first half; at one for its second half only if nobody has read a first half
   * for that long.
   * @throws ReplicaError as `current`
   */
  async pair(frontier: Frontier, half: PairHalf): Promise<Snapshot> {
    const { name } = frontier.log
    this.#dropOutdated(frontier)
    let pair = this.#pairs.get(name)
    const since = half === 'first' ? pair?.madeAt : pair?.firstReadAt
    if (pair === undefined || since === undefined || this.#clock() - since >= captureMsMax) {
      let refreshing = this.#refreshing.get(name)
      if (refreshing === undefined) {
        refreshing = this.#refresh(frontier).finally(() => this.#refreshing.delete(name))
        this.#refreshing.set(name, refreshing)
      }
      pair = await refreshing
    }
    if (half === 'first') pair.firstReadAt = this.#clock()
    return this.#cache(pair.snapshot)
  }

  async #refresh(frontier: Frontier): Promise<Pair> {
    const { name } = frontier.log
    const snapshot = await this.current(frontier)
    const before = this.#pairs.get(name)
    if (before?.snapshot === snapshot) return before
    const now = this.#clock()
    const pair = { snapshot, madeAt: now, firstReadAt: now }
    this.#pairs.set(name, pair)
    return pair
  }

  /**
   * Returns the current state of the frontier, or a recent one where it changes faster than its
   * token bucket allows.
   * @throws ReplicaError ERR_NOT_FOUND for a frontier without nodes, ERR_TEXT_WITHHELD,
   * ERR_HTTP_LIMIT, ERR_HTTP_BUSY
   */
  async current(frontier: Frontier): Promise<Snapshot> {
    const { name } = frontier.log
    for (;;) {
      this.#dropOutdated(frontier)
      const state = stateOf(frontier, frontier.log.nodes)
      const latest = this.#latest.get(name)
      if (latest?.state === state) return this.#cache(latest.snapshot)
      const making = this.#making.get(name)
      if (making !== undefined) {
        const settled = await Promise.allSettled([making.result])
        if (making.state === state && settled[0].status === 'rejected') throw settled[0].reason
        continue
      }
      checkSize(frontier)
      if (!this.#bucket(name).hasTokens) {
        if (latest !== undefined) return this.#cache(latest.snapshot)
        throw new ReplicaError('ERR_HTTP_BUSY', 'the frontier changes faster than snapshots of it can be made')
      }
      return this.#make(frontier, state)
    }
  }

  /** Returns a snapshot that is still cached, by the hash of its file. */
  find(frontier: string, hash: string): Snapshot | undefined {
    const cached = this.#cached.get(`${frontier} ${hash}`)
    if (cached === undefined) return undefined
    const isLatest = this.#latest.get(frontier)?.snapshot === cached.snapshot
    if (!isLatest && this.#clock() - cached.at > captureMsMax) return undefined
    return cached.snapshot
  }

  /**
   * Returns the snapshot with this file hash: a cached one, else the current one.
   * @throws ReplicaError ERR_NOT_FOUND when neither has the hash, and as `current`
   */
  async byHash(frontier: Frontier, hash: string): Promise<Snapshot> {
    this.#dropOutdated(frontier)
    const found = this.find(frontier.log.name, hash) ?? (await this.current(frontier))
    if (found.fileHash === hash) return found
    throw new ReplicaError('ERR_NOT_FOUND', 'no snapshot with this hash: the frontier has changed since')
  }

  /**
   * Returns the frontier as it was when its log had `nodes` nodes, cached or made again. The
   * current registry decides which events count, so the caller compares the hashes.
   * @throws ReplicaError ERR_HTTP_LIMIT, ERR_HTTP_BUSY
   */
  async former(frontier: Frontier, nodes: number): Promise<Snapshot> {
    const { name } = frontier.log
    this.#dropOutdated(frontier)
    for (const { snapshot } of this.#cached.values())
      if (snapshot.frontier === name && snapshot.nodes === nodes) return this.#cache(snapshot)
    const key = `${name} ${nodes}`
    const running = this.#remaking.get(key)
    if (running !== undefined) return running
    if (nodes > snapshotNodesMax) throw tooLarge()
    const bucket = this.#bucket(FORMER + name)
    if (!bucket.hasTokens)
      throw new ReplicaError('ERR_HTTP_BUSY', 'too many snapshots of the frontier were made recently')
    const remaking = this.#mutex.run(async () => {
      const { snapshot } = await this.#export(frontier, { nodes, bucket })
      return this.#cache(snapshot)
    })
    this.#remaking.set(key, remaking)
    try {
      return await remaking
    } finally {
      this.#remaking.delete(key)
    }
  }

  async #make(frontier: Frontier, state: string): Promise<Snapshot> {
    const { name } = frontier.log
    const bucket = this.#bucket(name)
    const result = this.#mutex.run(() => this.#export(frontier, { nodes: frontier.log.nodes, bucket }))
    this.#making.set(name, { state, result })
    try {
      const made = await result
      this.#latest.set(name, made)
      return this.#cache(made.snapshot)
    } finally {
      this.#making.delete(name)
    }
  }

  async #export(of: Frontier, options: { nodes: number; bucket: TokenBucket }): Promise<StatedSnapshot> {
    const { log, textChanges } = of
    const { nodes, bucket } = options
    requireTexts(absentTexts(this.#replica, log.name), log.name)
    const started = this.#clock()
    const state = stateOf(of, nodes)
    const frontier = log.name
    const { file, text, absent } = await exportFrontier(this.#replica, frontier, { nodes })
    requireTexts(absent, frontier)
    if (of.textChanges !== textChanges)
      throw new ReplicaError('ERR_HTTP_BUSY', 'texts of the frontier changed while its snapshot was made')
    if (text.length > FETCH_LIMITS.frontierBytesMax) throw tooLarge()
    const meta = file.members.get('frontier')
    const name = meta instanceof Map ? meta.get('name') : undefined
    let hashes: Promise<ContentHashes> | undefined
    const snapshot = {
      frontier,
      nodes,
      text,
      fileHash: toHex(sha256(text)),
      name: typeof name === 'string' ? name : frontier,
      snapshotHash: snapshotHash(file, { reader: '0.40' }),
      logHash: eventLogHash(file.events, 'full'),
      hashes: () => {
        hashes ??= runCooperatively(contentHashesTask(text))
        return hashes
      },
    }
    bucket.consume(this.#clock() - started)
    return { state, snapshot }
  }

  /**
   * Marks a snapshot as the most recently used one, and drops the least recently used ones beyond
   * the bounds.
   */
  #cache(snapshot: Snapshot): Snapshot {
    const { frontier } = snapshot
    const key = keyOf(snapshot)
    this.#remove(key)
    this.#cached.set(key, { snapshot, at: this.#clock() })
    this.#cachedBytes += snapshot.text.length
    const shared = this.#pairs.get(frontier)?.snapshot
    const others = [...this.#cached.values()].filter(
      cached => cached.snapshot.frontier === frontier && cached.snapshot !== shared,
    )
    const othersMax = shared === undefined ? capturesKeptMax : capturesKeptMax - 1
    for (const old of others.slice(0, -othersMax)) this.#remove(keyOf(old.snapshot))
    for (const [old, { snapshot: dropped }] of this.#cached) {
      if (this.#cachedBytes <= capturesBytesMax || old === key) break
      this.#remove(old)
      if (this.#latest.get(dropped.frontier)?.snapshot === dropped) this.#latest.delete(dropped.frontier)
      if (this.#pairs.get(dropped.frontier)?.snapshot === dropped) this.#pairs.delete(dropped.frontier)
    }
    return snapshot
  }

  /** Drops the snapshots of a frontier whose texts changed since: they may contain erased texts. */
  #dropOutdated({ log: { name }, textChanges }: Frontier): void {
    if ((this.#textChanges.get(name) ?? 0) === textChanges) return
    this.#textChanges.set(name, textChanges)
    this.#latest.delete(name)
    this.#pairs.delete(name)
    for (const [key, { snapshot }] of this.#cached) if (snapshot.frontier === name) this.#remove(key)
  }

  #remove(key: string): void {
    const cached = this.#cached.get(key)
    if (cached === undefined) return
    this.#cached.delete(key)
    this.#cachedBytes -= cached.snapshot.text.length
  }

  #bucket(name: string): TokenBucket {
    let bucket = this.#buckets.get(name)
    if (bucket === undefined) {
      bucket = new TokenBucket({ burst: captureBurstMs, part: capturePart, clock: this.#clock })
      this.#buckets.set(name, bucket)
    }
    return bucket
  }
}

function keyOf({ frontier, fileHash }: Snapshot): string {
  return `${frontier} ${fileHash}`
}

/** The inputs of a whole frontier: the first nodes of its log, their texts, and the registry. */
function stateOf({ registry, textChanges }: Frontier, nodes: number): string {
  return `${nodes} ${textChanges} ${toHex(registry.digest())}`
}

function checkSize({ log }: Frontier): void {
  if (log.nodes === 0) throw new ReplicaError('ERR_NOT_FOUND', `${log.name} has no events here yet`)
  if (log.nodes > snapshotNodesMax) throw tooLarge()
}

function tooLarge(): ReplicaError {
  return new ReplicaError('ERR_HTTP_LIMIT', 'the frontier is too large to be served whole: read its events')
}
