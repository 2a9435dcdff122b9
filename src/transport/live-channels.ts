// Live channels of a session: promises for their user, and when a source starts a round.
// A commit only marks the channels that follow its frontier. Committed nodes are not kept here: the
// log has them.
// Spec: protocol/sync.md, S44 to S52.

import type { ReplicaError } from '../base/errors.ts'
import type { PendingRequests } from '../base/mutex.ts'
import type { Channel, Connection, Effect, FlowReport, Input, LogState, PeerIdentity } from '../sync/connection.ts'
import type { ReplicaPort } from './replica-port.ts'
import type { RoundScheduler, RoundSlot } from './round-scheduler.ts'

/** One reported round. */
export interface LiveRound {
  /** Direction of the nodes, seen from this side. */
  readonly direction: 'in' | 'out'
  /** Nodes that the round carried. */
  readonly nodes: number
  /** The sink's results for them. */
  readonly tally: FlowReport
  /** The source's log at the end of the round, as the source stated it. */
  readonly stated: LogState
  /** Whether the sink stores all nodes that the source had at the end of the round. */
  readonly complete: boolean
}

/** A channel was opened at both sides; it has caught up; or it had a round. */
export type LiveProgress = 'opened' | Channel | LiveRound

/** Callbacks for one live channel. */
export interface LiveHooks {
  /** Called when the peer has accepted the channel. Must be cheap and must not throw. */
  readonly onOpened?: () => void
  /** Called for each reported round. Must be cheap and must not throw. */
  readonly onRound?: (round: LiveRound) => void
}

/** A channel that stays open: each side sends new nodes once they are durable. */
export interface LiveChannel {
  /** Resolves with a copy of the channel once the first round of each flow is reported. */
  readonly caughtUp: Promise<Channel>
  /**
   * Resolves once the channel has ended normally, which a change of a side's registry can cause.
   * Rejects with the error that ended it otherwise.
   */
  readonly done: Promise<Channel>
  /** Lets running rounds finish, then closes the channel. Returns `done`. */
  stop(): Promise<Channel>
}

/** A source that follows its log. */
interface Follower {
  readonly slot: RoundSlot
  /** The log may have grown since the source last looked. */
  hasNews: boolean
  /** The source has no running round and does not wait for its slot. */
  isIdle: boolean
  end: () => void
}

/** Dependencies of the live channels of a session. */
export interface LiveChannelsOptions {
  readonly port: ReplicaPort
  readonly pending: PendingRequests
  readonly rounds: RoundScheduler
  /**
   * Called for each channel that was opened or caught up and for each reported round, whichever
   * side opened the channel.
   */
  readonly onLive: (ch: number, progress: LiveProgress) => void
  /** Queues an input for `step`. */
  readonly push: (input: Input) => void
  /** Returns the peer, after the handshake. */
  readonly peer: () => PeerIdentity
}

/** The live channels of one session. */
export class LiveChannels {
  readonly #port: ReplicaPort
  readonly #pending: PendingRequests
  readonly #rounds: RoundScheduler
  readonly #onLive: LiveChannelsOptions['onLive']
  readonly #push: (input: Input) => void
  readonly #peer: () => PeerIdentity
  readonly #hooks = new Map<number, LiveHooks>()
  readonly #followers = new Map<number, Follower>()
  /** Functions that end a watch, by channel. */
  readonly #watches = new Map<number, () => void>()
  #hasLeft = false

  constructor({ port, pending, rounds, onLive, push, peer }: LiveChannelsOptions) {
    this.#port = port
    this.#pending = pending
    this.#rounds = rounds
    this.#onLive = onLive
    this.#push = push
    this.#peer = peer
  }

  /** Opens a live channel. */
  open(request: Extract<Input, { in: 'open' }>, hooks: LiveHooks): LiveChannel {
    const { ch } = request
    this.#hooks.set(ch, hooks)
    const caughtUp = this.#pending.add<Channel>(`live ${ch}`)
    const done = this.#pending.add<Channel>(`channel ${ch}`)
    // Callers may await only one of them.
    for (const promise of [caughtUp, done]) promise.catch(() => {})
    this.#push(request)
    const stop = (): Promise<Channel> => {
      this.#push({ in: 'stop', ch })
      return done
    }
    return { caughtUp, done, stop }
  }

