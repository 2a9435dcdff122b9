// Channels: opens them, exchanges heads page by page, chooses source and sink, and dispatches to
// both flows.
// Spec: protocol/sync.md, S16 to S22.

import { compare, type Digest, equals, sha256 } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { WIRE_LIMITS } from '../base/limits.ts'
import {
  type Channel,
  type Connection,
  type Effect,
  type FrontierSummary,
  type Input,
  newSink,
  newSource,
  protocolError,
  send,
  sendError,
} from './connection.ts'
import { acceptsLive, canClose, newLive, onGrew, onStop, onStopRequest, sendStopIfIdle } from './live-rounds.ts'
import type { FrontierSummaryFields, Message, Mode, OpenMessage } from './message.ts'
import * as sink from './sink.ts'
import * as source from './source.ts'

const { headsPerFrameMax, headsSentMax, channelsMax } = WIRE_LIMITS

/** A message that names a channel. */
export type ChannelMessage = Extract<Message, { ch: number }>
/** A result of the local store for a channel. */
export type ChannelInput = Exclude<Extract<Input, { ch: number }>, { in: 'open' }>

/**
 * Opens a channel for the client.
 * @throws TypeError for a hub, before the handshake, or for a channel number out of order
 */
export function openChannel(connection: Connection, command: Extract<Input, { in: 'open' }>, out: Effect[]): void {
  const { ch, frontier } = command
  if (connection.config.role !== 'client' || connection.phase !== 'ready' || ch !== connection.nextChannel) {
    throw new TypeError('a client opens channels in ascending order after the handshake')
  }
  connection.nextChannel += 1
  if (command.live && !acceptsLive(connection, ch, out)) return
  connection.channels.set(ch, newChannel(command, true))
  out.push({ do: 'view', ch, frontier })
}

type ChannelRequest = { readonly ch: number; readonly frontier: string; readonly mode: Mode; readonly live?: true }

function newChannel({ ch, frontier, mode, live }: ChannelRequest, initiator: boolean): Channel {
  const channel: Channel = { ch, frontier, mode, initiator, phase: 'view', theirHeads: [] }
  return live ? { ...channel, live: newLive() } : channel
}

/**
 * Takes a message of the peer for a channel.
 * @throws ReplicaError ERR_SYNC_…
 */
export function onChannelMessage(connection: Connection, message: Message, out: Effect[]): void {
  if (message.t === 'open') return onOpen(connection, message, out)
  const { ch } = message as ChannelMessage
  const channel = connection.channels.get(ch)
  if (channel === undefined) {
    throw new ReplicaError('ERR_SYNC_CHANNEL', `a '${message.t}' message names channel ${ch}, which is not open`)
  }
  switch (message.t) {
    case 'opened':
      if (!channel.initiator || channel.phase !== 'open')
        throw protocolError(message, 'on a channel that is not being opened')
      return onView(channel, message, out)
    case 'heads':
      return onHeads(channel, message, out)
    case 'close':
      return onClose(connection, channel, out)
    case 'stop':
      return onStop(connection, channel, message, out)
    case 'have':
    case 'ack':
    case 'want':
    case 'texts':
    case 'report':
      if (channel.source === undefined) throw protocolError(message, 'on a channel where this side sends nothing')
      return source.onSourceMessage(connection, channel, channel.source, message, out)
    case 'offer':
    case 'blocks':
    case 'packed':
    case 'lack':
    case 'end':
      if (channel.sink === undefined) throw unsolicitedError(message)
      return sink.onSinkMessage(channel, channel.sink, message, out)
    default:
      throw protocolError(message, 'in this phase')
  }
}

/**
 * Takes a result of the local store. The channel may have ended in the meantime; that is not an
 * error.
 */
export function onChannelInput(connection: Connection, input: ChannelInput, out: Effect[]): void {
  const channel = connection.channels.get(input.ch)
  if (channel === undefined) return
  switch (input.in) {
    case 'viewed':
      return onViewed(connection, channel, input.view, out)
    case 'grew':
      return onGrew(channel, out)
    case 'stop':
      return onStopRequest(connection, channel, out)
    case 'planned':
    case 'followed':
    case 'offers':
    case 'rows':
    case 'fetched':
      return source.onSourceInput(connection, channel, channel.source!, input, out)
    default:
      return sink.onSinkInput(connection, channel, channel.sink!, input, out)
  }
}

function onOpen(connection: Connection, open: OpenMessage, out: Effect[]): void {
  if (connection.config.role !== 'hub') throw protocolError(open, 'from a hub')
  const { ch, frontier } = open
  if (ch < connection.nextChannel) throw new ReplicaError('ERR_SYNC_CHANNEL', `channel ${ch} was used before`)
  if (connection.channels.size >= channelsMax) {
    throw new ReplicaError('ERR_SYNC_LIMIT', `more than ${channelsMax} channels at once`)
  }
  for (const other of connection.channels.values()) {
    if (other.frontier !== frontier) continue
    throw new ReplicaError('ERR_SYNC_CHANNEL', `channel ${other.ch} is open for the same frontier`)
  }
  connection.nextChannel = ch + 1
  const channel = newChannel(open, false)
  channel.phase = 'open'
  connection.channels.set(ch, channel)
  onView(channel, open, out)
}

function onView(channel: Channel, theirs: FrontierSummaryFields, out: Effect[]): void {
  channel.theirs = theirs
  channel.phase = 'heads'
  takeHeads(channel, theirs.heads, theirs.more, out)
}

