// Gives each connection of a hub a place from the first byte to the last, says who its client is,
// and ends the sessions of strangers when their time is over.
// Spec: protocol/clients.md.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { CLIENT_LIMITS } from '../../base/client-limits.ts'
import { ReplicaError } from '../../base/errors.ts'
import { LruMap } from '../../base/lru-map.ts'
import type { PeerIdentity } from '../../sync/connection.ts'
import type { Session } from '../../transport/session.ts'
import { type ClientAddress, ClientAddresses } from './client-address.ts'
import { ClientPlaces, type Eviction, isOverdue, type Place } from './client-places.ts'

const { strangerCheckMs, evictionAlarmMs, knownAddressesMax } = CLIENT_LIMITS

export interface ClientConnectionsOptions {
  /** Connections of all kinds. */
  readonly max: number
  /** Addresses and networks of proxies that name their clients. */
  readonly trustedProxies: readonly string[]
  /** Whether the key of a peer is registered. */
  readonly isRegistered: (peer: PeerIdentity) => boolean
  /** Called at most once a minute while connections are closed to make room. */
  readonly onPressure: (message: string, facts: { readonly address: string }) => void
}

/** A TCP connection. */
interface Connection {
  readonly place: Place
  /** The address under which it counts between requests. */
  readonly group: string | undefined
  /** Requests under way. */
  requests: number
}

/** A session whose client has proved a key. */
interface ProvenSession {
  readonly session: Session
  readonly peer: PeerIdentity
  readonly onRegistered: () => void
  readonly openedAt: number
  activeAt: number
  /** Frames that had crossed the link at the last look. */
  frames: number
  /** It was asked to end at an earlier look. */
  isLeaving: boolean
}

/**
 * The connections of one hub.
 *
 * @example
 * const connections = new ClientConnections(options)
 * server.on('connection', socket => connections.opened(socket))
 */
export class ClientConnections {
  readonly #addresses: ClientAddresses
  readonly #places: ClientPlaces
  readonly #options: ClientConnectionsOptions
  /** By address and port of the client: the socket of a request over TLS is another object. */
  readonly #bySocket = new Map<string, Connection>()
  readonly #proven = new Map<Place, ProvenSession>()
  /** Addresses from which a registered key had a session. */
  readonly #known = new LruMap<string, true>(knownAddressesMax)
  readonly #timer: NodeJS.Timeout
  #alarmAt = 0

  /** @throws ReplicaError ERR_USAGE for a proxy that is not an address or a network */
  constructor(options: ClientConnectionsOptions) {
    this.#options = options
    this.#addresses = new ClientAddresses(options.trustedProxies)
    this.#places = new ClientPlaces({ max: options.max, onEvict: eviction => this.#onEvict(eviction) })
    this.#timer = setInterval(() => this.examine(performance.now()), strangerCheckMs)
    this.#timer.unref()
  }

  /** Connections that are open. */
  get count(): number {
    return this.#bySocket.size
  }

  /** Connections that were closed to make room. */
  get evicted(): number {
    return this.#places.evicted
  }

  /** Gives a new TCP connection a place, or closes it. */
  opened(socket: Socket): void {
    const { group } = this.#addresses.ofSocket(socket.remoteAddress)
    const place = this.#places.enter(group, () => socket.destroy())
    if (place === undefined) return void socket.destroy()
    const name = nameOf(socket)
    this.#bySocket.set(name, { place, group, requests: 0 })
    socket.once('close', () => {
      this.#places.leave(place)
      this.#proven.delete(place)
      this.#bySocket.delete(name)
    })
  }

  /** Uses the socket over TLS to close a connection. */
  secured(socket: Socket): void {
    const connection = this.#bySocket.get(nameOf(socket))
    if (connection !== undefined) connection.place.close = () => socket.destroy()
  }

  /** Returns the client of a request. Until the response is sent its connection is busy. */
  requested(message: IncomingMessage, response: ServerResponse): ClientAddress {
    const client = this.#addresses.of(message)
    const connection = this.#bySocket.get(nameOf(message.socket))
    if (connection === undefined) return client
    connection.requests += 1
    this.#places.change(connection.place, 'busy', client.group)
    response.once('close', () => {
      connection.requests -= 1
      if (connection.requests === 0) this.#places.change(connection.place, 'idle', connection.group)
    })
    return client
  }

  /** Whether a registered key had a session from this address. */
  isKnown(group: string | undefined): boolean {
    return group !== undefined && this.#known.get(group) !== undefined
  }

  /** Returns the client of an upgrade with its place, which is unproven from now on. */
  upgraded(message: IncomingMessage): { client: ClientAddress; place: Place } | undefined {
    const connection = this.#bySocket.get(nameOf(message.socket))
    if (connection === undefined) return undefined
    const client = this.#addresses.of(message)
    this.#places.change(connection.place, 'unproven', client.group)
    return { client, place: connection.place }
  }

  /** The connection has a session now. `onRegistered`: its key is registered. */
  began(place: Place, session: Session, onRegistered: () => void): void {
    const destroy = place.close
    place.close = () => {
      session.close(new ReplicaError('ERR_SYNC_BUSY', 'the place of this connection went to another client'))
      setImmediate(destroy) // a peer that does not read would keep its place
    }
    const prove = (peer: PeerIdentity): void => {
      const now = performance.now()
      const isRegistered = this.#options.isRegistered(peer)
      this.#proven.set(place, {
        session,
        peer,
        onRegistered,
        openedAt: now,
        activeAt: now,
        frames: 0,
        isLeaving: false,
      })
      this.#places.change(place, isRegistered ? 'registered' : 'stranger')
      if (!isRegistered) return
      onRegistered()
      if (place.group !== undefined) this.#known.set(place.group, true)
    }
    session.ready.then(prove, () => {}) // the session reports its own error
  }

  /** Ends sessions of strangers whose time is over; looks again whose key is registered. */
  examine(now: number): void {
    for (const [place, proven] of this.#proven) {
      const { session, peer } = proven
      const kind = this.#options.isRegistered(peer) ? 'registered' : 'stranger'
      if (kind !== place.kind) {
        this.#places.change(place, kind)
        if (kind === 'registered') proven.onRegistered()
      }
      const frames = session.stats.sentFrames + session.stats.receivedFrames
      if (frames !== proven.frames) Object.assign(proven, { frames, activeAt: now })
      if (kind !== 'stranger' || !isOverdue(proven, now)) continue
      if (proven.isLeaving)
        place.close() // it does not read
      else session.goAway()
      proven.isLeaving = true
    }
  }

  /** Ends the regular look at sessions. */
  stop(): void {
    clearInterval(this.#timer)
  }

  #onEvict({ kind, group }: Eviction): void {
    const now = performance.now()
    if (this.#alarmAt > now) return
    this.#alarmAt = now + evictionAlarmMs
    const address = group ?? 'a trusted proxy'
    const message = `clients need more places than they may have: connections of ${address} are closed (${kind} ones first)`
    this.#options.onPressure(message, { address })
  }
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
