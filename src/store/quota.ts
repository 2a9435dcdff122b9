// How many held nodes there are, for each frontier, and how many bytes of them each peer and all together have; and
// whether one more has room. Nothing is ever evicted to make room: what is held was acknowledged.

import { HELD_LIMITS } from '../base/limits.ts'

export interface HeldLimits {
  readonly bytesPerPeerMax: number
  readonly bytesMax: number
}

interface Usage {
  nodes: number
  bytes: number
}

export class Quota {
  readonly #limits: HeldLimits
  readonly #frontiers = new Map<string, Usage>()
  readonly #bytesByPeer = new Map<string, number>()
  #all: Usage = { nodes: 0, bytes: 0 }

  constructor(limits: HeldLimits = HELD_LIMITS) {
    this.#limits = limits
  }

  /** Counts a node in when it has room; false when it has none. */
  take(frontier: string, peer: string, bytes: number): boolean {
    const ofPeer = this.#bytesByPeer.get(peer) ?? 0
    if (ofPeer + bytes > this.#limits.bytesPerPeerMax || this.#all.bytes + bytes > this.#limits.bytesMax) return false
    this.count(frontier, peer, { nodes: 1, bytes })
    return true
  }

  /** Counts a node out. */
  free(frontier: string, peer: string, bytes: number): void {
    this.count(frontier, peer, { nodes: -1, bytes: -bytes })
  }

  /** Counts nodes in or out without asking for room: what is on the disk already counts, even past a limit. */
  count(frontier: string, peer: string, change: Readonly<Usage>): void {
    const usage = this.#frontiers.get(frontier) ?? { nodes: 0, bytes: 0 }
    usage.nodes += change.nodes
    usage.bytes += change.bytes
    this.#frontiers.set(frontier, usage)
    this.#all = { nodes: this.#all.nodes + change.nodes, bytes: this.#all.bytes + change.bytes }
    const ofPeer = (this.#bytesByPeer.get(peer) ?? 0) + change.bytes
    if (ofPeer === 0) this.#bytesByPeer.delete(peer)
    else this.#bytesByPeer.set(peer, ofPeer)
  }

  usage(frontier?: string): Usage {
    const usage = frontier === undefined ? this.#all : this.#frontiers.get(frontier)
    return { nodes: usage?.nodes ?? 0, bytes: usage?.bytes ?? 0 }
  }
}
