// Fetching a peer's frontier from its documented place (protocol/registry-entry.md, E29–E31), as a machine without a network:
// `<base>/manifest/<frontier>.json`, then the signature beside it. The signature is the hub's, over which bytes it served
// for which frontier; a registered peer must sign, and sign with its registered key.

import { sha256, toHex, utf8 } from '../../base/bytes.ts'
import { checkFrontierId } from '../../base/frontier-id.ts'
import { FETCH_LIMITS } from '../../base/limits.ts'
import { type Signer, signHex, type Verify, verifiesHex } from '../../event/signing.ts'
import { judgeContent } from '../files/received-file.ts'
import type { FetchPolicy } from './fetch-policy.ts'
import { type FetchOutcome, type FetchRequest, newHttpGet, onResponse, type Pending } from './http-exchange.ts'

export interface PeerFetch {
  readonly base: string
  readonly frontier: string
  /** The key that the peer is registered with, 64 lower-case hex digits; undefined for one that is not registered. */
  readonly peerKey: string | undefined
  readonly verify: Verify
  readonly policy: FetchPolicy
}

export type PeerFetchResult =
  /** `signer` is the key that signed these bytes, undefined when nobody did. */
  | { readonly kind: 'Fetched'; readonly content: Uint8Array; readonly signer: string | undefined }
  /** Status 0 when there was none, or when it was not the status that failed. */
  | { readonly kind: 'Failed'; readonly url: string; readonly status: number; readonly reason: string }

export interface PeerFetchState {
  readonly peerFetch: PeerFetch
  readonly pending: Pending
  /** What was fetched and is sound in itself; undefined while it is what is being fetched. */
  readonly content: Uint8Array | undefined
}

export type PeerFetchStep =
  | { readonly fetch: FetchRequest; readonly state: PeerFetchState }
  | { readonly result: PeerFetchResult }

const DOMAIN = 'replica/manifest/1\n'

/** What a hub signs beside a frontier that it serves: a domain, the frontier's name, the hash of the bytes. */
export function manifestSigningBytes(frontier: string, content: Uint8Array): Uint8Array {
  return utf8(`${DOMAIN}${frontier}\n${toHex(sha256(content))}\n`)
}

/** The text of a `.sig` file: key and signature in hex, one space between them, a line feed. */
export function signManifestFile(frontier: string, content: Uint8Array, signer: Signer): string {
  return `${signer.publicKey} ${signHex(signer, manifestSigningBytes(frontier, content))}\n`
}

/** @throws ReplicaError ERR_FRONTIER_ID */
export function startPeerFetch(peerFetch: PeerFetch): PeerFetchStep {
  checkFrontierId(peerFetch.frontier)
  return request({ peerFetch, content: undefined }, FETCH_LIMITS.frontierBytesMax)
}

export function continuePeerFetch(state: PeerFetchState, outcome: FetchOutcome): PeerFetchStep {
  const arrival = onResponse(state.pending, outcome)
  if (arrival.kind === 'again') return waiting({ ...state, pending: arrival.pending })
  const { peerFetch, content } = state
  const url = fileUrl(state)
  if (arrival.kind === 'error') return failed(url, 0, arrival.error)
  if (content !== undefined) return signatureArrived(state, content, arrival)
  if (arrival.kind === 'status') return failed(url, arrival.status, `peer returned HTTP ${arrival.status}`)
  const verdict = judgeContent(arrival.body, peerFetch.frontier)
  if (verdict !== 'good') return failed(url, 0, `parse peer frontier: ${verdict.reason}`)
  return request({ peerFetch, content: arrival.body }, SIGNATURE_BYTES_MAX)
}

/** A key, a space, a signature, and a line end of either kind. */
const SIGNATURE_BYTES_MAX = 64 + 1 + 128 + 2

function signatureArrived(
  state: PeerFetchState,
  content: Uint8Array,
  arrival: { kind: 'status'; status: number } | { kind: 'body'; body: Uint8Array },
): PeerFetchStep {
  const { frontier, peerKey, verify } = state.peerFetch
  const url = fileUrl(state)
  if (arrival.kind === 'status') {
    const absent = arrival.status === 404 || arrival.status === 410
    if (absent && peerKey === undefined) return { result: { kind: 'Fetched', content, signer: undefined } }
    return failed(url, arrival.status, 'the signature of the frontier is not available')
  }
  const text = Buffer.from(arrival.body).toString('latin1')
  const parts = /^([0-9a-f]{64}) ([0-9a-f]{128})\r?\n?$/.exec(text)
  if (parts === null) return failed(url, 0, 'the signature of the frontier is malformed')
  const [key, signature] = parts.slice(1) as [string, string]
  if (peerKey !== undefined && key !== peerKey)
    return failed(url, 0, 'the frontier is signed by another key than the peer’s')
  if (!verifiesHex(verify, { key, message: manifestSigningBytes(frontier, content), signature }))
    return failed(url, 0, 'the signature of the frontier is not valid')
  return { result: { kind: 'Fetched', content, signer: key } }
}

function request(state: Omit<PeerFetchState, 'pending'>, bytesMax: number): PeerFetchStep {
  const url = fileUrl(state)
  const pending = newHttpGet({ url, bytesMax }, state.peerFetch.policy)
  return 'error' in pending ? failed(url, 0, pending.error) : waiting({ ...state, pending })
}

function fileUrl({ peerFetch: { base, frontier }, content }: Omit<PeerFetchState, 'pending'>): string {
  return `${base.replace(/\/+$/, '')}/manifest/${frontier}.${content === undefined ? 'json' : 'sig'}`
}

function waiting(state: PeerFetchState): PeerFetchStep {
  const { url, bytesMax } = state.pending
  return { fetch: { url, bytesMax }, state }
}

function failed(url: string, status: number, reason: string): PeerFetchStep {
  return { result: { kind: 'Failed', url, status, reason } }
}