  /**
   * Reports that a channel has caught up, and stops it when it has to be opened again: a sink
   * compares held nodes, and requests texts that it requested before, only when a channel opens.
   */
  async caughtUp({ ch, channel }: Extract<Effect, { do: 'live' }>): Promise<undefined> {
    const now = snapshot(channel)
    this.#onLive(ch, now)
    this.#pending.resolve(`live ${ch}`, now)
    if (channel.sink === undefined || this.#hasLeft) return
    const stop = (): void => this.#push({ in: 'stop', ch })
    const about = { since: channel.mine!.registry, peer: this.#peer() }
    this.#watches.set(ch, await this.#port.watch(channel.frontier, about, stop))
  }

  /** Reports an opened channel or a round. */
  report(effect: Extract<Effect, { do: 'opened' | 'round' }>): undefined {
    const { ch } = effect
    if (effect.do === 'opened') {
      this.#onLive(ch, 'opened')
      this.#hooks.get(ch)?.onOpened?.()
      return undefined
    }
    const { direction, nodes, tally, stated } = effect
    const round: LiveRound = { direction, nodes, tally, stated, complete: tally.complete }
    this.#onLive(ch, round)
    this.#hooks.get(ch)?.onRound?.(round)
  }

  /**
   * The source of a channel is idle: it may start a round when its log grows. The first call also
   * looks for earlier growth.
   */
  async rest(ch: number, frontier: string): Promise<void> {
    if (this.#hasLeft) return
    const follower = this.#followers.get(ch) ?? (await this.#follow(ch, frontier))
    follower.isIdle = true
    this.#startIfDue(ch, follower)
  }

  async #follow(ch: number, frontier: string): Promise<Follower> {
    const follower: Follower = { slot: this.#rounds.join(), hasNews: true, isIdle: false, end: () => {} }
    this.#followers.set(ch, follower)
    const end = await this.#port.subscribe(frontier, () => {
      follower.hasNews = true
      this.#startIfDue(ch, follower)
    })
    if (this.#followers.get(ch) === follower) follower.end = end
    else end() // the channel has ended in the meantime
    return follower
  }

  #startIfDue(ch: number, follower: Follower): void {
    if (!follower.hasNews || !follower.isIdle) return
    follower.isIdle = false
    follower.slot.schedule(() => {
      follower.hasNews = false
      this.#push({ in: 'grew', ch })
    })
  }

  /** Ends a channel. `error` is what ended it before it had caught up. */
  drop(ch: number, error?: ReplicaError): void {
    if (error !== undefined) this.#pending.reject(`live ${ch}`, error)
    const follower = this.#followers.get(ch)
    this.#followers.delete(ch)
    this.#hooks.delete(ch)
    follower?.slot.leave()
    follower?.end()
    this.#watches.get(ch)?.()
    this.#watches.delete(ch)
  }

  /** Ends all channels here: no source starts another round. */
  leave(): void {
    this.#hasLeft = true
    for (const ch of [...this.#followers.keys(), ...this.#watches.keys()]) this.drop(ch)
  }
}

/** Returns whether the source of a channel is past its first round. */
export function isLogTail({ channels }: Connection, ch: number): boolean {
  return (channels.get(ch)?.source?.rounds ?? 0) > 0
}

/**
 * Returns whether only live channels are open and the peer owes no message on any, so that silence
 * is normal.
 */
export function isIdleSession(connection: Connection): boolean {
  const channels = [...connection.channels.values()]
  return channels.length > 0 && channels.every(isIdle)
}

/** Returns whether a live channel has no running round. */
function isIdle({ live, source, sink }: Channel): boolean {
  const isSourceIdle = source === undefined || source.phase === 'reported' || source.phase === 'following'
  return live !== undefined && !live.stopping && isSourceIdle && (sink === undefined || sink.phase === 'reported')
}

/** Copies a channel, because the session keeps changing the original. */
function snapshot(channel: Channel): Channel {
  const { source, sink } = channel
  return {
    ...channel,
    ...(source === undefined ? {} : { source: { ...source } }),
    ...(sink === undefined ? {} : { sink: { ...sink } }),
  }
}
