// The connections of a hub, each with the address of its client and a kind. A newcomer is never
// refused for the sake of strangers: where a limit is reached, the connection of a stranger that is
// of the least use is closed, of the address with the most places. Registered keys keep theirs.
// Spec: protocol/clients.md, Q4 to Q7.

import { CLIENT_LIMITS } from '../../base/client-limits.ts'

const { placesPerAddressMax, unprovenMax, unprovenPerAddressMax, strangersPerAddressMax } = CLIENT_LIMITS
const { reservedPart, strangerIdleMsMax, strangerMsMax } = CLIENT_LIMITS

/**
 * The use of a connection. `idle`: it has sent no whole request, or waits for the next one.
 * `unproven`: a WebSocket before the client proof. `stranger`: the session of an unregistered key.
 * `busy`: a request is under way. `registered`: the session of a registered key.
 */
export type PlaceKind = 'idle' | 'unproven' | 'stranger' | 'busy' | 'registered'

/** The kinds that are closed to make room, in this order. */
const CLOSED_FIRST = ['idle', 'unproven', 'stranger', 'busy'] as const

/** A closed connection, for the operator. */
export interface Eviction {
  readonly kind: PlaceKind
  /** The address under which it counted; undefined for a trusted proxy. */
  readonly group: string | undefined
}

export interface ClientPlacesOptions {
  /** Connections of all kinds. */
  readonly max: number
  /** Called for each connection that was closed to make room. */
  readonly onEvict: (eviction: Eviction) => void
}

/** One connection. */
export interface Place {
  kind: PlaceKind
  /** Address under which it counts; undefined: no limit per address. */
  group: string | undefined
  /** Closes the connection at once. */
  close: () => void
}

/** The session of an unregistered key, for `isOverdue`. */
export interface StrangerTimes {
  readonly openedAt: number
  readonly activeAt: number
}

/** Returns whether the session of a stranger has had its time. `now`: ms of the same clock. */
export function isOverdue({ openedAt, activeAt }: StrangerTimes, now: number): boolean {
  return now - openedAt > strangerMsMax || now - activeAt > strangerIdleMsMax
}

/**
 * The connections of one hub.
 *
 * @example
 * const places = new ClientPlaces({ max: 1200, onEvict: report })
 * const place = places.enter(group, () => socket.destroy())
 * if (place !== undefined) socket.once('close', () => places.leave(place))
 */
export class ClientPlaces {
  readonly #max: number
  readonly #onEvict: ClientPlacesOptions['onEvict']
  /** By kind, longest unchanged first. */
  readonly #byKind: Readonly<Record<PlaceKind, Set<Place>>> = {
    idle: new Set(),
    unproven: new Set(),
    stranger: new Set(),
    busy: new Set(),
    registered: new Set(),
  }
  /** The places without a registered key, by group, longest unchanged first. */
  readonly #byGroup = new Map<string | undefined, Set<Place>>()
  #evicted = 0

  constructor({ max, onEvict }: ClientPlacesOptions) {
    this.#max = max
    this.#onEvict = onEvict
  }

  /** Connections closed to make room so far. */
  get evicted(): number {
    return this.#evicted
  }

  /** Connections of a kind. */
  count(kind: PlaceKind): number {
    return this.#byKind[kind].size
  }

  /**
   * Gives a new connection a place. Returns undefined if registered keys have all of them.
   * `close` must close the connection at once; its owner calls `leave` then.
   */
  enter(group: string | undefined, close: () => void): Place | undefined {
    const strangersMax = this.#max - Math.floor(this.#max / reservedPart)
    const registered = this.count('registered')
    if (registered >= this.#max) return undefined
    const place: Place = { kind: 'idle', group, close }
    this.#makeRoomOf(group, CLOSED_FIRST, placesPerAddressMax)
    while (this.#strangers() >= Math.min(strangersMax, this.#max - registered)) {
      this.#evict(this.#leastUseful())
    }
    this.#add(place)
    return place
  }

  /** Changes the kind of a connection, and the address under which it counts. */
  change(place: Place, kind: PlaceKind, group = place.group): void {
    if (!this.leave(place)) return
    if (kind === 'unproven') {
      this.#makeRoomOf(group, ['unproven'], unprovenPerAddressMax)
      while (this.count('unproven') >= unprovenMax) this.#evict(this.#mostOf('unproven'))
    }
    if (kind === 'stranger') this.#makeRoomOf(group, ['stranger'], strangersPerAddressMax)
    if (kind !== 'registered' && group !== place.group) this.#makeRoomOf(group, CLOSED_FIRST, placesPerAddressMax)
    place.kind = kind
    place.group = group
    this.#add(place)
  }

  /** Takes a closed connection out. Returns false if it was out already. */
  leave(place: Place): boolean {
    if (!this.#byKind[place.kind].delete(place)) return false
    const ofGroup = this.#byGroup.get(place.group)
    ofGroup?.delete(place)
    if (ofGroup?.size === 0) this.#byGroup.delete(place.group)
    return true
  }

  #add(place: Place): void {
    this.#byKind[place.kind].add(place)
    if (place.kind === 'registered') return
    const ofGroup = this.#byGroup.get(place.group) ?? new Set()
    this.#byGroup.set(place.group, ofGroup.add(place))
  }

  #strangers(): number {
    return CLOSED_FIRST.reduce((sum, kind) => sum + this.count(kind), 0)
  }

  /** Closes places of these kinds until the group has less than `max` of them. */
  #makeRoomOf(group: string | undefined, kinds: readonly PlaceKind[], max: number): void {
    if (group === undefined) return
    if ((this.#byGroup.get(group)?.size ?? 0) < max) return
    const ofGroup = [...this.#byGroup.get(group)!].filter(({ kind }) => kinds.includes(kind))
    // The sort is stable: the longest unchanged one of a kind stays first.
    ofGroup.sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind))
    for (const place of ofGroup.slice(0, Math.max(0, ofGroup.length - max + 1))) this.#evict(place)
  }

  /** Returns a place of the address with the most: of the first kind, the longest unchanged. */
  #leastUseful(): Place {
    let most = new Set<Place>()
    for (const ofGroup of this.#byGroup.values()) if (ofGroup.size > most.size) most = ofGroup
    const kind = CLOSED_FIRST.find(one => [...most].some(place => place.kind === one))
    return [...most].find(place => place.kind === kind)!
  }

  /** Returns the longest unchanged place of a kind, of the address with the most places. */
  #mostOf(kind: PlaceKind): Place {
    let found: Place | undefined
    let most = 0
    for (const place of this.#byKind[kind]) {
      const { size } = this.#byGroup.get(place.group)!
      if (size > most) [found, most] = [place, size]
    }
    return found!
  }

  #evict(place: Place): void {
    this.leave(place)
    this.#evicted += 1
    this.#onEvict({ kind: place.kind, group: place.group })
    place.close()
  }
}
