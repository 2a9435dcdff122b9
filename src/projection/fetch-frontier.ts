// Fetches frontiers of peers: through a hub's registry entry, or from a peer's documented place.
// vela/federation decides, this file does the network. A failed fetch leaves nothing: bodies stay
// in memory until they are verified.

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
import { fetchOnce, type RequestOptions } from './http-get.ts'

/** Network limits and permissions of a fetch. */
export interface FetchOptions extends Omit<RequestOptions, 'policy' | 'send'> {
  /**
   * Allow all hosts of this machine and of private networks. Default: only the host that the caller
   * names.
   */
  readonly allowPrivate?: boolean
  /** Allow `http` to public hosts. */
  readonly allowPlain?: boolean
}

/**
 * Finds a frontier through a hub's registry: its entry, then the content to which the entry points.
 * A person gave `url`; the entry's locator is untrusted. `ownerKey` is the public key of the
 * frontier's owner, 64 hex digits; with undefined any signer is accepted.
 * @throws ReplicaError ERR_FRONTIER_ID, ERR_PEER_URL, ERR_ABORTED
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

/**
 * URL of a peer, and its registered public key, 64 hex digits; undefined if it is not registered.
 */
export interface PeerPlace {
  readonly url: string
  readonly publicKey: string | undefined
}

/**
 * Fetches a peer's frontier from `<url>/manifest/<frontier>.json`, with its signature. A registered
 * peer's signature is required and must be made with the registered key.
 * @throws ReplicaError ERR_FRONTIER_ID, ERR_PEER_URL, ERR_ABORTED
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

/**
 * Gets a body of at most `bytesMax` bytes from a hub that a person named. Follows no redirect.
 * @throws ReplicaError ERR_ABORTED, ERR_PEER_URL
 */
export function getFrom(url: string, bytesMax: number, options: FetchOptions = {}): Promise<FetchOutcome> {
  return fetchOnce({ url, bytesMax }, { ...options, policy: policyOf(url, options) })
}

/**
 * Posts JSON to a hub. Follows no redirect.
 * @throws ReplicaError ERR_ABORTED, ERR_PEER_URL
 */
export function postTo(url: string, body: string | Uint8Array, options: FetchOptions = {}): Promise<FetchOutcome> {
  const request = { url, bytesMax: FETCH_LIMITS.entryBytesMax }
  return fetchOnce(request, { ...options, policy: policyOf(url, options), send: body })
}

/** Returns the HTTP URL of a hub, which is on the port of its WebSocket. */
export function webUrl(url: string): string {
  return url.replace(/^ws(?=s?:)/i, 'http')
}

function policyOf(url: string, { allowPrivate = false, allowPlain = false }: FetchOptions): FetchPolicy {
  const policy = { allowPrivate, allowPlain }
  return URL.canParse(url) ? { ...policy, named: new URL(url).origin } : policy
}

function answerTo(request: FetchRequest, policy: FetchPolicy, options: FetchOptions): Promise<FetchOutcome> {
  return fetchOnce(request, { ...options, policy })
}

/** Computes both kinds of hashes in one reading of the content, which may be large. */
function hashesOnce(): (content: Uint8Array) => ContentHashes {
  let of: Uint8Array | undefined
  let hashes: ContentHashes | undefined
  return content => {
    if (hashes === undefined || of !== content) hashes = contentHashes(content)
    of = content
    return hashes
  }
}
