// A replica that listens. One port serves the WebSocket of the sync protocol and HTTP requests. The
// bounds on unknown clients (connections, handshakes without a proven key, headers, time) are
// enforced here. Spec: protocol/sync.md, S1 to S7, and protocol/http.md, H1.

import { randomBytes } from 'node:crypto'
import * as http from 'node:http'
import * as https from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { checkPeerUrl } from '../admission/peer.ts'
import { CLIENT_LIMITS } from '../base/client-limits.ts'
import { hasCode, ReplicaError } from '../base/errors.ts'
import { SOCKET_LIMITS } from '../base/limits.ts'
import { recordOpenedConflicts, velaMergeObserver } from '../projection/vela-merge-observer.ts'
import { InboundSessions } from '../replica/links/inbound-sessions.ts'
import { OutboundLinks } from '../replica/links/outbound-links.ts'
import { openParts } from '../replica/open-replica.ts'
import { contextOf, newReplica, type OpenOptions, type Replica } from '../replica/replica.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import { replicaPort } from '../replica/sync/sync-server.ts'
import type { PeerIdentity, SessionConfig } from '../sync/connection.ts'
import { LinkGroup } from '../transport/link.ts'
import { EventLoopBudget } from '../transport/scheduler.ts'
import { type ReplicaPort, Session } from '../transport/session.ts'
import { type AcceptedConnection, SocketServer, type WebSocketConnection } from '../transport/websocket-link.ts'
import { BrowserGuard } from './browser-guard.ts'
import { groupOf } from './clients/client-address.ts'
import { ClientConnections } from './clients/client-connections.ts'
import type { Place } from './clients/client-places.ts'
import { connectionPlaces } from './clients/connection-places.ts'
import { KeyQuotas } from './clients/key-quotas.ts'
import { LogLimit } from './clients/log-limit.ts'
import { strangerPort } from './clients/stranger-port.ts'
import { StrangerWork } from './clients/stranger-work.ts'
import { type HealthAddress, HealthListener } from './health-listener.ts'
import { HttpHandler } from './http-handler.ts'
import { checkTlsPair, type TlsPair } from './tls-pair.ts'

export type { HealthAddress } from './health-listener.ts'
export type { TlsPair } from './tls-pair.ts'

const { headerBytesMax, headerMsMax, bodyMsMax } = SOCKET_LIMITS
const { strangersShareBytes, handshakeWorkMs, backlogMax } = CLIENT_LIMITS
const DRAIN_MS = 10_000
const TIMEOUT_CHECK_MS = 1_000
/** Closed connections that the system still counts while it accepts new ones. */
const CLOSING_CONNECTIONS = 32

/** Options of `Hub.listen`, with those of the replica that it opens. */
export interface HubOptions extends OpenOptions {
  /** Address to listen on; default 127.0.0.1. */
  readonly host?: string
  /** 0 selects a free port. */
  readonly port: number
  /**
   * Whether anyone may read frontiers (the default) or registered keys only. Writing needs a
   * registered key.
   */
  readonly read?: 'anyone' | 'registered'
  /**
   * PEM texts. With them the hub terminates TLS itself, and sessions are bound to the TLS
   * connection.
   */
  readonly tls?: TlsPair
  /** Public address, `ws://…` or `wss://…`; default the address on which it listens. */
  readonly url?: string
  /**
   * Names under which a hub that listens on a loopback address may be reached, besides those of
   * loopback and of `url`.
   */
  readonly allowHosts?: readonly string[]
  /**
   * Origins of web pages that may write, open WebSockets, and read from a hub on a loopback
   * address: `https://site.example`, or `*`.
   */
  readonly allowOrigins?: readonly string[]
  /**
   * Returns the memory of this process in bytes, for the metrics. The library does not use
   * `process`.
   */
  readonly residentBytes?: () => number
  /**
   * Files that this process may open. A hub accepts fewer connections than that, so that its store
   * can always open files. Default: no such limit.
   */
  readonly openFilesMax?: number
  /**
   * Proxies that name their clients in `Forwarded` or `X-Forwarded-For`: addresses and networks as
   * `10.0.0.0/8`. Limits per address then count these clients.
   */
  readonly trustedProxies?: readonly string[]
  /** A second address for health checks of this machine: a Unix socket or a loopback port. */
  readonly health?: HealthAddress
}

