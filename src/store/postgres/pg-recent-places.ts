// A cache of the locations of nodes that were committed last.

import { type Digest, DigestMap } from '../../base/bytes.ts'
import type { NodeLocation } from '../store.ts'

/** Locations of nodes that were committed last: most parents are among them. */
export class PgRecentPlaces {
  static readonly #max = 16_384
  #young = new DigestMap<NodeLocation>()
  #old = new DigestMap<NodeLocation>()

  get(digest: Digest): NodeLocation | undefined {
    return this.#young.get(digest) ?? this.#old.get(digest)
  }

  add(nodes: readonly { readonly digest: Digest; readonly height: number }[], first: number): void {
    for (const [at, { digest, height }] of nodes.entries()) this.#young.set(digest, { seq: first + at, height })
    if (this.#young.size < PgRecentPlaces.#max) return
    this.#old = this.#young
    this.#young = new DigestMap()
  }
}
