// Push, pull, adopt and clone: a session with a registered peer, run to its report, and what the journal keeps of it.

import { checkPeerUrl } from '../../admission/peer.ts'
import type { Peer } from '../../admission/registry.ts'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import { Key } from '../../crypto/key.ts'
import type { Store } from '../../store/store.ts'
import type { Channel } from '../../sync/connection.ts'
import type { Mode } from '../../sync/message.ts'
import type { ReplicaPort, Session } from '../../transport/session.ts'
import { chooseFrontier } from '../log-reader.ts'
import { reportedByPeer } from '../merge-observer.ts'
import type { FrontierPeers } from '../peers.ts'
import type { ReplicaContext } from '../replica-context.ts'
import { hubKey, reportOf, type SyncOptions, type SyncReport, withSession } from './sync-client.ts'

export interface CloneOptions extends SyncOptions {
  /** A folder, or an engine. */
  readonly location: string | Store
  /** The hub's public key, 64 hex digits: from its operator, not from the wire. */
  readonly key: string
  /** Which frontier, where the hub offers several. */
  readonly frontier?: string
  /** Take the hub's registry over as one's own declarations. */
  readonly adoptRegistry?: boolean
  readonly hubId?: string
  /** The new replica's own key; made when absent. With a lost replica's key and id, its peers have it back. */
  readonly ownKey?: Key
  /** Accept a `ws://` address that is not on this machine. */
  readonly allowPlain?: boolean
}

export interface AdoptReport {
  readonly frontier: string
  /** Ids registered now. */
  readonly adopted: readonly string[]
  /** Keys cut now, 64 hex digits each. */
  readonly cut: readonly string[]
  readonly skipped: readonly { id: string; reason: string }[]
  /** Nodes that the newly registered keys had held back. */
  readonly admitted: number
}

export interface CloneReport {
  readonly report: SyncReport
  /** Whom the hub's list had registered and cut; absent where it was not asked for. */
  readonly adopted?: AdoptReport
}

export interface Syncing {
  readonly frontier: string
  readonly peer: string
  readonly mode: Mode
}

export async function syncWith(
  home: ReplicaContext,
  services: ReplicaPort,
  sync: Syncing,
  options: SyncOptions,
): Promise<SyncReport> {
  const from = await beginMerge(home, sync.frontier)
  const report = await runChannel(home, services, sync, options, parts => {
    const { log, registry } = home.frontier(sync.frontier)
    const ours = { heads: log.heads(), headsDigest: log.headsDigest(), registry: registry.digest() }
    return { ...reportOf({ ...parts, ...sync }, ours), ...reportedByPeer(parts.channel) }
  })
  const { admitted, held_count: held, refused_count: refused, heads_digest } = report
  if (admitted + held + refused > 0) {
    const facts = { peer: sync.peer, admitted, held, refused, heads_digest }
    await home.journal.write(sync.frontier, `sync.${sync.mode}`, facts)
  }
  if (sync.mode === 'push') return report // what that opened, the peer has told, and its journal has it
  const { frontier, peer } = sync
  const merge = { frontier, peer, from, admitted, isAsked: options.conflicts === true, isAwaited: false }
  return { ...report, ...(await home.observer.afterMerge(merge)) }
}

/** Tells the observer that nodes are about to be received. Returns the number of nodes before. */
export async function beginMerge(home: ReplicaContext, frontier: string): Promise<number> {
  const { log } = home.frontier(frontier)
  await home.observer.beforeMerge(frontier)
  return log.nodes
}

/** One channel with a peer, from dialling to its end; what it told of how the peer stands is kept. */
export async function runChannel<T>(
  home: ReplicaContext,
  services: ReplicaPort,
  { frontier, peer: id, mode }: Syncing,
  options: SyncOptions,
  report: (parts: { channel: Channel; exchange: Session }) => T,
): Promise<T> {
  const peer = peerOf(home, frontier, id)
  const standing = await home.standings.of(home.frontier(frontier), peer.public_key)
  try {
    return await withPeer({ home, services, peer }, options, async exchange => {
      const channel = await exchange.open(frontier, mode)
      standing.channel(channel)
      return report({ channel, exchange })
    })
  } catch (error) {
    if (hasCode(error) && !hasCode(error, 'ERR_ABORTED')) standing.failed(error)
    throw error
  } finally {
    await home.standings.flush().catch(() => {}) // a store that can't be written says so to whoever writes what matters
  }
}

