// Captured states of frontiers: the whole frontier as it was at one moment, with its hashes. Entry, snapshot and manifest of
// a frontier are answered from one capture, so they always agree. A capture is made when the frontier has changed since
// the last one, one at a time, and not more often than the budget of its frontier allows; former ones stay for a while,
// so that who has read the entry still gets what it says, and are made again where an entry stands for them.
// Specification: protocol/http.md, H10 to H12.

import type { Registry } from '../admission/registry.ts'
import { sha256, toHex } from '../base/bytes.ts'
import { runCooperatively } from '../base/cooperative.ts'
import { ReplicaError } from '../base/errors.ts'
import { FETCH_LIMITS, HTTP_LIMITS } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'
import { exportFrontier } from '../projection/files/snapshot.ts'
import type { Frontier } from '../replica/frontier.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import type { ContentHashes } from '../vela/files/received-file.ts'
import { eventLogHash } from '../vela/hashes/event-log-hash.ts'
import { contentHashesTask, snapshotHash } from '../vela/hashes/snapshot-hash.ts'
import { TokenBucket } from './token-bucket.ts'

const { capturesBytesMax, capturesKeptMax, captureMsMax, captureBurstMs, capturePart, snapshotNodesMax } = HTTP_LIMITS

/** In front of a frontier's name: the budget of its former states, which what is asked of the present one doesn't spend. */
const FORMER = 'former '

export interface Snapshot {
  readonly frontier: string
  /** How many nodes the log had. */
  readonly nodes: number
  /** The frontier file. */
  readonly text: Uint8Array
  /** SHA-256 of the file, 64 hex digits: a snapshot hash doesn't cover the events, so it names no capture. */
  readonly fileHash: string
  /** The frontier's name for people. */
  readonly name: string
  /** 64 hex digits each. */
  readonly snapshotHash: string
  readonly logHash: string
  /** All hashes that the file may rightly be said to have; computed when first asked for. */
  readonly hashes: () => Promise<ContentHashes>
}

interface Making {
  readonly state: string
  readonly taking: Promise<Taken>
}

interface Taken {
  readonly state: string
  readonly capture: Snapshot
}

export class SnapshotCache {
  readonly #home: ReplicaContext
  readonly #clock: () => number
  /** By frontier: the latest capture and the state it is of. */
  readonly #latest = new Map<string, Taken>()
  readonly #making = new Map<string, Making>()
  /** Captures of former states that are being made again, by frontier and nodes. */
  readonly #remaking = new Map<string, Promise<Snapshot>>()
  readonly #budgets = new Map<string, TokenBucket>()
  /** By frontier and hash, least lately used first. */
  readonly #kept = new Map<string, { capture: Snapshot; at: number }>()
  #keptBytes = 0
  /** One capture at a time over all frontiers: each needs the thread and memory. */
  readonly #mutex = new Mutex()

  constructor(home: ReplicaContext, clock: () => number = () => performance.now()) {
    this.#home = home
    this.#clock = clock
  }

  /**
   * The frontier as it is now; as it was a little ago where it changes faster than it may be captured.
   * @throws ReplicaError ERR_NOT_FOUND for a frontier without nodes, ERR_HTTP_LIMIT, ERR_HTTP_BUSY
   */
  async current(frontier: Frontier): Promise<Snapshot> {
    const { name } = frontier.log
    for (;;) {
      const state = stateOf({ nodes: frontier.log.nodes, registry: frontier.registry })
      const latest = this.#latest.get(name)
      if (latest?.state === state) return this.#keep(latest.capture)
      const making = this.#making.get(name)
      if (making !== undefined) {
        const settled = await Promise.allSettled([making.taking])
        if (making.state === state && settled[0].status === 'rejected') throw settled[0].reason
        continue
      }
      checkSize(frontier)
      if (!this.#budget(name).hasTokens) {
        if (latest !== undefined) return this.#keep(latest.capture)
        throw new ReplicaError('ERR_HTTP_BUSY', 'the frontier changes faster than it can be captured')
      }
      return this.#make(frontier, state)
    }
  }

