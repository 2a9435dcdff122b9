// Runs one session: a link on one side, the local store's services on the other, `step` between them. Inputs are fed one
// at a time; what the store answers goes before the next frame, so the peer can never outrun the store. Admitting and
// reading nodes run beside the loop, bounded by credit. The exchange owns the alarms and counts what crosses the link.
// It decides nothing about the protocol. Both ends, client and hub, run this class.
//
// What waits to be written stays bounded: nodes are read one batch at a time, and only while little waits; a hub reads no
// further frame while much does, so a client that doesn't read is not answered for ever. A client always reads, so the
// two never wait for each other.

import type { Digest } from '../base/bytes.ts'
import { hasCode, ReplicaError, sessionClosedError, toReplicaError } from '../base/errors.ts'
import { PendingRequests } from '../base/mutex.ts'
import { TaskTracker } from '../base/semaphore.ts'
import { Signal } from '../base/signal.ts'
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

export interface SessionOptions {
  readonly signal?: AbortSignal | undefined
  /** Told of each judged chunk, each sent frame of nodes and each ack of them; cheap, must not throw. */
  readonly onProgress?: ((traffic: Readonly<SessionStats>) => void) | undefined
  /** Told of each channel that ended in good order; must not throw. */
  readonly onChannel?: ((channel: Channel, peer: PeerIdentity) => void) | undefined
  /** Told of each live channel that was opened or caught up, and of each round reported on one; cheap, must not throw. */
  readonly onLive?: ((frontier: string, progress: LiveProgress, peer: PeerIdentity) => void) | undefined
  readonly setAlarm?: SetTimer | undefined
  /** Shared with the other sessions of the replica; of this session alone when absent. */
  readonly scheduling?: SessionScheduling | undefined
  /** Makes the session yield to the event loop under load; without it the session never yields by itself. */
  readonly eventLoopBudget?: EventLoopBudget | undefined
}

export class Session {
  readonly ready: Promise<PeerIdentity>
  /**
   * Settles when the session is over and nothing of it runs any more: resolves after a close in good order, rejects with
   * what ended it.
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
  /** While there are any, silence is no fault of the peer. */
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
    this.#effects = new EffectHandler(port, options.setAlarm)
    this.#liveChannels = new LiveChannels({
      port,
      pending: this.#pending,
      rounds: scheduling.rounds,
      onLive: (ch, progress) => {
        const channel = this.#connection.channels.get(ch) // one that has ended since is told of by `onChannel`
        if (channel !== undefined) options.onLive?.(channel.frontier, progress, this.#connection.peer!)
      },
      push: input => this.#push(input),
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
      setAlarm: options.setAlarm,
      link,
      mayBeSilent: () => this.#tasks.count > 0 || isIdleSession(this.#connection),
      onTimeout: error => this.#end(error),
    })
    this.ready = this.#pending.add('ready')
    this.done = this.#run()
    for (const promise of [this.ready, this.done]) promise.catch(() => {}) // whoever awaits only one of them
  }

  get traffic(): SessionStats {
    return this.#stats
  }

  get peer(): PeerIdentity | undefined {
    return this.#connection.peer
  }
  /** Client only, once ready: opens a channel, runs its flows and answers with the channel as it ended. */
  async open(frontier: string, mode: Mode): Promise<Channel> {
    const ch = this.#nextChannel()
    return this.#command({ in: 'open', ch, frontier, mode }, `channel ${ch}`)
  }

  /** Client only, once ready: opens a channel that stays open. A hub's side of it needs no call. */
  live(frontier: string, mode: Mode, hooks: LiveHooks = {}): LiveChannel {
    return this.#liveChannels.open({ in: 'open', ch: this.#nextChannel(), frontier, mode, live: true }, hooks)
  }

  #nextChannel(): number {
    if (this.#connection.config.role !== 'client') throw new TypeError("a hub can't open a channel")
    this.#checkReady()
    this.#channelCount += 1
    return this.#channelCount
  }

  async list(): Promise<readonly { frontier: string; count: number; digest: Digest }[]> {
    return this.#request({ in: 'list' })
  }

  /** The hub's signed registry of a frontier; the caller verifies it. */
  async registry(frontier: string): Promise<Uint8Array> {
    return this.#request({ in: 'registry', frontier })
  }

  /** Ends the session in good order, or with `error` told to the other side. */
  close(error?: ReplicaError): void {
    this.#end(error)
  }

  /** For a hub that stops: what is being admitted becomes durable and is acked, then the link closes with 1001. */
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
    const abort = (): void => this.#end(new ReplicaError('ERR_ABORTED', 'the session was aborted'))
    const { signal } = this.#options
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

  /** Waits for a frame, for an answer pushed from beside the loop, or for the end. */
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
        // A peer that just goes is an error only to whoever was in the middle of something.
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

  /** Feeds one input and all that follows from it at once. */
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
          read: () => this.#effects.rows(effect.ch),
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

  /** Nothing else happens in the session until the store has answered. */
  #handle(request: StoreRequest): Promise<Input | undefined> {
    return this.#tasks.track(() => this.#effects.handle(request, this.#connection.peer!))
  }

  /** Runs beside the loop; its answer is an input like any other, its failure ends the session. */
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
    this.#stats.judged(answer.nodes, answer.result.admitted)
    this.#options.onProgress?.(this.#stats)
    return answer
  }

  #send({ message, frame, nodes }: Extract<Effect, { do: 'send' }>): undefined {
    this.#stats.sent(message, frame, nodes)
    this.#link.send(frame)
    if (nodes > 0) this.#options.onProgress?.(this.#stats)
  }

  /** Ends the session once. `known`: who has found the error, when the other side knows of it already. */
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
