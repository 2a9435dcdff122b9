// Cuts whose heads are not all here yet. A node of a cut key belongs if it is an ancestor of the cut's heads; once all
// heads are stored every such ancestor is stored too, and whatever else comes is refused. Before that, ancestry shows by
// hash alone: what a head names as parent is below the cut, and what that names in turn, as far as nodes are at hand.
// One digest is kept for each ancestor seen and not stored, bounded by what is held. Specification: protocol/admission.md, D32.

import { type Digest, DigestSet, fromHex } from '../base/bytes.ts'
import type { FrontierStore, Wait } from '../store/store.ts'
import type { Cut, Registry } from './registry.ts'

interface UnresolvedCut {
  /** Heads that are not stored. */
  readonly missing: DigestSet
  /** Known to be at or below the cut. */
  readonly below: DigestSet
}

export interface CutChanges {
  /** Digests below a cut, from which what is held has to be searched downward. */
  readonly belowCuts: readonly Digest[]
  /** Heads that cuts waited for which were lifted since. */
  readonly satisfied: readonly Wait[]
}

export class UnresolvedCuts {
  readonly #registry: Registry
  readonly #unresolved = new Map<string, UnresolvedCut>()
  #postponed: Wait[] = []
  #changes = -1

  constructor(registry: Registry) {
    this.#registry = registry
  }

  /** Takes up changes of the registry; says what of the held nodes they concern. */
  async refresh(log: FrontierStore): Promise<CutChanges> {
    if (this.#changes === this.#registry.changes) return { belowCuts: [], satisfied: [] }
    const changes = this.#registry.changes
    const before = new Map(this.#unresolved)
    this.#unresolved.clear()
    const belowCuts: Digest[] = []
    for (const cut of this.#registry.cuts()) {
      before.delete(cut.public_key)
      const heads = cut.heads.map(head => fromHex(head)!)
      const places = await log.locate(heads)
      const missing = heads.filter((_, i) => places[i] === undefined)
      if (missing.length === 0) continue
      this.#unresolved.set(cut.public_key, { missing: new DigestSet(missing), below: new DigestSet(missing) })
      belowCuts.push(...missing)
    }
    this.#changes = changes
    const lifted = [...before.values()].flatMap(unresolved => [...unresolved.missing])
    const satisfied = [...this.#postponed, ...lifted.map(id => ({ kind: 'cut' as const, id }))]
    this.#postponed = []
    return { belowCuts, satisfied }
  }

  /** After a commit that failed: what was taken for stored is not. */
  invalidate(): void {
    this.#changes = -1
  }

  /** For a node that is not stored: below the cut, above it, or not to be told before this head is there. */
  sideOf(cut: Cut, digest: Digest): 'below' | 'above' | { readonly head: Digest } {
    if (this.#changes !== this.#registry.changes) return this.#undecided(cut)
    const unresolved = this.#unresolved.get(cut.public_key)
    if (unresolved === undefined) return 'above'
    if (unresolved.below.has(digest)) return 'below'
    const [head] = unresolved.missing
    return head === undefined ? 'above' : { head }
  }

  /** The registry changed within a turn: what a cut concerns waits for the next one, which looks at all anew. */
  #undecided(cut: Cut): 'above' | { readonly head: Digest } {
    const [first] = cut.heads
    if (first === undefined) return 'above'
    const head = fromHex(first)!
    this.#postponed.push({ kind: 'cut', id: head })
    return { head }
  }

  /** A node is stored, or about to be. True when it was a head that some cut waited for. */
  noteStored(digest: Digest): boolean {
    let wasHead = false
    for (const [key, unresolved] of this.#unresolved) {
      unresolved.below.delete(digest)
      if (!unresolved.missing.delete(digest)) continue
      wasHead = true
      if (unresolved.missing.size === 0) this.#unresolved.delete(key)
    }
    return wasHead
  }

  /** A node is at hand and not stored. Returns those of its parents that turn out to be below a cut because of it. */
  parentsBelow(digest: Digest, parents: readonly Digest[]): Digest[] {
    const found: Digest[] = []
    for (const { below } of this.#unresolved.values()) {
      if (below.has(digest)) found.push(...parents.filter(parent => below.add(parent)))
    }
    return found
  }
}
