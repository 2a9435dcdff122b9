// Counts held nodes for each frontier, and their bytes for each peer and in total, and enforces the
// limits. Held nodes are never evicted, because their receipt was acknowledged.

import { HELD_LIMITS } from '../base/limits.ts'

/** Limits of held nodes. */
export interface HeldLimits {
  /** Bytes of held nodes that one peer may have sent. Default 64 MiB. */
  readonly bytesPerPeerMax: number
  /** Bytes of all held nodes. Default 512 MiB. */
  readonly bytesMax: number
}

interface Usage {
  nodes: number
  bytes: number
}

/** Usage of the held store. */
export class HeldQuota {
  readonly #limits: HeldLimits
  readonly #frontiers = new Map<string, Usage>()
  readonly #bytesByPeer = new Map<string, number>()
  #all: Usage = { nodes: 0, bytes: 0 }

  constructor(limits: HeldLimits = HELD_LIMITS) {
    this.#limits = limits
  }

  /**
   * Counts a node of `bytes` bytes. Returns false, and does not count it, if it would exceed a
   * limit.
   */
  reserve(frontier: string, peer: string, bytes: number): boolean {
    const ofPeer = this.#bytesByPeer.get(peer) ?? 0
    if (ofPeer + bytes > this.#limits.bytesPerPeerMax || this.#all.bytes + bytes > this.#limits.bytesMax) return false
    this.add(frontier, peer, { nodes: 1, bytes })
    return true
  }

  /** Removes a node of `bytes` bytes from the count. */
  release(frontier: string, peer: string, bytes: number): void {
    this.add(frontier, peer, { nodes: -1, bytes: -bytes })
  }

  /** Changes the count without a check of the limits, which nodes on disk may exceed. */
  add(frontier: string, peer: string, change: Readonly<Usage>): void {
    const usage = this.#frontiers.get(frontier) ?? { nodes: 0, bytes: 0 }
    usage.nodes += change.nodes
    usage.bytes += change.bytes
    this.#frontiers.set(frontier, usage)
    this.#all = { nodes: this.#all.nodes + change.nodes, bytes: this.#all.bytes + change.bytes }
    const ofPeer = (this.#bytesByPeer.get(peer) ?? 0) + change.bytes
    if (ofPeer === 0) this.#bytesByPeer.delete(peer)
    else this.#bytesByPeer.set(peer, ofPeer)
  }

  /** Returns the number and the bytes of the held nodes, of one frontier or of all. */
  usage(frontier?: string): Usage {
    const usage = frontier === undefined ? this.#all : this.#frontiers.get(frontier)
    return { nodes: usage?.nodes ?? 0, bytes: usage?.bytes ?? 0 }
  }
}
