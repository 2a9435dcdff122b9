// Detects dead connections by pings.
// A ping queues behind data that was sent before it, so on a slow link its pong can take long. Any
// received byte therefore counts as a sign of life. A missing pong only means that earlier data has
// not arrived. Uses no socket and no clock.
// Spec: protocol/sync.md, S6.

import { SOCKET_LIMITS } from '../base/limits.ts'

/** Unacknowledged pings that show undelivered data. One may have been sent just now. */
const UNANSWERED_MIN = 2

/** Keepalive state of one connection. */
export class KeepAlive {
  /** Bytes received, and how many of them belonged to pings and pongs. */
  #received = 0
  #controlBytes = 0
  #receivedBefore = 0
  #drainedBefore = 0
  #missed = 0
  #sent = 0
  #acknowledged = 0

  /** Counts received bytes. */
  onData(bytes: number): void {
    this.#received += bytes
  }

  /** Counts received bytes of a ping or pong; `onData` counts them too. */
  onControlFrame(bytes: number): void {
    this.#controlBytes += bytes
  }

  /** Received bytes of messages, whole or in part. */
  get messageBytes(): number {
    return this.#received - this.#controlBytes
  }

  /** Whether data sent a while ago has not arrived. */
  get isBackedUp(): boolean {
    return this.#sent - this.#acknowledged >= UNANSWERED_MIN
  }

  /** The peer sent the pong for the ping with this number. */
  onPong(ping: number): void {
    if (ping <= this.#sent) this.#acknowledged = Math.max(this.#acknowledged, ping)
  }

  /**
   * Call this at even intervals. Returns the number of the ping to send, or undefined if the peer
   * gave no sign of life in `pingMissesMax` intervals.
   * @param state `drained`: bytes that the network took so far; counts only while this side does
   * not read
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
