// Live channels as a session runs them: what their user waits for, and when each source is told that its log has grown.
// A commit only marks the channels that follow its frontier; nothing is kept of what came, the log has it.
// Specification: protocol/sync.md, S44 to S52.

import type { ReplicaError } from '../base/errors.ts'
import type { PendingRequests } from '../base/mutex.ts'
import type { Channel, Connection, Effect, FlowReport, Input, LogState } from '../sync/connection.ts'
import type { ReplicaPort } from './replica-port.ts'
import type { RoundScheduler, RoundSlot } from './round-scheduler.ts'

/** What one round brought: nodes that went out or came in, and what the sink did with them. */
export interface LiveRound {
  readonly direction: 'in' | 'out'
  readonly nodes: number
  readonly tally: FlowReport
  /** The source's log as it said at the end of the round. */
  readonly stated: LogState
  /** Whether the sink stores everything that the source had when it ended the round. */
  readonly complete: boolean
}

/** Both sides have opened a channel; it has caught up; or it had a round. */
export type LiveProgress = 'opened' | Channel | LiveRound

export interface LiveHooks {
  /** Told when the other side has let the channel be; cheap, must not throw. */
  readonly onOpened?: () => void
  /** Told of each round that was reported; cheap, must not throw. */
  readonly onRound?: (round: LiveRound) => void
}

/** A channel that stays open: each side sends new nodes as they become durable. */
export interface LiveChannel {
  /** Resolves with the channel as it was when the first round of all its flows had been reported. */
  readonly caughtUp: Promise<Channel>
  /** Resolves when the channel has ended in good order, also because a side's registry changed; rejects with what ended it otherwise. */
  readonly done: Promise<Channel>
  /** Lets rounds under way come to their report, then closes the channel; the same as `done`. */
  stop(): Promise<Channel>
}

/** A source that follows its log. */
interface Follower {
  readonly slot: RoundSlot
  /** The log may have grown since the source last looked. */
  hasNews: boolean
  /** The source has nothing under way and isn't waiting for its turn. */
  isIdle: boolean
  end: () => void
}

export interface LiveChannelsOptions {
  readonly port: ReplicaPort
  readonly pending: PendingRequests
  readonly rounds: RoundScheduler
  /** Told of each channel that was opened or caught up, and each round that was reported, whoever opened the channel. */
  readonly onLive: (ch: number, progress: LiveProgress) => void
  /** Takes an input for `step`. */
  readonly push: (input: Input) => void
}

/** Of one session. */
export class LiveChannels {
  readonly #port: ReplicaPort
  readonly #pending: PendingRequests
  readonly #rounds: RoundScheduler
  readonly #onLive: LiveChannelsOptions['onLive']
  readonly #push: (input: Input) => void
  readonly #hooks = new Map<number, LiveHooks>()
  readonly #followers = new Map<number, Follower>()
  /** How to end watching the registry, by channel. */
  readonly #watches = new Map<number, () => void>()
  #hasLeft = false

  constructor({ port, pending, rounds, onLive, push }: LiveChannelsOptions) {
    this.#port = port
    this.#pending = pending
    this.#rounds = rounds
    this.#onLive = onLive
    this.#push = push
  }

  open(request: Extract<Input, { in: 'open' }>, hooks: LiveHooks): LiveChannel {
    const { ch } = request
    this.#hooks.set(ch, hooks)
    const caughtUp = this.#pending.add<Channel>(`live ${ch}`)
    const done = this.#pending.add<Channel>(`channel ${ch}`)
    for (const promise of [caughtUp, done]) promise.catch(() => {}) // whoever awaits only one of them
    this.#push(request)
    const stop = (): Promise<Channel> => {
      this.#push({ in: 'stop', ch })
      return done
    }
    return { caughtUp, done, stop }
  }

  /** A sink looks at what it holds when a channel opens: once other keys are registered, the channel is to be opened again. */
  async caughtUp({ ch, channel }: Extract<Effect, { do: 'live' }>): Promise<undefined> {
    const now = snapshot(channel)
    this.#onLive(ch, now)
    this.#pending.resolve(`live ${ch}`, now)
    if (channel.sink === undefined || this.#hasLeft) return
    const stop = (): void => this.#push({ in: 'stop', ch })
    this.#watches.set(ch, await this.#port.watchRegistry(channel.frontier, channel.mine!.registry, stop))
  }

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

  /** The source may start a round as soon as there is something for it; the first time, what came so far is looked for. */
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
    else end() // the channel has gone meanwhile
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

  /** The channel is over, or never came to be because of `error`. */
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

  /** No source starts a round any more. */
  leave(): void {
    this.#hasLeft = true
    for (const ch of [...this.#followers.keys(), ...this.#watches.keys()]) this.drop(ch)
  }
}

/** Whether the source of a channel is in a later round. */
export function isLogTail({ channels }: Connection, ch: number): boolean {
  return (channels.get(ch)?.source?.rounds ?? 0) > 0
}

/** Only live channels are open, and the peer owes no message on any: silence is what is to be expected. */
export function isIdleSession(connection: Connection): boolean {
  const channels = [...connection.channels.values()]
  return channels.length > 0 && channels.every(isIdle)
}

/** A live channel with no round under way. */
function isIdle({ live, source, sink }: Channel): boolean {
  const isSourceIdle = source === undefined || source.phase === 'reported' || source.phase === 'following'
  return live !== undefined && !live.stopping && isSourceIdle && (sink === undefined || sink.phase === 'reported')
}

/** A channel as it is now: the one in the session goes on. */
function snapshot(channel: Channel): Channel {
  const { source, sink } = channel
  return {
    ...channel,
    ...(source === undefined ? {} : { source: { ...source } }),
    ...(sink === undefined ? {} : { sink: { ...sink } }),
  }
}
