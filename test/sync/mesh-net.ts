// The net between the hubs of a mesh: which can reach which, how long frames take, when links break, and what crossed them.

import { digestKey, sha256 } from '../../src/base/bytes.ts'
import { hasCode, ReplicaError } from '../../src/base/errors.ts'
import type { NetworkHooks } from '../../src/replica/links/backoff.ts'
import { unpackBlocks } from '../../src/sync/frame-packing.ts'
import { decodeMessage } from '../../src/sync/message.ts'
import type { Link } from '../../src/transport/link.ts'
import { Session } from '../../src/transport/session.ts'
import { HOST, hubConfig } from './local.ts'
import type { MeshHub } from './mesh-hub.ts'
import { Wire } from './mesh-link.ts'
import type { World } from './mesh-world.ts'

export interface Edge {
  readonly from: MeshHub
  readonly to: MeshHub
  /** What frames take at least. */
  readonly delayMs: number
  /** Nothing gets through. */
  isDown: boolean
  /** Links now open. */
  readonly wires: Set<Wire>
}

export interface Climate {
  /** Probability, per frame, that the link breaks. */
  cut: number
  /** Probability, per frame, that it takes up to two seconds. */
  slow: number
}

export class Net {
  readonly edges: Edge[] = []
  readonly climate: Climate
  /** Links that were made, and the codes that ended sessions at their hubs. */
  links = 0
  readonly codes = new Map<string, number>()
  /** Nodes that crossed links so far. */
  crossed = 0
  /** The most often that one node has crossed one link. */
  crossedMost = 0
  /** Stands between a hub and its links, for hubs that are not honest. */
  readonly #between: (link: Link, at: MeshHub) => Link
  readonly #world: World

  constructor(world: World, climate: Climate, between: (link: Link, at: MeshHub) => Link) {
    this.#world = world
    this.climate = climate
    this.#between = between
  }

  join(from: MeshHub, to: MeshHub): void {
    const delayMs = 1 + this.#world.random.below(60)
    this.edges.push({ from, to, delayMs, isDown: false, wires: new Set() })
  }

  /** Whether one is to keep a link to the other. */
  joins(from: MeshHub, to: MeshHub): boolean {
    return this.edges.some(edge => edge.from === from && edge.to === to)
  }

  /** How a hub's process reaches another: by its address, as if by WebSocket. */
  dialler(from: MeshHub): NetworkHooks['dial'] {
    return async (url, options = {}) => {
      const edge = this.edges.find(one => one.from === from && one.to.url === url)
      if (edge === undefined) throw new TypeError(`${from.name} is not to dial ${url}`)
      await this.#world.pause(2 * edge.delayMs)
      const { local } = edge.to
      if (options.signal?.aborted) throw new ReplicaError('ERR_ABORTED', 'aborted while connecting')
      if (edge.isDown || local === undefined) throw new ReplicaError('ERR_SYNC_CONNECT', `${url} can't be reached`)
      const wire = this.#wire(edge)
      const { setTimer } = this.#world
      const { scheduling } = local.context
      const link = this.#between(wire.hub, edge.to)
      const served = new Session(link, hubConfig(local), local.services, { setTimer, scheduling })
      served.done.catch(error => this.#ended(error))
      return { link: this.#between(wire.client, from), host: HOST, binding: undefined, loopback: true }
    }
  }

  /** All that is broken is whole again. */
  heal(): void {
    Object.assign(this.climate, { cut: 0, slow: 0 })
    for (const edge of this.edges) {
      edge.isDown = false
      for (const wire of [...edge.wires]) if (wire.isSilent) wire.cut()
    }
  }

  /** A session may end with an error of the link or of the peer, never with one of this program. */
  #ended(error: Error): void {
    if (!hasCode(error) || error.code === 'ERR_INTERNAL') return this.#world.fail(error)
    this.codes.set(error.code, (this.codes.get(error.code) ?? 0) + 1)
  }

  #wire(edge: Edge): Wire {
    const { from, to, delayMs, wires } = edge
    const { random } = this.#world
    const { climate } = this
    const counts = new Map<string, number>()
    const wire: Wire = new Wire(
      this.#world,
      {
        delay: () => delayMs + (random.chance(climate.slow) ? random.below(2_000) : random.below(5)),
        cuts: () => random.chance(climate.cut),
        onFrame: frame => this.#count(frame, counts),
      },
      () => {
        for (const set of [wires, from.wires, to.wires]) set.delete(wire)
      },
    )
    for (const set of [wires, from.wires, to.wires]) set.add(wire)
    this.links += 1
    return wire
  }

  #count(frame: Uint8Array, counts: Map<string, number>): void {
    for (const node of nodesOf(frame)) {
      const key = digestKey(sha256(node))
      const count = (counts.get(key) ?? 0) + 1
      counts.set(key, count)
      this.crossed += 1
      this.crossedMost = Math.max(this.crossedMost, count)
    }
  }
}

/** What a frame carries; nothing where it isn't one of this protocol. */
function nodesOf(frame: Uint8Array): readonly Uint8Array[] {
  try {
    const message = decodeMessage(frame)
    return message.t === 'blocks' || message.t === 'packed' ? unpackBlocks(message) : []
  } catch (error) {
    if (hasCode(error)) return []
    throw error
  }
}
