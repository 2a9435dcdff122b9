// The side of a flow that lacks nodes. It replies to offers, hands blocks to the gate, acks durable
// nodes, and wants missing ancestors. At the end it compares the source's heads with its own store:
// a head that is neither stored, held nor refused is wanted by id. Then it reports. The nodes that
// it accepts are bounded by credit and by the source's count; after offers, to the ids that it
// found missing; and with equal heads, to nothing.
// Spec: protocol/sync.md, S23 to S39.

import { type Digest, DigestSet, equals, HashedBlock } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { WIRE_LIMITS } from '../base/limits.ts'
import { blockOf } from '../node/decoder.ts'
import {
  type Admission,
  type Channel,
  type Connection,
  type Effect,
  type Input,
  type LogState,
  type Outcome,
  protocolError,
  type Sink,
  saveCursor,
  send,
  type Why,
} from './connection.ts'
import type { OpenedTally } from './flow-report.ts'
import { type BlocksMessage, unpackBlocks } from './frame-packing.ts'
import { beginSinkRound, finishFlow, isComplete, recordReceivedFromPeer } from './live-rounds.ts'
import { bit, CAP_CONFLICTS, type Message } from './message.ts'
import { onLack, recordDocument, recordMissing, requestMissing, sendWants, takeMissing } from './missing-ancestors.ts'
import { checkRequestedText, listTexts, requestTexts } from './wanted-texts.ts'

const { creditBytes, creditNodes, sinkIdsMax, reportItemsMax } = WIRE_LIMITS

type SinkMessage = Message & { t: 'offer' | 'blocks' | 'packed' | 'lack' | 'end' }
type SinkInput = Extract<Input, { in: 'having' | 'waits' | 'texts' | 'admitted' | 'opened' }>

/** Starts a sink. With equal heads no node may arrive. */
export function startSink(channel: Channel, sink: Sink): void {
  if (hasEqualHeads(channel)) sink.needed = new DigestSet()
}

/**
 * Takes a message of the source.
 * @throws ReplicaError ERR_SYNC_…
 */
export function onSinkMessage(channel: Channel, sink: Sink, message: SinkMessage, out: Effect[]): void {
  switch (message.t) {
    case 'offer':
      return onOffer(channel, sink, message, out)
    case 'blocks':
    case 'packed':
      return onBlocks(channel, sink, message, out)
    case 'lack':
      onLack(channel, sink, message.ids)
      break
    case 'end':
      onEnd(channel, sink, message)
      break
  }
  advance(channel, sink, out)
}

/** Takes a result of the local store. */
export function onSinkInput(
  connection: Connection,
  channel: Channel,
  sink: Sink,
  input: SinkInput,
  out: Effect[],
): void {
  switch (input.in) {
    case 'admitted':
      onAdmitted(channel, sink, input, out)
      break
    case 'waits':
      sink.isLookingUp = false
      for (const parent of input.parents) recordMissing(sink, parent)
      break
    case 'texts':
      sink.isLookingUp = false
      requestTexts(channel, sink, input, out)
      break
    case 'having':
      onHaving(connection, channel, sink, input, out)
      break
    case 'opened':
      sink.isLookingUp = false
      return report(connection, channel, sink, { ...sink.outcome!, opened: input.opened }, out)
  }
  advance(channel, sink, out)
}

function onOffer(channel: Channel, sink: Sink, message: Message & { t: 'offer' }, out: Effect[]): void {
  const hasBegun = sink.openNodes + sink.durableNodes > 0
  if (sink.phase !== 'receiving' || hasBegun || sink.offer !== undefined || hasEqualHeads(channel)) {
    throw protocolError(message, 'out of turn')
  }
  if (sink.offered === 0) sink.needed = new DigestSet()
  sink.offered += message.ids.length
  if (sink.offered > channel.theirs!.count) throw protocolError(message, 'of more ids than the source said it has')
  sink.offer = message.ids
  queryStore(channel, 'offer', message.ids, out)
}

