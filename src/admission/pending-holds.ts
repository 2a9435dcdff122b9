// Nodes that a turn of the gate has decided to hold and not written yet, found by digest and by what they wait for.

import { type Digest, DigestMap, digestKey, equals } from '../base/bytes.ts'
import type { Wait } from '../store/store.ts'
import type { Candidate } from './candidate.ts'

/** A node to judge, and where it stands. */
export interface UndecidedNode {
  readonly candidate: Candidate
  /** The peer that handed it over. */
  readonly from: Uint8Array
  readonly wasHeld: boolean
  /** What it waits for according to the held store, when that was read. */
  readonly storedWait?: Wait
}

export interface PendingHold {
  readonly item: UndecidedNode
  readonly wait: Wait
}

export class PendingHolds {
  #byDigest = new DigestMap<PendingHold>()
  /** A node that has moved on stays listed here and is skipped. */
  #byWait = new Map<string, PendingHold[]>()

  get size(): number {
    return this.#byDigest.size
  }

  get(digest: Digest): PendingHold | undefined {
    return this.#byDigest.get(digest)
  }

  set(hold: PendingHold): void {
    this.#byDigest.set(hold.item.candidate.digest, hold)
    const key = waitKey(hold.wait)
    const list = this.#byWait.get(key)
    if (list === undefined) this.#byWait.set(key, [hold])
    else list.push(hold)
  }

  delete(digest: Digest): void {
    this.#byDigest.delete(digest)
  }

  /** What waits for this. They stay held until they are judged again. */
  take(wait: Wait): UndecidedNode[] {
    const key = waitKey(wait)
    const list = this.#byWait.get(key) ?? []
    this.#byWait.delete(key)
    return list.filter(hold => this.#byDigest.get(hold.item.candidate.digest) === hold).map(hold => hold.item)
  }

  takeAll(): PendingHold[] {
    const holds = [...this.#byDigest.values()]
    this.#byDigest = new DigestMap()
    this.#byWait = new Map()
    return holds
  }
}

export function isSameWait(a: Wait, b: Wait): boolean {
  return a.kind === b.kind && equals(a.id, b.id)
}

function waitKey({ kind, id }: Wait): string {
  return kind + digestKey(id)
}
