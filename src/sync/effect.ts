// The few effects that every part of the protocol makes the same way: a message to send, an error to tell the peer.

import type { ErrorCode } from '../base/errors.ts'
import { ReplicaError } from '../base/errors.ts'
import type { Channel, Effect } from './connection.ts'
import { encodeMessage, type Message } from './message.ts'

/** Appends a send and returns the encoded frame. `nodes`: how many nodes it carries. */
export function send(out: Effect[], message: Message, nodes = 0): Uint8Array {
  const frame = encodeMessage(message)
  out.push({ do: 'send', message, frame, nodes })
  return frame
}

/** Tells the peer of an error: about one channel, about a request (`ch` 0), or (null) about the connection. */
export function sendError(out: Effect[], ch: number | null, code: ErrorCode, message: string): void {
  send(out, { t: 'error', ch, code, message })
}

/** A message that the state doesn't allow. */
export function protocolError(message: { readonly t: string }, when: string): ReplicaError {
  return new ReplicaError('ERR_SYNC_ORDER', `a '${message.t}' message ${when}`)
}

/** Keeps a cursor for this peer: everything of its log below `seq` is stored or held. 0 forgets it, at once. */
export function saveCursor({ ch, frontier, mine, theirs, live }: Channel, seq: number, out: Effect[]): void {
  const cursor = { store: theirs!.store, seq }
  out.push({ do: 'remember', ch, frontier, cursor, registry: mine!.registry, later: live !== undefined && seq > 0 })
}
