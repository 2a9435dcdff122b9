// Runs one session: a link on one side, the local store's services on the other, `step` between them. Inputs are fed one
// at a time; what the store answers goes before the next frame, so the peer can never outrun the store. Admitting and
// reading nodes run beside the loop, bounded by credit. The exchange owns the timers and counts what crosses the link.
// It decides nothing about the protocol. Both ends, client and hub, run this class.

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
  type View,
} from '../sync/state.ts'
import { step } from '../sync/step.ts'
import type { Link } from './link.ts'

const { handshakeMsMax, idleMsMax } = SOCKET_LIMITS
const CLOSE_NORMAL = 1000
const CLOSE_GOING_AWAY = 1001

/** How the source of a flow finds and reads what the sink lacks; made by `Services.plan`. */
export interface Plan {
  /** Whether no question to the sink is needed. */
  readonly exact: boolean
  /** The next ids to offer, newest first; none when all is known. */
  next(max: number): Promise<readonly Digest[]>
  /** Which of the last offered ids the sink stores (bit i, least significant first). */
  answer(has: Uint8Array): void
  /** The next nodes to send, parents first. */
  rows(): Promise<{ rows: readonly { digest: Digest; bytes: Uint8Array }[]; last: boolean }>
}

export type PlanRequest = Extract<Effect, { do: 'plan' }>

/** What a session needs of the local replica. Every method may reject with a ReplicaError, which ends the session. */
export interface Services {
  view(frontier: string, peer: PeerIdentity): Promise<View | undefined>
  plan(request: PlanRequest): Promise<Plan>
  have(frontier: string, ids: readonly Digest[]): Promise<{ stored: Uint8Array; held: Uint8Array; state: LogState }>
  /** Parents that held nodes wait for and that are neither stored nor held; a bounded number. */
  waits(frontier: string): Promise<readonly Digest[]>
  /** As many of the first ids as fit a frame or so, in order; undefined for those that are not stored. */
  fetch(
    frontier: string,
    ids: readonly Digest[],
  ): Promise<{ ids: readonly Digest[]; nodes: (Uint8Array | undefined)[] }>
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
  /** Told of each admitted chunk and each sent frame; cheap, must not throw. */
  readonly onProgress?: ((traffic: Readonly<Traffic>, admitted: number) => void) | undefined
  readonly onChannel?: ((channel: Channel, peer: PeerIdentity) => void) | undefined
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
  /** Settles when the session is over: resolves after a close in good order, rejects with what ended it. */
  readonly done: Promise<void>
  readonly #link: Link
  readonly #services: Services
  readonly #options: ExchangeOptions
  readonly #connection: Connection
  readonly #inputs: Input[] = []
  readonly #plans = new Map<number, Plan>()
  readonly #waiters = new Map<string, Waiter>()
  #ended: { error: ReplicaError | undefined } | undefined
  #wake: () => void = () => {}
  #frame: Promise<void> | undefined
  #awaitingAnswer = false
  #busy = 0
  #leaving = false
  #admitted = 0
  #lastActive = Date.now()

  constructor(link: Link, config: Config, services: Services, options: ExchangeOptions = {}) {
    this.#link = link
    this.#services = services
    this.#options = options
    this.#connection = newConnection(config)
    this.ready = this.#wait('ready')
    this.ready.catch(() => {}) // whoever does not await it still sees `done`
    this.done = this.#run()
    this.done.catch(() => {})
  }

  get peer(): PeerIdentity | undefined {
    return this.#connection.peer
  }

  /** Client only: opens a channel, runs its flows and answers with the channel as it ended. */
  open(frontier: string, mode: Mode): Promise<Channel> {
    const ch = this.#connection.nextChannel
    return this.#command({ in: 'open', frontier, mode }, `channel ${ch}`)
  }

  list(): Promise<readonly { frontier: string; count: number; digest: Digest }[]> {
    return this.#command({ in: 'list' }, 'request')
  }

