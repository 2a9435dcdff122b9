// The HTTP side of a hub: takes every request that is no upgrade, finds its route, and sends what the handler answers. What a
// handler throws becomes a problem; what nobody foresaw becomes a 500 and an alarm, and the hub goes on.
// Specification: protocol/http.md.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { hasCode, ReplicaError } from '../base/errors.ts'
import { HTTP_LIMITS, SOCKET_LIMITS } from '../base/limits.ts'
import { Owners } from '../projection/ownership-store.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import { ConcurrencyLimit } from './concurrency-limit.ts'
import { HubCounters } from './counters.ts'
import type { HubContext } from './hub-context.ts'
import { isOwnFault, problemOf } from './problem.ts'
import { PublishedEntries } from './published-entries.ts'
import { PublicationIntake } from './publishing.ts'
import { type RouteResponse, sendResponse } from './response.ts'
import { type Match, matchRoute, type RequestContext, type Route, readTarget } from './router.ts'
import { eventsPage } from './routes/event-routes.ts'
import { EventStreams } from './routes/event-stream.ts'
import { block, conflicts, heads } from './routes/frontier-routes.ts'
import { HealthRoutes } from './routes/health.ts'
import { type HubMetrics, metrics } from './routes/metrics.ts'
import { maintainers, status, takesRecords } from './routes/ownership-routes.ts'
import { Entries } from './routes/registry-routes.ts'
import { manifestFile, manifestSignature, snapshot } from './routes/snapshot-routes.ts'
import { ServedEntries } from './served-entries.ts'
import { SnapshotCache } from './snapshot-cache.ts'

const { answersMax, answersPerAddressMax } = HTTP_LIMITS
/** Any page may read what anyone may read; nothing is sent along. */
const CORS = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'ETag, Retry-After' }
const PREFLIGHT = { 'access-control-allow-headers': 'If-None-Match, Last-Event-ID', 'access-control-max-age': '600' }

/** How to give a request's place back. */
interface Leaving {
  leave?: (() => void) | undefined
}

export interface DeskOptions {
  readonly openRead: boolean
  readonly base: () => string
  readonly measures: () => HubMetrics
}

export class HttpHandler {
  readonly counts = new HubCounters()
  readonly #home: ReplicaContext
  readonly #openRead: boolean
  readonly #routes: readonly Route[]
  readonly #places = new ConcurrencyLimit({ most: answersMax, ofAddress: answersPerAddressMax })
  readonly #stopping = new AbortController()

  constructor(home: ReplicaContext, options: DeskOptions) {
    this.#home = home
    this.#openRead = options.openRead
    const captures = new SnapshotCache(home)
    const owners = new Owners(home)
    const published = new PublishedEntries(home.store.records)
    const { base } = options
    const site: HubContext = {
      home,
      captures,
      owners,
      publishing: new PublicationIntake({ home, owners, published }),
      standing: new ServedEntries({ home, captures, owners, published, base }),
      counts: this.counts,
      base,
      openRead: options.openRead,
      stopping: this.#stopping.signal,
    }
    this.#routes = routesOf(site, options)
  }

  /** Ends streams, and says so to who asks for its health. */
  stop(): void {
    this.#stopping.abort()
    this.counts.close()
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const leaving: Leaving = {}
    response.on('error', () => response.destroy())
    try {
      const answer = await this.#answer(request, leaving)
      if (answer.isStream) leaving.leave?.()
      if (request.listenerCount('data') === 0) discardBody(request)
      this.counts.answered(answer.status)
      await sendResponse(request, response, withClose(request, answer))
    } catch (error) {
      // Too late for another status: what was promised can't be kept.
      response.destroy()
      if (isOwnFault(error)) this.#alarm(error)
    } finally {
      leaving.leave?.()
    }
  }

  async #answer(request: IncomingMessage, leaving: Leaving): Promise<RouteResponse> {
    let headers = {}
    try {
      const { segments, query } = readTarget(request.url ?? '')
      const match = matchRoute(this.#routes, segments)
      const takesBody = request.method === 'POST' && match?.route.POST !== undefined
      if (!takesBody) refuseLongBody(request)
      if (match === undefined) throw new ReplicaError('ERR_NOT_FOUND', 'nothing is at this path')
      const { method = '' } = request
      const { GET } = match.route
      const reads = GET !== undefined && (method === 'GET' || method === 'HEAD')
      if (reads) headers = CORS
      if (method === 'OPTIONS') return preflight(match)
      const handler = reads ? match.route.GET : method === 'POST' ? match.route.POST : undefined
      if (handler === undefined) return notAllowed(match)
      if (!this.#openRead && match.route.open === undefined)
        throw new ReplicaError('ERR_SYNC_FORBIDDEN', 'this hub shows frontiers to registered keys only: use sync')
      const address = request.socket.remoteAddress ?? 'unknown'
      if (match.route.open === undefined) {
        leaving.leave = this.#places.acquire(address)
        if (leaving.leave === undefined) throw new ReplicaError('ERR_HTTP_BUSY', 'too many requests are being answered')
      }
      const asked: RequestContext = { names: match.names, query, request, address }
      return withHeaders(await handler(asked), headers)
    } catch (error) {
      if (isOwnFault(error)) this.#alarm(error)
      return withHeaders(problemOf(error), headers)
    }
  }

  #alarm(error: unknown): void {
    const code = hasCode(error) ? error.code : 'ERR_INTERNAL'
    const message = error instanceof Error ? error.message : 'an answer failed'
    this.#home.emit({ kind: 'alarm', message, facts: { code } })
  }
}

