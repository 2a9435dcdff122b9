// Rounds of channels that stay open.
// After its first flow is reported, a source waits until its log grows, then runs rounds of blocks,
// end and report. A round covers the log from the last end to the moment when the round begins;
// later nodes wait in the log. This file has the begin and end of rounds, the ids that are not sent
// back to their origin, and stopping.
// Spec: protocol/sync.md, S44 to S52.

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

/** Returns the state of a new live channel. */
export function newLive(): Live {
  return { echo: new DigestSet(), caughtUp: false, stopping: false, stopSent: false, stopReceived: false }
}

/**
 * Returns whether the hub supports live channels. A hub that does not would refuse the `open` as
 * malformed, so it is not sent.
 */
export function acceptsLive(connection: Connection, ch: number, out: Effect[]): boolean {
  const isSupported = connection.peer!.caps.includes(CAP_LIVE)
  const error = new ReplicaError('ERR_SYNC_VERSION', 'the hub does not support live channels')
  if (!isSupported) out.push({ do: 'failed', ch, error })
  return isSupported
}

/**
 * The log may have grown. An idle source asks for its state; a busy one does so after its round.
 */
export function onGrew({ ch, frontier, live, source }: Channel, out: Effect[]): void {
  if (live === undefined || live.stopSent || source?.phase !== 'reported') return
  source.phase = 'following'
  out.push({ do: 'follow', ch, frontier, from: source.target.count })
}

/** Begins a round that ends at `target`. */
export function beginSourceRound(source: Source, target: Source['target']): void {
  source.phase = 'sending'
  const { count, digest, trace } = target
  source.target = { count, digest, ...(trace === undefined ? {} : { trace }) }
  source.isExhausted = false
  source.sentBefore = source.sentNodes
  source.heldBySink = new DigestSet()
  source.wanted = 0
  source.textsRequested = 0
}

/** Ends the work of a source: it can take `grew`, or the channel can stop. */
export function becomeIdle(connection: Connection, channel: Channel, source: Source, out: Effect[]): void {
  source.phase = 'reported'
  if (channel.live !== undefined) out.push({ do: 'rest', ch: channel.ch })
  finishFlow(connection, channel, out)
}

/**
 * Begins a round of a sink, at its first blocks or its end.
 * @throws ReplicaError ERR_SYNC_ORDER if no round can begin
 */
export function beginSinkRound(channel: Channel, sink: Sink, message: { readonly t: string }): void {
  if (channel.live === undefined) throw protocolError(message, 'after the report')
  if (channel.live.stopReceived) throw protocolError(message, "after 'stop'")
  sink.phase = 'receiving'
  sink.receivedBefore = sink.openNodes + sink.durableNodes
  sink.needed = undefined
  sink.plannedNodes = sink.admitted = sink.known = sink.refusedCount = 0
  sink.asked = new DigestSet()
  sink.textsListed = false
  sink.documents = new DigestSet() // the store still has those it found before
  sink.refused = []
  sink.heldInRound = []
}

/**
 * Remembers blocks from the peer, so that they are not sent back. Beyond `echoIdsMax` the oldest
 * are dropped.
 */
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

/** Returns whether everything up to the end of this round is stored, and updates `isIncomplete`. */
export function isComplete(sink: Sink, equalHeads: boolean): boolean {
  if (equalHeads) sink.isIncomplete = false
  else if (sink.refusedCount > 0 || sink.heldIds.size >= sinkIdsMax) sink.isIncomplete = true
  return equalHeads || (!sink.isIncomplete && sink.heldIds.size === 0)
}

/** The session asks to stop a live channel. */
export function onStopRequest(connection: Connection, channel: Channel, out: Effect[]): void {
  if (channel.live === undefined) throw new TypeError('only a live channel can be stopped')
  channel.live.stopping = true
  finishFlow(connection, channel, out)
}

/** The peer begins no further round and wants none. The reply states the same for this side. */
export function onStop(connection: Connection, channel: Channel, message: Message, out: Effect[]): void {
  const { live } = channel
  if (live === undefined || channel.phase !== 'flowing') throw protocolError(message, 'on a channel that is not live')
  if (live.stopReceived) throw protocolError(message, 'twice')
  live.stopReceived = true
  live.stopping = true
  finishFlow(connection, channel, out)
}

/** Sends `stop` between rounds, or during the first round, whose end comes anyway. */
export function sendStopIfIdle({ ch, phase, live, source }: Channel, out: Effect[]): void {
  if (live === undefined || !live.stopping || live.stopSent || phase !== 'flowing') return
  if (source !== undefined && source.rounds > 0 && source.phase !== 'reported') return
  live.stopSent = true
  send(out, { t: 'stop', ch })
}

/** Called after a report or a stop: the initiator closes the channel once nothing is left to do. */
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

/** Heads matter in the first round only, and a hub keeps many channels open for long. */
function dropHeads(channel: Channel): void {
  channel.theirHeads = []
  channel.mine = { ...channel.mine!, heads: [] }
  channel.theirs = { ...channel.theirs!, heads: [] }
}

/** Returns whether the client may close the channel now. */
export function canClose(channel: Channel): boolean {
  const { live } = channel
  return isAtRest(channel) && (live === undefined || (live.stopSent && live.stopReceived))
}

function isAtRest({ source, sink }: Channel): boolean {
  return (source === undefined || source.phase === 'reported') && (sink === undefined || sink.phase === 'reported')
}
