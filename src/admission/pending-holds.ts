// Holds that a pass has decided and not yet written, by digest and by wait.

import { type Digest, DigestMap, digestKey, equals } from '../base/bytes.ts'
import type { Wait } from '../store/store.ts'
import type { Candidate } from './candidate.ts'

/** A node to decide, and its state in the held store. */
export interface UndecidedNode {
  readonly candidate: Candidate
  /** Key of the peer that handed it over, 32 bytes. */
  readonly from: Uint8Array
  /** It was in the held store when the pass found it. */
  readonly wasHeld: boolean
  /** Its wait in the held store when it was read. */
  readonly storedWait?: Wait
}

/** A node and what it waits for. */
export interface PendingHold {
  readonly item: UndecidedNode
  readonly wait: Wait
}

/** The holds of one pass. */
export class PendingHolds {
  #byDigest = new DigestMap<PendingHold>()
  /** An entry that was replaced or deleted stays in its list and is skipped. */
  #byWait = new Map<string, PendingHold[]>()

  /** Number of holds. */
  get size(): number {
    return this.#byDigest.size
  }

  /** Returns the hold of a node. */
  get(digest: Digest): PendingHold | undefined {
    return this.#byDigest.get(digest)
  }

  /** Adds a hold; replaces an earlier one of the same node. */
  set(hold: PendingHold): void {
    this.#byDigest.set(hold.item.candidate.digest, hold)
    const key = waitKey(hold.wait)
    const list = this.#byWait.get(key)
    if (list === undefined) this.#byWait.set(key, [hold])
    else list.push(hold)
  }

  /** Removes the hold of a node, if there is one. */
  delete(digest: Digest): void {
    this.#byDigest.delete(digest)
  }

  /** Returns the nodes that wait for `wait`. They stay held until they are decided again. */
  take(wait: Wait): UndecidedNode[] {
    const key = waitKey(wait)
    const list = this.#byWait.get(key) ?? []
    this.#byWait.delete(key)
    return list.filter(hold => this.#byDigest.get(hold.item.candidate.digest) === hold).map(hold => hold.item)
  }

  /** Removes and returns all holds. */
  takeAll(): PendingHold[] {
    const holds = [...this.#byDigest.values()]
    this.#byDigest = new DigestMap()
    this.#byWait = new Map()
    return holds
  }
}

/** Returns whether two waits have the same kind and id. */
export function isSameWait(a: Wait, b: Wait): boolean {
  return a.kind === b.kind && equals(a.id, b.id)
}

function waitKey({ kind, id }: Wait): string {
  return kind + digestKey(id)
}
