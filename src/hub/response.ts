// Sends responses, whole or in chunks that wait for the reader. A reader that stops reading costs
// the hub one socket buffer and one chunk, and is disconnected after `stallMsMax`. Conditional
// requests and HEAD are handled here for every route.
// Spec: protocol/http.md, H4 and H6.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { sha256, toHex, utf8 } from '../base/bytes.ts'
import { HTTP_LIMITS } from '../base/limits.ts'
import { Signal } from '../base/signal.ts'

export type Headers = Readonly<Record<string, string>>

export interface RouteResponse {
  readonly status: number
  readonly headers: Headers
  /**
   * Text, bytes, or a function that writes chunks until it returns; the function is not called for
   * HEAD.
   */
  readonly body: string | Uint8Array | ((writer: ResponseWriter) => Promise<void>)
  /** The body does not end by itself; it counts as a stream instead of a response. */
  readonly isStream?: true
}

/** Caches revalidate before each use. */
export const NO_CACHE = 'no-cache'
export const IMMUTABLE = 'public, max-age=31536000, immutable'

const CHUNK_BYTES = 64 * 1024

/** Returns 200 with JSON text, under `tag` or else a strong tag of its content. */
export function jsonResponse(text: string, options: { tag?: string; headers?: Headers } = {}): RouteResponse {
  const { tag = contentTag(text), headers = {} } = options
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': NO_CACHE, etag: `"${tag}"`, ...headers },
    body: text,
  }
}

/** Returns JSON without a tag, for values that differ at each request. */
export function uncachedJson(value: object, options: { status?: number; headers?: Headers } = {}): RouteResponse {
  const { status = 200, headers = {} } = options
  const all = { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers }
  return { status, headers: all, body: `${JSON.stringify(value)}\n` }
}

function contentTag(text: string): string {
  return toHex(sha256(utf8(text))).slice(0, 32)
}

/**
 * Sends a response. Resolves when the socket has accepted all of it, or when the reader has
 * disconnected.
 */
export async function sendResponse(
  message: IncomingMessage,
  target: ServerResponse,
  full: RouteResponse,
): Promise<void> {
  const { status, headers, body } = isNotModified(message, full) ? notModified(full) : full
  const whole = typeof body === 'string' ? utf8(body) : body
  const length: Headers =
    typeof whole === 'function' || status === 304 || status === 204 ? {} : { 'content-length': String(whole.length) }
  target.writeHead(status, { ...headers, ...length })
  if (message.method === 'HEAD' || status === 304 || status === 204) return void target.end()
  if (typeof whole !== 'function' && whole.length <= CHUNK_BYTES) return void target.end(whole)
  const writer = new ResponseWriter(target)
  try {
    if (typeof whole === 'function') await whole(writer)
    else await writer.writeAll(whole)
  } finally {
    writer.close()
  }
  target.end()
}

/** Whether the reader names the tag of a 200 response (RFC 9110, section 13.1.2). */
function isNotModified(message: IncomingMessage, { status, headers }: RouteResponse): boolean {
  if (headers.etag === undefined || status !== 200) return false
  const tags = message.headers['if-none-match'] ?? ''
  if (tags.trim() === '*') return true
  return tags.split(',').some(tag => tag.trim().replace(/^W\//, '') === headers.etag)
}

function notModified({ headers }: RouteResponse): RouteResponse {
  const { 'content-type': _, 'content-length': __, ...kept } = headers
  return { status: 304, headers: kept, body: '' }
}

/**
 * Writes the body of a response in chunks, at the pace of its reader.
 *
 * @example
 * const body = async (writer: ResponseWriter) => {
 *   for await (const chunk of chunks) await writer.write(chunk)
 * }
 */
export class ResponseWriter {
  readonly #target: ServerResponse
  readonly #wakeUp = new Signal()
  #isWoken = false
  #stallTimer: NodeJS.Timeout | undefined

  constructor(target: ServerResponse) {
    this.#target = target
    target.on('drain', this.#notify).on('close', this.#notify)
  }

  /** True once the reader has disconnected, or has been disconnected. */
  get isClosed(): boolean {
    return this.#target.destroyed
  }

  /**
   * Writes one chunk and waits while the socket's buffer is full. Disconnects a reader that stalls.
   */
  async write(chunk: string | Uint8Array): Promise<void> {
    if (this.isClosed || this.#target.write(chunk)) return
    const timer = setTimeout(() => this.#target.destroy(), HTTP_LIMITS.stallMsMax)
    this.#stallTimer = timer
    while (!this.isClosed && this.#target.writableNeedDrain) await this.#wakeUp.wait()
    clearTimeout(timer)
  }

  async writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.isClosed; at += CHUNK_BYTES)
      await this.write(bytes.subarray(at, at + CHUNK_BYTES))
  }

  /**
   * Waits until the reader disconnects, `ms` pass, or `wake` is called. Returns whether `wake` was
   * called since the last pause.
   */
  async pause(ms: number): Promise<boolean> {
    if (!this.#isWoken && !this.isClosed) {
      const timer = setTimeout(this.#notify, ms)
      await this.#wakeUp.wait()
      clearTimeout(timer)
    }
    const isWoken = this.#isWoken
    this.#isWoken = false
    return isWoken
  }

  /** Disconnects the reader. */
  destroy(): void {
    this.#target.destroy()
  }

  wake(): void {
    this.#isWoken = true
    this.#notify()
  }

  close(): void {
    clearTimeout(this.#stallTimer)
    this.#target.off('drain', this.#notify).off('close', this.#notify)
  }

  readonly #notify = (): void => {
    this.#wakeUp.notify()
  }
}
