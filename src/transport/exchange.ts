// Runs one session: a link on one side, the local store's services on the other, `step` between them. Inputs are fed one
// at a time; what the store answers goes before the next frame, so the peer can never outrun the store. Admitting and
// reading nodes run beside the loop, bounded by credit. The exchange owns the alarms and counts what crosses the link.
// It decides nothing about the protocol. Both ends, client and hub, run this class.
//
// What waits to be written stays bounded: nodes are read one batch at a time, and only while little waits; a hub reads no
// further frame while much does, so a client that doesn't read is not answered for ever. A client always reads, so the
// two never wait for each other.

import type { Digest } from '../bytes.ts'
import { hasCode, ReplicaError } from '../errors.ts'
import { SOCKET_LIMITS } from '../limits.ts'
import type { Cursor, Mode } from '../sync/message.ts'
import {
  type Admission,
  type Channel,
  type Config,
  type Connection,
  type Effect,
  type Input,
  type LogState,
  newConnection,
  type PeerIdentity,
  type Row,
  type View,
} from '../sync/state.ts'
import { step } from '../sync/step.ts'
import { type Alarm, clockAlarm, type SetAlarm } from './alarm.ts'
import type { Link } from './link.ts'

const { handshakeMsMax, idleMsMax } = SOCKET_LIMITS
const CLOSE_NORMAL = 1000
const CLOSE_GOING_AWAY = 1001

/** How the source of a flow finds and reads what the sink lacks; made by `Services.plan`. One call at a time. */
export interface Plan {
  /** Whether no question to the sink is needed. */
  readonly exact: boolean
  /** The next ids to offer, newest first; none when all is known. */
  next(max: number): Promise<readonly Digest[]>
  /** Which of the last offered ids the sink stores (bit i, least significant first). */
  answer(has: Uint8Array): void
  /** The next nodes to send, parents first: about a frame's worth. */
  rows(): Promise<{ rows: readonly Row[]; last: boolean }>
  /** Lets go of what reading has open; also in the middle of a call. */
  close(): Promise<void>
}

export type PlanRequest = Extract<Effect, { do: 'plan' }>

/**
 * What a session needs of the local replica. Every method may reject with a ReplicaError, which ends the session. Where
 * a `signal` is given, the answer is not wanted any more once it is aborted.
 */
export interface Services {
  view(frontier: string, peer: PeerIdentity): Promise<View | undefined>
  plan(request: PlanRequest, signal: AbortSignal): Promise<Plan>
  have(frontier: string, ids: readonly Digest[]): Promise<{ stored: Uint8Array; held: Uint8Array; state: LogState }>
  /** Parents that held nodes wait for and that are neither stored nor held; a bounded number. */
  waits(frontier: string): Promise<readonly Digest[]>
  /** As many of the first ids as fit a frame or so, in order, at least one; undefined for those that are not stored. */
  fetch(
    frontier: string,
    ids: readonly Digest[],
  ): Promise<{ ids: readonly Digest[]; nodes: readonly (Uint8Array | undefined)[] }>
  admit(frontier: string, nodes: readonly Uint8Array[], peer: PeerIdentity): Promise<Admission>
  remember(frontier: string, peer: PeerIdentity, cursor: Cursor): Promise<void>
  list(peer: PeerIdentity): Promise<{ frontier: string; count: number; digest: Digest }[]>
  registry(frontier: string, peer: PeerIdentity): Promise<Uint8Array | undefined>
}

/** What crossed the link: whole messages, without WebSocket or TCP framing. */
export interface Traffic {
  sentBytes: number
  receivedBytes: number
  sentFrames: number
  receivedFrames: number
  /** Times this side had sent something that wants an answer (anything but an ack) and then heard from the other. */
  roundTrips: number
  sentNodes: number
  receivedNodes: number
}

export interface ExchangeOptions {
  readonly signal?: AbortSignal | undefined
  /** Told of each admitted chunk and each sent frame of nodes; cheap, must not throw. */
  readonly onProgress?: ((traffic: Readonly<Traffic>, admitted: number) => void) | undefined
  /** Told of each channel that ended in good order; must not throw. */
  readonly onChannel?: ((channel: Channel, peer: PeerIdentity) => void) | undefined
  readonly setAlarm?: SetAlarm | undefined
}

