// One end of an in-memory link, driven by hand against an exchange at the other: what no well-behaved side would say, without
// a socket and without a clock.

import { hasCode, ReplicaError } from '../../src/base/errors.ts'
import type { SetTimer } from '../../src/base/timer.ts'
import { ownLimits, type SessionConfig } from '../../src/sync/connection.ts'
import { proofBytes } from '../../src/sync/handshake.ts'
import {
  decodeMessage,
  encodeMessage,
  type HelloMessage,
  type Message,
  PROTOCOL_VERSION,
} from '../../src/sync/message.ts'
import type { Link } from '../../src/transport/link.ts'

export class RawPeer {
  readonly link: Link
  readonly config: SessionConfig
  #own: Uint8Array = new Uint8Array(0)
  #theirs: Uint8Array = new Uint8Array(0)
  /** What the other side said of the connection, if anything. */
  said: string | undefined

  constructor(link: Link, config: SessionConfig) {
    this.link = link
    this.config = config
  }

  send(message: Message): void {
    const frame = encodeMessage(message)
    if (message.t === 'hello') this.#own = frame
    this.link.send(frame)
  }

  hello(changes: Partial<HelloMessage> = {}): void {
    const { hub, key, nonce } = this.config
    this.send({ t: 'hello', versions: [PROTOCOL_VERSION], hub, key, nonce, caps: [], limits: ownLimits(), ...changes })
  }

  prove(): void {
    const { role, host, sign } = this.config
    const [clientHello, hubHello] = role === 'client' ? [this.#own, this.#theirs] : [this.#theirs, this.#own]
    this.send({ t: 'proof', sig: sign(proofBytes({ role, host, binding: undefined, clientHello, hubHello })) })
  }

  /** The handshake, in this peer's role. */
  async ready(): Promise<this> {
    if (this.config.role === 'client') this.hello()
    await this.next('hello')
    if (this.config.role === 'hub') this.hello()
    else await this.next('proof')
    this.prove()
    if (this.config.role === 'hub') await this.next('proof')
    return this
  }

  /** The next message of a type; others before it are dropped. */
  async next<T extends Message['t']>(type: T): Promise<Message & { t: T }> {
    for (;;) {
      const frame = await this.link.next()
      if (frame === undefined) throw new TypeError(`the link ended before '${type}'`)
      const message = decodeMessage(frame)
      if (message.t === 'hello') this.#theirs = frame
      if (message.t === 'error' && message.ch === null) this.said = message.code
      if (message.t === type) return message as Message & { t: T }
    }
  }

  /** Reads until the link ends; the error that the other side told before, and the close code of an end out of order. */
  async closed(): Promise<{ error: string | undefined; close: number }> {
    try {
      await this.next('list')
      throw new TypeError('a list came')
    } catch (error) {
      if (error instanceof TypeError && /the link ended/.test(error.message)) return { error: this.said, close: 1000 }
      if (!hasCode(error)) throw error
      const [, code] = /code (\d+)/.exec(error.message) ?? []
      return { error: this.said, close: Number(code) }
    }
  }
}

/** Alarms that ring when a test says so. */
export class Alarms {
  readonly #set = new Set<{ ms: number; ring: () => void }>()

  readonly set: SetTimer = (ms, ring) => {
    const alarm = { ms, ring }
    this.#set.add(alarm)
    return {
      restart: () => {
        if (!this.#set.has(alarm)) throw new ReplicaError('ERR_INTERNAL', 'an alarm was set back after its end')
      },
      stop: () => void this.#set.delete(alarm),
    }
  }

  get count(): number {
    return this.#set.size
  }

  /** Rings all that are set for this long. */
  ring(ms: number): void {
    for (const alarm of [...this.#set]) if (alarm.ms === ms) alarm.ring()
  }
}
