// Counts what crosses a link, at one end: whole messages, without WebSocket and TCP framing.

import type { Connection } from '../sync/connection.ts'
import type { Message } from '../sync/message.ts'

/** Counts of one session, seen from this side. */
export interface SessionStats {
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly sentFrames: number
  readonly receivedFrames: number
  /** Number of times that this side sent something other than an ack and then received a frame. */
  readonly roundTrips: number
  readonly sentNodes: number
  readonly receivedNodes: number
  /** Received nodes that the gate has decided; admitted and held ones are durable. */
  readonly verifiedNodes: number
  readonly admittedNodes: number
  /** Sent nodes that are durable at the peer; never decreases, although channels end. */
  readonly ackedNodes: number
}

/** Collects the stats of one session. */
export class StatsRecorder implements SessionStats {
  sentBytes = 0
  receivedBytes = 0
  sentFrames = 0
  receivedFrames = 0
  roundTrips = 0
  sentNodes = 0
  receivedNodes = 0
  verifiedNodes = 0
  admittedNodes = 0
  ackedNodes = 0
  #awaitingAnswer = false

  /** Counts a sent frame that carries `nodes` nodes. */
  sent(message: Message, frame: Uint8Array, nodes: number): void {
    this.sentBytes += frame.length
    this.sentFrames += 1
    this.sentNodes += nodes
    if (message.t !== 'ack') this.#awaitingAnswer = true
  }

  /** Counts a received frame. */
  received(frame: Uint8Array): void {
    this.receivedBytes += frame.length
    this.receivedFrames += 1
    if (this.#awaitingAnswer) this.roundTrips += 1
    this.#awaitingAnswer = false
  }

  /** Counts decided nodes. */
  decided(nodes: number, admitted: number): void {
    this.verifiedNodes += nodes
    this.admittedNodes += admitted
  }

  /** Updates `ackedNodes`. Returns whether the peer has acked more. */
  acked({ channels }: Pick<Connection, 'channels'>): boolean {
    const before = this.ackedNodes
    let acked = 0
    for (const { source } of channels.values()) acked += source?.ackedNodes ?? 0
    this.ackedNodes = Math.max(before, acked)
    return acked > before
  }
}
