// The heads of one frontier, in memory: nodes that are nobody's parent, by sequence number. Their sum (all digests
// XORed together) follows each change in constant time and is stored beside the heads, so that a lost or damaged one
// is noticed when they are loaded; it guards against accidents, not against forgery.

import { lowerBound } from '../base/binary-search.ts'
import { compare, concat, type Digest, sha256 } from '../base/bytes.ts'

export interface HeadsChange {
  /** Sequence numbers of heads that are heads no longer. */
  readonly removed: readonly number[]
  readonly added: readonly { readonly seq: number; readonly digest: Digest }[]
}

/** What a chunk that begins at `first` does to the heads. Parents may be named that were no heads. */
export function headsChange(
  nodes: readonly { readonly digest: Digest }[],
  parents: readonly (readonly number[])[],
  first: number,
): HeadsChange {
  const parental = new Set(parents.flat())
  const added = nodes.map(({ digest }, at) => ({ seq: first + at, digest }))
  return { removed: [...parental].filter(seq => seq < first), added: added.filter(({ seq }) => !parental.has(seq)) }
}

export class Heads {
  readonly #digests = new Map<number, Digest>()
  readonly #sum = new Uint8Array(32)
  #sorted: Digest[] | undefined
  #digest: Digest | undefined

  get count(): number {
    return this.#digests.size
  }

  has(seq: number): boolean {
    return this.#digests.has(seq)
  }

  /** Applies a change; removing what is no head has no effect, adding a head twice neither. */
  apply(change: HeadsChange): void {
    // A few heads find their places in the sorted list; many are cheaper to sort again when somebody asks.
    if (change.removed.length + change.added.length > 16) this.#sorted = undefined
    this.#digest = undefined
    for (const seq of change.removed) {
      const digest = this.#digests.get(seq)
      if (digest === undefined) continue
      this.#digests.delete(seq)
      this.#sorted?.splice(place(this.#sorted, digest), 1)
      mix(this.#sum, digest)
    }
    for (const { seq, digest } of change.added) {
      if (this.#digests.has(seq)) continue
      // A copy of its own: the caller's digest is often a view of a whole node or of a pooled buffer.
      const own = Buffer.allocUnsafeSlow(32)
      own.set(digest)
      this.#digests.set(seq, own)
      this.#sorted?.splice(place(this.#sorted, own), 0, own)
      mix(this.#sum, digest)
    }
  }

  /** Number and sum as they would be after `change`, all of whose removed ones are heads now. */
  preview(change: HeadsChange): { count: number; sum: Uint8Array } {
    const sum = this.sum
    for (const seq of change.removed) mix(sum, this.#digests.get(seq)!)
    for (const { digest } of change.added) mix(sum, digest)
    return { count: this.count - change.removed.length + change.added.length, sum }
  }

  /** `change` without those that are no heads. */
  narrow(change: HeadsChange): HeadsChange {
    return { removed: change.removed.filter(seq => this.#digests.has(seq)), added: change.added }
  }

  get sum(): Uint8Array {
    return Uint8Array.from(this.#sum)
  }

  *[Symbol.iterator](): Iterator<{ seq: number; digest: Digest }> {
    for (const [seq, digest] of this.#digests) yield { seq, digest }
  }

  /** In byte order; a new array. */
  sorted(): Digest[] {
    this.#sorted ??= [...this.#digests.values()].sort(compare)
    return this.#sorted.slice()
  }

  /** SHA-256 over the sorted heads. */
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
export function mix(sum: Uint8Array, digest: Uint8Array): void {
  for (let at = 0; at < 32; at++) sum[at]! ^= digest[at]!
}
