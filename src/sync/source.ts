// The side of a flow that has nodes.
// It finds what the sink lacks in the cheapest exact way that heads and cursor allow: nothing
// (equal digests); by itself (all heads of the sink are known here, or the sink is empty); or by
// offering ids from the newest on, to which the sink replies, until nothing is unknown. Then it
// sends the nodes, parents first, within the sink's credit, and replies to wants.
// Spec: protocol/sync.md, S23 to S38.

import { equals } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { WIRE_LIMITS } from '../base/limits.ts'
import {
  type Channel,
  type Connection,
  type Effect,
  type Input,
  protocolError,
  type Row,
  type Source,
  send,
} from './connection.ts'
import { FRAME_FILL_BYTES, FRAME_FILL_NODES, packBlocks } from './frame-packing.ts'
import { becomeIdle, beginSourceRound } from './live-rounds.ts'
import { bit, CAP_DEFLATE, type Message, type ReportMessage } from './message.ts'

const { idsPerOfferMax, idsPerWantMax, wantsOutstandingMax, wantsPerChannelMax, sinkIdsMax, textsPerRoundMax } =
  WIRE_LIMITS

/** Starts a source. */
export function startSource(channel: Channel, source: Source, out: Effect[]): void {
  const mine = channel.mine!
  const theirs = channel.theirs!
  if (equals(mine.digest, theirs.digest)) {
    source.isExhausted = true
    source.phase = 'sending'
    return sendEnd(channel, source, out)
  }
  const { cursor } = theirs
  const ours = cursor !== null && equals(cursor.store, mine.store)
  out.push({
    do: 'plan',
    ch: channel.ch,
    frontier: channel.frontier,
    heads: channel.theirHeads,
    headsComplete: channel.theirHeads.length === theirs.headCount,
    theirCount: theirs.count,
    ownCount: mine.count,
    cursor: ours ? cursor : undefined,
  })
}

type SourceMessage = Message & { t: 'have' | 'ack' | 'want' | 'texts' | 'report' }

/**
 * Takes a message of the sink.
 * @throws ReplicaError ERR_SYNC_…
 */
export function onSourceMessage(
  connection: Connection,
  channel: Channel,
  source: Source,
  message: SourceMessage,
  out: Effect[],
): void {
  switch (message.t) {
    case 'have':
      return onHave(channel, source, message, out)
    case 'ack':
      onAck(source, message)
      break
    case 'want':
      onWant(source, message)
      break
    case 'texts':
      onTexts(source, message)
      break
    case 'report':
      onReport(channel, source, message)
      return onRoundReported(connection, channel, source, out)
  }
  pump(connection, channel, source, out)
}

type SourceInput = Extract<Input, { in: 'planned' | 'followed' | 'offers' | 'rows' | 'fetched' }>

/** Takes a result of the local store. */
export function onSourceInput(
  connection: Connection,
  channel: Channel,
  source: Source,
  input: SourceInput,
  out: Effect[],
): void {
  switch (input.in) {
    case 'planned':
      source.phase = input.exact ? 'sending' : 'offering'
      if (!input.exact) return void out.push({ do: 'offers', ch: channel.ch, max: source.offerSize })
      break
    case 'followed':
      if (channel.live?.stopSent || input.count <= source.target.count)
        return becomeIdle(connection, channel, source, out)
      beginSourceRound(source, input)
      break
    case 'offers':
      source.offered = input.ids
      if (input.ids.length === 0) {
        source.phase = 'sending'
        break
      }
      send(out, { t: 'offer', ch: channel.ch, ids: input.ids })
      return
    case 'rows':
      source.isReading = false
      source.isExhausted = input.last
      for (const row of input.rows) if (isNewToSink(channel, source, row)) source.queue.push(row.bytes)
      break
    case 'fetched':
      onFetched(channel, source, input, out)
      break
  }
  pump(connection, channel, source, out)
}

/**
 * Returns whether a node has to be sent: the sink does not hold it and, in later rounds, did not
 * send it.
 */
function isNewToSink({ live }: Channel, source: Source, { digest }: Row): boolean {
  if (source.rounds > 0 && live?.echo.delete(digest)) return false
  return !source.heldBySink.has(digest)
}

