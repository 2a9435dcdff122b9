// What `status` says of a replica: plain numbers and text, ready for JSON.

import { toHex } from '../base/bytes.ts'
import { cidText } from '../cbor/cid.ts'
import type { Wait } from '../store/store.ts'
import type { ReplicaContext } from './replica-context.ts'
import { type PeerStatus, peerStatus } from './status.ts'

const WAITS_LISTED_MAX = 100

/** One thing that nodes wait for: a key as 64 hex digits; a parent, cut head or document as CID. */
export interface HeldBy {
  readonly kind: Wait['kind']
  readonly id: string
  readonly nodes: number
}

export interface FrontierStatus {
  readonly frontier: string
  readonly nodes: number
  readonly events: number
  readonly heads: number
  readonly heads_digest: string
  /** Nodes kept aside, and their bytes. */
  readonly held: number
  readonly held_bytes: number
  /** What holds them back, most first, at most 100. */
  readonly held_by: readonly HeldBy[]
  readonly peers: number
  readonly registry_digest: string
  /** How each registered peer stands. */
  readonly links: readonly PeerStatus[]
}

export interface StatusReport {
  readonly hub_id: string
  readonly public_key: string
  readonly disk_bytes: number
  readonly frontiers: readonly FrontierStatus[]
}

export async function frontierStatus(home: ReplicaContext, name: string): Promise<FrontierStatus> {
  const frontier = home.frontier(name)
  const { log, registry, held } = frontier
  const { nodes, bytes } = held.usage(name)
  const waits = await held.listWaits(name, WAITS_LISTED_MAX)
  const peers = registry.list()
  const heldKeys = waits.filter(({ wait }) => wait.kind === 'key').map(({ wait }) => toHex(wait.id))
  const now = home.now()
  const standings = await Promise.all(peers.map(peer => home.standings.of(frontier, peer.public_key)))
  return {
    frontier: name,
    nodes: log.nodes,
    events: log.events,
    heads: log.headCount,
    heads_digest: toHex(log.headsDigest()),
    held: nodes,
    held_bytes: bytes,
    held_by: waits.map(({ wait, nodes: count }) => ({ kind: wait.kind, id: idOf(wait), nodes: count })),
    peers: peers.length,
    registry_digest: toHex(registry.digest()),
    links: peers.map((peer, i) => peerStatus(peer, standings[i]!, { heldKeys, now })),
  }
}

function idOf({ kind, id }: Wait): string {
  return kind === 'key' ? toHex(id) : cidText(id, kind === 'document' ? 'raw' : 'dag-cbor')
}
