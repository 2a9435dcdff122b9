// Channels that stay open. When its first flow has been reported, a source waits until its log has grown and then runs one
// round after the other: blocks, end, report. A round is about everything between the last end and the log as it is when
// the round begins; what comes meanwhile waits in the log. Here is what rounds add to flows: their beginning and end, what
// is not sent back to where it came from, and stopping. Specification: protocol/sync.md, S44 to S52.

import { DigestSet, type HashedBlock } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { WIRE_LIMITS } from '../base/limits.ts'
import {
  type Channel,
  type Connection,
  type Effect,
  type Live,
  protocolError,
  type Sink,
  type Source,
  send,
} from './connection.ts'
import { CAP_LIVE, type Message } from './message.ts'

const { echoIdsMax, sinkIdsMax } = WIRE_LIMITS

export function newLive(): Live {
  return { echo: new DigestSet(), caughtUp: false, stopping: false, stopSent: false, stopReceived: false }
}

/** A hub without live channels would take an `open` that asks for one for a broken message, so it isn't sent. */
export function acceptsLive(connection: Connection, ch: number, out: Effect[]): boolean {
  const isSupported = connection.peer!.caps.includes(CAP_LIVE)
  const error = new ReplicaError('ERR_SYNC_VERSION', 'the hub does not support live channels')
  if (!isSupported) out.push({ do: 'failed', ch, error })
  return isSupported
}

/** The log may have grown: a source at rest looks. One that is not looks when its round is over. */
export function onGrew({ ch, frontier, live, source }: Channel, out: Effect[]): void {
  if (live === undefined || live.stopSent || source?.phase !== 'reported') return
  source.phase = 'following'
  out.push({ do: 'follow', ch, frontier, from: source.target.count })
}

/** A new round for a source whose log has grown this far. */
export function beginSourceRound(source: Source, target: Source['target']): void {
  source.phase = 'sending'
  source.target = { count: target.count, digest: target.digest }
  source.isExhausted = false
  source.sentBefore = source.sentNodes
  source.heldBySink = new DigestSet()
  source.wanted = 0
}

/** Nothing is under way any more: it may be told that the log grew, or the channel may stop. */
export function becomeIdle(connection: Connection, channel: Channel, source: Source, out: Effect[]): void {
  source.phase = 'reported'
  if (channel.live !== undefined) out.push({ do: 'rest', ch: channel.ch })
  finishFlow(connection, channel, out)
}

/** A new round of a sink: begun by its first blocks, or by its end. @throws ERR_SYNC_ORDER where there can't be one */
export function beginSinkRound(channel: Channel, sink: Sink, message: { readonly t: string }): void {
  if (channel.live === undefined) throw protocolError(message, 'after the report')
  if (channel.live.stopReceived) throw protocolError(message, "after 'stop'")
  sink.phase = 'receiving'
  sink.receivedBefore = sink.openNodes + sink.durableNodes
  sink.needed = undefined
  sink.plannedNodes = sink.admitted = sink.known = sink.refusedCount = 0
  sink.asked = new DigestSet()
  sink.documents = new DigestSet() // those found in the own store are still in it
  sink.refused = []
  sink.heldInRound = []
}

/** Keeps in mind that these came from the peer, so that they aren't sent back; of too many the oldest are forgotten. */
export function recordReceivedFromPeer({ echo }: Live, blocks: readonly HashedBlock[]): void {
  for (const { digest } of blocks) {
    echo.add(digest)
    if (echo.size <= echoIdsMax) continue
    for (const oldest of echo) {
      echo.delete(oldest)
      break
    }
  }
}

/** Whether all up to the end of this round is stored, and what the next rounds have to know of it. */
export function isComplete(sink: Sink, equalHeads: boolean): boolean {
  if (equalHeads) sink.isIncomplete = false
  else if (sink.refusedCount > 0 || sink.heldIds.size >= sinkIdsMax) sink.isIncomplete = true
  return equalHeads || (!sink.isIncomplete && sink.heldIds.size === 0)
}

/** This side wants to stop. */
export function onStopRequest(connection: Connection, channel: Channel, out: Effect[]): void {
  if (channel.live === undefined) throw new TypeError('only a live channel can be stopped')
  channel.live.stopping = true
  finishFlow(connection, channel, out)
}

/** The other side begins no further round and wants none; this side's answer says the same of itself. */
export function onStop(connection: Connection, channel: Channel, message: Message, out: Effect[]): void {
  const { live } = channel
  if (live === undefined || channel.phase !== 'flowing') throw protocolError(message, 'on a channel that is not live')
  if (live.stopReceived) throw protocolError(message, 'twice')
  live.stopReceived = true
  live.stopping = true
  finishFlow(connection, channel, out)
}

/** A `stop` is said between rounds, or in the first, whose end is to come anyway. */
export function sendStopIfIdle({ ch, phase, live, source }: Channel, out: Effect[]): void {
  if (live === undefined || !live.stopping || live.stopSent || phase !== 'flowing') return
  if (source !== undefined && source.rounds > 0 && source.phase !== 'reported') return
  live.stopSent = true
  send(out, { t: 'stop', ch })
}

/** After a flow or a round has been reported, or a stop was said: the initiator closes the channel when nothing is left. */
export function finishFlow(connection: Connection, channel: Channel, out: Effect[]): void {
  const { source, sink, ch, live } = channel
  if (live !== undefined) {
    if (!live.caughtUp && source?.rounds !== 0 && sink?.rounds !== 0) {
      live.caughtUp = true
      dropHeads(channel)
      out.push({ do: 'live', ch, channel })
    }
    sendStopIfIdle(channel, out)
    if (!live.stopSent || !live.stopReceived) return
  }
  if (channel.phase !== 'flowing' || !isAtRest(channel) || !channel.initiator) return
  channel.phase = 'done'
  connection.channels.delete(ch)
  send(out, { t: 'close', ch })
  out.push({ do: 'done', ch, channel })
}

/** Heads decide the first round only, and a hub has many channels open for long. */
function dropHeads(channel: Channel): void {
  channel.theirHeads = []
  channel.mine = { ...channel.mine!, heads: [] }
  channel.theirs = { ...channel.theirs!, heads: [] }
}

/** Whether the client may close the channel now. */
export function canClose(channel: Channel): boolean {
  const { live } = channel
  return isAtRest(channel) && (live === undefined || (live.stopSent && live.stopReceived))
}

function isAtRest({ source, sink }: Channel): boolean {
  return (source === undefined || source.phase === 'reported') && (sink === undefined || sink.phase === 'reported')
}