function onBlocks(channel: Channel, sink: Sink, message: BlocksMessage, out: Effect[]): void {
  if (sink.offer !== undefined) throw protocolError(message, 'within an offer')
  if (sink.phase === 'reported') beginSinkRound(channel, sink, message)
  const blocks = unpackBlocks(message).map(blockOf)
  const bytes = blocks.reduce((sum, block) => sum + block.bytes.length, 0)
  sink.openNodes += blocks.length
  sink.openBytes += bytes
  if (sink.openNodes > creditNodes || sink.openBytes > creditBytes) {
    throw new ReplicaError(
      'ERR_SYNC_CREDIT',
      `${sink.openNodes} nodes of ${sink.openBytes} bytes are beyond the credit`,
    )
  }
  checkSolicited(channel, sink, blocks)
  if (channel.live !== undefined && channel.source !== undefined) recordReceivedFromPeer(channel.live, blocks)
  sink.admittingFrames += 1
  out.push({ do: 'admit', ch: channel.ch, frontier: channel.frontier, nodes: blocks, bytes })
}

/**
 * Every node must have been wanted by id, or found missing in an offer. Without offers and before
 * the end, it may also be part of the source's plan, which has at most as many nodes as the source.
 */
function checkSolicited(channel: Channel, sink: Sink, blocks: HashedBlock[]): void {
  const byPlan = sink.needed === undefined && sink.phase === 'receiving'
  if (byPlan && sink.wanted.size === 0) sink.plannedNodes += blocks.length
  else {
    for (const [i, block] of blocks.entries()) {
      if (sink.wantedTexts.size > 0) checkRequestedText(sink, block)
      if (sink.wanted.delete(block.digest) || sink.needed?.delete(block.digest)) continue
      // A block of a document may have the form of an item.
      const whole = new HashedBlock(block.bytes)
      if (block.hashedBytes < block.bytes.length && sink.wanted.delete(whole.digest)) {
        blocks[i] = whole
        continue
      }
      if (!byPlan) throw new ReplicaError('ERR_SYNC_UNSOLICITED', 'a node came that was not asked for')
      sink.plannedNodes += 1
    }
  }
  if (sink.rounds === 0 && sink.plannedNodes > channel.theirs!.count) {
    throw new ReplicaError('ERR_SYNC_UNSOLICITED', 'more nodes came than the source said it has')
  }
}

/**
 * The first end repeats the count and digest of the source's summary; a later end states how far
 * the log has grown. All nodes up to it must have arrived, in the stated number. This detects a
 * frame that was lost or duplicated.
 */
function onEnd(channel: Channel, sink: Sink, message: Message & { t: 'end' }): void {
  if (sink.phase === 'reported') beginSinkRound(channel, sink, message)
  if (sink.phase !== 'receiving' || sink.offer !== undefined) throw protocolError(message, 'twice or within an offer')
  const { count, digest } = sink.ended
  if (sink.rounds > 0) {
    if (message.seq <= count) throw new ReplicaError('ERR_SYNC_HEADS', `an end at ${message.seq} after one at ${count}`)
    if (sink.plannedNodes > message.seq - count) {
      throw new ReplicaError('ERR_SYNC_UNSOLICITED', 'more nodes came than the log of the source has grown by')
    }
    const trace = message.trace && Uint8Array.from(message.trace)
    sink.ended = { count: message.seq, digest: Uint8Array.from(message.digest), trace }
  } else if (message.seq !== count || !equals(message.digest, digest)) {
    throw new ReplicaError('ERR_SYNC_HEADS', `the end is not at the ${count} nodes and the heads that were stated`)
  }
  const received = sink.openNodes + sink.durableNodes
  if (message.nodes !== received)
    throw protocolError(message, `after ${message.nodes} nodes, of which ${received} have come`)
  sink.phase = 'settling'
}

