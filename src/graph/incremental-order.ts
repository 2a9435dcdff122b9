// Replay order of a growing log. Nodes are added as they arrive; `settle` sorts again only from the
// first position that changes. A node on the current heads goes to the end and costs only itself. A
// node that was made long ago costs all nodes after its position. Memory: 60 bytes per node and 4
// per parent. replica/log-order.ts gives the same order for a log that is read once. Spec:
// protocol/admission.md, D7 to D9.

import { yieldToEventLoop } from '../base/cooperative.ts'
import { compareWords, KEY_WORDS, type KeyedNode, LABEL_WORDS, sortByKey, writeKey } from './sort-keys.ts'
import { topologicalSort } from './topological-sort.ts'

/** From this many nodes on, sorting yields to the event loop between passes. */
const FEW = 4096

/** Nodes have the sequence numbers of their log: 0, 1, 2 … in the order of `add`. */
export class IncrementalOrder {
  #keys = new Uint32Array(64 * KEY_WORDS)
  /** Index of the first parent of each node in `#parents`. */
  #starts = new Uint32Array(65)
  #parents = new Uint32Array(64)
  #order = new Uint32Array(64)
  /**
   * Position of each node in the order; during `settle`, its index among the nodes that are sorted.
   */
  #places = new Uint32Array(64)
  #count = 0
  #settled = 0

  /** Number of nodes added, and the sequence number of the next one. */
  get size(): number {
    return this.#count
  }

  /** Adds the next node of the log. @throws TypeError for a parent that was not added */
  add(node: KeyedNode & { readonly parents: readonly number[] }): void {
    const seq = this.#count
    if (node.parents.some(parent => parent >= seq)) throw new TypeError('a parent was not added yet')
    if (seq === this.#order.length) this.#grow()
    const start = this.#starts[seq]!
    const end = start + node.parents.length
    if (end > this.#parents.length) this.#parents = enlarged(this.#parents, Math.max(end, 2 * this.#parents.length))
    this.#parents.set(node.parents, start)
    this.#starts[seq + 1] = end
    writeKey(this.#keys, seq, node)
    this.#count += 1
  }

  /**
   * Returns a text that is equal for nodes with the same event: the first 128 bits of the event's
   * hash.
   */
  eventKey(seq: number): string {
    const at = seq * KEY_WORDS + LABEL_WORDS
    const halves: number[] = []
    for (const word of this.#keys.subarray(at, at + 4)) halves.push(word >>> 16, word & 0xffff)
    return String.fromCharCode(...halves)
  }

  /** Returns the parents of a node. */
  parentsOf(seq: number): Uint32Array {
    return this.#parents.subarray(this.#starts[seq]!, this.#starts[seq + 1]!)
  }

  /** Returns the node at a position of the order as of the last `settle`. */
  at(place: number): number {
    return this.#order[place]!
  }

  /** Returns the position of a node in the order as of the last `settle`. */
  placeOf(seq: number): number {
    return this.#places[seq]!
  }

  /**
   * Sorts the nodes added since the last call. Returns the first position whose node is new or
   * differs.
   */
  async settle(): Promise<number> {
    const from = this.#firstDifference()
    const members = this.#members(from)
    if (members.length === 0) return from
    const walk = topologicalSort(await this.#graphOf(members, from))
    let step = walk.next()
    for (; !step.done; step = walk.next()) await yieldToEventLoop()
    for (const [i, member] of step.value.entries()) {
      this.#order[from + i] = members[member]!
      this.#places[members[member]!] = from + i
    }
    this.#settled = this.#count
    return from
  }

  /** Returns the first position whose node a new node precedes. */
  #firstDifference(): number {
    let first = this.#settled
    for (let seq = this.#settled; seq < this.#count; seq++) {
      let at = 0
      for (const parent of this.parentsOf(seq))
        at = parent < this.#settled ? Math.max(at, this.#places[parent]! + 1) : this.#settled
      while (at < first && compareWords(this.#keys, this.#order[at]!, seq, 0, KEY_WORDS) < 0) at++
      first = Math.min(first, at)
    }
    return first
  }

  /** Returns the nodes to sort: those from position `from` on, and the new ones. */
  #members(from: number): Uint32Array {
    const members = new Uint32Array(this.#count - from)
    members.set(this.#order.subarray(from, this.#settled))
    for (let seq = this.#settled; seq < this.#count; seq++) members[seq - from] = seq
    return members
  }

  /**
   * Returns the DAG of these nodes alone. Parents before them are sorted already and do not count.
   */
  async #graphOf(members: Uint32Array, from: number) {
    for (let seq = this.#settled; seq < this.#count; seq++) this.#places[seq] = seq
    const degrees = new Uint32Array(members.length)
    const parents: number[] = []
    for (let i = 0; i < members.length; i++) {
      for (const parent of this.parentsOf(members[i]!)) {
        const at = this.#places[parent]! - from
        if (at < 0) continue
        degrees[i] = degrees[i]! + 1
        parents.push(at)
      }
    }
    return { degrees, parents: Uint32Array.from(parents), ranks: await this.#ranksOf(members) }
  }

  async #ranksOf(members: Uint32Array): Promise<Uint32Array> {
    const ranks = new Uint32Array(members.length)
    const sorted = members.length < FEW ? this.#sortFew(members) : await sortByKey(this.#keysOf(members))
    for (let i = 0; i < sorted.length; i++) ranks[sorted[i]!] = i
    return ranks
  }

  #sortFew(members: Uint32Array): Uint32Array {
    const compare = (a: number, b: number) => compareWords(this.#keys, members[a]!, members[b]!, 0, KEY_WORDS)
    return Uint32Array.from(members.keys()).sort(compare)
  }

  #keysOf(members: Uint32Array): Uint32Array {
    const keys = new Uint32Array(members.length * KEY_WORDS)
    for (const [i, seq] of members.entries())
      keys.set(this.#keys.subarray(seq * KEY_WORDS, (seq + 1) * KEY_WORDS), i * KEY_WORDS)
    return keys
  }

  #grow(): void {
    const size = 2 * this.#order.length
    this.#keys = enlarged(this.#keys, size * KEY_WORDS)
    this.#starts = enlarged(this.#starts, size + 1)
    this.#order = enlarged(this.#order, size)
    this.#places = enlarged(this.#places, size)
  }
}

function enlarged(array: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(length)
  larger.set(array)
  return larger
}
