// Runs one session: `step` between a link and the replica port. Both client and hub run this class.
// Inputs are fed one at a time. The result of a store request is fed before the next frame, so the
// peer can't outrun the store. Admitting and reading nodes run in the background, bounded by
// credit. The session owns the timeouts and counts what crosses the link. It decides nothing about
// the protocol.
//
// Outbound data is bounded. Nodes are read one batch at a time, and only while little is buffered.
// A hub reads no further frame while much is buffered, so a client that does not read gets no
// further replies. A client always reads, so the two never wait for each other.

import type { Digest } from '../base/bytes.ts'
import { hasCode, type ReplicaError, sessionClosedError, toReplicaError } from '../base/errors.ts'
import { PendingRequests } from '../base/mutex.ts'
import { TaskTracker } from '../base/semaphore.ts'
import { abortError, Signal } from '../base/signal.ts'
import type { SetTimer } from '../base/timer.ts'
import {
  type Channel,
  type Connection,
  type Effect,
  type Input,
  newConnection,
  type PeerIdentity,
  type SessionConfig,
} from '../sync/connection.ts'
import type { Mode } from '../sync/message.ts'
import { step } from '../sync/step.ts'
import { EffectHandler, type StoreRequest } from './effect-handler.ts'
import type { Link } from './link.ts'
import {
  isIdleSession,
  isLogTail,
  type LiveChannel,
  LiveChannels,
  type LiveHooks,
  type LiveProgress,
  type LiveRound,
} from './live-channels.ts'
import type { ReplicaPort, SendPlan, SendPlanRequest } from './replica-port.ts'
import { type EventLoopBudget, ReadQueue, SessionScheduling } from './scheduler.ts'
import { type SessionStats, StatsRecorder } from './session-stats.ts'
import { SessionTimeouts } from './session-timeouts.ts'

const CLOSE_NORMAL = 1000
const CLOSE_GOING_AWAY = 1001

export type { LiveChannel, LiveHooks, LiveRound, ReplicaPort, SendPlan, SendPlanRequest, SessionStats }

/** Options of a session. */
export interface SessionOptions {
  readonly signal?: AbortSignal | undefined
  /**
   * Called for each decided chunk, each sent frame of nodes and each ack. Must be cheap and must
   * not throw.
   */
  readonly onProgress?: ((stats: Readonly<SessionStats>) => void) | undefined
  /** Called for each channel that ended normally. Must not throw. */
  readonly onChannel?: ((channel: Channel, peer: PeerIdentity) => void) | undefined
  /**
   * Called for each live channel that was opened or caught up, and for each reported round. Must be
   * cheap and must not throw.
   */
  readonly onLive?: ((frontier: string, progress: LiveProgress, peer: PeerIdentity) => void) | undefined
  readonly setTimer?: SetTimer | undefined
  /** Shared with the other sessions of the replica. Without it the session has its own. */
  readonly scheduling?: SessionScheduling | undefined
  /**
   * Makes the session yield to the event loop under load. Without it the session does not yield.
   */
  readonly eventLoopBudget?: Pick<EventLoopBudget, 'acquire'> | undefined
}

/**
 * One session over one link.
 *
 * @example
 * const session = new Session(link, config, port)
 * await session.ready
 * const channel = await session.open(frontier, 'pull')
 * session.close()
 */
export class Session {
  /** Resolves with the peer after the handshake. */
  readonly ready: Promise<PeerIdentity>
  /**
   * Settles once the session and its background tasks have ended: resolves after a normal close,
   * rejects with the error that ended it.
   */
  readonly done: Promise<void>
  readonly #link: Link
  readonly #effects: EffectHandler
  readonly #liveChannels: LiveChannels
  readonly #options: SessionOptions
  readonly #connection: Connection
  readonly #inputs: Input[] = []
  readonly #stats = new StatsRecorder()
  readonly #pending = new PendingRequests()
  /** While tasks run, silence of the peer is not an error. */
  readonly #tasks = new TaskTracker()
  readonly #reads: ReadQueue
  readonly #timeouts: SessionTimeouts
  #ended: { error: ReplicaError | undefined } | undefined
  readonly #wake = new Signal()
  #listening = false
  #channelCount = 0
  #isDraining = false

