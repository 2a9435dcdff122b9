// Turns errors into problem details of RFC 9457 with the library's codes, and handles requests that
// Node cannot parse or that time out. The member `error` repeats the text, because clients of Vela
// hubs read it there. A fault of this hub is a 500 without its cause. Spec: protocol/http.md, H1,
// H2 and H5.

import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ErrorCode, hasCode, ReplicaError } from '../base/errors.ts'
import type { RouteResponse } from './response.ts'

const STATUS: Partial<Record<ErrorCode, number>> = {
  ERR_HTTP_REQUEST: 400,
  ERR_HTTP_METHOD: 405,
  ERR_HTTP_HOST: 421,
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
  ERR_TEXT_WITHHELD: 409,
  ERR_STORE_CLOSED: 503,
}

export interface ProblemOptions {
  /** Replaces the status of the code. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Further members. */
  readonly more?: Readonly<Record<string, string | boolean | null>>
}

/** Returns the response to a request that failed with `error`. */
export function problemOf(error: unknown, options: ProblemOptions = {}): RouteResponse & { body: string } {
  const known = hasCode(error) && (options.status ?? STATUS[error.code]) !== undefined
  const { code, message } = known ? error : faultOf(error)
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

/** Returns a fault of this hub as clients may know it: that something is damaged, but not where. */
function faultOf(error: unknown): ReplicaError {
  if (hasCode(error, 'ERR_STORE_CORRUPT'))
    return new ReplicaError('ERR_STORE_CORRUPT', 'the store of this hub is damaged here; another hub may have it')
  return new ReplicaError('ERR_INTERNAL', 'internal error of the hub')
}

/** Whether the error is a fault of this hub, which its operator has to know. */
export function isHubFault(error: unknown): boolean {
  return !hasCode(error) || STATUS[error.code] === undefined
}

interface Malformation {
  readonly status: number
  readonly code: ErrorCode
  readonly reason: string
}

const MALFORMED: Malformation = { status: 400, code: 'ERR_HTTP_REQUEST', reason: 'not a valid HTTP request' }
/** By the code of Node's error. */
const MALFORMATIONS: Readonly<Record<string, Malformation>> = {
  HPE_HEADER_OVERFLOW: { status: 431, code: 'ERR_HTTP_LIMIT', reason: 'the headers are too long' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, code: 'ERR_HTTP_LIMIT', reason: 'too many chunk extensions' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, code: 'ERR_HTTP_REQUEST', reason: 'the request timed out' },
}

/**
 * Responds to requests that Node cannot parse or that time out: one problem per connection, which
 * then ends.
 *
 * @example
 * const malformed = new MalformedRequests()
 * server.on('clientError', (error, socket) => malformed.respond(error, socket, undefined))
 */
export class MalformedRequests {
  readonly #answered = new WeakSet<Duplex>()

  /**
   * `last` is the last response on this connection. A second response never follows half of a first
   * one.
   */
  respond(error: Error, socket: Duplex, last: ServerResponse | undefined): void {
    if (this.#answered.has(socket)) return
    this.#answered.add(socket)
    const isResponding = last?.headersSent === true && !last.writableFinished
    if (!socket.writable || isResponding) return void socket.destroy()
    const code = 'code' in error ? String(error.code) : ''
    socket.on('error', () => socket.destroy())
    socket.once('finish', () => socket.destroy())
    socket.end(rawResponse(MALFORMATIONS[code] ?? MALFORMED))
  }
}

function rawResponse({ status, code, reason }: Malformation): string {
  const { headers, body } = problemOf(new ReplicaError(code, reason), { status })
  const lines = Object.entries({ ...headers, 'content-length': String(body.length), connection: 'close' })
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines.map(([name, value]) => `${name}: ${value}`)]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
