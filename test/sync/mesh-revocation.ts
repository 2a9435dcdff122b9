// A hub that is revoked: at each honest hub at a moment of its own, when all have what it made so far, so that all spare the same nodes.
// What it makes afterwards it hands to a hub that goes on taking its nodes and passes them on: the honest ones are offered
// them by a peer that they trust, and have to refuse them one by one.

import type { MeshHub } from './mesh-hub.ts'
import type { World } from './mesh-world.ts'

/** Between two hubs that revoke it; virtual milliseconds. */
const APART_MS_MAX = 800

export interface RevocationParts {
  readonly world: World
  readonly outcast: MeshHub
  readonly honest: readonly MeshHub[]
}

export class Revocation {
  readonly #parts: RevocationParts
  #phase: 'before' | 'under way' | 'over' = 'before'
  /** What the outcast had made before the first hub revoked it, once the last one has. */
  spared: ReadonlySet<string> | undefined

  constructor(parts: RevocationParts) {
    this.#parts = parts
  }

  get isBegun(): boolean {
    return this.#phase !== 'before'
  }

  /** Some hubs take its nodes still and others don't: whatever it made now would divide them. */
  get isUnderWay(): boolean {
    return this.#phase === 'under way'
  }

  async run(): Promise<void> {
    const { world, outcast, honest } = this.#parts
    this.#phase = 'under way'
    await world.pause(1)
    const made = new Set(outcast.acknowledged)
    while (!(await this.#allStore(made))) await world.pause(200)
    for (const hub of honest) {
      await world.pause(world.random.below(APART_MS_MAX))
      await hub.revoke(outcast)
    }
    this.spared = made
    this.#phase = 'over'
    for (let left = 2 + world.random.below(3); left > 0; left -= 1) {
      await outcast.write(0)
      await world.pause(world.random.below(300))
    }
  }

  async #allStore(made: ReadonlySet<string>): Promise<boolean> {
    for (const hub of this.#parts.honest) if (hub.local === undefined || !(await hub.stores(made))) return false
    return true
  }
}
