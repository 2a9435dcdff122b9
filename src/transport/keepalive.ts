// Whether somebody is at the other end of a connection. Pings wait their turn behind what was sent before them, so on a slow
// link an answer can be long in coming: whatever comes at all is a sign of life, and no answer to a ping means only that what
// was sent before it has not arrived. Knows no socket and no clock. Specification: protocol/sync.md, S6.

import { SOCKET_LIMITS } from '../base/limits.ts'

/** This many pings unanswered: what was sent is on its way still. One may just have left. */
const UNANSWERED_MIN = 2

export class KeepAlive {
  /** Bytes that came, and how many of them were pings and pongs. */
  #received = 0
  #controlBytes = 0
  #receivedBefore = 0
  #drainedBefore = 0
  #missed = 0
  #sent = 0
  #acknowledged = 0

  /** So many bytes came. */
  onData(bytes: number): void {
    this.#received += bytes
  }

  /** Some of them were no part of a message. */
  onControlFrame(bytes: number): void {
    this.#controlBytes += bytes
  }

  /** Bytes of messages, whole or in part. */
  get messageBytes(): number {
    return this.#received - this.#controlBytes
  }

  /** What was sent a while ago has not arrived. */
  get isBackedUp(): boolean {
    return this.#sent - this.#acknowledged >= UNANSWERED_MIN
  }

  /** The other side has answered the ping of this number. */
  onPong(ping: number): void {
    if (ping <= this.#sent) this.#acknowledged = Math.max(this.#acknowledged, ping)
  }

  /**
   * To be called at even intervals; the number of the next ping, undefined when there was no sign of life in too many of them. `drained`:
   * bytes taken by the network so far, which count only while this side does not read, and so sees nothing come.
   */
  tick({ isReading, drained }: { isReading: boolean; drained: number }): number | undefined {
    const isAlive = this.#received !== this.#receivedBefore || (!isReading && drained !== this.#drainedBefore)
    this.#receivedBefore = this.#received
    this.#drainedBefore = drained
    this.#missed = isAlive ? 1 : this.#missed + 1
    if (this.#missed > SOCKET_LIMITS.pingMissesMax) return undefined
    this.#sent += 1
    return this.#sent
  }
}
