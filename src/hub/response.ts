// Answers and how they are sent: whole, or in pieces that wait for the reader. A reader that stops reading costs the hub at
// most a socket's buffer and one piece, and is let go after `stallMsMax`. Conditional requests and HEAD are settled here
// for every handler. Specification: protocol/http.md, H4 and H6.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { sha256, toHex, utf8 } from '../base/bytes.ts'
import { HTTP_LIMITS } from '../base/limits.ts'
import { Signal } from '../base/signal.ts'

export type Headers = Readonly<Record<string, string>>

export interface RouteResponse {
  readonly status: number
  readonly headers: Headers
  /** Text, bytes, or what writes pieces until it returns; the last is not run for HEAD. */
  readonly body: string | Uint8Array | ((outlet: ResponseWriter) => Promise<void>)
  /** It goes on as long as its reader likes, and is counted as a stream. */
  readonly isStream?: true
}

/** Not to be kept without asking again whether it is still so. */
export const NO_CACHE = 'no-cache'
export const IMMUTABLE = 'public, max-age=31536000, immutable'

const PIECE_BYTES = 64 * 1024

/** 200 with JSON text, under a strong tag of its content or the one given. */
export function jsonAnswer(text: string, options: { tag?: string; headers?: Headers } = {}): RouteResponse {
  const { tag = contentTag(text), headers = {} } = options
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': NO_CACHE, etag: `"${tag}"`, ...headers },
    body: text,
  }
}

/** JSON of what is counted at this moment: never the same twice, so without a tag. */
export function uncachedJson(value: object, status = 200): RouteResponse {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  return { status, headers, body: `${JSON.stringify(value)}\n` }
}

/** A strong tag of some text. */
function contentTag(text: string): string {
  return toHex(sha256(utf8(text))).slice(0, 32)
}

/** Sends an answer. Resolves when all is handed to the socket, or when the reader is gone. */
export async function sendResponse(
  request: IncomingMessage,
  response: ServerResponse,
  given: RouteResponse,
): Promise<void> {
  const answer = unchanged(request, given) ? withoutBody(given) : given
  const { status, headers, body } = answer
  const fixed = typeof body === 'string' ? utf8(body) : body
  const length: Headers =
    typeof fixed === 'function' || status === 304 || status === 204 ? {} : { 'content-length': String(fixed.length) }
  response.writeHead(status, { ...headers, ...length })
  if (request.method === 'HEAD' || status === 304 || status === 204) return void response.end()
  if (typeof fixed !== 'function' && fixed.length <= PIECE_BYTES) return void response.end(fixed)
  const outlet = new ResponseWriter(response)
  try {
    if (typeof fixed === 'function') await fixed(outlet)
    else await outlet.writeAll(fixed)
  } finally {
    outlet.close()
  }
  response.end()
}

/** Whether the reader has this already: a 200 whose tag it names (RFC 9110, section 13.1.2). */
function unchanged(request: IncomingMessage, { status, headers }: RouteResponse): boolean {
  if (headers.etag === undefined || status !== 200) return false
  return request.headers['if-none-match']?.trim() === '*' || namesTag(request, headers.etag)
}

/** Whether the reader says that it has what this tag, with its quotes, is of. */
export function namesTag({ headers }: IncomingMessage, etag: string): boolean {
  const tags = headers['if-none-match']?.split(',') ?? []
  return tags.some(tag => tag.trim().replace(/^W\//, '') === etag)
}

function withoutBody({ headers }: RouteResponse): RouteResponse {
  const { 'content-type': _, 'content-length': __, ...kept } = headers
  return { status: 304, headers: kept, body: '' }
}

/** The writing end of an answer in pieces. */
export class ResponseWriter {
  readonly #response: ServerResponse
  readonly #wake = new Signal()
  #woken = false
  #stalled: NodeJS.Timeout | undefined

  constructor(response: ServerResponse) {
    this.#response = response
    response.on('drain', this.#go).on('close', this.#go)
  }

  /** The reader went, or was let go. */
  get gone(): boolean {
    return this.#response.destroyed
  }

  /** Writes one piece and waits while the socket's buffer is full; a reader that takes nothing for too long is let go. */
  async write(piece: string | Uint8Array): Promise<void> {
    if (this.gone || this.#response.write(piece)) return
    const stalled = setTimeout(() => this.#response.destroy(), HTTP_LIMITS.stallMsMax)
    this.#stalled = stalled
    while (!this.gone && this.#response.writableNeedDrain) await this.#wake.wait()
    clearTimeout(stalled)
  }

  async writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.gone; at += PIECE_BYTES)
      await this.write(bytes.subarray(at, at + PIECE_BYTES))
  }

  /** Until the reader is gone, `ms` are over, or `wake` was called since the last pause. Whether it was called. */
  async pause(ms: number): Promise<boolean> {
    if (!this.#woken && !this.gone) {
      const timer = setTimeout(this.#go, ms)
      await this.#wake.wait()
      clearTimeout(timer)
    }
    const woken = this.#woken
    this.#woken = false
    return woken
  }

  wake(): void {
    this.#woken = true
    this.#go()
  }

  close(): void {
    clearTimeout(this.#stalled)
    this.#response.off('drain', this.#go).off('close', this.#go)
  }

  readonly #go = (): void => {
    this.#wake.notify()
  }
}
