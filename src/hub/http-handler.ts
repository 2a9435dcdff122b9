// Serves every HTTP request of a hub that is not an upgrade: finds its route, calls the handler and
// sends the response. An error becomes a problem; an unexpected error becomes a 500 and an alarm,
// and the hub continues.
// Spec: protocol/http.md.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { hasCode, ReplicaError } from '../base/errors.ts'
import { HTTP_LIMITS, SOCKET_LIMITS } from '../base/limits.ts'
import { OwnershipStore } from '../projection/ownership-store.ts'
import { contextOf, type Replica } from '../replica/replica.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import type { BrowserGuard } from './browser-guard.ts'
import type { ClientAddress } from './clients/client-address.ts'
import { ConcurrencyLimit } from './clients/concurrency-limit.ts'
import type { StrangerWork } from './clients/stranger-work.ts'
import { HubCounters } from './counters.ts'
import { EventCursors } from './event-cursor.ts'
import type { HubContext } from './hub-context.ts'
import { script, styleSheet } from './page/page-frame.ts'
import { PageRoutes } from './page/page-routes.ts'
import { isHubFault, MalformedRequests, problemOf } from './problem.ts'
import { PublicationIntake, PublishedEntries } from './published-entries.ts'
import { type RouteResponse, sendResponse } from './response.ts'
import { type Match, matchRoute, type Route, readTarget } from './router.ts'
import { eventsPage } from './routes/event-routes.ts'
import { EventStreams } from './routes/event-stream.ts'
import { block, conflicts, heads } from './routes/frontier-routes.ts'
import { HealthRoutes } from './routes/health.ts'
import { type HubMetrics, metrics } from './routes/metrics.ts'
import { acceptRecords, maintainers, status } from './routes/ownership-routes.ts'
import { EntryRoutes } from './routes/registry-routes.ts'
import { manifestFile, manifestSignature, snapshot } from './routes/snapshot-routes.ts'
import { ServedEntries } from './served-entries.ts'
import { SnapshotCache } from './snapshot-cache.ts'

const { answersMax, answersPerAddressMax } = HTTP_LIMITS
const EXPOSED = { 'access-control-expose-headers': 'ETag, Retry-After' }
const PREFLIGHT = { 'access-control-allow-headers': 'If-None-Match, Last-Event-ID', 'access-control-max-age': '600' }

/** The concurrency slot of a request, once it has one. */
interface Slot {
  readonly client: ClientAddress
  /** Ends the request at once. */
  readonly end: () => void
  release?: (() => void) | undefined
}

export interface HttpHandlerOptions {
  readonly openRead: boolean
  /** Public HTTP address, without a slash at the end. */
  readonly baseUrl: () => string
  readonly metrics: () => HubMetrics
  /** The turns of all strangers. */
  readonly work: StrangerWork
  /** Keeps pages of other sites away. */
  readonly guard: BrowserGuard
}

/**
 * The HTTP side of one hub.
 *
 * @example
 * const handler = new HttpHandler(replica, options)
 * server.on('request', (message, target) => handler.serve(message, target, client))
 */
export class HttpHandler {
  readonly counters = new HubCounters()
  readonly #context: ReplicaContext
  readonly #openRead: boolean
  readonly #guard: BrowserGuard
  readonly #routes: readonly Route[]
  readonly #limit = new ConcurrencyLimit({ max: answersMax, perAddressMax: answersPerAddressMax })
  readonly #work: StrangerWork
  readonly #malformed = new MalformedRequests()
  readonly #stopping = new AbortController()

  constructor(replica: Replica, options: HttpHandlerOptions) {
    const context = contextOf(replica)
    this.#context = context
    this.#openRead = options.openRead
    this.#guard = options.guard
    this.#work = options.work
    const snapshots = new SnapshotCache(replica)
    const owners = new OwnershipStore(context)
    const published = new PublishedEntries(context.store.records)
    const { baseUrl } = options
    const hub: HubContext = {
      context,
      snapshots,
      owners,
      intake: new PublicationIntake({ context, owners, published }),
      served: new ServedEntries({ context, snapshots, owners, published, baseUrl }),
      cursors: new EventCursors(),
      counters: this.counters,
      baseUrl,
      openRead: options.openRead,
      stopping: this.#stopping.signal,
    }
    this.#routes = routesOf(hub, options)
  }

