// A link: an ordered, reliable stream of binary frames between two exchanges, with backpressure both ways. The socket
// (socket.ts) is one; the in-memory pipe here is the other, used by tests, the simulator and by embedders in one process.
// A reader that stops makes the writer's `drained` wait: whoever waits for it keeps the link from growing.

import { ReplicaError } from '../base/errors.ts'
import { SOCKET_LIMITS } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'

const { outboundBytesMax, outboundShareBytes, outboundBytesMin } = SOCKET_LIMITS

/** More than this many bytes buffered, and a writer should wait; what it was about to send may still come on top. */
export const BUFFERED_HIGH = outboundBytesMax / 2

export interface Link {
  /** Where the other side is, for people; foreign text. */
  readonly remote: string
  /** Bytes handed to `send` and not yet taken by the other side or the system. */
  readonly buffered: number
  /** Bytes of messages that have come so far, also of one that isn't whole yet. */
  readonly receivedBytes: number
  /** What was sent a while ago is known not to have arrived: an answer to it can't be there. */
  readonly isBackedUp: boolean
  send(frame: Uint8Array): void
  /** Resolves when at most `BUFFERED_HIGH` bytes are buffered, and when the link ends. */
  drained(): Promise<void>
  /**
   * The next frame; undefined when the link was closed in good order (code 1000 or 1001). One reader at a time.
   * @throws ReplicaError ERR_SYNC_CLOSED, ERR_SYNC_BUSY, ERR_SYNC_FRAME, ERR_SYNC_LIMIT, ERR_SYNC_TIMEOUT
   */
  next(): Promise<Uint8Array | undefined>
  /** Closes with a WebSocket close code; what was sent before still goes out. */
  close(code: number, reason: string): void
}

/** Links that share `outboundShareBytes` of outbound buffer. */
export class LinkGroup {
  #open = 0

