// WebSocket links. The only importer of `ws`.
// Binary frames only, without compression by the transport. Flow control in both directions:
// reading pauses while the reader lags, writing waits for `drained`. Pings detect half-open
// connections (`keepalive.ts`).
// Spec: protocol/sync.md, S1, S2, S6 and S14.

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { WebSocket, WebSocketServer } from 'ws'
import { ReplicaError } from '../base/errors.ts'
import { SOCKET_LIMITS, WIRE_LIMITS } from '../base/limits.ts'
import { isLoopback } from '../base/loopback.ts'
import { abortError } from '../base/signal.ts'
import type { Role } from '../sync/handshake.ts'
import { SUBPROTOCOL } from '../sync/message.ts'
import { KeepAlive } from './keepalive.ts'
import { BUFFERED_HIGH, closeError, Inbox, type Link, LinkGroup } from './link.ts'

const { pingMs, handshakeMsMax, closeMsMax } = SOCKET_LIMITS
const { frameBytesMax } = WIRE_LIMITS
/** A ping carries its number, so that its pong can be matched. */
const PING_BYTES = 4
const EXPORTER_LABEL = 'EXPORTER-replica-sync'

/** A link with what a handshake binds to it. */
export interface WebSocketConnection {
  readonly link: Link
  /** Authority that the client dialled. */
  readonly host: string
  /** TLS exporter, 32 bytes; undefined without TLS on this side. */
  readonly binding: Uint8Array | undefined
  /** The peer is this machine, so compression would cost more than it saves. */
  readonly loopback: boolean
}

/** A connection that a hub accepted. */
export interface AcceptedConnection extends WebSocketConnection {
  /** Lets the link share the outbound buffer of another group. */
  readonly moveTo: (links: LinkGroup) => void
}

/**
 * Dials a hub. `links`: the group that the link joins.
 * @throws ReplicaError ERR_PEER_URL, ERR_SYNC_CONNECT, ERR_SYNC_BUSY, ERR_ABORTED
 */
