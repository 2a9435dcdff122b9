// The last nodes committed, by digest. A call looks its nodes up while calls before it are still at work; what those
// commit in between is found here, so nothing is looked up twice. Bounded: a caller that was overtaken by more than fits
// is told so and looks up again.

import { type Digest, DigestMap } from '../base/bytes.ts'

const NODES_MAX = 16_384

interface Chunk {
  readonly firstSeq: number
  readonly digests: readonly Digest[]
}

export class RecentCommits {
  readonly #heights = new DigestMap<number>()
  readonly #chunks: Chunk[] = []
  #from: number

  /** `from`: the next sequence number of the log. */
  constructor(from: number) {
    this.#from = from
  }

  add(nodes: readonly { readonly digest: Digest; readonly height: number }[], firstSeq: number): void {
    for (const { digest, height } of nodes) this.#heights.set(digest, height)
    this.#chunks.push({ firstSeq, digests: nodes.map(node => node.digest) })
    while (this.#heights.size > NODES_MAX) {
      const oldest = this.#chunks.shift()!
      for (const digest of oldest.digests) this.#heights.delete(digest)
      this.#from = oldest.firstSeq + oldest.digests.length
    }
  }

  height(digest: Digest): number | undefined {
    return this.#heights.get(digest)
  }

  /** Whether every node from this sequence number on is here. */
  covers(seq: number): boolean {
    return seq >= this.#from
  }
}