type Waiter = { resolve: (value: never) => void; reject: (error: Error) => void }

export class Exchange {
  readonly traffic: Traffic = {
    sentBytes: 0,
    receivedBytes: 0,
    sentFrames: 0,
    receivedFrames: 0,
    roundTrips: 0,
    sentNodes: 0,
    receivedNodes: 0,
  }
  readonly ready: Promise<PeerIdentity>
  /**
   * Settles when the session is over and nothing of it runs any more: resolves after a close in good order, rejects with
   * what ended it.
   */
  readonly done: Promise<void>
  readonly #link: Link
  readonly #services: Services
  readonly #options: ExchangeOptions
  readonly #connection: Connection
  readonly #inputs: Input[] = []
  readonly #plans = new Map<number, Plan>()
  readonly #waiters = new Map<string, Waiter>()
  readonly #tasks = new Set<Promise<void>>()
  /** Reads of nodes that wait for their turn. */
  readonly #reads: (() => Promise<Input>)[] = []
  readonly #over = new AbortController()
  readonly #handshake: Alarm
  readonly #idleness: Alarm
  #ended: { error: ReplicaError | undefined } | undefined
  #wake: () => void = () => {}
  #listening = false
  #reading = false
  /** Tasks of the store under way; while there are any, silence is no fault of the peer. */
  #busy = 0
  #opened = 0
  #awaitingAnswer = false
  #leaving = false
  #admitted = 0

  constructor(link: Link, config: Config, services: Services, options: ExchangeOptions = {}) {
    this.#link = link
    this.#services = services
    this.#options = options
    this.#connection = newConnection(config)
    const setAlarm = options.setAlarm ?? clockAlarm
    this.#handshake = setAlarm(handshakeMsMax, () => this.#onLate(`no handshake within ${handshakeMsMax} ms`))
    this.#idleness = setAlarm(idleMsMax, () => this.#onIdle())
    this.ready = this.#wait('ready')
    this.ready.catch(() => {}) // whoever does not await it still sees `done`
    this.done = this.#run()
    this.done.catch(() => {})
  }

  get peer(): PeerIdentity | undefined {
    return this.#connection.peer
  }

  /** Client only, once ready: opens a channel, runs its flows and answers with the channel as it ended. */
  async open(frontier: string, mode: Mode): Promise<Channel> {
    if (this.#connection.config.role !== 'client') throw new TypeError('a hub opens no channel')
    this.#checkReady()
    this.#opened += 1
    const ch = this.#opened
    return this.#command({ in: 'open', ch, frontier, mode }, `channel ${ch}`)
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
    this.#leaving = true
    this.#wake()
  }

  #request<T>(input: Input): Promise<T> {
    this.#checkReady()
    if (this.#waiters.has('request')) throw new TypeError('one request at a time')
    return this.#command(input, 'request')
  }

  #checkReady(): void {
    if (this.#ended !== undefined) throw this.#ended.error ?? closed()
    if (this.#connection.phase !== 'ready') throw new TypeError('the session is not ready yet')
  }

  #command<T>(input: Input, name: string): Promise<T> {
    const answer = this.#wait<T>(name)
    this.#push(input)
    return answer
  }

  #wait<T>(name: string): Promise<T> {
    return new Promise<T>((resolve, reject) => this.#waiters.set(name, { resolve, reject }))
  }

  #answer(name: string, value: unknown): undefined {
    const waiter = this.#waiters.get(name)
    this.#waiters.delete(name)
    waiter?.resolve(value as never)
  }

