// State machine that fetches a peer's frontier from its documented URL, without a network:
// `<base>/manifest/<frontier>.json`, then the signature at `.sig`. The hub signs the bytes that it
// serves for the frontier. A registered peer must sign with its registered key.
// Spec: protocol/registry-entry.md, E29–E31.

import { sha256, toHex, utf8 } from '../../base/bytes.ts'
import { checkFrontierId } from '../../base/frontier-id.ts'
import { FETCH_LIMITS } from '../../base/limits.ts'
import { type Signer, signHex, type Verify, verifiesHex } from '../../event/signing.ts'
import { judgeContent } from '../files/received-file.ts'
import type { FetchPolicy } from './fetch-policy.ts'
import { type FetchOutcome, type FetchRequest, newHttpGet, onResponse, type Pending } from './http-exchange.ts'

/** Parameters of a fetch. */
export interface PeerFetch {
  /** Base URL of the peer. */
  readonly base: string
  /** `vfr_…` */
  readonly frontier: string
  /**
   * The peer's registered key, 64 lower-case hex digits; undefined if the peer is not registered.
   */
  readonly peerKey: string | undefined
  readonly verify: Verify
  readonly policy: FetchPolicy
}

/** The content, or the reason of the failure. */
export type PeerFetchResult =
  /** `signer` is the key that signed the content; undefined without a signature. */
  | { readonly kind: 'Fetched'; readonly content: Uint8Array; readonly signer: string | undefined }
  /** `status` is 0 if there was none, or if the response failed for another reason. */
  | { readonly kind: 'Failed'; readonly url: string; readonly status: number; readonly reason: string }

/** A fetch that waits for the outcome of `pending`. */
export interface PeerFetchState {
  readonly peerFetch: PeerFetch
  readonly pending: Pending
  /** The checked content; undefined while it is being fetched. */
  readonly content: Uint8Array | undefined
}

/** The next request with the state to continue from, or the result. */
export type PeerFetchStep =
  | { readonly fetch: FetchRequest; readonly state: PeerFetchState }
  | { readonly result: PeerFetchResult }

const DOMAIN = 'replica/manifest/1\n'

/**
 * Returns the bytes that a hub signs for a frontier it serves: a domain, the frontier's id, the
 * hash of the content.
 */
function manifestSigningBytes(frontier: string, content: Uint8Array): Uint8Array {
  return utf8(`${DOMAIN}${frontier}\n${toHex(sha256(content))}\n`)
}

/**
 * Returns the text of a `.sig` file: key and signature in hex, separated by one space, then a line
 * feed.
 */
export function signManifestFile(frontier: string, content: Uint8Array, signer: Signer): string {
  return `${signer.publicKey} ${signHex(signer, manifestSigningBytes(frontier, content))}\n`
}

/** Returns the first step of a fetch. @throws ReplicaError ERR_FRONTIER_ID */
export function startPeerFetch(peerFetch: PeerFetch): PeerFetchStep {
  checkFrontierId(peerFetch.frontier)
  return request({ peerFetch, content: undefined }, FETCH_LIMITS.frontierBytesMax)
}

/** Returns the step that follows the outcome of the pending request. */
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

/** Bytes of a key, a space, a signature, and a line end (LF or CRLF). */
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
  if (parts === null) return failed(url, 0, 'the signature file of the frontier is malformed')
  const [key, signature] = parts.slice(1) as [string, string]
  if (peerKey !== undefined && key !== peerKey) return failed(url, 0, 'the frontier is not signed by the peer’s key')
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
