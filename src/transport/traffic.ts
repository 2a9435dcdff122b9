// What crossed a link, counted at one end: whole messages, without WebSocket and TCP framing.

import type { Message } from '../sync/message.ts'

export interface Traffic {
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly sentFrames: number
  readonly receivedFrames: number
  /** Times this side had sent something that wants an answer (anything but an ack) and then heard from the other. */
  readonly roundTrips: number
  readonly sentNodes: number
  readonly receivedNodes: number
}

export class Meter implements Traffic {
  sentBytes = 0
  receivedBytes = 0
  sentFrames = 0
  receivedFrames = 0
  roundTrips = 0
  sentNodes = 0
  receivedNodes = 0
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
}