function routesOf(site: HubContext, options: DeskOptions): Route[] {
  const entries = new Entries(site)
  const streams = new EventStreams(site)
  const about = new HealthRoutes(site, () => options.measures().sessions)
  return [
    { path: '/healthz', open: true, GET: () => about.health() },
    { path: '/readyz', open: true, GET: () => about.ready() },
    { path: '/metrics', open: true, GET: () => metrics(site, { ...options.measures(), streams: streams.open }) },
    { path: '/.well-known/vela', open: true, GET: () => about.wellKnown() },
    { path: '/entries', GET: asked => entries.list(asked), POST: asked => entries.publish(asked) },
    { path: '/entries/{frontier}', GET: asked => entries.one(asked) },
    { path: '/entries/{frontier}/events', GET: asked => eventsPage(site, asked) },
    { path: '/entries/{frontier}/events/stream', GET: asked => streams.stream(asked) },
    { path: '/frontier/{frontier}/inbox', GET: asked => streams.stream(asked) },
    { path: '/entries/{frontier}/snapshot', GET: asked => snapshot(site, asked) },
    { path: '/entries/{frontier}/status', GET: asked => status(site, asked) },
    { path: '/entries/{frontier}/rotate-owner', POST: takesRecords(site, 'rotate-owner') },
    { path: '/entries/{frontier}/deprecate', POST: takesRecords(site, 'deprecate') },
    {
      path: '/entries/{frontier}/maintainers',
      GET: asked => maintainers(site, asked),
      POST: takesRecords(site, 'maintainers'),
    },
    { path: '/manifest/{frontier}.json', GET: asked => manifestFile(site, asked) },
    { path: '/manifest/{frontier}.sig', GET: asked => manifestSignature(site, asked) },
    { path: '/frontiers/{frontier}/heads', GET: asked => heads(site, asked) },
    { path: '/frontiers/{frontier}/conflicts', GET: asked => conflicts(site, asked) },
    { path: '/conflicts', GET: asked => conflicts(site, asked) },
    { path: '/blocks/{cid}', GET: asked => block(site, asked) },
  ]
}

/** Pages of other sites are told of reads alone. */
function preflight(match: Match): RouteResponse {
  const reads = { 'access-control-allow-methods': 'GET, HEAD', ...PREFLIGHT, ...CORS }
  return { status: 204, headers: { allow: allowed(match), ...(match.route.GET && reads) }, body: '' }
}

function allowed({ route }: Match): string {
  return [...(route.GET ? ['GET', 'HEAD'] : []), 'OPTIONS', ...(route.POST ? ['POST'] : [])].join(', ')
}

function notAllowed(match: Match): RouteResponse {
  const allow = allowed(match)
  return problemOf(new ReplicaError('ERR_HTTP_METHOD', `this path answers ${allow}`), { headers: { allow } })
}

function withHeaders(answer: RouteResponse, headers: Readonly<Record<string, string>>): RouteResponse {
  return { ...answer, headers: { ...answer.headers, ...headers } }
}

/** A body that was not read to its end can't be told from the next request: the connection ends with the answer. */
function withClose(request: IncomingMessage, answer: RouteResponse): RouteResponse {
  return request.complete || !hasBody(request) ? answer : withHeaders(answer, { connection: 'close' })
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** One that is announced is not waited for. @throws ReplicaError ERR_HTTP_LIMIT */
function refuseLongBody({ headers }: IncomingMessage): void {
  if (Number(headers['content-length'] ?? 0) <= SOCKET_LIMITS.bodyBytesMax) return
  throw new ReplicaError(
    'ERR_HTTP_LIMIT',
    `the body has more than ${SOCKET_LIMITS.bodyBytesMax} bytes, and nobody reads it`,
  )
}

/** A body that nobody reads is dropped; one that is too long ends the connection. */
function discardBody(request: IncomingMessage): void {
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > SOCKET_LIMITS.bodyBytesMax) request.destroy()
  })
}
