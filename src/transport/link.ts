// A link: an ordered, reliable stream of binary frames between two exchanges, with backpressure both ways. The socket
// (socket.ts) is one; the in-memory pipe here is the other, used by tests, the simulator and by embedders in one process.
// A link never grows: a reader that stops makes the writer's `drained` wait.

import { ReplicaError } from '../errors.ts'
import { SOCKET_LIMITS } from '../limits.ts'

export interface Link {
  /** Where the other side is, for people; foreign text. */
  readonly remote: string
  /** Bytes handed to `send` and not yet taken by the other side or the system. */
  readonly buffered: number
  send(frame: Uint8Array): void
  /** Resolves when little enough is buffered to send more; at once on a closed link. */
  drained(): Promise<void>
  /**
   * The next frame; undefined when the link was closed in good order (code 1000 or 1001).
   * @throws ReplicaError ERR_SYNC_CLOSED, or the code behind the other side's close code or broken framing
   */
  next(): Promise<Uint8Array | undefined>
  /** Closes with a WebSocket close code; what was sent before still goes out. */
  close(code: number, reason: string): void
}

/** What may happen to a frame on its way through a pipe; a test's scheduler decides. */
export type Fate = 'deliver' | 'drop' | 'duplicate' | 'cut'

export interface PipeOptions {
  /** Called for each frame in sending order over both directions; a promise delays this frame and those behind it. */
  readonly fate?: (frame: Uint8Array, from: 'a' | 'b', index: number) => Fate | Promise<Fate>
}

/** Two ends of one in-memory link. */
export function pipe(options: PipeOptions = {}): [Link, Link] {
  const a = new PipeEnd('a')
  const b = new PipeEnd('b')
  let index = 0
  const join = (from: PipeEnd, to: PipeEnd): void => {
    from.attach(to, async frame => {
      const at = index
      index += 1
      const fate = await (options.fate?.(frame, from.name, at) ?? 'deliver')
      if (fate === 'cut') {
        from.end(1006, 'cut')
        to.end(1006, 'cut')
      } else if (fate !== 'drop') {
        to.deliver(frame)
        if (fate === 'duplicate') to.deliver(frame)
      }
    })
  }
  join(a, b)
  join(b, a)
  return [a, b]
}

class PipeEnd implements Link {
  readonly remote = 'pipe'
  readonly name: 'a' | 'b'
  buffered = 0
  #peer: PipeEnd | undefined
  #carry: ((frame: Uint8Array) => Promise<void>) | undefined
  #sending: Promise<void> = Promise.resolve()
  readonly #inbox = new Inbox()
  #drained: (() => void)[] = []
  #closed = false

  constructor(name: 'a' | 'b') {
    this.name = name
  }

  attach(peer: PipeEnd, carry: (frame: Uint8Array) => Promise<void>): void {
    this.#peer = peer
    this.#carry = carry
  }

  send(frame: Uint8Array): void {
    if (this.#closed) return
    this.buffered += frame.length
    this.#sending = this.#sending.then(async () => {
      if (!this.#closed) await this.#carry!(frame)
    })
  }

  drained(): Promise<void> {
    if (this.#closed || this.buffered < SOCKET_LIMITS.outboundBytesMax) return Promise.resolve()
    return new Promise(resolve => this.#drained.push(resolve))
  }

  async next(): Promise<Uint8Array | undefined> {
    const frame = await this.#inbox.next()
    if (frame !== undefined) this.#peer!.taken(frame.length)
    return frame
  }

  close(code: number, reason: string): void {
    const { end } = this
    this.#sending = this.#sending.then(() => {
      this.#peer!.end(code, reason)
      end.call(this, 1000, '')
    })
  }

  deliver(frame: Uint8Array): void {
    this.#inbox.push(frame)
  }

  taken(bytes: number): void {
    this.buffered -= bytes
    if (this.buffered < SOCKET_LIMITS.outboundBytesMax) this.#release()
  }

  end(code: number, reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#inbox.end(closeError(code, reason))
    this.#release()
  }

  #release(): void {
    for (const resolve of this.#drained.splice(0)) resolve()
  }
}

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
    this.bytes += frame.length
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
      this.bytes -= frame.length
      return Promise.resolve(frame)
    }
    if (this.#ended !== undefined) {
      return this.#ended.error === undefined ? Promise.resolve(undefined) : Promise.reject(this.#ended.error)
    }
    if (this.#reader !== undefined) throw new TypeError('a link has one reader')
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
    })
  }
}

/** The error behind a close code; undefined for a close in good order. */
export function closeError(code: number, reason: string): ReplicaError | undefined {
  if (code === 1000 || code === 1001) return undefined
  const words = reason === '' ? '' : `: ${reason}`
  if (code === 1009) return new ReplicaError('ERR_SYNC_LIMIT', `the peer ended the link: a frame was too big${words}`)
  if (code === 1013 || code === 4503)
    return new ReplicaError('ERR_SYNC_BUSY', `the peer takes no more connections${words}`)
  return new ReplicaError('ERR_SYNC_CLOSED', `the link ended with code ${code}${words}`)
}
