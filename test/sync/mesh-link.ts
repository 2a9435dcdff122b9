// A link between two processes in virtual time: frames arrive in order, each after a while of its own; it can be cut at any
// frame, or fall silent, which is a cut that nobody notices until pings would have. What crosses it can be watched.

import { SOCKET_LIMITS } from '../../src/base/limits.ts'
import { BUFFERED_HIGH, closeError, Inbox, type Link } from '../../src/transport/link.ts'
import type { World } from './mesh-world.ts'

const { pingMs, pingMissesMax } = SOCKET_LIMITS

export interface Weather {
  /** Milliseconds until a frame arrives. */
  readonly delay: () => number
  /** Asked for each frame: whether the link breaks before it arrives. */
  readonly cuts: () => boolean
  /** Told of each frame that arrives. */
  readonly onFrame?: (frame: Uint8Array, from: 'client' | 'hub') => void
}

export class Wire {
  readonly client: WireEnd
  readonly hub: WireEnd
  readonly world: World
  readonly weather: Weather
  isCut = false
  isSilent = false
  readonly #onCut: () => void

  constructor(world: World, weather: Weather, onCut: () => void = () => {}) {
    this.world = world
    this.weather = weather
    this.#onCut = onCut
    this.client = new WireEnd(this, 'client')
    this.hub = new WireEnd(this, 'hub')
  }

  /** Both ends see at once that the link is gone, and what was on its way is lost. */
  cut(): void {
    if (this.isCut) return
    this.isCut = true
    this.world.moved()
    this.client.end(1006)
    this.hub.end(1006)
    this.#onCut()
  }

  /** Nothing arrives any more; pings find it out. */
  fallSilent(): void {
    if (this.isCut || this.isSilent) return
    this.isSilent = true
    this.world.after(pingMs * (pingMissesMax + 1), () => this.cut())
  }
}

class WireEnd implements Link {
  readonly remote = 'wire'
  readonly isBackedUp = false
  receivedBytes = 0
  readonly #wire: Wire
  readonly #name: 'client' | 'hub'
  readonly #inbox = new Inbox()
  #buffered = 0
  #lastArrival = 0
  #isClosing = false
  #isEnded = false
  #waiting: (() => void)[] = []

  constructor(wire: Wire, name: 'client' | 'hub') {
    this.#wire = wire
    this.#name = name
  }

  get buffered(): number {
    return this.#buffered
  }

  send(frame: Uint8Array): void {
    if (this.#isClosing || this.#isEnded) return
    this.#buffered += frame.length
    this.#arrive(() => {
      if (this.#wire.weather.cuts()) return this.#wire.cut()
      this.#wire.weather.onFrame?.(frame, this.#name)
      this.#other.receivedBytes += frame.length
      this.#other.#inbox.push(frame)
    })
  }

  drained(): Promise<void> {
    if (this.#isEnded || this.#buffered <= BUFFERED_HIGH) return Promise.resolve()
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  async next(): Promise<Uint8Array | undefined> {
    const frame = await this.#inbox.next()
    this.#wire.world.moved()
    if (frame !== undefined) this.#other.#taken(frame.length)
    return frame
  }

  close(code: number): void {
    if (this.#isClosing || this.#isEnded) return
    this.#isClosing = true
    this.#arrive(() => {
      this.#other.end(code)
      this.end(1000)
    })
  }

  end(code: number): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#inbox.end(closeError(code, ''))
    this.#release()
  }

  get #other(): WireEnd {
    return this.#name === 'client' ? this.#wire.hub : this.#wire.client
  }

  /** In order: nothing overtakes what was sent before. */
  #arrive(act: () => void): void {
    const { world, weather } = this.#wire
    world.moved()
    this.#lastArrival = Math.max(this.#lastArrival, world.now + weather.delay())
    world.after(this.#lastArrival - world.now, () => {
      if (!this.#wire.isCut && !this.#wire.isSilent) act()
    })
  }

  #taken(bytes: number): void {
    this.#buffered -= bytes
    if (this.#buffered <= BUFFERED_HIGH) this.#release()
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
