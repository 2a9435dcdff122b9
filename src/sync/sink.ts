// The side of a flow that lacks nodes. It answers offers with what it has, hands blocks to the admission gate, acks what
// is durable, and wants the missing ancestors that classification names. At the end it compares the source's heads with
// its own store, the last word: a head that is neither stored, held nor refused is chased. Then it reports.
// What it accepts is bounded: by credit, by the count that the source stated, and after offers by the very ids it asked
// for. Specification: protocol/sync.md, "Blocks", "Missing ancestors", "Report".

import { type Digest, DigestSet, sha256 } from '../bytes.ts'
import { ReplicaError } from '../errors.ts'
import { WIRE_LIMITS } from '../limits.ts'
import { finishFlow, order, send } from './effect.ts'
import { bit, type Message } from './message.ts'
import { type BlocksMessage, unpack } from './packing.ts'
import type { Admission, Channel, Connection, Effect, Input, LogState, Sink, Why } from './state.ts'

const { creditBytes, creditNodes, idsPerWantMax, wantsOutstandingMax } = WIRE_LIMITS
const { wantsPerChannelMax, sinkIdsMax, reportItemsMax } = WIRE_LIMITS

type SinkMessage = Message & { t: 'offer' | 'blocks' | 'packed' | 'lack' | 'end' }
type SinkAnswer = Extract<Input, { in: 'having' | 'waits' | 'admitted' }>

export function onMessage(
  connection: Connection,
  channel: Channel,
  sink: Sink,
  message: SinkMessage,
  out: Effect[],
): void {
  if (channel.phase !== 'flowing') throw order(message, 'before both sides have shown their heads')
  switch (message.t) {
    case 'offer':
      if (sink.phase !== 'receiving' || sink.received > 0 || sink.offer !== undefined)
        throw order(message, 'out of turn')
      if (sink.offered === 0) sink.needed = new DigestSet()
      sink.offered += message.ids.length
      if (sink.offered > channel.theirs!.count) throw order(message, 'of more ids than the source said it has')
      sink.offer = message.ids
      return lookUp(channel, 'offer', message.ids, out)
    case 'blocks':
    case 'packed':
      return onBlocks(channel, sink, message, out)
    case 'lack':
      onLack(channel, sink, message.ids)
      break
    case 'end':
      if (sink.phase !== 'receiving' || sink.offer !== undefined) throw order(message, 'twice or within an offer')
      if (message.seq !== channel.theirs!.count) {
        throw new ReplicaError(
          'ERR_SYNC_HEADS',
          `the end is at ${message.seq}, ${channel.theirs!.count} nodes were stated`,
        )
      }
      sink.end = { seq: message.seq, digest: message.digest }
      sink.phase = 'settling'
      break
  }
  settle(channel, sink, out)
}

export function onAnswer(connection: Connection, channel: Channel, sink: Sink, input: SinkAnswer, out: Effect[]): void {
  switch (input.in) {
    case 'admitted':
      onAdmitted(channel, sink, input, out)
      break
    case 'waits':
      sink.looking = false
      sink.waitsSeen = true
      for (const parent of input.parents) noteMissing(sink, parent)
      break
    case 'having':
      onHaving(connection, channel, sink, input, out)
      break
  }
  settle(channel, sink, out)
}

function onBlocks(channel: Channel, sink: Sink, message: BlocksMessage, out: Effect[]): void {
  if (sink.phase === 'reported' || sink.offer !== undefined) throw order(message, 'after the report or within an offer')
  const nodes = unpack(message)
  const bytes = nodes.reduce((sum, node) => sum + node.length, 0)
  sink.openNodes += nodes.length
  sink.openBytes += bytes
  if (sink.openNodes > creditNodes || sink.openBytes > creditBytes) {
    throw new ReplicaError(
      'ERR_SYNC_CREDIT',
      `${sink.openNodes} nodes of ${sink.openBytes} bytes are beyond the credit`,
    )
  }
  sink.received += nodes.length
  if (sink.needed !== undefined || sink.end !== undefined || sink.wanted.size > 0) checkSolicited(sink, nodes)
  else if (sink.received > channel.theirs!.count) {
    throw new ReplicaError('ERR_SYNC_UNSOLICITED', 'more nodes came than the source said it has')
  }
  sink.admitting += 1
  out.push({ do: 'admit', ch: channel.ch, frontier: channel.frontier, nodes, bytes })
}

/** Every node must be wanted, needed since an offer, or (before the end, where nothing was offered) part of the plan. */
function checkSolicited(sink: Sink, nodes: readonly Uint8Array[]): void {
  for (const node of nodes) {
    const digest = sha256(node)
    if (sink.wanted.delete(digest) || sink.needed?.delete(digest)) continue
    if (sink.needed === undefined && sink.end === undefined) continue
    throw new ReplicaError('ERR_SYNC_UNSOLICITED', 'a node came that was not asked for')
  }
}

function onAdmitted(channel: Channel, sink: Sink, input: Extract<Input, { in: 'admitted' }>, out: Effect[]): void {
  sink.admitting -= 1
  sink.openNodes -= input.nodes
  sink.openBytes -= input.bytes
  sink.durableNodes += input.nodes
  sink.durableBytes += input.bytes
  count(sink, input.result)
  send(out, { t: 'ack', ch: channel.ch, nodes: sink.durableNodes, bytes: sink.durableBytes })
  for (const { wait } of input.result.held) if (wait.kind === 'parent') noteMissing(sink, wait.id)
}

