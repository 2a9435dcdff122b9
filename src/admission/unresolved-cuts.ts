// Cuts whose heads are not all stored yet.
// A node of a cut key belongs if it is an ancestor of the cut's heads. Once all heads are stored,
// every such ancestor is stored and all other nodes of the key are refused. Before that, hashes
// prove ancestry: a parent of a head is below the cut, and so are its parents, as far as the nodes
// are stored or held. The memory is one digest per known ancestor that is not stored, bounded by
// the held nodes.
// Spec: protocol/admission.md, D32.

import { type Digest, DigestSet, fromHex } from '../base/bytes.ts'
import type { FrontierStore, Wait } from '../store/store.ts'
import type { Cut, Registry } from './registry.ts'

interface UnresolvedCut {
  /** Heads that are not stored. */
  readonly missing: DigestSet
  /** Digests known to be at or below the cut. */
  readonly below: DigestSet
}

/** The effect of a registry change on held nodes. */
export interface CutChanges {
  /** Digests below a cut; held nodes have to be searched downward from them. */
  readonly belowCuts: readonly Digest[]
  /** Waits for heads of lifted cuts. */
  readonly satisfied: readonly Wait[]
}

/** Cuts with missing heads, of one registry. */
export class UnresolvedCuts {
  readonly #registry: Registry
  readonly #unresolved = new Map<string, UnresolvedCut>()
  #postponed: Wait[] = []
  #changes = -1

  constructor(registry: Registry) {
    this.#registry = registry
  }

  /** Follows changes of the registry. Returns the held nodes that they concern. */
  async refresh(log: FrontierStore): Promise<CutChanges> {
    if (this.#changes === this.#registry.changes) return { belowCuts: [], satisfied: [] }
    const changes = this.#registry.changes
    const before = new Map(this.#unresolved)
    this.#unresolved.clear()
    const belowCuts: Digest[] = []
    for (const cut of this.#registry.cuts()) {
      before.delete(cut.publicKey)
      const heads = cut.heads.map(head => fromHex(head)!)
      const places = await log.locate(heads)
      const missing = heads.filter((_, i) => places[i] === undefined)
      if (missing.length === 0) continue
      this.#unresolved.set(cut.publicKey, { missing: new DigestSet(missing), below: new DigestSet(missing) })
      belowCuts.push(...missing)
    }
    this.#changes = changes
    const lifted = [...before.values()].flatMap(unresolved => [...unresolved.missing])
    const satisfied = [...this.#postponed, ...lifted.map(id => ({ kind: 'cut' as const, id }))]
    this.#postponed = []
    return { belowCuts, satisfied }
  }

  /**
   * Rebuilds the state at the next `refresh`: a commit failed, so nodes counted as stored are not.
   */
  invalidate(): void {
    this.#changes = -1
  }

  /**
   * Returns on which side of the cut a node is that is not stored; `head` if this is unknown until
   * that head is stored.
   */
  sideOf(cut: Cut, digest: Digest): 'below' | 'above' | { readonly head: Digest } {
    if (this.#changes !== this.#registry.changes) return this.#undecided(cut)
    const unresolved = this.#unresolved.get(cut.publicKey)
    if (unresolved === undefined) return 'above'
    if (unresolved.below.has(digest)) return 'below'
    const [head] = unresolved.missing
    return head === undefined ? 'above' : { head }
  }

  /**
   * The registry changed during a pass: nodes that the cut concerns wait for the next pass, which
   * refreshes first.
   */
  #undecided(cut: Cut): 'above' | { readonly head: Digest } {
    const [first] = cut.heads
    if (first === undefined) return 'above'
    const head = fromHex(first)!
    this.#postponed.push({ kind: 'cut', id: head })
    return { head }
  }

  /**
   * Records that a node is stored or staged. Returns whether it was a head that a cut waited for.
   */
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

  /** Returns the parents of a node that are now known to be below a cut. The node is not stored. */
  parentsBelow(digest: Digest, parents: readonly Digest[]): Digest[] {
    const found: Digest[] = []
    for (const { below } of this.#unresolved.values()) {
      if (below.has(digest)) found.push(...parents.filter(parent => below.add(parent)))
    }
    return found
  }
}