  #push(input: Input): void {
    this.#inputs.push(input)
    this.#wake()
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
        if (input !== undefined) await this.#feed(input)
        else if (this.#leaving && this.#busy === 0) this.#end(undefined)
        else await this.#idle()
      }
    } catch (error) {
      this.#end(typed(error))
    }
    signal?.removeEventListener('abort', abort)
    await Promise.all(this.#tasks)
    if (this.#ended?.error !== undefined) throw this.#ended.error
  }

  /** Waits for a frame, for an answer pushed from beside the loop, or for the end. */
  async #idle(): Promise<void> {
    const woken = new Promise<void>(resolve => {
      this.#wake = resolve
    })
    this.#listen()
    await woken
  }

  #listen(): void {
    if (this.#listening || this.#leaving) return
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
        const isQuiet = this.#waiters.size === 0 && this.#connection.channels.size === 0
        this.#end(isQuiet && hasCode(error, 'ERR_SYNC_CLOSED') ? undefined : typed(error))
      },
    )
  }

  #received(frame: Uint8Array): void {
    this.traffic.receivedBytes += frame.length
    this.traffic.receivedFrames += 1
    if (this.#awaitingAnswer) this.traffic.roundTrips += 1
    this.#awaitingAnswer = false
    if (this.#ended === undefined) this.#idleness.restart()
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
      if (input.in === 'rows' || input.in === 'fetched') {
        this.#reading = false
        this.#readOn()
      }
    }
  }

  async #perform(effect: Effect): Promise<Input | undefined> {
    switch (effect.do) {
      case 'send':
        return this.#send(effect)
      case 'close':
        return this.#end(effect.error, true)
      case 'ready':
        this.#handshake.stop()
        return this.#answer('ready', effect.peer)
      case 'done':
        this.#dropPlan(effect.ch)
        this.#options.onChannel?.(effect.channel, this.#connection.peer!)
        return this.#answer(`channel ${effect.ch}`, effect.channel)
      case 'failed':
        return this.#failed(effect.ch, effect.error)
      case 'listed':
        return this.#answer('request', effect.items)
      case 'peers':
        return this.#answer('request', effect.data)
      case 'answer':
        this.#plans.get(effect.ch)!.answer(effect.has)
        return undefined
      case 'rows':
        this.#reads.push(() => this.#rows(effect.ch))
        return this.#readOn()
      case 'fetch':
        this.#reads.push(() => this.#fetch(effect))
        return this.#readOn()
      case 'admit':
        return this.#beside(() => this.#admit(effect))
      default:
        return this.#ask(effect)
    }
  }

  /** Questions to the store that are answered before anything else happens. */
  async #ask(effect: Question): Promise<Input | undefined> {
    const services = this.#services
    const peer = this.#connection.peer!
    this.#busy += 1
    try {
      switch (effect.do) {
        case 'list':
          return { in: 'listed', items: await services.list(peer) }
        case 'registry': {
          const { frontier } = effect
          return { in: 'offered-registry', frontier, data: await services.registry(frontier, peer) }
        }
        case 'view':
          return { in: 'viewed', ch: effect.ch, view: await services.view(effect.frontier, peer) }
        case 'plan':
          return { in: 'planned', ch: effect.ch, exact: (await this.#plan(effect)).exact }
        case 'offers':
          return { in: 'offers', ch: effect.ch, ids: await this.#plans.get(effect.ch)!.next(effect.max) }
        case 'have': {
          const { ch, why, ids } = effect
          return { in: 'having', ch, why, ids, ...(await services.have(effect.frontier, ids)) }
        }
        case 'waits':
          return { in: 'waits', ch: effect.ch, parents: await services.waits(effect.frontier) }
        case 'remember':
          await services.remember(effect.frontier, peer, effect.cursor)
          return undefined
      }
    } finally {
      this.#busy -= 1
    }
  }

  async #plan(request: PlanRequest): Promise<Plan> {
    const plan = await this.#services.plan(request, this.#over.signal)
    if (this.#ended === undefined) this.#plans.set(request.ch, plan)
    else this.#letGo(plan)
    return plan
  }

  /** Runs beside the loop; its answer is an input like any other, its failure ends the session. */
  #beside(task: () => Promise<Input>): undefined {
    const settled = this.#attempt(task).then(input => {
      this.#tasks.delete(settled)
      if (input !== undefined) this.#push(input)
    })
    this.#tasks.add(settled)
  }

  async #attempt(task: () => Promise<Input>): Promise<Input | undefined> {
    try {
      return await task()
    } catch (error) {
      this.#end(typed(error))
      return undefined
    }
  }

  /** Runs a task of the store; silence of the peer counts from its end. */
  async #working<T>(task: Promise<T>): Promise<T> {
    this.#busy += 1
    try {
      return await task
    } finally {
      this.#busy -= 1
      if (this.#ended === undefined) this.#idleness.restart()
    }
  }

  /** Starts the next read of nodes, when the one before has been sent. */
  #readOn(): undefined {
    const read = this.#reading ? undefined : this.#reads.shift()
    if (read === undefined) return
    this.#reading = true
    this.#beside(async () => {
      await this.#link.drained()
      return read()
    })
  }

  async #rows(ch: number): Promise<Input> {
    const plan = this.#plans.get(ch)
    if (plan === undefined) return { in: 'rows', ch, rows: [], last: true } // the channel has failed meanwhile
    return { in: 'rows', ch, ...(await this.#working(plan.rows())) }
  }

  async #fetch({ ch, frontier, ids }: Extract<Effect, { do: 'fetch' }>): Promise<Input> {
    return { in: 'fetched', ch, ...(await this.#working(this.#services.fetch(frontier, ids))) }
  }

  async #admit({ ch, frontier, nodes, bytes }: Extract<Effect, { do: 'admit' }>): Promise<Input> {
    this.traffic.receivedNodes += nodes.length
    const result = await this.#working(this.#services.admit(frontier, nodes, this.#connection.peer!))
    this.#admitted += result.admitted
    this.#options.onProgress?.(this.traffic, this.#admitted)
    return { in: 'admitted', ch, nodes: nodes.length, bytes, result }
  }

  #send({ message, frame, nodes }: Extract<Effect, { do: 'send' }>): undefined {
    this.traffic.sentBytes += frame.length
    this.traffic.sentFrames += 1
    this.traffic.sentNodes += nodes
    if (message.t !== 'ack') this.#awaitingAnswer = true
    this.#link.send(frame)
    if (nodes > 0) this.#options.onProgress?.(this.traffic, this.#admitted)
  }

  #failed(ch: number, error: ReplicaError): undefined {
    this.#dropPlan(ch)
    const name = ch === 0 ? 'request' : `channel ${ch}`
    const waiter = this.#waiters.get(name)
    this.#waiters.delete(name)
    waiter?.reject(error)
  }

  #dropPlan(ch: number): void {
    const plan = this.#plans.get(ch)
    this.#plans.delete(ch)
    if (plan !== undefined) this.#letGo(plan)
  }

  #letGo(plan: Plan): void {
    const closing = plan.close().catch(() => {}) // nothing more is read from it, so nothing can be wrong with that
    const settled = closing.then(() => {
      this.#tasks.delete(settled)
    })
    this.#tasks.add(settled)
  }

  /** Ends the session once. `told` when step has sent the error to the peer itself. */
  #end(error: ReplicaError | undefined, told = false): undefined {
    if (this.#ended !== undefined) return
    this.#ended = { error }
    if (error !== undefined && !told && !hasCode(error, 'ERR_SYNC_CLOSED', 'ERR_ABORTED')) {
      for (const effect of step(this.#connection, { in: 'fail', error })) if (effect.do === 'send') this.#send(effect)
    }
    this.#connection.phase = 'closed'
    const orderly = error === undefined || error.code === 'ERR_ABORTED'
    const code = this.#leaving ? CLOSE_GOING_AWAY : CLOSE_NORMAL
    this.#link.close(orderly ? code : error.closeCode, error?.code ?? '')
    this.#handshake.stop()
    this.#idleness.stop()
    for (const waiter of this.#waiters.values()) waiter.reject(error ?? closed())
    this.#waiters.clear()
    for (const ch of [...this.#plans.keys()]) this.#dropPlan(ch)
    this.#over.abort()
    this.#wake()
  }

  #onLate(message: string): void {
    if (this.#connection.phase !== 'ready') this.#end(new ReplicaError('ERR_SYNC_TIMEOUT', message))
  }

  #onIdle(): void {
    if (this.#busy > 0) this.#idleness.restart()
    else this.#onSilence()
  }

  #onSilence(): void {
    this.#end(new ReplicaError('ERR_SYNC_TIMEOUT', `nothing came for ${idleMsMax} ms`))
  }
}

type Question = Extract<
  Effect,
  { do: 'list' | 'registry' | 'view' | 'plan' | 'offers' | 'have' | 'waits' | 'remember' }
>

function typed(error: unknown): ReplicaError {
  return hasCode(error) ? error : new ReplicaError('ERR_INTERNAL', `unexpected: ${error}`, { cause: error })
}

function closed(): ReplicaError {
  return new ReplicaError('ERR_SYNC_CLOSED', 'the session is over')
}
