// The sync protocol as a state machine without I/O: `step(connection, input): Effect[]`.
//
//            frames, commands, results of the store
//   session ───────────── Input ─────────────▶ step   changes the connection in place,
//      ▲                                         │     decides every protocol rule
//      └────────────────  Effect[] ◀─────────────┘
//      frames to send, requests to the store, close
//
// The session (`transport/session.ts`) performs the effects in order. The result of a request is
// the next input, before the next frame; only reads and admission of blocks overlap with frames.
// `step` uses no socket, clock, timer or randomness, so tests replay a session from its inputs.
//
//   connection  start → hello → proof → ready → closed
//   channel     client: view → open → heads → flowing → done
//               hub:    open → heads → view → flowing → done
//   source      planning [→ offering] → sending → ended → reported [→ following → sending …]
//   sink        receiving → settling → reported [→ receiving …]
//   A live channel continues as in the last brackets.
//
//   client                              hub
//     hello  ───────────────────────▶
//            ◀───────────────────────  hello, proof            the hub proves first
//     proof, open(heads, cursor) ───▶
//            ◀───────────────────────  opened(heads, cursor)
//   then, for each flow:
//     source: offer(ids) … if it can't tell what is missing; blocks, parents first; end
//     sink:   have(bits); ack when durable; want(ids) for missing ancestors; texts(ids); report
//     client: close
//   A live channel continues with rounds of blocks, end and report, until both sides sent stop.
//
// Nothing in a frame is trusted: a message that the state does not allow ends the connection with
// an error code.
// Spec: protocol/sync.md.

import { equals } from '../base/bytes.ts'
import { hasCode, isErrorCode, ReplicaError } from '../base/errors.ts'
import { WIRE_LIMITS } from '../base/limits.ts'
import { verify } from '../crypto/ed25519.ts'
import { onChannelInput, onChannelMessage, openChannel } from './channel.ts'
import { type Connection, type Effect, type Input, ownLimits, protocolError, send, sendError } from './connection.ts'
import { proofBytes } from './handshake.ts'
import {
  CAP_CONFLICTS,
  CAP_DEFLATE,
  CAP_EXPORTER,
  CAP_LIVE,
  decodeMessage,
  ERROR_TEXT_MAX,
  FRONTIERS_MAX,
  type HelloMessage,
  type Message,
  PROTOCOL_VERSION,
} from './message.ts'

/** Stands for the running request in place of a channel number. Channels start at 1. */
const REQUEST = 0

/** Text of an error outside the protocol: peers do not see internal details. */
const INTERNAL_ERROR = 'the session failed on this side'

/**
 * Feeds one input and returns the effects to perform, in order. Returns none once the connection is
 * closed.
 */
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
      return sendRequest(connection, 'frontiers', { t: 'list' }, out)
    case 'registry':
      return sendRequest(connection, 'peers', { t: 'registry', frontier: input.frontier }, out)
    case 'listed':
      return void send(out, { t: 'frontiers', items: input.items.slice(0, FRONTIERS_MAX) })
    case 'offered-registry':
      if (input.data === undefined)
        return sendError(out, REQUEST, 'ERR_SYNC_FORBIDDEN', 'no such frontier is offered here')
      return void send(out, { t: 'peers', frontier: input.frontier, data: input.data })
    case 'open':
      return openChannel(connection, input, out)
    default:
      return onChannelInput(connection, input, out)
  }
}

function onMessage(connection: Connection, message: Message, frame: Uint8Array, out: Effect[]): void {
  if (message.t === 'error') return onError(connection, message, out)
  switch (connection.phase) {
    case 'hello':
      if (message.t !== 'hello') throw protocolError(message, 'before hello')
      return onHello(connection, message, frame, out)
    case 'proof':
      if (message.t !== 'proof') throw protocolError(message, 'before the proof')
      return onProof(connection, message.sig, out)
    case 'ready':
      return onReady(connection, message, out)
    default:
      throw protocolError(message, `in phase ${connection.phase}`)
  }
}

function onHello(connection: Connection, hello: HelloMessage, frame: Uint8Array, out: Effect[]): void {
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
  if (config.role === 'client' && !equals(hello.key, config.expect)) {
    throw new ReplicaError('ERR_SYNC_AUTH', 'the hub has another key than the one registered for it')
  }
  connection.peerHello = frame
  // A copy, because the key is a view into the frame's buffer.
  connection.peer = { hub: hello.hub, key: Uint8Array.from(hello.key), caps: hello.caps, limits }
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
  connection.ownHello = connection.peerHello = undefined
  connection.phase = 'ready'
  out.push({ do: 'ready', peer })
}

