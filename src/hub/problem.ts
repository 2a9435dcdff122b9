// Errors as answers: problem details of RFC 9457 with the library's codes. `error` repeats the text, because clients of Vela
// hubs look there. What is nobody's fault but this hub's is told as 500 without its cause. Specification: protocol/http.md, H5.

import { STATUS_CODES } from 'node:http'
import { type ErrorCode, hasCode, ReplicaError } from '../base/errors.ts'
import type { RouteResponse } from './response.ts'

const STATUS: Partial<Record<ErrorCode, number>> = {
  ERR_HTTP_REQUEST: 400,
  ERR_HTTP_METHOD: 405,
  ERR_HTTP_LIMIT: 413,
  ERR_HTTP_BUSY: 503,
  ERR_USAGE: 400,
  ERR_CID: 400,
  ERR_JSON: 400,
  ERR_JSON_CANONICAL: 400,
  ERR_EVENT_SHAPE: 400,
  ERR_EVENT_ID: 400,
  ERR_EVENT_SIZE: 400,
  ERR_EVENT_PARENT: 400,
  ERR_FRONTIER_ID: 400,
  ERR_FRONTIER: 400,
  ERR_INSTANT: 400,
  ERR_ENTRY: 400,
  ERR_PROPOSAL: 400,
  ERR_ENTRY_SIGNATURE: 400,
  ERR_ENTRY_OWNER: 403,
  ERR_SYNC_FORBIDDEN: 403,
  ERR_FRONTIER_UNKNOWN: 404,
  ERR_NOT_FOUND: 404,
  ERR_ENTRY_STALE: 409,
  ERR_STORE_CLOSED: 503,
}

export interface ProblemOptions {
  /** Where a code alone doesn't tell. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Further members. */
  readonly more?: Readonly<Record<string, string | boolean | null>>
}

/** The answer to a request that failed with `error`. */
export function problemOf(error: unknown, options: ProblemOptions = {}): RouteResponse & { body: string } {
  const known = hasCode(error) && (options.status ?? STATUS[error.code]) !== undefined
  const { code, message } = known ? error : new ReplicaError('ERR_INTERNAL', 'the hub could not answer')
  const status = (known ? options.status : undefined) ?? STATUS[code] ?? 500
  const members = {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: message,
    code,
    error: message,
    ...options.more,
  }
  const retry = status === 503 ? { 'retry-after': '5' } : {}
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...retry,
      ...options.headers,
    },
    body: `${JSON.stringify(members)}\n`,
  }
}

/** Whether it is this hub's own fault, which an operator has to hear of. */
export function isOwnFault(error: unknown): boolean {
  return !hasCode(error) || STATUS[error.code] === undefined
}
