// What crossed a link, counted at one end: whole messages, without WebSocket and TCP framing.

import type { Connection } from '../sync/connection.ts'
import type { Message } from '../sync/message.ts'

export interface SessionStats {
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly sentFrames: number
  readonly receivedFrames: number
  /** Times this side had sent something that wants an answer (anything but an ack) and then heard from the other. */
  readonly roundTrips: number
  readonly sentNodes: number
  readonly receivedNodes: number
  /** Received, and judged here: what is to be kept of them is durable. */
  readonly verifiedNodes: number
  readonly admittedNodes: number
  /** Sent, and durable at the other side; the most that it has been, as channels go when they end. */
  readonly ackedNodes: number
}

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

  sent(message: Message, frame: Uint8Array, nodes: number): void {
    this.sentBytes += frame.length
    this.sentFrames += 1
    this.sentNodes += nodes
    if (message.t !== 'ack') this.#awaitingAnswer = true
  }

  received(frame: Uint8Array): void {
    this.receivedBytes += frame.length
    this.receivedFrames += 1
    if (this.#awaitingAnswer) this.roundTrips += 1
    this.#awaitingAnswer = false
  }

  judged(nodes: number, admitted: number): void {
    this.verifiedNodes += nodes
    this.admittedNodes += admitted
  }

  /** True when the other side has acked more. */
  acked({ channels }: Pick<Connection, 'channels'>): boolean {
    const before = this.ackedNodes
    let acked = 0
    for (const { source } of channels.values()) acked += source?.ackedNodes ?? 0
    this.ackedNodes = Math.max(before, acked)
    return acked > before
  }
}
