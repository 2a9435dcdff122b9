// The client's end of a sync: dial a peer, prove keys, run a channel, and say what came of it in one report.

import { randomBytes } from 'node:crypto'
import { fromHex, toHex } from '../../base/bytes.ts'
import { ReplicaError } from '../../base/errors.ts'
import type { SetTimer } from '../../base/timer.ts'
import { cidText } from '../../cbor/cid.ts'
import type { Key } from '../../crypto/key.ts'
import type { Channel, FlowReport, SessionConfig } from '../../sync/connection.ts'
import type { Mode } from '../../sync/message.ts'
import type { SessionScheduling } from '../../transport/scheduler.ts'
import { type ReplicaPort, Session, type SessionStats } from '../../transport/session.ts'
import { connect, type WebSocketConnection } from '../../transport/websocket-link.ts'
import type { MergeReport } from '../merge-observer.ts'

export interface SyncOptions {
  readonly signal?: AbortSignal
  /** Say which conflicts were opened here also where a long log has to be replayed for it. */
  readonly conflicts?: boolean
  readonly onProgress?: (progress: Progress) => void
}

/** How far a sync is; counts of nodes, but for the two byte counts. */
export interface Progress {
  readonly phase: 'connect' | 'transfer'
  readonly received: number
  /** Judged, signatures and all. */
  readonly verified: number
  readonly admitted: number
  readonly sent: number
  /** Durable at the peer. */
  readonly acked: number
  readonly receivedBytes: number
  readonly sentBytes: number
}

/** What a push or pull did. For a push, admitted … refused and the conflicts say what the peer did with what we sent. */
export interface SyncReport extends MergeReport {
  readonly frontier: string
  readonly peer: string
  readonly admitted: number
  readonly known: number
  /** At most 256 of `held_count`. */
  readonly held: readonly { cid: string; key: string }[]
  readonly held_count: number
  readonly refused: readonly { cid: string; code: string }[]
  readonly refused_count: number
  /** Bytes of messages, without WebSocket and TCP framing. */
  readonly sent_bytes: number
  readonly received_bytes: number
  readonly sent_frames: number
  readonly received_frames: number
  readonly round_trips: number
  readonly heads: readonly string[]
  readonly heads_digest: string
  readonly peer_heads_digest: string
  /** Both sides have the same heads now. */
  readonly equal: boolean
  /** Both replicas follow the same admission rules (registered keys and cuts). */
  readonly same_registry: boolean
  /** Why the heads differ, in words; absent when they don't. */
  readonly note?: string
}

/** Who dials whom. */
export interface Dial {
  readonly url: string
  /** The key that the hub must prove. */
  readonly expect: Uint8Array
  readonly key: Key
  readonly hubId: string
  readonly services: ReplicaPort
  /** How a link is made; by WebSocket when absent. */
  readonly connect?: typeof connect
  readonly setAlarm?: SetTimer
  /** Shared with the other sessions of the replica; of this session alone when absent. */
  readonly scheduling?: SessionScheduling
}

/** Runs `use` in a session with a hub and closes it afterwards, whatever happens. */
export async function withSession<T>(
  dial: Dial,
  options: SyncOptions,
  use: (exchange: Session) => Promise<T>,
): Promise<T> {
  const dialled = await (dial.connect ?? connect)(dial.url, {
    signal: options.signal,
    links: dial.scheduling?.links,
  })
  const exchange = new Session(dialled.link, clientConfig(dial, dialled), dial.services, {
    signal: options.signal,
    setAlarm: dial.setAlarm,
    scheduling: dial.scheduling,
    onProgress: traffic => options.onProgress?.(progressOf(traffic)),
  })
  try {
    await exchange.ready
    return await use(exchange)
  } finally {
    exchange.close()
  }
}

function clientConfig(dial: Dial, dialled: WebSocketConnection): SessionConfig {
  return {
    role: 'client',
    hub: dial.hubId,
    key: dial.key.publicKeyBytes,
    sign: message => dial.key.sign(message),
    nonce: randomBytes(32),
    host: dialled.host,
    expect: dial.expect,
    compress: !dialled.loopback,
    ...(dialled.binding === undefined ? {} : { binding: dialled.binding }),
  }
}

function progressOf(traffic: Readonly<SessionStats>): Progress {
  const { receivedBytes, sentBytes, receivedNodes: received, sentNodes: sent } = traffic
  const { verifiedNodes: verified, admittedNodes: admitted, ackedNodes: acked } = traffic
  return { phase: 'transfer', received, verified, admitted, sent, acked, receivedBytes, sentBytes }
}

/** A channel as it ended, with the state of our log after it, as a report. */
export function reportOf(
  parts: { channel: Channel; exchange: Session; peer: string; mode: Mode },
  log: { heads: readonly Uint8Array[]; headsDigest: Uint8Array; registry: Uint8Array },
): SyncReport {
  const { channel, exchange, peer, mode } = parts
  const tally = (mode === 'push' ? channel.source?.report : channel.sink?.result) as FlowReport
  const digest = toHex(log.headsDigest)
  const peerDigest = toHex(mode === 'push' ? tally.digest : channel.theirs!.digest)
  const equal = digest === peerDigest
  const note = equal ? undefined : whyDifferent(tally, mode)
  const { traffic } = exchange
  return {
    frontier: channel.frontier,
    peer,
    admitted: tally.admitted,
    known: tally.known,
    held: tally.held.map(item => ({ cid: cidText(item.digest), key: toHex(item.key) })),
    held_count: tally.heldCount,
    refused: tally.refused.map(item => ({ cid: cidText(item.digest), code: item.code })),
    refused_count: tally.refusedCount,
    sent_bytes: traffic.sentBytes,
    received_bytes: traffic.receivedBytes,
    sent_frames: traffic.sentFrames,
    received_frames: traffic.receivedFrames,
    round_trips: traffic.roundTrips,
    heads: log.heads.map(head => cidText(head)),
    heads_digest: digest,
    peer_heads_digest: peerDigest,
    equal,
    same_registry: toHex(log.registry) === toHex(channel.theirs!.registry),
    ...(note === undefined ? {} : { note }),
  }
}

function whyDifferent(tally: FlowReport, mode: Mode): string {
  const [here, there] = mode === 'push' ? ['the peer', 'this replica'] : ['this replica', 'the peer']
  if (tally.refusedCount > 0) return `${here} refused ${nodeCount(tally.refusedCount)}`
  if (tally.heldCount > 0)
    return `${here} holds ${nodeCount(tally.heldCount)} until the missing keys, parents or documents are there`
  if (tally.complete)
    return `${here} has nodes that ${there} lacks: ${mode === 'push' ? 'pull to fetch' : 'push to send'} them`
  return `${here} holds nodes of an earlier sync: see its status`
}

function nodeCount(count: number): string {
  return count === 1 ? '1 node' : `${count} nodes`
}

/** 64 hex digits as a 32-byte key. @throws ReplicaError ERR_KEY */
export function hubKey(hex: string): Uint8Array {
  const key = fromHex(hex)
  if (key?.length !== 32)
    throw new ReplicaError('ERR_KEY', `a hub's key must be 64 hex digits, not '${hex.slice(0, 80)}'`)
  return key
}
