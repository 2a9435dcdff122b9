// Makes one HTTP request with a response of bounded size, silence and time. Follows no redirect and
// decompresses nothing. Checks each resolved address when it is dialed, so that a name can't
// resolve to a public address first and to a private one later. Spec: protocol/registry-entry.md,
// E21 to E24.

import { lookup } from 'node:dns/promises'
import * as http from 'node:http'
import * as https from 'node:https'
import type { LookupFunction } from 'node:net'
import { ReplicaError } from '../base/errors.ts'
import { FETCH_LIMITS } from '../base/limits.ts'
import { abortError } from '../base/signal.ts'
import { checkFetchUrl, type FetchPolicy, isPrivateAddress, mayBePrivate } from '../vela/federation/fetch-policy.ts'
import type { FetchOutcome, FetchRequest } from '../vela/federation/http-exchange.ts'

/** Resolves a name to all its addresses, which are checked afterwards. */
export type Resolve = (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>

export interface RequestOptions {
  readonly policy: FetchPolicy
  readonly signal?: AbortSignal
  /**
   * JSON to POST. A response with any status then has a body. The silence while a frontier is sent
   * and examined is limited by the total time only.
   */
  readonly send?: string | Uint8Array
  /** PEM of certificate authorities that replace the default ones, for closed networks. */
  readonly ca?: string
  /** Default: the operating system's resolver. */
  readonly resolve?: Resolve
  /** Bytes of a frontier; default and maximum `frontierBytesMax`. */
  readonly bodyBytesMax?: number
  /** ms of silence, and in total; defaults and maxima `answerIdleMsMax` and `answerMsMax`. */
  readonly idleMsMax?: number
  readonly totalMsMax?: number
}

/**
 * Makes the request. Faults of the other side are outcomes, not errors.
 * @throws ReplicaError ERR_ABORTED; ERR_PEER_URL for a URL that the policy refuses
 */
export function fetchOnce(request: FetchRequest, options: RequestOptions): Promise<FetchOutcome> {
  const { policy, signal, bodyBytesMax = FETCH_LIMITS.frontierBytesMax } = options
  checkFetchUrl(request.url, policy)
  if (signal?.aborted) return Promise.reject(abortError(signal, 'the fetch was aborted'))
  return new Promise((resolve, reject) => {
    const answer = new Answer(Math.min(request.bytesMax, bodyBytesMax), outcome => {
      signal?.removeEventListener('abort', onAbort)
      resolve(outcome)
    })
    const onAbort = (): void => {
      reject(abortError(signal!, 'the fetch was aborted'))
      answer.fail('it was aborted')
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    answer.ask(new URL(request.url), options)
  })
}

class Answer {
  readonly #bytesMax: number
  readonly #settle: (outcome: FetchOutcome) => void
  #request: http.ClientRequest | undefined
  #timers: NodeJS.Timeout[] = []
  #settled = false

  constructor(bytesMax: number, settle: (outcome: FetchOutcome) => void) {
    this.#bytesMax = bytesMax
    this.#settle = settle
  }

  ask(url: URL, options: RequestOptions): void {
    const { policy, ca, send } = options
    const allowPrivate = mayBePrivate(url.href, policy)
    const total = within(options.totalMsMax, FETCH_LIMITS.answerMsMax)
    const sentBytes = send === undefined ? 0 : Buffer.byteLength(send)
    const sendsFrontier = sentBytes > FETCH_LIMITS.entryBytesMax
    const idle = sendsFrontier ? total : within(options.idleMsMax, FETCH_LIMITS.answerIdleMsMax)
    const asked: https.RequestOptions = {
      method: send === undefined ? 'GET' : 'POST',
      agent: false,
      headers: {
        accept: 'application/json',
        'accept-encoding': 'identity',
        connection: 'close',
        ...(send !== undefined && { 'content-type': 'application/json', 'content-length': sentBytes }),
      },
      maxHeaderSize: FETCH_LIMITS.answerHeaderBytesMax,
      lookup: checkedLookup(options.resolve ?? resolveAll, { allowPrivate }),
      // Even if the environment disables certificate checks.
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca }),
    }
    const request = url.protocol === 'https:' ? https.request(url, asked) : http.request(url, asked)
    this.#request = request
    const quiet = setTimeout(() => this.fail(`received nothing for ${idle} ms`), idle)
    this.#timers = [quiet, setTimeout(() => this.fail(`it took longer than ${total} ms`), total)]
    request.on('socket', socket => {
      socket.on('connect', () => {
        // A literal address is not resolved, so it is checked here too.
        if (!allowPrivate && isPrivateAddress(socket.remoteAddress ?? '')) this.fail(privateText(url.hostname))
      })
    })
    request.on('response', response => this.#read(response, { quiet, always: send !== undefined }))
    request.on('error', error => this.fail(error.message))
    request.end(send)
  }

  #read(response: http.IncomingMessage, how: { quiet: NodeJS.Timeout; always: boolean }): void {
    const { quiet, always } = how
    quiet.refresh()
    const status = response.statusCode ?? 0
    const { location } = response.headers
    response.on('error', error => this.fail(error.message))
    // The body of such a response is not used, and may be endless.
    if (status !== 200 && !always) {
      const body = new Uint8Array()
      return this.#end(location === undefined ? { status, body } : { status, body, location })
    }
    const fault = headerFault(response.headers, this.#bytesMax)
    if (fault !== undefined) return this.fail(fault)
    const body = new Body(this.#bytesMax)
    response.on('data', (chunk: Uint8Array) => {
      quiet.refresh()
      if (!body.add(chunk)) this.fail(tooLong(this.#bytesMax))
    })
    response.on('close', () => this.fail('the body is incomplete'))
    response.on('end', () => {
      if (response.complete) this.#end({ status, body: body.bytes() })
      else this.fail('the body is incomplete')
    })
  }

  fail(error: string): void {
    this.#end({ error })
  }

  #end(outcome: FetchOutcome): void {
    if (this.#settled) return
    this.#settled = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#request?.destroy()
    this.#settle(outcome)
  }
}

/** One buffer from the start: a list of one-byte chunks would take a hundred times the size. */
class Body {
  readonly #most: number
  #buffer: Uint8Array
  #length = 0

  constructor(most: number) {
    this.#most = most
    this.#buffer = new Uint8Array(Math.min(most, FIRST_BYTES))
  }

  /** Returns false if the body is too long. */
  add(chunk: Uint8Array): boolean {
    const length = this.#length + chunk.length
    if (length > this.#most) return false
    if (length > this.#buffer.length) {
      const grown = new Uint8Array(Math.min(this.#most, Math.max(length, 2 * this.#buffer.length)))
      grown.set(this.#buffer.subarray(0, this.#length))
      this.#buffer = grown
    }
    this.#buffer.set(chunk, this.#length)
    this.#length = length
    return true
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }
}

const FIRST_BYTES = 64 * 1024

/** Returns a fault of the headers, before the body is read. */
function headerFault(headers: http.IncomingHttpHeaders, bytesMax: number): string | undefined {
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') return `the body has the encoding ${encoding.slice(0, 40)}, which was not requested`
  if (Number(headers['content-length'] ?? 0) > bytesMax) return tooLong(bytesMax)
  return undefined
}

/**
 * One private address among several is refused, because the name's owner controls which is dialed.
 */
function checkedLookup(resolve: Resolve, { allowPrivate }: { allowPrivate: boolean }): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      found => {
        const [first] = found
        if (first === undefined) return callback(new ReplicaError('ERR_FETCH', `${hostname} has no address`), '', 0)
        if (!allowPrivate && found.some(({ address }) => isPrivateAddress(address)))
          return callback(new ReplicaError('ERR_FETCH', privateText(hostname)), '', 0)
        if (options.all === true) return callback(null, [...found])
        callback(null, first.address, first.family)
      },
      (error: Error) => callback(error, '', 0),
    )
  }
}

function resolveAll(host: string): ReturnType<Resolve> {
  return lookup(host, { all: true })
}

function privateText(host: string): string {
  return `${host} resolves to this machine or a private network`
}

function tooLong(bytesMax: number): string {
  return `the body has more than ${bytesMax} bytes`
}

function within(asked: number | undefined, most: number): number {
  return Math.min(asked ?? most, most)
}
