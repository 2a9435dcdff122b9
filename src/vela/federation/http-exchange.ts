// One GET as a state machine without a network: the request, and the meaning of its response. The
// HTTP client follows no redirects; they are decided here. A body over its limit is an error.
// Spec: protocol/registry-entry.md, E24.

import { hasCode } from '../../base/errors.ts'
import { FETCH_LIMITS } from '../../base/limits.ts'
import { checkFetchUrl, type FetchPolicy, redirectTarget } from './fetch-policy.ts'

/**
 * A GET that the caller performs: it follows no redirect and reads at most `bytesMax` bytes of the
 * body.
 */
export interface FetchRequest {
  readonly url: string
  readonly bytesMax: number
}

/**
 * A response with its status and whole body, or the error (also for a body that is too long or
 * incomplete).
 */
export type FetchOutcome =
  | { readonly status: number; readonly body: Uint8Array; readonly location?: string }
  | { readonly error: string }

/** A request whose outcome is awaited. */
export interface Pending extends FetchRequest {
  readonly redirects: number
  readonly policy: FetchPolicy
}

/** The meaning of an outcome: `again` requests the next URL of a redirect. */
export type HttpResponse =
  | { readonly kind: 'again'; readonly pending: Pending }
  | { readonly kind: 'body'; readonly body: Uint8Array }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'error'; readonly error: string }

/** Returns the first request for a URL, or the reason why the policy refuses it. */
export function newHttpGet(request: FetchRequest, policy: FetchPolicy): Pending | { readonly error: string } {
  try {
    checkFetchUrl(request.url, policy)
  } catch (error) {
    if (!hasCode(error, 'ERR_PEER_URL')) throw error
    return { error: error.message }
  }
  return { ...request, redirects: 0, policy }
}

/** Returns what the outcome of a request means. */
export function onResponse(pending: Pending, outcome: FetchOutcome): HttpResponse {
  if ('error' in outcome) return { kind: 'error', error: outcome.error }
  const { status, body, location } = outcome
  if (REDIRECTS.has(status) && location !== undefined) {
    const target = redirectTarget(pending.url, location, pending.policy)
    if (target === undefined || pending.redirects >= FETCH_LIMITS.redirectsMax) return { kind: 'status', status }
    return { kind: 'again', pending: { ...pending, url: target, redirects: pending.redirects + 1 } }
  }
  // Any other success status, such as 206, does not carry the whole body.
  if (status !== 200) return { kind: 'status', status }
  if (body.length > pending.bytesMax)
    return { kind: 'error', error: `the body has more than ${pending.bytesMax} bytes` }
  return { kind: 'body', body }
}

const REDIRECTS = new Set([301, 302, 303, 307, 308])
