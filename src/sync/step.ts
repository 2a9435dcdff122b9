// The protocol, whole, without a socket. A connection goes hello → proof → ready; then the client opens channels, one
// for a frontier, and each channel carries one or two flows: a source that has nodes and a sink that lacks them.
//
//   client                              hub
//     hello  ───────────────────────▶
//            ◀───────────────────────  hello, proof            the hub proves first
//     proof, open(heads, cursor) ───▶
//            ◀───────────────────────  opened(heads, cursor)
//   then, for each flow:
//     source: offer(ids) … when it can't tell what is lacking; blocks, parents first, under credit; end
//     sink:   have(bits); ack when durable; want(ids) for missing ancestors; report
//     client: close
//
// `step` changes the connection in place and returns what the driver must do, in order. It trusts nothing in a frame:
// whatever the state doesn't allow ends the connection with a typed error. Specification: protocol/sync.md.

import { equals } from '../bytes.ts'
import { hasCode, isErrorCode, ReplicaError } from '../errors.ts'
import { WIRE_LIMITS } from '../limits.ts'
import { verify } from '../trust/verify.ts'
import { onAnswer, onChannelMessage, openChannel } from './channel.ts'
import { order, refuse, send } from './effect.ts'
import { proofBytes } from './handshake.ts'
import { CAP_DEFLATE, CAP_EXPORTER, decodeMessage, type Hello, type Message, PROTOCOL_VERSION } from './message.ts'
import { type Connection, type Effect, type Input, ownLimits } from './state.ts'

/** Feeds one input. After a `close` effect the connection takes no further input. */
export function step(connection: Connection, input: Input): Effect[] {
  if (connection.phase === 'closed') return []
  const out: Effect[] = []
  try {
    dispatch(connection, input, out)
  } catch (error) {
    if (!hasCode(error)) throw error
    fail(connection, error, out)
  }
  return out
}

function dispatch(connection: Connection, input: Input, out: Effect[]): void {
  switch (input.in) {
    case 'start':
      if (connection.config.role === 'client') sendHello(connection, out)
      connection.phase = 'hello'
      return
    case 'frame':
      if (input.frame.length > WIRE_LIMITS.frameBytesMax) {
        throw new ReplicaError('ERR_SYNC_LIMIT', `a frame has ${input.frame.length} bytes`)
      }
      return onMessage(connection, decodeMessage(input.frame), input.frame, out)
    case 'fail':
      throw input.error
    case 'list':
      return ask(connection, 'frontiers', { t: 'list' }, out)
    case 'registry':
      return ask(connection, 'peers', { t: 'registry', frontier: input.frontier }, out)
    case 'listed':
      return void send(out, { t: 'frontiers', items: input.items.slice(0, 1024) })
    case 'offered-registry':
      if (input.data === undefined) return refuse(out, null, 'ERR_SYNC_FORBIDDEN', 'no such frontier is offered here')
      return void send(out, { t: 'peers', frontier: input.frontier, data: input.data })
    case 'open':
      return openChannel(connection, input.frontier, input.mode, out)
    default:
      return onAnswer(connection, input, out)
  }
}

function onMessage(connection: Connection, message: Message, frame: Uint8Array, out: Effect[]): void {
  if (message.t === 'error') return onError(connection, message, out)
  switch (connection.phase) {
    case 'hello':
      if (message.t !== 'hello') throw order(message, 'before hello')
      return onHello(connection, message, frame, out)
    case 'proof':
      if (message.t !== 'proof') throw order(message, 'before the proof')
      return onProof(connection, message.sig, out)
    case 'ready':
      return onReady(connection, message, out)
    default:
      throw order(message, `in phase ${connection.phase}`)
  }
}

function onHello(connection: Connection, hello: Hello, frame: Uint8Array, out: Effect[]): void {
  const { config } = connection
  if (!hello.versions.includes(PROTOCOL_VERSION)) {
    throw new ReplicaError('ERR_SYNC_VERSION', `the peer speaks versions ${hello.versions.join(', ')}, not 1`)
  }
  const own = ownLimits()
  const { limits } = hello
  if (limits.frame < own.frame || limits.creditBytes < own.creditBytes || limits.creditNodes < own.creditNodes) {
    throw new ReplicaError('ERR_SYNC_LIMIT', 'the peer takes less than version 1 asks every side to take')
  }
  if (equals(hello.key, config.key)) throw new ReplicaError('ERR_SYNC_AUTH', 'this replica reached itself')
  if (config.expect !== undefined && !equals(hello.key, config.expect)) {
    throw new ReplicaError('ERR_SYNC_AUTH', 'the hub has another key than the one registered for it')
  }
  connection.peerHello = frame
  connection.peer = { hub: hello.hub, key: hello.key, caps: hello.caps, limits }
  connection.phase = 'proof'
  if (config.role === 'hub') {
    sendHello(connection, out)
    sendProof(connection, out)
  }
}

