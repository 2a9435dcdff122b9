// Client side of push, pull, sync, adopt and clone: dials a peer, proves keys, runs a channel, and
// returns a report.

import { randomBytes } from 'node:crypto'
import { checkPeerUrl } from '../../admission/peer.ts'
import type { Peer } from '../../admission/registry.ts'
import type { KeptTexts } from '../../admission/text-policy.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import type { SetTimer } from '../../base/timer.ts'
import { cidText } from '../../cbor/cid.ts'
import { Key } from '../../crypto/key.ts'
import type { Store } from '../../store/store.ts'
import type { Channel, FlowReport, SessionConfig } from '../../sync/connection.ts'
import type { Mode } from '../../sync/message.ts'
import type { SessionScheduling } from '../../transport/scheduler.ts'
import { type ReplicaPort, Session, type SessionStats } from '../../transport/session.ts'
import type { connect, WebSocketConnection } from '../../transport/websocket-link.ts'
import { dialSocket } from '../links/backoff.ts'
import { chooseFrontier } from '../log-reader.ts'
import { type MergeReport, reportedByPeer } from '../merge-observer.ts'
import type { FrontierPeers } from '../peers.ts'
import type { ReplicaContext } from '../replica-context.ts'
import { type TextStatus, textStatus } from './text-status.ts'

/** How to run a sync. */
export interface SyncOptions {
  readonly signal?: AbortSignal
  /** Report the opened conflicts even if a long log has to be replayed for it. */
  readonly conflicts?: boolean
  readonly onProgress?: (progress: Progress) => void
}

/** Progress of a sync: counts of nodes, and two counts of bytes. */
export interface Progress {
  readonly phase: 'connect' | 'transfer'
  readonly received: number
  /** Received nodes whose checks are done, signatures included. */
  readonly verified: number
  readonly admitted: number
  readonly sent: number
  /** Sent nodes that are durable at the peer. */
  readonly acked: number
  readonly receivedBytes: number
  readonly sentBytes: number
}

/**
 * Result of a push or pull. For a push, `admitted` to `refusedCount` and the conflicts state what
 * the peer did with the sent nodes.
 */
export interface SyncReport extends MergeReport {
  readonly frontier: string
  readonly peer: string
  readonly admitted: number
  readonly known: number
  /** Held nodes, each with the key that signed it; at most 256 of `heldCount`. */
  readonly held: readonly { cid: string; key: string }[]
  readonly heldCount: number
  readonly refused: readonly { cid: string; code: string }[]
  readonly refusedCount: number
  /** Bytes of messages, without framing of WebSocket and TCP. */
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly sentFrames: number
  readonly receivedFrames: number
  readonly roundTrips: number
  readonly heads: readonly string[]
  readonly headsDigest: string
  readonly peerHeadsDigest: string
  /** Both sides have equal heads now. */
  readonly equal: boolean
  /** Both replicas have the same admission rules: registered keys and cuts. */
  readonly sameRegistry: boolean
  /** How many texts are in each state here; absent if all are here and all are kept. */
  readonly texts?: TextStatus
  /** Why the heads differ, for people; absent if they are equal. */
  readonly note?: string
}

/** Parameters of a session. */
export interface Dial {
  readonly url: string
  /** Public key that the hub has to prove. */
  readonly expect: Uint8Array
  readonly key: Key
  readonly hubId: string
  readonly port: ReplicaPort
  /** Opens the link; default: a WebSocket. */
  readonly connect?: typeof connect
  readonly setTimer?: SetTimer
  /** Scheduling shared with other sessions of the replica; default: none. */
  readonly scheduling?: SessionScheduling
}

