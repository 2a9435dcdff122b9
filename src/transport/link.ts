// `Link`: an ordered, reliable stream of binary frames between two sessions, with flow control in
// both directions.
// `websocket-link.ts` has the real one. The in-memory pair here serves tests, the simulator and
// embedders in one process. While a reader lags, the writer's `drained` does not resolve; a writer
// that awaits it keeps the buffer bounded.

import { ReplicaError } from '../base/errors.ts'
import { SOCKET_LIMITS } from '../base/limits.ts'
import { Mutex } from '../base/mutex.ts'

const { outboundBytesMax, outboundShareBytes, outboundBytesMin } = SOCKET_LIMITS

/**
 * Bytes buffered above which a writer waits. The frame that it is about to send may exceed this.
 */
export const BUFFERED_HIGH = outboundBytesMax / 2

/** One end of a link. */
export interface Link {
  /** Address of the other side, for people; text from outside. */
  readonly remote: string
  /** Bytes given to `send` that the peer or the system has not taken. */
  readonly buffered: number
  /** Bytes of messages received so far, including an incomplete one. */
  readonly receivedBytes: number
  /** Data sent a while ago has not arrived, so no reply to it can have arrived either. */
  readonly isBackedUp: boolean
  /** Queues a frame; does nothing once the link is closed. */
  send(frame: Uint8Array): void
  /** Resolves once at most `BUFFERED_HIGH` bytes are buffered, or the link ends. */
  drained(): Promise<void>
  /**
   * Returns the next frame; undefined if the link was closed normally (code 1000 or 1001). One
   * reader at a time.
   * @throws ReplicaError ERR_SYNC_CLOSED, ERR_SYNC_BUSY, ERR_SYNC_FRAME, ERR_SYNC_LIMIT,
   * ERR_SYNC_TIMEOUT
   */
  next(): Promise<Uint8Array | undefined>
  /** Closes with a WebSocket close code, after the frames that were sent before. */
  close(code: number, reason: string): void
}

/** Links that share an outbound buffer, of `outboundShareBytes` if nothing else is given. */
export class LinkGroup {
  readonly #shareBytes: number
  #open = 0

  constructor({ shareBytes = outboundShareBytes }: { readonly shareBytes?: number } = {}) {
    this.#shareBytes = shareBytes
  }

  /** Bytes that each open link may buffer: an equal share, at least `outboundBytesMin`. */
  get bytesPerLink(): number {
    return Math.max(this.#shareBytes / Math.max(this.#open, 1), outboundBytesMin)
  }

  /** A link of the group has opened. */
  add(): void {
    this.#open += 1
  }

  /** A link of the group has closed. */
  remove(): void {
    this.#open -= 1
  }
}

/** The fate of a frame on an in-memory link. Tests choose it. */
export type LinkFault = 'deliver' | 'drop' | 'duplicate' | 'cut'

/** Options of an in-memory link. */
export interface MemoryLinkOptions {
  /**
   * Called for each frame, in the order of sending over both directions. A promise delays this
   * frame and later ones.
   */
  readonly fate?: (frame: Uint8Array, from: 'a' | 'b', index: number) => LinkFault | Promise<LinkFault>
}

/** Returns the two ends of an in-memory link. */
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

/** Approximate memory of a frame besides its bytes, so that many tiny frames count too. */
const FRAME_OVERHEAD_BYTES = 256

/**
 * Received frames that nobody has read yet. Its owner stops the flow when `bytes` grows. One reader
 * at a time.
 */
export class Inbox {
  /** Bytes of unread frames, with the overhead of each. */
  bytes = 0
  readonly #frames: Uint8Array[] = []
  #reader: { resolve: (frame: Uint8Array | undefined) => void; reject: (error: Error) => void } | undefined
  #ended: { error: ReplicaError | undefined } | undefined

  /** Adds a frame; hands it to the waiting reader, if there is one. */
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

  /**
   * Ends the inbox. Unread frames can still be read; then `next` rejects, or returns undefined
   * without `error`.
   */
  end(error: ReplicaError | undefined): void {
    if (this.#ended !== undefined) return
    this.#ended = { error }
    const reader = this.#reader
    this.#reader = undefined
    if (reader === undefined) return
    if (error === undefined) reader.resolve(undefined)
    else reader.reject(error)
  }

  /**
   * Returns the next frame; undefined at a normal end.
   * @throws ReplicaError as given to `end`
   */
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

/** Returns the error that a close code stands for; undefined for a normal close. */
export function closeError(code: number, reason: string): ReplicaError | undefined {
  if (code === 1000 || code === 1001) return undefined
  const words = reason === '' ? '' : `: ${reason}`
  if (code === 1009)
    return new ReplicaError('ERR_SYNC_LIMIT', `the peer closed the link: a frame was too large${words}`)
  if (code === 1013 || code === 4503)
    return new ReplicaError('ERR_SYNC_BUSY', `the peer does not accept more connections${words}`)
  return new ReplicaError('ERR_SYNC_CLOSED', `the link ended with code ${code}${words}`)
}