  /** Bytes that each open link may buffer: an equal share, at least `outboundBytesMin`. */
  get bytesPerLink(): number {
    return Math.max(outboundShareBytes / Math.max(this.#open, 1), outboundBytesMin)
  }

  add(): void {
    this.#open += 1
  }

  remove(): void {
    this.#open -= 1
  }
}

/** What may happen to a frame on its way through a pipe; a test's scheduler decides. */
export type LinkFault = 'deliver' | 'drop' | 'duplicate' | 'cut'

export interface MemoryLinkOptions {
  /** Called for each frame in sending order over both directions; a promise delays this frame and those behind it. */
  readonly fate?: (frame: Uint8Array, from: 'a' | 'b', index: number) => LinkFault | Promise<LinkFault>
}

/** Two ends of one in-memory link. */
export function memoryLinkPair(options: MemoryLinkOptions = {}): [Link, Link] {
  const { fate = () => 'deliver' } = options
  let index = 0
  const decide = async (frame: Uint8Array, from: 'a' | 'b'): Promise<LinkFault> => {
    const at = index
    index += 1
    return fate(frame, from, at)
  }
  const a = new MemoryLink('a', decide)
  const b = new MemoryLink('b', decide)
  a.join(b)
  b.join(a)
  return [a, b]
}

class MemoryLink implements Link {
  readonly remote = 'pipe'
  /** Nothing lies between the two ends. */
  readonly isBackedUp = false
  receivedBytes = 0
  readonly #name: 'a' | 'b'
  readonly #decide: (frame: Uint8Array, from: 'a' | 'b') => Promise<LinkFault>
  readonly #inbox = new Inbox()
  #peer!: MemoryLink
  #buffered = 0
  readonly #mutex = new Mutex()
  #drainWaiters: (() => void)[] = []
  #isClosing = false
  #ended = false

  constructor(name: 'a' | 'b', decide: (frame: Uint8Array, from: 'a' | 'b') => Promise<LinkFault>) {
    this.#name = name
    this.#decide = decide
  }

  join(peer: MemoryLink): void {
    this.#peer = peer
  }

  get buffered(): number {
    return this.#buffered
  }

  send(frame: Uint8Array): void {
    if (this.#isClosing || this.#ended) return
    this.#buffered += frame.length
    this.#mutex.run(() => this.#deliver(frame))
  }

  drained(): Promise<void> {
    if (this.#ended || this.#buffered <= BUFFERED_HIGH) return Promise.resolve()
    return new Promise(resolve => this.#drainWaiters.push(resolve))
  }

  async next(): Promise<Uint8Array | undefined> {
    const frame = await this.#inbox.next()
    if (frame !== undefined) this.#peer.#onTaken(frame.length)
    return frame
  }

  close(code: number, reason: string): void {
    if (this.#isClosing || this.#ended) return
    this.#isClosing = true
    this.#mutex.run(async () => {
      this.#peer.#end(code, reason)
      this.#end(1000, '')
    })
  }

  async #deliver(frame: Uint8Array): Promise<void> {
    if (this.#ended) return
    const fate = await this.#decide(frame, this.#name)
    if (fate === 'cut') {
      this.#end(1006, 'cut')
      this.#peer.#end(1006, 'cut')
      return
    }
    if (fate === 'drop') return this.#onTaken(frame.length)
    this.#peer.#receive(frame)
    if (fate !== 'duplicate') return
    this.#buffered += frame.length
    this.#peer.#receive(frame)
  }

  #receive(frame: Uint8Array): void {
    this.receivedBytes += frame.length
    this.#inbox.push(frame)
  }

  #onTaken(bytes: number): void {
    this.#buffered -= bytes
    if (this.#buffered <= BUFFERED_HIGH) this.#release()
  }

  #end(code: number, reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#inbox.end(closeError(code, reason))
    this.#release()
  }

  #release(): void {
    for (const resolve of this.#drainWaiters.splice(0)) resolve()
  }
}

/** What a frame takes besides its bytes, about: tiny frames in great number must count too. */
const FRAME_OVERHEAD_BYTES = 256

/** Frames that have arrived and nobody has read; its owner stops the flow when `bytes` grows. One reader at a time. */
export class Inbox {
  bytes = 0
  readonly #frames: Uint8Array[] = []
  #reader: { resolve: (frame: Uint8Array | undefined) => void; reject: (error: Error) => void } | undefined
  #ended: { error: ReplicaError | undefined } | undefined

  push(frame: Uint8Array): void {
    if (this.#ended !== undefined) return
    if (this.#reader !== undefined) {
      const { resolve } = this.#reader
      this.#reader = undefined
      resolve(frame)
      return
    }
    this.bytes += frame.length + FRAME_OVERHEAD_BYTES
    this.#frames.push(frame)
  }

  end(error: ReplicaError | undefined): void {
    if (this.#ended !== undefined) return
    this.#ended = { error }
    const reader = this.#reader
    this.#reader = undefined
    if (reader === undefined) return
    if (error === undefined) reader.resolve(undefined)
    else reader.reject(error)
  }

  next(): Promise<Uint8Array | undefined> {
    const frame = this.#frames.shift()
    if (frame !== undefined) {
      this.bytes -= frame.length + FRAME_OVERHEAD_BYTES
      return Promise.resolve(frame)
    }
    if (this.#ended !== undefined) {
      return this.#ended.error === undefined ? Promise.resolve(undefined) : Promise.reject(this.#ended.error)
    }
    if (this.#reader !== undefined) throw new TypeError('a link can have only one reader')
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
    })
  }
}

/** The error behind a close code; undefined for a close in good order. */
export function closeError(code: number, reason: string): ReplicaError | undefined {
  if (code === 1000 || code === 1001) return undefined
  const words = reason === '' ? '' : `: ${reason}`
  if (code === 1009)
    return new ReplicaError('ERR_SYNC_LIMIT', `the peer closed the link: a frame was too large${words}`)
  if (code === 1013 || code === 4503)
    return new ReplicaError('ERR_SYNC_BUSY', `the peer does not accept more connections${words}`)
  return new ReplicaError('ERR_SYNC_CLOSED', `the link ended with code ${code}${words}`)
}
