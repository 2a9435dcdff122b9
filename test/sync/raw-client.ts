// A client that speaks the protocol by hand over a real WebSocket, to say to a hub what a well-behaved one never would.

import { WebSocket } from 'ws'
import { sha256, utf8 } from '../../src/base/bytes.ts'
import type { Key } from '../../src/crypto/key.ts'
import { ownLimits } from '../../src/sync/connection.ts'
import { proofBytes, type Role } from '../../src/sync/handshake.ts'
import {
  decodeMessage,
  encodeMessage,
  type HelloMessage,
  type Message,
  PROTOCOL_VERSION,
  SUBPROTOCOL,
} from '../../src/sync/message.ts'

export interface Closed {
  /** WebSocket close code. */
  readonly code: number
  /** What the hub said about the connection before, if anything. */
  readonly error: string | undefined
}

export class RawClient {
  readonly key: Key
  readonly closed: Promise<Closed>
  readonly #socket: WebSocket
  readonly #host: string
  readonly #messages: Message[] = []
  #said: string | undefined
  #isOver = false
  #wake: () => void = () => {}
  /** Both hellos as they crossed the wire. */
  #own: Uint8Array = new Uint8Array(0)
  #hubs: Uint8Array = new Uint8Array(0)

  private constructor(url: string, key: Key, localAddress: string | undefined) {
    this.key = key
    this.#host = new URL(url).host
    const from = localAddress === undefined ? {} : { localAddress }
    this.#socket = new WebSocket(url, SUBPROTOCOL, { perMessageDeflate: false, maxPayload: 2 ** 22, ...from })
    this.#socket.binaryType = 'nodebuffer'
    this.#socket.on('message', (frame: Buffer) => this.#take(frame))
    this.#socket.on('error', () => {})
    this.closed = new Promise(resolve => {
      this.#socket.on('close', code => {
        this.#isOver = true
        this.#wake()
        resolve({ code, error: this.#said })
      })
    })
  }

  /** Connected, nothing said yet. */
  static async connect(url: string, key: Key, localAddress?: string): Promise<RawClient> {
    const client = new RawClient(url, key, localAddress)
    await new Promise((resolve, reject) => {
      client.#socket.once('open', resolve)
      client.#socket.once('error', reject)
    })
    return client
  }

  /** After the handshake. */
  static async ready(url: string, key: Key): Promise<RawClient> {
    const client = await RawClient.connect(url, key)
    await client.greet()
    client.prove()
    return client
  }

  /** Hellos and the hub's proof. */
  async greet(changes: Partial<HelloMessage> = {}): Promise<void> {
    this.send(this.hello(changes))
    await this.next('hello')
    await this.next('proof')
  }

  hello(changes: Partial<HelloMessage> = {}): HelloMessage {
    return {
      t: 'hello',
      versions: [PROTOCOL_VERSION],
      hub: 'hub:raw',
      key: this.key.publicKeyBytes,
      nonce: sha256(utf8('raw nonce')),
      caps: ['deflate'],
      limits: ownLimits(),
      ...changes,
    }
  }

  /** The proof, or one that is wrong in role or host. */
  prove(changes: { role?: Role; host?: string } = {}): void {
    const { role = 'client', host = this.#host } = changes
    const parts = { role, host, binding: undefined, clientHello: this.#own, hubHello: this.#hubs }
    this.send({ t: 'proof', sig: this.key.sign(proofBytes(parts)) })
  }

  send(message: Message): void {
    const frame = encodeMessage(message)
    if (message.t === 'hello') this.#own = frame
    this.#socket.send(frame)
  }

  sendBytes(frame: Uint8Array): void {
    this.#socket.send(frame)
  }

  /** Part of a message that has no end yet. */
  sendPart(bytes: Uint8Array): void {
    this.#socket.send(bytes, { fin: false })
  }

  sendText(text: string): void {
    this.#socket.send(text)
  }

  /** The next message of a type; others before it are dropped. It is a mistake of the test when the connection ends first. */
  async next<T extends Message['t']>(type: T): Promise<Message & { t: T }> {
    for (;;) {
      const message = this.#messages.shift()
      if (message?.t === type) return message as Message & { t: T }
      if (message !== undefined) continue
      if (this.#isOver) throw new TypeError(`the connection ended before '${type}': ${this.#said ?? 'no error'}`)
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  /** Stops reading, so that the hub's buffers fill. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  close(): void {
    this.#socket.close(1000)
  }

  /** Goes without a word. */
  terminate(): void {
    this.#socket.terminate()
  }

  #take(frame: Buffer): void {
    const message = decodeMessage(frame)
    if (message.t === 'hello') this.#hubs = frame
    if (message.t === 'error' && message.ch === null) this.#said = message.code
    this.#messages.push(message)
    this.#wake()
  }
}