/** Runs `use` in a session with a hub, and closes the session afterwards. */
export async function withSession<T>(
  dial: Dial,
  options: SyncOptions,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const dialled = await (dial.connect ?? dialSocket)(dial.url, {
    signal: options.signal,
    links: dial.scheduling?.links,
  })
  const session = new Session(dialled.link, clientConfig(dial, dialled), dial.port, {
    signal: options.signal,
    setTimer: dial.setTimer,
    scheduling: dial.scheduling,
    onProgress: stats => options.onProgress?.(progressOf(stats)),
  })
  try {
    await session.ready
    return await use(session)
  } finally {
    session.close()
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

function progressOf(stats: Readonly<SessionStats>): Progress {
  const { receivedBytes, sentBytes, receivedNodes: received, sentNodes: sent } = stats
  const { verifiedNodes: verified, admittedNodes: admitted, ackedNodes: acked } = stats
  return { phase: 'transfer', received, verified, admitted, sent, acked, receivedBytes, sentBytes }
}

/** Returns the report of a finished channel, with the state of our log after it. */
export function reportOf(
  parts: { channel: Channel; session: Session; peer: string; mode: Mode },
  log: { heads: readonly Uint8Array[]; headsDigest: Uint8Array; registry: Uint8Array },
): SyncReport {
  const { channel, session, peer, mode } = parts
  const tally = (mode === 'push' ? channel.source?.report : channel.sink?.result) as FlowReport
  const digest = toHex(log.headsDigest)
  const peerDigest = toHex(mode === 'push' ? tally.digest : channel.theirs!.digest)
  const equal = digest === peerDigest
  const note = equal ? undefined : whyDifferent(tally, mode)
  const { stats } = session
  return {
    frontier: channel.frontier,
    peer,
    admitted: tally.admitted,
    known: tally.known,
    held: tally.held.map(item => ({ cid: cidText(item.digest), key: toHex(item.key) })),
    heldCount: tally.heldCount,
    refused: tally.refused.map(item => ({ cid: cidText(item.digest), code: item.code })),
    refusedCount: tally.refusedCount,
    sentBytes: stats.sentBytes,
    receivedBytes: stats.receivedBytes,
    sentFrames: stats.sentFrames,
    receivedFrames: stats.receivedFrames,
    roundTrips: stats.roundTrips,
    heads: log.heads.map(head => cidText(head)),
    headsDigest: digest,
    peerHeadsDigest: peerDigest,
    equal,
    sameRegistry: toHex(log.registry) === toHex(channel.theirs!.registry),
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

/**
 * Returns a key of 64 hex digits as 32 bytes.
 * @throws ReplicaError ERR_KEY
 */
export function hubKey(hex: string): Uint8Array {
  const key = fromHex(hex)
  if (key?.length !== 32)
    throw new ReplicaError('ERR_KEY', `a hub's key must be 64 hex digits, not '${hex.slice(0, 80)}'`)
  return key
}

/** How to clone a hub's frontier. */
export interface CloneOptions extends SyncOptions {
  /** Folder or engine of the new replica. */
  readonly location: string | Store
  /** The hub's public key, 64 hex digits, as its operator states it. */
  readonly key: string
  /** The frontier; required if the hub offers several. */
  readonly frontier?: string
  /** Copy the hub's registry into the new one. */
  readonly adoptRegistry?: boolean
  readonly hubId?: string
  /**
   * The new replica's key; default: a new one. With a lost replica's key and id, its peers
   * recognize it.
   */
  readonly ownKey?: Key
  /** Accept a `ws://` URL of another machine. */
  readonly allowPlain?: boolean
  /**
   * Texts that the new replica keeps; default: `all`. With `none` it receives headers only, with a
   * filter the texts of matching events.
   */
  readonly texts?: KeptTexts
}

/** Result of adopting a registry. */
export interface AdoptReport {
  readonly frontier: string
  /** Ids of the peers registered by this call. */
  readonly adopted: readonly string[]
  /** Keys cut by this call, 64 hex digits each. */
  readonly cut: readonly string[]
  readonly skipped: readonly { id: string; reason: string }[]
  /** Admitted nodes that were held for the new keys. */
  readonly admitted: number
}

/** Result of a clone. */
export interface CloneReport {
  readonly report: SyncReport
  /** Result of adopting the registry; absent if it was not requested. */
  readonly adopted?: AdoptReport
}

/** A replica as one side of a session. */
export interface LocalSide {
  readonly context: ReplicaContext
  readonly port: ReplicaPort
}

export interface SyncRequest {
  readonly frontier: string
  readonly peer: string
  readonly mode: Mode
}

/** Pushes or pulls. Returns the report, and journals it if something was received or sent. */
export async function syncWith(local: LocalSide, sync: SyncRequest, options: SyncOptions): Promise<SyncReport> {
  const { context } = local
  const from = await beginMerge(context, sync.frontier)
  const report = await runChannel(local, { ...sync, options }, parts => {
    const { log, registry, policy } = context.frontier(sync.frontier)
    const ours = { heads: log.heads(), headsDigest: log.headsDigest(), registry: registry.digest() }
    const texts = log.texts().here === log.nodes && policy.keeps === 'all' ? {} : { texts: textStatus({ log, policy }) }
    return { ...reportOf({ ...parts, ...sync }, ours), ...reportedByPeer(parts.channel), ...texts }
  })
  const { admitted, heldCount: held, refusedCount: refused, headsDigest } = report
  if (admitted + held + refused > 0) {
    const facts = { peer: sync.peer, admitted, held, refused, heads_digest: headsDigest }
    await context.journal.write(sync.frontier, `sync.${sync.mode}`, facts)
  }
  if (sync.mode === 'push') return report // the peer reported the opened conflicts and journals them
  const { frontier, peer } = sync
  const merge = { frontier, peer, from, admitted, isAsked: options.conflicts === true, isAwaited: false }
  return { ...report, ...(await context.observer.afterMerge(merge)) }
}

/** Tells the observer that nodes are about to be received. Returns the number of nodes before. */
export async function beginMerge(context: ReplicaContext, frontier: string): Promise<number> {
  const { log } = context.frontier(frontier)
  await context.observer.beforeMerge(frontier)
  return log.nodes
}

/** Runs one channel with a peer and records the peer's state. */
async function runChannel<T>(
  { context, port }: LocalSide,
  { frontier, peer: id, mode, options }: SyncRequest & { readonly options: SyncOptions },
  report: (parts: { channel: Channel; session: Session }) => T,
): Promise<T> {
  const peer = peerOf(context, frontier, id)
  const syncState = await context.peerSync.of(context.frontier(frontier), peer.publicKey)
  try {
    return await withPeer({ context, port, peer }, options, async session => {
      const channel = await session.open(frontier, mode)
      syncState.channel(channel)
      return report({ channel, session })
    })
  } catch (error) {
    if (hasCode(error) && !hasCode(error, 'ERR_ABORTED')) syncState.failed(error)
    throw error
  } finally {
    await context.peerSync.flush().catch(() => {}) // fails other calls too
  }
}

/** Copies a peer's registry into this one. */
export async function adoptRegistry(
  { context, port }: LocalSide,
  from: { frontier: string; peer: string; allowPlain: boolean },
  options: SyncOptions,
): Promise<AdoptReport> {
  const { frontier, allowPlain } = from
  const peer = peerOf(context, frontier, from.peer)
  const bytes = await withPeer({ context, port, peer }, options, session => session.registry(frontier))
  const { registry, gate } = context.frontier(frontier)
  const offer = registry.readOffer(bytes, hubKey(peer.publicKey))
  const { added, cut, skipped } = await gate.exclusive(() => registry.adopt(offer, { at: context.now(), allowPlain }))
  const { admitted } = await gate.reevaluateHeld()
  await context.journal.write(frontier, 'registry.adopted', { peer: peer.id, adopted: added, cut })
  return { frontier, adopted: added, cut, skipped, admitted }
}

/**
 * Verifies the hub's key and chooses the frontier, before anything is written.
 * @throws ReplicaError ERR_PEER_URL
 */
export async function connectAndChoose(
  url: string,
  options: CloneOptions,
  port: ReplicaPort,
): Promise<{ key: Key; hub: string; frontier: string }> {
  checkPeerUrl(url, { allowPlain: options.allowPlain === true })
  const key = options.ownKey ?? Key.generate()
  const hubId = options.hubId ?? `hub:${key.publicKey.slice(0, 8)}`
  const dial = { url, expect: hubKey(options.key), key, hubId, port }
  return withSession(dial, options, async session => {
    const { hub } = await session.ready
    return { key, hub, frontier: chooseFrontier(await session.list(), options.frontier) }
  })
}

/** The part of a new replica that a clone needs. */
interface NewReplica {
  readonly hubId: string
  registry(frontier: string): Pick<FrontierPeers, 'add' | 'setDefault'>
  texts(frontier: string): { keep(keeps: KeptTexts): Promise<void> }
  adopt(frontier: string, peer: string, options: CloneOptions): Promise<AdoptReport>
  pull(frontier: string, peer: string, options: SyncOptions): Promise<SyncReport>
}

/** Registers the hub, adopts its registry on request, and pulls. */
export async function finishClone(
  replica: NewReplica,
  from: { url: string; hub: string; frontier: string },
  options: CloneOptions,
): Promise<CloneReport> {
  const { url, hub, frontier } = from
  const { key: publicKey, allowPlain = false } = options
  const id = hub === replica.hubId ? `${hub}-origin` : hub
  const peers = replica.registry(frontier)
  await peers.add({ id, url, publicKey, allowPlain })
  await peers.setDefault(id)
  if (options.texts !== undefined) await replica.texts(frontier).keep(options.texts)
  const list = options.adoptRegistry === true ? { adopted: await replica.adopt(frontier, id, options) } : {}
  return { report: await replica.pull(frontier, id, options), ...list }
}

/** @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_PEER_UNKNOWN */
export function peerOf(context: ReplicaContext, frontier: string, id: string): Peer {
  const peer = context.frontier(frontier).registry.get(id)
  if (peer === undefined) throw new ReplicaError('ERR_PEER_UNKNOWN', `${frontier} has no registered peer '${id}'`)
  return peer
}

function withPeer<T>(
  parts: { context: ReplicaContext; port: ReplicaPort; peer: Peer },
  options: SyncOptions,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const { context, port, peer } = parts
  const { url, publicKey } = peer
  const { key, hubId, scheduling, network } = context
  const dial = { url, expect: hubKey(publicKey), key, hubId, port, connect: network.dial, scheduling }
  return withSession(dial, options, use)
}

/** Result of one direction on its receiving side. */
export type DirectionReport = Pick<SyncReport, 'admitted' | 'known' | 'held' | 'heldCount' | 'refused' | 'refusedCount'>

/** Result of a sync in both directions, or in one. */
export interface ExchangeReport extends Omit<SyncReport, keyof DirectionReport> {
  readonly mode: Mode
  /** Result for received nodes; absent if the mode does not receive. */
  readonly in?: DirectionReport
  /**
   * Result for sent nodes at the peer, with the conflicts that they opened there; absent if the
   * mode does not send.
   */
  readonly out?: DirectionReport & MergeReport
}

/** Exchanges nodes in one session. Returns the report, and journals it if something changed. */
export async function exchangeWith(local: LocalSide, sync: SyncRequest, options: SyncOptions): Promise<ExchangeReport> {
  const { context } = local
  const { frontier, peer, mode } = sync
  const from = await beginMerge(context, frontier)
  const report = await runChannel(local, { ...sync, options }, ({ channel, session }) => {
    const { log, registry } = context.frontier(frontier)
    const ours = { heads: log.heads(), headsDigest: log.headsDigest(), registry: registry.digest() }
    const parts = { channel, session, peer }
    const received = channel.sink === undefined ? undefined : reportOf({ ...parts, mode: 'pull' }, ours)
    const sent = channel.source === undefined ? undefined : reportOf({ ...parts, mode: 'push' }, ours)
    return join(mode, { received, sent, reported: reportedByPeer(channel) })
  })
  const facts: { [name: string]: string | number } = { peer, heads_digest: report.headsDigest }
  for (const direction of ['in', 'out'] as const) {
    const { admitted = 0, heldCount = 0, refusedCount = 0 } = report[direction] ?? {}
    if (admitted + heldCount + refusedCount === 0) continue
    Object.assign(facts, {
      [`${direction}_admitted`]: admitted,
      [`${direction}_held`]: heldCount,
      [`${direction}_refused`]: refusedCount,
    })
  }
  if (Object.keys(facts).length > 2) await context.journal.write(frontier, `sync.${mode}`, facts)
  if (report.in === undefined) return report
  const { admitted } = report.in
  const merge = { frontier, peer, from, admitted, isAsked: options.conflicts === true, isAwaited: false }
  return { ...report, ...(await context.observer.afterMerge(merge)) }
}

interface Directions {
  readonly received: SyncReport | undefined
  readonly sent: SyncReport | undefined
  readonly reported: MergeReport
}

/** The report of the sent nodes states the peer's heads last, so it is preferred. */
function join(mode: Mode, { received, sent, reported }: Directions): ExchangeReport {
  const { admitted, known, held, heldCount, refused, refusedCount, note, ...rest } = (sent ?? received)!
  const why = rest.equal
    ? undefined
    : ((received?.refusedCount || received?.heldCount ? received.note : undefined) ?? note)
  return {
    ...rest,
    mode,
    ...(received === undefined ? {} : { in: directionOf(received) }),
    ...(sent === undefined ? {} : { out: { ...directionOf(sent), ...reported } }),
    ...(why === undefined ? {} : { note: why }),
  }
}

function directionOf({ admitted, known, held, heldCount, refused, refusedCount }: SyncReport): DirectionReport {
  return { admitted, known, held, heldCount, refused, refusedCount }
}
