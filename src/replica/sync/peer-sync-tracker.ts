// Keeps the state of each peer and frontier: in memory while the replica is open, and as a small
// record, so that a later process knows it. Each record is written at most once a second; the next
// exchange restores what a crash lost.

import { toHex } from '../../base/bytes.ts'
import type { ReplicaError } from '../../base/errors.ts'
import { LINK_LIMITS } from '../../base/limits.ts'
import { Mutex } from '../../base/mutex.ts'
import type { SetTimer, Timer } from '../../base/timer.ts'
import type { Records } from '../../store/store.ts'
import type { Channel } from '../../sync/connection.ts'
import type { LiveRound } from '../../transport/session.ts'
import type { Frontier } from '../frontier.ts'
import {
  afterChannel,
  afterCommit,
  afterFailure,
  afterReached,
  afterRound,
  decodePeerSyncState,
  encodePeerSyncState,
  isEqual,
  type LogPosition,
  type PeerSyncState,
} from './peer-sync-state.ts'

/** Phase of a link to a peer. */
export type LinkPhase = 'connecting' | 'catching up' | 'live' | 'waiting'

export class PeerSyncTracker {
  readonly #records: Records
  readonly #now: () => string
  readonly #setTimer: SetTimer
  readonly #known = new Map<string, Promise<PeerSyncHandle>>()
  readonly #unwritten = new Set<PeerSyncHandle>()
  #alarm: Timer | undefined
  readonly #writeMutex = new Mutex()

  constructor(records: Records, options: { now: () => string; setTimer: SetTimer }) {
    this.#records = records
    this.#now = options.now
    this.#setTimer = options.setTimer
  }

  /**
   * Returns the state of a registered peer. `key`: its public key, 64 hex digits. The registry
   * bounds the number of states.
   */
  of(frontier: Frontier, key: string): Promise<PeerSyncHandle> {
    const name = `standing/${frontier.log.name}/${key}`
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const opening = this.#open(name, frontier)
    this.#known.set(name, opening)
    opening.catch(() => this.#known.delete(name))
    return opening
  }

  async #open(name: string, frontier: Frontier): Promise<PeerSyncHandle> {
    const record = await this.#records.get(name)
    const syncState = decodePeerSyncState(record ?? new Uint8Array())
    return new PeerSyncHandle({ name, frontier, syncState, now: this.#now, changed: own => this.#changed(own) })
  }

  #changed(syncState: PeerSyncHandle): void {
    this.#unwritten.add(syncState)
    this.#alarm ??= this.#setTimer(LINK_LIMITS.recordMsMin, () => {
      this.#alarm = undefined
      this.flush().catch(() => {}) // a store that can't be written fails other calls too
    })
  }

  /**
   * Writes the changed records.
   * @throws ReplicaError ERR_STORE_IO, ERR_STORE_CLOSED
   */
  flush(): Promise<void> {
    this.#alarm?.stop()
    this.#alarm = undefined
    return this.#writeMutex.run(async () => {
      const changes = [...this.#unwritten].map(({ name, syncState }) => ({
        key: name,
        value: encodePeerSyncState(syncState),
      }))
      this.#unwritten.clear()
      if (changes.length > 0) await this.#records.write(changes)
    })
  }
}

export class PeerSyncHandle {
  readonly name: string
  readonly syncState: PeerSyncState
  /** Phase of the link that this process keeps; undefined if there is none. */
  link: LinkPhase | undefined
  /**
   * Sessions that the peer opened and that have a live channel for the frontier, with their phase.
   */
  readonly inbound = new Map<object, LinkPhase>()
  readonly #frontier: Frontier
  readonly #now: () => string
  readonly #changed: (own: PeerSyncHandle) => void

  constructor(parts: {
    name: string
    frontier: Frontier
    syncState: PeerSyncState
    now: () => string
    changed: (own: PeerSyncHandle) => void
  }) {
    this.name = parts.name
    this.syncState = parts.syncState
    this.#frontier = parts.frontier
    this.#now = parts.now
    this.#changed = parts.changed
  }

  channel(channel: Channel): void {
    afterChannel(this.syncState, channel, { log: this.log(), now: this.#now() })
    this.#changed(this)
  }

  round(round: LiveRound): void {
    afterRound(this.syncState, round, { log: this.log(), now: this.#now() })
    this.#changed(this)
  }

  failed(error: ReplicaError): void {
    afterFailure(this.syncState, error, this.#now())
    this.#changed(this)
  }

  /** Called when a live channel is open. */
  reached(): void {
    if (this.syncState.failedAt === '') return
    afterReached(this.syncState)
    this.#changed(this)
  }

  /** Called when our log has grown. Writes no record. */
  grown(): void {
    if (this.syncState.differsAt === '') afterCommit(this.syncState, this.#now())
  }

  /**
   * Phase of a live channel with the peer, whichever side dialed; undefined if there is none and no
   * link is kept.
   */
  get phase(): LinkPhase | undefined {
    const [first, ...others] = this.inbound.values()
    if (first === undefined || this.link === 'live') return this.link
    return others.includes('live') ? 'live' : first
  }

  /** Whether the heads are equal, as far as known. */
  get equal(): boolean {
    return isEqual(this.syncState, this.log())
  }

  /** Returns our log's present position. */
  log(): LogPosition {
    const { log } = this.#frontier
    return { count: log.nodes, digest: toHex(log.headsDigest()) }
  }
}