function onHave(channel: Channel, source: Source, message: Message & { t: 'have' }, out: Effect[]): void {
  const { offered } = source
  if (source.phase !== 'offering' || offered.length === 0) throw protocolError(message, 'without an offer')
  if (!fitsOffer(message.stored, offered.length) || !fitsOffer(message.held, offered.length)) {
    throw new ReplicaError('ERR_SYNC_FRAME', `a have doesn't answer ${offered.length} ids bit by bit`)
  }
  offered.forEach((id, i) => {
    if (bit(message.held, i) && source.heldBySink.size < sinkIdsMax) source.heldBySink.add(id)
  })
  source.offered = []
  source.offerSize = Math.min(source.offerSize * 2, idsPerOfferMax)
  out.push({ do: 'answer', ch: channel.ch, has: message.stored })
  out.push({ do: 'offers', ch: channel.ch, max: source.offerSize })
}

/** Returns whether the bits have the right length and no bit set beyond the last id. */
function fitsOffer(bits: Uint8Array, ids: number): boolean {
  if (bits.length !== (ids + 7) >> 3) return false
  return (ids & 7) === 0 || bits.at(-1)! >> (ids & 7) === 0
}

/**
 * Takes an ack. It counts all nodes that became durable since the channel opened, so it never
 * exceeds what was sent, nor decreases.
 */
function onAck(source: Source, { nodes, bytes }: { nodes: number; bytes: number }): void {
  const ahead = nodes > source.sentNodes || bytes > source.sentBytes
  if (ahead || nodes < source.ackedNodes || bytes < source.ackedBytes) {
    throw new ReplicaError('ERR_SYNC_CREDIT', `an ack of ${nodes} nodes, ${source.sentNodes} were sent`)
  }
  source.ackedNodes = nodes
  source.ackedBytes = bytes
}

function onWant(source: Source, message: Message & { t: 'want' }): void {
  if (source.phase !== 'sending' && source.phase !== 'ended') throw protocolError(message, 'before any block')
  if (source.wants.length + message.ids.length > wantsOutstandingMax) {
    throw new ReplicaError('ERR_SYNC_LIMIT', `more than ${wantsOutstandingMax} wants outstanding`)
  }
  source.wanted += message.ids.length
  if (source.wanted > wantsPerChannelMax) {
    throw new ReplicaError('ERR_SYNC_LIMIT', `more than ${wantsPerChannelMax} wants in one session`)
  }
  source.wants.push(...message.ids)
}

/** Takes a request for texts of nodes that the sink stores without them. */
function onTexts(source: Source, message: Message & { t: 'texts' }): void {
  if (source.phase !== 'ended') throw protocolError(message, 'before the end')
  source.textsRequested += message.ids.length
  if (source.textsRequested > textsPerRoundMax) {
    throw new ReplicaError('ERR_SYNC_LIMIT', `more than ${textsPerRoundMax} texts in one round`)
  }
  source.texts.push(...message.ids)
  source.textsMatch = message.match
}

/**
 * Takes the report of a round. In the first round everything was acked before; in later rounds the
 * report acks it.
 */
function onReport(channel: Channel, source: Source, message: ReportMessage): void {
  const { phase, wants, texts, queue, sentNodes, ackedNodes, rounds } = source
  const isBusy = wants.length + texts.length + queue.length > 0
  if (phase !== 'ended' || isBusy || (rounds === 0 && sentNodes !== ackedNodes)) {
    throw protocolError(message, 'before everything was sent and acked')
  }
  const { opened } = message
  if (opened !== undefined && (!channel.initiator || channel.live !== undefined)) {
    throw protocolError(message, 'with conflicts that nobody asked for')
  }
  source.ackedNodes = sentNodes
  source.ackedBytes = source.sentBytes
  const { admitted, known, heldCount, refusedCount, count, digest, complete } = message
  source.rounds += 1
  source.report = {
    admitted,
    known,
    held: message.held.map(({ id, key }) => ({ digest: id, key })),
    heldCount,
    refused: message.refused.map(({ id, code }) => ({ digest: id, code })),
    refusedCount,
    count,
    digest,
    complete,
    ...(opened === undefined ? {} : { opened }),
  }
}

