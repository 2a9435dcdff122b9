// A hub: a replica that listens. One HTTP port serves the WebSocket of the sync protocol and what is read and published by
// HTTP (hub/desk.ts); every bound on strangers (connections, proofs under way, headers, time) is kept here. Specification:
// protocol/sync.md, S1 to S7, and protocol/http.md.

import { randomBytes } from 'node:crypto'
import * as http from 'node:http'
import * as https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { checkPeerUrl } from '../admission/peer.ts'
import { ReplicaError } from '../base/errors.ts'
import { SOCKET_LIMITS } from '../base/limits.ts'
import { recordOpenedConflicts, velaMergeObserver } from '../projection/merge-observer.ts'
import { InboundSessions } from '../replica/links/inbound-sessions.ts'
import { OutboundLinks } from '../replica/links/outbound-links.ts'
import { openParts } from '../replica/open-replica.ts'
import { contextOf, newReplica, type OpenOptions, type Replica } from '../replica/replica.ts'
import type { ReplicaContext } from '../replica/replica-context.ts'
import { replicaPort } from '../replica/sync/sync-server.ts'
import type { SessionConfig } from '../sync/connection.ts'
import { EventLoopBudget } from '../transport/scheduler.ts'
import { type ReplicaPort, Session } from '../transport/session.ts'
import { SocketServer, type WebSocketConnection } from '../transport/websocket-link.ts'
import { HttpHandler } from './http-handler.ts'

const { connectionsMax, unprovenMax, unprovenPerAddressMax, headerBytesMax, headerMsMax } = SOCKET_LIMITS
const { bodyMsMax } = SOCKET_LIMITS
const DRAIN_MS = 10_000
const TIMEOUT_CHECK_MS = 1_000

export interface HubOptions extends OpenOptions {
  /** Address to listen on; default 127.0.0.1. */
  readonly host?: string
  /** 0 picks a free port. */
  readonly port: number
  /** Who may read frontiers: anyone (the default) or registered keys only. Writing always needs a registered key. */
  readonly read?: 'anyone' | 'registered'
  /** PEM texts: the hub ends the TLS itself, and sessions are bound to it. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** How others reach this hub, where that differs from what it listens on. */
  readonly url?: string
  /** Memory of this process in bytes, for the metrics; the library itself doesn't look at the process. */
  readonly residentBytes?: () => number
}

export class Hub {
  /** The replica that is served. Closing the hub closes it. */
  readonly replica: Replica
  readonly #context: ReplicaContext
  readonly #server: http.Server
  readonly #sockets: SocketServer
  readonly #eventLoopBudget = new EventLoopBudget()
  readonly #sessions = new Set<Session>()
  readonly #desk: HttpHandler
  readonly #counted: ReplicaPort
  readonly #unproven = new Map<string, number>()
  /** The last response of each connection. */
  readonly #responses = new WeakMap<Duplex, http.ServerResponse>()
  #unprovenCount = 0
  #draining = false
  readonly #supervisor: OutboundLinks
  readonly #guests: InboundSessions
  #stopped: Promise<void> | undefined