export async function connect(
  url: string,
  options: { signal?: AbortSignal | undefined; links?: LinkGroup | undefined } = {},
): Promise<WebSocketConnection> {
  const target = parseUrl(url)
  const { signal, links = new LinkGroup() } = options
  if (signal?.aborted) throw abortError(signal, 'aborted before connecting')
  const socket = new WebSocket(target, SUBPROTOCOL, {
    perMessageDeflate: false,
    maxPayload: frameBytesMax,
    handshakeTimeout: handshakeMsMax,
    followRedirects: false,
  })
  const link = new WebSocketLink(socket, target.host, { role: 'client', links })
  const abort = (): void => socket.terminate()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    const { binding, loopback, wire } = await upgradeOf(socket, target.host)
    link.listenTo(wire)
    return { link, host: target.host, binding, loopback }
  } catch (error) {
    throw signal?.aborted ? abortError(signal, 'aborted while connecting') : error
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

interface Upgraded {
  readonly binding: Uint8Array | undefined
  readonly loopback: boolean
  /** The stream under the WebSocket. */
  readonly wire: Duplex
}

function upgradeOf(socket: WebSocket, host: string): Promise<Upgraded> {
  let upgraded: Upgraded
  return new Promise((resolve, reject) => {
    socket.on('upgrade', response => {
      const { socket: wire } = response
      upgraded = { binding: exporterOf(wire), loopback: isLoopback(wire.remoteAddress), wire }
    })
    socket.on('unexpected-response', (_request, response) => {
      const status = response.statusCode ?? 0
      const code = status === 503 ? 'ERR_SYNC_BUSY' : 'ERR_SYNC_CONNECT'
      reject(new ReplicaError(code, `${host} responded with HTTP ${status} instead of a WebSocket`))
      socket.terminate()
    })
    socket.on('open', () => resolve(upgraded))
    socket.on('error', cause => {
      reject(new ReplicaError('ERR_SYNC_CONNECT', `can't connect to ${host}: ${reasonOf(cause)}`, { cause }))
    })
  })
}

/**
 * Returns one line. OpenSSL writes
 * `<thread>:error:<code>:<library>:<function>:<reason>:<file>:<line>`; only the reason is kept.
 */
function reasonOf({ message }: Error): string {
  const reason = /:error:[0-9A-F]+:[^:]*:[^:]*:([^:\n]+)/i.exec(message)?.[1]
  return reason === undefined ? message.split('\n', 1)[0]! : `no TLS: ${reason}`
}

function parseUrl(url: string): URL {
  const target = URL.canParse(url) ? new URL(url) : undefined
  const scheme = { 'http:': 'ws:', 'https:': 'wss:', 'ws:': 'ws:', 'wss:': 'wss:' }[target?.protocol ?? '']
  if (target === undefined || scheme === undefined) {
    throw new ReplicaError('ERR_PEER_URL', `'${url}' is not a ws://, wss://, http:// or https:// address`)
  }
  target.protocol = scheme
  target.hash = ''
  return target
}

/** Turns upgrade requests of HTTP into links, for a hub. */
export class SocketServer {
  readonly #server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: frameBytesMax,
    handleProtocols: protocols => (protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  })
  readonly #links: LinkGroup

  /** @param links the group that accepted links join */
  constructor(links = new LinkGroup()) {
    this.#links = links
  }

  /**
   * Accepts an upgrade request for our subprotocol. The socket must have no other listener.
   * `address`: that of the client, which a proxy may have named.
   */
  accept(
    request: IncomingMessage,
    { socket, head, address }: { socket: Duplex; head: Buffer; address: string },
  ): Promise<AcceptedConnection> {
    return new Promise(resolve => {
      this.#server.handleUpgrade(request, socket, head, ws => {
        const link = new WebSocketLink(ws, address, { role: 'hub', links: this.#links })
        link.listenTo(socket)
        resolve({
          link,
          host: request.headers.host ?? '',
          binding: exporterOf(request.socket),
          loopback: isLoopback(address),
          moveTo: links => link.moveTo(links),
        })
      })
    })
  }

  /** Terminates open sockets and waits, a bounded time, until all are closed. */
  async close(): Promise<void> {
    const closing = [...this.#server.clients].map(socket => {
      const closed = new Promise(resolve => socket.once('close', resolve)) // `events.once` would reject on an error
      if (socket.readyState === WebSocket.OPEN) socket.terminate()
      return closed
    })
    await Promise.all(closing)
  }

  /** Returns whether a request asks for a WebSocket with our subprotocol. */
  static wants(request: IncomingMessage): boolean {
    const asked = request.headers['sec-websocket-protocol'] ?? ''
    return asked.split(',').some(name => name.trim() === SUBPROTOCOL)
  }
}

function exporterOf(socket: unknown): Uint8Array | undefined {
  if (!(socket instanceof TLSSocket)) return undefined
  return socket.exportKeyingMaterial(32, EXPORTER_LABEL, Buffer.alloc(0))
}

class WebSocketLink implements Link {
  readonly remote: string
  readonly #socket: WebSocket
  readonly #isHub: boolean
  #links: LinkGroup
  readonly #inbox = new Inbox()
  readonly #pingTimer: NodeJS.Timeout
  readonly #keepAlive = new KeepAlive()
  #drainWaiters: (() => void)[] = []
  #sentBytes = 0
  /** Terminates the socket if the peer does not reply to the close. */
  #closeTimer: NodeJS.Timeout | undefined
  #failure: ReplicaError | undefined