  /** The hub's signed registry of a frontier; the caller verifies it. */
  registry(frontier: string): Promise<Uint8Array> {
    return this.#command({ in: 'registry', frontier }, 'request')
  }

  /** Ends the session in good order, or with `error` told to the other side. */
  close(error?: ReplicaError): void {
    this.#end(error)
  }

  /** For a hub that stops: what is being admitted becomes durable, then the link closes with 1001. */
  goAway(): void {
    this.#leaving = true
    if (this.#busy === 0) this.#end(undefined)
  }

  #command<T>(input: Input, name: string): Promise<T> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended.error ?? closed())
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
    const started = Date.now()
    const timer = setInterval(() => this.#tick(started), 1000)
    try {
      await this.#feed({ in: 'start' })
      while (this.#ended === undefined) {
        const input = this.#inputs.shift()
        if (input !== undefined) await this.#feed(input)
        else await this.#idle()
      }
    } catch (error) {
      this.#end(hasCode(error) ? error : new ReplicaError('ERR_INTERNAL', `unexpected: ${error}`, { cause: error }))
    } finally {
      clearInterval(timer)
      signal?.removeEventListener('abort', abort)
    }
    if (this.#ended?.error !== undefined) throw this.#ended.error
  }

  /** Waits for a frame or for an answer pushed from beside the loop, whichever comes first. */
  async #idle(): Promise<void> {
    const woken = new Promise<void>(resolve => {
      this.#wake = resolve
    })
    this.#frame ??= this.#link.next().then(
      frame => {
        this.#frame = undefined
        if (frame === undefined) this.#end(undefined)
        else this.#received(frame)
      },
      error => {
        this.#frame = undefined
        const last = this.#waitersOpen() || this.#connection.channels.size > 0
        this.#end(last || !hasCode(error, 'ERR_SYNC_CLOSED') ? error : undefined)
      },
    )
    await Promise.race([woken, this.#frame])
  }

  #waitersOpen(): boolean {
    return this.#waiters.size > 0
  }

  #received(frame: Uint8Array): void {
    this.traffic.receivedBytes += frame.length
    this.traffic.receivedFrames += 1
    if (this.#awaitingAnswer) this.traffic.roundTrips += 1
    this.#awaitingAnswer = false
    this.#lastActive = Date.now()
    this.#inputs.push({ in: 'frame', frame })
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
    }
  }

