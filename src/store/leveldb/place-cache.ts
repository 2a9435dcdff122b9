// Where recently committed nodes lie: the parents of what comes next are nearly always among them. Two generations of
// bounded size: when the younger is full the older one is forgotten, so nothing is moved on a hit.

import { type Digest, digestKey } from '../../base/bytes.ts'
import { STORE_LIMITS } from '../../base/limits.ts'
import type { NodeLocation } from '../store.ts'

interface Known extends NodeLocation {
  readonly ordinal: number
}

export class LocationCache {
  #young = new Map<string, Known>()
  #old = new Map<string, Known>()

  get(ordinal: number, digest: Digest): NodeLocation | undefined {
    const key = digestKey(digest)
    const known = this.#young.get(key) ?? this.#old.get(key)
    return known?.ordinal === ordinal ? { seq: known.seq, height: known.height } : undefined
  }

  add(ordinal: number, digest: Digest, { seq, height }: NodeLocation): void {
    if (this.#young.size >= STORE_LIMITS.placesCachedMax / 2) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(digestKey(digest), { ordinal, seq, height })
  }
}
