// The held nodes of the in-memory engine.

import { compare, DigestMap, digestKey } from '../base/bytes.ts'
import type { Mutex } from '../base/mutex.ts'
import { type HeldLimits, HeldQuota } from './quota.ts'
import type { FrontierStore, HeldNode, HeldStore, Wait } from './store.ts'
import { checkHeld, checkWait, compareWaits, waitKey } from './validate.ts'

/** Held nodes. Each ordered result sorts a copy: this engine is for few held nodes. */
export class MemoryHeldStore implements HeldStore {
  readonly #frontierOf: (name: string) => FrontierStore
  readonly #mutex: Mutex
  readonly #quota: HeldQuota
  readonly #nodes = new Map<string, DigestMap<HeldNode>>()

  constructor(frontierOf: (name: string) => FrontierStore, mutex: Mutex, limits?: HeldLimits) {
    this.#frontierOf = frontierOf
    this.#mutex = mutex
    this.#quota = new HeldQuota(limits)
  }

  async put(frontier: string, nodes: readonly HeldNode[]): Promise<boolean[]> {
    return this.#mutex.run(async () => {
      checkHeld(nodes)
      const held = this.#of(frontier)
      return nodes.map(node => {
        const known = held.get(node.digest)
        if (known !== undefined) {
          held.set(node.digest, { ...known, wait: copyOf(node).wait })
          return true
        }
        if (!this.#quota.reserve(frontier, digestKey(node.from), node.bytes.length)) return false
        held.set(node.digest, copyOf(node))
        return true
      })
    })
  }

  async get(frontier: string, digests: readonly Uint8Array[]): Promise<(HeldNode | undefined)[]> {
    const held = this.#of(frontier)
    return digests.map(digest => held.get(digest))
  }

  async has(frontier: string, digests: readonly Uint8Array[]): Promise<boolean[]> {
    const held = this.#of(frontier)
    return digests.map(digest => held.has(digest))
  }

  async findByWait(frontier: string, wait: Wait, limit: number): Promise<Uint8Array[]> {
    checkWait(wait)
    const key = waitKey(wait)
    return this.#sorted(frontier)
      .filter(node => waitKey(node.wait) === key)
      .map(node => node.digest)
      .slice(0, limit)
  }

  async delete(frontier: string, digests: readonly Uint8Array[]): Promise<void> {
    await this.#mutex.run(async () => {
      const held = this.#of(frontier)
      for (const digest of digests) {
        const node = held.get(digest)
        if (node === undefined) continue
        held.delete(digest)
        this.#quota.release(frontier, digestKey(node.from), node.bytes.length)
      }
    })
  }

  async purge(frontier: string, digests: readonly Uint8Array[]): Promise<void> {
    await this.#mutex.run(async () => {
      const held = this.#of(frontier)
      for (const digest of digests) {
        const node = held.get(digest)
        if (node === undefined) continue
        const bytes = node.bytes.slice(0, node.headerBytes)
        held.set(digest, { ...node, bytes })
        this.#quota.add(frontier, digestKey(node.from), { nodes: 0, bytes: bytes.length - node.bytes.length })
      }
    })
  }

  async listWaits(frontier: string, limit: number): Promise<{ wait: Wait; nodes: number }[]> {
    const counts = new Map<string, { wait: Wait; nodes: number }>()
    for (const { wait } of this.#sorted(frontier)) {
      const count = counts.get(waitKey(wait))
      if (count === undefined) counts.set(waitKey(wait), { wait, nodes: 1 })
      else count.nodes++
    }
    return [...counts.values()].sort(compareWaits).slice(0, limit)
  }

  async list(frontier: string, options: { after?: Uint8Array; limit: number }): Promise<HeldNode[]> {
    const { after, limit } = options
    return this.#sorted(frontier)
      .filter(node => after === undefined || compare(node.digest, after) > 0)
      .slice(0, limit)
  }

  usage(frontier?: string): { nodes: number; bytes: number } {
    return this.#quota.usage(frontier)
  }

  #sorted(frontier: string): HeldNode[] {
    return [...this.#of(frontier).values()].sort((a, b) => compare(a.digest, b.digest))
  }

  #of(frontier: string): DigestMap<HeldNode> {
    this.#mutex.assertOpen()
    this.#frontierOf(frontier)
    const held = this.#nodes.get(frontier) ?? new DigestMap<HeldNode>()
    this.#nodes.set(frontier, held)
    return held
  }
}

function copyOf(node: HeldNode): HeldNode {
  return {
    digest: Buffer.from(node.digest),
    bytes: Buffer.from(node.bytes),
    headerBytes: node.headerBytes,
    event: Buffer.from(node.event),
    key: Buffer.from(node.key),
    wait: { kind: node.wait.kind, id: Buffer.from(node.wait.id) },
    from: Buffer.from(node.from),
  }
}