function onRoundReported(connection: Connection, channel: Channel, source: Source, out: Effect[]): void {
  const nodes = source.sentNodes - source.sentBefore
  if (channel.live !== undefined) {
    out.push({ do: 'round', ch: channel.ch, direction: 'out', nodes, tally: source.report!, stated: source.target })
  }
  becomeIdle(connection, channel, source, out)
}

function onFetched(channel: Channel, source: Source, input: Extract<Input, { in: 'fetched' }>, out: Effect[]): void {
  source.isFetching = false
  const missing = input.ids.filter((_, i) => input.nodes[i] === undefined)
  if (source.isFetchingTexts) source.texts.splice(0, input.ids.length)
  else source.wants.splice(0, input.ids.length)
  for (const node of input.nodes) if (node !== undefined) source.queue.push(node)
  if (missing.length > 0) send(out, { t: 'lack', ch: channel.ch, ids: missing })
}

/**
 * Sends the queue in frames as full as possible. A frame is shorter only if no further node exists,
 * or if credit is short and no ack is due that would extend it. Otherwise acks of small frames
 * would lead to further small frames.
 */
function pump(connection: Connection, channel: Channel, source: Source, out: Effect[]): void {
  if (source.phase !== 'sending' && source.phase !== 'ended') return
  while (source.queue.length > 0) {
    const frame = measureFrame(connection, source)
    if (frame.nodes === 0 || (frame.end === 'credit' && source.sentNodes > source.ackedNodes)) return
    if (frame.end === 'queue' && !source.isExhausted) break
    const nodes = source.queue.splice(0, frame.nodes)
    source.sentNodes += frame.nodes
    source.sentBytes += frame.bytes
    const compress = connection.config.compress && connection.peer!.caps.includes(CAP_DEFLATE)
    send(out, packBlocks(channel.ch, nodes, compress), nodes.length)
  }
  if (source.isReading || source.isFetching) return
  if (source.wants.length > 0) {
    source.isFetching = true
    source.isFetchingTexts = false
    const ids = source.wants.slice(0, idsPerWantMax)
    out.push({ do: 'fetch', ch: channel.ch, frontier: channel.frontier, ids })
  } else if (source.texts.length > 0) {
    source.isFetching = true
    source.isFetchingTexts = true
    const ids = source.texts.slice(0, idsPerWantMax)
    const texts = source.textsMatch ?? 'all'
    out.push({ do: 'fetch', ch: channel.ch, frontier: channel.frontier, ids, texts })
  } else if (!source.isExhausted) {
    source.isReading = true
    const { texts } = channel.theirs!
    out.push({ do: 'rows', ch: channel.ch, ...(texts === undefined ? {} : { texts }) })
  } else if (source.phase === 'sending') {
    const isEmptyRound = source.rounds > 0 && source.sentNodes === source.sentBefore
    if (isEmptyRound) becomeIdle(connection, channel, source, out)
    else sendEnd(channel, source, out)
  }
}

interface Frame {
  readonly nodes: number
  readonly bytes: number
  /** The bound that ends the frame. */
  readonly end: 'full' | 'credit' | 'queue'
}

/** Returns how much of the queue fits into the next frame. */
function measureFrame(connection: Connection, source: Source): Frame {
  const { limits } = connection.peer!
  const nodesLeft = limits.creditNodes - (source.sentNodes - source.ackedNodes)
  const bytesLeft = limits.creditBytes - (source.sentBytes - source.ackedBytes)
  let bytes = 0
  let nodes = 0
  for (const node of source.queue) {
    if (nodes === FRAME_FILL_NODES || (nodes > 0 && bytes + node.length > FRAME_FILL_BYTES)) {
      return { nodes, bytes, end: 'full' }
    }
    if (nodes === nodesLeft || bytes + node.length > bytesLeft) return { nodes, bytes, end: 'credit' }
    nodes += 1
    bytes += node.length
  }
  return { nodes, bytes, end: 'queue' }
}

function sendEnd(channel: Channel, source: Source, out: Effect[]): void {
  source.phase = 'ended'
  const { count: seq, digest, trace } = source.target
  const traced = trace === undefined ? {} : { trace }
  send(out, { t: 'end', ch: channel.ch, seq, digest, nodes: source.sentNodes, ...traced })
}