export async function adoptRegistry(
  home: ReplicaContext,
  services: ReplicaPort,
  from: { frontier: string; peer: string; allowPlain: boolean },
  options: SyncOptions,
): Promise<AdoptReport> {
  const { frontier, allowPlain } = from
  const peer = peerOf(home, frontier, from.peer)
  const bytes = await withPeer({ home, services, peer }, options, exchange => exchange.registry(frontier))
  const { registry, gate } = home.frontier(frontier)
  const offer = registry.readOffer(bytes, hubKey(peer.public_key))
  const { added, cut, skipped } = await gate.exclusive(() => registry.adopt(offer, { at: home.now(), allowPlain }))
  const { admitted } = await gate.reevaluateHeld()
  await home.journal.write(frontier, 'registry.adopted', { peer: peer.id, adopted: added, cut })
  return { frontier, adopted: added, cut, skipped, admitted }
}

/** What a clone learns before anything is made: the hub proved its key, and which frontier is meant. @throws ERR_PEER_URL */
export async function connectAndChoose(
  url: string,
  options: CloneOptions,
  services: ReplicaPort,
): Promise<{ key: Key; hub: string; frontier: string }> {
  checkPeerUrl(url, { allowPlain: options.allowPlain === true })
  const key = options.ownKey ?? Key.generate()
  const hubId = options.hubId ?? `hub:${key.publicKey.slice(0, 8)}`
  const dial = { url, expect: hubKey(options.key), key, hubId, services }
  return withSession(dial, options, async exchange => {
    const { hub } = await exchange.ready
    return { key, hub, frontier: chooseFrontier(await exchange.list(), options.frontier) }
  })
}

/** A replica that has nothing yet, as far as a clone needs it. */
interface Fresh {
  readonly hubId: string
  registry(frontier: string): Pick<FrontierPeers, 'add'>
  adopt(frontier: string, peer: string, options: CloneOptions): Promise<AdoptReport>
  pull(frontier: string, peer: string, options: SyncOptions): Promise<SyncReport>
}

/** Registers the hub, adopts its list where that was asked for, and pulls. */
export async function finishClone(
  fresh: Fresh,
  from: { url: string; hub: string; frontier: string },
  options: CloneOptions,
): Promise<CloneReport> {
  const { url, hub, frontier } = from
  const { key: publicKey, allowPlain = false } = options
  const id = hub === fresh.hubId ? `${hub}-origin` : hub
  await fresh.registry(frontier).add({ id, url, publicKey, allowPlain })
  const list = options.adoptRegistry === true ? { adopted: await fresh.adopt(frontier, id, options) } : {}
  return { report: await fresh.pull(frontier, id, options), ...list }
}

/** @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_PEER_UNKNOWN */
export function peerOf(home: ReplicaContext, frontier: string, id: string): Peer {
  const peer = home.frontier(frontier).registry.get(id)
  if (peer === undefined) throw new ReplicaError('ERR_PEER_UNKNOWN', `${frontier} has no registered peer '${id}'`)
  return peer
}

function withPeer<T>(
  parts: { home: ReplicaContext; services: ReplicaPort; peer: Peer },
  options: SyncOptions,
  use: (exchange: Session) => Promise<T>,
): Promise<T> {
  const { home, services, peer } = parts
  const { url, public_key } = peer
  const { key, hubId, scheduling, linkTools } = home
  const dial = { url, expect: hubKey(public_key), key, hubId, services, connect: linkTools.dial, scheduling }
  return withSession(dial, options, use)
}
