// Ring of recent commits, by digest. A call of the gate looks its nodes up while earlier calls
// still commit. Nodes that those commit in the meantime is found here, so nothing is looked up
// twice. The ring keeps 16,384 nodes; a call that was overtaken by more looks its nodes up again.

import { type Digest, DigestMap } from '../base/bytes.ts'

const NODES_MAX = 16_384

interface Chunk {
  readonly firstSeq: number
  readonly digests: readonly Digest[]
}

/** Heights of recently committed nodes. */
export class RecentCommits {
  readonly #heights = new DigestMap<number>()
  readonly #chunks: Chunk[] = []
  #from: number

  /** @param from the next sequence number of the log */
  constructor(from: number) {
    this.#from = from
  }

  /** Adds a commit. */
  add(nodes: readonly { readonly digest: Digest; readonly height: number }[], firstSeq: number): void {
    for (const { digest, height } of nodes) this.#heights.set(digest, height)
    this.#chunks.push({ firstSeq, digests: nodes.map(node => node.digest) })
    while (this.#heights.size > NODES_MAX) {
      const oldest = this.#chunks.shift()!
      for (const digest of oldest.digests) this.#heights.delete(digest)
      this.#from = oldest.firstSeq + oldest.digests.length
    }
  }

  /** Forgets all commits: another process has written to the log, which now ends at `from`. */
  reset(from: number): void {
    for (const { digests } of this.#chunks.splice(0)) for (const digest of digests) this.#heights.delete(digest)
    this.#from = from
  }

  /** Returns the height of a recent node, by its `digestKey`; undefined if it is not one. */
  height(key: string): number | undefined {
    return this.#heights.getByKey(key)
  }

  /** Returns whether all nodes from this sequence number on are here. */
  covers(seq: number): boolean {
    return seq >= this.#from
  }
}
