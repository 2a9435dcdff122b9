// Two connections face to face, driven by hand: every input and what `step` makes of it is written down, questions are
// answered by real replicas, and frames are delivered one at a time, oldest first. A test may swallow, forge or add frames.
// From such scenes the session vectors are made.

import {
  type ClientConfig,
  type Connection,
  type Effect,
  type HubConfig,
  type Input,
  newConnection,
  type SessionConfig,
} from '../../src/sync/connection.ts'
import { encodeMessage, type Message, type Mode } from '../../src/sync/message.ts'
import { step } from '../../src/sync/step.ts'
import { EffectHandler } from '../../src/transport/effect-handler.ts'
import { clientConfig, FRONTIER, hubConfig, type Local } from './local.ts'

export type Side = 'client' | 'hub'

export interface Turn {
  readonly at: Side
  readonly input: Input
  readonly effects: readonly Effect[]
}

interface Actor {
  readonly config: SessionConfig
  readonly connection: Connection
  readonly desk: EffectHandler
}

export class Scene {
  readonly turns: Turn[] = []
  readonly client: Actor
  readonly hub: Actor
  /** While true, what is to be admitted waits for `catchUp`. */
  slow = false
  readonly #waiting: (() => Promise<void>)[] = []
  /** On the way, oldest first; `to` is who gets it. */
  readonly wire: { readonly to: Side; readonly frame: Uint8Array; readonly message: Message }[] = []

  constructor(client: Local, hub: Local, configs: { client?: Partial<ClientConfig>; hub?: Partial<HubConfig> } = {}) {
    this.client = actor(client, clientConfig(client, hub, configs.client))
    this.hub = actor(hub, hubConfig(hub, configs.hub))
  }

  /** Feeds one input, and what the local replica answers to it, in the order of effects. */
  async feed(at: Side, first: Input): Promise<Effect[]> {
    const { connection, desk } = this[at]
    const all: Effect[] = []
    const inputs = [first]
    for (let input = inputs.shift(); input !== undefined; input = inputs.shift()) {
      const effects = step(connection, input)
      this.turns.push({ at, input, effects })
      all.push(...effects)
      for (const effect of effects) {
        const answer = await this.#perform(at, desk, effect)
        if (answer !== undefined) inputs.push(answer)
      }
    }
    return all
  }

  /** Starts both sides and delivers frames until the handshake is over. */
  async shakeHands(): Promise<this> {
    await this.feed('client', { in: 'start' })
    await this.feed('hub', { in: 'start' })
    await this.deliver()
    return this
  }

  /** The client opens its next channel and frames go back and forth until none is left. */
  async sync(mode: Mode, frontier = FRONTIER): Promise<this> {
    await this.open(mode, frontier)
    return this.deliver()
  }

  async open(mode: Mode, frontier = FRONTIER): Promise<void> {
    await this.feed('client', { in: 'open', ch: this.client.connection.nextChannel, frontier, mode })
  }

  /** The client opens its next channel as a live one, and frames go back and forth until none is left. */
  async goLive(mode: Mode, frontier = FRONTIER): Promise<this> {
    await this.feed('client', { in: 'open', ch: this.client.connection.nextChannel, frontier, mode, live: true })
    return this.deliver()
  }

  /** Tells a side that the log of channel 1 has grown, and delivers what comes of it. */
  async grew(at: Side): Promise<this> {
    await this.feed(at, { in: 'grew', ch: 1 })
    return this.deliver()
  }

  /** Delivers frames, oldest first: all, or up to and including the first of a type, or none from `stopAt` on. */
  async deliver(options: { upTo?: Message['t']; stopAt?: Message['t'] } = {}): Promise<this> {
    for (let next = this.wire[0]; next !== undefined; next = this.wire[0]) {
      if (next.message.t === options.stopAt) break
      this.wire.shift()
      await this.feed(next.to, { in: 'frame', frame: next.frame })
      if (next.message.t === options.upTo) break
    }
    return this
  }

  /** Admits what has waited, in order. */
  async catchUp(): Promise<void> {
    this.slow = false
    for (const task of this.#waiting.splice(0)) await task()
  }

  /** A message that its sender's `step` never made. */
  async forge(to: Side, message: Message): Promise<Effect[]> {
    return this.feed(to, { in: 'frame', frame: encodeMessage(message) })
  }

  /** Frames sent so far by one side. */
  sent(by: Side): Message[] {
    return this.turns
      .filter(turn => turn.at === by)
      .flatMap(turn => turn.effects)
      .flatMap(effect => (effect.do === 'send' ? [effect.message] : []))
  }

  async #perform(at: Side, desk: EffectHandler, effect: Effect): Promise<Input | undefined> {
    const { peer } = this[at].connection
    switch (effect.do) {
      case 'send':
        this.wire.push({ to: at === 'client' ? 'hub' : 'client', frame: effect.frame, message: effect.message })
        return undefined
      case 'ready':
      case 'listed':
      case 'peers':
      case 'close':
      case 'opened':
      case 'rest':
      case 'round':
      case 'live':
        return undefined
      case 'done':
      case 'failed':
        desk.drop(effect.ch)
        return undefined
      case 'rows':
        return desk.rows(effect)
      case 'fetch':
        return desk.fetch(effect)
      case 'admit': {
        if (!this.slow) return desk.admit(effect, peer!)
        this.#waiting.push(async () => void (await this.feed(at, await desk.admit(effect, peer!))))
        return undefined
      }
      default:
        return desk.handle(effect, peer!)
    }
  }
}

function actor(at: Local, config: SessionConfig): Actor {
  return { config, connection: newConnection(config), desk: new EffectHandler(at.services) }
}