  /** Ends open streams and makes `/healthz` report the stop. */
  stop(): void {
    this.#stopping.abort()
    this.counters.close()
  }

  /** Responds to a request of this client. */
  async serve(message: IncomingMessage, target: ServerResponse, client: ClientAddress): Promise<void> {
    const slot: Slot = { client, end: () => target.destroy() }
    target.on('error', () => target.destroy())
    try {
      const response = await this.#respond(message, slot)
      if (response.isStream) slot.release?.()
      if (message.listenerCount('data') === 0) discardBody(message)
      this.counters.countResponse(response.status)
      await sendResponse(message, target, withClose(message, response))
    } catch (error) {
      // The status is already sent, so the only way to report a failure is to end the connection.
      target.destroy()
      this.counters.countError(error)
      if (isHubFault(error)) this.#alarm(error)
    } finally {
      slot.release?.()
    }
  }

  /**
   * Responds to a request that Node could not parse. `last` is the last response on this
   * connection.
   */
  respondMalformed(error: Error, socket: Duplex, last: ServerResponse | undefined): void {
    this.#malformed.respond(error, socket, last)
  }

  async #respond(message: IncomingMessage, slot: Slot): Promise<RouteResponse> {
    let headers = {}
    try {
      checkHost(this.#guard.hostFault(message))
      const { segments, query } = readTarget(message.url ?? '')
      const match = matchRoute(this.#routes, segments)
      const { method = '' } = message
      const takesBody = method === 'POST' && match?.route.POST !== undefined
      if (!takesBody) refuseLongBody(message)
      if (match === undefined) throw new ReplicaError('ERR_NOT_FOUND', 'no resource at this path')
      const { GET, POST, open } = match.route
      const reads = GET !== undefined && (method === 'GET' || method === 'HEAD')
      const readers = this.#readers(message)
      if (reads) headers = readers
      if (method === 'OPTIONS') return preflight(match, readers)
      if (!reads && !this.#guard.mayAct(message))
        throw new ReplicaError('ERR_SYNC_FORBIDDEN', 'pages of other sites may only read')
      const handler = reads ? GET : method === 'POST' ? POST : undefined
      if (handler === undefined) return notAllowed(match)
      if (!this.#openRead && open === undefined)
        throw new ReplicaError('ERR_SYNC_FORBIDDEN', 'only registered keys may read frontiers of this hub: use sync')
      const { group } = slot.client
      if (open === undefined) {
        slot.release = this.#limit.acquire(group, slot.end)
        if (slot.release === undefined) throw new ReplicaError('ERR_HTTP_BUSY', 'too many concurrent requests')
      }
      const work = this.#work.begin(open === undefined ? group : undefined)
      if (open === undefined) await work.pause()
      try {
        const answer = handler({ params: match.params, query, message, group, work })
        work.end() // the handler takes further turns by itself
        return withHeaders(await answer, headers)
      } finally {
        work.end()
      }
    } catch (error) {
      this.counters.countError(error)
      if (isHubFault(error)) this.#alarm(error)
      return withHeaders(problemOf(error), headers)
    }
  }

  /** Headers of a response to a read, for the page that sent it. */
  #readers(message: IncomingMessage): Record<string, string> {
    const origin = this.#guard.readOrigin(message)
    if (origin === undefined) return {}
    return { 'access-control-allow-origin': origin, ...EXPOSED, ...(origin === '*' ? {} : { vary: 'Origin' }) }
  }

  #alarm(error: unknown): void {
    const code = hasCode(error) ? error.code : 'ERR_INTERNAL'
    const message = error instanceof Error ? error.message : 'a request failed'
    this.#context.emit({ kind: 'alarm', message, facts: { code } })
  }
}

function routesOf(hub: HubContext, options: HttpHandlerOptions): Route[] {
  const entries = new EntryRoutes(hub)
  const streams = new EventStreams(hub)
  const health = new HealthRoutes(hub, () => options.metrics().sessions)
  const pages = new PageRoutes(hub)
  return [
    { path: '/', GET: () => pages.home() },
    { path: '/page.css', GET: () => styleSheet() },
    { path: '/page.js', GET: () => script() },
    { path: '/view/{frontier}', GET: request => pages.frontier(request) },
    { path: '/view/{frontier}/{finding}', GET: request => pages.finding(request) },
    { path: '/healthz', open: true, GET: () => health.health() },
    { path: '/readyz', open: true, GET: () => health.ready() },
    { path: '/metrics', open: true, GET: () => metrics(hub, { ...options.metrics(), streams: streams.count }) },
    { path: '/.well-known/vela', open: true, GET: () => health.wellKnown() },
    { path: '/entries', GET: request => entries.list(request), POST: request => entries.publish(request) },
    { path: '/entries/{frontier}', GET: request => entries.one(request) },
    { path: '/entries/{frontier}/events', GET: request => eventsPage(hub, request) },
    { path: '/entries/{frontier}/events/stream', GET: request => streams.stream(request) },
    { path: '/frontier/{frontier}/inbox', GET: request => streams.stream(request) },
    { path: '/entries/{frontier}/snapshot', GET: request => snapshot(hub, request) },
    { path: '/entries/{frontier}/status', GET: request => status(hub, request) },
    { path: '/entries/{frontier}/rotate-owner', POST: acceptRecords(hub, 'rotate-owner') },
    { path: '/entries/{frontier}/deprecate', POST: acceptRecords(hub, 'deprecate') },
    {
      path: '/entries/{frontier}/maintainers',
      GET: request => maintainers(hub, request),
      POST: acceptRecords(hub, 'maintainers'),
    },
    { path: '/manifest/{frontier}.json', GET: request => manifestFile(hub, request) },
    { path: '/manifest/{frontier}.sig', GET: request => manifestSignature(hub, request) },
    { path: '/frontiers/{frontier}/heads', GET: request => heads(hub, request) },
    { path: '/frontiers/{frontier}/conflicts', GET: request => conflicts(hub, request) },
    { path: '/conflicts', GET: request => conflicts(hub, request) },
    { path: '/blocks/{cid}', GET: request => block(hub, request) },
  ]
}

/** Pages of other sites may read only. */
function preflight(match: Match, readers: Record<string, string>): RouteResponse {
  const mayRead = match.route.GET !== undefined && Object.keys(readers).length > 0
  const reads = { 'access-control-allow-methods': 'GET, HEAD', ...PREFLIGHT, ...readers }
  return { status: 204, headers: { allow: allowed(match), ...(mayRead && reads) }, body: '' }
}

/** @throws ReplicaError ERR_HTTP_REQUEST, ERR_HTTP_HOST */
function checkHost(fault: ReturnType<BrowserGuard['hostFault']>): void {
  if (fault === 'several hosts') throw new ReplicaError('ERR_HTTP_REQUEST', 'more than one Host header')
  if (fault === undefined) return
  throw new ReplicaError('ERR_HTTP_HOST', 'this hub is not known by the name in the Host header')
}

function allowed({ route }: Match): string {
  return [...(route.GET ? ['GET', 'HEAD'] : []), 'OPTIONS', ...(route.POST ? ['POST'] : [])].join(', ')
}

function notAllowed(match: Match): RouteResponse {
  const allow = allowed(match)
  return problemOf(new ReplicaError('ERR_HTTP_METHOD', `the methods of this path are ${allow}`), { headers: { allow } })
}

function withHeaders(response: RouteResponse, headers: Readonly<Record<string, string>>): RouteResponse {
  return { ...response, headers: { ...response.headers, ...headers } }
}

/**
 * Ends the connection after a body that was not read completely, because the next request cannot be
 * told from it.
 */
function withClose(message: IncomingMessage, response: RouteResponse): RouteResponse {
  return message.complete || !hasBody(message) ? response : withHeaders(response, { connection: 'close' })
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/**
 * Refuses a body by its announced length, before it arrives.
 * @throws ReplicaError ERR_HTTP_LIMIT
 */
function refuseLongBody({ headers }: IncomingMessage): void {
  if (Number(headers['content-length'] ?? 0) <= SOCKET_LIMITS.bodyBytesMax) return
  const message = `the body has more than ${SOCKET_LIMITS.bodyBytesMax} bytes, and this request does not take one`
  throw new ReplicaError('ERR_HTTP_LIMIT', message)
}

/** Discards a body that no handler reads, and ends the connection if it is too long. */
function discardBody(message: IncomingMessage): void {
  let bytes = 0
  message.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > SOCKET_LIMITS.bodyBytesMax) message.destroy()
  })
}