  constructor(socket: WebSocket, remote: string, { role, links }: { role: Role; links: LinkGroup }) {
    this.#socket = socket
    this.remote = remote
    this.#isHub = role === 'hub'
    this.#links = links
    links.add()
    socket.binaryType = 'nodebuffer'
    socket.on('message', (data: Buffer, binary: boolean) => this.#onMessage(data, binary))
    socket.on('ping', (data: Buffer) => this.#keepAlive.onControlFrame(this.#frameBytes(data)))
    socket.on('pong', (data: Buffer) => {
      this.#keepAlive.onControlFrame(this.#frameBytes(data))
      if (data.length === PING_BYTES) this.#keepAlive.onPong(data.readUInt32BE())
    })
    socket.on('error', cause => {
      const tooBig = (cause as { code?: string }).code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
      const code = tooBig ? 'ERR_SYNC_LIMIT' : 'ERR_SYNC_CLOSED'
      this.#failure ??= new ReplicaError(code, `the link failed: ${cause.message}`, { cause })
      this.#inbox.end(this.#failure)
    })
    socket.on('close', (code, reason) => {
      this.#links.remove()
      clearInterval(this.#pingTimer)
      clearTimeout(this.#closeTimer)
      this.#inbox.end(this.#failure ?? closeError(code, reason.toString('utf8').slice(0, 123)))
      this.#release()
    })
    this.#pingTimer = setInterval(() => this.#ping(), pingMs)
    this.#pingTimer.unref()
  }

  /** Joins another group. Called while the link is open. */
  moveTo(links: LinkGroup): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    this.#links.remove()
    this.#links = links
    links.add()
  }

  /** Counts received bytes below the WebSocket. Called once the connection is upgraded. */
  listenTo(wire: Duplex): void {
    wire.on('data', (chunk: Buffer) => this.#keepAlive.onData(chunk.length))
  }

  get buffered(): number {
    return this.#socket.bufferedAmount
  }

  get receivedBytes(): number {
    return this.#keepAlive.messageBytes
  }

  get isBackedUp(): boolean {
    return this.#keepAlive.isBackedUp
  }

  /** Whether at most this link's share of the group's buffer is used. */
  get #isDrained(): boolean {
    return this.buffered <= Math.min(BUFFERED_HIGH, this.#links.bytesPerLink)
  }

  send(frame: Uint8Array): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    this.#sentBytes += frame.length
    this.#socket.send(frame, () => {
      if (this.#drainWaiters.length > 0 && this.#isDrained) this.#release()
    })
  }

  drained(): Promise<void> {
    if (this.#socket.readyState !== WebSocket.OPEN || this.#isDrained) return Promise.resolve()
    return new Promise(resolve => this.#drainWaiters.push(resolve))
  }

  async next(): Promise<Uint8Array | undefined> {
    const frame = await this.#inbox.next()
    if (this.#socket.isPaused && this.#inbox.bytes <= frameBytesMax / 2) this.#socket.resume()
    return frame
  }

  close(code: number, reason: string): void {
    if (this.#closeTimer !== undefined || this.#socket.readyState === WebSocket.CLOSED) return
    this.#closeTimer = setTimeout(() => this.#socket.terminate(), closeMsMax)
    if (this.#socket.isPaused) this.#socket.resume()
    this.#socket.close(code, reason.slice(0, 120))
    this.#release()
  }

  #onMessage(data: Buffer, binary: boolean): void {
    if (this.#closeTimer !== undefined) return // nobody reads after a close
    if (!binary) {
      this.#inbox.end(new ReplicaError('ERR_SYNC_FRAME', 'received a text frame; frames must be binary'))
      return
    }
    this.#inbox.push(data)
    if (this.#inbox.bytes > frameBytesMax) this.#socket.pause()
  }

  #release(): void {
    for (const resolve of this.#drainWaiters.splice(0)) resolve()
  }

  #ping(): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    const drained = this.#sentBytes - this.buffered
    const ping = this.#keepAlive.tick({ isReading: !this.#socket.isPaused, drained })
    if (ping === undefined) {
      this.#failure = new ReplicaError('ERR_SYNC_TIMEOUT', 'received nothing, not even a response to pings')
      this.#socket.terminate()
      return
    }
    const data = Buffer.alloc(PING_BYTES)
    data.writeUInt32BE(ping)
    this.#socket.ping(data)
  }

  /** Length of a received ping or pong with its header. Frames of clients are masked. */
  #frameBytes(data: Buffer): number {
    return data.length + (this.#isHub ? 6 : 2)
  }
}