function onReady(connection: Connection, message: Message, out: Effect[]): void {
  const hub = connection.config.role === 'hub'
  switch (message.t) {
    case 'hello':
    case 'proof':
      throw protocolError(message, 'twice')
    case 'list':
      if (!hub) throw protocolError(message, 'from a hub')
      out.push({ do: 'list' })
      return
    case 'registry':
      if (!hub) throw protocolError(message, 'from a hub')
      out.push({ do: 'registry', frontier: message.frontier })
      return
    case 'frontiers':
      completeRequest(connection, message)
      out.push({ do: 'listed', items: message.items })
      return
    case 'peers':
      completeRequest(connection, message)
      out.push({ do: 'peers', frontier: message.frontier, data: message.data })
      return
    default:
      return onChannelMessage(connection, message, out)
  }
}

/**
 * Takes an error of the peer. It ends its subject: a channel, the running request, or the
 * connection. Only protocol codes are adopted, and the text is marked as the peer's.
 */
function onError(connection: Connection, message: Message & { t: 'error' }, out: Effect[]): void {
  const { ch, code } = message
  const said = isErrorCode(code) && code.startsWith('ERR_SYNC_') ? code : 'ERR_SYNC_REMOTE'
  const text = message.message === INTERNAL_ERROR ? ' an internal error' : `: ${message.message}`
  const error = new ReplicaError(said, `the peer reported${text}`, { facts: { remote: code } })
  if (ch === null) {
    connection.phase = 'closed'
    out.push({ do: 'close', error, from: 'peer' })
    return
  }
  if (ch === REQUEST ? connection.request === undefined : !connection.channels.delete(ch)) {
    throw new ReplicaError('ERR_SYNC_CHANNEL', `an error names channel ${ch}, which is not open`)
  }
  if (ch === REQUEST) connection.request = undefined
  out.push({ do: 'failed', ch, error })
}

function sendRequest(connection: Connection, request: 'frontiers' | 'peers', message: Message, out: Effect[]): void {
  if (connection.phase !== 'ready' || connection.request !== undefined) {
    throw new TypeError('only one request at a time, after the handshake')
  }
  connection.request = request
  send(out, message)
}

function completeRequest(connection: Connection, message: Message): void {
  if (connection.request !== message.t) throw protocolError(message, 'unasked')
  connection.request = undefined
}

function sendHello(connection: Connection, out: Effect[]): void {
  const { config } = connection
  const caps = [CAP_CONFLICTS, CAP_DEFLATE, CAP_LIVE, ...(config.binding === undefined ? [] : [CAP_EXPORTER])]
  const { hub, key, nonce } = config
  const message: Message = { t: 'hello', versions: [PROTOCOL_VERSION], hub, key, nonce, caps, limits: ownLimits() }
  connection.ownHello = send(out, message)
}

function sendProof(connection: Connection, out: Effect[]): void {
  const { config } = connection
  send(out, { t: 'proof', sig: config.sign(proofOf(connection, config.role)) })
}

/**
 * Returns the signed bytes. The TLS exporter is bound in if both hellos offer it, so a stripped
 * capability changes the hash.
 */
function proofOf(connection: Connection, role: 'client' | 'hub'): Uint8Array {
  const { config, peer } = connection
  const [own, theirs] = [connection.ownHello!, connection.peerHello!]
  const [clientHello, hubHello] = config.role === 'client' ? [own, theirs] : [theirs, own]
  const binding = peer!.caps.includes(CAP_EXPORTER) ? config.binding : undefined
  return proofBytes({ role, host: config.host, binding, clientHello, hubHello })
}

/**
 * Ends the connection with `error` and tells the peer first. protocol/errors.md has the close
 * codes.
 */
function fail(connection: Connection, error: ReplicaError, out: Effect[]): void {
  connection.phase = 'closed'
  const ours = error.code.startsWith('ERR_SYNC_')
  // Errors of the local store or code are not shown to the peer.
  sendError(out, null, error.code, ours ? printable(error.message) : INTERNAL_ERROR)
  out.push({ do: 'close', error, from: 'here' })
}

/** Returns a message as printable ASCII: it may quote what the peer sent. */
function printable(message: string): string {
  return message.replaceAll(/[^ -~]/g, '?').slice(0, ERROR_TEXT_MAX)
}
