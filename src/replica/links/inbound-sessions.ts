// Tracks the sessions that peers opened to this hub. A peer with an open live channel counts as
// reached, whichever side dialed; after its last session breaks it does not. Spec:
// protocol/live.md, L11 and L12.

import { toHex } from '../../base/bytes.ts'
import type { ReplicaError } from '../../base/errors.ts'
import type { Channel, PeerIdentity } from '../../sync/connection.ts'
import type { LiveRound, SessionOptions } from '../../transport/session.ts'
import type { ReplicaContext } from '../replica-context.ts'
import type { PeerSyncHandle } from '../sync/peer-sync-tracker.ts'

/** The inbound sessions of a hub. */
export class InboundSessions {
  readonly #context: ReplicaContext
  /** Authenticated open sessions by public key, in hex. */
  readonly #open = new Map<string, Set<InboundSession>>()

  constructor(context: ReplicaContext) {
    this.#context = context
  }

  /** Returns the tracker of a new session. */
  add(): InboundSession {
    return new InboundSession(this.#context, this.#open)
  }
}

export class InboundSession {
  readonly #context: ReplicaContext
  readonly #open: Map<string, Set<InboundSession>>
  /** Frontiers with an open live channel. */
  readonly #frontiers = new Set<string>()
  #key = ''

  constructor(context: ReplicaContext, open: Map<string, Set<InboundSession>>) {
    this.#context = context
    this.#open = open
  }

  /** Hook for the session. */
  readonly onLive: NonNullable<SessionOptions['onLive']> = (frontier, news, peer) => {
    if (news === 'opened') return this.#opened(frontier, peer)
    this.#context.recordExchange(frontier, peer.key, news)
    if (!isRound(news)) this.#syncState(frontier, syncState => syncState.inbound.set(this, 'live'))
  }

  #opened(frontier: string, { key }: PeerIdentity): void {
    this.#key = toHex(key)
    const sessions = this.#open.get(this.#key) ?? new Set()
    this.#open.set(this.#key, sessions.add(this))
    this.#frontiers.add(frontier)
    this.#syncState(frontier, syncState => {
      syncState.inbound.set(this, 'catching up')
      syncState.reached()
    })
  }

  /** Called when a channel has ended regularly. */
  closed(frontier: string): void {
    this.#frontiers.delete(frontier)
    this.#syncState(frontier, syncState => syncState.inbound.delete(this))
  }

  /** Called when the session has ended; `error` if it broke. */
  left(error?: ReplicaError): void {
    const others = this.#open.get(this.#key)
    others?.delete(this)
    if (others?.size === 0) this.#open.delete(this.#key)
    const isGone = error !== undefined && !this.#open.has(this.#key)
    for (const frontier of this.#frontiers) {
      this.#syncState(frontier, syncState => {
        syncState.inbound.delete(this)
        if (isGone && syncState.link !== 'live') syncState.failed(error)
      })
    }
  }

  /** Runs the updates in order. Sessions of unregistered keys are not tracked. */
  #syncState(name: string, note: (syncState: PeerSyncHandle) => void): void {
    const frontier = this.#context.frontiers.get(name)
    if (frontier?.registry.byKey(Buffer.from(this.#key, 'hex')) === undefined) return
    // A store that can't be read fails other calls too.
    this.#context.peerSync.of(frontier, this.#key).then(note, () => {})
  }
}

function isRound(news: Channel | LiveRound): news is LiveRound {
  return 'direction' in news
}