function onAdmitted(channel: Channel, sink: Sink, input: Extract<Input, { in: 'admitted' }>, out: Effect[]): void {
  sink.admittingFrames -= 1
  sink.openNodes -= input.nodes
  sink.openBytes -= input.bytes
  sink.durableNodes += input.nodes
  sink.durableBytes += input.bytes
  count(sink, input.result)
  for (const { wait } of input.result.held) if (wait.kind === 'parent') recordMissing(sink, wait.id)
  for (const id of input.result.documents) recordDocument(sink, id)
  // In later rounds the report includes the last ack, which saves a frame.
  if (sink.rounds > 0 && isSettled(sink)) return
  send(out, { t: 'ack', ch: channel.ch, nodes: sink.durableNodes, bytes: sink.durableBytes })
}

function count(sink: Sink, result: Admission): void {
  sink.admitted += result.admitted
  sink.known += result.known
  for (const digest of result.released) sink.heldIds.delete(digest)
  for (const { digest, key } of result.held) {
    // Copies, because these are views into the whole frame.
    const own = { digest: Uint8Array.from(digest), key: Uint8Array.from(key) }
    if (sink.heldIds.size < sinkIdsMax) sink.heldIds.set(digest, own.key)
    if (sink.heldInRound.length < reportItemsMax) sink.heldInRound.push(own)
  }
  sink.refusedCount += result.refused.length
  for (const { digest, code } of result.refused) {
    if (sink.refusedIds.size < sinkIdsMax) sink.refusedIds.add(digest)
    if (sink.refused.length < reportItemsMax) sink.refused.push({ digest, code })
  }
}

function queryStore(channel: Channel, why: Why, ids: readonly Digest[], out: Effect[]): void {
  out.push({ do: 'have', ch: channel.ch, frontier: channel.frontier, why, ids })
}

type HavingInput = Extract<Input, { in: 'having' }>

function onHaving(connection: Connection, channel: Channel, sink: Sink, input: HavingInput, out: Effect[]): void {
  const { why, ids, stored, held } = input
  const missing = ids.filter((_, i) => !bit(stored, i) && !bit(held, i))
  if (why === 'offer') {
    sink.offer = undefined
    for (const id of missing) sink.needed?.add(id)
    // Too many to keep each id: the count bounds them.
    if (sink.offered > sinkIdsMax) sink.needed = undefined
    send(out, { t: 'have', ch: channel.ch, stored, held })
    return
  }
  sink.isLookingUp = false
  if (why === 'parents') return sendWants(channel, sink, missing, out)
  onHeadsLookedUp(connection, channel, sink, { input, missing }, out)
}

/**
 * The stated heads decide. Missing heads are wanted by id; held heads may wait for ancestors that
 * were lost.
 */
function onHeadsLookedUp(
  connection: Connection,
  channel: Channel,
  sink: Sink,
  { input, missing }: { input: HavingInput; missing: readonly Digest[] },
  out: Effect[],
): void {
  if (sink.rounds === 0 && requestMissing(sink, missing)) return
  if (input.wantsTexts && !sink.textsListed) return listTexts(channel, sink, out)
  if (sink.rounds > 0) return reportRound(connection, channel, sink, input.state, out)
  const { ids, stored } = input
  const allStored = ids.every((_, i) => bit(stored, i))
  if (!allStored && !sink.waitsRequested) {
    sink.waitsRequested = true
    sink.isLookingUp = true
    out.push({ do: 'waits', ch: channel.ch, frontier: channel.frontier })
    return
  }
  const complete = allStored && channel.theirs!.headCount === ids.length
  const outcome = { ...input.state, complete, cursorHolds: missing.length === 0 }
  if (!sendsOpened(connection, channel, sink)) return report(connection, channel, sink, outcome, out)
  sink.outcome = outcome
  sink.isLookingUp = true
  out.push({ do: 'conflicts', ch: channel.ch, frontier: channel.frontier, since: channel.mine!.count })
}

