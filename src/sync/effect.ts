// The few effects that every part of the protocol makes the same way: a message to send, an error to tell the peer.

import type { ErrorCode } from '../errors.ts'
import { ReplicaError } from '../errors.ts'
import { encodeMessage, type Message } from './message.ts'
import type { Channel, Connection, Effect } from './state.ts'

/** Appends a send and returns the encoded frame. `nodes`: how many nodes it carries. */
export function send(out: Effect[], message: Message, nodes = 0): Uint8Array {
  const frame = encodeMessage(message)
  out.push({ do: 'send', message, frame, nodes })
  return frame
}

/** Tells the peer of an error: about one channel, about a request (`ch` 0), or (null) about the connection. */
export function refuse(out: Effect[], ch: number | null, code: ErrorCode, message: string): void {
  send(out, { t: 'error', ch, code, message })
}

/** A message that the state doesn't allow. */
export function order(message: { readonly t: string }, when: string): ReplicaError {
  return new ReplicaError('ERR_SYNC_ORDER', `a '${message.t}' message ${when}`)
}

/** After a flow has been reported: when it was the last one, the initiator closes the channel. */
export function finishFlow(connection: Connection, channel: Channel, out: Effect[]): void {
  const { source, sink, ch } = channel
  if ((source !== undefined && source.phase !== 'reported') || (sink !== undefined && sink.phase !== 'reported')) return
  if (!channel.initiator) return
  channel.phase = 'done'
  connection.channels.delete(ch)
  send(out, { t: 'close', ch })
  out.push({ do: 'done', ch, channel })
}

/** Keeps a cursor for this peer: everything of its log below `seq` is stored or held. 0 forgets it. */
export function remember({ frontier, mine, theirs }: Channel, seq: number, out: Effect[]): void {
  out.push({ do: 'remember', frontier, cursor: { store: theirs!.store, seq }, registry: mine!.registry })
}
