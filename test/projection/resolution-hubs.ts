// Shared by the tests of resolutions: two real hubs with one finding, with or without a conflict,
// and two reviewers with keys.

import * as assert from 'uvu/assert'
import { Hub } from '../../src/hub/hub.ts'
import { type EventDraft, Key } from '../../src/index.ts'
import type { ListedConflict } from '../../src/projection/conflict-list.ts'
import { Conflicts } from '../../src/projection/conflicts-api.ts'
import { exportFrontier } from '../../src/projection/files/snapshot.ts'
import { type Choice, ConflictResolver, type ResolveDraft } from '../../src/projection/resolver.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { NOW } from '../replica/drafts.ts'

export const FINDING = 'vf_0000000000000001'
export const ada = Key.fromSeed(new Uint8Array(32).fill(1))
export const ben = Key.fromSeed(new Uint8Array(32).fill(2))
export const ADA = { reviewer: 'reviewer:ada', key: ada }
export const BEN = { reviewer: 'reviewer:ben', key: ben }

function event(kind: string, payload: unknown): EventDraft {
  const actor = { id: 'reviewer:one', type: 'human' }
  return { kind, target: { type: 'finding', id: FINDING }, actor, reason: kind, payload, timestamp: NOW.toISOString() }
}

const finding = {
  id: FINDING,
  assertion: { text: 'a claim', type: 'mechanism' },
  confidence: { score: 0.5 },
  flags: {},
}
const asserted = event('finding.asserted', { finding })
export const revised = (score: number): EventDraft =>
  event('finding.confidence_revised', { previous_score: 0.5, new_score: score })

export const reviewed = (status: string): EventDraft => event('finding.reviewed', { status })

export class Hubs {
  readonly frontier: string
  readonly left: Hub
  readonly right: Hub

  private constructor(frontier: string, left: Hub, right: Hub) {
    this.frontier = frontier
    this.left = left
    this.right = right
  }

  /** Opens two registered hubs with one finding; with `apart` each revises it before they sync. */
  static async open(options: { apart: boolean }): Promise<Hubs> {
    const listen = (hubId: string) => Hub.listen({ location: new MemoryStore(), port: 0, hubId, clock: () => NOW })
    const [left, right] = [await listen('hub:left'), await listen('hub:right')]
    const { frontier } = await left.replica.createFrontier({ name: 'One' })
    const hubs = new Hubs(frontier, left, right)
    for (const [hub, other] of [
      [left, right],
      [right, left],
    ] as const)
      await hub.replica
        .registry(frontier)
        .add({ id: other.replica.hubId, url: other.url, publicKey: other.replica.key.publicKey })
    await left.replica.append(frontier, asserted)
    await left.replica.push(frontier, 'hub:right')
    if (options.apart) {
      await left.replica.append(frontier, revised(0.9))
      await right.replica.append(frontier, revised(0.1))
      await hubs.meet()
    }
    return hubs
  }

  /** Syncs both hubs. */
  async meet(): Promise<void> {
    await this.left.replica.pull(this.frontier, 'hub:right')
    await this.left.replica.push(this.frontier, 'hub:right')
    assert.equal(this.left.replica.heads(this.frontier), this.right.replica.heads(this.frontier))
  }

  conflicts(hub: Hub): Promise<readonly ListedConflict[]> {
    return new Conflicts(hub.replica, this.frontier).list()
  }

  async score(hub: Hub): Promise<number> {
    const { file } = await exportFrontier(hub.replica, this.frontier)
    return file.findings.find(({ id }) => id === FINDING)!.score
  }

  propose(hub: Hub, draft: Partial<ResolveDraft> & { conflict: string }) {
    return new ConflictResolver(hub.replica, this.frontier).propose({ reason: 'the larger cohort', ...ADA, ...draft })
  }

  async settle(hub: Hub, conflict: string, choice: Choice, by: { reviewer: string; key: Key } = ADA) {
    const { id } = await this.propose(hub, { conflict, choice, ...by })
    return new ConflictResolver(hub.replica, this.frontier).accept(id, by)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.left.close()
    await this.right.close()
  }
}
