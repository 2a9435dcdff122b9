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
import type { Mode } from '../sync/message.ts'
import {
  type Channel,
  type Config,
  type Connection,
  type Effect,
  type Input,
  newConnection,
  type PeerIdentity,
} from '../sync/state.ts'
import { step } from '../sync/step.ts'
import { type Alarm, clockAlarm, type SetAlarm } from './alarm.ts'
import { Desk, type Question } from './desk.ts'
import type { Link } from './link.ts'
import type { Plan, PlanRequest, Services } from './services.ts'
import { Meter, type Traffic } from './traffic.ts'
import { Turns } from './turns.ts'
import { Waiters } from './waiters.ts'

const { handshakeMsMax, idleMsMax } = SOCKET_LIMITS
const CLOSE_NORMAL = 1000
const CLOSE_GOING_AWAY = 1001

export type { Plan, PlanRequest, Services, Traffic }

export interface ExchangeOptions {
  readonly signal?: AbortSignal | undefined
  /** Told of each admitted chunk and each sent frame of nodes; cheap, must not throw. */
  readonly onProgress?: ((traffic: Readonly<Traffic>, admitted: number) => void) | undefined
  /** Told of each channel that ended in good order; must not throw. */
  readonly onChannel?: ((channel: Channel, peer: PeerIdentity) => void) | undefined
  readonly setAlarm?: SetAlarm | undefined
}

export class Exchange {
  readonly ready: Promise<PeerIdentity>
  /**
   * Settles when the session is over and nothing of it runs any more: resolves after a close in good order, rejects with
   * what ended it.
   */
  readonly done: Promise<void>
  readonly #link: Link
  readonly #desk: Desk
  readonly #options: ExchangeOptions
  readonly #connection: Connection
  readonly #inputs: Input[] = []
  readonly #meter = new Meter()
  readonly #waiters = new Waiters()
  readonly #tasks = new Set<Promise<void>>()
  readonly #reads: Turns
  readonly #handshake: Alarm
  readonly #idleness: Alarm
  #ended: { error: ReplicaError | undefined } | undefined
  #wake: () => void = () => {}
  #listening = false
  /** Tasks of the store under way; while there are any, silence is no fault of the peer. */
  #busy = 0
  #opened = 0
  #leaving = false
  #admitted = 0

  constructor(link: Link, config: Config, services: Services, options: ExchangeOptions = {}) {
    this.#link = link
    this.#desk = new Desk(services)
    this.#reads = new Turns(link, read => {
      if (this.#ended === undefined) this.#beside(read)
    })
    this.#options = options
    this.#connection = newConnection(config)
    const setAlarm = options.setAlarm ?? clockAlarm
    this.#handshake = setAlarm(handshakeMsMax, () => this.#endLate(`no handshake within ${handshakeMsMax} ms`))
    this.#idleness = setAlarm(idleMsMax, () => {
      if (this.#busy > 0) this.#idleness.restart()
      else this.#endLate(`nothing came for ${idleMsMax} ms`)
    })
    this.ready = this.#waiters.add('ready')
    this.ready.catch(() => {}) // whoever does not await it still sees `done`
    this.done = this.#run()
    this.done.catch(() => {})
  }

  get traffic(): Traffic {
    return this.#meter
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
    const answer = this.#waiters.add<T>(name)
    this.#push(input)
    return answer
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
    await this.#desk.left()
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
    this.#meter.received(frame)
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
      if (input.in === 'rows' || input.in === 'fetched') this.#reads.next()
    }
  }

  async #perform(effect: Effect): Promise<Input | undefined> {
    switch (effect.do) {
      case 'send':
        return this.#send(effect)
      case 'close':
        return this.#end(effect.error, effect.from)
      case 'ready':
        this.#handshake.stop()
        return this.#waiters.resolve('ready', effect.peer)
      case 'done':
        this.#desk.drop(effect.ch)
        this.#options.onChannel?.(effect.channel, this.#connection.peer!)
        return this.#waiters.resolve(`channel ${effect.ch}`, effect.channel)
      case 'failed':
        this.#desk.drop(effect.ch)
        return this.#waiters.reject(effect.ch === 0 ? 'request' : `channel ${effect.ch}`, effect.error)
      case 'listed':
        return this.#waiters.resolve('request', effect.items)
      case 'peers':
        return this.#waiters.resolve('request', effect.data)
      case 'rows':
        return this.#reads.add(() => this.#desk.rows(effect.ch))
      case 'fetch':
        return this.#reads.add(() => this.#desk.fetch(effect))
      case 'admit':
        return this.#beside(() => this.#admit(effect))
      default:
        return this.#ask(effect)
    }
  }

  /** Nothing else happens in the session until the store has answered. */
  async #ask(question: Question): Promise<Input | undefined> {
    this.#busy += 1
    try {
      return await this.#desk.ask(question, this.#connection.peer!)
    } finally {
      this.#busy -= 1
    }
  }

  /** Runs beside the loop; its answer is an input like any other, its failure ends the session. */
  #beside(task: () => Promise<Input>): undefined {
    this.#busy += 1
    const settled = task()
      .then(
        input => this.#push(input),
        error => this.#end(typed(error)),
      )
      .then(() => {
        this.#busy -= 1
        this.#tasks.delete(settled)
        if (this.#ended === undefined) this.#idleness.restart()
      })
    this.#tasks.add(settled)
  }

  async #admit(effect: Extract<Effect, { do: 'admit' }>): Promise<Input> {
    this.#meter.receivedNodes += effect.nodes.length
    const answer = await this.#desk.admit(effect, this.#connection.peer!)
    this.#admitted += answer.result.admitted
    this.#options.onProgress?.(this.traffic, this.#admitted)
    return answer
  }

  #send({ message, frame, nodes }: Extract<Effect, { do: 'send' }>): undefined {
    this.#meter.sent(message, frame, nodes)
    this.#link.send(frame)
    if (nodes > 0) this.#options.onProgress?.(this.traffic, this.#admitted)
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
    const orderly = this.#leaving ? CLOSE_GOING_AWAY : CLOSE_NORMAL
    this.#link.close(isFault ? error.closeCode : orderly, isFault ? error.code : '')
    this.#handshake.stop()
    this.#idleness.stop()
    this.#waiters.rejectAll(error ?? closed())
    this.#desk.leave()
    this.#wake()
  }

  #endLate(message: string): void {
    this.#end(new ReplicaError('ERR_SYNC_TIMEOUT', message))
  }
}

function typed(error: unknown): ReplicaError {
  return hasCode(error) ? error : new ReplicaError('ERR_INTERNAL', `unexpected: ${error}`, { cause: error })
}

function closed(): ReplicaError {
  return new ReplicaError('ERR_SYNC_CLOSED', 'the session is over')
}
