// One GET as a decision without a network (protocol/registry-entry.md, E24): what to ask for, and what an answer means.
// Redirects come back here instead of being followed by the HTTP client, and a body past its bound is no body.

import { hasCode } from '../../base/errors.ts'
import { FETCH_LIMITS } from '../../base/limits.ts'
import { checkFetchUrl, type FetchPolicy, redirectTarget } from './fetch-policy.ts'

/** What the caller is to fetch by GET, following no redirect and reading no more than `bytesMax` bytes. */
export interface FetchRequest {
  readonly url: string
  readonly bytesMax: number
}

/** An answer with its status and whole body, or why there was none (also when the body was too long or broke off). */
export type FetchOutcome =
  | { readonly status: number; readonly body: Uint8Array; readonly location?: string }
  | { readonly error: string }

export interface Pending extends FetchRequest {
  readonly redirects: number
  readonly policy: FetchPolicy
}

export type HttpResponse =
  | { readonly kind: 'again'; readonly pending: Pending }
  | { readonly kind: 'body'; readonly body: Uint8Array }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'error'; readonly error: string }

/** The first request for a URL; why it must not be fetched, when it mustn't. */
export function newHttpGet(request: FetchRequest, policy: FetchPolicy): Pending | { readonly error: string } {
  try {
    checkFetchUrl(request.url, policy)
  } catch (error) {
    if (!hasCode(error, 'ERR_PEER_URL')) throw error
    return { error: error.message }
  }
  return { ...request, redirects: 0, policy }
}

export function onResponse(pending: Pending, outcome: FetchOutcome): HttpResponse {
  if ('error' in outcome) return { kind: 'error', error: outcome.error }
  const { status, body, location } = outcome
  if (REDIRECTS.has(status) && location !== undefined) {
    const target = redirectTarget(pending.url, location, pending.policy)
    if (target === undefined || pending.redirects >= FETCH_LIMITS.redirectsMax) return { kind: 'status', status }
    return { kind: 'again', pending: { ...pending, url: target, redirects: pending.redirects + 1 } }
  }
  // Any other success, such as a part of it, is not the whole body.
  if (status !== 200) return { kind: 'status', status }
  if (body.length > pending.bytesMax)
    return { kind: 'error', error: `the body has more than ${pending.bytesMax} bytes` }
  return { kind: 'body', body }
}

const REDIRECTS = new Set([301, 302, 303, 307, 308])