  constructor(link: Link, config: SessionConfig, port: ReplicaPort, options: SessionOptions = {}) {
    const { scheduling = new SessionScheduling() } = options
    this.#link = link
    this.#effects = new EffectHandler(port, options.setTimer)
    this.#liveChannels = new LiveChannels({
      port,
      pending: this.#pending,
      rounds: scheduling.rounds,
      onLive: (ch, progress) => {
        // `onChannel` reports a channel that has ended.
        const channel = this.#connection.channels.get(ch)
        if (channel !== undefined) options.onLive?.(channel.frontier, progress, this.#connection.peer!)
      },
      push: input => this.#push(input),
      peer: () => this.#connection.peer!,
    })
    this.#reads = new ReadQueue({
      link,
      semaphore: scheduling.reads,
      start: read => {
        if (this.#ended === undefined) this.#spawn(read)
        return this.#ended === undefined
      },
    })
    this.#options = options
    this.#connection = newConnection(config)
    this.#timeouts = new SessionTimeouts({
      setTimer: options.setTimer,
      link,
      mayBeSilent: () => this.#tasks.count > 0 || isIdleSession(this.#connection),
      onTimeout: error => this.#end(error),
    })
    this.ready = this.#pending.add('ready')
    this.done = this.#run()
    for (const promise of [this.ready, this.done]) promise.catch(() => {}) // callers may await only one of them
  }

  /** Counts so far; a live view. */
  get stats(): SessionStats {
    return this.#stats
  }

  /** The peer; undefined before its hello. */
  get peer(): PeerIdentity | undefined {
    return this.#connection.peer
  }
  /**
   * Opens a channel and runs its flows. Resolves with the channel as it ended. For clients that are
   * ready.
   */
  async open(frontier: string, mode: Mode): Promise<Channel> {
    const ch = this.#nextChannel()
    return this.#command({ in: 'open', ch, frontier, mode }, `channel ${ch}`)
  }

  /**
   * Opens a channel that stays open. For clients that are ready; a hub needs no call for its side.
   */
  live(frontier: string, mode: Mode, hooks: LiveHooks = {}): LiveChannel {
    return this.#liveChannels.open({ in: 'open', ch: this.#nextChannel(), frontier, mode, live: true }, hooks)
  }

  #nextChannel(): number {
    if (this.#connection.config.role !== 'client') throw new TypeError("a hub can't open a channel")
    this.#checkReady()
    this.#channelCount += 1
    return this.#channelCount
  }

  /** Lists the frontiers that the hub offers. For clients that are ready. */
  async list(): Promise<readonly { frontier: string; count: number; digest: Digest }[]> {
    return this.#request({ in: 'list' })
  }

  /** Returns the hub's signed registry of a frontier, not verified. For clients that are ready. */
  async registry(frontier: string): Promise<Uint8Array> {
    return this.#request({ in: 'registry', frontier })
  }

  /** Ends the session normally, or with `error`, which the peer is told. */
  close(error?: ReplicaError): void {
    this.#end(error)
  }

  /**
   * Ends a session of a stopping hub: what is being admitted becomes durable and is acked, then the
   * link closes with 1001.
   */
  goAway(): void {
    this.#isDraining = true
    this.#liveChannels.leave()
    this.#wake.notify()
  }

  #request<T>(input: Input): Promise<T> {
    this.#checkReady()
    if (this.#pending.has('request')) throw new TypeError('only one request at a time')
    return this.#command(input, 'request')
  }

  #checkReady(): void {
    if (this.#ended !== undefined) throw this.#ended.error ?? sessionClosedError()
    if (this.#connection.phase !== 'ready') throw new TypeError('the session is not ready yet')
  }

  #command<T>(input: Input, name: string): Promise<T> {
    const answer = this.#pending.add<T>(name)
    this.#push(input)
    return answer
  }

  #push(input: Input): void {
    this.#inputs.push(input)
    this.#wake.notify()
  }

  async #run(): Promise<void> {
    const { signal } = this.#options
    const abort = (): void => void this.#end(signal && abortError(signal, 'the session was aborted'))
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort, { once: true })
    try {
      await this.#feed({ in: 'start' })
      while (this.#ended === undefined) {
        const input = this.#inputs.shift()
        if (input !== undefined) {
          await this.#options.eventLoopBudget?.acquire()
          await this.#feed(input)
        } else if (this.#isDraining && this.#tasks.count === 0) this.#end(undefined)
        else await this.#idle()
      }
    } catch (error) {
      this.#end(toReplicaError(error))
    }
    signal?.removeEventListener('abort', abort)
    await this.#tasks.settled()
    await this.#effects.flushed()
    if (this.#ended?.error !== undefined) throw this.#ended.error
  }

  /** Waits for a frame, for an input from a background task, or for the end. */
  async #idle(): Promise<void> {
    const woken = this.#wake.wait()
    this.#listen()
    await woken
  }

  #listen(): void {
    if (this.#listening || this.#isDraining) return
    this.#listening = true
    const isHub = this.#connection.config.role === 'hub'
    const next = isHub ? this.#link.drained().then(() => this.#link.next()) : this.#link.next()
    next.then(
      frame => {
        this.#listening = false
        if (frame === undefined) this.#end(undefined)
        else this.#received(frame)
      },
      error => {
        this.#listening = false
        // A peer that disconnects is an error only while something is pending or a channel is open.
        const isQuiet = this.#pending.size === 0 && this.#connection.channels.size === 0
        this.#end(isQuiet && hasCode(error, 'ERR_SYNC_CLOSED') ? undefined : toReplicaError(error))
      },
    )
  }

  #received(frame: Uint8Array): void {
    this.#stats.received(frame)
    this.#timeouts.restart()
    this.#push({ in: 'frame', frame })
  }

  /** Feeds one input and the inputs that follow from it. */
  async #feed(first: Input): Promise<void> {
    const inputs = [first]
    for (let input = inputs.shift(); input !== undefined; input = inputs.shift()) {
      for (const effect of step(this.#connection, input)) {
        const reply = await this.#perform(effect)
        if (reply !== undefined) inputs.push(reply)
        if (this.#ended !== undefined) return
      }
      if (input.in === 'rows' || input.in === 'fetched') this.#reads.next()
      if (input.in === 'frame' && this.#stats.acked(this.#connection)) this.#options.onProgress?.(this.#stats)
    }
  }

  async #perform(effect: Effect): Promise<Input | undefined> {
    switch (effect.do) {
      case 'send':
        return this.#send(effect)
      case 'close':
        return this.#end(effect.error, effect.from)
      case 'ready':
        this.#timeouts.onHandshake()
        return this.#pending.resolve('ready', effect.peer)
      case 'rest':
        return this.#rest(effect.ch)
      case 'opened':
      case 'round':
        return this.#liveChannels.report(effect)
      case 'live':
        return this.#liveChannels.caughtUp(effect)
      case 'done':
        this.#drop(effect.ch)
        this.#options.onChannel?.(effect.channel, this.#connection.peer!)
        return this.#pending.resolve(`channel ${effect.ch}`, effect.channel)
      case 'failed':
        this.#drop(effect.ch, effect.error)
        return this.#pending.reject(effect.ch === 0 ? 'request' : `channel ${effect.ch}`, effect.error)
      case 'listed':
        return this.#pending.resolve('request', effect.items)
      case 'peers':
        return this.#pending.resolve('request', effect.data)
      case 'rows':
        return this.#reads.add({
          read: () => this.#effects.rows(effect),
          isBulk: !isLogTail(this.#connection, effect.ch),
        })
      case 'fetch':
        return this.#reads.add({ read: () => this.#effects.fetch(effect), isBulk: false })
      case 'admit':
        return this.#spawn(() => this.#admit(effect))
      default:
        return this.#handle(effect)
    }
  }

  #drop(ch: number, error?: ReplicaError): void {
    this.#effects.drop(ch)
    this.#liveChannels.drop(ch, error)
  }

  async #rest(ch: number): Promise<undefined> {
    const channel = this.#connection.channels.get(ch)
    if (channel !== undefined) await this.#liveChannels.rest(ch, channel.frontier)
  }

  /** Performs a request; the session does nothing else until it has the result. */
  #handle(request: StoreRequest): Promise<Input | undefined> {
    return this.#tasks.track(() => this.#effects.handle(request, this.#connection.peer!))
  }

  /**
   * Runs a task in the background. Its result is queued as an input, its failure ends the session.
   */
  #spawn(task: () => Promise<Input>): undefined {
    const done = (input: Input): void => {
      this.#push(input)
      this.#timeouts.restart()
    }
    this.#tasks.spawn(task, done, error => this.#end(toReplicaError(error)))
  }

  async #admit(effect: Extract<Effect, { do: 'admit' }>): Promise<Input> {
    this.#stats.receivedNodes += effect.nodes.length
    const answer = await this.#effects.admit(effect, this.#connection.peer!)
    this.#stats.decided(answer.nodes, answer.result.admitted)
    this.#options.onProgress?.(this.#stats)
    return answer
  }

  #send({ message, frame, nodes }: Extract<Effect, { do: 'send' }>): undefined {
    this.#stats.sent(message, frame, nodes)
    this.#link.send(frame)
    if (nodes > 0) this.#options.onProgress?.(this.#stats)
  }

  /**
   * Ends the session once. `known`: the side that found the error, if the peer knows it already.
   */
  #end(error: ReplicaError | undefined, known?: 'here' | 'peer'): undefined {
    if (this.#ended !== undefined) return
    this.#ended = { error }
    if (error !== undefined && known === undefined && !hasCode(error, 'ERR_SYNC_CLOSED', 'ERR_ABORTED')) {
      for (const effect of step(this.#connection, { in: 'fail', error })) if (effect.do === 'send') this.#send(effect)
    }
    this.#connection.phase = 'closed'
    const isFault = error !== undefined && error.code !== 'ERR_ABORTED' && known !== 'peer'
    const normalCode = this.#isDraining ? CLOSE_GOING_AWAY : CLOSE_NORMAL
    this.#link.close(isFault ? error.closeCode : normalCode, isFault ? error.code : '')
    this.#timeouts.stop()
    this.#pending.rejectAll(error ?? sessionClosedError())
    this.#effects.leave()
    this.#liveChannels.leave()
    this.#wake.notify()
  }
}