  private constructor(replica: Replica, options: HubOptions) {
    this.replica = replica
    this.#context = contextOf(replica)
    const home = this.#context
    this.#sockets = new SocketServer(home.scheduling.links)
    const openRead = options.read !== 'registered'
    this.#desk = new HttpHandler(replica, {
      openRead,
      base: () => webAddress(this.url),
      measures: () => ({ sessions: this.sessions, links: this.links, residentBytes: options.residentBytes?.() }),
    })
    this.#counted = this.#desk.counts.counting(replicaPort(home, { openRead }))
    this.#supervisor = new OutboundLinks({ home, services: this.#counted, tools: home.linkTools })
    this.#guests = new InboundSessions(home)
    const limits = {
      maxHeaderSize: headerBytesMax + 1, // the least that Node refuses
      headersTimeout: headerMsMax,
      requestTimeout: bodyMsMax,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS, // else Node looks every 30 s only
    }
    this.#server =
      options.tls === undefined ? http.createServer(limits) : https.createServer({ ...limits, ...options.tls })
    this.#server.maxConnections = connectionsMax
    this.#server.on('connection', socket => this.#onConnection(socket))
    this.#server.on('request', (request, response) => {
      this.#responses.set(request.socket, response)
      this.#desk.serve(request, response)
    })
    this.#server.on('clientError', (error, socket) =>
      this.#desk.respondMalformed(error, socket, this.#responses.get(socket)),
    )
    this.#server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head))
  }

  /**
   * Opens the replica and listens.
   * @throws ReplicaError as Replica.open, ERR_PEER_URL for a `url` that no peer could register, and ERR_USAGE when the
   * address can't be had
   */
  static async listen(options: HubOptions): Promise<Hub> {
    // Whether plain is meant, those say who register it.
    if (options.url !== undefined) checkPeerUrl(options.url, { allowPlain: true })
    const replica = newReplica(await openParts(options), { mergeObserver: velaMergeObserver, ...options })
    const hub = new Hub(replica, options)
    try {
      await hub.#bind(options)
      await hub.#context.load()
      hub.#supervisor.start()
      recordOpenedConflicts(hub.#context)
      return hub
    } catch (error) {
      await hub.close()
      throw error
    }
  }

  /** `ws://host:port` or `wss://…`, or what `url` said. */
  get url(): string {
    return this.#context.address ?? ''
  }

  /** Sessions that are open now. */
  get sessions(): number {
    return this.#sessions.size
  }

  /** Links to peers that are kept: those registered to be followed. */
  get links(): number {
    return this.#supervisor.size
  }

  /** Reads the registries again and tries at once every peer and channel that waits. @throws ReplicaError ERR_STORE_CORRUPT */
  async reload(): Promise<void> {
    await this.#context.reload()
    this.#supervisor.retry()
  }

  /** Stops accepting, lets chunks in flight become durable (at most 10 s), closes every session with 1001, then the store. */
  close(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #stop(): Promise<void> {
    this.#draining = true
    this.#desk.stop()
    if (this.#server.listening) this.#server.close()
    const sessions = [...this.#sessions]
    for (const session of sessions) session.goAway()
    const drained = [this.#supervisor.stop(), ...sessions.map(session => session.done)]
    await Promise.race([Promise.allSettled(drained), after(DRAIN_MS)])
    this.#server.closeAllConnections()
    await this.#sockets.close()
    await this.replica.close()
  }

  async #bind(options: HubOptions): Promise<void> {
    const { host = '127.0.0.1', port, tls, url } = options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', cause => {
        reject(new ReplicaError('ERR_USAGE', `can't listen on ${host}:${port}: ${cause.message}`, { cause }))
      })
      this.#server.listen(port, host, resolve)
    })
    const { port: actual } = this.#server.address() as AddressInfo
    const name = host.includes(':') ? `[${host}]` : host
    this.#context.address = url ?? `${tls === undefined ? 'ws' : 'wss'}://${name}:${actual}`
  }

  #onConnection(socket: Socket): void {
    this.#desk.counts.connections += 1
    socket.once('close', () => {
      this.#desk.counts.connections -= 1
    })
  }

  #onUpgrade(request: http.IncomingMessage, socket: Duplex, head: Buffer): void {
    const address = request.socket.remoteAddress ?? 'unknown'
    const ofAddress = this.#unproven.get(address) ?? 0
    const full = this.#unprovenCount >= unprovenMax || ofAddress >= unprovenPerAddressMax
    if (this.#draining || full || this.#sessions.size >= connectionsMax)
      return refuse(socket, '503 Service Unavailable')
    if (!SocketServer.wants(request)) return refuse(socket, '400 Bad Request')
    this.#unproven.set(address, ofAddress + 1)
    this.#unprovenCount += 1
    let counted = true
    const settle = (): void => {
      if (!counted) return
      counted = false
      this.#unprovenCount -= 1
      const left = (this.#unproven.get(address) ?? 1) - 1
      if (left === 0) this.#unproven.delete(address)
      else this.#unproven.set(address, left)
    }
    socket.once('close', settle)
    this.#sockets.accept(request, socket, head).then(dialled => this.#serve(dialled, settle))
  }

  #serve(dialled: WebSocketConnection, proven: () => void): void {
    const guest = this.#guests.add()
    const session = new Session(dialled.link, this.#config(dialled), this.#counted, {
      scheduling: this.#context.scheduling,
      eventLoopBudget: this.#eventLoopBudget,
      onLive: guest.onLive,
      onChannel: (channel, peer) => {
        const { frontier, mode, live } = channel
        this.#context.recordExchange(frontier, peer.key, channel)
        if (live !== undefined) return guest.closed(frontier) // they come and go by themselves
        this.#context.emit({
          kind: 'session',
          message: `${peer.hub} finished a ${mode}`,
          facts: { frontier, mode, peer: peer.hub },
        })
      },
    })
    this.#sessions.add(session)
    session.ready.then(proven, proven)
    session.done
      .then(() => guest.left())
      .catch((error: Error) => {
        guest.left(error instanceof ReplicaError ? error : undefined)
        const code = error instanceof ReplicaError ? error.code : 'ERR_INTERNAL'
        this.#context.emit({ kind: 'alarm', message: error.message, facts: { code, remote: dialled.link.remote } })
      })
      .finally(() => this.#sessions.delete(session))
  }

  #config(dialled: WebSocketConnection): SessionConfig {
    return {
      role: 'hub',
      hub: this.#context.hubId,
      key: this.#context.key.publicKeyBytes,
      sign: message => this.#context.key.sign(message),
      nonce: randomBytes(32),
      host: dialled.host,
      compress: !dialled.loopback,
      ...(dialled.binding === undefined ? {} : { binding: dialled.binding }),
    }
  }
}

/** The address of a hub for HTTP: its own scheme, and no slash at the end. */
function webAddress(url: string): string {
  return url.replace(/^ws/, 'http').replace(/\/+$/, '')
}

/** The socket has no owner any more: whatever becomes of it is caught here, and it goes when the answer is out. */
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