function count(sink: Sink, result: Admission): void {
  sink.admitted += result.admitted
  sink.known += result.known
  for (const digest of result.released) sink.heldIds.delete(digest)
  for (const { digest, key } of result.held) if (sink.heldIds.size < sinkIdsMax) sink.heldIds.set(digest, key)
  sink.refusedCount += result.refused.length
  for (const { digest, code } of result.refused) {
    if (sink.refusedIds.size < sinkIdsMax) sink.refusedIds.add(digest)
    if (sink.refused.length < reportItemsMax) sink.refused.push({ digest, code })
  }
}

/** Remembers an ancestor to ask for, once. @throws ERR_SYNC_LIMIT for ancestors without end */
function noteMissing(sink: Sink, id: Digest): void {
  if (sink.refusedIds.has(id) || !sink.asked.add(id)) return
  if (sink.asked.size > wantsPerChannelMax) {
    throw new ReplicaError('ERR_SYNC_LIMIT', `more than ${wantsPerChannelMax} missing ancestors in one session`)
  }
  sink.missing.push(id)
}

function onLack(channel: Channel, sink: Sink, ids: readonly Digest[]): void {
  for (const id of ids) {
    if (!sink.wanted.delete(id))
      throw new ReplicaError('ERR_SYNC_UNSOLICITED', 'a lack names an id that was not wanted')
    if (sink.chased.has(id)) {
      throw new ReplicaError('ERR_SYNC_HEADS', `${channel.frontier}: the source lacks a head that it stated`)
    }
  }
}

function lookUp(channel: Channel, why: Why, ids: readonly Digest[], out: Effect[]): void {
  out.push({ do: 'have', ch: channel.ch, frontier: channel.frontier, why, ids })
}

function onHaving(
  connection: Connection,
  channel: Channel,
  sink: Sink,
  input: Extract<Input, { in: 'having' }>,
  out: Effect[],
): void {
  const { why, ids, stored, held } = input
  const lacking = ids.filter((_, i) => !bit(stored, i) && !bit(held, i))
  if (why === 'offer') {
    sink.offer = undefined
    for (const id of lacking) sink.needed?.add(id)
    if ((sink.needed?.size ?? 0) > sinkIdsMax) sink.needed = undefined // too many to hold one by one: the count bounds them
    send(out, { t: 'have', ch: channel.ch, stored, held })
    return
  }
  sink.looking = false
  if (why === 'parents') {
    for (const id of lacking) sink.wanted.add(id)
    for (let from = 0; from < lacking.length; from += idsPerWantMax) {
      send(out, { t: 'want', ch: channel.ch, ids: lacking.slice(from, from + idsPerWantMax) })
    }
    return
  }
  const toChase = lacking.filter(id => !sink.asked.has(id) && !sink.refusedIds.has(id))
  if (toChase.length > 0) {
    for (const id of toChase) {
      sink.chased.add(id)
      noteMissing(sink, id)
    }
    return
  }
  const { headCount } = channel.theirs!
  const complete = headCount === ids.length && ids.every((_, i) => bit(stored, i))
  report(connection, channel, sink, { ...input.state, complete, kept: lacking.length === 0 }, out)
}

/** Goes on with whatever is left: wants, then waits of nodes held earlier, then the comparison of heads. */
function settle(channel: Channel, sink: Sink, out: Effect[]): void {
  if (sink.phase === 'reported' || sink.looking) return
  const room = wantsOutstandingMax - sink.wanted.size
  if (sink.missing.length > 0 && room > 0) {
    sink.looking = true
    return lookUp(channel, 'parents', sink.missing.splice(0, Math.min(room, idsPerWantMax)), out)
  }
  if (sink.phase !== 'settling' || sink.admitting > 0 || sink.wanted.size > 0 || sink.missing.length > 0) return
  sink.looking = true
  if (!sink.waitsSeen) out.push({ do: 'waits', ch: channel.ch, frontier: channel.frontier })
  else lookUp(channel, 'heads', channel.theirHeads, out)
}

/** The cursor moves only when everything up to it is stored or held: a refused node must be offered again. */
function report(
  connection: Connection,
  channel: Channel,
  sink: Sink,
  last: LogState & { complete: boolean; kept: boolean },
  out: Effect[],
): void {
  const { admitted, known, refused, refusedCount, heldIds } = sink
  const held = [...heldIds].slice(0, reportItemsMax).map(([digest, key]) => ({ digest, key }))
  const { count: nodes, digest, complete } = last
  sink.phase = 'reported'
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
  }
  if (last.kept && refusedCount === 0) {
    const { store } = channel.theirs!
    out.push({ do: 'remember', frontier: channel.frontier, cursor: { store, seq: sink.end!.seq } })
  }
  send(out, {
    t: 'report',
    ch: channel.ch,
    ...sink.result,
    held: held.map(({ digest: id, key }) => ({ id, key })),
    refused: refused.map(({ digest: id, code }) => ({ id, code })),
  })
  finishFlow(connection, channel, out)
}