/**
 * Serves a replica to peers and HTTP clients, and follows the peers that are registered to be
 * followed.
 *
 * @example
 * await using hub = await Hub.listen({ location: 'hub-store', port: 8470 })
 * const { frontier } = await hub.replica.createFrontier({ name: 'Notes' })
 * console.log(hub.url, frontier)
 */
export class Hub {
  /** The served replica. Closing the hub closes it. */
  readonly replica: Replica
  readonly #context: ReplicaContext
  readonly #server: http.Server
  readonly #sockets: SocketServer
  readonly #eventLoopBudget = new EventLoopBudget()
  readonly #sessions = new Set<Session>()
  readonly #http: HttpHandler
  readonly #guard: BrowserGuard
  readonly #port: ReplicaPort
  readonly #connections: ClientConnections
  /** The last response of each connection. */
  readonly #responses = new WeakMap<Duplex, http.ServerResponse>()
  readonly #log: LogLimit
  readonly #quotas: KeyQuotas
  readonly #work = new StrangerWork()
  #draining = false
  readonly #outbound: OutboundLinks
  readonly #inbound: InboundSessions
  #health: HealthListener | undefined
  #stopped: Promise<void> | undefined

  private constructor(replica: Replica, options: HubOptions) {
    this.replica = replica
    this.#context = contextOf(replica)
    const context = this.#context
    this.#sockets = new SocketServer(new LinkGroup({ shareBytes: strangersShareBytes }))
    const openRead = options.read !== 'registered'
    const { host = '127.0.0.1', url, allowHosts, allowOrigins } = options
    this.#guard = new BrowserGuard({ host, url, allowHosts, allowOrigins })
    this.#http = new HttpHandler(replica, {
      openRead,
      baseUrl: () => webAddress(this.url),
      guard: this.#guard,
      work: this.#work,
      metrics: () => ({
        sessions: this.sessions,
        links: this.links,
        connections: this.#connections.count,
        evicted: this.#connections.evicted,
        slowed: this.#quotas.exceeded,
        residentBytes: options.residentBytes?.(),
      }),
    })
    const places = connectionPlaces(options.openFilesMax)
    this.#connections = new ClientConnections({
      max: places,
      trustedProxies: options.trustedProxies ?? [],
      isRegistered: peer => isRegisteredAnywhere(context, peer),
      onPressure: (message, facts) => context.emit({ kind: 'alarm', message, facts }),
    })
    this.#log = new LogLimit({
      onLeftOut: ({ code, count, address }) => {
        const message = `${count} more lines of this kind in the last minute: ${code}, most of them about ${address}`
        context.emit({ kind: code === 'session' ? 'session' : 'alarm', message, facts: { code, count, address } })
      },
    })
    this.#quotas = new KeyQuotas({
      context,
      onExceeded: (message, facts) => {
        if (this.#log.passes('ERR_SYNC_BUSY', facts.peer)) context.emit({ kind: 'alarm', message, facts })
      },
    })
    const port = this.#http.counters.counting(replicaPort(context, { openRead }))
    this.#port = this.#quotas.limiting(port)
    this.#outbound = new OutboundLinks({ context, port, network: context.network })
    this.#inbound = new InboundSessions(context)
    const limits = {
      maxHeaderSize: headerBytesMax + 1, // Node refuses headers of this size
      headersTimeout: headerMsMax,
      requestTimeout: bodyMsMax,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS, // Node's default is 30 s
    }
    this.#server =
      options.tls === undefined ? http.createServer(limits) : https.createServer({ ...limits, ...options.tls })
    this.#server.maxConnections = places + CLOSING_CONNECTIONS
    this.#server.on('connection', socket => this.#connections.opened(socket))
    this.#server.on('secureConnection', socket => this.#connections.secured(socket))
    this.#server.on('request', (request, response) => {
      this.#responses.set(request.socket, response)
      this.#http.serve(request, response, this.#connections.requested(request, response))
    })
    this.#server.on('clientError', (error, socket) =>
      this.#http.respondMalformed(error, socket, this.#responses.get(socket)),
    )
    this.#server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head))
  }

  /**
   * Opens the replica and listens.
   * @throws ReplicaError as Replica.open; ERR_PEER_URL for a `url` that a peer could not register;
   * ERR_USAGE if the hub cannot listen on the address, or cannot use the certificate and the key
   */
  static async listen(options: HubOptions): Promise<Hub> {
    if (options.tls !== undefined) checkTlsPair(options.tls)
    // A peer that registers this hub decides whether it accepts a plain address.
    if (options.url !== undefined) checkPeerUrl(options.url, { allowPlain: true })
    const replica = newReplica(await openParts(options), { mergeObserver: velaMergeObserver, ...options })
    const hub = new Hub(replica, options)
    try {
      await hub.#bind(options)
      if (options.health !== undefined) hub.#health = await HealthListener.listen(options.health, hub.#http)
      await hub.#context.load()
      hub.#outbound.start()
      recordOpenedConflicts(hub.#context)
      return hub
    } catch (error) {
      await hub.close()
      throw error
    }
  }

  /** `ws://host:port` or `wss://…`, or the option `url`. */
  get url(): string {
    return this.#context.address ?? ''
  }

  /** The port on which it listens. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0
  }

  /** `http://…` or `unix:…` of the listener for health; undefined without one. */
  get healthUrl(): string | undefined {
    return this.#health?.url
  }

  /** Inbound sessions that are open. */
  get sessions(): number {
    return this.#sessions.size
  }

  /** Outbound links to followed peers. */
  get links(): number {
    return this.#outbound.size
  }

  /**
   * Reads the registries again and reconnects waiting peers and channels now.
   * @throws ReplicaError ERR_STORE_CORRUPT
   */
  async reload(): Promise<void> {
    await this.#context.reload()
    this.#outbound.retry()
  }

  /**
   * Uses another certificate and key for new connections. Open connections go on.
   * @throws ReplicaError ERR_USAGE for a pair that cannot be used; the former one stays in use
   */
  renewTls(pair: TlsPair): void {
    checkTlsPair(pair)
    if (!(this.#server instanceof https.Server)) throw new TypeError('this hub does not terminate TLS')
    this.#server.setSecureContext({ cert: pair.cert, key: pair.key })
  }

  /**
   * Shuts down gracefully: stops accepting, waits at most 10 s for chunks in flight to become
   * durable, closes every session with 1001, then the store. A second call returns the promise of
   * the first.
   */
  close(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  /** Same as `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #stop(): Promise<void> {
    this.#draining = true
    this.#connections.stop()
    this.#log.end()
    this.#http.stop()
    if (this.#server.listening) this.#server.close()
    const sessions = [...this.#sessions]
    for (const session of sessions) session.goAway()
    const drained = [this.#outbound.stop(), ...sessions.map(session => session.done)]
    await Promise.race([Promise.allSettled(drained), after(DRAIN_MS)])
    this.#server.closeAllConnections()
    await this.#sockets.close()
    await this.#health?.close()
    await this.replica.close()
  }

  async #bind(options: HubOptions): Promise<void> {
    const { host = '127.0.0.1', port, tls, url } = options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', cause => {
        reject(new ReplicaError('ERR_USAGE', `cannot listen on ${host}:${port}: ${cause.message}`, { cause }))
      })
      this.#server.listen({ port, host, backlog: backlogMax }, resolve)
    })
    const { port: actual } = this.#server.address() as AddressInfo
    const name = host.includes(':') ? `[${host}]` : host
    this.#context.address = url ?? `${tls === undefined ? 'ws' : 'wss'}://${name}:${actual}`
    if (url === undefined && /^(0\.0\.0\.0|\[::\])$/.test(name)) {
      const message = `entries signed here name ${this.#context.address}, which no other machine can reach: set the public address (--url)`
      this.#context.emit({ kind: 'alarm', message, facts: {} })
    }
  }

  #onUpgrade(request: http.IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#draining) return refuse(socket, '503 Service Unavailable')
    const fault = this.#guard.hostFault(request)
    if (fault === 'several hosts' || !SocketServer.wants(request)) return refuse(socket, '400 Bad Request')
    if (fault !== undefined) return refuse(socket, '421 Misdirected Request')
    if (!this.#guard.mayAct(request)) return refuse(socket, '403 Forbidden')
    const { client, place } = this.#connections.upgraded(request) ?? {}
    if (client === undefined || place === undefined) return void socket.destroy()
    const { address, group } = client
    const accept = (): void => {
      // It may have made room for another while it waited.
      if (socket.destroyed || this.#draining) return void socket.destroy()
      this.#sockets.accept(request, { socket, head, address }).then(accepted => this.#serve(accepted, place))
    }
    if (!this.#work.isContended || this.#connections.isKnown(group)) return accept()
    socket.on('error', () => socket.destroy())
    this.#work.run(group, async () => accept(), handshakeWorkMs)
  }

  #serve(accepted: AcceptedConnection, place: Place): void {
    const inbound = this.#inbound.add()
    const port = strangerPort(this.#port, task => {
      const isFirst = place.kind === 'registered' || !this.#work.isContended
      return isFirst ? task() : this.#work.run(place.group, task)
    })
    const session = new Session(accepted.link, this.#config(accepted), port, {
      scheduling: this.#context.scheduling,
      eventLoopBudget: {
        acquire: () => {
          const first = place.kind === 'registered'
          if (first) this.#work.noteRegistered()
          return this.#eventLoopBudget.acquire({ first })
        },
      },
      onLive: inbound.onLive,
      onChannel: (channel, peer) => {
        const { frontier, mode, live } = channel
        this.#context.recordExchange(frontier, peer.key, channel)
        if (live !== undefined) return inbound.closed(frontier) // live channels open and close by themselves, without a report
        if (place.kind !== 'registered' && !this.#log.passes('session', groupOf(accepted.link.remote))) return
        this.#context.emit({
          kind: 'session',
          message: `${peer.hub} finished a ${mode}`,
          facts: { frontier, mode, peer: peer.hub },
        })
      },
    })
    this.#sessions.add(session)
    this.#connections.began(place, session, () => accepted.moveTo(this.#context.scheduling.links))
    session.done
      .then(() => inbound.left())
      .catch((error: Error) => {
        inbound.left(error instanceof ReplicaError ? error : undefined)
        this.#http.counters.countError(error)
        if (hasCode(error, 'ERR_SYNC_BUSY')) return // closed to make room, which has an alarm of its own
        const code = error instanceof ReplicaError ? error.code : 'ERR_INTERNAL'
        this.#reportFault(accepted.link.remote, code, error.message)
      })
      .finally(() => this.#sessions.delete(session))
  }

  /** Tells the operator about a session that ended with an error. */
  #reportFault(remote: string, code: string, reason: string): void {
    if (!this.#log.passes(code, groupOf(remote))) return
    this.#context.emit({ kind: 'alarm', message: `a session of ${remote}: ${reason}`, facts: { code, remote } })
  }

  #config(accepted: WebSocketConnection): SessionConfig {
    return {
      role: 'hub',
      hub: this.#context.hubId,
      key: this.#context.key.publicKeyBytes,
      sign: message => this.#context.key.sign(message),
      nonce: randomBytes(32),
      host: accepted.host,
      compress: !accepted.loopback,
      ...(accepted.binding === undefined ? {} : { binding: accepted.binding }),
    }
  }
}

/** Returns whether a key is registered in some frontier. */
function isRegisteredAnywhere({ frontiers }: ReplicaContext, { key }: PeerIdentity): boolean {
  for (const { registry } of frontiers.values()) if (registry.verdict(key) === 'registered') return true
  return false
}

/** Returns the HTTP address of a hub, without a slash at the end. */
function webAddress(url: string): string {
  return url.replace(/^ws/, 'http').replace(/\/+$/, '')
}

/** Refuses an upgrade. The socket has no other owner, so its errors are caught here. */
function refuse(socket: Duplex, status: string): void {
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

function after(ms: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, ms).unref()
  })
}
