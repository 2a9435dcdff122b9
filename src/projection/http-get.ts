// One request over the network (protocol/registry-entry.md, E21 to E24): what it answers whole, or why there is nothing. No redirect is
// followed here, nothing is decompressed, and each address that a name resolves to is judged when it is dialled, so that a name
// can't be public when it is looked at and private when it is connected to. Every answer ends: by its size, its silence or its age.

import { lookup } from 'node:dns/promises'
import * as http from 'node:http'
import * as https from 'node:https'
import type { LookupFunction } from 'node:net'
import { ReplicaError } from '../base/errors.ts'
import { FETCH_LIMITS } from '../base/limits.ts'
import { abortError } from '../base/signal.ts'
import { checkFetchUrl, type FetchPolicy, isPrivateAddress, mayBePrivate } from '../vela/federation/fetch-policy.ts'
import type { FetchOutcome, FetchRequest } from '../vela/federation/http-exchange.ts'

/** All addresses of a name. They are judged whoever finds them. */
export type Resolve = (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>

export interface AnswerOptions {
  readonly policy: FetchPolicy
  readonly signal?: AbortSignal
  /** JSON to be sent by POST: then an answer with any status has a body. */
  readonly send?: string
  /** PEM of authorities to trust in place of the usual ones, for closed networks. */
  readonly ca?: string
  /** Default: as the operating system does. */
  readonly resolve?: Resolve
  /** Of a frontier; default and most `frontierBytesMax`. */
  readonly bodyBytesMax?: number
  /** Default and most `answerIdleMsMax` and `answerMsMax`. */
  readonly idleMsMax?: number
  readonly totalMsMax?: number
}

/**
 * Never throws for what is on the other side: that is an outcome.
 * @throws ReplicaError ERR_ABORTED; ERR_PEER_URL for a URL that the policy refuses
 */
export function fetchAnswer(request: FetchRequest, options: AnswerOptions): Promise<FetchOutcome> {
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

  ask(url: URL, options: AnswerOptions): void {
    const { policy, ca, send } = options
    const allowPrivate = mayBePrivate(url.href, policy)
    const idle = within(options.idleMsMax, FETCH_LIMITS.answerIdleMsMax)
    const total = within(options.totalMsMax, FETCH_LIMITS.answerMsMax)
    const asked: https.RequestOptions = {
      method: send === undefined ? 'GET' : 'POST',
      agent: false,
      headers: {
        accept: 'application/json',
        'accept-encoding': 'identity',
        connection: 'close',
        ...(send !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(send) }),
      },
      maxHeaderSize: FETCH_LIMITS.answerHeaderBytesMax,
      lookup: judgedLookup(options.resolve ?? resolveAll, allowPrivate),
      // Whatever the environment says of certificates.
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca }),
    }
    const request = url.protocol === 'https:' ? https.request(url, asked) : http.request(url, asked)
    this.#request = request
    const quiet = setTimeout(() => this.fail(`received nothing for ${idle} ms`), idle)
    this.#timers = [quiet, setTimeout(() => this.fail(`it took longer than ${total} ms`), total)]
    request.on('socket', socket => {
      socket.on('connect', () => {
        // A literal address is not looked up, and so judged here too.
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
    // What such an answer says is of no use, and may have no end.
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

/** Bytes in one piece from the start: a body in chunks of a byte each would cost a hundred times its size as a list. */
class Body {
  readonly #most: number
  #buffer: Uint8Array
  #length = 0

  constructor(most: number) {
    this.#most = most
    this.#buffer = new Uint8Array(Math.min(most, FIRST_BYTES))
  }

  /** False when it has become too long. */
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

/** What is refused before a byte of the body is read. */
function headerFault(headers: http.IncomingHttpHeaders, bytesMax: number): string | undefined {
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') return `the body has the encoding ${encoding.slice(0, 40)}, which was not requested`
  if (Number(headers['content-length'] ?? 0) > bytesMax) return tooLong(bytesMax)
  return undefined
}

/** One private address among several is enough: whoever answers for the name chooses which is dialled. */
function judgedLookup(resolve: Resolve, allowPrivate: boolean): LookupFunction {
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