function onHeads(channel: Channel, message: Message & { t: 'heads' }, out: Effect[]): void {
  if (channel.phase !== 'heads') throw protocolError(message, 'that was not announced')
  takeHeads(channel, message.heads, message.more, out)
}

/**
 * Takes a page of heads. They ascend over all pages, and after the last page they must have the
 * stated digest.
 */
function takeHeads(channel: Channel, page: readonly Digest[], more: boolean, out: Effect[]): void {
  const { theirHeads } = channel
  const theirs = channel.theirs!
  if (theirHeads.length + page.length > headsSentMax) {
    throw new ReplicaError('ERR_SYNC_LIMIT', `more than ${headsSentMax} heads`)
  }
  if (more && page.length === 0)
    throw new ReplicaError('ERR_SYNC_HEADS', 'an empty page of heads says that more follow')
  for (const head of page) {
    const last = theirHeads.at(-1)
    if (last !== undefined && compare(last, head) >= 0) throw new ReplicaError('ERR_SYNC_HEADS', 'heads do not ascend')
    theirHeads.push(head)
  }
  if (more) return
  const { headCount, count, digest } = theirs
  const complete = theirHeads.length === headCount
  if (complete ? !equals(digestOf(theirHeads), digest) : theirHeads.length !== Math.min(headCount, headsSentMax)) {
    throw new ReplicaError('ERR_SYNC_HEADS', 'heads do not give the digest and count stated with them')
  }
  if (headCount > count || (headCount === 0) !== (count === 0)) {
    throw new ReplicaError('ERR_SYNC_HEADS', `${headCount} heads of ${count} nodes`)
  }
  if (channel.initiator) return startFlows(channel, out)
  channel.phase = 'view'
  out.push({ do: 'view', ch: channel.ch, frontier: channel.frontier })
}

function onViewed(connection: Connection, channel: Channel, view: FrontierSummary | undefined, out: Effect[]): void {
  const { ch, mode, initiator } = channel
  if (!initiator) {
    const reads = mode !== 'push'
    const writes = mode !== 'pull'
    const { channels } = connection
    if (view === undefined || (!view.mayRead && !view.mayWrite)) {
      channels.delete(ch)
      return sendError(out, ch, 'ERR_FRONTIER_UNKNOWN', `${channel.frontier} is not offered here`)
    }
    if ((reads && !view.mayRead) || (writes && !view.mayWrite)) {
      channels.delete(ch)
      const right = writes && !view.mayWrite ? 'write' : 'read'
      return sendError(
        out,
        ch,
        'ERR_SYNC_FORBIDDEN',
        `your key may not ${right} ${channel.frontier} here: it is not registered`,
      )
    }
  } else if (view === undefined) {
    connection.channels.delete(ch)
    const error = new ReplicaError('ERR_FRONTIER_UNKNOWN', `this store does not have ${channel.frontier}`)
    out.push({ do: 'failed', ch, error })
    return
  }
  channel.mine = view
  sendView(channel, view, out)
  if (initiator) channel.phase = 'open'
  else startFlows(channel, out)
}

function sendView(channel: Channel, view: FrontierSummary, out: Effect[]): void {
  const { ch, frontier, mode } = channel
  const heads = view.heads.slice(0, headsSentMax)
  const fields: FrontierSummaryFields = {
    store: view.store,
    count: view.count,
    headCount: view.heads.length,
    digest: view.digest,
    trace: view.trace,
    registry: view.registry,
    heads: heads.slice(0, headsPerFrameMax),
    more: heads.length > headsPerFrameMax,
    cursor: view.cursor,
    ...(view.texts === undefined ? {} : { texts: view.texts }),
  }
  const live = channel.live === undefined ? {} : { live: true as const }
  send(out, channel.initiator ? { t: 'open', ch, frontier, mode, ...live, ...fields } : { t: 'opened', ch, ...fields })
  for (let from = headsPerFrameMax; from < heads.length; from += headsPerFrameMax) {
    const page = heads.slice(from, from + headsPerFrameMax)
    send(out, { t: 'heads', ch, heads: page, more: from + headsPerFrameMax < heads.length })
  }
}

function startFlows(channel: Channel, out: Effect[]): void {
  channel.phase = 'flowing'
  const { ch, mode, initiator, live } = channel
  if (live !== undefined) out.push({ do: 'opened', ch })
  if (mode === 'both' || (mode === 'push') === initiator) channel.source = newSource(channel.mine!)
  if (mode === 'both' || (mode === 'pull') === initiator) channel.sink = newSink(channel.theirs!)
  if (channel.sink !== undefined) sink.startSink(channel, channel.sink)
  if (channel.source !== undefined) source.startSource(channel, channel.source, out)
  sendStopIfIdle(channel, out)
}

function onClose(connection: Connection, channel: Channel, out: Effect[]): void {
  if (channel.initiator) throw new ReplicaError('ERR_SYNC_ORDER', 'a hub may not close a channel')
  if (!canClose(channel)) throw new ReplicaError('ERR_SYNC_ORDER', 'a channel is closed before its flows have ended')
  channel.phase = 'done'
  connection.channels.delete(channel.ch)
  out.push({ do: 'done', ch: channel.ch, channel })
}

function digestOf(heads: readonly Digest[]): Digest {
  return sha256(Buffer.concat(heads as Uint8Array[]))
}

function unsolicitedError(message: { readonly t: string }): ReplicaError {
  return new ReplicaError('ERR_SYNC_UNSOLICITED', `a '${message.t}' message on a channel where nothing was asked for`)
}
