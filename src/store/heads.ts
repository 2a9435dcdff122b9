// The heads of one frontier in memory: the nodes that are not a parent of another node, by sequence
// number. A checksum (the XOR of all digests) is updated in constant time with each change and
// stored beside the heads, so that a load detects a lost or damaged head. It protects against
// accidents, not against forgery.

import { lowerBound } from '../base/binary-search.ts'
import { compare, concat, type Digest, sha256 } from '../base/bytes.ts'

/** A change of the heads of a frontier. */
export interface HeadsChange {
  /** Sequence numbers of nodes that are no longer heads. */
  readonly removed: readonly number[]
  /** New heads. */
  readonly added: readonly { readonly seq: number; readonly digest: Digest }[]
}

/**
 * Returns how a commit changes the heads. `parents` are the sequence numbers of each node's
 * parents, `first` is the sequence number of the first node. `removed` may contain nodes that were
 * not heads.
 */
export function headsChange(
  nodes: readonly { readonly digest: Digest }[],
  parents: readonly (readonly number[])[],
  first: number,
): HeadsChange {
  const parental = new Set(parents.flat())
  const added = nodes.map(({ digest }, at) => ({ seq: first + at, digest }))
  return { removed: [...parental].filter(seq => seq < first), added: added.filter(({ seq }) => !parental.has(seq)) }
}

/** A set of heads. */
export class Heads {
  readonly #digests = new Map<number, Digest>()
  readonly #sum = new Uint8Array(32)
  #sorted: Digest[] | undefined
  #digest: Digest | undefined

  /** Number of heads. */
  get count(): number {
    return this.#digests.size
  }

  /** Returns whether the node with this sequence number is a head. */
  has(seq: number): boolean {
    return this.#digests.has(seq)
  }

  /**
   * Applies a change. To remove a node that is not a head, or to add a head again, has no effect.
   */
  apply(change: HeadsChange): void {
    // A few heads are inserted into the sorted list. With many, it is cheaper to sort again on
    // demand.
    if (change.removed.length + change.added.length > 16) this.#sorted = undefined
    this.#digest = undefined
    for (const seq of change.removed) {
      const digest = this.#digests.get(seq)
      if (digest === undefined) continue
      this.#digests.delete(seq)
      this.#sorted?.splice(place(this.#sorted, digest), 1)
      xorInto(this.#sum, digest)
    }
    for (const { seq, digest } of change.added) {
      if (this.#digests.has(seq)) continue
      // A copy: the caller's digest is often a view that would keep a whole node or pool in memory.
      const own = Buffer.allocUnsafeSlow(32)
      own.set(digest)
      this.#digests.set(seq, own)
      this.#sorted?.splice(place(this.#sorted, own), 0, own)
      xorInto(this.#sum, digest)
    }
  }

  /**
   * Returns count and checksum after `change`, without applying it. All nodes in `change.removed`
   * must be heads.
   */
  preview(change: HeadsChange): { count: number; sum: Uint8Array } {
    const sum = this.sum
    for (const seq of change.removed) xorInto(sum, this.#digests.get(seq)!)
    for (const { digest } of change.added) xorInto(sum, digest)
    return { count: this.count - change.removed.length + change.added.length, sum }
  }

  /** Returns `change` without removed nodes that are not heads. */
  narrow(change: HeadsChange): HeadsChange {
    return { removed: change.removed.filter(seq => this.#digests.has(seq)), added: change.added }
  }

  /** XOR of the digests of all heads, 32 bytes; a copy. */
  get sum(): Uint8Array {
    return Uint8Array.from(this.#sum)
  }

  /** Iterates the heads in no particular order. */
  *[Symbol.iterator](): Iterator<{ seq: number; digest: Digest }> {
    for (const [seq, digest] of this.#digests) yield { seq, digest }
  }

  /** Returns the digests in byte order, in a new array. */
  sorted(): Digest[] {
    this.#sorted ??= [...this.#digests.values()].sort(compare)
    return this.#sorted.slice()
  }

  /** Returns SHA-256 over the digests in byte order, concatenated. */
  digest(): Digest {
    this.#digest ??= sha256(concat(this.sorted()))
    return this.#digest
  }
}

/** Where `digest` is in a sorted list, or belongs. */
function place(sorted: readonly Digest[], digest: Digest): number {
  return lowerBound(sorted.length, index => compare(sorted[index]!, digest) < 0)
}

/** XORs 32 bytes into `sum`. */
export function xorInto(sum: Uint8Array, digest: Uint8Array): void {
  for (let at = 0; at < 32; at++) sum[at]! ^= digest[at]!
}
