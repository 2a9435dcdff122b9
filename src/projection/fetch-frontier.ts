// Peers' frontiers fetched whole: through a hub's registry entry, or from a peer's documented place. The decisions are those of
// vela/discover.ts and vela/peer-fetch.ts; here they get a network. What ends badly leaves nothing behind: bodies are kept in memory
// until they are judged, and nothing is written.

import { FETCH_LIMITS } from '../base/limits.ts'
import { verify } from '../crypto/ed25519.ts'
import {
  continueDiscovery,
  type DiscoveryResult,
  type DiscoveryStep,
  startDiscovery,
} from '../vela/federation/discovery.ts'
import type { FetchPolicy } from '../vela/federation/fetch-policy.ts'
import type { FetchOutcome, FetchRequest } from '../vela/federation/http-exchange.ts'
import { continuePeerFetch, type PeerFetchResult, startPeerFetch } from '../vela/federation/peer-fetch.ts'
import type { ContentHashes } from '../vela/files/received-file.ts'
import { contentHashes } from '../vela/hashes/snapshot-hash.ts'
import { type AnswerOptions, fetchAnswer } from './http-get.ts'

export interface FetchOptions extends Omit<AnswerOptions, 'policy' | 'send'> {
  /** Every host of this machine and of private networks; without it only the one that the caller names itself. */
  readonly allowPrivate?: boolean
  /** `http` to hosts that are not private. */
  readonly allowPlain?: boolean
}

/**
 * Finds a frontier through a hub's registry: its entry, then what the entry points to. `url` is one that a person gave; where the entry leads
 * is a stranger's word. `ownerKey` is the key of the frontier's owner, which is not the hub's: undefined
 * believes whoever signed the entry.
 * @throws ReplicaError ERR_FRONTIER_ID, ERR_ABORTED
 */
export async function discoverPeerFrontier(
  url: string,
  frontier: string,
  options: FetchOptions & { readonly ownerKey: string | undefined },
): Promise<DiscoveryResult> {
  const { ownerKey } = options
  const hub = webUrl(url)
  const policy = policyOf(hub, options)
  const hashes = hashesOnce()
  const snapshotHashes = (content: Uint8Array) => hashes(content).snapshots
  const eventLogHashes = (content: Uint8Array) => hashes(content).logs
  let step: DiscoveryStep = startDiscovery({ hub, frontier, ownerKey, verify, snapshotHashes, eventLogHashes, policy })
  while ('fetch' in step) step = continueDiscovery(step.state, await answerTo(step.fetch, policy, options))
  return step.result
}

/** Where a peer is, and the key that it is registered with; undefined for one that is not registered. */
export interface PeerPlace {
  readonly url: string
  readonly publicKey: string | undefined
}

/**
 * A peer's frontier from `<url>/manifest/<frontier>.json`, with its signature beside it: a registered peer's has to be there and
 * to be made with the registered key.
 * @throws ReplicaError ERR_FRONTIER_ID, ERR_ABORTED
 */
export async function fetchPeerFrontier(
  peer: PeerPlace,
  frontier: string,
  options: FetchOptions = {},
): Promise<PeerFetchResult> {
  const base = webUrl(peer.url)
  const policy = policyOf(base, options)
  let step = startPeerFetch({ base, frontier, peerKey: peer.publicKey, verify, policy })
  while ('fetch' in step) step = continuePeerFetch(step.state, await answerTo(step.fetch, policy, options))
  return step.result
}

/** Hands JSON to a hub at a URL that a person gave. No redirect is followed. @throws ReplicaError ERR_ABORTED, ERR_PEER_URL */
export function postTo(url: string, body: string, options: FetchOptions = {}): Promise<FetchOutcome> {
  const request = { url, bytesMax: FETCH_LIMITS.entryBytesMax }
  return fetchAnswer(request, { ...options, policy: policyOf(url, options), send: body })
}

/** A hub answers HTTP on the port of its WebSocket. */
export function webUrl(url: string): string {
  return url.replace(/^ws(?=s?:)/i, 'http')
}

function policyOf(url: string, { allowPrivate = false, allowPlain = false }: FetchOptions): FetchPolicy {
  const policy = { allowPrivate, allowPlain }
  return URL.canParse(url) ? { ...policy, named: new URL(url).origin } : policy
}

function answerTo(request: FetchRequest, policy: FetchPolicy, options: FetchOptions): Promise<FetchOutcome> {
  return fetchAnswer(request, { ...options, policy })
}

/** Both kinds of hashes come of one reading of the content, which may be large. */
function hashesOnce(): (content: Uint8Array) => ContentHashes {
  let of: Uint8Array | undefined
  let hashes: ContentHashes | undefined
  return content => {
    if (hashes === undefined || of !== content) hashes = contentHashes(content)
    of = content
    return hashes
  }
}