/**
 * A hub tells a client with the capability which conflicts its nodes opened. A live channel has no
 * end to tell it at.
 */
function sendsOpened({ peer }: Connection, { initiator, live }: Channel, { admitted }: Sink): boolean {
  return !initiator && live === undefined && admitted > 0 && peer!.caps.includes(CAP_CONFLICTS)
}

/** Continues with what is left: ancestors to want, then, after the end, the comparison of heads. */
function advance(channel: Channel, sink: Sink, out: Effect[]): void {
  if (sink.phase === 'reported' || sink.isLookingUp) return
  const missing = takeMissing(sink)
  if (missing.length > 0) {
    sink.isLookingUp = true
    return queryStore(channel, 'parents', missing, out)
  }
  if (!isSettled(sink)) return
  sink.isLookingUp = true
  queryStore(channel, 'heads', sink.rounds === 0 ? channel.theirHeads : [], out)
}

/** Returns whether the round has ended and nothing of it is open. */
function isSettled({ phase, isLookingUp, admittingFrames, wanted, missing }: Sink): boolean {
  return phase === 'settling' && !isLookingUp && admittingFrames === 0 && wanted.size === 0 && missing.size === 0
}

/**
 * Reports a later round, which states no heads. It is complete if the heads are equal now, or
 * nothing is held or refused.
 */
function reportRound(connection: Connection, channel: Channel, sink: Sink, state: LogState, out: Effect[]): void {
  const complete = isComplete(sink, equals(state.digest, sink.ended.digest))
  report(connection, channel, sink, { ...state, complete, cursorHolds: sink.cursorHolds }, out)
}

/**
 * Sends the report. The cursor moves only if everything up to it is stored or held. A refused node
 * must be offered again, and so must everything if the source's plan was incomplete: a node held
 * for its key does not show which ancestors it lacks.
 */
function report(
  connection: Connection,
  channel: Channel,
  sink: Sink,
  outcome: Outcome & { readonly opened?: OpenedTally | undefined },
  out: Effect[],
): void {
  const { admitted, known, refused, refusedCount, heldIds } = sink
  const held = sink.heldInRound.filter(({ digest }) => heldIds.has(digest))
  const { count: nodes, digest, complete, opened } = outcome
  const nodesReceived = sink.durableNodes - sink.receivedBefore
  if (sink.rounds === 0) sink.isIncomplete = !complete
  sink.phase = 'reported'
  sink.rounds += 1
  sink.cursorHolds = outcome.cursorHolds && refusedCount === 0 && !sink.planFailed
  sink.result = {
    admitted,
    known,
    held,
    heldCount: heldIds.size,
    refused,
    refusedCount,
    count: nodes,
    digest,
    complete,
    ...(opened === undefined ? {} : { opened }),
  }
  const { count: seq, trace } = sink.ended
  if (sink.cursorHolds && trace !== undefined && !isCursorCurrent(channel, { seq, trace }))
    saveCursor(channel, { seq, trace }, out)
  send(out, {
    t: 'report',
    ch: channel.ch,
    ...sink.result,
    held: held.map(({ digest: id, key }) => ({ id, key })),
    refused: refused.map(({ digest: id, code }) => ({ id, code })),
  })
  if (channel.live !== undefined) {
    out.push({
      do: 'round',
      ch: channel.ch,
      direction: 'in',
      nodes: nodesReceived,
      tally: sink.result,
      stated: sink.ended,
    })
  }
  finishFlow(connection, channel, out)
}

/** Returns whether the cursor that this side sent is the same. */
function isCursorCurrent({ mine, theirs }: Channel, { seq, trace }: { seq: number; trace: Digest }): boolean {
  const { cursor } = mine!
  return cursor?.seq === seq && equals(cursor.store, theirs!.store) && equals(cursor.trace, trace)
}

function hasEqualHeads({ mine, theirs }: Channel): boolean {
  return equals(mine!.digest, theirs!.digest)
}