  async #perform(effect: Effect): Promise<Input | undefined> {
    const services = this.#services
    const peer = this.#connection.peer!
    switch (effect.do) {
      case 'send':
        return this.#send(effect)
      case 'close':
        return this.#end(effect.error, true)
      case 'ready':
        return this.#answer('ready', effect.peer)
      case 'done':
        this.#plans.delete(effect.ch)
        this.#options.onChannel?.(effect.channel, peer)
        return this.#answer(`channel ${effect.ch}`, effect.channel)
      case 'failed':
        return this.#failed(effect.ch, effect.error)
      case 'listed':
        return this.#answer('request', effect.items)
      case 'peers':
        return this.#answer('request', effect.data)
      case 'list':
        return { in: 'listed', items: await services.list(peer) }
      case 'registry': {
        const { frontier } = effect
        return { in: 'offered-registry', frontier, data: await services.registry(frontier, peer) }
      }
      case 'view':
        return { in: 'viewed', ch: effect.ch, view: await services.view(effect.frontier, peer) }
      case 'plan': {
        const plan = await services.plan(effect)
        this.#plans.set(effect.ch, plan)
        return { in: 'planned', ch: effect.ch, exact: plan.exact }
      }
      case 'offers':
        return { in: 'offers', ch: effect.ch, ids: await this.#plans.get(effect.ch)!.next(effect.max) }
      case 'answer':
        this.#plans.get(effect.ch)!.answer(effect.has)
        return undefined
      case 'have': {
        const { ch, why, ids } = effect
        return { in: 'having', ch, why, ids, ...(await services.have(effect.frontier, ids)) }
      }
      case 'waits':
        return { in: 'waits', ch: effect.ch, parents: await services.waits(effect.frontier) }
      case 'remember':
        await services.remember(effect.frontier, peer, effect.cursor)
        return undefined
      case 'rows':
        return this.#beside(() => this.#rows(effect.ch))
      case 'fetch':
        return this.#beside(async () => {
          await this.#link.drained()
          return { in: 'fetched', ch: effect.ch, ...(await services.fetch(effect.frontier, effect.ids)) }
        })
      case 'admit':
        return this.#beside(() => this.#admit(effect, peer))
    }
  }

  /** Runs beside the loop; its answer is an input like any other, its failure ends the session. */
  #beside(task: () => Promise<Input>): undefined {
    this.#busy += 1
    task().then(
      input => {
        this.#busy -= 1
        this.#lastActive = Date.now()
        this.#push(input)
        if (this.#leaving && this.#busy === 0) this.#end(undefined)
      },
      error => {
        this.#busy -= 1
        this.#end(hasCode(error) ? error : new ReplicaError('ERR_INTERNAL', `unexpected: ${error}`, { cause: error }))
      },
    )
  }

  async #rows(ch: number): Promise<Input> {
    await this.#link.drained()
    const { rows, last } = await this.#plans.get(ch)!.rows()
    const skip = this.#connection.channels.get(ch)?.source?.skip
    const wanted = skip === undefined || skip.size === 0 ? rows : rows.filter(row => !skip.has(row.digest))
    return { in: 'rows', ch, nodes: wanted.map(row => row.bytes), last }
  }

  async #admit(effect: Extract<Effect, { do: 'admit' }>, peer: PeerIdentity): Promise<Input> {
    this.traffic.receivedNodes += effect.nodes.length
    const result = await this.#services.admit(effect.frontier, effect.nodes, peer)
    this.#admitted += result.admitted
    this.#options.onProgress?.(this.traffic, this.#admitted)
    return { in: 'admitted', ch: effect.ch, nodes: effect.nodes.length, bytes: effect.bytes, result }
  }

  #send({ message, frame }: Extract<Effect, { do: 'send' }>): undefined {
    this.traffic.sentBytes += frame.length
    this.traffic.sentFrames += 1
    if (message.t !== 'ack') this.#awaitingAnswer = true
    this.#link.send(frame)
    const source =
      'ch' in message && message.ch !== null ? this.#connection.channels.get(message.ch)?.source : undefined
    if (source === undefined) return
    this.traffic.sentNodes = Math.max(this.traffic.sentNodes, source.sentNodes)
    this.#options.onProgress?.(this.traffic, this.#admitted)
  }

  #failed(ch: number, error: ReplicaError): undefined {
    this.#plans.delete(ch)
    const name = ch === 0 ? 'request' : `channel ${ch}`
    const waiter = this.#waiters.get(name)
    this.#waiters.delete(name)
    waiter?.reject(error)
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
    this.#link.close(orderly ? (this.#leaving ? CLOSE_GOING_AWAY : CLOSE_NORMAL) : error.closeCode, error?.code ?? '')
    for (const waiter of this.#waiters.values()) waiter.reject(error ?? closed())
    this.#waiters.clear()
    this.#plans.clear()
    this.#wake()
  }

  #tick(started: number): void {
    const now = Date.now()
    const proving = this.#connection.phase !== 'ready'
    if (proving && now - started > handshakeMsMax) {
      this.#end(new ReplicaError('ERR_SYNC_TIMEOUT', `no handshake within ${handshakeMsMax} ms`))
    } else if (this.#busy === 0 && now - this.#lastActive > idleMsMax) {
      this.#end(new ReplicaError('ERR_SYNC_TIMEOUT', `nothing came for ${idleMsMax} ms`))
    }
  }
}

function closed(): ReplicaError {
  return new ReplicaError('ERR_SYNC_CLOSED', 'the session is over')
}