function onProof(connection: Connection, sig: Uint8Array, out: Effect[]): void {
  const peer = connection.peer!
  const theirRole = connection.config.role === 'hub' ? 'client' : 'hub'
  if (!verify(peer.key, proofOf(connection, theirRole), sig)) {
    throw new ReplicaError(
      'ERR_SYNC_AUTH',
      `the ${theirRole}'s proof does not verify for its key, host and this session`,
    )
  }
  if (connection.config.role === 'client') sendProof(connection, out)
  connection.phase = 'ready'
  out.push({ do: 'ready', peer })
}

function onReady(connection: Connection, message: Message, out: Effect[]): void {
  const hub = connection.config.role === 'hub'
  switch (message.t) {
    case 'hello':
    case 'proof':
      throw order(message, 'twice')
    case 'list':
      if (!hub) throw order(message, 'from a hub')
      out.push({ do: 'list' })
      return
    case 'registry':
      if (!hub) throw order(message, 'from a hub')
      out.push({ do: 'registry', frontier: message.frontier })
      return
    case 'frontiers':
      answered(connection, message)
      out.push({ do: 'listed', items: message.items })
      return
    case 'peers':
      answered(connection, message)
      out.push({ do: 'peers', frontier: message.frontier, data: message.data })
      return
    default:
      return onChannelMessage(connection, message, out)
  }
}

/** A peer's error: about one channel it ends that channel, else the connection. Its text is foreign: never a code of ours. */
function onError(connection: Connection, message: Message & { t: 'error' }, out: Effect[]): void {
  const said = isErrorCode(message.code) && message.code.startsWith('ERR_SYNC_') ? message.code : 'ERR_SYNC_REMOTE'
  const error = new ReplicaError(said, `the peer says: ${message.message}`, { details: { remote: message.code } })
  if (message.ch === null) {
    if (connection.phase === 'ready' && connection.request !== undefined) {
      connection.request = undefined
      out.push({ do: 'failed', ch: 0, error })
      return
    }
    connection.phase = 'closed'
    out.push({ do: 'close', error })
    return
  }
  if (!connection.channels.delete(message.ch)) {
    throw new ReplicaError('ERR_SYNC_CHANNEL', `an error names channel ${message.ch}, which is not open`)
  }
  out.push({ do: 'failed', ch: message.ch, error })
}

function ask(connection: Connection, request: 'frontiers' | 'peers', message: Message, out: Effect[]): void {
  if (connection.phase !== 'ready' || connection.request !== undefined) {
    throw new TypeError('one request at a time, after the handshake')
  }
  connection.request = request
  send(out, message)
}

function answered(connection: Connection, message: Message): void {
  if (connection.request !== message.t) throw order(message, 'unasked')
  connection.request = undefined
}

function sendHello(connection: Connection, out: Effect[]): void {
  const { config } = connection
  const caps = [CAP_DEFLATE, ...(config.binding === undefined ? [] : [CAP_EXPORTER])]
  const { hub, key, nonce } = config
  const message: Message = { t: 'hello', versions: [PROTOCOL_VERSION], hub, key, nonce, caps, limits: ownLimits() }
  connection.ownHello = send(out, message)
}

function sendProof(connection: Connection, out: Effect[]): void {
  const { config } = connection
  send(out, { t: 'proof', sig: config.sign(proofOf(connection, config.role)) })
}

/** The TLS exporter is bound in exactly when both hellos offer it: a stripped capability changes the signed hash. */
function proofOf(connection: Connection, role: 'client' | 'hub'): Uint8Array {
  const { config, peer } = connection
  const [own, theirs] = [connection.ownHello!, connection.peerHello!]
  const [clientHello, hubHello] = config.role === 'client' ? [own, theirs] : [theirs, own]
  const binding = peer!.caps.includes(CAP_EXPORTER) ? config.binding : undefined
  return proofBytes({ role, host: config.host, binding, clientHello, hubHello })
}

/** Ends the connection with `error`, told to the peer first; its exact close code is in protocol/errors.md. */
function fail(connection: Connection, error: ReplicaError, out: Effect[]): void {
  connection.phase = 'closed'
  refuse(out, null, error.code, error.message)
  out.push({ do: 'close', error })
}