  /** A capture that is still kept, by the hash of its file. */
  find(frontier: string, hash: string): Snapshot | undefined {
    const kept = this.#kept.get(`${frontier} ${hash}`)
    if (kept === undefined) return undefined
    const isLatest = this.#latest.get(frontier)?.capture === kept.capture
    if (!isLatest && this.#clock() - kept.at > captureMsMax) return undefined
    return kept.capture
  }

  /**
   * The frontier as it was when its log had so many nodes, from what is kept or made again. Who counts is asked of the registry of
   * now, so that the caller has to look whether it is what was meant.
   * @throws ReplicaError ERR_HTTP_LIMIT, ERR_HTTP_BUSY
   */
  async former(frontier: Frontier, nodes: number): Promise<Snapshot> {
    const { name } = frontier.log
    for (const { capture } of this.#kept.values())
      if (capture.frontier === name && capture.nodes === nodes) return this.#keep(capture)
    const key = `${name} ${nodes}`
    const under = this.#remaking.get(key)
    if (under !== undefined) return under
    if (nodes > snapshotNodesMax) throw tooLarge()
    if (!this.#budget(FORMER + name).hasTokens)
      throw new ReplicaError('ERR_HTTP_BUSY', 'the frontier was captured too often of late')
    const remaking = this.#mutex
      .run(() => this.#take(frontier, { nodes, budget: this.#budget(FORMER + name) }))
      .then(({ capture }) => this.#keep(capture))
    this.#remaking.set(key, remaking)
    try {
      return await remaking
    } finally {
      this.#remaking.delete(key)
    }
  }

  async #make(frontier: Frontier, state: string): Promise<Snapshot> {
    const { name } = frontier.log
    const taking = this.#mutex.run(() =>
      this.#take(frontier, { nodes: frontier.log.nodes, budget: this.#budget(name) }),
    )
    this.#making.set(name, { state, taking })
    try {
      const taken = await taking
      this.#latest.set(name, taken)
      return this.#keep(taken.capture)
    } finally {
      this.#making.delete(name)
    }
  }

  async #take({ log, registry }: Frontier, how: { nodes: number; budget: TokenBucket }): Promise<Taken> {
    const { nodes, budget } = how
    const started = this.#clock()
    const state = stateOf({ nodes, registry })
    const frontier = log.name
    const { file, text } = await exportFrontier(this.#home, frontier, { nodes })
    if (text.length > FETCH_LIMITS.frontierBytesMax) throw tooLarge()
    const meta = file.members.get('frontier')
    const name = meta instanceof Map ? meta.get('name') : undefined
    let hashes: Promise<ContentHashes> | undefined
    const capture = {
      frontier,
      nodes,
      text,
      fileHash: toHex(sha256(text)),
      name: typeof name === 'string' ? name : frontier,
      snapshotHash: snapshotHash(file),
      logHash: eventLogHash(file.events, 'full'),
      hashes: () => {
        hashes ??= runCooperatively(contentHashesTask(text))
        return hashes
      },
    }
    budget.consume(this.#clock() - started)
    return { state, capture }
  }

  /** Moves a capture to the end of those kept, and lets go of the first ones where there are too many. */
  #keep(capture: Snapshot): Snapshot {
    const key = `${capture.frontier} ${capture.fileHash}`
    this.#remove(key)
    this.#kept.set(key, { capture, at: this.#clock() })
    this.#keptBytes += capture.text.length
    const ofFrontier = [...this.#kept.keys()].filter(other => other.startsWith(`${capture.frontier} `))
    for (const old of ofFrontier.slice(0, -capturesKeptMax)) this.#remove(old)
    for (const [old, { capture: dropped }] of this.#kept) {
      if (this.#keptBytes <= capturesBytesMax || old === key) break
      this.#remove(old)
      if (this.#latest.get(dropped.frontier)?.capture === dropped) this.#latest.delete(dropped.frontier)
    }
    return capture
  }

  #remove(key: string): void {
    const kept = this.#kept.get(key)
    if (kept === undefined) return
    this.#kept.delete(key)
    this.#keptBytes -= kept.capture.text.length
  }

  #budget(frontier: string): TokenBucket {
    let budget = this.#budgets.get(frontier)
    if (budget === undefined) {
      budget = new TokenBucket({ burstMs: captureBurstMs, part: capturePart, clock: this.#clock })
      this.#budgets.set(frontier, budget)
    }
    return budget
  }
}

/** What a whole frontier depends on: the first so many nodes of its log, and whom the registry knows. */
function stateOf({ nodes, registry }: { nodes: number; registry: Registry }): string {
  return `${nodes} ${toHex(registry.digest())}`
}

function checkSize({ log }: Frontier): void {
  if (log.nodes === 0) throw new ReplicaError('ERR_NOT_FOUND', `${log.name} has no events here yet`)
  if (log.nodes > snapshotNodesMax) throw tooLarge()
}

function tooLarge(): ReplicaError {
  return new ReplicaError('ERR_HTTP_LIMIT', 'the frontier is too large to be served whole: read its events')
}
